//! Makes what the page loads of a wasm module. Which module, and when, is decided in `xtask/src/wasm.rs`, which alone runs this.
//!
//! - `bindgen generate MODULE FOLDER` writes the module and its JavaScript into the folder, as `glimpse*`.
//! - `bindgen plain MODULE OUT` writes the module once more, for browsers without relaxed SIMD.

#![cfg_attr(not(test), deny(clippy::unwrap_used))]

mod plain;

use anyhow::{Context, Result, bail};
use std::fs;
use wasm_bindgen_cli_support::Bindgen;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["generate", module, folder] => generate(module, folder),
        ["plain", module, out] => plain(module, out),
        _ => bail!("expected `generate MODULE FOLDER` or `plain MODULE OUT`, got {arguments:?}"),
    }
}

fn generate(module: &str, folder: &str) -> Result<()> {
    Bindgen::new()
        .input_path(module)
        .out_name("glimpse")
        .web(true)?
        .typescript(true)
        .omit_default_module_path(false)
        .remove_name_section(true)
        .remove_producers_section(true)
        .generate(folder)
        .context("wasm-bindgen could not read the module")
}

fn plain(module: &str, out: &str) -> Result<()> {
    let wasm = fs::read(module).with_context(|| format!("cannot read {module}"))?;
    let plain = plain::without_relaxed_simd(&wasm).with_context(|| format!("cannot rewrite {module}"))?;
    fs::write(out, plain).with_context(|| format!("cannot write {out}"))
}
