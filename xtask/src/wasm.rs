//! From the crate to `pkg/`: cargo, wasm-bindgen, wasm-opt. The last two are skipped when cargo's output has not changed.
//!
//! The page has three modules, and loads one of them: `pkg/light/`, without Burn; `pkg/plain/`, the same for browsers without
//! relaxed SIMD, which is made of the first; and `pkg/burn/`, with Burn. The two that are built have a target folder each:
//! Cargo would give both files one name, and so take each for stale after it made the other.

use crate::process;
use crate::progress::step;
use crate::toolchain::{TARGET, Toolchain};
use crate::wasm_opt::WasmOpt;
use anyhow::{Context, Result, bail};
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The version of the generator in `xtask/bindgen`; Cargo.lock must hold the same `wasm-bindgen`.
const GENERATOR: &str = "0.2.130";

/// LLVM has done the work already: when it was tried, `-O2` took longer than `-O1`, and what it made compressed worse.
const WASM_OPT_LEVEL: &str = "-O1";

/// The module's file in its folder.
const WASM: &str = "glimpse_bg.wasm";

/// Its JavaScript and the types of that.
const SCRIPTS: [&str; 2] = ["glimpse.js", "glimpse.d.ts"];

/// Records, inside a package folder, what it was made from. Written last, so that a half-made package never counts.
const STAMP: &str = ".stamp";

/// The two ways to build the module.
#[derive(Clone, Copy, Debug)]
pub enum Profile {
    /// For `serve` and `test`: quick to build.
    Ci,
    /// For `dist`: fat LTO, one codegen unit, shrunk by wasm-opt.
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

/// A module that cargo builds: the crate with some of its features.
#[derive(Clone, Copy, Debug)]
pub struct Module {
    /// Its folder in the package.
    pub name: &'static str,
    /// The crate's features in it.
    pub features: &'static str,
}

/// What nearly every visitor loads; see `www/engine/module.js`, which chooses.
pub const LIGHT: Module = Module {
    name: "light",
    features: "gpu,relaxed",
};

/// The folder of what is made of it for browsers without relaxed SIMD.
const PLAIN: &str = "plain";

/// Burn as well: what deep training needs.
pub const BURN: Module = Module {
    name: "burn",
    features: "candle,gpu,wgpu",
};

impl Module {
    /// Which part of the crate cargo is to compile.
    #[must_use]
    pub fn selection(self) -> [&'static str; 6] {
        [
            "--package",
            "glimpse",
            "--lib",
            "--no-default-features",
            "--features",
            self.features,
        ]
    }

    /// Builds it and its JavaScript in its folder of the package.
    pub fn package(self, profile: Profile) -> Result<()> {
        check_generator_version()?;
        let wasm_opt = match profile {
            Profile::Ci => None,
            Profile::Release => Some(WasmOpt::prepare()?),
        };
        let dir = profile.package_dir().join(self.name);
        let module = self.build(profile)?;
        let stamp = stamp(&module, wasm_opt.as_ref())?;
        if is_made_of(&dir, &stamp) {
            return Ok(());
        }
        let work = work_folder()?;
        let mut bindgen = bindgen()?;
        bindgen.arg("generate").args([&module, work.path()]);
        step("Generating the module's JavaScript", || process::run(&mut bindgen))?;
        if let Some(wasm_opt) = wasm_opt {
            let (large, small) = (work.path().join(WASM), work.path().join("small.wasm"));
            step("Shrinking the module with wasm-opt", || {
                wasm_opt.shrink(&large, &small, WASM_OPT_LEVEL)
            })?;
            fs::rename(&small, &large)?;
        }
        install(work.path(), &dir, &stamp)
    }

