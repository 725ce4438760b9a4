//! The command line of `cargo xtask`. Only parsing and dispatch; each command lives in the module of its name.

#![deny(missing_docs, clippy::unwrap_used)]

use anyhow::Result;
use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// Builds, serves, tests and packs Glimpse.
///
/// Each command first gets what it is missing (Rust's wasm target, wasm-opt, Chromium), through rustup and apt-get.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", arg_required_else_help = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Build the page's wasm module and weights, then serve the repository on localhost.
    Serve {
        /// The port to listen on; without it 8080, or any free one where that is taken.
        #[arg(long)]
        port: Option<u16>,
    },
    /// Run everything that CI runs: format, clippy, unit, integration and browser tests.
    Test,
    /// Measure speed, size and memory beside other runtimes, in a headless Chromium.
    Bench(xtask::bench::Options),
    /// Take pictures of every state of the page, in each language, on a laptop and on a phone.
    Screenshots {
        /// Renew README's pictures in `docs/images` too.
        #[arg(long)]
        readme: bool,
    },
    /// Pack `dist/`, a folder for any static host, and open it once in a headless Chromium.
    Dist {
        /// Pack weights that may not be redistributed or are untrained: for your own use, not for publishing.
        #[arg(long)]
        local: bool,
    },
}

fn main() -> ExitCode {
    match run(Arguments::parse().command) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> Result<ExitCode> {
    match command {
        Command::Serve { port } => xtask::serve::run(port).map(|()| ExitCode::SUCCESS),
        Command::Test => xtask::test::run(),
        Command::Bench(options) => xtask::bench::run(&options).map(|()| ExitCode::SUCCESS),
        Command::Screenshots { readme } => xtask::screenshots::run(readme).map(|()| ExitCode::SUCCESS),
        Command::Dist { local } => xtask::dist::run(local).map(|()| ExitCode::SUCCESS),
    }
}
