//! Fine-tuning of the head on cached embeddings: mean cross-entropy + λ · mean entropy, minimised by Adam. The
//! backbone is never run here.
//!
//! The three tricks (W = M and b = 0 at the start, entropy regularisation, cosine instead of dot product) are those
//! of Dhillon et al., "A Baseline for Few-Shot Image Classification", 2019, and Chen et al., 2019. The entropy term
//! is taken over the support shots: nothing is known of the queries.
//!
//! The gradient is written out below instead of being traced: a step on 25 shots is a few thousand products, far less
//! than an autodiff graph costs. The tests compare it with PyTorch's and with Burn's.
//!
//! Shapes: s shots, n = n_way, d numbers in a vector; q `[s, d]`, W `[n, d]`, b `[n]`, logits `[s, n]`.

use rand_chacha::{
    ChaCha8Rng,
    rand_core::{RngCore, SeedableRng},
};
use serde::{Deserialize, Serialize};

use crate::{
    Classifier, Error, Head, Method,
    adam::Adam,
    episode::draw,
    evaluation::argmax,
    features::{Features, Task},
    head::DEFAULT_SCALE,
    learning::Learning,
    products::{add_weighted, dots},
    scale,
    vector::{add_scaled, dot, normalised},
};

/// Keeps the norm of a row of W away from 0 in the division.
const NORM_FLOOR: f32 = 1e-12;
/// Where random rows and mini-batches start; any number would do, but the same shots shall give the same head.
const SEED: u64 = 1;
/// Most shots in a step, where nobody asks for another number: a larger support set is learnt in mini-batches.
const MOST_SHOTS_IN_A_STEP: usize = 1024;

/// How a row of W is compared with a query.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Similarity {
    /// wᵢ · q / |wᵢ|
    #[default]
    Cosine,
    /// wᵢ · q
    Dot,
}

/// Where W starts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Initialisation {
    /// W = M.
    #[default]
    Prototypes,
    /// Random rows of length 1.
    Random,
}

/// How to fine-tune.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TrainingOptions {
    /// What the head sees.
    pub features: Features,
    /// Where W starts.
    pub initialisation: Initialisation,
    /// How W is compared with a query.
    pub similarity: Similarity,
    /// Steps, 1 to 10,000.
    pub steps: usize,
    /// Most shots in a step, at least 1. The whole support set where it has no more; otherwise mini-batches, in which every
    /// shot comes once before any comes again.
    pub batch: usize,
    /// Adam's learning rate, above 0, at most 1.
    pub learning_rate: f64,
    /// λ, 0 to 10.
    pub entropy_weight: f32,
    /// What multiplies the similarities at the start, above 0, at most 1,000; `None` fits it to the support set
    /// ([`crate::scale`]).
    pub scale: Option<f32>,
    /// Whether the scale is learnt with W and b.
    pub learn_scale: bool,
}

impl TrainingOptions {
    /// Those of a method that fine-tunes; any other has the default's.
    pub fn of(method: Method) -> Self {
        match method {
            Method::Deep => Self {
                steps: 40,
                // Of layer 4; the head learns as fast as by itself.
                learning_rate: 1e-5,
                ..Self::of(Method::Finetune)
            },
            // The textbook: the embedding as it is, no scale, λ = 1, Adam at 5e-4, 200 steps.
            Method::FinetunePlain => Self {
                features: Features::Embedding,
                initialisation: Initialisation::Prototypes,
                similarity: Similarity::Cosine,
                steps: 200,
                batch: MOST_SHOTS_IN_A_STEP,
                learning_rate: 5e-4,
                entropy_weight: 1.0,
                scale: Some(1.0),
                learn_scale: false,
            },
            _ => Self {
                features: Features::Pooled,
                initialisation: Initialisation::Prototypes,
                similarity: Similarity::Cosine,
                steps: 50,
                batch: MOST_SHOTS_IN_A_STEP,
                learning_rate: 0.02,
                entropy_weight: 0.1,
                scale: None,
                learn_scale: false,
            },
        }
    }
}

