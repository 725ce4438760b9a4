//! What a visitor downloads until the first prediction, raw and compressed as a host would.

use super::Setting;
use super::table::{Column, Table};
use crate::progress::step;
use crate::{links, npm, process};
use anyhow::{Context, Result};
use std::path::PathBuf;
use std::process::Command;

/// Weighs the module, the network and the page.
pub fn measure(setting: &Setting) -> Result<Table> {
    npm::prepare_node()?;
    let groups = [
        ("module", vec![setting.package.join("glimpse_bg.wasm")]),
        ("weights", vec![setting.manifest.file.clone()]),
        ("page (HTML, CSS, JavaScript)", page_files(setting)?),
    ];
    let columns = [
        Column::new("raw, MB", 3),
        Column::new("gzip, MB", 3),
        Column::new("brotli, MB", 3),
    ];
    let mut table = Table::new("Bytes to a first prediction", &columns);
    let mut total = [0.0; 3];
    for (name, files) in groups {
        let sizes = step(&format!("Compressing the {name}"), || compressed_sizes(&files))?;
        for (total, size) in total.iter_mut().zip(sizes) {
            *total += size;
        }
        table.row(name, in_megabytes(sizes));
    }
    table.row("all", in_megabytes(total));
    table.note = "gzip -9 and brotli -q 11, each file for itself.".to_owned();
    Ok(table)
}

fn in_megabytes(sizes: [f64; 3]) -> [Option<f64>; 3] {
    sizes.map(|size| Some(size / 1e6))
}

/// All that the page loads besides the module and the weights.
fn page_files(setting: &Setting) -> Result<Vec<PathBuf>> {
    let mut files = links::files(&crate::root().join("www"))?;
    files.push(crate::root().join("index.html"));
    files.push(setting.package.join("glimpse.js"));
    files.push(setting.manifest.path.clone());
    Ok(files)
}

/// The files' sizes together: raw, gzip and brotli.
fn compressed_sizes(files: &[PathBuf]) -> Result<[f64; 3]> {
    let script = crate::root().join("xtask/bench/compressed.mjs");
    let said = process::output(Command::new("node").arg(script).args(files))?;
    let sizes: Vec<[f64; 3]> = serde_json::from_str(&said).context("the sizes are not as expected")?;
    let sum = |kind: usize| sizes.iter().map(|size| size[kind]).sum();
    Ok([sum(0), sum(1), sum(2)])
}
