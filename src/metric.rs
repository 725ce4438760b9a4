//! Metric learning: a projection of the embedding is trained so that images of one class come to lie near each other
//! and images of different classes apart. The backbone is never run here, and never changed.
//!
//! What "near" means is the [`Objective`]: [`cosine_metric`](crate::cosine_metric), [`triplet`](crate::triplet) or
//! [`siamese`](crate::siamese). All of them learn from triples: an anchor, a positive of the same class, a negative
//! of another. Where a class has a single image, that image is its own positive: it then teaches nothing about
//! likeness, and only the negatives are learnt from.
//!
//! Shapes: embedding `[512]` (its mean over the views, of length 1) → projection `[128]`, of length 1.

use std::{fmt::Debug, sync::Arc};

use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};
use serde::{Deserialize, Serialize};

use crate::{
    Classifier, Embedding, Error, Method,
    adam::Adam,
    architecture::EMBEDDING,
    episode::{below, draw},
    features::{Features, Space, Task},
    finetune::{StepReport, TrainingRequest},
    learned_metric::LearnedMetric,
    learning::Learning,
    projection::{Projected, Projection, ProjectionAdam},
    support::Class,
    vector::{add_scaled, dot},
};

/// Numbers that stand for an image in a learned space.
pub const OUTPUTS: usize = 128;
/// Where random numbers start on an episode's own shots: the same shots shall give the same metric.
const SEED: u64 = 1;

/// What a projection is trained for.
pub trait Objective: Debug + Clone + PartialEq + Send + 'static {
    /// The method that learns by it.
    const METHOD: Method;
    /// How many numbers it learns beside the projection; most objectives learn none.
    const PARAMETERS: usize = 0;

    /// From the numbers it learns, `[PARAMETERS]`.
    fn from_parameters(parameters: Vec<f32>) -> Self;
    /// Where it starts, given the images `[images][128]` as the untrained projection sees them.
    fn start(_outputs: &[Vec<f32>]) -> Self {
        Self::from_parameters(vec![0.0; Self::PARAMETERS])
    }
    /// The numbers it learns, `[PARAMETERS]`.
    fn parameters(&self) -> &[f32] {
        &[]
    }
    /// The loss of one triple, from the projections of anchor, positive and negative, and its slopes.
    fn triple(&self, outputs: [&[f32]; 3]) -> TripleLoss;
    /// What names queries, given the shots in the learned space.
    ///
    /// # Errors
    /// [`Error::EmbeddingNotFinite`] where a class's vectors cancel out.
    fn classifier(&self, task: Task) -> Result<Classifier, Error>;
    /// A metric that was trained for it, under the type of all metrics.
    fn learned(metric: Metric<Self>) -> LearnedMetric
    where
        Self: Sized;
}

/// The loss of one triple and its slopes.
#[derive(Debug, Clone)]
pub struct TripleLoss {
    /// The loss.
    pub loss: f32,
    /// By the projections of anchor, positive and negative, `[3][128]`.
    pub outputs: [Vec<f32>; 3],
    /// By the objective's own parameters.
    pub parameters: Vec<f32>,
}

/// How to train.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MetricOptions {
    /// Batches, at least 1.
    pub steps: usize,
    /// Triples in a batch, two pairs each.
    pub triples: usize,
    /// Adam's learning rate.
    pub learning_rate: f32,
    /// Where the random numbers start.
    pub seed: u64,
}

impl MetricOptions {
    /// For a large set of images: 10 epochs of 100 batches of 32 pairs, Adam at 5e-4.
    pub fn large(seed: u64) -> Self {
        Self {
            steps: 10 * 100,
            triples: 16,
            learning_rate: 5e-4,
            seed,
        }
    }

    /// For an episode's own shots: few steps, each a larger one.
    ///
    /// # Errors
    /// [`Error::Option`] where the request asks for steps or a learning rate out of range.
    pub fn episode(request: &TrainingRequest) -> Result<Self, Error> {
        request.options()?;
        Ok(Self {
            steps: request.steps.unwrap_or(20),
            triples: 64,
            learning_rate: request.learning_rate.unwrap_or(2e-3) as f32,
            seed: SEED,
        })
    }
}

