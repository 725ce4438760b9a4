//! Binaryen's `wasm-opt`: gets it and runs it. Which module, and when, is decided in `wasm.rs`.
//!
//! Debian 12's version 108 writes a broken module: it exports the function table where wasm-bindgen's table of JavaScript
//! values should be. Building one from source takes longer than all the rest of the module. The npm package holds
//! version 132 as one file for Node.js, and is here in seconds.

use crate::npm::{self, Package};
use crate::process;
use anyhow::{Context, Result, bail};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The oldest version that is known to handle our modules.
const OLDEST: u32 = 116;

/// The npm package.
const PACKAGE: Package = Package {
    name: "binaryen",
    version: "132.0.0",
    integrity: "sha512-4Usg7yEvwO3FMso3Oov6qkOOHSod1IEv+boKkh77kTljM+eNBouqCTbqWswGzbG+vDNO/b/v2C4gfEh1WgB9Lg==",
    files: &["bin/wasm-opt", "bin/package.json"],
};

/// What the module may use. Said aloud, since older versions do not understand the compiler's own list of features.
const FEATURES: [&str; 8] = [
    "--enable-bulk-memory",
    "--enable-nontrapping-float-to-int",
    "--enable-sign-ext",
    "--enable-mutable-globals",
    "--enable-simd",
    "--enable-relaxed-simd",
    "--enable-reference-types",
    "--enable-multivalue",
];

/// A wasm-opt that is new enough.
#[derive(Debug)]
pub struct WasmOpt {
    /// The program, and what it is started with.
    command: Vec<PathBuf>,
    /// What `wasm-opt --version` says.
    pub version: String,
}

impl WasmOpt {
    /// Finds wasm-opt on the `PATH` or where it was put before, and gets it where there is none.
    pub fn prepare() -> Result<Self> {
        let on_path = process::find_program(&["wasm-opt"]).and_then(|program| usable(vec![program]));
        if let Some(found) = on_path {
            return Ok(found);
        }
        npm::prepare_node()?;
        let script = PACKAGE
            .prepare(&crate::target_dir().join("tools"))?
            .join("bin/wasm-opt");
        usable(vec!["node".into(), script])
            .context("wasm-opt does not run; please install Binaryen 116 or newer by hand")
    }

    /// Shrinks `input` into `output` at a level such as `-O1`.
    pub fn shrink(&self, input: &Path, output: &Path, level: &str) -> Result<()> {
        process::run(
            start(&self.command)
                .arg(input)
                .arg("--output")
                .arg(output)
                .arg(level)
                .args(FEATURES)
                .args(["--strip-debug", "--strip-producers"]),
        )?;
        if !output.is_file() {
            bail!("{} wrote no {}", self.version, output.display());
        }
        Ok(())
    }
}

fn start(command: &[PathBuf]) -> Command {
    let mut started = Command::new(&command[0]);
    started.args(&command[1..]);
    started
}

fn usable(command: Vec<PathBuf>) -> Option<WasmOpt> {
    let version = process::output(start(&command).arg("--version"))
        .ok()?
        .trim()
        .to_owned();
    (version_number(&version)? >= OLDEST).then_some(WasmOpt { command, version })
}

/// `wasm-opt version 108 (version_108)` → 108.
fn version_number(version: &str) -> Option<u32> {
    version.split_whitespace().nth(2)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::version_number;

    #[test]
    fn version_numbers_are_read() {
        assert_eq!(version_number("wasm-opt version 108"), Some(108));
        assert_eq!(version_number("wasm-opt version 132 (version_132)"), Some(132));
        assert_eq!(version_number("something else"), None);
    }
}
