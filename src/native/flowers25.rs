//! `cargo glimpse eval --protocol flowers25`: a metric trained on the training images of 25 classes of Oxford Flowers
//! 102, then asked in 5-way 2-shot episodes of 5 queries per class: on test images of five of those classes, as the
//! recipe has it, and on test images of classes that the metric never saw, which is what few-shot learning promises.
//!
//! The split is a CSV with the columns `class_id,class_name,file,split`.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    thread,
};

use super::{
    eval::{Pool, Settings, join_all},
    files::io,
    folder::ClassFolder,
    library::{self, LibraryClass},
    metric::class_of,
};
use crate::{
    Classifier, Error, Method,
    backend::BackendKind,
    cosine_metric::CosineMetric,
    embedder::Views,
    episode::{Episode, Sampler, Shape},
    evaluation::{Confusion, argmax, mean},
    features::Features,
    finetune::TrainingRequest,
    learned_metric::LearnedMetric,
    learning::Learning,
    metric::{Examples, MetricOptions, Trainer},
    session::fit,
    support::Class,
};

/// The classes that the metric learns.
const LEARNT: std::ops::RangeInclusive<u32> = 1..=25;
/// Those of them that are asked.
const ASKED: std::ops::RangeInclusive<u32> = 1..=5;
/// Trainings, each from another seed.
const TRAININGS: u64 = 5;
/// Episodes after each training.
const DRAWS: usize = 200;
/// The size of an episode.
const SHAPE: Shape = Shape {
    way: 5,
    shot: 2,
    query: 5,
};
/// Steps from one line of progress to the next.
const PROGRESS: usize = 20;

/// What a head sees.
#[derive(Debug, Clone, Copy)]
enum Seen {
    /// The learned space.
    Learned,
    /// The network's own features.
    Raw(Features),
}

/// What is measured: what a head sees, by which method it is made, and how that is called.
const CELLS: [(Seen, Method, &str); 7] = [
    (Seen::Learned, Method::Prototype, "learned 128"),
    (Seen::Learned, Method::FinetunePlain, "learned 128"),
    (Seen::Learned, Method::Finetune, "learned 128"),
    (Seen::Raw(Features::Embedding), Method::Prototype, "raw 512"),
    (Seen::Raw(Features::Embedding), Method::FinetunePlain, "raw 512"),
    (Seen::Raw(Features::Embedding), Method::Finetune, "raw 512"),
    (Seen::Raw(Features::Pooled), Method::Finetune, "pooled 1024"),
];

/// What the command needs.
#[derive(Debug)]
pub struct Flowers<'a> {
    /// The folder to which the split's file names belong.
    pub images: &'a Path,
    /// The CSV.
    pub split: &'a Path,
    /// The prepared weights.
    pub weights: &'a Path,
    /// What embeds.
    pub backend: BackendKind,
    /// Where the random numbers of the first training start.
    pub seed: u64,
}

/// Embeds, trains and measures; `print` takes the tables line by line, `say` the progress.
///
/// # Errors
/// [`Error::Folder`] where the split is no such CSV; [`Error::PoolClasses`], [`Error::PoolImages`] where it is too
/// small; those of embedding.
pub fn run(
    flowers: &Flowers,
    print: &mut dyn FnMut(&str) -> Result<(), Error>,
    say: &(dyn Fn(&str) + Sync),
) -> Result<(), Error> {
    let split = Split::read(flowers)?;
    let progress = library::progress_lines(500, say);
    let embed =
        |folders: Vec<ClassFolder>| library::embed_classes(&folders, flowers.weights, flowers.backend, &progress);
    let learnt = embed(split.classes("train", |id| LEARNT.contains(&id)))?;
    let asked = embed(split.classes("test", |id| ASKED.contains(&id)))?;
    let unseen = embed(split.classes("test", |id| id > *LEARNT.end()))?;
    let pools = [pool(&asked), pool(&unseen)];
    let runs = run_trainings(flowers.seed, &learnt, &pools, say)?;
    let [asked_results, unseen_results] = [0, 1].map(|index| {
        let results = runs.iter().map(|results| &results[index]);
        Results::joined(results, pools[index].classes.len())
    });
    let images: usize = learnt.iter().map(|class| class.items.len()).sum();
    print(&format!(
        "cosine-metric learnt from {images} training images of {} classes; {TRAININGS} trainings × {DRAWS} draws, \
         {}-way {}-shot, {} queries per class",
        learnt.len(),
        SHAPE.way,
        SHAPE.shot,
        SHAPE.query
    ))?;
    print("\naccuracy per class on test images of classes that the metric learnt")?;
    print_classes(&asked_results, &asked, print)?;
    print("\ntotal on test images of classes that the metric learnt")?;
    print_totals(&asked_results, print)?;
    print(&format!(
        "\ntotal on test images of {} classes that the metric never saw",
        unseen.len()
    ))?;
    print_totals(&unseen_results, print)
}

