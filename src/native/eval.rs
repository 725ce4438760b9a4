//! `cargo glimpse eval`: methods measured over many episodes drawn from a folder with a folder of photos per class.

use std::{
    num::NonZero,
    path::{Path, PathBuf},
    thread,
};

use clap::{Args, ValueEnum};
use serde::Serialize;

use super::{
    deep,
    flowers25::{self, Flowers},
    folder::{self, ClassFolder},
    library, metric, plot, weights,
};
use crate::{
    Embedding, Error, Method, Picture, StateDict,
    backend::{Backbone, BackendKind},
    embedder::{Views, embed_tuned},
    episode::{Episode, Item, Sampler, Shape},
    evaluation::{Calibration, Confusion, argmax, auroc, mean, paired},
    features::Features,
    finetune::TrainingRequest,
    learned_metric::LearnedMetric,
    native::library::LibraryClass,
    rejection::{Rejection, judged_by},
    session::fit,
    shot_maps::{ShotMaps, needs_maps},
    support::{Class, Shot},
    tuned::folded_layer4,
};

/// Ways and shots of `--sweep`.
const SWEEP_WAYS: [usize; 6] = [2, 3, 5, 10, 15, 20];
const SWEEP_SHOTS: [usize; 6] = [1, 2, 3, 5, 10, 20];
/// Classes up to which the confusion matrix is printed whole.
const WHOLE_MATRIX: usize = 12;
/// Confusions printed of a larger one.
const MOST_CONFUSED: usize = 10;

/// Which episodes are drawn.
#[derive(Debug, Args)]
pub(super) struct Draws {
    /// Classes per episode.
    #[arg(long, default_value_t = 5)]
    way: usize,
    /// Support images per class.
    #[arg(long, default_value_t = 5)]
    shot: usize,
    /// Query images per class.
    #[arg(long, default_value_t = 15)]
    query: usize,
    /// Episodes.
    #[arg(long, default_value_t = 600)]
    episodes: usize,
    /// Where the random numbers start; the same seed gives the same episodes.
    #[arg(long, default_value_t = 1)]
    pub(super) seed: u64,
}

impl Draws {
    pub(super) fn shape(&self) -> Shape {
        Shape {
            way: self.way,
            shot: self.shot,
            query: self.query,
        }
    }

    /// The episodes of a shape, from a pool of classes with so many images.
    ///
    /// # Errors
    /// Those of [`Sampler::new`].
    pub(super) fn episodes(&self, sizes: Vec<usize>, shape: Shape) -> Result<Vec<Episode>, Error> {
        let mut sampler = Sampler::new(sizes, shape, self.seed)?;
        Ok((0..self.episodes).map(|_| sampler.draw()).collect())
    }
}

/// What to measure.
#[derive(Debug, Args)]
pub struct EvalArgs {
    /// A folder with a folder of photos per class.
    #[arg(long, value_name = "DIR")]
    images: PathBuf,
    #[command(flatten)]
    draws: Draws,
    /// Methods' names with commas between them, or `all`, which leaves out `deep`: that learns for seconds per episode.
    #[arg(long, default_value = "all")]
    method: String,
    /// A file of `train-metric`: every method works in its space, `prototype` included; `all` leaves out those that
    /// would learn another.
    #[arg(long, value_name = "FILE")]
    metric: Option<PathBuf>,
    #[command(flatten)]
    settings: Settings,
    /// Look at queries as the live loop does: one view instead of all.
    #[arg(long)]
    live: bool,
    /// Print a JSON array instead of tables.
    #[arg(long)]
    json: bool,
    /// Measure all ways and shots up to 20 instead of one, and plot accuracy against both.
    #[arg(long, value_name = "FILE.svg")]
    sweep: Option<PathBuf>,
    /// Follow a fixed protocol instead; ways, shots, episodes and methods are its own.
    #[arg(long, conflicts_with_all = ["sweep", "json", "live", "metric"])]
    protocol: Option<Protocol>,
    /// The split of `--protocol flowers25`: class_id,class_name,file,split.
    #[arg(long, default_value = "../shared/data/flowers102.csv", value_name = "CSV")]
    split: PathBuf,
    /// The prepared weights.
    #[arg(long, default_value = "weights", value_name = "DIR")]
    weights: PathBuf,
    /// `cpu`, `candle`, `webgpu` or `wgpu`.
    #[arg(long, default_value = "cpu")]
    backend: BackendKind,
}

