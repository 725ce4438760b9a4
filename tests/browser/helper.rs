//! On the CPU a second worker helps with many photos, and with the camera where that is slow. It changes nothing but the time, and
//! goes when there is nothing to do; nobody notices where it dies, cannot start, or the photos or the network go away under it.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Instant,
};

use anyhow::bail;
use glimpse::untrained;
use libtest_mimic::Trial;
use serde_json::{Value, json};
use xtask::{
    cdp::Permission,
    chrome::{Builder, Chrome},
    server::Fault,
};

use crate::{
    camera,
    recovery::SPOIL,
    stage::{PATIENCE, Stage},
    support::{Outcome, draw, drawn_classes, fixture, scratch, trial},
};

pub fn trials() -> Vec<Trial> {
    vec![
        trial(
            "helper::two_embed_as_one_does_and_one_stays",
            two_embed_as_one_does_and_one_stays,
        ),
        trial("helper::a_single_photo_is_shared", a_single_photo_is_shared),
        trial(
            "helper::one_comes_while_photos_are_chosen",
            one_comes_while_photos_are_chosen,
        ),
        trial(
            "helper::a_photo_that_stops_the_engine_is_refused_once",
            a_photo_that_stops_the_engine_is_refused_once,
        ),
        trial("helper::its_death_loses_nothing", its_death_loses_nothing),
        trial(
            "helper::one_that_cannot_start_is_not_missed",
            one_that_cannot_start_is_not_missed,
        ),
        trial(
            "helper::photos_that_were_removed_are_not_embedded",
            photos_that_were_removed_are_not_embedded,
        ),
        trial("helper::a_new_network_is_everybodys", a_new_network_is_everybodys),
        trial(
            "helper::frames_of_the_camera_are_shared",
            frames_of_the_camera_are_shared,
        ),
    ]
}

/// Enough photos to be worth a helper.
const PHOTOS: usize = 10;

/// Notes the workers that the page starts, what each has embedded, and in how many parts of photos and frames it had a share. Has
/// the page believe that a view takes a tenth of a second. While `poisoned` is set, every photo stops the worker that embeds it.
const SPY: &str = "globalThis.seen = [];
globalThis.Worker = class extends Worker {
  embeddings = [];
  parts = 0;
  begun = 0;
  constructor(...how) {
    super(...how);
    seen.push(this);
    this.addEventListener('message', ({ data: { ok } }) => {
      if (ok?.embedding?.length === 1536) this.embeddings.push([...ok.embedding]);
      else if (ok?.embedding) this.parts++;
      if (ok?.halfway) this.begun++;
      if (ok?.backend) {
        ok.milliseconds = 100;
        this.ready = true;
      }
    });
  }
  postMessage(message, transfer) {
    const args = globalThis.poisoned && message.op === 'embed' ? { ...message.args, picture: null } : message.args;
    super.postMessage({ ...message, args }, transfer);
  }
};";

/// The page on the CPU backend, with more parameters, and the spy in it.
fn watched(parameters: &str) -> anyhow::Result<Stage> {
    watched_in(Chrome::builder(), parameters)
}

/// The same in a browser with more to it.
fn watched_in(browser: Builder, parameters: &str) -> anyhow::Result<Stage> {
    let stage = Stage::set(browser)?;
    let page = &stage.page;
    page.run_first(SPY)?;
    page.send(
        "Emulation.setHardwareConcurrencyOverride",
        json!({"hardwareConcurrency": 2}),
    )?;
    stage.open(&format!("cpu{parameters}"))?;
    Ok(stage)
}

fn photos(name: &str) -> Result<Vec<PathBuf>, image::ImageError> {
    let folder = scratch(name);
    let mut files = Vec::new();
    for (index, class) in ["disc", "stripes", "bands", "checks"]
        .iter()
        .cycle()
        .take(PHOTOS)
        .enumerate()
    {
        files.push(folder.join(format!("{index}.png")));
        draw(class, index as u32 / 4).save(&files[index])?;
    }
    Ok(files)
}

/// Gives the photos to the first class, and waits until the helper has embedded one of them.
fn wait_for_help(stage: &Stage, photos: &[PathBuf]) -> anyhow::Result<()> {
    stage.choose_photos(stage.class_ids()?[0], photos)?;
    stage.wait("seen[1]?.embeddings.length > 0")
}

/// With two workers at work on photos of the first class: those, and both classes.
fn helped(name: &str) -> anyhow::Result<(Stage, Vec<PathBuf>, [u32; 2])> {
    let photos = photos(name)?;
    let stage = watched("")?;
    wait_for_help(&stage, &photos)?;
    let [first, second] = stage.class_ids()?[..] else {
        bail!("expected two classes");
    };
    Ok((stage, photos, [first, second]))
}

/// Everything that was embedded, in an order that does not depend on who did it.
fn embeddings(stage: &Stage) -> anyhow::Result<Vec<Vec<f32>>> {
    let mut all: Vec<Vec<f32>> = stage.page.eval("seen.flatMap(({ embeddings }) => embeddings)")?;
    all.sort_by(|a, b| a.partial_cmp(b).expect("finite numbers"));
    Ok(all)
}

