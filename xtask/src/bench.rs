//! `cargo xtask bench`: how fast, how large and how light the page is, in a headless Chromium, beside its peers. What is
//! measured, and how, is in `bench/`, a file for each table; what runs in the browser is in `xtask/bench/`.

mod bytes;
mod embedding;
mod model;
mod peers;
mod shots;
mod statistics;
mod table;
mod training;
mod visit;

use crate::chrome::{self, Chrome};
use crate::server::Server;
use crate::wasm::{self, Profile};
use crate::weights::{self, Manifest};
use anyhow::Result;
use clap::{Args, ValueEnum};
use serde_json::{Map, Value, json};
use std::path::PathBuf;
use table::Table;

/// How to measure.
#[derive(Args, Debug)]
pub struct Options {
    /// Print one JSON object instead of tables.
    #[arg(long)]
    json: bool,
    /// How often everything takes its turn.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// Measure these alone, separated by commas.
    #[arg(long, value_enum, value_delimiter = ',')]
    only: Vec<Part>,
    /// Measure the module of `cargo xtask dist` instead of `serve`'s: smaller, and minutes to build.
    #[arg(long)]
    release: bool,
    /// Let Burn's own layers embed too: burn-candle on the CPU, burn-wgpu on WebGPU.
    #[arg(long)]
    burn: bool,
    /// How many photos `--only shots` gives the page.
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u32).range(10..))]
    shots: u32,
    /// Let WebGPU run on the machine's GPU. (Without this it runs on the software adapter, as in tests.)
    #[arg(long)]
    gpu: bool,
    /// Build nothing: measure what an earlier run has left, for instance on a machine that it was copied to.
    #[arg(long, conflicts_with = "release")]
    as_built: bool,
}

/// What can be measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Part {
    /// Module, weights and page, raw and compressed.
    Bytes,
    /// Embeddings on the CPU.
    Cpu,
    /// Embeddings on WebGPU.
    Webgpu,
    /// Training of heads.
    Training,
    /// The page as a visitor has it: its start, uploads, the camera.
    Visit,
    /// Many photos in the page: time and memory. Minutes, so it is measured only where it is named.
    Shots,
}

const PARTS: [Part; 6] = [
    Part::Bytes,
    Part::Cpu,
    Part::Webgpu,
    Part::Training,
    Part::Visit,
    Part::Shots,
];

/// What all measurements stand on.
struct Setting {
    rounds: u32,
    shots: usize,
    burn: bool,
    gpu: bool,
    as_built: bool,
    /// The folder of the page's module.
    package: PathBuf,
    manifest: Manifest,
}

impl Setting {
    /// The repository on localhost, with the module and the network that are measured.
    fn server(&self) -> Result<Server> {
        let server = Server::builder(crate::root()).hide("/target").start()?;
        server.mount("/pkg", &self.package);
        Ok(server)
    }
}

/// Measures, and prints what came out.
pub fn run(options: &Options) -> Result<()> {
    chrome::prepare()?;
    let profile = if options.release { Profile::Release } else { Profile::Ci };
    let setting = Setting {
        rounds: options.rounds,
        shots: options.shots as usize,
        burn: options.burn,
        gpu: options.gpu,
        as_built: options.as_built,
        package: match options.as_built {
            true => profile.package_dir(),
            false => wasm::package(profile)?,
        },
        manifest: weights::prepare()?,
    };
    let mut tables = Vec::new();
    for part in PARTS {
        let asked = match options.only.is_empty() {
            true => part != Part::Shots,
            false => options.only.contains(&part),
        };
        if asked {
            tables.extend(measure(part, &setting)?);
        }
    }
    let machine = machine(&setting, profile)?;
    if options.json {
        println!("{}", as_json(&machine, &tables));
    } else {
        print!("\n{}", as_text(&machine, &tables));
    }
    Ok(())
}

fn measure(part: Part, setting: &Setting) -> Result<Vec<Table>> {
    match part {
        Part::Bytes => bytes::measure(setting).map(|table| vec![table]),
        Part::Cpu => embedding::measure_cpu(setting).map(|table| vec![table]),
        Part::Webgpu => embedding::measure_webgpu(setting).map(|table| vec![table]),
        Part::Training => training::measure(setting).map(|table| vec![table]),
        Part::Visit => visit::measure(setting),
        Part::Shots => shots::measure(setting).map(|table| vec![table]),
    }
}

/// Where it was measured, and what: names and values for a reader.
fn machine(setting: &Setting, profile: Profile) -> Result<Vec<(&'static str, String)>> {
    let version = Chrome::start()?.connect()?.send("Browser.getVersion", json!({}))?;
    let name = setting.manifest.file.file_name().unwrap_or_default().to_string_lossy();
    let trained = if setting.manifest.trained {
        "trained"
    } else {
        "UNTRAINED"
    };
    Ok(vec![
        ("processor", processor()),
        ("browser", version["product"].as_str().unwrap_or("unknown").to_owned()),
        ("module", format!("profile {}", profile.name())),
        ("weights", format!("{name}, {trained}")),
        ("peers", peers::names()),
    ])
}

/// The processor's name where Linux tells it, and how many of its threads there are for us.
fn processor() -> String {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = info
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    format!("{}, {threads} threads", name.map_or("unknown", |(_, name)| name))
}

fn as_json(machine: &[(&str, String)], tables: &[Table]) -> Value {
    let machine = machine.iter().map(|(name, value)| ((*name).to_owned(), json!(value)));
    let tables = tables.iter().map(|table| (table.title.clone(), table.to_json()));
    json!({"machine": machine.collect::<Map<_, _>>(), "tables": tables.collect::<Map<_, _>>()})
}

fn as_text(machine: &[(&str, String)], tables: &[Table]) -> String {
    let machine: String = machine
        .iter()
        .map(|(name, value)| format!("- {name}: {value}\n"))
        .collect();
    let tables: String = tables.iter().map(|table| format!("\n{table}")).collect();
    machine + &tables
}
