//! What a visitor downloads until the first prediction, raw and compressed as a host would.

use super::Setting;
use super::table::{Column, Table};
use crate::progress::step;
use crate::{links, npm, process};
use anyhow::{Context, Result, ensure};
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
    let all: Vec<&PathBuf> = groups.iter().flat_map(|(_, files)| files).collect();
    let sizes = step("Compressing module, weights and page", || compressed_sizes(&all))?;
    let mut left = sizes.as_slice();
    for (name, files) in &groups {
        let (own, rest) = left.split_at(files.len());
        table.row(*name, in_megabytes(own));
        left = rest;
    }
    table.row("all", in_megabytes(&sizes));
    table.note = "gzip -9 and brotli -q 11, each file for itself.".to_owned();
    Ok(table)
}

/// Files together: raw, gzip and brotli.
fn in_megabytes(sizes: &[[f64; 3]]) -> [Option<f64>; 3] {
    [0, 1, 2].map(|kind| Some(sizes.iter().map(|size| size[kind]).sum::<f64>() / 1e6))
}

/// All that the page loads besides the module and the weights.
fn page_files(setting: &Setting) -> Result<Vec<PathBuf>> {
    let mut files = links::files(&crate::root().join("www"))?;
    files.push(crate::root().join("index.html"));
    files.push(setting.package.join("glimpse.js"));
    files.push(setting.manifest.path.clone());
    Ok(files)
}

/// Each file's size: raw, gzip and brotli.
fn compressed_sizes(files: &[&PathBuf]) -> Result<Vec<[f64; 3]>> {
    let script = crate::root().join("xtask/bench/compressed.mjs");
    let said = process::output(Command::new("node").arg(script).args(files))?;
    let sizes: Vec<_> = serde_json::from_str(&said).context("the sizes are not as expected")?;
    ensure!(
        sizes.len() == files.len(),
        "{} sizes of {} files",
        sizes.len(),
        files.len()
    );
    Ok(sizes)
}