/// The images to learn from.
#[derive(Debug, Clone)]
pub struct Examples {
    /// The classes' ids, `[classes]`.
    ids: Vec<u32>,
    /// [`Features::Averaged`] of the embeddings, `[images][512]`, class by class.
    vectors: Vec<Vec<f32>>,
    /// Numbers of each class's images, `[classes][images]`.
    classes: Vec<Vec<usize>>,
}

impl Examples {
    /// Takes the shots of at least two classes.
    ///
    /// # Errors
    /// [`Error::TooFewClasses`], [`Error::EmptyClass`].
    pub fn new(classes: &[&Class]) -> Result<Self, Error> {
        if classes.len() < 2 {
            return Err(Error::TooFewClasses { got: classes.len() });
        }
        let mut examples = Self {
            ids: classes.iter().map(|class| class.id).collect(),
            vectors: Vec::new(),
            classes: Vec::new(),
        };
        for class in classes {
            if class.shots.is_empty() {
                return Err(Error::EmptyClass { class: class.id });
            }
            let start = examples.vectors.len();
            let vectors = class.shots.iter().map(|shot| Features::Averaged.of(&shot.embedding));
            examples.vectors.extend(vectors);
            examples.classes.push((start..examples.vectors.len()).collect());
        }
        Ok(examples)
    }

    /// Anchor, positive and negative: numbers of images, every class equally likely.
    fn triple(&self, random: &mut ChaCha8Rng) -> [usize; 3] {
        let classes = draw(random, self.classes.len(), 2);
        let (own, other) = (&self.classes[classes[0]], &self.classes[classes[1]]);
        let pair = draw(random, own.len(), own.len().min(2));
        let positive = pair.get(1).unwrap_or(&pair[0]);
        [own[pair[0]], own[*positive], other[below(random, other.len())]]
    }
}

/// What a metric learnt from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Provenance {
    /// Classes.
    pub classes: usize,
    /// Images of all classes together.
    pub images: usize,
    /// Batches.
    pub steps: usize,
    /// Where the random numbers started.
    pub seed: u64,
}

/// A learned metric: the projection, and what compares the images in its space.
#[derive(Debug, Clone, PartialEq)]
pub struct Metric<O> {
    /// Embedding `[512]` → `[128]`.
    pub projection: Arc<Projection>,
    /// What it was trained for, with what it learnt itself.
    pub objective: O,
    /// What trained it.
    pub provenance: Provenance,
}

impl<O: Objective> Metric<O> {
    /// The vector of an embedding in the learned space: `[128]`, of length 1.
    pub fn of(&self, embedding: &Embedding) -> Vec<f32> {
        self.projection.of(&Features::Averaged.of(embedding))
    }

    /// The space in which it compares.
    pub fn space(&self) -> Space {
        Space::learned(self.projection.clone())
    }

    /// What names queries after an episode's shots.
    ///
    /// # Errors
    /// [`Error::EmptyClass`]; [`Error::EmbeddingNotFinite`] where a class's vectors cancel out.
    pub fn classifier(&self, episode: &[&Class]) -> Result<Classifier, Error> {
        self.objective.classifier(Task::in_space(self.space(), episode)?)
    }
}

/// A metric that gets better with every [`Learning::step`].
#[derive(Debug, Clone)]
pub struct Trainer<O> {
    examples: Examples,
    options: MetricOptions,
    projection: Projection,
    objective: O,
    projection_adam: ProjectionAdam,
    objective_adam: Adam,
    random: ChaCha8Rng,
    step: usize,
}

/// Triples to learn from in one step. An image is there once, in however many triples it is.
#[derive(Debug, Clone)]
pub struct Batch {
    /// Numbers of the images.
    pub images: Vec<usize>,
    /// Places in `images` of anchor, positive and negative.
    triples: Vec<[usize; 3]>,
}

