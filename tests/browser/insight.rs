//! Why an answer is what it is, and what is under the hood: the dialog and the fold say what the engine computes.

use libtest_mimic::Trial;

use crate::{
    learning::taught,
    stage::Stage,
    support::{Outcome, trial},
};

pub fn trials() -> Vec<Trial> {
    vec![
        trial(
            "insight::why_and_what_is_under_the_hood",
            why_and_what_is_under_the_hood,
        ),
        trial("insight::a_photo_has_its_own_colour", a_photo_has_its_own_colour),
    ]
}

/// A row of the dialog's table.
#[derive(Debug, serde::Deserialize)]
struct Row {
    before: f32,
    after: Option<f32>,
}

fn rows(stage: &Stage) -> anyhow::Result<Vec<Row>> {
    stage.page.eval(
        "[...document.querySelectorAll('#why-classes tbody tr')].map(({ dataset }) =>
           ({ before: Number(dataset.before), after: dataset.after === '' ? null : Number(dataset.after) }))",
    )
}

/// How strongly each spot of the picture is covered, and whether by orange.
fn spots(stage: &Stage) -> anyhow::Result<Vec<(u8, bool)>> {
    stage.page.eval(
        "(() => {
           const copy = new OffscreenCanvas(7, 7).getContext('2d');
           copy.drawImage(document.querySelector('.why-spots'), 0, 0);
           const { data } = copy.getImageData(0, 0, 7, 7);
           return Array.from({ length: 49 }, (_, spot) => [data[4 * spot + 3], data[4 * spot] > data[4 * spot + 2]]);
         })()",
    )
}

fn ask_why(stage: &Stage) -> anyhow::Result<()> {
    stage.page.click(".test-why")?;
    stage.wait("document.querySelector('#why').open && document.querySelector('#why').dataset.state === 'ready'")
}

fn why_and_what_is_under_the_hood() -> Outcome {
    let (stage, _) = taught("browser-insight")?;
    ask_why(&stage)?;
    let untrained = rows(&stage)?;
    let sum = |of: fn(&Row) -> f32, rows: &[Row]| rows.iter().map(of).sum::<f32>();
    assert!(untrained.len() == 3 && untrained.iter().all(|row| row.after.is_none()));
    assert!((sum(|row| row.before, &untrained) - 1.0).abs() < 1e-3, "{untrained:?}");
    let for_winner = spots(&stage)?;
    assert_eq!(
        for_winner.iter().map(|(cover, _)| *cover).max(),
        Some(200),
        "the strongest spot"
    );
    assert!(for_winner.iter().any(|(_, orange)| *orange) && for_winner.iter().any(|(_, orange)| !orange));
    let nearest: Vec<(u32, f32)> = stage.page.eval(
        "[...document.querySelectorAll('#why-nearest li')].map(({ dataset }) => [Number(dataset.shotId), Number(dataset.similarity)])",
    )?;
    let shown: (u32, f32) = stage.page.eval(
        "(({ dataset }) => [Number(dataset.nearestShotId), Number(dataset.similarity)])(document.querySelector('.test .prediction'))",
    )?;
    assert_eq!(nearest.len(), 6);
    assert_eq!(nearest[0], shown, "the most similar photo is the same everywhere");
    assert!(nearest.is_sorted_by(|a, b| a.1 >= b.1));
    let said: String = stage.page.eval("document.querySelector('#why-place').textContent")?;
    stage.page.eval::<bool>(
        "(() => {
           const select = document.querySelector('#why-class');
           select.value = [...select.options].find((option) => option.value && option.value !== select.value).value;
           return select.dispatchEvent(new Event('change'));
         })()",
    )?;
    assert_ne!(spots(&stage)?, for_winner, "another class, other spots");
    assert_ne!(
        stage
            .page
            .eval::<String>("document.querySelector('#why-place').textContent")?,
        said
    );
    stage.page.click("#why .icon-button")?;

    stage.train()?;
    stage.answers(3)?;
    ask_why(&stage)?;
    let trained = rows(&stage)?;
    assert!((sum(|row| row.after.unwrap_or(0.0), &trained) - 1.0).abs() < 1e-3);
    for (row, old) in trained.iter().zip(&untrained) {
        assert_eq!(row.before, old.before, "prototypes say the same as before");
    }
    stage.page.click("#why .icon-button")?;

    stage.page.click("#hood > summary")?;
    stage.wait("document.querySelector('#hood .plane')")?;
    let marks: [usize; 4] = stage.page.eval(
        "[document.querySelector('#hood-matrix').width, ...['shot', 'prototype', 'query'].map((kind) =>
           document.querySelectorAll(`.plane-${kind}`).length)]",
    )?;
    assert_eq!(marks, [9, 9, 3, 3]);
    let pair = || {
        stage
            .page
            .eval::<f32>("Number(document.querySelector('#hood-pair').dataset.similarity)")
    };
    let first = pair()?;
    stage.page.eval::<bool>(
        "document.querySelector('#hood-matrix').dispatchEvent(new KeyboardEvent('keydown', { key: 'ArrowDown', cancelable: true }))",
    )?;
    assert!((pair()? - 1.0).abs() < 1e-6, "the second photo and itself");
    assert!(first < 1.0);
    // A photo that goes leaves the pictures too.
    stage
        .page
        .eval::<bool>("document.querySelector('.shot-remove').click() ?? true")?;
    stage.wait("document.querySelector('#hood-matrix').width === 8")?;
    stage.assert_quiet()?;
    Ok(())
}

/// An answer for the first of two classes, whose most similar photo is of the second: the colours of the answer, of that photo's frame,
/// and of the two bars.
const COLOURS: &str = "Promise.all([import('/www/model.js'), import('/www/views/prediction.js')]).then(([{ Model }, { PredictionView }]) => {
  const model = new Model(String);
  const [first, second] = [model.addClass('first'), model.addClass('second')];
  const shot = model.addShot(second.id, '');
  model.updateShot(shot, { picture: new Blob() });
  const view = new PredictionView(model);
  document.body.append(view.element);
  view.show({
    method: 'prototype',
    scores: [{ classId: first.id, probability: 0.9 }, { classId: second.id, probability: 0.1 }],
    nearest: { shotId: shot.id, classId: second.id, similarity: 0.5 },
    familiarity: { score: 1, probability: 1, certain: true },
  });
  const places = [view.element, ...view.element.querySelectorAll('.nearest img, .bar')];
  const colours = places.map((place) => getComputedStyle(place).getPropertyValue('--own'));
  view.element.remove();
  return colours;
})";

fn a_photo_has_its_own_colour() -> Outcome {
    let stage = Stage::on_cpu()?;
    let [answer, photo, first, second]: [String; 4] = stage.page.eval(COLOURS)?;
    assert!(first != second && !first.is_empty(), "{first} and {second}");
    assert_eq!((answer, photo), (first, second));
    Ok(())
}