    /// Runs cargo, which shows its own progress, and returns what it made of the module.
    fn build(self, profile: Profile) -> Result<PathBuf> {
        let target_dir = crate::target_dir().join("modules").join(self.name);
        let mut cargo = Toolchain::prepare()?.cargo("build");
        cargo.args(self.selection()).args(["--profile", profile.name()]);
        process::run(cargo.arg("--target-dir").arg(&target_dir))?;
        Ok(target_dir.join(TARGET).join(profile.name()).join("glimpse.wasm"))
    }
}

/// Builds the modules and their JavaScript, and returns the folder that holds a folder for each.
pub fn package(profile: Profile) -> Result<PathBuf> {
    LIGHT.package(profile)?;
    package_plain(&profile.package_dir())?;
    BURN.package(profile)?;
    Ok(profile.package_dir())
}

/// Makes `plain` of `light`, where it is not yet what `light` is now.
fn package_plain(package: &Path) -> Result<()> {
    let [light, dir] = [LIGHT.name, PLAIN].map(|name| package.join(name));
    let stamp = fs::read_to_string(light.join(STAMP))?;
    if is_made_of(&dir, &stamp) {
        return Ok(());
    }
    let work = work_folder()?;
    for script in SCRIPTS {
        fs::copy(light.join(script), work.path().join(script))?;
    }
    process::run(bindgen()?.arg("plain").args([light.join(WASM), work.path().join(WASM)]))?;
    install(work.path(), &dir, &stamp)
}

/// The program that makes JavaScript for a module, and of one module another; built where it is not yet.
fn bindgen() -> Result<Command> {
    process::run(&mut cargo_bindgen("build"))?;
    Ok(Command::new(bindgen_target().join("debug/bindgen")))
}

/// Cargo, to do this with that program.
pub fn cargo_bindgen(command: &str) -> Command {
    let mut cargo = process::cargo();
    cargo.args([command, "--manifest-path", "xtask/bindgen/Cargo.toml"]);
    cargo.arg("--target-dir").arg(bindgen_target());
    cargo
}

fn bindgen_target() -> PathBuf {
    crate::target_dir().join("bindgen")
}

/// Where a module is made before it gets into its folder.
fn work_folder() -> Result<tempfile::TempDir> {
    tempfile::tempdir_in(crate::target_dir()).context("cannot create a folder for the package")
}

/// Moves everything that was generated into the module's folder.
fn install(from: &Path, to: &Path, stamp: &str) -> Result<()> {
    fs::create_dir_all(to).with_context(|| format!("cannot create {}", to.display()))?;
    let _ = fs::remove_file(to.join(STAMP));
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
    fs::write(to.join(STAMP), stamp)?;
    Ok(())
}

/// Whether a folder holds, in full, what was made of what this stamp says.
fn is_made_of(dir: &Path, stamp: &str) -> bool {
    fs::read_to_string(dir.join(STAMP)).is_ok_and(|old| old == stamp)
        && dir.join(WASM).is_file()
        && SCRIPTS.iter().all(|name| dir.join(name).is_file())
}

/// What the package depends on: the module's bytes and the tools that it goes through.
fn stamp(module: &Path, wasm_opt: Option<&WasmOpt>) -> Result<String> {
    let bytes = fs::read(module).with_context(|| format!("cargo made no {}", module.display()))?;
    let mut hasher = DefaultHasher::new();
    bytes.hash(&mut hasher);
    Ok(format!(
        "module {:016x} of {} bytes; wasm-bindgen {GENERATOR}; {}\n",
        hasher.finish(),
        bytes.len(),
        wasm_opt.map_or_else(String::new, |tool| format!("{} {WASM_OPT_LEVEL}", tool.version)),
    ))
}

/// wasm-bindgen's generator and library must have one version; say so before the build instead of after it.
fn check_generator_version() -> Result<()> {
    let lock = fs::read_to_string(crate::root().join("Cargo.lock")).context("cannot read Cargo.lock")?;
    let locked = locked_version(&lock, "wasm-bindgen").context("Cargo.lock holds no wasm-bindgen")?;
    if locked != GENERATOR {
        bail!(
            "Cargo.lock holds wasm-bindgen {locked}, but xtask generates for {GENERATOR}: \
             set wasm-bindgen-cli-support in xtask/bindgen/Cargo.toml and GENERATOR in xtask/src/wasm.rs to {locked}"
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
        let lock = fs::read_to_string(crate::root().join("xtask/bindgen/Cargo.lock")).unwrap();
        assert_eq!(locked_version(&lock, "wasm-bindgen-cli-support"), Some(GENERATOR));
    }
}