/// The photos of the CSV: by class and by the name of their part, with the class's name.
struct Split {
    photos: BTreeMap<(u32, String), ClassFolder>,
}

impl Split {
    fn read(flowers: &Flowers) -> Result<Self, Error> {
        let path = flowers.split;
        let text = fs::read_to_string(path).map_err(io(path))?;
        Self::parse(&text, flowers.images).ok_or_else(|| Error::Folder {
            path: path.into(),
            reason: "expected a CSV with the columns class_id,class_name,file,split".into(),
        })
    }

    /// `None` where a line is not as it should be.
    fn parse(text: &str, images: &Path) -> Option<Self> {
        let mut photos: BTreeMap<(u32, String), ClassFolder> = BTreeMap::new();
        let mut lines = text.lines();
        (lines.next()?.trim() == "class_id,class_name,file,split").then_some(())?;
        for line in lines.filter(|line| !line.trim().is_empty()) {
            let (id, rest) = line.split_once(',')?;
            let (rest, part) = rest.rsplit_once(',')?;
            let (name, file) = rest.rsplit_once(',')?;
            let key = (id.trim().parse().ok()?, part.trim().to_string());
            let class = photos.entry(key).or_insert_with(|| ClassFolder {
                name: name.into(),
                photos: Vec::new(),
            });
            class.photos.push(images.join(PathBuf::from(file)));
        }
        Some(Self { photos })
    }

    /// The classes wanted, in the order of their numbers, with the photos of one part.
    fn classes(&self, part: &str, wanted: impl Fn(u32) -> bool) -> Vec<ClassFolder> {
        let of_part = self.photos.iter().filter(|((id, name), _)| name == part && wanted(*id));
        of_part.map(|(_, class)| class.clone()).collect()
    }
}

fn pool(classes: &[LibraryClass]) -> Pool<'_> {
    Pool {
        classes,
        query_views: Views::All,
        metric: None,
        settings: Settings::default(),
    }
}

/// What one pool gave: by cell.
struct Results {
    /// Accuracies by episode, `[cells][episodes]`.
    accuracies: Vec<Vec<f64>>,
    /// `[cells]`
    confusions: Vec<Confusion>,
}

impl Results {
    fn new(classes: usize) -> Self {
        Self {
            accuracies: vec![Vec::new(); CELLS.len()],
            confusions: vec![Confusion::new(classes); CELLS.len()],
        }
    }

    fn joined<'a>(parts: impl Iterator<Item = &'a Results>, classes: usize) -> Self {
        let mut all = Self::new(classes);
        for part in parts {
            for cell in 0..CELLS.len() {
                all.accuracies[cell].extend(&part.accuracies[cell]);
                all.confusions[cell].merge(&part.confusions[cell]);
            }
        }
        all
    }
}

/// All trainings beside each other: for each, what every pool gave.
fn run_trainings(
    seed: u64,
    learnt: &[LibraryClass],
    pools: &[Pool; 2],
    say: &(dyn Fn(&str) + Sync),
) -> Result<Vec<Vec<Results>>, Error> {
    let run = |seed: u64| -> Result<Vec<Results>, Error> {
        let metric = train(seed, learnt, say)?;
        pools.iter().map(|pool| measure(seed, &metric, pool)).collect()
    };
    thread::scope(|scope| {
        let seeds = (0..TRAININGS).map(|number| seed.wrapping_add(number));
        let handles: Vec<_> = seeds.map(|seed| scope.spawn(move || run(seed))).collect();
        join_all(handles)
    })
}

