//! How classes are learnt in the page: methods and settings, "none of these", and how well it does.

use std::path::PathBuf;

use libtest_mimic::Trial;
use xtask::chrome::Chrome;

use crate::{
    stage::Stage,
    support::{Drawn, Outcome, drawn_classes, scratch, trial},
};

pub fn trials() -> Vec<Trial> {
    vec![
        trial("learning::every_method_can_be_chosen", every_method_can_be_chosen),
        trial("learning::settings_reach_the_training", settings_reach_the_training),
        trial("learning::a_typed_scale_is_used", a_typed_scale_is_used),
        trial("learning::none_of_these", none_of_these),
        trial(
            "learning::folders_say_what_photos_to_try_are",
            folders_say_what_photos_to_try_are,
        ),
        trial("learning::it_tells_how_well_it_does", it_tells_how_well_it_does),
        trial("learning::deep_reaches_the_network", deep_reaches_the_network),
        trial(
            "learning::deep_refuses_more_than_200_photos",
            deep_refuses_more_than_200_photos,
        ),
    ]
}

/// A page that was taught drawn pictures, and their queries asked.
pub fn taught(name: &str) -> Result<(Stage, Drawn), libtest_mimic::Failed> {
    let drawn = drawn_classes(&scratch(name))?;
    let stage = Stage::on_cpu()?;
    stage.teach(&drawn.classes)?;
    let queries: Vec<_> = drawn.queries.iter().map(|(_, photo)| photo.clone()).collect();
    stage.ask(&queries)?;
    Ok((stage, drawn))
}

pub fn choose(stage: &Stage, method: &str) -> anyhow::Result<()> {
    let radio = format!("document.querySelector(\"input[name=method][value='{method}']\").click()");
    stage.page.eval::<Option<()>>(&format!("({radio}, null)")).map(drop)
}

/// Sets an input as a person would, with the events that follow.
pub fn set(stage: &Stage, selector: &str, value: &str) -> anyhow::Result<()> {
    let script = format!(
        "(() => {{ const input = document.querySelector(\"{selector}\"); input.value = '{value}';
           for (const kind of ['input', 'change']) input.dispatchEvent(new Event(kind, {{ bubbles: true }}));
           return null; }})()"
    );
    stage.page.eval::<Option<()>>(&script).map(drop)
}

fn every_method_can_be_chosen() -> Outcome {
    let (stage, drawn) = taught("browser-methods")?;
    for method in ["nearest", "prototype", "finetune-plain", "finetune"] {
        choose(&stage, method)?;
        stage.page.click("#train")?;
        stage.wait(&format!(
            "document.querySelector('.train').dataset.head === 'trained'
             && document.querySelector('.train').dataset.method === '{method}'"
        ))?;
        for shown in stage.answers(drawn.queries.len())? {
            assert_eq!(shown.method, method);
        }
    }
    stage.assert_quiet()?;
    Ok(())
}

fn settings_reach_the_training() -> Outcome {
    let (stage, _) = taught("browser-settings")?;
    stage
        .page
        .eval::<Option<()>>("(document.querySelector('#settings').open = true, null)")?;
    set(&stage, "[data-setting='steps']", "7")?;
    stage.train()?;
    let progress: f64 = stage.page.eval("document.querySelector('#train-progress').max")?;
    let summary: String = stage
        .page
        .eval("document.querySelector('#training-chart').textContent")?;
    assert!(progress == 7.0 || summary.contains("7 steps"), "{progress}, {summary}");
    stage.assert_quiet()?;
    Ok(())
}

