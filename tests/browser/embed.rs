//! Glimpse in other pages: the JavaScript API where both share an origin, an iframe with messages where they do not.

use std::fs;

use libtest_mimic::Trial;
use serde::Deserialize;
use xtask::server::Server;

use crate::{
    share::shared,
    stage::{PATIENCE, Shown, Stage},
    support::{Drawn, Outcome, scratch, trial},
};

pub fn trials() -> Vec<Trial> {
    vec![
        trial("embed::the_api_answers_as_the_page", the_api_answers_as_the_page),
        trial("embed::the_api_is_taught", the_api_is_taught),
        trial(
            "embed::an_iframe_answers_its_page_alone",
            an_iframe_answers_its_page_alone,
        ),
    ]
}

/// What the API and the iframe say of a photo.
#[derive(Debug, Deserialize)]
struct Answer {
    label: Option<String>,
    familiarity: f32,
    scores: Vec<Score>,
}

#[derive(Debug, Deserialize)]
struct Score {
    label: String,
    probability: f32,
}

/// The photo as an expression for a page: its bytes, from a list of numbers.
fn blob(drawn: &Drawn, query: usize) -> std::io::Result<String> {
    let bytes = fs::read(&drawn.queries[query].1)?;
    Ok(format!("new Blob([new Uint8Array({bytes:?})])"))
}

fn assert_same(answer: &Answer, shown: &Shown) {
    assert_eq!(answer.scores[0].label, shown.winner);
    assert!(answer.label.as_ref().is_none_or(|label| *label == shown.winner));
    assert!((0.0..=1.0).contains(&answer.familiarity));
    for (name, probability) in &shown.bars {
        let score = answer.scores.iter().find(|score| score.label == *name);
        let other = score.map_or(f32::NAN, |score| score.probability);
        assert!((probability - other).abs() < 0.02, "{answer:?} {shown:?}");
    }
}

fn the_api_answers_as_the_page() -> Outcome {
    let (stage, drawn, fragment) = shared("browser-api")?;
    let shown = stage.answers(drawn.queries.len())?;
    stage.page.goto(&stage.server.url("/www/examples/api.html"))?;
    let script = format!(
        "(async () => {{
           const {{ Classifier }} = await import('/www/api.js');
           const classifier = await Classifier.fromLink('{fragment}', {{ backend: 'cpu' }});
           try {{
             return [classifier.classes, await classifier.classify({})];
           }} finally {{
             classifier.close();
           }}
         }})()",
        blob(&drawn, 0)?
    );
    let (classes, answer): (Vec<String>, Answer) = stage.page.eval(&script)?;
    assert_eq!(classes, ["disc", "stripes", "checks"]);
    assert_same(&answer, &shown[0]);
    stage.wait("true")?;
    assert!(stage.page.workers()?.is_empty(), "close ends the worker");
    let refused: String = stage.page.eval(
        "import('/www/api.js').then(({ Classifier }) => Classifier.fromLink('nonsense', { backend: 'cpu' }))
           .then(() => '', ({ code }) => code)",
    )?;
    assert_eq!(refused, "link-damaged");
    stage.assert_quiet()?;
    Ok(())
}

fn the_api_is_taught() -> Outcome {
    let stage = Stage::with_all_views()?;
    let drawn = crate::support::drawn_classes(&scratch("browser-api-taught"))?;
    let mut lessons = String::new();
    for (name, photos) in &drawn.classes {
        let bytes = fs::read(&photos[0])?;
        lessons += &format!("await classifier.add('{name}', new Blob([new Uint8Array({bytes:?})]));");
    }
    let script = format!(
        "(async () => {{
           const {{ Classifier }} = await import('/www/api.js');
           const classifier = new Classifier({{ backend: 'cpu' }});
           {lessons}
           await classifier.train();
           const canvas = document.createElement('canvas');
           const bitmap = await createImageBitmap({});
           [canvas.width, canvas.height] = [bitmap.width, bitmap.height];
           canvas.getContext('2d').drawImage(bitmap, 0, 0);
           const video = document.createElement('video');
           [video.muted, video.srcObject] = [true, canvas.captureStream()];
           await video.play();
           const answers = [await classifier.classify(canvas), await classifier.classify(video)];
           classifier.close();
           return answers;
         }})()",
        blob(&drawn, 1)?
    );
    let answers: [Answer; 2] = stage.page.eval(&script)?;
    for answer in answers {
        assert_eq!(answer.scores[0].label, drawn.queries[1].0);
        assert_eq!(answer.scores.len(), 3);
    }
    stage.assert_quiet()?;
    Ok(())
}

