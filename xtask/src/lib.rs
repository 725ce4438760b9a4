//! Builds, serves, tests and packs Glimpse. The binary is `cargo xtask`; the library is also what the browser tests in
//! the root's `tests/` stand on: [`server`] (a static server that can misbehave on request), [`chrome`] (finds and runs
//! a headless Chromium) and [`cdp`] (drives it).
//!
//! Nothing here may depend on the `glimpse` crate or on Burn: `cargo xtask` has to start in seconds on a fresh machine.

#![deny(missing_docs)]
#![cfg_attr(not(test), deny(clippy::unwrap_used))]

pub mod apt;
pub mod axe;
pub mod bench;
pub mod cdp;
pub mod chrome;
mod compressed;
pub mod dist;
pub mod links;
pub mod npm;
pub mod policy;
pub mod process;
pub mod progress;
pub mod release;
pub mod screenshots;
pub mod serve;
pub mod server;
mod styles;
pub mod test;
pub mod toolchain;
pub mod uglify;
pub mod wasm;
pub mod wasm_opt;
pub mod weights;

use std::path::{Path, PathBuf};

/// The repository's root: the folder above `xtask/`.
#[must_use]
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("xtask lies inside the repository")
}

/// Cargo's target folder: `CARGO_TARGET_DIR` where set, else `target/` in the root.
#[must_use]
pub fn target_dir() -> PathBuf {
    match std::env::var_os("CARGO_TARGET_DIR") {
        Some(dir) => root().join(dir),
        None => root().join("target"),
    }
}