/// Settings of a training that differ from the method's own.
#[derive(Debug, Clone, Default, Args)]
pub struct Settings {
    /// Steps of the training, where the method trains.
    #[arg(long)]
    steps: Option<usize>,
    /// Shots in a step.
    #[arg(long)]
    batch: Option<usize>,
    /// Its learning rate.
    #[arg(long)]
    learning_rate: Option<f64>,
}

impl Settings {
    /// The request for a method with these settings.
    pub fn request(&self, method: Method) -> TrainingRequest {
        TrainingRequest {
            method,
            steps: self.steps,
            batch: self.batch,
            learning_rate: self.learning_rate,
            ..TrainingRequest::default()
        }
    }
}

/// The fixed protocols by their names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Protocol {
    /// A metric trained on 25 classes of flowers.
    Flowers25,
}

/// What was measured of one method.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// The method's name.
    pub method: &'static str,
    /// Mean accuracy over the episodes, 0 to 1.
    pub accuracy: f64,
    /// Half the width of its 95 % interval.
    pub ci95: f64,
    /// Mean difference to `prototype` on the same episodes.
    pub gain: f64,
    /// Half the width of its 95 % interval.
    pub gain_ci95: f64,
    /// Expected calibration error, pooled over the episodes.
    pub ece: f64,
    /// Mean over the episodes of the area under the ROC curve of telling queries from images of other classes by
    /// familiarity; `None` where there were none.
    pub auroc: Option<f64>,
    /// Classes per episode.
    pub way: usize,
    /// Support images per class.
    pub shot: usize,
    /// Episodes.
    pub episodes: usize,
    /// From how many views queries were embedded.
    pub query_views: usize,
    /// Of the folder's classes, by their numbers.
    #[serde(skip)]
    pub confusion: Confusion,
}

/// Runs the command; `print` takes what goes to standard output, line by line, `say` what goes to the terminal.
///
/// # Errors
/// [`Error::Folder`] where the folder has too few classes or images; those of embedding; [`Error::Option`].
pub fn run(
    args: &EvalArgs,
    print: &mut dyn FnMut(&str) -> Result<(), Error>,
    say: &(dyn Fn(&str) + Sync),
) -> Result<(), Error> {
    if args.protocol == Some(Protocol::Flowers25) {
        let flowers = Flowers {
            images: &args.images,
            split: &args.split,
            weights: &args.weights,
            backend: args.backend,
            seed: args.draws.seed,
        };
        return flowers25::run(&flowers, print, say);
    }
    let metric = metric_of(args)?;
    let methods = methods(&args.method, metric.as_ref())?;
    let shapes = shapes(args);
    let folders = folder::classes(&args.images)?;
    let pool: Vec<usize> = folders.iter().map(|class| class.photos.len()).collect();
    for shape in &shapes {
        // Before hours of embedding: is the folder large enough?
        Sampler::new(pool.clone(), *shape, args.draws.seed).map_err(|error| named(error, args, &folders))?;
    }
    let progress = library::progress_lines(50, say);
    let classes = library::embed_classes(&folders, &args.weights, args.backend, &progress)?;
    let pool = Pool {
        classes: &classes,
        query_views: if args.live { Views::One } else { Views::All },
        metric: metric.as_ref(),
        settings: args.settings.clone(),
    };
    if args.method == "all" && !args.json {
        say("without deep, which learns for seconds per episode: `--method deep` measures it");
    }
    let deep = match methods.contains(&Method::Deep) {
        true => Some(DeepPool::open(&folders, &args.weights, args.backend)?),
        false => None,
    };
    let mut reports = Vec::new();
    for shape in shapes {
        let episodes = args.draws.episodes(pool.sizes(), shape)?;
        reports.extend(measure(&pool, deep.as_ref(), &methods, &episodes, shape)?);
        if args.sweep.is_some() {
            say(&format!("{}-way {}-shot measured", shape.way, shape.shot));
        }
    }
    if let Some(file) = &args.sweep {
        plot::write(file, &reports)?;
        say(&format!("{} written", file.display()));
    }
    match args.json {
        true => print(&serde_json::to_string_pretty(&reports).map_err(|e| Error::Report { reason: e.to_string() })?),
        false => print_tables(&reports, &classes, args.sweep.is_some(), print),
    }
}

