//! The network as the peers read it: an ONNX file, written by `cargo glimpse onnx` from the page's own weights.

use crate::process;
use crate::server::Server;
use anyhow::Result;
use std::fs;

/// Writes it and serves it below `/model`.
pub fn mount(server: &Server) -> Result<()> {
    let folder = crate::target_dir().join("bench");
    fs::create_dir_all(&folder)?;
    // Built as for `weights`: without Burn's backends, which are minutes of work.
    process::run(
        process::cargo()
            .args([
                "run",
                "--package",
                "glimpse",
                "--no-default-features",
                "--bin",
                "glimpse",
            ])
            .args(["--", "onnx", "--out"])
            .arg(folder.join("resnet18.onnx")),
    )?;
    server.mount("/model", folder);
    Ok(())
}
