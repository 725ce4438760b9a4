//! `cargo glimpse train-metric`: a metric trained on a folder with a folder of photos per class, and written to a file;
//! and how other commands read such files.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};

use super::{
    files, folder,
    library::{self, LibraryClass},
    weights,
};
use crate::{
    Error,
    backend::BackendKind,
    cosine_metric::CosineMetric,
    learned_metric::LearnedMetric,
    learning::Learning,
    metric::{Examples, MetricOptions, Objective, Trainer},
    siamese::Siamese,
    support::{Class, Shot},
    triplet::Triplet,
};

/// Steps from one line of progress to the next.
const PROGRESS: usize = 100;

/// What to train, and on what.
#[derive(Debug, Args)]
pub struct MetricArgs {
    /// A folder with a folder of photos per class.
    #[arg(long, value_name = "DIR")]
    images: PathBuf,
    /// What the metric is trained for.
    #[arg(long)]
    loss: Loss,
    /// The first so many classes only, by their folders' names.
    #[arg(long, value_name = "N")]
    classes: Option<usize>,
    /// Where the random numbers start.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The file to write.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// The prepared weights.
    #[arg(long, default_value = "weights", value_name = "DIR")]
    weights: PathBuf,
    /// `cpu`, `candle` or `webgpu`.
    #[arg(long, default_value = "cpu")]
    backend: BackendKind,
}

/// The losses by their names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Loss {
    /// Binary cross-entropy of "same or different".
    Siamese,
    /// The positive nearer than the negative, by a margin.
    Triplet,
    /// Cosine similarity 1 within a class, 0 between classes.
    Cosine,
}

/// Runs the command; `say` takes its progress, line by line.
///
/// # Errors
/// [`Error::Folder`], [`Error::Io`], [`Error::TooFewClasses`]; those of embedding.
pub fn run(args: &MetricArgs, say: &(dyn Fn(&str) + Sync)) -> Result<(), Error> {
    let mut folders = folder::classes(&args.images)?;
    folders.truncate(args.classes.unwrap_or(folders.len()));
    let progress = library::progress_lines(50, say);
    let classes = library::embed_classes(&folders, &args.weights, args.backend, &progress)?;
    let classes: Vec<Class> = (0..).zip(&classes).map(|(id, class)| class_of(id, class)).collect();
    let examples = Examples::new(&classes.iter().collect::<Vec<_>>())?;
    let options = MetricOptions::large(args.seed);
    let metric = match args.loss {
        Loss::Siamese => train::<Siamese>(examples, options, say),
        Loss::Triplet => train::<Triplet>(examples, options, say),
        Loss::Cosine => train::<CosineMetric>(examples, options, say),
    };
    let network = weights::check(&args.weights)?.sha256;
    files::write(&args.out, metric.to_safetensors(&network)?)?;
    say(&format!("{} written", args.out.display()));
    Ok(())
}

/// Reads a metric that was saved, to be used with the network of this SHA-256.
///
/// # Errors
/// [`Error::Io`]; with the file's path, those of [`LearnedMetric::from_safetensors`].
pub fn open(file: &Path, network: &str) -> Result<LearnedMetric, Error> {
    let named = |source| Error::File {
        path: file.into(),
        source: Box::new(source),
    };
    LearnedMetric::from_safetensors(&files::read(file)?, network).map_err(named)
}

/// A class with all its photos as shots.
pub(super) fn class_of(id: u32, class: &LibraryClass) -> Class {
    let shot = |(id, item): (u32, &library::Item)| Shot {
        id,
        embedding: item.all.clone(),
    };
    Class {
        id,
        active: true,
        shots: (0..).zip(&class.items).map(shot).collect(),
    }
}

/// Trains from beginning to end.
fn train<O: Objective>(examples: Examples, options: MetricOptions, say: &dyn Fn(&str)) -> LearnedMetric {
    let mut trainer = Trainer::<O>::new(examples, options);
    let (mut loss, mut accuracy) = (0.0, 0.0);
    while trainer.steps_done() < trainer.steps() {
        let report = trainer.step();
        loss += report.loss / PROGRESS as f32;
        accuracy += report.accuracy / PROGRESS as f32;
        if report.step.is_multiple_of(PROGRESS) {
            say(&format!(
                "step {:>5}  loss {loss:.4}  triples in order {:>6.2} %",
                report.step,
                accuracy * 100.0
            ));
            (loss, accuracy) = (0.0, 0.0);
        }
    }
    O::learned(trainer.metric())
}
