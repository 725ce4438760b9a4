//! Embeddings per runtime: the same trunk, weights and photos, on one page, taking turns. Nobody is timed before what it
//! computes was compared with the reference.

use super::statistics::{cosine, median};
use super::table::{Column, Table};
use super::{Setting, model, peers};
use crate::cdp::Page;
use crate::chrome::Chrome;
use crate::progress::step;
use anyhow::{Context, Result, ensure};
use serde_json::Value;
use std::collections::HashMap;
use std::time::Duration;

/// Names that `xtask/bench/embedding.js` knows. The first of each group is what the others are compared with.
const ON_CPU: [&str; 4] = [
    "Glimpse",
    "Glimpse without relaxed SIMD",
    "onnxruntime-web",
    "TensorFlow.js",
];
const BURN_ON_CPU: &str = "Glimpse, burn-candle";
const BURN_ON_WEBGPU: &str = "Glimpse, burn-wgpu";
const ON_WEBGPU: [&str; 2] = ["Glimpse, WebGPU", "onnxruntime-web, WebGPU"];

/// Whoever is less like the reference computes something else.
const LEAST_COSINE: f64 = 0.999;

/// Squares in a run.
const BATCHES: [usize; 2] = [1, 5];

/// The page answers within this, even on a software adapter.
const PATIENCE: Duration = Duration::from_secs(300);

/// How a contender takes its turn.
struct Turns {
    rounds: u32,
    /// Runs of a turn that are not counted, for what the others' turns have pushed out of the caches.
    warmups: u32,
    /// Runs of a turn that are.
    runs: u32,
}

/// On the CPU, one thread.
pub fn measure_cpu(setting: &Setting) -> Result<Table> {
    let mut names = ON_CPU.to_vec();
    if setting.burn {
        names.push(BURN_ON_CPU);
    }
    let turns = |_: &str| Turns {
        rounds: setting.rounds,
        warmups: 2,
        runs: 5,
    };
    measure("Embedding on the CPU, one thread", setting, &names, turns).map(|(table, _)| table)
}

/// On WebGPU, whatever its adapter is.
pub fn measure_webgpu(setting: &Setting) -> Result<Table> {
    let turns = |adapter: &str| match is_software(adapter) {
        // Seconds an embedding: the differences are as large, and nobody wants to wait.
        true => Turns {
            rounds: setting.rounds.min(2),
            warmups: 0,
            runs: 1,
        },
        false => Turns {
            rounds: setting.rounds,
            warmups: 3,
            runs: 20,
        },
    };
    let mut names = ON_WEBGPU.to_vec();
    if setting.burn {
        names.push(BURN_ON_WEBGPU);
    }
    let (mut table, adapter) = measure("Embedding on WebGPU", setting, &names, turns)?;
    let adapter = match adapter.as_str() {
        "" => "not named by the browser",
        name => name,
    };
    table.note = format!("Adapter: {adapter}. {}", table.note);
    Ok(table)
}

fn is_software(adapter: &str) -> bool {
    let adapter = adapter.to_lowercase();
    ["swiftshader", "llvmpipe", "lavapipe", "software"]
        .iter()
        .any(|name| adapter.contains(name))
}

/// The table, and the name of the WebGPU adapter.
fn measure(title: &str, setting: &Setting, names: &[&str], turns: impl Fn(&str) -> Turns) -> Result<(Table, String)> {
    let server = setting.server()?;
    server.mount("/golden", crate::root().join("../shared/golden"));
    peers::mount(&server)?;
    model::mount(&server, setting.as_built)?;
    let chrome = match setting.gpu {
        true => Chrome::builder().gpu(),
        false => Chrome::builder().webgpu(),
    };
    let chrome = chrome.start()?;
    let mut page = chrome.connect()?.new_page()?;
    page.set_timeout(PATIENCE);
    page.goto(&server.url("/xtask/bench/index.html"))?;
    page.wait_for("window.bench", PATIENCE)?;

    let adapter: String = page.eval("bench.adapter()")?;
    let started: Value = step("Starting the runtimes", || {
        page.eval(&format!("bench.start({names:?})"))
    })?;
    let golden = started["reference"].is_array();
    let cosines = step("Comparing what they compute", || compare(&page, names, &started))?;
    let times = step("Embedding in turns", || take_turns(&page, names, &turns(&adapter)))?;
    let mut table = table(title, names, &times, &cosines);
    table.note = reference_note(golden).to_owned();
    Ok((table, adapter))
}

fn reference_note(golden: bool) -> &'static str {
    match golden {
        true => "Cosine: the least like ONNX Runtime's reference, of eight photos.",
        false => "Cosine: the least like Glimpse's own, of eight drawn pictures; there are no reference values here.",
    }
}