fn metric_of(args: &EvalArgs) -> Result<Option<LearnedMetric>, Error> {
    let Some(file) = &args.metric else {
        return Ok(None);
    };
    metric::open(file, &weights::check(&args.weights)?.identity).map(Some)
}

fn methods(name: &str, metric: Option<&LearnedMetric>) -> Result<Vec<Method>, Error> {
    let fits = |method: &Method| metric.is_none_or(|metric| metric.serves(*method));
    match name {
        "all" => Ok(Method::on_embeddings().filter(fits).collect()),
        names => names.split(',').map(str::parse).collect(),
    }
}

fn shapes(args: &EvalArgs) -> Vec<Shape> {
    let query = args.draws.query;
    match args.sweep {
        None => vec![args.draws.shape()],
        Some(_) => SWEEP_WAYS
            .iter()
            .flat_map(|&way| SWEEP_SHOTS.map(|shot| Shape { way, shot, query }))
            .collect(),
    }
}

/// The sampler knows numbers only: this says which folder it means.
fn named(error: Error, args: &EvalArgs, folders: &[ClassFolder]) -> Error {
    let reason = error.to_string();
    match error {
        Error::PoolClasses { .. } => Error::Folder {
            path: args.images.clone(),
            reason,
        },
        Error::PoolImages { class, expected, got } => Error::Folder {
            path: args.images.join(&folders[class].name),
            reason: format!("{got} photos; expected at least {expected} (shots and queries)"),
        },
        other => other,
    }
}

/// What episodes are drawn from.
pub(super) struct Pool<'a> {
    pub(super) classes: &'a [LibraryClass],
    pub(super) query_views: Views,
    /// In whose space every method works.
    pub(super) metric: Option<&'a LearnedMetric>,
    pub(super) settings: Settings,
}

impl Pool<'_> {
    pub(super) fn sizes(&self) -> Vec<usize> {
        self.classes.iter().map(|class| class.items.len()).collect()
    }

    pub(super) fn query(&self, item: Item) -> &Embedding {
        let item = &self.classes[item.class].items[item.image];
        match self.query_views {
            Views::All => &item.all,
            Views::One => &item.one,
        }
    }

    /// The episode's support set; class ids are the pool's numbers.
    pub(super) fn support(&self, episode: &Episode) -> Vec<Class> {
        let shot = |item: &Item| Shot {
            id: item.image as u32,
            embedding: self.classes[item.class].items[item.image].all.clone(),
        };
        let class = |(class, items): (&usize, &Vec<Item>)| Class {
            id: *class as u32,
            active: true,
            shots: items.iter().map(shot).collect(),
        };
        episode.classes.iter().zip(&episode.support).map(class).collect()
    }
}

/// One method's answers in one episode.
struct Answers {
    accuracy: f64,
    /// Truth and answer (the pool's numbers), and the winner's probability.
    answers: Vec<(usize, usize, f32)>,
    /// By what "none of these" is judged.
    judged_by: Features,
}

