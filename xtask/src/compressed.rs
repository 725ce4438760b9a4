//! How large files are once a host has compressed them, by Node.js's own compressors. Which files, the callers know.

use crate::process;
use anyhow::{Context, Result, ensure};
use std::ffi::OsStr;
use std::process::Command;

/// Each file's size in bytes: raw, by gzip and by brotli, as Node.js compresses them.
pub fn sizes(files: &[impl AsRef<OsStr>]) -> Result<Vec<[f64; 3]>> {
    let script = crate::root().join("xtask/bench/compressed.mjs");
    let said = process::output(Command::new("node").arg(script).args(files))?;
    let sizes: Vec<[f64; 3]> = serde_json::from_str(&said).context("the sizes are not as expected")?;
    ensure!(
        sizes.len() == files.len(),
        "{} sizes of {} files",
        sizes.len(),
        files.len()
    );
    Ok(sizes)
}
