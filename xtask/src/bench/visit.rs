//! The page as a visitor has it, on the CPU backend: how soon it is there, how fast it takes photos, what the live camera
//! costs, and the memory of it all.

use super::Setting;
use super::statistics::median;
use super::table::{Column, Table};
use crate::cdp::{Page, Permission};
use crate::chrome::Chrome;
use crate::progress::step;
use crate::server::Server;
use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use std::fs;
use std::path::PathBuf;
use std::thread::sleep;
use std::time::{Duration, Instant};

/// The page, on the backend that the goals speak of.
const ADDRESS: &str = "/index.html?backend=cpu";

/// The same without a helper.
const ALONE: &str = "/index.html?backend=cpu&workers=1";

/// Whatever the page does, it has done it within this.
const PATIENCE: Duration = Duration::from_secs(180);

/// How long the live loop is watched, once for its rate and once for its tasks.
const WATCHED: Duration = Duration::from_secs(5);

/// Frames a second that the fake camera gives: more than can be named.
const CAMERA_RATE: u32 = 60;

/// How long the dialog is open in which photos are chosen: hardly anybody is faster.
const CHOOSING: Duration = Duration::from_secs(1);

/// Photos in the upload that is timed.
const UPLOADED: usize = 20;

/// Photos, where they are there, and what stands for them otherwise.
const FLOWERS: &str = "../shared/data/flowers102";
const FIXTURE: &str = "tests/fixtures/plain.jpg";

/// Visits the page.
pub fn measure(setting: &Setting) -> Result<Vec<Table>> {
    let server = setting.server()?;
    let photos = photos()?;
    let start = step("Opening the page, anew and again", || {
        measure_start(setting, &server, &photos)
    })?;
    let work = step("Uploading photos and naming the camera's picture", || {
        measure_work(setting, &server, &photos)
    })?;
    Ok(vec![start, work])
}

/// When the page was how far, in milliseconds since the navigation.
#[derive(Debug, Default)]
struct Milestones {
    first_paint: Vec<f64>,
    can_take_shots: Vec<f64>,
    engine_ready: Vec<f64>,
    first_embedding: Vec<f64>,
}

impl Milestones {
    /// Opens the page, gives it a photo at once, and waits for its embedding.
    fn add_visit(&mut self, page: &Page, address: &str, photo: &PathBuf) -> Result<()> {
        page.goto(address)?;
        choose(page, 0, std::slice::from_ref(photo))?;
        page.wait_for("milestones.shots(1)", PATIENCE)?;
        let seen: Value = page.eval("milestones")?;
        let first_paint: f64 = page.eval("performance.getEntriesByName('first-contentful-paint')[0].startTime")?;
        self.first_paint.push(first_paint);
        for (name, times) in [
            ("canTakeShots", &mut self.can_take_shots),
            ("engineReady", &mut self.engine_ready),
        ] {
            times.push(
                seen[name]
                    .as_f64()
                    .with_context(|| format!("the page never came to {name}"))?,
            );
        }
        let first = seen["shotsReady"][0].as_f64().context("no shot has become ready")?;
        self.first_embedding.push(first);
        Ok(())
    }
}

fn measure_start(setting: &Setting, server: &Server, photos: &[PathBuf]) -> Result<Table> {
    let chrome = Chrome::start()?;
    let browser = chrome.connect()?;
    let (mut cold, mut cached) = (Milestones::default(), Milestones::default());
    for _ in 0..setting.rounds {
        let page = browser.new_page()?;
        note_milestones(&page)?;
        cold.add_visit(&page, &server.url(ADDRESS), &photos[0])?;
        cached.add_visit(&page, &server.url(ADDRESS), &photos[0])?;
    }
    let columns = [Column::new("cold, ms", 0), Column::new("from cache, ms", 0)];
    let mut table = Table::new("From navigation to", &columns);
    table.row("first paint", [median(&cold.first_paint), median(&cached.first_paint)]);
    table.row(
        "ready to add shots",
        [median(&cold.can_take_shots), median(&cached.can_take_shots)],
    );
    table.row(
        "engine ready",
        [median(&cold.engine_ready), median(&cached.engine_ready)],
    );
    table.row(
        "first embedding",
        [median(&cold.first_embedding), median(&cached.first_embedding)],
    );
    table.note =
        "From localhost; a photo is given as soon as the page has loaded. CPU backend, eight views.".to_owned();
    Ok(table)
}

