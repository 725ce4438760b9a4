//! `cargo glimpse weights-curve`: what shorter weights cost. The network is written with steps of several lengths, each is
//! prepared in a folder of its own and embeds the photos anew, and the same episodes are played with each. The table shows
//! bytes against the cosine with the exact embedding and against few-shot accuracy.
//!
//! With `--noise`, seeded normal noise is added to every filter first, in parts of its convolution's standard deviation:
//! weights that were product-quantised once, and hold few distinct values, are then as hard to code as any others.

use std::{f32::consts::TAU, path::PathBuf};

use clap::Args;
use rand_chacha::{
    ChaCha8Rng,
    rand_core::{RngCore, SeedableRng},
};

use super::{
    eval::{Draws, Pool, Settings, accuracies},
    folder::{self, ClassFolder},
    library::{self, LibraryClass},
    weights::{self, Encoding},
};
use crate::{
    Error, Method, StateDict,
    architecture::convolutions,
    backend::BackendKind,
    compact,
    embedder::Views,
    episode::Episode,
    evaluation::{mean, paired},
    manifest::Origin,
    vector::deviation,
};

/// What is measured.
const METHODS: [Method; 2] = [Method::Prototype, Method::Finetune];

/// What to measure.
#[derive(Debug, Args)]
pub struct CurveArgs {
    /// A folder with a folder of photos per class.
    #[arg(long, value_name = "DIR")]
    images: PathBuf,
    /// A state dict of f32 parameters, as `weights --from` takes it.
    #[arg(long, value_name = "FILE", default_value = "../shared/weights/resnet18.safetensors")]
    from: PathBuf,
    /// Lengths of steps, in standard deviations of the largest convolution's filters.
    #[arg(long, value_delimiter = ',', default_values_t = [0.2, compact::STEP, 0.4, 0.55])]
    steps: Vec<f32>,
    /// Noise added to every filter, in its convolution's standard deviations.
    #[arg(long, default_value_t = 0.0)]
    noise: f32,
    /// `cpu`, `candle`, `webgpu` or `wgpu`.
    #[arg(long, default_value = "cpu")]
    backend: BackendKind,
    #[command(flatten)]
    draws: Draws,
    /// Where the networks and the embeddings are kept.
    #[arg(long, value_name = "DIR", default_value = "target/weights-curve")]
    out: PathBuf,
}

/// The photos as one network sees them, and how well the methods do on that.
struct Measured {
    bytes: u64,
    classes: Vec<LibraryClass>,
    /// `[methods][episodes]`
    accuracies: Vec<Vec<f64>>,
}

/// Runs the command; `print` takes the table, line by line, `say` what goes to the terminal.
///
/// # Errors
/// [`Error::Folder`]; those of [`weights::read_state_dict`], of embedding and of the episodes.
pub fn run(
    args: &CurveArgs,
    print: &mut dyn FnMut(&str) -> Result<(), Error>,
    say: &(dyn Fn(&str) + Sync),
) -> Result<(), Error> {
    let network = weights::read_state_dict(&args.from)?.folded_trunk(&convolutions())?;
    let network = noisy(&network, args.noise, args.draws.seed)?;
    let folders = folder::classes(&args.images)?;
    let sizes = folders.iter().map(|class| class.photos.len()).collect();
    let episodes = args.draws.episodes(sizes, args.draws.shape())?;
    let measure = |encoding| measure(args, encoding, &network, &folders, &episodes, say);

    let exact = measure(Encoding::F16)?;
    print(&format!(
        "{:>9} {:>9} {:>8} {:>8} {:>10} {:>14} {:>10} {:>14}",
        "step", "bytes", "cosine", "worst", "prototype", "lost", "finetune", "lost"
    ))?;
    print(&line("16 bits", &exact, &exact))?;
    for &step in &args.steps {
        let measured = measure(Encoding::Compact(step))?;
        print(&line(&step.to_string(), &measured, &exact))?;
    }
    Ok(())
}

/// Prepares a folder with the network in this encoding, and measures it.
fn measure(
    args: &CurveArgs,
    encoding: Encoding,
    network: &StateDict,
    folders: &[ClassFolder],
    episodes: &[Episode],
    say: &(dyn Fn(&str) + Sync),
) -> Result<Measured, Error> {
    let out = args.out.join(match encoding {
        Encoding::Compact(step) => format!("noise-{}-step-{step}", args.noise),
        Encoding::F16 => format!("noise-{}-exact", args.noise),
    });
    let origin = Origin {
        source: args.from.display().to_string(),
        licence: "unknown".into(),
        redistributable: false,
    };
    let manifest = weights::write_network(&out, network.clone(), encoding, true, origin, say)?;
    let classes = library::embed_classes(folders, &out, args.backend, &library::progress_lines(100, say))?;
    let pool = Pool {
        classes: &classes,
        query_views: Views::All,
        metric: None,
        settings: Settings::default(),
    };
    Ok(Measured {
        bytes: manifest.bytes,
        accuracies: accuracies(&pool, &METHODS, episodes)?,
        classes,
    })
}

/// A row of the table: what is lost is in points, with its 95 % interval over the same episodes.
fn line(name: &str, measured: &Measured, exact: &Measured) -> String {
    let (mean_cosine, worst) = cosines(measured, exact);
    let mut line = format!("{name:>9} {:>9} {mean_cosine:>8.4} {worst:>8.4}", measured.bytes);
    for (got, exact) in measured.accuracies.iter().zip(&exact.accuracies) {
        let (accuracy, lost) = (mean(got), paired(exact, got));
        let lost = format!("{:.2} ± {:.2}", 100.0 * lost.mean, 100.0 * lost.ci95);
        line += &format!(" {:>10.2} {lost:>14}", 100.0 * accuracy.mean);
    }
    line
}

/// Mean and least cosine between the embeddings of the middle of every photo.
fn cosines(measured: &Measured, exact: &Measured) -> (f32, f32) {
    let items = |measured: &Measured| {
        measured
            .classes
            .iter()
            .flat_map(|class| class.items.clone())
            .collect::<Vec<_>>()
    };
    let cosines: Vec<f32> = items(measured)
        .iter()
        .zip(&items(exact))
        .map(|(a, b)| a.one.similarity(&b.one))
        .collect();
    let mean = cosines.iter().sum::<f32>() / cosines.len() as f32;
    (mean, cosines.iter().copied().fold(1.0, f32::min))
}

/// The network with normal noise of `share` standard deviations on every filter.
fn noisy(network: &StateDict, share: f32, seed: u64) -> Result<StateDict, Error> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut noisy = network.clone();
    for convolution in convolutions() {
        let name = format!("{}.weight", convolution.name);
        let mut weight = network.get(&name, &convolution.shape())?.clone();
        let deviation = deviation(&weight.values);
        for value in &mut weight.values {
            *value += share * deviation * normal(&mut random);
        }
        noisy.insert(name, weight);
    }
    Ok(noisy)
}

/// A standard normal number (Box and Muller, 1958).
fn normal(random: &mut ChaCha8Rng) -> f32 {
    let mut uniform = || (random.next_u32() as f32 + 1.0) / (u32::MAX as f32 + 2.0);
    (-2.0 * uniform().ln()).sqrt() * (TAU * uniform()).cos()
}
