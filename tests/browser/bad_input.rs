//! Bad files get a message that names them, good files beside them are kept, and the module lives on.

use libtest_mimic::Trial;

use crate::{
    stage::Stage,
    support::{Outcome, fixture, trial},
};

pub fn trials() -> Vec<Trial> {
    vec![
        trial("bad_input::every_bad_photo_is_named", every_bad_photo_is_named),
        trial(
            "bad_input::odd_but_good_photos_are_taken",
            odd_but_good_photos_are_taken,
        ),
        trial(
            "bad_input::fewer_than_two_classes_and_empty_classes",
            fewer_than_two_classes_and_empty_classes,
        ),
    ]
}

fn every_bad_photo_is_named() -> Outcome {
    let stage = Stage::on_cpu()?;
    let class = stage.class_ids()?[0];
    let bad = [
        ("empty.jpg", "photo-empty"),
        ("text.jpg", "photo-not-image"),
        ("truncated.jpg", "photo-corrupt"),
        ("truncated.png", "photo-corrupt"),
        ("corrupt.jpg", "photo-corrupt"),
        ("100-megapixels.png", "photo-too-large"),
        ("plain.heic", "photo-format"),
    ];
    let mut files: Vec<_> = bad.iter().map(|(name, _)| fixture(name)).collect();
    files.push(fixture("plain.jpg"));
    assert!(stage.page.workers()?[0].eval::<bool>("(self.first = true)")?);
    stage.choose_photos(class, &files)?;
    stage.wait_for_shots(class, 1)?;
    stage.wait(&format!(
        "document.querySelectorAll('#problems li').length === {}",
        bad.len()
    ))?;
    let mut shown: Vec<(String, String)> = stage.page.eval(
        "[...document.querySelectorAll('#problems li')].map((item) => [item.querySelector('b').textContent, item.dataset.code])",
    )?;
    let mut expected: Vec<(String, String)> = bad
        .iter()
        .map(|(name, code)| (name.to_string(), code.to_string()))
        .collect();
    shown.sort();
    expected.sort();
    assert_eq!(shown, expected);
    assert_eq!(stage.shots(class)?, 1, "the good photo among them is kept");
    stage.page.click("#dismiss-problems")?;
    stage.wait("document.querySelector('#problems').hidden")?;
    // The module was not poisoned by any of them: it is the same worker, and it still embeds.
    stage.add_photos(class, &[fixture("plain.png")])?;
    assert!(stage.page.workers()?[0].eval::<bool>("self.first === true")?);
    stage.assert_quiet()?;
    Ok(())
}

fn odd_but_good_photos_are_taken() -> Outcome {
    let stage = Stage::on_cpu()?;
    let class = stage.class_ids()?[0];
    let names = [
        "1x1.png",
        "12000x40.png",
        "grey.jpg",
        "grey16.png",
        "cmyk.jpg",
        "alpha.png",
        "rotated.jpg",
        "animated.gif",
        "animated.webp",
        "plain.bmp",
        "plain.avif",
    ];
    let photos: Vec<_> = names.iter().map(|name| fixture(name)).collect();
    stage.add_photos(class, &photos)?;
    assert_eq!(stage.problem_codes()?, Vec::<String>::new());
    stage.assert_quiet()?;
    Ok(())
}

fn fewer_than_two_classes_and_empty_classes() -> Outcome {
    let stage = Stage::on_cpu()?;
    let ids = stage.class_ids()?;
    let status = "document.querySelector('#train-status').textContent";
    stage.add_photos(ids[0], &[fixture("plain.jpg")])?;
    stage.page.set_files("#test-input", &[fixture("plain.png")])?;
    stage.wait("document.querySelector('.test[data-status=ready]')")?;
    assert!(stage.page.eval::<bool>("document.querySelector('#train').disabled")?);
    assert!(stage.page.eval::<String>(status)?.contains("at least two classes"));
    assert!(
        stage
            .page
            .eval::<bool>("document.querySelector('.test [data-prediction]').dataset.empty === 'true'")?
    );
    stage.add_photos(ids[1], &[fixture("12000x40.png")])?;
    stage.answers(1)?;
    stage.page.click("#add-class")?;
    stage.wait(&format!("{status}.includes('has no photo yet')"))?;
    assert!(stage.page.eval::<bool>("document.querySelector('#train').disabled")?);
    let third = stage.class_ids()?[2];
    stage.page.click(&format!("[data-class-id='{third}'] .switch"))?;
    stage.train()?;
    stage.assert_quiet()?;
    Ok(())
}
