//! The page's languages: complete, chosen by the browser or the visitor, and no word outside of their files.

use anyhow::Context;
use libtest_mimic::Trial;
use serde_json::json;
use xtask::chrome::Chrome;

use crate::{
    stage::Stage,
    support::{Outcome, trial, trial_on_shared},
};

pub fn trials() -> Vec<Trial> {
    vec![
        trial("languages::both_say_everything", both_say_everything),
        trial(
            "languages::the_browser_and_the_visitor_choose",
            the_browser_and_the_visitor_choose,
        ),
        trial_on_shared("languages::no_text_is_hard_coded", no_text_is_hard_coded),
    ]
}

/// What two languages' files of a folder differ in: where one has what the other has not, a function has other parameters, or a word
/// is the same. A word that is the same is planted, and must be found.
pub fn differences(stage: &Stage, folder: &str, export: &str) -> anyhow::Result<Vec<String>> {
    let mut found: Vec<String> = stage.page.eval(&format!(
        "Promise.all([import('/www/{folder}/en.js'), import('/www/{folder}/zh.js')]).then(([en, zh]) => {{
           const found = [];
           const compare = (path, a, b) => {{
             if (typeof a !== typeof b) return found.push(path + ': ' + typeof a + ', ' + typeof b);
             if (typeof a === 'function') return a.length === b.length || found.push(path + ': parameters');
             if (typeof a === 'string') return a !== b || !/[a-z]{{2}}/i.test(a) || found.push('same ' + a);
             for (const key of new Set([...Object.keys(a), ...Object.keys(b)])) compare(path + '.' + key, a[key], b[key]);
           }};
           compare('{export}', {{ ...en.{export}, planted: ['planted'] }}, {{ ...zh.{export}, planted: ['planted'] }});
           return found;
         }})"
    ))?;
    let planted = found.iter().position(|difference| difference == "same planted");
    found.remove(planted.context("the check finds what there is")?);
    Ok(found)
}

/// Names that are the same in both.
const NAMES: [&str; 14] = [
    "same Glimpse",
    "same Delete",
    "same Esc",
    "same CPU",
    "same WebGPU",
    "same metric.safetensors",
    "same classifier.onnx",
    "same head.safetensors",
    "same results.csv",
    "same photos.zip",
    "same embeddings.csv",
    "same embeddings.npy",
    "same CPU (Candle)",
    "same WebGPU (Burn)",
];

fn both_say_everything() -> Outcome {
    let stage = Stage::set(Chrome::builder())?;
    stage.page.goto(&stage.server.url("/index.html?backend=cpu"))?;
    let mut found = differences(&stage, "strings", "text")?;
    assert!(
        found.contains(&"same Glimpse".to_owned()),
        "the check finds what there is"
    );
    found.retain(|difference| !NAMES.contains(&difference.as_str()));
    assert!(found.is_empty(), "{found:#?}");
    Ok(())
}

fn language(stage: &Stage) -> anyhow::Result<(String, String)> {
    stage.wait("document.querySelector('#train')?.textContent")?;
    stage
        .page
        .eval("[document.documentElement.lang, document.querySelector('#train').textContent]")
}

fn the_browser_and_the_visitor_choose() -> Outcome {
    let stage = Stage::set(Chrome::builder())?;
    let address = stage.server.url("/index.html?backend=cpu");
    stage.page.goto(&address)?;
    let english = ("en".to_owned(), "Train".to_owned());
    let chinese = ("zh-Hans".to_owned(), "训练".to_owned());
    assert_eq!(language(&stage)?, english);

    let agent: String = stage.page.eval("navigator.userAgent")?;
    stage.page.send(
        "Emulation.setUserAgentOverride",
        json!({"userAgent": agent, "acceptLanguage": "zh-CN,zh,en"}),
    )?;
    stage.page.goto(&address)?;
    assert_eq!(language(&stage)?, chinese, "the browser's first language");

    stage.page.click("#language")?;
    stage.wait("document.documentElement.lang === 'en'")?;
    assert_eq!(language(&stage)?, english);
    stage.page.reload()?;
    assert_eq!(language(&stage)?, english, "a choice lasts");
    stage.page.goto(&format!("{address}&lang=zh"))?;
    assert_eq!(language(&stage)?, chinese, "an address is a choice for once");
    stage.page.goto(&address)?;
    assert_eq!(language(&stage)?, english);
    stage.assert_quiet()?;
    Ok(())
}

