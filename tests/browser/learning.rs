//! How classes are learnt in the page: methods and settings, "none of these", and how well it does.

use libtest_mimic::Trial;

use crate::{
    stage::Stage,
    support::{Drawn, Outcome, drawn_classes, scratch, trial},
};

pub fn trials() -> Vec<Trial> {
    vec![
        trial("learning::every_method_can_be_chosen", every_method_can_be_chosen),
        trial("learning::settings_reach_the_training", settings_reach_the_training),
        trial("learning::none_of_these", none_of_these),
        trial("learning::it_tells_how_well_it_does", it_tells_how_well_it_does),
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