/// What one visit has shown.
struct Work {
    upload_seconds: f64,
    predictions_per_second: f64,
    longest_task: f64,
    memory_at_start: Option<f64>,
    memory_at_end: Option<f64>,
}

fn measure_work(setting: &Setting, server: &Server, photos: &[PathBuf]) -> Result<Table> {
    let (mut visits, mut alone) = (Vec::new(), Vec::new());
    for _ in 0..setting.rounds {
        visits.push(work(server, photos)?);
        alone.push(upload_alone(server, photos)?);
    }
    let ratios: Vec<f64> = visits
        .iter()
        .zip(&alone)
        .map(|(work, alone)| alone / work.upload_seconds)
        .collect();
    let of = |field: fn(&Work) -> Option<f64>| -> Vec<f64> { visits.iter().filter_map(field).collect() };
    let longest = of(|work| Some(work.longest_task));
    let mut table = Table::new("At work", &[Column::new("median", 2)]);
    let mut row = |name: &str, value: Option<f64>| table.row(name, [value]);
    row("20 uploads, s", median(&of(|work| Some(work.upload_seconds))));
    row("the same by one worker (?workers=1), s", median(&alone));
    row("one worker / two, in visits that take turns", median(&ratios));
    row(
        "live loop, predictions a second",
        median(&of(|work| Some(work.predictions_per_second))),
    );
    row("longest task of the main thread meanwhile, ms", median(&longest));
    row(
        "the same in the worst visit, ms",
        longest.into_iter().max_by(f64::total_cmp),
    );
    row(
        "renderer's peak memory once the engine is ready, MB",
        median(&of(|work| work.memory_at_start)),
    );
    row(
        "renderer's peak memory after all this, MB",
        median(&of(|work| work.memory_at_end)),
    );
    table.note = format!(
        "{} The dialog in which they are chosen is open for {} s. The live loop is watched for {} s for its rate, and again for its tasks.",
        photos_note(),
        CHOOSING.as_secs(),
        WATCHED.as_secs()
    );
    Ok(table)
}

/// One visit in a browser of its own, since a renderer's peak memory is never forgotten.
fn work(server: &Server, photos: &[PathBuf]) -> Result<Work> {
    let camera = format!("--use-fake-device-for-media-stream=fps={CAMERA_RATE}");
    let chrome = Chrome::builder().flag(&camera).start()?;
    let page = chrome.connect()?.new_page()?;
    page.set_viewport(1280, 800, 1.0, false)?;
    page.set_permission(&server.origin(), "camera", Permission::Granted)?;
    open(&page, &server.url(ADDRESS))?;
    let memory_at_start = peak_memory(&chrome)?;
    let upload_seconds = upload(&page, photos)?;

    choose(&page, 1, &photos[..1])?;
    page.wait_for(&format!("milestones.shots({})", UPLOADED + 1), PATIENCE)?;
    page.click("#live-toggle")?;
    page.wait_for("Number(document.querySelector('#live').dataset.frames) >= 10", PATIENCE)?;
    let predictions_per_second = predictions_per_second(&page)?;
    let tasks = page.main_thread_tasks(WATCHED)?;
    let longest = tasks.first().context("the trace holds no task of the main thread")?;
    Ok(Work {
        upload_seconds,
        predictions_per_second,
        longest_task: longest.as_secs_f64() * 1000.0,
        memory_at_start,
        memory_at_end: peak_memory(&chrome)?,
    })
}

