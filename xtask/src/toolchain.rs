//! Which Rust builds the wasm module: rustup's, with the wasm target added, or Debian's own, which brings the sources of
//! the standard library and builds it along. Nothing here knows what is built.

use crate::{apt, process};
use anyhow::Result;
use std::path::Path;
use std::process::{Command, Stdio};

/// The target triple of the page's module.
pub const TARGET: &str = "wasm32-unknown-unknown";

/// Debian's compiler, cargo, clippy, standard library sources, LLVM tools and linker.
const DEBIAN_PACKAGES: [&str; 6] = [
    "rustc-web",
    "cargo-web",
    "rust-web-clippy",
    "rust-web-src",
    "rust-web-llvm",
    "lld-22",
];

/// A Rust that can build for [`TARGET`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Toolchain {
    /// The toolchain that runs this program; it has the target's standard library.
    Rustup,
    /// Debian's packages, for where rustup's server cannot be reached.
    Debian,
}

impl Toolchain {
    /// Chooses the toolchain, and installs what is missing for it.
    pub fn prepare() -> Result<Self> {
        if rustup_has_target() {
            return Ok(Toolchain::Rustup);
        }
        if debian_is_installed() {
            return Ok(Toolchain::Debian);
        }
        eprintln!("Adding Rust's target {TARGET} (rustup target add)");
        let added = process::run(
            Command::new("rustup")
                .args(["target", "add", TARGET])
                .current_dir(crate::root()),
        );
        if added.is_ok() && rustup_has_target() {
            return Ok(Toolchain::Rustup);
        }
        eprintln!("rustup could not add it; taking Debian's own Rust for the wasm module");
        apt::install(&DEBIAN_PACKAGES, "a Rust that builds WebAssembly")?;
        Ok(Toolchain::Debian)
    }

    /// `cargo COMMAND --target …` in the repository's root, ready for more arguments.
    #[must_use]
    pub fn cargo(self, command: &str) -> Command {
        let mut cargo = match self {
            Toolchain::Rustup => {
                let mut cargo = process::cargo();
                cargo.arg(command);
                cargo
            }
            Toolchain::Debian => debian_cargo(command),
        };
        cargo.args(["--target", TARGET]);
        cargo
    }
}

fn debian_cargo(command: &str) -> Command {
    // `cargo clippy` would take the first clippy on the PATH, which is another toolchain's.
    let program = if command == "clippy" {
        "/usr/bin/cargo-clippy"
    } else {
        "/usr/bin/cargo"
    };
    let mut cargo = Command::new(program);
    cargo
        .current_dir(crate::root())
        .env("CARGO", "/usr/bin/cargo")
        .env("RUSTC", "/usr/bin/rustc")
        .env("RUSTDOC", "/usr/bin/rustdoc")
        // -Zbuild-std is a nightly option; Debian's stable compiler takes it with this.
        .env("RUSTC_BOOTSTRAP", "1")
        .env_remove("RUSTUP_TOOLCHAIN")
        .args([command, "-Zbuild-std=std,panic_abort"]);
    cargo
}

fn rustup_has_target() -> bool {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let question = process::output(
        Command::new(rustc)
            .args(["--print", "target-libdir", "--target", TARGET])
            .current_dir(crate::root()),
    );
    question.is_ok_and(|dir| Path::new(dir.trim()).is_dir())
}

fn debian_is_installed() -> bool {
    let mut query = Command::new("dpkg-query");
    query
        .args(["--show", "--showformat=${db:Status-Status}\n"])
        .args(DEBIAN_PACKAGES)
        .stderr(Stdio::null());
    process::output(&mut query)
        .is_ok_and(|answer| answer.lines().filter(|line| *line == "installed").count() == DEBIAN_PACKAGES.len())
}
