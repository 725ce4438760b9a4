//! From the crate to `pkg/`: cargo, wasm-bindgen, wasm-opt. The last two are skipped when cargo's output has not changed.

use crate::process;
use crate::progress::step;
use crate::toolchain::{TARGET, Toolchain};
use crate::wasm_opt::WasmOpt;
use anyhow::{Context, Result, bail};
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use wasm_bindgen_cli_support::Bindgen;

/// The version of the generator that is linked in here; Cargo.lock must hold the same `wasm-bindgen`.
const GENERATOR: &str = "0.2.130";

/// LLVM has done the work already: when it was tried, `-O2` took longer than `-O1`, and what it made compressed worse.
const WASM_OPT_LEVEL: &str = "-O1";

/// Records, inside a package folder, what it was made from. Written last, so that a half-made package never counts.
const STAMP: &str = ".stamp";

/// The two ways to build the module.
#[derive(Clone, Copy, Debug)]
pub enum Profile {
    /// Thin LTO: for `serve` and `test`.
    Ci,
    /// Fat LTO, one codegen unit: for `dist`.
    Release,
}

impl Profile {
    /// Cargo's name for it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Profile::Ci => "ci",
            Profile::Release => "release",
        }
    }

    /// Where its package is made. The page loads `pkg/`; `dist` must not overwrite that.
    #[must_use]
    pub fn package_dir(self) -> PathBuf {
        match self {
            Profile::Ci => crate::root().join("pkg"),
            Profile::Release => crate::target_dir().join("pkg-release"),
        }
    }
}

/// Builds the module and its JavaScript, and returns the folder that holds them.
pub fn package(profile: Profile) -> Result<PathBuf> {
    check_generator_version()?;
    let toolchain = Toolchain::prepare()?;
    let module = build(toolchain, profile)?;
    let wasm_opt = WasmOpt::prepare()?;
    let dir = profile.package_dir();
    let stamp = stamp(&module, &wasm_opt)?;
    if fs::read_to_string(dir.join(STAMP)).is_ok_and(|old| old == stamp) && is_complete(&dir) {
        return Ok(dir);
    }
    fs::create_dir_all(&dir).with_context(|| format!("cannot create {}", dir.display()))?;
    let _ = fs::remove_file(dir.join(STAMP));
    let work = tempfile::tempdir_in(crate::target_dir()).context("cannot create a folder for the package")?;
    step("Generating the module's JavaScript", || generate(&module, work.path()))?;
    let (large, small) = (work.path().join("glimpse_bg.wasm"), work.path().join("small.wasm"));
    step("Shrinking the module with wasm-opt", || {
        wasm_opt.shrink(&large, &small, WASM_OPT_LEVEL)
    })?;
    fs::rename(&small, &large)?;
    install(work.path(), &dir)?;
    fs::write(dir.join(STAMP), stamp)?;
    Ok(dir)
}

/// Runs cargo, which shows its own progress, and returns the module it made.
fn build(toolchain: Toolchain, profile: Profile) -> Result<PathBuf> {
    let mut cargo = toolchain.cargo("build");
    process::run(cargo.args([
        "--package",
        "glimpse",
        "--lib",
        "--features",
        "webgpu",
        "--profile",
        profile.name(),
    ]))?;
    Ok(crate::target_dir()
        .join(TARGET)
        .join(profile.name())
        .join("glimpse.wasm"))
}

fn generate(module: &Path, dir: &Path) -> Result<()> {
    Bindgen::new()
        .input_path(module)
        .out_name("glimpse")
        .web(true)?
        .typescript(true)
        .omit_default_module_path(false)
        .remove_name_section(true)
        .remove_producers_section(true)
        .generate(dir)
        .context("wasm-bindgen could not read the module")
}

/// Moves everything that was generated into the package folder, whose README stays.
fn install(from: &Path, to: &Path) -> Result<()> {
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if target.is_dir() {
            fs::remove_dir_all(&target)?;
        }
        fs::rename(entry.path(), &target)
            .or_else(|_| fs::copy(entry.path(), &target).map(|_| ()))
            .with_context(|| format!("cannot write {}", target.display()))?;
    }
    Ok(())
}

fn is_complete(dir: &Path) -> bool {
    ["glimpse.js", "glimpse_bg.wasm", "glimpse.d.ts"]
        .iter()
        .all(|name| dir.join(name).is_file())
}

/// What the package depends on: the module's bytes and the tools that it goes through.
fn stamp(module: &Path, wasm_opt: &WasmOpt) -> Result<String> {
    let bytes = fs::read(module).with_context(|| format!("cargo made no {}", module.display()))?;
    let mut hasher = DefaultHasher::new();
    bytes.hash(&mut hasher);
    Ok(format!(
        "module {:016x} of {} bytes; wasm-bindgen {GENERATOR}; {} {}\n",
        hasher.finish(),
        bytes.len(),
        wasm_opt.version,
        WASM_OPT_LEVEL,
    ))
}

/// wasm-bindgen's generator and library must have one version; say so before the build instead of after it.
fn check_generator_version() -> Result<()> {
    let lock = fs::read_to_string(crate::root().join("Cargo.lock")).context("cannot read Cargo.lock")?;
    let locked = locked_version(&lock, "wasm-bindgen").context("Cargo.lock holds no wasm-bindgen")?;
    if locked != GENERATOR {
        bail!(
            "Cargo.lock holds wasm-bindgen {locked}, but xtask generates for {GENERATOR}: \
             set wasm-bindgen-cli-support in xtask/Cargo.toml and GENERATOR in xtask/src/wasm.rs to {locked}"
        );
    }
    Ok(())
}

fn locked_version<'a>(lock: &'a str, package: &str) -> Option<&'a str> {
    let start = lock.find(&format!("name = \"{package}\"\n"))?;
    let line = lock[start..].lines().nth(1)?;
    line.strip_prefix("version = \"")?.strip_suffix('"')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn locked_versions_are_read() {
        let lock = "[[package]]\nname = \"wasm-bindgen-shared\"\nversion = \"1.0.0\"\n\n[[package]]\nname = \"wasm-bindgen\"\nversion = \"0.2.7\"\n";
        assert_eq!(locked_version(lock, "wasm-bindgen"), Some("0.2.7"));
        assert_eq!(locked_version(lock, "burn"), None);
    }

    #[test]
    fn the_generator_has_the_locked_version() {
        check_generator_version().unwrap();
    }
}