fn started(stage: &Stage) -> anyhow::Result<usize> {
    stage.page.eval("seen.length")
}

fn assert_nothing_was_told(stage: &Stage) -> anyhow::Result<()> {
    let told: Value = stage
        .page
        .eval("[...document.querySelectorAll('#toasts > *, #problems li')].map((item) => item.textContent)")?;
    assert_eq!(told, json!([]));
    Ok(())
}

fn two_embed_as_one_does_and_one_stays() -> Outcome {
    let photos = photos("browser-helper")?;
    let two = watched("")?;
    wait_for_help(&two, &photos)?;
    two.wait_for_shots(two.class_ids()?[0], PHOTOS)?;
    let shares: Vec<usize> = two.page.eval("seen.map(({ embeddings }) => embeddings.length)")?;
    assert!(
        shares.len() == 2 && shares.iter().sum::<usize>() == PHOTOS,
        "{shares:?}"
    );
    assert_eq!(two.page.workers()?.len(), 2);

    let one = watched("&workers=1")?;
    one.add_photos(one.class_ids()?[0], &photos)?;
    assert_eq!(started(&one)?, 1);
    assert_eq!(embeddings(&two)?, embeddings(&one)?, "the same arithmetic made both");

    let since = Instant::now();
    while two.page.workers()?.len() > 1 {
        assert!(since.elapsed() < PATIENCE, "the helper stays without work");
        two.wait("true")?;
    }
    two.add_photos(two.class_ids()?[1], &photos[..1])?;
    two.assert_quiet()?;
    one.assert_quiet()?;
    Ok(())
}

/// How many parts of photos each worker has looked at.
fn parts(stage: &Stage) -> anyhow::Result<Vec<u32>> {
    stage.page.eval("seen.map(({ parts }) => parts)")
}

fn a_single_photo_is_shared() -> Outcome {
    let (two, _, [first, second]) = helped("browser-helper-single")?;
    two.wait_for_shots(first, PHOTOS)?;
    let before = parts(&two)?;
    two.add_photos(second, &[fixture("grey.jpg")])?;
    let after = parts(&two)?;
    let shares: Vec<u32> = after
        .iter()
        .zip(&before)
        .map(|(after, before)| after - before)
        .collect();
    assert!(shares.iter().sum::<u32>() == 4 && !shares.contains(&0), "{shares:?}");
    let shared: Vec<f32> = two.page.eval("seen[0].embeddings.at(-1)")?;

    let one = watched("&workers=1")?;
    one.add_photos(one.class_ids()?[0], &[fixture("grey.jpg")])?;
    assert_eq!(parts(&one)?, [0]);
    assert_eq!(shared, one.page.eval::<Vec<f32>>("seen[0].embeddings[0]")?);
    two.assert_quiet()?;
    one.assert_quiet()?;
    Ok(())
}

fn one_comes_while_photos_are_chosen() -> Outcome {
    let photos = [fixture("grey.jpg")];
    for dragged in [false, true] {
        let stage = watched("")?;
        let class = stage.class_ids()?[0];
        let card = format!("[data-class-id='{class}']");
        match dragged {
            true => stage.page.drag_files(&card, &photos)?,
            false => stage.page.open_file_dialog(&format!("{card} .class-actions label"))?,
        }
        stage.wait("seen[1]?.ready")?;
        match dragged {
            true => stage.page.drop_files(&card, &photos)?,
            false => stage.choose_photos(class, &photos)?,
        }
        stage.wait_for_shots(class, 1)?;
        let shares = parts(&stage)?;
        assert!(
            !shares.contains(&0),
            "dragged: {dragged}; {shares:?} of a photo that calls for no helper by itself"
        );
        stage.assert_quiet()?;
    }
    Ok(())
}

fn a_photo_that_stops_the_engine_is_refused_once() -> Outcome {
    let (stage, _, [first, second]) = helped("browser-helper-poison")?;
    stage.wait_for_shots(first, PHOTOS)?;
    let _: Value = stage.page.eval("globalThis.poisoned = true")?;
    stage.choose_photos(second, &[fixture("grey.jpg")])?;
    stage.wait("document.querySelector('#problems li')?.dataset.code === 'photo-crashed'")?;
    let _: Value = stage.page.eval("globalThis.poisoned = false")?;
    let refused: u32 = stage.page.eval("document.querySelectorAll('#problems li').length")?;
    assert_eq!(refused, 1, "one photo, whatever it was split into");
    stage.choose_photos(second, &[fixture("plain.jpg")])?;
    stage.wait_for_shots(second, 1)?;
    Ok(())
}

fn its_death_loses_nothing() -> Outcome {
    let (stage, photos, [first, second]) = helped("browser-helper-death")?;
    let workers = stage.page.workers()?;
    assert!(workers[1].eval::<bool>(SPOIL)?);
    stage.wait_for_shots(first, PHOTOS)?;
    assert_eq!(stage.page.workers()?.len(), 1, "the helper is gone");
    stage.add_photos(second, &photos)?;
    assert_eq!(started(&stage)?, 2, "no other was tried");
    assert_nothing_was_told(&stage)?;
    Ok(())
}