/// What a caller may ask for: a method, and single options that differ from its own.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct TrainingRequest {
    /// How classes are learnt.
    pub method: Method,
    /// See [`TrainingOptions::features`].
    pub features: Option<Features>,
    /// See [`TrainingOptions::initialisation`].
    pub initialisation: Option<Initialisation>,
    /// See [`TrainingOptions::similarity`].
    pub similarity: Option<Similarity>,
    /// See [`TrainingOptions::steps`].
    pub steps: Option<usize>,
    /// See [`TrainingOptions::batch`].
    pub batch: Option<usize>,
    /// See [`TrainingOptions::learning_rate`].
    pub learning_rate: Option<f64>,
    /// See [`TrainingOptions::entropy_weight`].
    pub entropy_weight: Option<f32>,
    /// See [`TrainingOptions::scale`].
    pub scale: Option<f32>,
    /// See [`TrainingOptions::learn_scale`].
    pub learn_scale: Option<bool>,
}

impl TrainingRequest {
    /// The options asked for, checked.
    ///
    /// # Errors
    /// [`Error::Option`] where one is out of range.
    pub fn options(&self) -> Result<TrainingOptions, Error> {
        let usual = TrainingOptions::of(self.method);
        let options = TrainingOptions {
            features: self.features.unwrap_or(usual.features),
            initialisation: self.initialisation.unwrap_or(usual.initialisation),
            similarity: self.similarity.unwrap_or(usual.similarity),
            steps: self.steps.unwrap_or(usual.steps),
            batch: self.batch.unwrap_or(usual.batch),
            learning_rate: self.learning_rate.unwrap_or(usual.learning_rate),
            entropy_weight: self.entropy_weight.unwrap_or(usual.entropy_weight),
            scale: self.scale.or(usual.scale),
            learn_scale: self.learn_scale.unwrap_or(usual.learn_scale),
        };
        let (steps, rate) = (options.steps, options.learning_rate);
        let (lambda, scale) = (options.entropy_weight, options.scale.unwrap_or(DEFAULT_SCALE));
        check((1..=10_000).contains(&steps), "steps", "1 to 10000", steps)?;
        check(options.batch > 0, "batch", "at least 1", options.batch)?;
        check(rate > 0.0 && rate <= 1.0, "learningRate", "above 0, at most 1", rate)?;
        check((0.0..=10.0).contains(&lambda), "entropyWeight", "0 to 10", lambda)?;
        check(scale > 0.0 && scale <= 1000.0, "scale", "above 0, at most 1000", scale)?;
        Ok(options)
    }
}

fn check(holds: bool, name: &'static str, expected: &'static str, got: impl ToString) -> Result<(), Error> {
    match holds {
        true => Ok(()),
        false => Err(Error::Option {
            name,
            expected,
            got: got.to_string(),
        }),
    }
}

/// What one step saw, before it changed the head.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StepReport {
    /// 1 for the first.
    pub step: usize,
    /// cross-entropy + λ · entropy, in nats; of a metric, its own loss.
    pub loss: f32,
    /// Mean over the shots, in nats; of a metric, its own loss.
    pub cross_entropy: f32,
    /// Mean over the shots, in nats; 0 of a metric.
    pub entropy: f32,
    /// Share of the shots that the head names right, 0 to 1; of a metric, share of the triples in the right order.
    pub accuracy: f32,
}

impl StepReport {
    /// Of a step that has seen no shot yet.
    fn before(step: usize) -> Self {
        Self {
            step,
            loss: 0.0,
            cross_entropy: 0.0,
            entropy: 0.0,
            accuracy: 0.0,
        }
    }

    /// Adds one of so many shots to the means, of which the loss is made at the end.
    fn add(&mut self, shot: &ShotLoss, shots: usize) {
        self.cross_entropy += shot.cross_entropy / shots as f32;
        self.entropy += shot.entropy / shots as f32;
        self.accuracy += if shot.correct { 1.0 / shots as f32 } else { 0.0 };
    }
}