impl Batch {
    /// From triples of images' numbers.
    fn new(triples: &[[usize; 3]]) -> Self {
        let mut images = triples.concat();
        images.sort_unstable();
        images.dedup();
        let place = |image| images.partition_point(|&other| other < image);
        Self {
            triples: triples.iter().map(|triple| triple.map(place)).collect(),
            images,
        }
    }
}

/// What one batch says of the metric as it is.
#[derive(Debug)]
pub struct BatchLoss {
    /// Mean over the triples.
    loss: f32,
    /// Share of triples in the right order.
    accuracy: f32,
    projection: Projection,
    objective: Vec<f32>,
    /// Slopes by the batch's vectors before their length is made 1, `[images][128]`: see [`Projection::of_input`].
    pub of_sums: Vec<Vec<f32>>,
}

impl<O: Objective> Trainer<O> {
    /// Starts at a random projection.
    pub fn new(examples: Examples, options: MetricOptions) -> Self {
        let mut random = ChaCha8Rng::seed_from_u64(options.seed);
        let projection = Projection::random(EMBEDDING, OUTPUTS, &mut random);
        let outputs: Vec<Vec<f32>> = examples.vectors.iter().map(|vector| projection.of(vector)).collect();
        Self {
            objective: O::start(&outputs),
            projection_adam: ProjectionAdam::new(&projection),
            objective_adam: Adam::new(O::PARAMETERS),
            projection,
            examples,
            options,
            random,
            step: 0,
        }
    }

    /// The metric as it is now.
    pub fn metric(&self) -> Metric<O> {
        Metric {
            projection: Arc::new(self.projection.clone()),
            objective: self.objective.clone(),
            provenance: Provenance {
                classes: self.examples.classes.len(),
                images: self.examples.vectors.len(),
                steps: self.step,
                seed: self.options.seed,
            },
        }
    }

    /// How many images there are to learn from.
    pub fn images(&self) -> usize {
        self.examples.vectors.len()
    }

    /// Draws what the next step learns from.
    pub fn batch(&mut self) -> Batch {
        let triples: Vec<_> = (0..self.options.triples)
            .map(|_| self.examples.triple(&mut self.random))
            .collect();
        Batch::new(&triples)
    }

    /// The projection as it is.
    pub fn projection(&self) -> &Projection {
        &self.projection
    }

    /// Mean loss over a batch, whose images have these vectors `[images][512]`, and its gradient.
    pub fn gradient(&self, batch: &Batch, vectors: &[&[f32]]) -> BatchLoss {
        let projected: Vec<Projected> = vectors.iter().map(|vector| self.projection.project(vector)).collect();
        let mut of_outputs = vec![vec![0.0; self.projection.outputs()]; vectors.len()];
        let share = 1.0 / batch.triples.len() as f32;
        let mut sum = BatchLoss {
            loss: 0.0,
            accuracy: 0.0,
            projection: self.projection.zeros_like(),
            objective: vec![0.0; O::PARAMETERS],
            of_sums: Vec::with_capacity(vectors.len()),
        };
        for places in &batch.triples {
            let outputs = places.map(|place| projected[place].unit.as_slice());
            let of_triple = self.objective.triple(outputs);
            sum.loss += share * of_triple.loss;
            sum.accuracy += if is_in_order(outputs) { share } else { 0.0 };
            add_scaled(&mut sum.objective, share, &of_triple.parameters);
            for (&place, gradient) in places.iter().zip(&of_triple.outputs) {
                add_scaled(&mut of_outputs[place], share, gradient);
            }
        }
        for ((vector, projected), of_output) in vectors.iter().zip(&projected).zip(&of_outputs) {
            let of_sum = projected.of_sum(of_output);
            sum.projection.add_gradient(vector, &of_sum);
            sum.of_sums.push(of_sum);
        }
        sum
    }

