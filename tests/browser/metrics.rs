//! Learned metrics in the page: trained on the visitor's shots, cancelled, saved, loaded, refused; and "same or
//! different?".

use std::{fs, path::Path};

use glimpse::{
    Embedding, SupportSet,
    embedding::LENGTH,
    learned_metric::LearnedMetric,
    learning::Learning,
    metric::{Examples, MetricOptions, Trainer},
    native::weights::check,
    siamese::Siamese,
};
use libtest_mimic::{Failed, Trial};

use crate::{
    learning::{choose, set, taught},
    recovery::DIE,
    stage::Stage,
    support::{Drawn, Outcome, fixture, scratch, trial, weights},
};

pub fn trials() -> Vec<Trial> {
    vec![
        trial("metrics::trained_with_progress", trained_with_progress),
        trial("metrics::cancelled_within_the_training", cancelled_within_the_training),
        trial("metrics::same_or_different", same_or_different),
        trial("metrics::saved_and_loaded_again", saved_and_loaded_again),
        trial(
            "metrics::a_file_takes_the_embeddings_place",
            a_file_takes_the_embeddings_place,
        ),
        trial("metrics::foreign_files_change_nothing", foreign_files_change_nothing),
    ]
}

fn trained_with_progress() -> Outcome {
    let (stage, drawn) = taught("metrics-trained")?;
    for method in ["siamese", "triplet", "cosine-metric"] {
        choose(&stage, method)?;
        let settings: Vec<String> = stage.page.eval(
            "[...document.querySelectorAll('[data-setting]')].filter((input) => !input.closest('[hidden]'))
               .map((input) => input.dataset.setting)",
        )?;
        assert_eq!(settings, ["steps", "learningRate"]);
        set(&stage, "[data-setting='steps']", "23")?;
        stage.page.click("#train")?;
        stage.wait(&format!(
            "document.querySelector('.train').dataset.method === '{method}'
             && document.querySelector('.train').dataset.running === 'false'"
        ))?;
        let told: String = stage.page.eval("document.querySelector('.train').innerText")?;
        assert!(told.contains("Triples in order") && !told.contains("Entropy"), "{told}");
        let steps: String = stage
            .page
            .eval("document.querySelector('.train-step-count').textContent")?;
        assert_eq!(steps, "Step 23 of 23");
        for (shown, (class, _)) in stage.answers(drawn.queries.len())?.iter().zip(&drawn.queries) {
            assert_eq!((shown.method.as_str(), &shown.winner), (method, class));
        }
    }
    stage.assert_quiet()?;
    Ok(())
}

fn cancelled_within_the_training() -> Outcome {
    let (stage, drawn) = taught("metrics-cancelled")?;
    let before = stage.answers(drawn.queries.len())?;
    choose(&stage, "triplet")?;
    set(&stage, "[data-setting='steps']", "10000")?;
    stage.page.click("#train")?;
    stage.wait("document.querySelector('#training-chart .curve-value').textContent !== ''")?;
    stage.page.click("#cancel-training")?;
    stage.wait("document.querySelector('.train').dataset.running === 'false'")?;
    let head: String = stage.page.eval("document.querySelector('.train').dataset.head")?;
    assert_eq!(head, "none");
    assert_eq!(stage.answers(drawn.queries.len())?, before, "nothing has changed");
    stage.assert_quiet()?;
    Ok(())
}

/// Gives the two photos, and waits for the answer: `same` or `different`, and the probability of `same`.
fn compare(stage: &Stage, first: &Path, second: &Path) -> Result<(String, f64), Failed> {
    for place in [0, 1] {
        let filled =
            format!("document.querySelector('#pair [data-pair-place=\"{place}\"]').dataset.status !== 'empty'");
        if stage.page.eval(&filled)? {
            stage
                .page
                .click(&format!("#pair [data-pair-place='{place}'] .icon-button"))?;
            stage.wait(&format!("!({filled})"))?;
        }
    }
    stage
        .page
        .set_files("#pair-input-0", &[first.to_owned(), second.to_owned()])?;
    stage.wait("document.querySelector('#pair').dataset.probability !== undefined")?;
    let answer = "(({ state, probability }) => [state, Number(probability)])(document.querySelector('#pair').dataset)";
    Ok(stage.page.eval(answer)?)
}

