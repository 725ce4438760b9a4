//! The network of the embedding tables: compact weights for us, as the page has them, and the same numbers as an ONNX file for
//! the peers, written by `cargo glimpse onnx`. Their steps are shorter than the page's, so that everybody can be held to the
//! reference; to arithmetic the length of a step is all one. (What the page's own cost is measured in accuracy, by
//! `cargo glimpse weights-curve`.)

use crate::server::Server;
use crate::{process, weights};
use anyhow::Result;
use std::fs;
use std::path::Path;

/// Standard deviations to a step.
const STEP: &str = "0.1";

/// Writes both, unless they are to be taken as they are, and serves them below `/model`.
pub fn mount(server: &Server, as_built: bool) -> Result<()> {
    let folder = crate::target_dir().join("bench");
    if !as_built {
        write(&folder)?;
    }
    server.mount("/model", folder);
    Ok(())
}

fn write(folder: &Path) -> Result<()> {
    fs::create_dir_all(folder)?;
    weights::prepare_in(folder, &["--step", STEP])?;
    let mut tool = weights::tool();
    tool.args(["onnx", "--weights"]).arg(folder);
    process::run(tool.arg("--out").arg(folder.join("resnet18.onnx")))
}
