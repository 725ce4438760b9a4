//! `cargo xtask test`: everything that CI runs, cheapest first, going on after a failure, with one line of totals at the
//! end. What is tested is in the crates; this file only starts the steps and counts.

mod tally;

use crate::axe::Axe;
use crate::chrome;
use crate::process::{cargo, output, run as shown};
use crate::toolchain::Toolchain;
use crate::uglify::Uglify;
use crate::wasm::{self, Profile};
use anyhow::{Context, Result};
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, ExitCode, Stdio};
use tally::Tally;

/// Builds `tests/tract` where the tests look for it.
const TRACT: [&str; 5] = [
    "build",
    "--manifest-path",
    "tests/tract/Cargo.toml",
    "--target-dir",
    "target/tract",
];

/// Sees that `tests/fuzz` still fits: to run it takes another tool and as long as one likes.
const FUZZ: [&str; 9] = [
    "clippy",
    "--no-default-features",
    "--manifest-path",
    "tests/fuzz/Cargo.toml",
    "--target-dir",
    "target/fuzz",
    "--",
    "-D",
    "warnings",
];

/// Runs all steps. The exit code says whether everything passed; with `CI=true` nothing may have been skipped either.
pub fn run() -> Result<ExitCode> {
    chrome::prepare()?;
    chrome::prepare_emoji()?;
    prepare_components()?;
    let toolchain = Toolchain::prepare()?;
    // Tests find them there, and need no network.
    Uglify::prepare()?;
    Axe::prepare()?;
    let mut tally = Tally::default();

    heading("format");
    tally.step("format", format());
    heading("clippy");
    // What is for the GPU is looked at below, and Burn's GPU backend, which takes minutes to check, nowhere: little is said to it.
    let clippy = ["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"];
    tally.step("clippy", shown(cargo().args(clippy)));
    heading("clippy for wasm");
    tally.step("clippy for wasm", clippy_for_wasm(toolchain));
    heading("clippy for the module's generator");
    let mut generator = wasm::cargo_bindgen("clippy");
    tally.step(
        "clippy for the module's generator",
        shown(generator.args(["--all-targets", "--", "-D", "warnings"])),
    );
    heading("the page's module");
    tally.step("the page's module", wasm::package(Profile::Ci).map(|_| ()));
    heading("tract, which computes ONNX files in tests");
    tally.step("tract", shown(cargo().args(TRACT)));
    heading("the fuzz target");
    tally.step("fuzz target", shown(cargo().args(FUZZ)));
    heading("tests");
    cargo_test(&mut wasm::cargo_bindgen("test"), &mut tally)?;
    cargo_test(cargo().args(["test", "--workspace", "--no-fail-fast"]), &mut tally)?;

    let strict = std::env::var("CI").is_ok_and(|value| value == "true");
    print!("{}", tally.report(strict));
    Ok(if tally.is_good(strict) {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// A minimal rustup comes without these.
fn prepare_components() -> Result<()> {
    for (command, component) in [("fmt", "rustfmt"), ("clippy", "clippy")] {
        if output(cargo().args([command, "--version"])).is_err() {
            println!("Adding {component} (rustup component add)");
            let mut rustup = Command::new("rustup");
            shown(rustup.current_dir(crate::root()).args(["component", "add", component]))?;
        }
    }
    Ok(())
}

/// Of the workspace, and of the packages outside of it.
fn format() -> Result<()> {
    shown(cargo().args(["fmt", "--all", "--check"]))?;
    for package in ["tests/fuzz", "tests/tract", "xtask/bindgen"] {
        let manifest = format!("{package}/Cargo.toml");
        shown(cargo().args(["fmt", "--check", "--manifest-path", &manifest]))?;
    }
    Ok(())
}

fn heading(what: &str) {
    println!("\n== {what} ==");
}

/// Of the module without Burn: what names Burn is the same natively, where clippy has seen it.
fn clippy_for_wasm(toolchain: Toolchain) -> Result<()> {
    let mut clippy = toolchain.cargo("clippy");
    shown(clippy.args(wasm::LIGHT.selection()).args(["--", "-D", "warnings"]))
}

/// Runs cargo's tests, shows what they print, and counts their results.
fn cargo_test(command: &mut Command, tally: &mut Tally) -> Result<()> {
    let mut child = command
        .stdout(Stdio::piped())
        .spawn()
        .context("cannot start cargo test")?;
    let pipe = child.stdout.take().context("cargo test has no output")?;
    let mut reader = BufReader::new(pipe);
    let (mut line, mut stdout) = (Vec::new(), std::io::stdout());
    while reader.read_until(b'\n', &mut line)? > 0 {
        stdout.write_all(&line)?;
        stdout.flush()?;
        tally.line(&String::from_utf8_lossy(&line));
        line.clear();
    }
    tally.ended(child.wait()?.success());
    Ok(())
}