/// What a page does to ask the iframe.
const ASK: &str = "
  let next = 0;
  const frame = document.querySelector('iframe');
  const ask = (request) => new Promise((resolve) => {
    const id = next++;
    const listen = ({ data, source }) => {
      if (source !== frame.contentWindow || data.id !== id) return;
      removeEventListener('message', listen);
      resolve(data);
    };
    addEventListener('message', listen);
    frame.contentWindow.postMessage({ glimpse: 1, id, ...request }, '*');
  });";

fn an_iframe_answers_its_page_alone() -> Outcome {
    let (stage, drawn, fragment) = shared("browser-embed")?;
    let shown = stage.answers(drawn.queries.len())?;
    // A page of another origin.
    let folder = scratch("browser-embed-page");
    let address = stage.server.url("/index.html?embed=1&backend=cpu");
    fs::write(
        folder.join("index.html"),
        format!(
            "<!doctype html><link rel=\"icon\" href=\"data:,\"><title>around</title><script>addEventListener('message', ({{ data }}) => (globalThis.ready ||= data.ready))</script>
             <iframe src=\"{address}\"></iframe>"
        ),
    )?;
    let around = Server::start(&folder)?;
    stage.page.goto(&around.url("/index.html"))?;
    stage.page.wait_for("globalThis.ready === true", PATIENCE)?;
    let script = format!(
        "(async () => {{
           {ASK}
           const early = await ask({{ op: 'classify', image: new Blob(['x']) }});
           const loaded = await ask({{ op: 'load', link: '{fragment}' }});
           const answered = await ask({{ op: 'classify', image: {} }});
           const wrong = await ask({{ op: 'delete' }});
           const large = await ask({{ op: 'classify', image: new Blob([new Uint8Array(20_000_001)]) }});
           const long = await ask({{ op: 'load', link: 'x'.repeat(65_537) }});
           const many = await Promise.all(Array.from({{ length: 20 }}, () => ask({{ op: 'classify', image: {} }})));
           const refused = many.filter(({{ error }}) => error?.code === 'embed-busy').length;
           const codes = [early, wrong, large, long].map(({{ error }}) => error.code);
           return [loaded.ok.classes, answered.ok, codes, refused];
         }})()",
        blob(&drawn, 0)?,
        blob(&drawn, 1)?
    );
    let (classes, answer, codes, refused): (Vec<String>, Answer, Vec<String>, usize) = stage.page.eval(&script)?;
    assert_eq!(classes, ["disc", "stripes", "checks"]);
    assert_same(&answer, &shown[0]);
    assert_eq!(codes, ["embed-order", "embed-op", "embed-image", "embed-link"]);
    assert_eq!(refused, 4, "of 20 at once, 16 are taken");

    // Another frame of the same page asks in vain, and so does the page once it is no parent.
    let script = format!(
        "(async () => {{
           {ASK}
           let heard = 0;
           addEventListener('message', () => heard++);
           const other = document.createElement('iframe');
           document.body.append(other);
           other.contentWindow.frame = frame;
           other.contentWindow.eval('parent.frames[0].postMessage({{ glimpse: 1, id: 99, op: \"load\", link: \"\" }}, \"*\")');
           await ask({{ op: 'delete' }});
           return heard;
         }})()"
    );
    let heard: usize = stage.page.eval(&script)?;
    assert_eq!(heard, 1, "the answer to the page's own request, and no other");
    stage.assert_quiet()?;
    Ok(())
}