/// Two discs are the same, a disc and stripes are not.
fn assert_compares(stage: &Stage, drawn: &Drawn) -> Outcome {
    let [disc, stripes] = [0, 1].map(|class| drawn.queries[class].1.as_path());
    let (answer, same) = compare(stage, disc, &drawn.classes[0].1[1])?;
    assert_eq!(answer, "same");
    let (answer, different) = compare(stage, disc, stripes)?;
    assert_eq!(answer, "different");
    assert!(same > 0.5 && different < 0.5, "{same}, {different}");
    let (_, turned) = compare(stage, stripes, disc)?;
    assert!((turned - different).abs() < 1e-6, "the order is of no account");
    Ok(())
}

fn same_or_different() -> Outcome {
    let (stage, drawn) = taught("metrics-pair")?;
    let state = |state: &str| stage.wait(&format!("document.querySelector('#pair').dataset.state === '{state}'"));
    state("none")?;
    stage.page.click("#pair-train")?;
    state("empty")?;
    assert_compares(&stage, &drawn)?;
    stage.page.set_files("#pair-input-1", &[fixture("text.jpg")])?;
    stage.wait("document.querySelector(\"#problems li[data-code='photo-not-image']\")")?;
    state("one")?;
    // What learnt from other shots is not asked any more.
    stage.page.click(".shot button")?;
    stage.page.click("#preview-remove")?;
    state("none")?;
    stage.assert_quiet()?;
    Ok(())
}

fn saved_and_loaded_again() -> Outcome {
    let (stage, drawn) = taught("metrics-saved")?;
    let file = stage.download_to(&scratch("metrics-download"))?;
    let file = file.join("siamese-3-classes.safetensors");
    choose(&stage, "siamese")?;
    stage.train()?;
    stage.wait("document.querySelector('.train').dataset.running === 'false'")?;
    stage.page.click("#save-metric")?;
    let network = check(weights())?.identity;
    stage.wait_for_file(&file)?;
    let saved = LearnedMetric::from_safetensors(&fs::read(&file)?, &network)?;
    assert_eq!((saved.provenance().classes, saved.provenance().images), (3, 9));

    stage.page.reload()?;
    stage.wait_for_engine()?;
    stage.page.set_files("#metric-input", &[file])?;
    stage.wait("document.querySelector('#embedding').dataset.metric === 'siamese'")?;
    let about: String = stage.page.eval("document.querySelector('#embedding').innerText")?;
    assert!(
        about.contains("siamese-3-classes.safetensors") && about.contains("9 photos of 3 classes"),
        "{about}"
    );
    assert_compares(&stage, &drawn)?;
    stage.assert_quiet()?;
    Ok(())
}

/// A Siamese network that learnt from made-up embeddings, as a file for the network of this hash.
fn made_up_metric(network: &str) -> Result<Vec<u8>, Failed> {
    let mut support = SupportSet::default();
    for (shot, class) in [0, 0, 1, 1].into_iter().enumerate() {
        let value = |index: usize| ((index * (class + 3) + shot) % 7) as f32;
        let embedding = Embedding::new((0..LENGTH).map(value).collect())?;
        support.set_shot(class as u32, shot as u32, embedding);
    }
    let options = MetricOptions {
        steps: 3,
        ..MetricOptions::large(1)
    };
    let mut trainer = Trainer::<Siamese>::new(Examples::new(&support.episode()?)?, options);
    trainer.step();
    Ok(LearnedMetric::Siamese(trainer.metric()).to_safetensors(network)?)
}

