//! Sees to it that `weights/` holds a network: asks `cargo glimpse weights`, and falls back to an untrained one. How
//! weights are found, checked and written is that command's business; this file only reads the manifest.

use crate::process;
use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};

/// `cargo glimpse weights` ends with this code when it found no source to take weights from.
const NO_SOURCE: i32 = 3;

/// The version of the manifest that the page reads; an older folder is prepared anew.
const SCHEMA: u64 = 2;

/// What `weights/manifest.json` says, as far as xtask asks.
#[derive(Debug)]
pub struct Manifest {
    /// The manifest itself.
    pub path: PathBuf,
    /// The weights' file, beside the manifest.
    pub file: PathBuf,
    /// Whether the weights may be published.
    pub redistributable: bool,
    /// False for a generated network that has never seen a photo.
    pub trained: bool,
}

impl Manifest {
    /// Reads a folder's manifest, and checks that the file it names is there in full.
    pub fn read(dir: &Path) -> Result<Self> {
        let path = dir.join("manifest.json");
        let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let json: Value = serde_json::from_str(&text).with_context(|| format!("{} is not JSON", path.display()))?;
        let missing = |key: &str| format!("{} has no {key}", path.display());
        if json["schema"].as_u64() != Some(SCHEMA) {
            bail!("{} is of another version than {SCHEMA}", path.display());
        }
        let file = dir.join(json["file"].as_str().with_context(|| missing("file"))?);
        let expected = json["bytes"].as_u64().with_context(|| missing("bytes"))?;
        let found = fs::metadata(&file)
            .with_context(|| format!("cannot read {}", file.display()))?
            .len();
        if found != expected {
            bail!("{} has {found} bytes, its manifest says {expected}", file.display());
        }
        Ok(Manifest {
            file,
            redistributable: json["redistributable"]
                .as_bool()
                .with_context(|| missing("redistributable"))?,
            trained: json["trained"].as_bool().with_context(|| missing("trained"))?,
            path,
        })
    }
}

/// Prepares `weights/`, which the page loads, where it is not complete yet.
pub fn prepare() -> Result<Manifest> {
    prepare_in(&crate::root().join("weights"), &[])
}

/// Prepares a folder with the network, encoded as these options say, where it is not complete yet.
pub fn prepare_in(dir: &Path, encoding: &[&str]) -> Result<Manifest> {
    if let Ok(manifest) = Manifest::read(dir) {
        return Ok(manifest);
    }
    let out = dir.display().to_string();
    let options = [encoding, &["--out", &out]].concat();
    let status = run(&options)?;
    if status.code() == Some(NO_SOURCE) {
        eprintln!(
            "\n  No trained weights could be had. Generating an UNTRAINED network: the page will work, its answers"
        );
        eprintln!("  will be poor. For the real thing: cargo glimpse weights --from FILE-OR-URL\n");
        check(run(&[options.as_slice(), &["--untrained"]].concat())?)?;
    } else {
        check(status)?;
    }
    Manifest::read(dir).context("`cargo glimpse weights` ended well but left no usable weights")
}

fn run(arguments: &[&str]) -> Result<ExitStatus> {
    eprintln!(
        "Preparing the network's weights (cargo glimpse weights {})",
        arguments.join(" ")
    );
    let mut tool = tool();
    tool.arg("weights")
        .args(arguments)
        .status()
        .context("cannot start cargo")
}

/// The native companion, to be given its arguments. It is built without Burn's backends: that takes a fraction of the time,
/// and nothing that xtask asks of it needs them.
pub fn tool() -> Command {
    let mut cargo = process::cargo();
    cargo.args([
        "run",
        "--package",
        "glimpse",
        "--no-default-features",
        "--features",
        "burn",
        "--bin",
        "glimpse",
        "--",
    ]);
    cargo
}

fn check(status: ExitStatus) -> Result<()> {
    if !status.success() {
        bail!("`cargo glimpse weights` ended with {status}");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(bytes: usize) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("net.safetensors"), vec![0; bytes]).unwrap();
        let manifest =
            r#"{"schema": 2, "file": "net.safetensors", "bytes": 5, "redistributable": true, "trained": false}"#;
        fs::write(dir.path().join("manifest.json"), manifest).unwrap();
        dir
    }

    #[test]
    fn a_complete_folder_is_read() {
        let dir = folder(5);
        let manifest = Manifest::read(dir.path()).unwrap();
        assert!(manifest.redistributable && !manifest.trained);
        assert_eq!(manifest.file, dir.path().join("net.safetensors"));
    }

    #[test]
    fn a_truncated_file_is_named_with_expected_and_found() {
        let error = Manifest::read(folder(3).path()).unwrap_err().to_string();
        assert!(error.contains("3 bytes") && error.contains("says 5"), "{error}");
    }
}