/// A fine-tuning under way: a head that gets better with every [`Trainer::step`].
#[derive(Debug)]
pub struct Trainer {
    task: Task,
    options: TrainingOptions,
    parameters: Parameters,
    optimizers: Parameters<Adam>,
    /// Numbers of the shots of this epoch that are still to come.
    coming: Vec<usize>,
    random: ChaCha8Rng,
    step: usize,
}

/// Something for each parameter of the head: its numbers, their gradient, or what Adam remembers of them.
#[derive(Debug, Clone)]
struct Parameters<T = Vec<f32>> {
    /// For W, `[n · d]` row by row.
    weight: T,
    /// For b, `[n]`.
    bias: T,
    /// For the scale, `[1]`.
    scale: T,
}

/// The gradient of the loss.
struct Gradient {
    parameters: Parameters,
    /// By the logits of every vector, `[s, n]`.
    logits: Vec<f32>,
    report: StepReport,
}

impl Trainer {
    /// Starts where the options say.
    ///
    /// # Errors
    /// Those of [`Head::from_prototypes`].
    pub fn new(task: Task, options: TrainingOptions) -> Result<Self, Error> {
        let n_way = task.shots.len();
        let scale = options.scale.unwrap_or_else(|| scale::fitted(&task));
        let weight = match options.initialisation {
            Initialisation::Prototypes => Head::from_prototypes(&task, scale)?.weight,
            Initialisation::Random => random_rows(n_way, task.space.length()),
        };
        let parameters = Parameters {
            weight: weight.concat(),
            bias: vec![0.0; n_way],
            scale: vec![scale],
        };
        let optimizers = Parameters {
            weight: Adam::new(parameters.weight.len()),
            bias: Adam::new(n_way),
            scale: Adam::new(1),
        };
        Ok(Self {
            task,
            options,
            parameters,
            optimizers,
            coming: Vec::new(),
            random: ChaCha8Rng::seed_from_u64(SEED),
            step: 0,
        })
    }

    /// What it learns from.
    pub fn task(&self) -> &Task {
        &self.task
    }

    /// The head as it is now.
    pub fn head(&self) -> Head {
        Head {
            weight: self.compared_rows(),
            bias: self.parameters.bias.clone(),
            scale: self.parameters.scale[0],
        }
    }

    /// One step on other vectors than before, `[n_way][any][length]` and at least one: what a network that learns too
    /// sees now. Gives also the slopes of the loss by these vectors, in their order.
    pub fn step_on(&mut self, shots: Vec<Vec<Vec<f32>>>) -> (StepReport, Vec<Vec<f32>>) {
        self.task.shots = shots;
        let (scale, rows, length) = (self.parameters.scale[0], self.compared_rows(), self.task.space.length());
        let gradient = self.advance();
        let of_vector = |of_logits: &[f32]| {
            let mut slopes = vec![0.0; length];
            for (g, row) in of_logits.iter().zip(&rows) {
                add_scaled(&mut slopes, g * scale, row);
            }
            slopes
        };
        let of_vectors = gradient.logits.chunks_exact(rows.len()).map(of_vector);
        (gradient.report, of_vectors.collect())
    }

    /// One Adam step over a batch.
    fn advance(&mut self) -> Gradient {
        self.step += 1;
        let batch = self.batch();
        let gradient = self.gradient(&batch);
        let rate = self.options.learning_rate as f32;
        let (parameters, optimizers) = (&mut self.parameters, &mut self.optimizers);
        let of = &gradient.parameters;
        optimizers.weight.step(&mut parameters.weight, &of.weight, rate);
        optimizers.bias.step(&mut parameters.bias, &of.bias, rate);
        if self.options.learn_scale {
            optimizers.scale.step(&mut parameters.scale, &of.scale, rate);
        }
        gradient
    }

