//! `cargo glimpse pretrain`: the whole network trained on a folder with a folder of photos per class, with progress, and
//! with checkpoints from which it goes on.

use std::{
    num::NonZero,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use clap::Args;

use super::{
    eval::join_all,
    files::{read, replace},
    folder::{self, ClassFolder},
    weights,
};
use crate::{
    Error,
    backend::{self, BackendKind},
    manifest::sha256,
    pretrain::{
        Batch, Measured,
        checkpoint::{Checkpoint, result},
        network::Learner,
        start,
        training::{Batches, Plan, Turn},
    },
};

/// Steps from one line of progress to the next.
const PROGRESS: usize = 20;
/// torchvision's learning rate, for its batch.
const RATE: f64 = 0.1;
const RATE_BATCH: f64 = 256.0;
/// How a checkpoint's name ends.
const CHECKPOINT: &str = "checkpoint";

/// What to train, on what, and how.
#[derive(Debug, Args)]
pub struct PretrainArgs {
    /// A folder with a folder of photos per class.
    #[arg(long, value_name = "DIR")]
    images: PathBuf,
    /// Weights to begin with instead of random numbers: .pth or .safetensors with torchvision's names.
    #[arg(long, value_name = "CHECKPOINT", conflicts_with = "resume")]
    from: Option<PathBuf>,
    /// The file to write: a state dict for `weights --from`. The training is kept beside it, as `.checkpoint`.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Go on from the training kept beside `--out`, with the options that it had.
    #[arg(long)]
    resume: bool,
    /// Times that every photo has its turn.
    #[arg(long, default_value_t = 90)]
    epochs: usize,
    /// Photos in a batch.
    #[arg(long, default_value_t = 32)]
    batch: usize,
    /// The greatest learning rate; 0.1 for every 256 photos in a batch unless given.
    #[arg(long)]
    learning_rate: Option<f64>,
    /// Side of the squares in pixels, a multiple of 32.
    #[arg(long, default_value_t = 224)]
    side: usize,
    /// The least share of a photo's area that a square shows.
    #[arg(long, default_value_t = 0.08)]
    least_area: f64,
    /// Where the random numbers start.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Steps from one checkpoint to the next.
    #[arg(long, default_value = "500", value_name = "STEPS")]
    checkpoint_every: NonZero<usize>,
    /// `candle` or `webgpu`.
    #[arg(long, default_value = "candle")]
    backend: BackendKind,
}

/// Runs the command; `say` takes its progress, line by line.
///
/// # Errors
/// [`Error::Folder`]; [`Error::File`] for a photo that cannot be read, before anything is trained; [`Error::Option`];
/// [`Error::Checkpoint`]; [`Error::Diverged`]; those of the weights to begin with and of the backend; [`Error::Io`].
pub fn run(args: &PretrainArgs, say: &dyn Fn(&str)) -> Result<(), Error> {
    let kept = checkpoint_path(&args.out)?;
    let (classes, photos) = photos_of(folder::classes(&args.images)?);
    let mut plan = args.plan(classes, photos.len());
    plan.check()?;
    say(&format!(
        "reading {} photos of {} classes",
        plan.photos,
        plan.classes.len()
    ));
    plan.photos_sha256 = digest(&photos)?;
    let begun = begin(args, &kept, plan)?;
    let plan = &begun.plan;
    let mut learner = pollster::block_on(backend::learner(args.backend, &begun.state, plan.classes.len()))?;
    let mut progress = Progress::new(plan, begun.step);
    train(plan, begun.step, &photos, &mut *learner, |step, measured, learner| {
        if let Some(line) = progress.line(step, measured) {
            say(&line);
        }
        match step.is_multiple_of(args.checkpoint_every.get()) || step == plan.steps() {
            true => keep(&kept, plan, step, learner),
            false => Ok(()),
        }
    })?;
    replace(&args.out, &result(&learner.state()?.network, plan)?)?;
    say(&format!("{} written", args.out.display()));
    Ok(())
}

impl PretrainArgs {
    /// The plan, but for what the photos hold.
    fn plan(&self, classes: Vec<String>, photos: usize) -> Plan {
        Plan {
            classes,
            photos,
            photos_sha256: String::new(),
            side: self.side,
            least_area: self.least_area,
            batch: self.batch,
            epochs: self.epochs,
            learning_rate: self.learning_rate.unwrap_or(RATE * self.batch as f64 / RATE_BATCH),
            seed: self.seed,
        }
    }
}

/// Where the training is kept.
fn checkpoint_path(out: &Path) -> Result<PathBuf, Error> {
    let kept = out.with_extension(CHECKPOINT);
    if kept == out {
        return Err(Error::Option {
            name: "out",
            expected: "another ending than `.checkpoint`, which the training itself has",
            got: out.display().to_string(),
        });
    }
    Ok(kept)
}

/// What the training starts or goes on from.
fn begin(args: &PretrainArgs, kept: &Path, plan: Plan) -> Result<Checkpoint, Error> {
    if args.resume {
        return Checkpoint::from_safetensors(&read(kept)?, plan);
    }
    if kept.exists() {
        return Err(Error::Checkpoint {
            reason: format!("there is {} already", kept.display()),
        });
    }
    let state = match &args.from {
        Some(from) => start::given(&weights::read_state_dict(from)?, plan.classes.len(), plan.seed)?,
        None => start::random(plan.classes.len(), plan.seed),
    };
    Ok(Checkpoint { plan, step: 0, state })
}

fn keep(kept: &Path, plan: &Plan, step: usize, learner: &dyn Learner) -> Result<(), Error> {
    let checkpoint = Checkpoint {
        plan: plan.clone(),
        step,
        state: learner.state()?,
    };
    replace(kept, &checkpoint.to_safetensors()?)
}

/// Makes the steps that are left. While one is made, the photos of the next are read.
fn train(
    plan: &Plan,
    from_step: usize,
    photos: &[LabelledPhoto],
    learner: &mut dyn Learner,
    mut after: impl FnMut(usize, &Measured, &dyn Learner) -> Result<(), Error>,
) -> Result<(), Error> {
    let mut turns = Batches::from_step(plan, from_step);
    let mut read_next = || turns.next().map(|turn| batch(plan, photos, &turn)).transpose();
    let mut next = read_next()?;
    let mut step = from_step;
    while let Some(batch) = next.take() {
        let measured = thread::scope(|scope| {
            let reading = scope.spawn(&mut read_next);
            let measured = learner.step(&batch, plan.rate(step));
            next = join_all(vec![reading])?.pop().flatten();
            measured
        })?;
        step += 1;
        if !measured.loss.is_finite() {
            let rate = plan.learning_rate;
            return Err(Error::Diverged { step, rate });
        }
        after(step, &measured, learner)?;
    }
    Ok(())
}

/// One photo, and the number of its class.
#[derive(Debug)]
struct LabelledPhoto {
    path: PathBuf,
    label: usize,
}

/// The classes' names and all their photos.
fn photos_of(folders: Vec<ClassFolder>) -> (Vec<String>, Vec<LabelledPhoto>) {
    let (mut names, mut photos) = (Vec::new(), Vec::new());
    for (label, folder) in folders.into_iter().enumerate() {
        names.push(folder.name);
        photos.extend(folder.photos.into_iter().map(|path| LabelledPhoto { path, label }));
    }
    (names, photos)
}

/// SHA-256 of all photos and their classes. Every photo is decoded once, so that one that cannot be read is told at
/// once and not after hours.
fn digest(photos: &[LabelledPhoto]) -> Result<String, Error> {
    let lines = in_parallel(photos, |photo| {
        let bytes = read(&photo.path)?;
        folder::photo_of(&photo.path, &bytes)?;
        Ok(format!("{} {}\n", photo.label, sha256(&bytes)))
    })?;
    Ok(sha256(lines.concat().as_bytes()))
}

/// The squares of one step.
fn batch(plan: &Plan, photos: &[LabelledPhoto], turn: &Turn) -> Result<Batch, Error> {
    let squares = in_parallel(&turn.photos, |&number| {
        let path = &photos[number].path;
        let photo = folder::photo_of(path, &read(path)?)?;
        plan.augmentation().look(&photo, &mut plan.random(turn.epoch, number))
    })?;
    Ok(Batch {
        squares,
        labels: turn.photos.iter().map(|&number| photos[number].label).collect(),
        side: plan.side,
    })
}

/// What `work` makes of every item, in their order.
fn in_parallel<I: Sync, T: Send>(items: &[I], work: impl Fn(&I) -> Result<T, Error> + Sync) -> Result<Vec<T>, Error> {
    let threads = thread::available_parallelism().map_or(1, NonZero::get);
    let share = items.len().div_ceil(threads).max(1);
    let parts = thread::scope(|scope| {
        let run = |part: &'_ [I]| part.iter().map(&work).collect::<Result<Vec<T>, Error>>();
        let handles = items.chunks(share).map(|part| scope.spawn(move || run(part))).collect();
        join_all(handles)
    })?;
    Ok(parts.into_iter().flatten().collect())
}

/// Sums up the steps since the last line.
struct Progress<'a> {
    plan: &'a Plan,
    started: Instant,
    /// The step before the first of this run.
    from_step: usize,
    steps: usize,
    loss: f32,
    right: usize,
}

