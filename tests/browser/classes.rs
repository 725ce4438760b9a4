//! Classes and shots: adding, naming, switching off, deleting with undo, training and trying, on drawn pictures.

use std::path::PathBuf;

use libtest_mimic::Trial;
use xtask::{cdp::Permission, chrome::Chrome};

use crate::{
    stage::Stage,
    support::{Outcome, drawn_classes, fixture, scratch, trial},
};

pub fn trials() -> Vec<Trial> {
    vec![
        trial(
            "classes::from_shots_to_a_trained_answer",
            from_shots_to_a_trained_answer,
        ),
        trial(
            "classes::a_class_switched_off_takes_no_part",
            a_class_switched_off_takes_no_part,
        ),
        trial("classes::deleting_can_be_undone", deleting_can_be_undone),
        trial("classes::a_long_list_scrolls", a_long_list_scrolls),
        trial("classes::names_are_text_and_differ", names_are_text_and_differ),
        trial(
            "classes::photos_are_dropped_and_folders_become_classes",
            photos_are_dropped_and_folders_become_classes,
        ),
        trial(
            "classes::pasted_photos_go_to_the_class_touched_last",
            pasted_photos_go_to_the_class_touched_last,
        ),
        trial("classes::training_can_be_cancelled", training_can_be_cancelled),
        trial(
            "classes::the_preview_is_the_exact_picture",
            the_preview_is_the_exact_picture,
        ),
        trial("classes::phone_and_dark_work_too", phone_and_dark_work_too),
    ]
}

fn from_shots_to_a_trained_answer() -> Outcome {
    let stage = Stage::with_all_views()?;
    let drawn = drawn_classes(&scratch("browser-train"))?;
    assert!(
        stage.page.eval::<bool>("document.querySelector('#train').disabled")?,
        "nothing to train yet"
    );
    let ids = stage.teach(&drawn.classes)?;
    assert_eq!(
        stage
            .page
            .eval::<String>("document.querySelector('#set-name').textContent")?,
        "3-way 3-shot"
    );
    let photos: Vec<PathBuf> = drawn.queries.iter().map(|(_, photo)| photo.clone()).collect();
    let names: Vec<&String> = drawn.queries.iter().map(|(name, _)| name).collect();

    let first = stage.ask(&photos)?;
    assert!(
        first.iter().all(|shown| shown.method == "prototype"),
        "prototypes answer at once: {first:?}"
    );
    assert_eq!(first.iter().map(|shown| &shown.winner).collect::<Vec<_>>(), names);

    stage.train()?;
    let trained = stage.answers(photos.len())?;
    assert!(trained.iter().all(|shown| shown.method == "finetune"), "{trained:?}");
    assert_eq!(trained.iter().map(|shown| &shown.winner).collect::<Vec<_>>(), names);
    assert_ne!(first, trained, "training changes the probabilities");
    for shown in &trained {
        let sum: f32 = shown.bars.iter().map(|(_, probability)| probability).sum();
        assert!((sum - 1.0).abs() < 1e-4, "{shown:?}");
    }

    stage.page.click(&format!("[data-class-id='{}'] .shot-open", ids[0]))?;
    stage.wait("document.querySelector('#preview').open")?;
    stage.page.click("#preview-remove")?;
    stage.wait_for_shots(ids[0], 2)?;
    stage.wait("document.querySelector('.train').dataset.head === 'stale'")?;
    let after = stage.answers(photos.len())?;
    assert!(
        after.iter().all(|shown| shown.method == "prototype"),
        "the old head is not used for a new set"
    );
    stage.assert_quiet()?;
    Ok(())
}

/// Of many photos only those near the visible rows are elements; nothing else tells that the others are not.
fn a_long_list_scrolls() -> Outcome {
    let stage = Stage::set(Chrome::builder())?;
    stage.open_quick("cpu")?;
    let drawn = drawn_classes(&scratch("browser-long-list"))?;
    let photos: Vec<PathBuf> = drawn.classes[0].1.iter().cycle().take(150).cloned().collect();
    let class = stage.class_ids()?[0];
    stage.choose_photos(class, &photos)?;
    let ready = |count: usize| {
        let card = format!("document.querySelector('[data-class-id=\"{class}\"]')");
        stage.wait(&format!("{card}.dataset.ready === '{count}'"))
    };
    ready(150)?;
    let there = |which: &str| format!("document.querySelector('.shot:{which}-child').ariaPosInSet");
    stage.wait(&format!("{} === '150'", there("last")))?;
    let elements: usize = stage.page.eval("document.querySelectorAll('.shot').length")?;
    assert!(elements < 100, "{elements} elements");
    let height = "document.querySelector('.shots').scrollHeight";
    let (at_end, label): (i32, String) = stage.page.eval(&format!(
        "[{height}, document.querySelector('.shot:last-child .shot-open').ariaLabel]"
    ))?;
    assert!(label.contains("150"), "{label}");

    stage
        .page
        .eval::<i32>("document.querySelector('.shots').scrollTop = 0")?;
    stage.wait(&format!("{} === '1'", there("first")))?;
    stage.wait("document.querySelector('.shot img').naturalWidth > 0")?;
    let at_start: i32 = stage.page.eval(height)?;
    assert!((at_end - at_start).abs() <= 2, "{at_end} and {at_start} pixels high");

    stage
        .page
        .eval::<bool>("document.querySelector('.shot-open').focus() ?? true")?;
    stage.page.press_key("Delete")?;
    ready(149)?;
    stage.wait("document.activeElement.closest('.shot')?.ariaPosInSet === '1'")?;
    stage.page.press_key("u")?;
    ready(150)?;
    stage.wait("document.querySelector('.shot').ariaSetSize === '150'")?;
    stage.assert_quiet()?;
    Ok(())
}