/// The uploads by one worker, in a visit of their own.
fn upload_alone(server: &Server, photos: &[PathBuf]) -> Result<f64> {
    let chrome = Chrome::start()?;
    let page = chrome.connect()?.new_page()?;
    page.set_viewport(1280, 800, 1.0, false)?;
    open(&page, &server.url(ALONE))?;
    upload(&page, photos)
}

/// Opens the page and waits for its engine.
fn open(page: &Page, address: &str) -> Result<()> {
    note_milestones(page)?;
    page.goto(address)?;
    page.wait_for("milestones.engineReady", PATIENCE)
}

/// Seconds from the choice of the photos until the last one is embedded.
fn upload(page: &Page, photos: &[PathBuf]) -> Result<f64> {
    page.open_file_dialog(".class-card .class-actions label")?;
    sleep(CHOOSING);
    choose(page, 0, photos)?;
    page.wait_for(&format!("milestones.shots({UPLOADED})"), PATIENCE)?;
    let time: f64 = page.eval(&format!(
        "milestones.shotsReady[{}] - milestones.photosChosen",
        UPLOADED - 1
    ))?;
    Ok(time / 1000.0)
}

fn predictions_per_second(page: &Page) -> Result<f64> {
    let frames = || page.eval::<f64>("Number(document.querySelector('#live').dataset.frames)");
    let (began, before) = (Instant::now(), frames()?);
    sleep(WATCHED);
    Ok((frames()? - before) / began.elapsed().as_secs_f64())
}

/// Loads `milestones.js` with every page to come.
fn note_milestones(page: &Page) -> Result<()> {
    let source = fs::read_to_string(crate::root().join("xtask/bench/milestones.js"))?;
    page.run_first(&source)
}

/// Gives photos to a class, by its place on the page.
fn choose(page: &Page, class: usize, photos: &[PathBuf]) -> Result<()> {
    page.wait_for("milestones.canTakeShots", PATIENCE)?;
    let input = format!(".class-card:nth-of-type({}) .class-actions input[type=file]", class + 1);
    page.set_files(&input, photos)
}

/// As many photos as are uploaded: real ones where they are there, else a small picture again and again.
pub fn photos() -> Result<Vec<PathBuf>> {
    let flowers = crate::root().join(FLOWERS);
    if flowers.is_dir() {
        let mut files = crate::links::files(&flowers)?;
        files.sort();
        ensure!(files.len() >= UPLOADED, "{} has too few photos", flowers.display());
        files.truncate(UPLOADED);
        return Ok(files);
    }
    Ok(vec![crate::root().join(FIXTURE); UPLOADED])
}

fn photos_note() -> String {
    match crate::root().join(FLOWERS).is_dir() {
        true => "Photos of flowers with a shorter side of 256.".to_owned(),
        false => format!("{FIXTURE} stands for every photo; there are no others here."),
    }
}

/// The most that any of the browser's renderers has held in memory, where the system tells it (Linux).
pub fn peak_memory(chrome: &Chrome) -> Result<Option<f64>> {
    let info = chrome.connect()?.send("SystemInfo.getProcessInfo", json!({}))?;
    let processes = info["processInfo"]
        .as_array()
        .context("the browser names no processes")?;
    let renderers = processes.iter().filter(|process| process["type"] == "renderer");
    let peaks = renderers.filter_map(|process| {
        let status = fs::read_to_string(format!("/proc/{}/status", process["id"])).ok()?;
        peak_in_status(&status)
    });
    Ok(peaks.max_by(f64::total_cmp))
}

/// `VmHWM`, the high-water mark of resident memory, in MB.
fn peak_in_status(status: &str) -> Option<f64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: f64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kibibytes * 1024.0 / 1e6)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_high_water_mark_is_read() {
        let status = "Name:\tchromium\nVmPeak:\t 5000000 kB\nVmHWM:\t  250000 kB\nVmRSS:\t  100 kB\n";
        assert_eq!(peak_in_status(status), Some(256.0));
        assert_eq!(peak_in_status("Name:\tchromium\n"), None);
    }
}