    /// Moves projection and objective against a gradient.
    pub fn learn(&mut self, batch: BatchLoss) -> StepReport {
        self.step += 1;
        let rate = self.options.learning_rate;
        self.projection_adam.step(&mut self.projection, &batch.projection, rate);
        let mut parameters = self.objective.parameters().to_vec();
        self.objective_adam.step(&mut parameters, &batch.objective, rate);
        self.objective = O::from_parameters(parameters);
        StepReport {
            step: self.step,
            loss: batch.loss,
            cross_entropy: batch.loss,
            entropy: 0.0,
            accuracy: batch.accuracy,
        }
    }

    /// Mean loss over a batch of images as they were embedded, and its gradient.
    fn gradient_of(&self, batch: &Batch) -> BatchLoss {
        let vectors = &self.examples.vectors;
        let vectors: Vec<&[f32]> = batch.images.iter().map(|&image| vectors[image].as_slice()).collect();
        self.gradient(batch, &vectors)
    }
}

/// Whether the positive is nearer to the anchor than the negative.
fn is_in_order([anchor, positive, negative]: [&[f32]; 3]) -> bool {
    dot(anchor, positive) > dot(anchor, negative)
}

impl<O: Objective> Learning for Trainer<O> {
    fn steps(&self) -> usize {
        self.options.steps
    }

    fn steps_done(&self) -> usize {
        self.step
    }

    /// One batch. The report's accuracy is the share of triples whose positive is nearer to the anchor than the
    /// negative.
    fn step(&mut self) -> StepReport {
        let batch = self.batch();
        self.learn(self.gradient_of(&batch))
    }

    fn classifier(&self) -> Result<Classifier, Error> {
        let metric = self.metric();
        let shots = |images: &Vec<usize>| {
            let vectors = images.iter().map(|&image| &self.examples.vectors[image]);
            vectors.map(|vector| metric.projection.of(vector)).collect()
        };
        self.objective.classifier(Task {
            space: metric.space(),
            shots: self.examples.classes.iter().map(shots).collect(),
            ids: self.examples.ids.clone(),
        })
    }

