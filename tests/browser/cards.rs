//! The first try without a camera: animal cards are drawn, learnt, and new ones named. An untrained network would see anything
//! in them, and the page then offers none.

use libtest_mimic::Trial;
use xtask::chrome::Chrome;

use crate::{
    stage::Stage,
    support::{Outcome, trial_on_shared},
};

pub fn trials() -> Vec<Trial> {
    vec![
        trial_on_shared("cards::one_click_teaches_and_quizzes", one_click_teaches_and_quizzes),
        trial_on_shared("cards::missing_emoji_are_replaced", missing_emoji_are_replaced),
    ]
}

/// The same cards in every run.
const SEEDED: &str = "let seed = 7; Math.random = () => (seed = (seed * 16807) % 2147483647) / 2147483647;";

/// A device that draws the outline of a missing glyph in place of some emoji.
const WITHOUT: &str = "const { fillText } = OffscreenCanvasRenderingContext2D.prototype;
OffscreenCanvasRenderingContext2D.prototype.fillText = function (words, ...where) {
  return fillText.call(this, missing.includes(words) ? '\\u{10FFFD}' : words, ...where);
};";

/// The page with a script that runs before its own.
fn opened(script: &str) -> anyhow::Result<Stage> {
    let stage = Stage::set(Chrome::builder())?;
    stage.page.run_first(script)?;
    stage.open_quick("cpu")?;
    Ok(stage)
}

fn names(stage: &Stage) -> anyhow::Result<Vec<String>> {
    stage
        .page
        .eval("[...document.querySelectorAll('.class-name')].map((input) => input.value)")
}

fn one_click_teaches_and_quizzes() -> Outcome {
    let stage = opened(SEEDED)?;
    stage.page.click("#cards")?;
    let answers = stage.answers(6)?;
    assert_eq!(
        names(&stage)?,
        ["Fox", "Squirrel", "Rabbit", "Hamster", "Otter", "Beaver"]
    );
    stage.wait("document.querySelector('.train').dataset.head === 'trained'")?;
    stage.wait("document.querySelector('#assessment').dataset.source === 'tests'")?;
    let right = names(&stage)?
        .iter()
        .zip(&answers)
        .filter(|(name, shown)| **name == shown.winner)
        .count();
    assert!(right >= 5, "{right} of 6: {answers:?}");

    stage.page.click("#quiz-ask")?;
    stage.answers(12)?;
    // What was open before stays in the browser.
    stage.wait_until_kept()?;
    stage.page.click("#cards")?;
    stage.answers(6)?;
    stage.wait_until_kept()?;
    stage.page.click(".project-summary")?;
    stage.wait("document.querySelectorAll('.project-item').length === 1")?;
    stage.assert_quiet()?;
    Ok(())
}

fn missing_emoji_are_replaced() -> Outcome {
    let stage = opened(&format!("const missing = ['🦦', '🦫'];{WITHOUT}"))?;
    stage.page.click("#cards")?;
    stage.wait("document.querySelectorAll('.class-card').length === 6")?;
    assert_eq!(names(&stage)?, ["Fox", "Squirrel", "Rabbit", "Hamster", "Cat", "Panda"]);
    let stage = opened(&format!("const missing = {{ includes: () => true }};{WITHOUT}"))?;
    stage.page.click("#cards")?;
    stage.wait("document.querySelector('.toast')?.textContent.includes('too few emoji')")?;
    stage.assert_quiet()?;
    Ok(())
}