/// Everything that one episode gave.
struct Outcome {
    /// By method, as [`played`] has them.
    methods: Vec<Answers>,
    /// Likewise.
    aurocs: Vec<Option<f64>>,
}

fn measure(
    pool: &Pool,
    deep: Option<&DeepPool>,
    methods: &[Method],
    episodes: &[Episode],
    shape: Shape,
) -> Result<Vec<Report>, Error> {
    let played = played(methods);
    let outcomes = play_all(pool, deep, &played, episodes)?;
    let baseline: Vec<f64> = outcomes.iter().map(|outcome| outcome.methods[0].accuracy).collect();
    let reports = methods.iter().map(|method| {
        let index = played.iter().position(|other| other == method).unwrap_or(0);
        let answers = || outcomes.iter().map(|outcome| &outcome.methods[index]);
        let mut confusion = Confusion::new(pool.classes.len());
        let mut calibration = Calibration::default();
        for (truth, answer, confidence) in answers().flat_map(|answers| &answers.answers) {
            confusion.add(*truth, *answer);
            calibration.add(*confidence, truth == answer);
        }
        let accuracies: Vec<f64> = answers().map(|answers| answers.accuracy).collect();
        let (accuracy, gain) = (mean(&accuracies), paired(&accuracies, &baseline));
        let aurocs: Vec<f64> = outcomes.iter().filter_map(|outcome| outcome.aurocs[index]).collect();
        Report {
            method: method.name(),
            accuracy: accuracy.mean,
            ci95: accuracy.ci95,
            gain: gain.mean,
            gain_ci95: gain.ci95,
            ece: calibration.error(),
            auroc: (!aurocs.is_empty()).then(|| mean(&aurocs).mean),
            way: shape.way,
            shot: shape.shot,
            episodes: episodes.len(),
            query_views: if pool.query_views == Views::All {
                crate::picture::VIEWS
            } else {
                1
            },
            confusion,
        }
    });
    Ok(reports.collect())
}

/// Accuracies of methods in every episode, `[methods][episodes]`.
///
/// # Errors
/// Those of learning.
pub(super) fn accuracies(pool: &Pool, methods: &[Method], episodes: &[Episode]) -> Result<Vec<Vec<f64>>, Error> {
    let outcomes = play_all(pool, None, methods, episodes)?;
    let of = |index: usize| outcomes.iter().map(|outcome| outcome.methods[index].accuracy).collect();
    Ok((0..methods.len()).map(of).collect())
}

/// Plays all episodes, on all processors.
fn play_all(
    pool: &Pool,
    deep: Option<&DeepPool>,
    played: &[Method],
    episodes: &[Episode],
) -> Result<Vec<Outcome>, Error> {
    let threads = thread::available_parallelism().map_or(1, NonZero::get);
    let share = episodes.len().div_ceil(threads).max(1);
    let outcomes: Result<Vec<Vec<Outcome>>, Error> = thread::scope(|scope| {
        let run = |part: &[Episode]| {
            let deep = deep.map(DeepPool::start).transpose()?;
            part.iter()
                .map(|episode| play(pool, deep.as_ref(), played, episode))
                .collect()
        };
        let handles: Vec<_> = episodes
            .chunks(share)
            .map(|part| scope.spawn(move || run(part)))
            .collect();
        join_all(handles)
    });
    Ok(outcomes?.into_iter().flatten().collect())
}

/// The methods asked for, and before them `prototype`, with which they are compared; none twice.
fn played(methods: &[Method]) -> Vec<Method> {
    let others = methods.iter().copied().filter(|method| *method != Method::Prototype);
    std::iter::once(Method::Prototype).chain(others).collect()
}

