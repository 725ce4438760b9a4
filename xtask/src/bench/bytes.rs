//! What a visitor downloads until the first prediction, raw and compressed as a host would.

use super::Setting;
use super::table::{Column, Table};
use crate::progress::step;
use crate::{compressed, links, npm, wasm};
use anyhow::Result;
use std::path::{Path, PathBuf};

/// Weighs the module, the network and the page.
pub fn measure(setting: &Setting) -> Result<Table> {
    npm::prepare_node()?;
    let [light, burn] = [wasm::LIGHT, wasm::BURN].map(|module| setting.package.join(module.name));
    let module = |folder: &Path| vec![folder.join("glimpse_bg.wasm"), folder.join("glimpse.js")];
    let groups = [
        ("module", module(&light)),
        ("module with Burn", module(&burn)),
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
    let sizes = step("Compressing module, weights and page", || compressed::sizes(&all))?;
    let mut left = sizes.as_slice();
    let mut sums = Vec::with_capacity(groups.len());
    for (name, files) in &groups {
        let (own, rest) = left.split_at(files.len());
        let sum = in_megabytes(own);
        table.row(*name, sum.map(Some));
        sums.push(sum);
        left = rest;
    }
    let [light, burn, weights, page] = [0, 1, 2, 3].map(|group| sums[group]);
    table.row("all", together([light, weights, page]).map(Some));
    table.row("all, with Burn", together([burn, weights, page]).map(Some));
    table.note = "gzip -9 and brotli -q 11, each file for itself. Burn is for deep training alone.".to_owned();
    Ok(table)
}

fn together(parts: [[f64; 3]; 3]) -> [f64; 3] {
    [0, 1, 2].map(|kind| parts.iter().map(|part| part[kind]).sum())
}

/// Files together: raw, gzip and brotli.
fn in_megabytes(sizes: &[[f64; 3]]) -> [f64; 3] {
    [0, 1, 2].map(|kind| sizes.iter().map(|size| size[kind]).sum::<f64>() / 1e6)
}

/// All that the page loads besides a module, the weights and the icons of an installed page.
fn page_files(setting: &Setting) -> Result<Vec<PathBuf>> {
    let mut files = links::files(&crate::root().join("www"))?;
    files.retain(|file| file.extension().is_none_or(|extension| extension != "png"));
    files.extend(["index.html", "sw.js", "manifest.webmanifest"].map(|name| crate::root().join(name)));
    files.push(setting.manifest.path.clone());
    Ok(files)
}