fn one_that_cannot_start_is_not_missed() -> Outcome {
    let photos = photos("browser-helper-start")?;
    let stage = watched("")?;
    stage.server.fault("/weights/manifest.json", Fault::Status(500));
    for class in stage.class_ids()? {
        stage.add_photos(class, &photos)?;
        assert_eq!(started(&stage)?, 2, "one was tried, and no other");
        assert_eq!(stage.page.workers()?.len(), 1);
    }
    assert_nothing_was_told(&stage)?;
    Ok(())
}

fn photos_that_were_removed_are_not_embedded() -> Outcome {
    let (stage, photos, [first, second]) = helped("browser-helper-removed")?;
    stage
        .page
        .click(&format!("[data-class-id='{first}'] [data-action=remove-class]"))?;
    stage.add_photos(second, &photos[..1])?;
    let embedded = embeddings(&stage)?.len();
    assert!(embedded < PHOTOS, "{embedded} were embedded");
    stage.assert_quiet()?;
    Ok(())
}

fn a_new_network_is_everybodys() -> Outcome {
    let photos = photos("browser-helper-network")?;
    let file = scratch("browser-helper-checkpoint").join("mine.safetensors");
    fs::write(&file, untrained::state_dict(9).to_safetensors_f16()?)?;
    let take_network = |stage: &Stage| -> anyhow::Result<()> {
        stage.page.drop_files("#main", std::slice::from_ref(&file))?;
        stage.wait("document.querySelector(\"[data-fact='source']\").textContent.includes('mine')")
    };
    let answer = |stage: &Stage| -> anyhow::Result<Vec<(String, f32)>> {
        stage.wait_for_shots(stage.class_ids()?[0], PHOTOS)?;
        stage.add_photos(stage.class_ids()?[1], &[fixture("plain.jpg")])?;
        Ok(stage.ask(&[fixture("grey.jpg")])?.remove(0).bars)
    };
    let during = watched("")?;
    wait_for_help(&during, &photos)?;
    take_network(&during)?;
    let during_bars = answer(&during)?;

    let before = watched("&workers=1")?;
    take_network(&before)?;
    before.choose_photos(before.class_ids()?[0], &photos)?;
    let before_bars = answer(&before)?;
    for ((name, during), (_, before)) in during_bars.iter().zip(&before_bars) {
        assert!((during - before).abs() < 1e-4, "{name}: {during} and {before}");
    }
    during.assert_quiet()?;
    Ok(())
}

/// How similar the camera's still picture is to its nearest shot.
const SIMILARITY: &str = "document.querySelector('#live [data-prediction]').dataset.similarity";

/// With a camera that shows this film, and a photo in each of two classes: the picture is being named.
fn naming(film: &Path, photos: [&PathBuf; 2], parameters: &str) -> anyhow::Result<Stage> {
    let stage = watched_in(Chrome::builder().camera(film), parameters)?;
    let origin = stage.server.origin();
    stage.page.set_permission(&origin, "camera", Permission::Granted)?;
    for (class, photo) in stage.class_ids()?.into_iter().zip(photos) {
        stage.add_photos(class, std::slice::from_ref(photo))?;
    }
    stage.page.click("#live-toggle")?;
    wait_for_frames(&stage, 3)?;
    Ok(stage)
}

/// Waits until so many more frames were named.
fn wait_for_frames(stage: &Stage, more: u32) -> anyhow::Result<()> {
    let named = "Number(document.querySelector('#live').dataset.frames ?? 0)";
    let before: u32 = stage.page.eval(named)?;
    stage.wait(&format!("{named} >= {}", before + more))
}

fn frames_of_the_camera_are_shared() -> Outcome {
    let drawn = drawn_classes(&scratch("browser-helper-camera"))?;
    let film = camera::stream("browser-helper-film", &[image::open(&drawn.queries[0].1)?.into_rgb8()])?;
    let photos = [&drawn.classes[0].1[0], &drawn.classes[1].1[0]];
    let one = naming(&film, photos, "&workers=1")?;
    assert_eq!(started(&one)?, 1);

    let two = naming(&film, photos, "")?;
    two.wait("seen[1]?.begun >= 3")?;
    wait_for_frames(&two, 3)?;
    let similarities = [&one, &two].map(|stage| stage.page.eval::<String>(SIMILARITY));
    let [alone, shared] = similarities;
    assert_eq!(shared?, alone?, "halves of the same arithmetic");

    let workers = two.page.workers()?;
    assert!(workers[1].eval::<bool>(SPOIL)?);
    two.wait("performance.now() - (globalThis.spoilt ??= performance.now()) > 500")?;
    wait_for_frames(&two, 3)?;
    assert_eq!(two.page.workers()?.len(), 1, "the helper is gone");
    assert_nothing_was_told(&two)?;
    one.assert_quiet()?;
    Ok(())
}