/// With next to no scale, every class is as likely as any other.
fn a_typed_scale_is_used() -> Outcome {
    let (stage, drawn) = taught("browser-scale")?;
    let surest = |stage: &Stage| -> anyhow::Result<f32> {
        let shown = stage.answers(drawn.queries.len())?;
        let shares = shown.iter().flat_map(|one| &one.bars).map(|(_, share)| *share);
        Ok(shares.fold(0.0, f32::max))
    };
    stage.train()?;
    assert!(surest(&stage)? > 0.6);
    stage
        .page
        .eval::<Option<()>>("(document.querySelector('#settings').open = true, null)")?;
    stage.page.click("[data-setting='fitScale']")?;
    set(&stage, "[data-setting='scale']", "0.01")?;
    set(&stage, "[data-setting='steps']", "1")?;
    stage.train()?;
    stage.wait("document.querySelector('#training-chart').textContent.includes('1 steps')")?;
    assert!(surest(&stage)? < 0.36, "a third each");
    stage.assert_quiet()?;
    Ok(())
}

fn folders_say_what_photos_to_try_are() -> Outcome {
    let drawn = drawn_classes(&scratch("browser-test-folders"))?;
    let stage = Stage::on_cpu()?;
    let ids = stage.teach(&drawn.classes)?;
    let folder = |(_, photos): &(String, Vec<PathBuf>)| photos[0].parent().map(PathBuf::from);
    let folders: Vec<_> = drawn.classes.iter().filter_map(folder).collect();
    stage.page.drop_files("#tests", &folders)?;
    stage.answers(9)?;
    let truths: Vec<u32> = stage.page.eval(
        "[...document.querySelectorAll('.test')]
           .sort((a, b) => a.dataset.testId - b.dataset.testId)
           .map((test) => Number(test.querySelector('[data-truth]').value))",
    )?;
    let expected: Vec<u32> = ids.iter().flat_map(|id| [*id; 3]).collect();
    assert_eq!(truths, expected);
    stage.wait("document.querySelector('#assessment').dataset.source === 'tests'")?;
    stage.assert_quiet()?;
    Ok(())
}

fn none_of_these() -> Outcome {
    let (stage, drawn) = taught("browser-none")?;
    let shown = |key: &str| -> anyhow::Result<Vec<String>> {
        let all = "[...document.querySelectorAll('.test [data-prediction]')]";
        stage.page.eval(&format!("{all}.map((prediction) => {key})"))
    };
    set(&stage, "#strictness", "0")?;
    assert_eq!(shown("prediction.dataset.familiar")?, vec!["true"; drawn.queries.len()]);
    let sureness = shown("prediction.dataset.familiarity")?;
    set(&stage, "#strictness", "100")?;
    // Only what is as sure as numbers can be is still taken for one of the classes.
    let expected: Vec<bool> = sureness.iter().map(|sure| sure.parse() == Ok(1.0)).collect();
    let familiar: Vec<bool> = shown("prediction.dataset.familiar")?
        .iter()
        .map(|word| word == "true")
        .collect();
    assert_eq!(familiar, expected, "{sureness:?}");
    assert!(familiar.contains(&false), "{sureness:?}");
    let headings = shown("prediction.querySelector('.winner-name').textContent")?;
    for (heading, familiar) in headings.iter().zip(familiar) {
        assert_eq!(heading == "None of these", !familiar, "{headings:?}");
    }
    stage.assert_quiet()?;
    Ok(())
}

fn it_tells_how_well_it_does() -> Outcome {
    let (stage, drawn) = taught("browser-assessment")?;
    stage.wait("document.querySelector('#assessment').dataset.source === 'shots'")?;
    // The newest test photo comes first in the page: say of each what it really is.
    let ids = stage.class_ids()?;
    for (index, id) in ids.iter().take(drawn.queries.len()).rev().enumerate() {
        let select = format!(".test:nth-of-type({}) select[data-truth]", index + 1);
        set(&stage, &select, &id.to_string())?;
    }
    stage.wait("document.querySelector('#assessment').dataset.source === 'tests'")?;
    stage.wait("document.querySelectorAll('#assessment tbody tr').length === 3")?;
    let accuracy: f64 = stage
        .page
        .eval("Number(document.querySelector('#assessment [data-accuracy]').dataset.accuracy)")?;
    let counts: Vec<u32> = stage
        .page
        .eval("[...document.querySelectorAll('#assessment .matrix-count')].map((cell) => Number(cell.textContent))")?;
    assert_eq!(counts.iter().sum::<u32>() as usize, drawn.queries.len());
    let right = (counts[0] + counts[4] + counts[8]) as f64;
    assert!(
        (accuracy - right / drawn.queries.len() as f64).abs() < 1e-9,
        "{accuracy}, {counts:?}"
    );
    stage.assert_quiet()?;
    Ok(())
}