/// The least cosine of each runtime. Fails where one is too small.
fn compare(page: &Page, names: &[&str], started: &Value) -> Result<HashMap<String, f64>> {
    let photos = started["photos"]
        .as_u64()
        .context("the page did not say how many photos it has")?;
    let embeddings = |name: &str| -> Result<Vec<Vec<f64>>> {
        (0..photos)
            .map(|photo| page.eval(&format!("bench.embedding({name:?}, {photo})")))
            .collect()
    };
    let reference: Vec<Vec<f64>> = match &started["reference"] {
        Value::Null => embeddings(names[0])?,
        rows => serde_json::from_value(rows.clone())?,
    };
    let mut least = HashMap::new();
    for name in names {
        let rows = embeddings(name)?;
        let smallest = least_cosine(&rows, &reference);
        ensure!(
            smallest >= LEAST_COSINE,
            "{name} computes something else: cosine {smallest:.6} with the reference, expected {LEAST_COSINE} at least \
             (the reference in ../shared/golden belongs to the weights in ../shared)"
        );
        least.insert((*name).to_owned(), smallest);
    }
    Ok(least)
}

/// Of rows with as many references; 0 where there are not as many.
fn least_cosine(rows: &[Vec<f64>], reference: &[Vec<f64>]) -> f64 {
    if rows.len() != reference.len() {
        return 0.0;
    }
    let cosines = rows.iter().zip(reference).map(|(row, expected)| cosine(row, expected));
    cosines.fold(1.0, f64::min)
}

/// Milliseconds of every counted run, by runtime and batch.
type Times = HashMap<(String, usize), Vec<f64>>;

fn take_turns(page: &Page, names: &[&str], turns: &Turns) -> Result<Times> {
    let mut times = Times::new();
    for _ in 0..turns.rounds {
        for batch in BATCHES {
            for name in names {
                let run = format!("bench.time({name:?}, {batch}, {}, {})", turns.warmups, turns.runs);
                let measured: Vec<f64> = page.eval(&run).with_context(|| (*name).to_owned())?;
                times.entry(((*name).to_owned(), batch)).or_default().extend(measured);
            }
        }
    }
    Ok(times)
}

fn table(title: &str, names: &[&str], times: &Times, cosines: &HashMap<String, f64>) -> Table {
    let columns = [
        Column::new("batch 1, ms", 1),
        Column::new("ours / it", 2),
        Column::new("batch 5, ms a photo", 1),
        Column::new("ours / it, batch 5", 2),
        Column::new("cosine", 6),
    ];
    let mut table = Table::new(title, &columns);
    let per_photo = |name: &str, batch: usize| {
        let median = median(times.get(&(name.to_owned(), batch))?)?;
        Some(median / batch as f64)
    };
    let ratio = |name: &str, batch: usize| Some(per_photo(names[0], batch)? / per_photo(name, batch)?);
    for name in names {
        let cells = BATCHES
            .iter()
            .flat_map(|&batch| [per_photo(name, batch), ratio(name, batch)]);
        let cells: Vec<_> = cells.chain([cosines.get(*name).copied()]).collect();
        table.row(*name, cells);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_wrong_row_is_found() {
        let reference = vec![vec![1.0, 0.0], vec![0.0, 1.0]];
        assert_eq!(least_cosine(&reference, &reference), 1.0);
        assert_eq!(least_cosine(&[vec![2.0, 0.0], vec![3.0, 0.0]], &reference), 0.0);
        assert_eq!(least_cosine(&reference[..1], &reference), 0.0);
    }

    #[test]
    fn ratios_are_ours_to_theirs_per_photo() {
        let names = ["ours", "theirs"];
        let times = Times::from([
            (("ours".to_owned(), 1), vec![30.0, 20.0, 25.0]),
            (("theirs".to_owned(), 1), vec![100.0]),
            (("ours".to_owned(), 5), vec![50.0]),
        ]);
        let cosines = HashMap::from([("ours".to_owned(), 0.9999)]);
        let table = table("Speed", &names, &times, &cosines).to_json()["rows"].take();
        assert_eq!(table["ours"]["batch 1, ms"], 25.0);
        assert_eq!(table["theirs"]["ours / it"], 0.25);
        assert_eq!(table["ours"]["batch 5, ms a photo"], 10.0);
        assert_eq!(table["theirs"]["ours / it, batch 5"], Value::Null);
        assert_eq!(table["ours"]["cosine"], 0.9999);
    }

    #[test]
    fn software_adapters_are_known() {
        assert!(is_software("google swiftshader"));
        assert!(!is_software("nvidia hopper"));
    }
}