    /// Numbers of the shots to learn from next, ascending.
    fn batch(&mut self) -> Vec<usize> {
        let shots = self.task.shots.iter().map(Vec::len).sum();
        if shots <= self.options.batch {
            return (0..shots).collect();
        }
        let mut batch = Vec::with_capacity(self.options.batch);
        while batch.len() < self.options.batch {
            if self.coming.is_empty() {
                self.coming = draw(&mut self.random, shots, shots);
            }
            batch.extend(self.coming.pop());
        }
        batch.sort_unstable();
        batch
    }

    /// The gradient of the loss of some shots at the head as it is, and what the loss is there.
    fn gradient(&self, batch: &[usize]) -> Gradient {
        let all: Vec<(usize, &Vec<f32>)> = self.task.labelled().collect();
        let queries: Vec<&[f32]> = batch.iter().map(|&shot| all[shot].1.as_slice()).collect();
        let (scale, bias) = (self.parameters.scale[0], &self.parameters.bias);
        let (rows, norms) = (self.rows(), self.norms());
        let (shots, n_way) = (batch.len(), rows.len());
        let mut report = StepReport::before(self.step);
        let mut gradient = Parameters {
            weight: vec![0.0; self.parameters.weight.len()],
            bias: vec![0.0; n_way],
            scale: vec![0.0],
        };
        let products = dots(&queries, &rows);
        // `[n]` of one shot after the other, and the slopes of the loss by them, `[s, n]`.
        let (mut logits, mut slopes) = (vec![0.0; n_way], vec![0.0; shots * n_way]);
        // By what each shot is multiplied when it is added to a row's gradient, `[n, s]`, and what the row's own direction takes off.
        let (mut factors, mut along) = (vec![0.0; n_way * shots], vec![0.0; n_way]);
        let of_shots = products.chunks_exact(n_way).zip(slopes.chunks_exact_mut(n_way));
        for (index, (&shot, (products, slopes))) in batch.iter().zip(of_shots).enumerate() {
            for row in 0..n_way {
                logits[row] = scale * products[row] / norms[row] + bias[row];
            }
            report.add(
                &ShotLoss::new(&logits, all[shot].0, self.options.entropy_weight, slopes),
                shots,
            );
            // d(w · q / |w|) / dw = (q − cos · w / |w|) / |w|; for the dot product the norm counts as 1.
            for row in 0..n_way {
                slopes[row] /= shots as f32;
                gradient.bias[row] += slopes[row];
                along[row] += slopes[row] * products[row] / norms[row];
                factors[row * shots + index] = slopes[row] * scale / norms[row];
            }
        }
        add_weighted(&mut gradient.weight, &factors, &queries);
        gradient.scale[0] = along.iter().sum();
        if self.options.similarity == Similarity::Cosine {
            let of_rows = gradient.weight.chunks_exact_mut(self.task.space.length());
            for (((row, norm), of_row), along) in rows.iter().zip(&norms).zip(of_rows).zip(along) {
                add_scaled(of_row, -along * scale / (norm * norm), row);
            }
        }
        report.loss = report.cross_entropy + self.options.entropy_weight * report.entropy;
        Gradient {
            parameters: gradient,
            logits: slopes,
            report,
        }
    }

    /// W, row by row.
    fn rows(&self) -> Vec<&[f32]> {
        self.parameters.weight.chunks_exact(self.task.space.length()).collect()
    }

    /// By what a row's product with a query is divided.
    fn norms(&self) -> Vec<f32> {
        let norm = |row: &[f32]| match self.options.similarity {
            Similarity::Dot => 1.0,
            Similarity::Cosine => dot(row, row).sqrt().max(NORM_FLOOR),
        };
        self.rows().into_iter().map(norm).collect()
    }

    /// The rows with which queries are multiplied.
    fn compared_rows(&self) -> Vec<Vec<f32>> {
        let divided = |(row, norm): (&[f32], f32)| row.iter().map(|value| value / norm).collect();
        self.rows().into_iter().zip(self.norms()).map(divided).collect()
    }
}

