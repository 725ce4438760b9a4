//! Binaryen's `wasm-opt`: gets it and runs it. Which module, and when, is decided in `wasm.rs`.
//!
//! Debian 12's version 108 reads and writes everything that the module uses today, and installs in seconds; its one gap
//! is relaxed SIMD. Building version 116 from crates.io takes eleven minutes on two cores and, on the same module, saves
//! neither time nor bytes, so it is only the way for systems without apt-get.

use crate::{apt, process};
use anyhow::{Context, Result, bail};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The oldest version that is known to handle our modules.
const OLDEST: u32 = 108;

/// The crate that builds wasm-opt from source, and its version.
const SOURCE: (&str, &str) = ("wasm-opt", "0.116.1");

/// What the module may use. Said aloud, since older versions do not understand the compiler's own list of features.
const FEATURES: [&str; 7] = [
    "--enable-bulk-memory",
    "--enable-nontrapping-float-to-int",
    "--enable-sign-ext",
    "--enable-mutable-globals",
    "--enable-simd",
    "--enable-reference-types",
    "--enable-multivalue",
];

/// A wasm-opt that is new enough.
#[derive(Debug)]
pub struct WasmOpt {
    program: PathBuf,
    /// What `wasm-opt --version` says.
    pub version: String,
}

impl WasmOpt {
    /// Finds wasm-opt on the `PATH` or among what was built here before, and gets it where there is none.
    pub fn prepare() -> Result<Self> {
        let tools = crate::target_dir().join("tools");
        let built = tools.join("bin/wasm-opt");
        if let Some(found) = on_path().or_else(|| usable(&built)) {
            return Ok(found);
        }
        let has_apt = process::find_program(&["apt-get"]).is_some();
        if has_apt
            && apt::install(&["binaryen"], "wasm-opt").is_ok()
            && let Some(found) = on_path()
        {
            return Ok(found);
        }
        println!("Building wasm-opt from source: this takes some minutes, once");
        let (name, version) = SOURCE;
        process::run(
            process::cargo()
                .env("CARGO_TARGET_DIR", tools.join("build"))
                .args(["install", name, "--version", version, "--locked", "--root"])
                .arg(&tools),
        )
        .context("wasm-opt could not be built; please install Binaryen by hand and run the command again")?;
        usable(&built).context("the wasm-opt that was just built does not run")
    }

    /// Shrinks `input` into `output` at a level such as `-O1`.
    pub fn shrink(&self, input: &Path, output: &Path, level: &str) -> Result<()> {
        process::run(
            Command::new(&self.program)
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

fn on_path() -> Option<WasmOpt> {
    usable(&process::find_program(&["wasm-opt"])?)
}

fn usable(program: &Path) -> Option<WasmOpt> {
    let version = process::output(Command::new(program).arg("--version"))
        .ok()?
        .trim()
        .to_owned();
    (version_number(&version)? >= OLDEST).then(|| WasmOpt {
        program: program.to_owned(),
        version,
    })
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
        assert_eq!(version_number("wasm-opt version 116 (version_116)"), Some(116));
        assert_eq!(version_number("something else"), None);
    }
}
