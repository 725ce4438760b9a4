//! `cargo glimpse train-metric`: a metric trained on a folder with a folder of photos per class, and written to a file;
//! and how other commands read such files.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};

use super::{
    files,
    folder::{self, ClassFolder},
    library::{self, LibraryClass},
    weights::{self, Encoding},
};
use crate::{
    Error,
    backend::{self, Backbone, BackendKind},
    cosine_metric::CosineMetric,
    embedder::Embedder,
    finetune::StepReport,
    learned_metric::LearnedMetric,
    learning::Learning,
    manifest::Origin,
    metric::{Examples, MetricOptions, Objective, Trainer},
    siamese::Siamese,
    support::{Class, Shot},
    triplet::Triplet,
    tuned::folded_layer4,
};

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
    /// Steps, of 16 triples each.
    #[arg(long, default_value_t = 1000)]
    steps: usize,
    /// Let a part of the network learn too, from one view of every photo (200 KB of memory each). It then belongs to
    /// another network, which --network writes.
    #[arg(long, requires = "network")]
    unfreeze: Option<Unfreeze>,
    /// The folder to prepare with the network that learnt with it.
    #[arg(long, value_name = "DIR", requires = "unfreeze")]
    network: Option<PathBuf>,
    /// The file to write.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// The prepared weights.
    #[arg(long, default_value = "weights", value_name = "DIR")]
    weights: PathBuf,
    /// `cpu`, `candle`, `webgpu` or `wgpu`.
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

/// What of the network can learn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Unfreeze {
    /// The last four convolutions and the short cut beside them.
    Layer4,
}

/// Runs the command; `say` takes its progress, line by line.
///
/// # Errors
/// [`Error::Folder`], [`Error::Io`], [`Error::TooFewClasses`], [`Error::Option`]; those of embedding.
pub fn run(args: &MetricArgs, say: &(dyn Fn(&str) + Sync)) -> Result<(), Error> {
    match args.loss {
        Loss::Siamese => train::<Siamese>(args, say),
        Loss::Triplet => train::<Triplet>(args, say),
        Loss::Cosine => train::<CosineMetric>(args, say),
    }
}

fn train<O: Objective>(args: &MetricArgs, say: &(dyn Fn(&str) + Sync)) -> Result<(), Error> {
    let mut folders = folder::classes(&args.images)?;
    folders.truncate(args.classes.unwrap_or(folders.len()));
    let trainer = trainer::<O>(args, &folders, say)?;
    let (metric, network) = match &args.network {
        Some(out) => with_network(trainer, args, &folders, out, say)?,
        None => (alone(trainer, say), weights::check(&args.weights)?.identity),
    };
    files::write(&args.out, metric.to_safetensors(&network)?)?;
    say(&format!("{} written", args.out.display()));
    Ok(())
}

/// What trains on the embeddings of all photos.
fn trainer<O: Objective>(
    args: &MetricArgs,
    folders: &[ClassFolder],
    say: &(dyn Fn(&str) + Sync),
) -> Result<Trainer<O>, Error> {
    if args.steps == 0 {
        return Err(Error::Option {
            name: "steps",
            expected: "at least 1",
            got: args.steps.to_string(),
        });
    }
    let progress = library::progress_lines(50, say);
    let classes = library::embed_classes(folders, &args.weights, args.backend, &progress)?;
    let classes: Vec<Class> = (0..).zip(&classes).map(|(id, class)| class_of(id, class)).collect();
    let examples = Examples::new(&classes.iter().collect::<Vec<_>>())?;
    let options = MetricOptions {
        steps: args.steps,
        ..MetricOptions::large(args.seed)
    };
    Ok(Trainer::new(examples, options))
}

/// Trains the projection alone.
fn alone<O: Objective>(mut trainer: Trainer<O>, say: &dyn Fn(&str)) -> LearnedMetric {
    let mut progress = Progress::every(100, trainer.steps());
    while trainer.steps_done() < trainer.steps() {
        progress.take(&trainer.step(), say);
    }
    O::learned(trainer.metric())
}

/// Trains the projection together with layer 4, and prepares `out` with the network that comes of it. Returns the metric
/// and that network's identity.
fn with_network<O: Objective>(
    trainer: Trainer<O>,
    args: &MetricArgs,
    folders: &[ClassFolder],
    out: &Path,
    say: &dyn Fn(&str),
) -> Result<(LearnedMetric, String), Error> {
    let (manifest, network) = weights::open(&args.weights)?;
    let backbone = pollster::block_on(Backbone::start(args.backend, network.clone()))?;
    let mut maps = Vec::new();
    for photo in folders.iter().flat_map(|folder| &folder.photos) {
        let square = folder::read_picture(photo)?.whole()?;
        let seen = pollster::block_on(backbone.seen(&[square]))?;
        maps.extend(seen.into_iter().map(|seen| seen.layer3));
    }
    say(&format!("{} photos seen up to layer 3", maps.len()));
    let mut trainer = backend::deep_metric_trainer(trainer, &folded_layer4(&network)?, maps)?;
    let mut progress = Progress::every(10, trainer.steps());
    for _ in 0..trainer.steps() {
        progress.take(&trainer.step(), say);
    }
    let source = format!("{}, layer 4 trained by train-metric", manifest.origin.source);
    let origin = Origin {
        source,
        ..manifest.origin
    };
    let network = trainer.network(&network)?;
    let written = weights::write_network(out, network, Encoding::default(), manifest.trained, origin, say)?;
    Ok((trainer.learned_metric(), written.identity))
}

/// Means over some steps, as lines.
struct Progress {
    every: usize,
    steps: usize,
    /// Since the last line.
    reports: Vec<StepReport>,
}

impl Progress {
    fn every(every: usize, steps: usize) -> Self {
        let reports = Vec::with_capacity(every);
        Self { every, steps, reports }
    }

    fn take(&mut self, report: &StepReport, say: &dyn Fn(&str)) {
        self.reports.push(*report);
        if self.reports.len() < self.every && report.step < self.steps {
            return;
        }
        let mean = |of: fn(&StepReport) -> f32| self.reports.iter().map(of).sum::<f32>() / self.reports.len() as f32;
        let (loss, accuracy) = (mean(|report| report.loss), mean(|report| report.accuracy * 100.0));
        let step = report.step;
        say(&format!(
            "step {step:>5}  loss {loss:.4}  triples in order {accuracy:>6.2} %"
        ));
        self.reports.clear();
    }
}

/// Reads a metric that was saved, to be used with the network of this identity.
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