impl Learning for Trainer {
    fn steps(&self) -> usize {
        self.options.steps
    }

    fn steps_done(&self) -> usize {
        self.step
    }

    /// One Adam step over a batch.
    fn step(&mut self) -> StepReport {
        self.advance().report
    }

    fn classifier(&self) -> Result<Classifier, Error> {
        Ok(Classifier::Linear {
            space: self.task.space.clone(),
            head: self.head(),
        })
    }
}

/// The loss of one shot.
struct ShotLoss {
    cross_entropy: f32,
    entropy: f32,
    correct: bool,
}

impl ShotLoss {
    /// Also the loss's slopes by the logits, `[n]`. With H = −Σ p log p: d(−log p_y)/dlᵢ = pᵢ − [i = y] and
    /// dH/dlᵢ = −pᵢ (log pᵢ + H).
    fn new(logits: &[f32], label: usize, entropy_weight: f32, slopes: &mut [f32]) -> Self {
        let largest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let mut sum = 0.0;
        for (power, logit) in slopes.iter_mut().zip(logits) {
            *power = (logit - largest).exp();
            sum += *power;
        }
        let log_sum = largest + sum.ln();
        let mut entropy = 0.0;
        for (p, logit) in slopes.iter_mut().zip(logits) {
            *p /= sum;
            entropy -= *p * (logit - log_sum);
        }
        for (slope, logit) in slopes.iter_mut().zip(logits) {
            *slope -= entropy_weight * *slope * (logit - log_sum + entropy);
        }
        slopes[label] -= 1.0;
        Self {
            cross_entropy: log_sum - logits[label],
            entropy,
            correct: argmax(logits) == label,
        }
    }
}