fn a_class_switched_off_takes_no_part() -> Outcome {
    let stage = Stage::on_cpu()?;
    let drawn = drawn_classes(&scratch("browser-switch"))?;
    let ids = stage.teach(&drawn.classes)?;
    let photos = [drawn.queries[1].1.clone()];
    assert_eq!(stage.ask(&photos)?[0].bars.len(), 3);
    stage.page.click(&format!("[data-class-id='{}'] .switch", ids[1]))?;
    stage.wait("document.querySelectorAll('.test .bar').length === 2")?;
    let shown = stage.answers(1)?;
    assert!(
        shown[0].bars.iter().all(|(name, _)| *name != drawn.classes[1].0),
        "{shown:?}"
    );
    stage.page.click(&format!("[data-class-id='{}'] .switch", ids[1]))?;
    stage.wait("document.querySelectorAll('.test .bar').length === 3")?;
    assert_eq!(stage.answers(1)?[0].winner, drawn.queries[1].0);
    stage.assert_quiet()?;
    Ok(())
}

fn deleting_can_be_undone() -> Outcome {
    let stage = Stage::on_cpu()?;
    let drawn = drawn_classes(&scratch("browser-undo"))?;
    let ids = stage.teach(&drawn.classes)?;
    let before = stage.ask(&[drawn.queries[0].1.clone()])?;
    stage
        .page
        .click(&format!("[data-class-id='{}'] [data-action=remove-class]", ids[0]))?;
    stage.wait("document.querySelectorAll('.class-card').length === 2")?;
    stage.wait("document.querySelectorAll('.test .bar').length === 2")?;
    stage.page.click("#toasts button")?;
    stage.wait("document.querySelectorAll('.class-card').length === 3")?;
    stage.wait("document.querySelectorAll('.test .bar').length === 3")?;
    let after = stage.answers(1)?;
    assert_eq!(before[0].winner, after[0].winner);
    assert_eq!(stage.class_ids()?, ids, "the class is where it was");
    stage.assert_quiet()?;
    Ok(())
}

fn names_are_text_and_differ() -> Outcome {
    let stage = Stage::on_cpu()?;
    let ids = stage.class_ids()?;
    let markup = "<img src=x onerror=alert(1)><b>fox";
    stage.rename(ids[0], markup)?;
    let value = |id: u32| format!("document.querySelector(\"[data-class-id='{id}'] .class-name\").value");
    assert_eq!(stage.page.eval::<String>(&value(ids[0]))?, markup);
    stage.choose_photos(ids[0], &[fixture("plain.jpg")])?;
    stage.choose_photos(ids[1], &[fixture("12000x40.png")])?;
    stage.wait_for_shots(ids[0], 1)?;
    stage.wait_for_shots(ids[1], 1)?;
    assert_eq!(stage.ask(&[fixture("plain.png")])?[0].winner, markup);
    assert_eq!(
        stage
            .page
            .eval::<u32>("document.querySelectorAll('img[src=x], .winner-name *, .bar-name *').length")?,
        0
    );

    stage.rename(ids[1], markup)?;
    stage.wait(&format!(
        "!document.querySelector(\"[data-class-id='{}'] .name-error\").hidden",
        ids[1]
    ))?;
    assert_eq!(stage.shots(ids[1])?, 1, "nothing is lost by a bad name");
    stage.rename(ids[1], "green")?;
    stage.wait(&format!(
        "document.querySelector(\"[data-class-id='{}'] .name-error\").hidden",
        ids[1]
    ))?;
    stage.assert_quiet()?;
    Ok(())
}