/// Every visible word in Latin letters that is no name of something.
const LATIN: &str = "(() => {
  const names = /Glimpse|WebGPU|CPU|ResNet|MB|GB|KB|CSV|ONNX|NumPy|JPEG|PNG|WebP|zip|glimpse|safetensors|npy|csv|ImageNet|softmax|k-way|n-shot|EN|Delete|Esc|https?:\\S*|swiftshader/g;
  const said = [];
  for (const element of document.body.querySelectorAll('*')) {
    if (!element.checkVisibility() || element.closest('noscript, math, cite, [lang]:not(html), a[href^=http]')) continue;
    for (const attribute of ['aria-label', 'title', 'placeholder', 'alt']) said.push(element.getAttribute(attribute) ?? '');
    for (const node of element.childNodes) if (node.nodeType === Node.TEXT_NODE) said.push(node.data);
  }
  return said.filter((words) => /[a-z]{2}/i.test(words.replace(names, '')));
})()";

fn latin(stage: &Stage) -> anyhow::Result<Vec<String>> {
    stage.page.eval(LATIN)
}

fn no_text_is_hard_coded() -> Outcome {
    let stage = Stage::set(Chrome::builder())?;
    stage.open_quick("cpu&lang=en")?;
    let english = latin(&stage)?;
    assert!(
        english.contains(&"Train".to_owned()) && english.contains(&"Add a class".to_owned()),
        "the check finds words: {english:?}"
    );
    stage.open_quick("cpu&lang=zh")?;
    assert_eq!(latin(&stage)?, [""; 0], "empty");

    stage.page.click("#cards")?;
    stage.answers(6)?;
    stage.wait("document.querySelector('.train').dataset.head === 'trained'")?;
    stage.page.eval::<bool>(
        "(() => { for (const fold of document.querySelectorAll('details:not(.engine, .projects)')) fold.open = true; return true; })()",
    )?;
    stage.wait("document.querySelector('#hood .plane') && document.querySelector('#primer-finetuning figure')")?;
    assert_eq!(latin(&stage)?, [""; 0], "the animal cards, trained, all folds open");

    for (button, dialog) in [
        (".test-why", "#why"),
        ("#keys", "#keys-dialog"),
        (".shot-open", "#preview"),
    ] {
        stage.page.click(button)?;
        stage.wait(&format!("document.querySelector('{dialog}').open"))?;
        assert_eq!(latin(&stage)?, [""; 0], "{dialog}");
        stage
            .page
            .eval::<bool>(&format!("document.querySelector('{dialog}').close() ?? true"))?;
    }

    stage.page.click("#share")?;
    stage.wait("document.querySelector('#share-dialog').open")?;
    assert_eq!(latin(&stage)?, [""; 0], "a link");
    let link: String = stage.page.eval("document.querySelector('#share-address').value")?;
    let (_, fragment) = link.split_once('#').ok_or("a link has a fragment")?;
    stage
        .page
        .goto(&stage.server.url(&format!("/index.html?backend=cpu&lang=zh#{fragment}")))?;
    stage.wait("document.querySelector('#shared-classes li')")?;
    assert_eq!(latin(&stage)?, [""; 0], "what a link opens");

    stage
        .page
        .goto(&stage.server.url("/index.html?backend=cpu&lang=zh&embed=1"))?;
    stage.wait("document.querySelector('.embedded')")?;
    assert_eq!(latin(&stage)?, [""; 0], "in another page");
    Ok(())
}
