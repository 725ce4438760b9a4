//! How long a head learns in the page's module, on cached embeddings.

use super::Setting;
use super::statistics::median;
use super::table::{Column, Table};
use crate::chrome::Chrome;
use crate::progress::step;
use anyhow::{Context, Result};
use serde_json::{Value, json};
use std::time::Duration;

/// Classes and shots of each; both learn for [`STEPS`].
const TASKS: [(usize, usize); 2] = [(5, 5), (100, 50)];
const STEPS: usize = 200;

/// No more steps are made after this; the table then says how many there were.
const PATIENCE: Duration = Duration::from_secs(30);

/// Trains in turns.
pub fn measure(setting: &Setting) -> Result<Table> {
    let server = setting.server()?;
    let chrome = Chrome::start()?;
    let mut page = chrome.connect()?.new_page()?;
    page.set_timeout(PATIENCE * 4);
    page.goto(&server.url("/xtask/bench/index.html"))?;
    page.wait_for("window.bench", PATIENCE)?;

    let columns = [
        Column::new("start, ms", 1),
        Column::new("steps", 0),
        Column::new("all steps, the first time in a page, ms", 1),
        Column::new("all steps, ms", 1),
        Column::new("ms a step", 3),
    ];
    let mut table = Table::new("Training a head, in wasm", &columns);
    for (classes, shots) in TASKS {
        let name = format!("{classes} classes × {shots} shots");
        let results = step(&format!("Training {name}"), || {
            let task = json!({"classes": classes, "shots": shots, "steps": STEPS, "patience": PATIENCE.as_millis()});
            let mut results: Vec<Value> = Vec::new();
            for _ in 0..setting.rounds {
                results.push(page.eval(&format!("bench.train({task})"))?);
                // What takes this long takes it every time.
                if number(&results, "milliseconds").context("no time")? > PATIENCE.as_millis() as f64 / 10.0 {
                    break;
                }
            }
            Ok(results)
        })?;
        let (start, steps, all) = (
            number(&results, "start"),
            number(&results, "steps"),
            number(&results, "milliseconds"),
        );
        let first = results.first().and_then(|result| result["milliseconds"].as_f64());
        let per_step = all.zip(steps).map(|(all, steps)| all / steps);
        table.row(name, [start, steps, first, all, per_step]);
    }
    Ok(table)
}

/// The median of a field.
fn number(results: &[Value], field: &str) -> Option<f64> {
    let values: Vec<f64> = results.iter().filter_map(|result| result[field].as_f64()).collect();
    median(&values)
}