/// With one view per photo, so that it is quick.
fn deep_reaches_the_network() -> Outcome {
    let drawn = drawn_classes(&scratch("browser-deep"))?;
    let stage = Stage::set(Chrome::builder())?;
    stage.open_quick("cpu")?;
    stage.teach(&drawn.classes)?;
    let queries: Vec<_> = drawn.queries.iter().map(|(_, photo)| photo.clone()).collect();
    let prototypes = stage.ask(&queries)?;
    choose(&stage, "deep")?;
    stage
        .page
        .eval::<Option<()>>("(document.querySelector('#settings').open = true, null)")?;
    // A long training says how long it takes, and is cancelled while a step is under way.
    stage.page.eval::<Option<()>>(
        "(() => { const count = document.querySelector('.train-step-count'); window.told = '';
           new MutationObserver(() => (window.told += count.textContent + '\\n')).observe(count, { childList: true });
           return null; })()",
    )?;
    set(&stage, "[data-setting='steps']", "1000")?;
    stage.page.click("#train")?;
    stage
        .wait("/photo 1 of 9, about .* left/.test(window.told) && /Step 1 of 1000, about .* left/.test(window.told)")?;
    stage.page.click("#cancel-training")?;
    stage.wait("document.querySelector('.train').dataset.running === 'false'")?;
    assert_eq!(stage.answers(queries.len())?, prototypes, "nothing has changed");
    // A short one is carried through, and what was trained answers.
    // Where there are no real weights, those of the network are random, and more sensitive.
    set(&stage, "[data-setting='steps']", "4")?;
    set(&stage, "[data-setting='learningRate']", "0.000001")?;
    stage.train()?;
    stage.wait("document.querySelectorAll('.test [data-prediction][data-method=deep]').length === 3")?;
    let deep = stage.answers(queries.len())?;
    for ((class, _), shown) in drawn.queries.iter().zip(&deep) {
        assert_eq!((&shown.winner, shown.method.as_str()), (class, "deep"));
    }
    assert_ne!(deep[0].bars, prototypes[0].bars);
    // Other photos, other answers: the tuned network is dropped.
    stage.add_photos(stage.class_ids()?[0], &queries[..1])?;
    stage.wait("document.querySelectorAll('.test [data-prediction][data-method=prototype]').length === 3")?;
    stage.assert_quiet()?;
    Ok(())
}

/// The engine is told 201 embeddings that nobody embedded: it refuses before it looks at a single picture.
fn deep_refuses_more_than_200_photos() -> Outcome {
    let stage = Stage::set(Chrome::builder())?;
    stage.open_quick("cpu")?;
    let refusal: (String, String) = stage.page.eval(
        "(async () => {
           const { EngineClient } = await import('./www/engine/client.js');
           const { explain } = await import('./www/strings.js');
           const shot = (id) => ({ id, embedding: new Float32Array(1536).fill(1) });
           const classes = [0, 1].map((id) => ({ id, active: true, shots: Array.from({ length: 100 + id }, (_, n) => shot(n + 1000 * id)) }));
           const client = new EngineClient({ backend: 'cpu', oneView: true }, () => classes);
           client.start();
           return client.train({ method: 'deep', steps: 1 }, [], {}).then(() => ['', ''], (error) => [error.code, explain(error)]);
         })()",
    )?;
    assert_eq!(refusal.0, "too-many-shots");
    assert!(
        refusal.1.contains("200") && refusal.1.contains("Delete some"),
        "{}",
        refusal.1
    );
    stage.assert_quiet()?;
    Ok(())
}
