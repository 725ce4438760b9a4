//! The primer: it opens, shows the visitor's own shots, and says the same in both languages.

use libtest_mimic::Trial;
use xtask::chrome::Chrome;

use crate::{
    languages::differences,
    learning::taught,
    stage::Stage,
    support::{Outcome, trial},
};

pub fn trials() -> Vec<Trial> {
    vec![
        trial(
            "primer::chapters_show_the_visitors_shots",
            chapters_show_the_visitors_shots,
        ),
        trial("primer::both_languages_have_one_shape", both_languages_have_one_shape),
    ]
}

/// Chapters, and in each of them: words, figures, formulas and papers.
fn chapters(stage: &Stage) -> anyhow::Result<Vec<[usize; 4]>> {
    stage.page.eval(
        "[...document.querySelectorAll('.primer-chapter')].map((chapter) =>
           ['p', 'figure', 'math', 'cite'].map((part) => chapter.querySelectorAll(part).length))",
    )
}

/// Names and number of pictures in the rows of the first figure.
fn rows(stage: &Stage) -> anyhow::Result<Vec<(String, usize)>> {
    stage.page.eval(
        "[...document.querySelectorAll('#primer-few .primer-row')].map((row) => [row.querySelector('.primer-name').textContent, row.querySelectorAll('img').length])",
    )
}

fn chapters_show_the_visitors_shots() -> Outcome {
    let (stage, drawn) = taught("browser-primer")?;
    stage.page.click("#open-primer")?;
    stage.wait("document.querySelector('#primer-finetuning figure')")?;
    let chapters = chapters(&stage)?;
    assert_eq!(chapters.len(), 9);
    for (index, parts) in chapters.iter().enumerate() {
        assert!(parts.iter().all(|&count| count > 0), "chapter {}: {parts:?}", index + 1);
    }
    let expected: Vec<_> = drawn
        .classes
        .iter()
        .map(|(name, shots)| (name.clone(), shots.len()))
        .collect();
    assert_eq!(rows(&stage)?, expected);

    // Without photos of one's own: cards, or what is drawn in their place where there are no emoji.
    let empty = Stage::set(Chrome::builder())?;
    empty.page.goto(&empty.server.url("/index.html?backend=cpu&lang=zh"))?;
    empty.wait("document.querySelector('#primer > summary')")?;
    empty.page.click("#primer > summary")?;
    empty.wait("document.querySelector('#primer-finetuning figure')")?;
    assert!(rows(&empty)?.iter().all(|(_, pictures)| *pictures == 3));
    stage.assert_quiet()?;
    Ok(())
}

fn both_languages_have_one_shape() -> Outcome {
    let stage = Stage::set(Chrome::builder())?;
    stage.page.goto(&stage.server.url("/index.html?backend=cpu"))?;
    assert_eq!(differences(&stage, "primer", "primer")?, [""; 0]);
    Ok(())
}
