//! What the page gives away, as files that other programs read: embeddings, answers, the classifier.

use std::{
    fs,
    path::{Path, PathBuf},
};

use glimpse::{Square, architecture::EMBEDDING, embedding::LENGTH, native::folder::read_picture};
use libtest_mimic::Trial;
use xtask::chrome::Chrome;

use crate::{
    learning::{choose, set},
    stage::Stage,
    support::{Drawn, Outcome, computed_by_tract, drawn_classes, scratch, trial, trial_by_tract},
};

pub fn trials() -> Vec<Trial> {
    vec![
        trial(
            "export::nothing_to_take_at_first_and_why",
            nothing_to_take_at_first_and_why,
        ),
        trial("export::embeddings", embeddings),
        trial("export::photos_and_what_was_trained", photos_and_what_was_trained),
        trial_by_tract("export::a_classifier_answers_elsewhere", a_classifier_answers_elsewhere),
    ]
}

/// Presses a button of the part, and reads what was downloaded.
fn take(stage: &Stage, kind: &str, file: &str, folder: &str) -> anyhow::Result<PathBuf> {
    let file = stage.download_to(&scratch(folder))?.join(file);
    stage
        .page
        .eval::<Option<()>>("(document.querySelector('#export').open = true, null)")?;
    stage.wait(&format!("!document.querySelector('#export-{kind}').disabled"))?;
    stage.page.click(&format!("#export-{kind}"))?;
    stage.wait_for_file(&file)?;
    Ok(file)
}

/// The page with one view of each photo, so that one view is what it says of them; it was taught drawn pictures.
fn taught(name: &str) -> Result<(Stage, Drawn), libtest_mimic::Failed> {
    let drawn = drawn_classes(&scratch(name))?;
    let stage = Stage::set(Chrome::builder())?;
    stage.open_quick("cpu")?;
    stage.teach(&drawn.classes)?;
    Ok((stage, drawn))
}

/// The cells of a table in which nothing needs quotes.
fn rows(table: &Path) -> std::io::Result<Vec<Vec<String>>> {
    let text = fs::read_to_string(table)?;
    let cells = |line: &str| line.split(',').map(str::to_owned).collect();
    Ok(text.lines().map(cells).collect())
}

fn nothing_to_take_at_first_and_why() -> Outcome {
    let stage = Stage::on_cpu()?;
    for (kind, why) in [
        ("onnx", "two classes"),
        ("answers", "two classes"),
        ("csv", "a class"),
        ("npy", "a class"),
        ("photos", "a class"),
        ("head", "Train first"),
    ] {
        stage
            .wait(&format!(
                "document.querySelector('#export-{kind}').disabled
                 && document.querySelector('#export-{kind}-hint').textContent.includes('{why}')"
            ))
            .map_err(|error| format!("{kind}: {error}"))?;
    }
    stage.assert_quiet()?;
    Ok(())
}

fn embeddings() -> Outcome {
    let (stage, drawn) = taught("export-embeddings")?;
    stage.rename(stage.class_ids()?[0], "=1+1")?;
    let table = rows(&take(&stage, "csv", "embeddings.csv", "export-csv")?)?;
    let array = fs::read(take(&stage, "npy", "embeddings.npy", "export-npy")?)?;
    let photos: Vec<&PathBuf> = drawn.classes.iter().flat_map(|(_, photos)| photos).collect();
    assert_eq!(table.len(), 1 + photos.len());
    assert_eq!(table[0][..3], ["class", "name", "e0"]);
    assert_eq!(table[1][..2], ["'=1+1", "0.png"], "no spreadsheet computes a name");
    assert_eq!(table[4][0], drawn.classes[1].0);
    let header = String::from_utf8_lossy(&array[..128]).into_owned();
    assert!(header.contains(&format!("({}, {LENGTH})", photos.len())), "{header}");
    let values: Vec<f32> = array[128..]
        .as_chunks()
        .0
        .iter()
        .map(|bytes| f32::from_le_bytes(*bytes))
        .collect();
    let written = table[1..].iter().flat_map(|row| &row[2..]).map(|cell| cell.parse());
    assert_eq!(written.collect::<Result<Vec<f32>, _>>()?, values);
    stage.assert_quiet()?;
    Ok(())
}

/// The zip of the photos opens here again, as the same classes.
fn photos_and_what_was_trained() -> Outcome {
    let (stage, drawn) = taught("export-photos")?;
    let zip = take(&stage, "photos", "photos.zip", "export-photos-zip")?;
    stage.train()?;
    let head = fs::read(take(&stage, "head", "head.safetensors", "export-head")?)?;
    let head = safetensors::SafeTensors::deserialize(&head)?;
    assert_eq!(head.tensor("weight")?.shape()[0], drawn.classes.len());

    stage.wait_until_kept()?;
    stage
        .page
        .eval::<Option<()>>("(document.querySelector('#new-project').click(), null)")?;
    stage.wait("document.querySelectorAll('.shot').length === 0")?;
    stage.page.set_files("#project-input", &[zip])?;
    stage.wait("document.querySelectorAll('.shot[data-status=ready]').length === 9")?;
    let names: Vec<String> = stage
        .page
        .eval("[...document.querySelectorAll('.class-name')].map((input) => input.value)")?;
    let mut expected: Vec<&str> = drawn.classes.iter().map(|(name, _)| name.as_str()).collect();
    let mut names: Vec<&str> = names.iter().map(String::as_str).collect();
    names.sort_unstable();
    expected.sort_unstable();
    assert_eq!(names, expected);
    stage.assert_quiet()?;
    Ok(())
}

/// The classifier of every kind: what tract makes of its file is what the page says of the same view.
fn a_classifier_answers_elsewhere() -> Outcome {
    let (stage, drawn) = taught("export-classifier")?;
    let queries: Vec<PathBuf> = drawn.queries.iter().map(|(_, photo)| photo.clone()).collect();
    stage.ask(&queries)?;
    set(&stage, "#strictness", "0")?;
    let squares: Result<Vec<Square>, _> = queries.iter().map(|photo| read_picture(photo)?.whole()).collect();
    let squares = squares?;
    for method in ["untrained", "finetune", "siamese"] {
        if method != "untrained" {
            choose(&stage, method)?;
            stage.page.click("#train")?;
            stage.wait(&format!(
                "document.querySelector('.train').dataset.head === 'trained'
                 && document.querySelector('.train').dataset.method === '{method}'
                 && document.querySelector('.train').dataset.running === 'false'"
            ))?;
        }
        let file = take(&stage, "onnx", "classifier.onnx", "export-onnx")?;
        let table = rows(&take(&stage, "answers", "results.csv", "export-answers")?)?;
        let names = drawn.classes.iter().map(|(name, _)| name.as_str());
        let header: Vec<&str> = ["photo", "answer", "probability", "familiar"]
            .into_iter()
            .chain(names)
            .collect();
        assert_eq!(table[0], header);
        let computed = computed_by_tract(&file, &squares)?;
        for ((row, outputs), (class, photo)) in table[1..].iter().zip(&computed).zip(&drawn.queries) {
            assert_eq!(outputs[1].len(), EMBEDDING);
            assert_eq!(Some(row[0].as_str()), photo.file_name().and_then(|name| name.to_str()));
            assert_eq!(&row[1], class, "{method}");
            for (said, computed) in row[4..].iter().zip(&outputs[0]) {
                let said: f32 = said.parse()?;
                assert!((said - computed).abs() < 1e-3, "{method}: {row:?}, tract {computed}");
            }
        }
    }
    stage.assert_quiet()?;
    Ok(())
}
