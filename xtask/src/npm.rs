//! Packages of the npm registry: pinned by version and hash, unpacked and never installed, so that no script of theirs
//! runs. Which packages, and what for, is the callers' business.

use crate::{apt, process};
use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A package, as it must be.
#[derive(Debug)]
pub struct Package {
    /// Its name, such as `binaryen` or `@tensorflow/tfjs`.
    pub name: &'static str,
    /// Its exact version.
    pub version: &'static str,
    /// What npm says that its archive hashes to.
    pub integrity: &'static str,
    /// What is unpacked of it: files and folders.
    pub files: &'static [&'static str],
}

impl Package {
    /// The folder with the package's files, somewhere below `folder`. Fetched where it is not there yet.
    pub fn prepare(&self, folder: &Path) -> Result<PathBuf> {
        let home = folder.join(self.folder_name());
        if !home.is_dir() {
            prepare_node()?;
            fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
            // Renamed at the end, so that a package is there in full or not at all.
            let work = tempfile::tempdir_in(folder).context("cannot create a folder for the package")?;
            self.unpack(work.path())?;
            fs::rename(work.path().join("package"), &home)
                .with_context(|| format!("cannot create {}", home.display()))?;
        }
        Ok(home)
    }

    /// The folder's name, the same for a package and version always.
    fn folder_name(&self) -> String {
        format!(
            "{}-{}",
            self.name.trim_start_matches('@').replace('/', "-"),
            self.version
        )
    }

    /// Unpacks into `folder`, once npm has named the hash that is expected.
    fn unpack(&self, folder: &Path) -> Result<()> {
        let wanted = format!("{}@{}", self.name, self.version);
        let said = process::output(
            Command::new("npm")
                .current_dir(folder)
                .args(["pack", "--json", &wanted]),
        )?;
        let archive = folder.join(self.checked_archive(&said)?);
        let files = self.files.iter().map(|file| format!("package/{file}"));
        process::run(
            Command::new("tar")
                .current_dir(folder)
                .arg("xzf")
                .arg(archive)
                .args(files),
        )
    }

    /// The archive's name, from what `npm pack --json` said. Another hash than the expected one is an error.
    fn checked_archive(&self, said: &str) -> Result<String> {
        let packed: Value = serde_json::from_str(said).context("npm pack printed no JSON")?;
        let field = |name: &str| {
            let value = packed[0][name].as_str();
            value.with_context(|| format!("npm pack printed no {name}"))
        };
        let integrity = field("integrity")?;
        if integrity != self.integrity {
            bail!(
                "{}@{} has the hash {integrity}, expected {}: it was not unpacked",
                self.name,
                self.version,
                self.integrity
            );
        }
        field("filename").map(str::to_owned)
    }
}

/// Sees to it that there is Node.js, and npm with it.
pub fn prepare_node() -> Result<()> {
    if process::find_program(&["node"]).is_none() || process::find_program(&["npm"]).is_none() {
        apt::install(&["nodejs", "npm"], "Node.js")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const PACKAGE: Package = Package {
        name: "@some/thing",
        version: "1.2.3",
        integrity: "sha512-right",
        files: &["dist"],
    };

    #[test]
    fn only_the_expected_hash_is_unpacked() {
        let said = |integrity: &str| format!(r#"[{{"integrity": "{integrity}", "filename": "some-thing-1.2.3.tgz"}}]"#);
        let archive = PACKAGE.checked_archive(&said("sha512-right")).unwrap();
        assert_eq!(archive, "some-thing-1.2.3.tgz");
        let error = PACKAGE.checked_archive(&said("sha512-wrong")).unwrap_err().to_string();
        assert!(
            error.contains("sha512-wrong") && error.contains("sha512-right"),
            "{error}"
        );
        assert!(PACKAGE.checked_archive("[]").is_err());
        assert!(PACKAGE.checked_archive("npm ERR!").is_err());
    }

    #[test]
    fn what_is_there_is_not_fetched_again() {
        let dir = tempfile::tempdir().unwrap();
        let home = dir.path().join("some-thing-1.2.3");
        fs::create_dir(&home).unwrap();
        assert_eq!(PACKAGE.prepare(dir.path()).unwrap(), home);
    }
}