impl<'a> Progress<'a> {
    fn new(plan: &'a Plan, from_step: usize) -> Self {
        Self {
            plan,
            started: Instant::now(),
            from_step,
            steps: 0,
            loss: 0.0,
            right: 0,
        }
    }

    /// A line, where one is due after this step, counted from 1.
    fn line(&mut self, step: usize, measured: &Measured) -> Option<String> {
        self.steps += 1;
        self.loss += measured.loss;
        self.right += measured.right;
        let plan = self.plan;
        if !step.is_multiple_of(PROGRESS) && step != plan.steps() {
            return None;
        }
        let loss = self.loss / self.steps as f32;
        let accuracy = 100.0 * self.right as f64 / (self.steps * plan.batch) as f64;
        let steps_per_second = (step - self.from_step) as f64 / self.started.elapsed().as_secs_f64().max(1e-9);
        let left = Duration::from_secs_f64((plan.steps() - step) as f64 / steps_per_second);
        let line = format!(
            "step {step:>5} of {}  epoch {}  loss {loss:.4}  right {accuracy:.1} %  rate {:.5}  {:.1} photos/s  {} left",
            plan.steps(),
            (step - 1) / plan.steps_per_epoch() + 1,
            plan.rate(step - 1),
            steps_per_second * plan.batch as f64,
            in_words(left),
        );
        (self.steps, self.loss, self.right) = (0, 0.0, 0);
        Some(line)
    }
}

/// Hours and minutes, minutes and seconds, or seconds.
fn in_words(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{} min {} s", seconds / 60, seconds % 60),
        _ => format!("{} h {} min", seconds / 3600, seconds / 60 % 60),
    }
}
