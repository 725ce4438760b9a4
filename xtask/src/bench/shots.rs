//! Thousands of photos in the page, on the CPU backend: how long they take, what memory they need, and that a reload has them all.

use super::Setting;
use super::table::{Column, Table};
use super::visit::{peak_memory, photos};
use crate::cdp::Page;
use crate::chrome::Chrome;
use crate::progress::step;
use anyhow::{Result, ensure};
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// One view a photo: memory is what is asked here, and eight views take eight times as long for the same.
const ADDRESS: &str = "/index.html?backend=cpu&views=1";

/// Among so many classes the photos are spread.
const CLASSES: usize = 10;

/// So many photos are chosen at once.
const CHOSEN: usize = 250;

/// Whatever the page does, it has done it within this.
const PATIENCE: Duration = Duration::from_secs(1200);

/// Gives the page so many photos, lets it learn them, and loads it anew.
pub fn measure(setting: &Setting) -> Result<Table> {
    step(&format!("Giving the page {} photos", setting.shots), || visit(setting))
}

fn visit(setting: &Setting) -> Result<Table> {
    let server = setting.server()?;
    let chrome = Chrome::start()?;
    let page = chrome.connect()?.new_page()?;
    page.set_viewport(1280, 800, 1.0, false)?;
    page.goto(&server.url(ADDRESS))?;
    page.wait_for("document.documentElement.dataset.engine === 'ready'", PATIENCE)?;
    let mut table = Table::new(&format!("{} photos", setting.shots), &[Column::new("once", 1)]);
    let peak = |table: &mut Table, when: &str| -> Result<()> {
        table.row(format!("renderer's peak memory, {when}, MB"), [peak_memory(&chrome)?]);
        Ok(())
    };
    peak(&mut table, "engine ready")?;

    let began = Instant::now();
    let different = photos()?;
    for class in 0..CLASSES {
        give(&page, class, &different, setting.shots / CLASSES)?;
    }
    table.row("until all are embedded, s", [Some(began.elapsed().as_secs_f64())]);
    peak(&mut table, "all embedded")?;

    let began = Instant::now();
    page.click("#train")?;
    page.wait_for("document.querySelector('.train').dataset.head === 'trained'", PATIENCE)?;
    table.row("training, s", [Some(began.elapsed().as_secs_f64())]);
    peak(&mut table, "trained")?;

    page.wait_for("document.documentElement.dataset.kept === 'saved'", PATIENCE)?;
    let before = ready(&page)?;
    page.reload()?;
    page.wait_for("document.querySelector('.train').dataset.head === 'trained'", PATIENCE)?;
    let after = ready(&page)?;
    ensure!(after == before, "{after} of {before} photos are there after a reload");
    table.row("photos lost by a reload", [Some((before - after) as f64)]);
    peak(&mut table, "after a reload")?;
    table.note =
        "One view a photo, a helper beside the first worker; the photos are few, and given again and again.".to_owned();
    Ok(table)
}

/// Adds photos to a class, which is made where it is not there yet, and waits for them.
fn give(page: &Page, class: usize, different: &[PathBuf], count: usize) -> Result<()> {
    let card = format!(".class-card:nth-of-type({})", class + 1);
    if !page.eval::<bool>(&format!("document.querySelector('{card}') !== null"))? {
        page.click("#add-class")?;
    }
    let input = format!("{card} .class-actions input[type=file]");
    let all: Vec<PathBuf> = different.iter().cycle().take(count).cloned().collect();
    for chosen in all.chunks(CHOSEN) {
        page.set_files(&input, chosen)?;
    }
    let ready = format!("document.querySelector('{card}').dataset.ready === '{count}'");
    page.wait_for(&ready, PATIENCE)
}

fn ready(page: &Page) -> Result<usize> {
    page.eval(
        "[...document.querySelectorAll('.class-card')].reduce((sum, { dataset }) => sum + Number(dataset.ready), 0)",
    )
}