fn photos_are_dropped_and_folders_become_classes() -> Outcome {
    let stage = Stage::on_cpu()?;
    let drawn = drawn_classes(&scratch("browser-drop"))?;
    let ids = stage.class_ids()?;
    stage
        .page
        .drop_files(&format!("[data-class-id='{}']", ids[0]), &drawn.classes[0].1)?;
    stage.wait_for_shots(ids[0], 3)?;
    let folders: Vec<PathBuf> = drawn.classes[1..]
        .iter()
        .filter_map(|(_, photos)| photos[0].parent().map(Into::into))
        .collect();
    stage.page.drop_files(".add-row", &folders)?;
    stage.wait("[...document.querySelectorAll('.class-name')].some((input) => input.value === 'checks')")?;
    stage.wait("document.querySelectorAll('.shot[data-status=ready]').length === 9")?;
    stage.assert_quiet()?;
    Ok(())
}

fn pasted_photos_go_to_the_class_touched_last() -> Outcome {
    let stage = Stage::on_cpu()?;
    let ids = stage.class_ids()?;
    stage
        .page
        .set_permission(&stage.server.origin(), "clipboard-write", Permission::Granted)?;
    let copied: bool = stage.page.eval(
        "(async () => {
           const canvas = new OffscreenCanvas(300, 260);
           const context = canvas.getContext('2d');
           context.fillStyle = 'teal';
           context.fillRect(40, 30, 120, 160);
           await navigator.clipboard.write([new ClipboardItem({ 'image/png': canvas.convertToBlob() })]);
           return true;
         })()",
    )?;
    assert!(copied);
    for (id, other) in [(ids[1], ids[0]), (ids[0], ids[1])] {
        let before = stage.shots(other)?;
        stage.rename(id, &format!("pasted {id}"))?;
        stage.page.paste()?;
        stage.wait_for_shots(id, 1)?;
        assert_eq!(stage.shots(other)?, before, "the other class stays as it is");
    }
    stage.assert_quiet()?;
    Ok(())
}

fn training_can_be_cancelled() -> Outcome {
    let stage = Stage::on_cpu()?;
    let drawn = drawn_classes(&scratch("browser-cancel"))?;
    stage.teach(&drawn.classes)?;
    stage.wait("!document.querySelector('#train').disabled")?;
    // Pressed in one task, so that no step can come between.
    stage.page.eval::<bool>(
        "(document.querySelector('#train').click(), document.querySelector('#cancel-training').click(), true)",
    )?;
    stage.wait("document.querySelector('#cancel-training').hidden && !document.querySelector('#train').hidden")?;
    assert_eq!(
        stage
            .page
            .eval::<String>("document.querySelector('.train').dataset.head")?,
        "none"
    );
    stage.train()?;
    stage.assert_quiet()?;
    Ok(())
}

fn the_preview_is_the_exact_picture() -> Outcome {
    let stage = Stage::on_cpu()?;
    let ids = stage.class_ids()?;
    stage.add_photos(ids[0], &[fixture("rotated.jpg")])?;
    stage.page.click(&format!("[data-class-id='{}'] .shot-open", ids[0]))?;
    stage.wait("document.querySelector('#preview img').complete")?;
    let shown: Vec<u8> = stage.page.eval(
        "(async () => {
           const image = document.querySelector('#preview img');
           await image.decode();
           const { naturalWidth: width, naturalHeight: height } = image;
           const pen = new OffscreenCanvas(width, height).getContext('2d');
           pen.drawImage(image, 0, 0);
           return [...pen.getImageData(0, 0, width, height).data];
         })()",
    )?;
    let picture = glimpse::native::folder::read_picture(&fixture("rotated.jpg"))?;
    let rgb: Vec<u8> = shown.chunks_exact(4).flat_map(|rgba| rgba[..3].to_vec()).collect();
    assert_eq!(rgb.len(), picture.rgb().len());
    let differing = rgb.iter().zip(picture.rgb()).filter(|(a, b)| a != b).count();
    assert_eq!(differing, 0, "the same code made both");
    stage.assert_quiet()?;
    Ok(())
}

fn phone_and_dark_work_too() -> Outcome {
    let stage = Stage::on_cpu()?;
    stage.page.set_viewport(360, 740, 2.0, true)?;
    stage.page.set_color_scheme("dark")?;
    let drawn = drawn_classes(&scratch("browser-phone"))?;
    for (id, (_, photos)) in stage.class_ids()?.into_iter().zip(&drawn.classes) {
        stage.add_photos(id, photos)?;
    }
    stage.ask(&[drawn.queries[0].1.clone()])?;
    let overflow: f64 = stage.page.eval("document.documentElement.scrollWidth - innerWidth")?;
    assert!(
        overflow <= 0.0,
        "the page is {overflow} px wider than a phone of 360 px"
    );
    stage.assert_quiet()?;
    Ok(())
}