fn a_file_takes_the_embeddings_place() -> Outcome {
    let (stage, drawn) = taught("metrics-loaded")?;
    let count = drawn.queries.len();
    let own = stage.answers(count)?;
    let file = scratch("metrics-file").join("made-up.safetensors");
    fs::write(&file, made_up_metric(&check(weights())?.identity)?)?;
    stage.page.drop_files("#main", std::slice::from_ref(&file))?;
    stage.wait("document.querySelector('#embedding').dataset.metric === 'siamese'")?;
    let learned = stage.answers(count)?;
    assert_ne!(learned, own, "the prototypes are compared in the metric's space");
    for method in ["nearest", "siamese", "finetune"] {
        choose(&stage, method)?;
        stage.page.click("#train")?;
        stage.wait(&format!(
            "document.querySelector('.train').dataset.method === '{method}'"
        ))?;
        assert!(stage.answers(count)?.iter().all(|shown| shown.method == method));
    }
    let disabled: Vec<String> = stage
        .page
        .eval("[...document.querySelectorAll('input[name=method]:disabled')].map((input) => input.value)")?;
    assert_eq!(
        disabled,
        ["triplet", "cosine-metric"],
        "no other metric can be trained over this one"
    );

    // A new worker is told of it, and of what was trained with it.
    let trained = stage.answers(count)?;
    let worker = stage.page.workers()?.into_iter().next().ok_or("a worker")?;
    assert!(worker.eval::<bool>(DIE)?);
    stage.page.set_files("#test-input", &[drawn.queries[0].1.clone()])?;
    stage.answers(count + 1)?;
    stage.wait_for_engine()?;
    stage.wait("document.querySelector('.train').dataset.head === 'trained'")?;
    assert_eq!(stage.answers(count + 1)?[..count], trained[..]);

    // It outlives its file.
    stage.wait_until_kept()?;
    fs::remove_file(&file)?;
    stage.page.reload()?;
    stage.wait_for_engine()?;
    stage.wait("document.querySelector('#embedding').dataset.metric === 'siamese'")?;
    stage.wait("document.querySelector('.train').dataset.head === 'trained'")?;
    assert_eq!(stage.answers(count + 1)?[..count], trained[..]);

    stage.page.click("#remove-metric")?;
    stage.wait("document.querySelector('#embedding').dataset.metric === ''")?;
    assert_eq!(stage.answers(count + 1)?[..count], own[..]);
    Ok(())
}

fn foreign_files_change_nothing() -> Outcome {
    let (stage, drawn) = taught("metrics-foreign")?;
    stage.train()?;
    let before = stage.answers(drawn.queries.len())?;
    let folder = scratch("metrics-foreign-files");
    let whole = made_up_metric(&check(weights())?.identity)?;
    fs::write(folder.join("other.safetensors"), made_up_metric("other weights")?)?;
    fs::write(folder.join("cut.safetensors"), &whole[..whole.len() / 2])?;
    fs::write(folder.join("text.safetensors"), "no metric at all")?;
    let refused = |code: &str| -> Outcome {
        stage.wait(&format!("document.querySelector(\"#problems li[data-code='{code}']\")"))?;
        stage.page.click("#dismiss-problems")?;
        assert_eq!(
            stage.answers(drawn.queries.len())?,
            before,
            "{code}: the trained head answers as before"
        );
        assert!(
            stage
                .page
                .eval::<bool>("document.querySelector('#embedding').dataset.metric === ''")?
        );
        Ok(())
    };
    for (name, code) in [("other", "metric-network"), ("cut", "metric-file")] {
        stage
            .page
            .drop_files("#main", &[folder.join(format!("{name}.safetensors"))])?;
        refused(code)?;
    }
    stage
        .page
        .set_files("#metric-input", &[folder.join("text.safetensors")])?;
    refused("metric-file")?;
    stage.assert_quiet()?;
    Ok(())
}