    fn learned_metric(&self) -> Option<LearnedMetric> {
        Some(O::learned(self.metric()))
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::{SupportSet, embedding::tests::embedding, evaluation::argmax};

    /// Three classes along three axes, with noise; one of them with a single shot.
    pub(crate) fn support() -> SupportSet {
        let mut support = SupportSet::default();
        for (class, shot, start) in [
            (1, 1, [1.0, 0.1, 0.3, 0.9]),
            (1, 2, [1.0, 0.3, 0.1, 0.2]),
            (1, 3, [0.9, 0.2, 0.2, 0.6]),
            (2, 4, [0.1, 1.0, 0.2, 0.8]),
            (2, 5, [0.3, 0.9, 0.1, 0.1]),
            (3, 6, [0.2, 0.1, 1.0, 0.5]),
        ] {
            support.set_shot(class, shot, embedding(&start));
        }
        support
    }

    pub(crate) fn trainer<O: Objective>() -> Trainer<O> {
        let examples = Examples::new(&support().episode().unwrap()).unwrap();
        Trainer::new(
            examples,
            MetricOptions {
                steps: 60,
                triples: 16,
                learning_rate: 2e-3,
                seed: 3,
            },
        )
    }

    /// Compares the gradient along some numbers with the loss on both sides.
    pub(crate) fn assert_gradients_are_slopes<O: Objective>() {
        let mut trainer = trainer::<O>();
        trainer.step();
        let batch = Batch::new(&[[0, 1, 3], [3, 4, 5], [5, 5, 0], [2, 0, 5]]);
        let exact = trainer.gradient_of(&batch);
        let close = |what: &str, got: f32, change: &dyn Fn(&mut Trainer<O>, f32)| {
            let loss_at = |distance: f32| {
                let mut moved = trainer.clone();
                change(&mut moved, distance);
                moved.gradient_of(&batch).loss
            };
            let slope = (loss_at(5e-4) - loss_at(-5e-4)) / 1e-3;
            assert!(
                (got - slope).abs() < 2e-3 + 0.02 * slope.abs(),
                "{what}: got {got}, slope {slope}"
            );
        };
        for index in [0, 2, 513, 1027, 65_024] {
            close("W", exact.projection.weight[index], &|trainer, distance| {
                trainer.projection.weight[index] += distance;
            });
        }
        for index in [0, 77] {
            close("b", exact.projection.bias[index], &|trainer, distance| {
                trainer.projection.bias[index] += distance;
            });
        }
        for index in [0, 3, 511] {
            let of_input = trainer.projection.of_input(&exact.of_sums[1]);
            close("x", of_input[index], &|trainer, distance| {
                trainer.examples.vectors[batch.images[1]][index] += distance;
            });
        }
        for index in 0..O::PARAMETERS {
            close("objective", exact.objective[index], &|trainer, distance| {
                let mut parameters = trainer.objective.parameters().to_vec();
                parameters[index] += distance;
                trainer.objective = O::from_parameters(parameters);
            });
        }
    }

    /// The loss falls, and what comes out names the shots it learnt from.
    pub(crate) fn assert_learns<O: Objective>() {
        let mut trainer = trainer::<O>();
        let losses: Vec<f32> = (0..trainer.steps()).map(|_| trainer.step().loss).collect();
        let part = |losses: &[f32]| losses.iter().sum::<f32>() / losses.len() as f32;
        let (first, last) = (part(&losses[..10]), part(&losses[50..]));
        assert!(last < 0.8 * first, "the loss went from {first} to {last}");
        let support = support();
        let episode = support.episode().unwrap();
        let classifier = Learning::classifier(&trainer).unwrap();
        assert_eq!(trainer.metric().classifier(&episode).unwrap(), classifier);
        for (label, class) in episode.iter().enumerate() {
            for shot in &class.shots {
                let p = classifier.probabilities(&shot.embedding);
                assert_eq!(argmax(&p), label, "{p:?}");
                assert!((p.iter().sum::<f32>() - 1.0).abs() < 1e-5);
            }
        }
    }

    /// Works where no two images are of one class.
    pub(crate) fn assert_learns_from_one_shot<O: Objective>() {
        let mut support = SupportSet::default();
        support.set_shot(1, 1, embedding(&[1.0, 0.2]));
        support.set_shot(2, 2, embedding(&[0.2, 1.0]));
        let episode = support.episode().unwrap();
        let options = MetricOptions::episode(&TrainingRequest::default()).unwrap();
        let mut trainer = Trainer::<O>::new(Examples::new(&episode).unwrap(), options);
        while trainer.steps_done() < trainer.steps() {
            assert!(trainer.step().loss.is_finite());
        }
        let classifier = Learning::classifier(&trainer).unwrap();
        assert_eq!(argmax(&classifier.probabilities(&embedding(&[0.1, 1.0]))), 1);
    }

    #[test]
    fn triples_are_of_two_classes() {
        let support = support();
        let examples = Examples::new(&support.episode().unwrap()).unwrap();
        let class = |image: usize| examples.classes.iter().position(|class| class.contains(&image));
        let mut random = ChaCha8Rng::seed_from_u64(1);
        for _ in 0..200 {
            let [anchor, positive, negative] = examples.triple(&mut random);
            assert_eq!(class(anchor), class(positive));
            assert_ne!(class(anchor), class(negative));
            assert_eq!(
                anchor == positive,
                anchor == 5,
                "only a single shot is its own positive"
            );
        }
    }

    #[test]
    fn the_seed_decides() {
        let run = || {
            let mut trainer = trainer::<crate::triplet::Triplet>();
            trainer.step();
            trainer.metric()
        };
        assert_eq!(run(), run());
    }

    #[test]
    fn too_little_to_learn_from_is_refused() {
        let support = support();
        let one = &support.episode().unwrap()[..1];
        assert_eq!(Examples::new(one).unwrap_err().code(), "too-few-classes");
        let mut empty = support.classes()[0].clone();
        empty.shots.clear();
        let classes = [&support.classes()[0], &empty];
        assert_eq!(Examples::new(&classes).unwrap_err().code(), "empty-class");
    }
}