/// What threads gave, in their order; the first error of one, and a panic is an error too.
pub(super) fn join_all<T>(handles: Vec<thread::ScopedJoinHandle<'_, Result<T, Error>>>) -> Result<Vec<T>, Error> {
    let panicked = || Error::Report {
        reason: "a thread panicked".into(),
    };
    let joined = handles.into_iter().map(|handle| handle.join());
    joined.map(|part| part.unwrap_or_else(|_| Err(panicked()))).collect()
}

/// Learns an episode by every method, and asks its queries.
fn play(pool: &Pool, deep: Option<&DeepPlayer>, methods: &[Method], episode: &Episode) -> Result<Outcome, Error> {
    let support = pool.support(episode);
    let support: Vec<&Class> = support.iter().collect();
    let mut answers = Vec::with_capacity(methods.len());
    for method in methods {
        let request = pool.settings.request(*method);
        answers.push(match deep.filter(|_| *method == Method::Deep) {
            Some(deep) => deep.play(pool, &request, &support, episode)?,
            None => {
                let classifier = fit(&request, pool.metric, &support)?;
                ask(episode, judged_by(&classifier), |item| {
                    Ok(classifier.probabilities(pool.query(item)))
                })?
            }
        });
    }
    let mut measured: Vec<(Features, Option<f64>)> = Vec::new();
    for Answers { judged_by, .. } in &answers {
        if measured.iter().all(|(features, _)| features != judged_by) {
            measured.push((*judged_by, told_apart(pool, &support, *judged_by, episode)?));
        }
    }
    let auroc = |answers: &Answers| measured.iter().find(|(features, _)| *features == answers.judged_by)?.1;
    Ok(Outcome {
        aurocs: answers.iter().map(auroc).collect(),
        methods: answers,
    })
}

/// How well an episode's queries are told from images of other classes: the area under the ROC curve.
fn told_apart(pool: &Pool, support: &[&Class], features: Features, episode: &Episode) -> Result<Option<f64>, Error> {
    let rejection = Rejection::fit(features, support)?;
    let familiarity = |item: &Item| rejection.familiarity(pool.query(*item)).score;
    let known: Vec<f32> = episode.query.iter().flatten().map(familiarity).collect();
    let unknown: Vec<f32> = episode.unknown.iter().map(familiarity).collect();
    Ok(auroc(&known, &unknown))
}

fn ask(
    episode: &Episode,
    judged_by: Features,
    probabilities: impl Fn(Item) -> Result<Vec<f32>, Error>,
) -> Result<Answers, Error> {
    let mut answers = Vec::new();
    for item in episode.query.iter().flatten() {
        let probabilities = probabilities(*item)?;
        let winner = argmax(&probabilities);
        answers.push((item.class, episode.classes[winner], probabilities[winner]));
    }
    let right = answers.iter().filter(|(truth, answer, _)| truth == answer).count();
    Ok(Answers {
        accuracy: right as f64 / answers.len() as f64,
        answers,
        judged_by,
    })
}

/// What [`Method::Deep`] needs beside embeddings: the photos themselves, and the network.
struct DeepPool<'a> {
    folders: &'a [ClassFolder],
    state_dict: StateDict,
    layer4: StateDict,
    backend: BackendKind,
}

impl<'a> DeepPool<'a> {
    fn open(folders: &'a [ClassFolder], weights_folder: &Path, backend: BackendKind) -> Result<Self, Error> {
        let (_, state_dict) = weights::open(weights_folder)?;
        Ok(Self {
            folders,
            layer4: folded_layer4(&state_dict)?,
            state_dict,
            backend,
        })
    }

    /// For one thread.
    fn start(&self) -> Result<DeepPlayer<'_>, Error> {
        Ok(DeepPlayer {
            pool: self,
            backbone: pollster::block_on(Backbone::start(self.backend, self.state_dict.clone()))?,
        })
    }
}

/// A thread's own network, by which it learns deeply.
struct DeepPlayer<'a> {
    pool: &'a DeepPool<'a>,
    backbone: Backbone,
}