fn train(seed: u64, learnt: &[LibraryClass], say: &(dyn Fn(&str) + Sync)) -> Result<LearnedMetric, Error> {
    let classes: Vec<Class> = (0..).zip(learnt).map(|(id, class)| class_of(id, class)).collect();
    let examples = Examples::new(&classes.iter().collect::<Vec<_>>())?;
    let mut trainer = Trainer::<CosineMetric>::new(examples, MetricOptions::large(seed));
    let mut loss = 0.0;
    while trainer.steps_done() < trainer.steps() {
        let report = trainer.step();
        loss += report.loss / PROGRESS as f32;
        if report.step.is_multiple_of(PROGRESS) {
            say(&format!("seed {seed}  step {:>5}  loss {loss:.4}", report.step));
            loss = 0.0;
        }
    }
    Ok(LearnedMetric::Cosine(trainer.metric()))
}

fn measure(seed: u64, metric: &LearnedMetric, pool: &Pool) -> Result<Results, Error> {
    let mut sampler = Sampler::new(pool.sizes(), SHAPE, seed)?;
    let mut results = Results::new(pool.classes.len());
    for _ in 0..DRAWS {
        let episode = sampler.draw();
        let support = pool.support(&episode);
        let support: Vec<&Class> = support.iter().collect();
        for (cell, (seen, method, _)) in CELLS.iter().enumerate() {
            let (metric, features) = match seen {
                Seen::Learned => (Some(metric), None),
                Seen::Raw(features) => (None, Some(*features)),
            };
            let request = TrainingRequest {
                method: *method,
                features,
                ..TrainingRequest::default()
            };
            let classifier = fit(&request, metric, &support)?;
            let accuracy = ask(pool, &classifier, &episode, &mut results.confusions[cell]);
            results.accuracies[cell].push(accuracy);
        }
    }
    Ok(results)
}

/// Share of right answers.
fn ask(pool: &Pool, classifier: &Classifier, episode: &Episode, confusion: &mut Confusion) -> f64 {
    let (mut right, mut all) = (0, 0);
    for item in episode.query.iter().flatten() {
        let answer = episode.classes[argmax(&classifier.probabilities(pool.query(*item)))];
        confusion.add(item.class, answer);
        right += usize::from(answer == item.class);
        all += 1;
    }
    right as f64 / all as f64
}

/// A row per class, a column per cell.
fn print_classes(
    results: &Results,
    classes: &[LibraryClass],
    print: &mut dyn FnMut(&str) -> Result<(), Error>,
) -> Result<(), Error> {
    print(&CELLS.map(|(_, _, seen)| format!("{seen:>16}")).concat())?;
    print(&CELLS.map(|(_, method, _)| format!("{:>16}", method.name())).concat())?;
    for (index, class) in classes.iter().enumerate() {
        let cell = |confusion: &Confusion| match confusion.accuracy(index) {
            Some(accuracy) => format!("{:>16.2}", accuracy * 100.0),
            None => format!("{:>16}", "–"),
        };
        let cells: String = results.confusions.iter().map(cell).collect();
        print(&format!("{cells}  {}", class.name))?;
    }
    Ok(())
}

/// A row per cell, with its interval.
fn print_totals(results: &Results, print: &mut dyn FnMut(&str) -> Result<(), Error>) -> Result<(), Error> {
    print(&format!(
        "{:<14}{:<16}{:>9}{:>8}",
        "features", "method", "accuracy", "±"
    ))?;
    for ((_, method, seen), accuracies) in CELLS.iter().zip(&results.accuracies) {
        let total = mean(accuracies);
        print(&format!(
            "{seen:<14}{:<16}{:>9.2}{:>8.2}",
            method.name(),
            total.mean * 100.0,
            total.ci95 * 100.0
        ))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_split_is_read_by_class_and_part() {
        let text = "class_id,class_name,file,split\n\
                    2,bird, of paradise,b/1.jpg,train\n1,rose,a/1.jpg,train\n1,rose,a/2.jpg,test\n2,x,b/2.jpg,train\n";
        let split = Split::parse(text, Path::new("images")).unwrap();
        let train = split.classes("train", |_| true);
        assert_eq!(train.len(), 2);
        assert_eq!(
            (train[1].name.as_str(), train[1].photos.len()),
            ("bird, of paradise", 2)
        );
        let test = split.classes("test", |id| id == 1);
        assert_eq!(test[0].photos, [Path::new("images/a/2.jpg")]);
        assert!(split.classes("test", |id| id > 1).is_empty());
    }

    #[test]
    fn another_file_is_refused() {
        for bad in ["", "a,b\n", "class_id,class_name,file,split\nx,rose,a/1.jpg,train\n"] {
            assert!(Split::parse(bad, Path::new(".")).is_none(), "{bad:?}");
        }
    }
}