/// `count` random directions, the same every time.
fn random_rows(count: usize, length: usize) -> Vec<Vec<f32>> {
    let mut random = ChaCha8Rng::seed_from_u64(SEED);
    let mut number = || random.next_u32() as f32 / u32::MAX as f32 - 0.5;
    let rows = (0..count).map(|_| (0..length).map(|_| number()).collect::<Vec<f32>>());
    rows.map(|row| normalised(&row).unwrap_or(row)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Trainer {
        fn gradient_of_all(&self) -> Gradient {
            let shots: Vec<usize> = (0..self.task.labelled().count()).collect();
            self.gradient(&shots)
        }
    }
    use crate::{SupportSet, architecture::EMBEDDING, embedding::tests::embedding};

    /// Numbers that PyTorch computed; tests/reference/head.py made them.
    #[derive(Deserialize)]
    struct Reference {
        embeddings: Vec<Vec<f32>>,
        labels: Vec<u32>,
        prototypes: Vec<Vec<f32>>,
        cases: Vec<Case>,
    }

    #[derive(Deserialize)]
    struct Case {
        name: String,
        start_scale: f32,
        entropy_weight: f32,
        learning_rate: f64,
        learn_scale: bool,
        losses: Vec<[f32; 3]>,
        first_gradients: Gradients,
        final_weight: Vec<Vec<f32>>,
        final_bias: Vec<f32>,
        final_scale: f32,
    }

    #[derive(Deserialize)]
    struct Gradients {
        weight: Vec<Vec<f32>>,
        bias: Vec<f32>,
        scale: Option<Vec<f32>>,
    }

    fn reference() -> Reference {
        serde_json::from_str(include_str!("../tests/reference/head.json")).unwrap()
    }

    fn support(reference: &Reference) -> SupportSet {
        let mut support = SupportSet::default();
        for (shot, (start, label)) in reference.embeddings.iter().zip(&reference.labels).enumerate() {
            support.set_shot(*label, shot as u32, embedding(start));
        }
        support
    }

    fn task(reference: &Reference) -> Task {
        Task::new(Features::Embedding, &support(reference).training_episode().unwrap()).unwrap()
    }

    fn trainer(reference: &Reference, case: &Case) -> Trainer {
        let options = TrainingOptions {
            steps: case.losses.len(),
            learning_rate: case.learning_rate,
            entropy_weight: case.entropy_weight,
            scale: Some(case.start_scale),
            learn_scale: case.learn_scale,
            ..TrainingOptions::of(Method::FinetunePlain)
        };
        Trainer::new(task(reference), options).unwrap()
    }

    fn assert_close(what: &str, got: &[f32], expected: &[f32], tolerance: f32) {
        assert!(got.len() >= expected.len(), "{what}");
        for (got, expected) in got.iter().zip(expected) {
            assert!(
                (got - expected).abs() <= tolerance,
                "{what}: got {got}, PyTorch has {expected}"
            );
        }
    }

    #[test]
    fn prototypes_are_pytorchs() {
        let reference = reference();
        let head = Head::from_prototypes(&task(&reference), DEFAULT_SCALE).unwrap();
        for (row, expected) in head.weight.iter().zip(&reference.prototypes) {
            assert_close("M", row, expected, 1e-6);
        }
    }

    #[test]
    fn first_gradients_are_pytorchs() {
        let reference = reference();
        for case in &reference.cases {
            let gradient = trainer(&reference, case).gradient_of_all().parameters;
            for (row, expected) in gradient.weight.chunks(EMBEDDING).zip(&case.first_gradients.weight) {
                assert_close(&case.name, row, expected, 1e-5);
            }
            assert_close(&case.name, &gradient.bias, &case.first_gradients.bias, 1e-6);
            if let Some(expected) = &case.first_gradients.scale {
                assert_close(&case.name, &gradient.scale, expected, 1e-5);
            }
        }
    }

    /// The slope of the loss along one number, from its values on both sides.
    fn slope(trainer: &Trainer, change: impl Fn(&mut Parameters, f32)) -> f32 {
        let loss_at = |distance: f32| {
            let mut parameters = trainer.parameters.clone();
            change(&mut parameters, distance);
            let moved = Trainer {
                task: trainer.task.clone(),
                options: trainer.options.clone(),
                parameters,
                optimizers: trainer.optimizers.clone(),
                coming: Vec::new(),
                random: trainer.random.clone(),
                step: 0,
            };
            moved.gradient_of_all().report.loss
        };
        (loss_at(1e-2) - loss_at(-1e-2)) / 2e-2
    }

    #[test]
    fn every_shot_of_a_large_set_comes_once_an_epoch() {
        let reference = reference();
        let shots = reference.labels.len();
        let options = TrainingOptions {
            batch: shots / 2,
            ..TrainingOptions::of(Method::Finetune)
        };
        let mut trainer = Trainer::new(task(&reference), options).unwrap();
        let (first, second) = (trainer.batch(), trainer.batch());
        let mut both = [first.clone(), second].concat();
        both.sort_unstable();
        assert_eq!(
            both,
            (0..2 * (shots / 2)).collect::<Vec<_>>(),
            "an even number of shots"
        );
        assert_ne!(first, (0..shots / 2).collect::<Vec<_>>(), "in no order");
        let losses: Vec<f32> = (0..20).map(|_| trainer.step().loss).collect();
        assert!(losses[18] + losses[19] < losses[0] + losses[1], "{losses:?}");
    }

    #[test]
    fn gradients_are_the_slopes_of_the_loss() {
        let reference = reference();
        for similarity in [Similarity::Cosine, Similarity::Dot] {
            for initialisation in [Initialisation::Prototypes, Initialisation::Random] {
                let options = TrainingOptions {
                    similarity,
                    initialisation,
                    entropy_weight: 0.5,
                    scale: Some(4.0),
                    ..TrainingOptions::of(Method::FinetunePlain)
                };
                let trainer = Trainer::new(task(&reference), options).unwrap();
                let gradient = trainer.gradient_of_all().parameters;
                for index in [0, 3, EMBEDDING + 2] {
                    let slope = slope(&trainer, |parameters, distance| parameters.weight[index] += distance);
                    assert_close("W", &[gradient.weight[index]], &[slope], 2e-3);
                }
                let of_bias = slope(&trainer, |parameters, distance| parameters.bias[1] += distance);
                assert_close("b", &[gradient.bias[1]], &[of_bias], 1e-3);
                let of_scale = slope(&trainer, |parameters, distance| parameters.scale[0] += distance);
                assert_close("scale", &gradient.scale, &[of_scale], 1e-3);
            }
        }
    }

    #[test]
    fn slopes_by_the_vectors_are_those_of_the_loss() {
        let reference = reference();
        let options = TrainingOptions {
            entropy_weight: 0.5,
            scale: Some(4.0),
            ..TrainingOptions::of(Method::FinetunePlain)
        };
        let start = || Trainer::new(task(&reference), options.clone()).unwrap();
        let shots = start().task.shots;
        let (_, slopes) = start().step_on(shots.clone());
        for index in [0, 5] {
            let loss_at = |distance: f32| {
                let mut moved = shots.clone();
                moved[1][0][index] += distance;
                start().step_on(moved).0.loss
            };
            let slope = (loss_at(1e-2) - loss_at(-1e-2)) / 2e-2;
            let second_class = shots[0].len();
            assert_close("q", &[slopes[second_class][index]], &[slope], 1e-3);
        }
    }

    #[test]
    fn training_follows_pytorchs_adam() {
        let reference = reference();
        for case in &reference.cases {
            let mut trainer = trainer(&reference, case);
            for (index, expected) in case.losses.iter().enumerate() {
                let report = trainer.step();
                assert_eq!(report.step, index + 1);
                let got = [report.loss, report.cross_entropy, report.entropy];
                assert_close(&format!("{} step {}", case.name, report.step), &got, expected, 2e-4);
            }
            let head = trainer.head();
            for (row, expected) in head.weight.iter().zip(&case.final_weight) {
                assert_close("W", row, expected, 2e-3);
            }
            assert_close("b", &head.bias, &case.final_bias, 1e-3);
            assert_close("scale", &[head.scale], &[case.final_scale], 1e-3);
        }
    }

    #[test]
    fn training_separates_the_shots_from_anywhere() {
        let reference = reference();
        for (similarity, initialisation) in [
            (Similarity::Cosine, Initialisation::Random),
            (Similarity::Dot, Initialisation::Prototypes),
            (Similarity::Dot, Initialisation::Random),
        ] {
            let options = TrainingOptions {
                similarity,
                initialisation,
                ..TrainingOptions::of(Method::Finetune)
            };
            let mut trainer = Trainer::new(task(&reference), options).unwrap();
            let first = trainer.step();
            let last = (0..100).map(|_| trainer.step()).last().unwrap();
            assert!(
                last.loss < first.loss && last.accuracy == 1.0,
                "{similarity:?} {initialisation:?}: {last:?}"
            );
            let head = trainer.head();
            for (label, query) in trainer.task().labelled() {
                assert_eq!(argmax(&head.probabilities(query)), label);
            }
        }
    }

    #[test]
    fn options_are_checked() {
        let request = |json: &str| serde_json::from_str::<TrainingRequest>(json).map(|request| request.options());
        assert_eq!(request("{}").unwrap().unwrap(), TrainingOptions::of(Method::Finetune));
        assert_eq!(
            request(r#"{"method":"finetune-plain"}"#).unwrap().unwrap(),
            TrainingOptions::of(Method::FinetunePlain)
        );
        assert_eq!(request(r#"{"steps":3,"scale":20}"#).unwrap().unwrap().scale, Some(20.0));
        for bad in [
            r#"{"steps":0}"#,
            r#"{"learningRate":0}"#,
            r#"{"entropyWeight":-1}"#,
            r#"{"scale":0}"#,
        ] {
            assert_eq!(request(bad).unwrap().unwrap_err().code(), "option", "{bad}");
        }
        assert!(
            request(r#"{"stepps":3}"#).is_err(),
            "an unknown option is no silent default"
        );
    }
}