impl DeepPlayer<'_> {
    fn play(
        &self,
        pool: &Pool,
        request: &TrainingRequest,
        support: &[&Class],
        episode: &Episode,
    ) -> Result<Answers, Error> {
        let shots: Vec<Item> = episode.support.iter().flatten().copied().collect();
        let examples = ShotMaps::new(support, request, None)?;
        let picture = |index: usize| self.picture(shots[index]);
        let classifier = deep::learn(examples, &self.backbone, &self.pool.layer4, &picture, &|_| ())?;
        ask(episode, judged_by(&classifier), |item| {
            let tuned = classifier.tuned().ok_or_else(needs_maps)?;
            let picture = self.picture(item)?;
            let query = pollster::block_on(embed_tuned(&self.backbone, &picture, pool.query_views, tuned))?;
            Ok(classifier.probabilities(query.tuned.as_ref().unwrap_or(&query.plain)))
        })
    }

    fn picture(&self, item: Item) -> Result<Picture, Error> {
        folder::read_picture(&self.pool.folders[item.class].photos[item.image])
    }
}

/// The table of all methods, then the classes of the last one.
fn print_tables(
    reports: &[Report],
    classes: &[LibraryClass],
    sweep: bool,
    print: &mut dyn FnMut(&str) -> Result<(), Error>,
) -> Result<(), Error> {
    print(&format!(
        "{:<16}{:>4}{:>5}{:>9}{:>8}{:>8}{:>8}{:>8}{:>8}",
        "method", "way", "shot", "accuracy", "±", "gain", "±", "ECE", "AUROC"
    ))?;
    for report in reports {
        let auroc = report.auroc.map_or("–".into(), |value| format!("{value:.3}"));
        print(&format!(
            "{:<16}{:>4}{:>5}{:>9.2}{:>8.2}{:>+8.2}{:>8.2}{:>8.3}{auroc:>8}",
            report.method,
            report.way,
            report.shot,
            report.accuracy * 100.0,
            report.ci95 * 100.0,
            report.gain * 100.0,
            report.gain_ci95 * 100.0,
            report.ece,
        ))?;
    }
    match reports.last() {
        Some(report) if !sweep => print_classes(report, classes, print),
        _ => Ok(()),
    }
}

fn print_classes(
    report: &Report,
    classes: &[LibraryClass],
    print: &mut dyn FnMut(&str) -> Result<(), Error>,
) -> Result<(), Error> {
    print(&format!("\naccuracy per class, {}", report.method))?;
    for (index, class) in classes.iter().enumerate() {
        if let Some(accuracy) = report.confusion.accuracy(index) {
            print(&format!("{:>7.2}  {}", accuracy * 100.0, class.name))?;
        }
    }
    let counts = report.confusion.counts();
    if classes.len() <= WHOLE_MATRIX {
        print("\nconfusion matrix (rows: truth, columns: answers, in the same order)")?;
        for (row, class) in counts.iter().zip(classes) {
            let cells: String = row.iter().map(|count| format!("{count:>7}")).collect();
            print(&format!("{cells}  {}", class.name))?;
        }
        return Ok(());
    }
    let mut pairs: Vec<(u32, usize, usize)> = Vec::new();
    for (truth, row) in counts.iter().enumerate() {
        pairs.extend(
            row.iter()
                .enumerate()
                .filter(|(answer, _)| *answer != truth)
                .map(|(answer, n)| (*n, truth, answer)),
        );
    }
    pairs.sort_by_key(|(count, ..)| std::cmp::Reverse(*count));
    print("\nmost frequent confusions (of a matrix too large to print)")?;
    for (count, truth, answer) in pairs.into_iter().take(MOST_CONFUSED) {
        print(&format!(
            "{count:>7}  {} taken for {}",
            classes[truth].name, classes[answer].name
        ))?;
    }
    Ok(())
}
