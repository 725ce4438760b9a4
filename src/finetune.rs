//! Fine-tuning of the head on cached embeddings: mean cross-entropy + λ · mean entropy, minimised by Adam through
//! Burn's autodiff, on the CPU. The backbone is never run here.
//!
//! The three tricks (W = M and b = 0 at the start, entropy regularisation, cosine instead of dot product) are those
//! of Dhillon et al., "A Baseline for Few-Shot Image Classification", 2019, and Chen et al., 2019. The entropy term
//! is taken over the support shots: nothing is known of the queries.
//!
//! Shapes: s shots, n = n_way; q `[s, 512]`, W `[n, 512]`, b `[n]`, logits `[s, n]`.

use burn::{
    module::{AutodiffModule, Module, Param},
    optim::{Adam, AdamConfig, GradientsParams, Optimizer, adaptor::OptimizerAdaptor},
    tensor::{Tensor, TensorData, activation::log_softmax, backend::AutodiffBackend, backend::Backend},
};
use serde::{Deserialize, Serialize};

use crate::{CosineHead, Error, architecture::EMBEDDING, embedding::normalised, head::DEFAULT_SCALE, support::Class};

/// Keeps the norm of a row of W away from 0 in the division.
const NORM_FLOOR: f32 = 1e-12;

/// How to fine-tune.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TrainingOptions {
    /// Steps over the whole support set, 1 to 10,000.
    pub steps: usize,
    /// Adam's learning rate, above 0, at most 1.
    pub learning_rate: f64,
    /// λ, 0 to 10.
    pub entropy_weight: f32,
    /// What multiplies the cosines at the start, above 0, at most 1,000.
    pub scale: f32,
    /// Whether the scale is learnt with W and b.
    pub learn_scale: bool,
}

/// The named sets of options.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Recipe {
    /// A scale of 10, learnt; a light entropy term. The default.
    #[default]
    Scaled,
    /// The textbook recipe: no scale, λ = 1, Adam at 5e-4, 200 steps.
    Plain,
}

impl Recipe {
    /// The recipe's options.
    pub fn options(self) -> TrainingOptions {
        match self {
            Recipe::Scaled => TrainingOptions {
                steps: 100,
                learning_rate: 0.05,
                entropy_weight: 0.1,
                scale: DEFAULT_SCALE,
                learn_scale: true,
            },
            Recipe::Plain => TrainingOptions {
                steps: 200,
                learning_rate: 5e-4,
                entropy_weight: 1.0,
                scale: 1.0,
                learn_scale: false,
            },
        }
    }
}

/// What a caller may ask for: a recipe, and single options that differ from it.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct TrainingRequest {
    /// Where the options come from that are not given.
    pub recipe: Recipe,
    /// See [`TrainingOptions::steps`].
    pub steps: Option<usize>,
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
        let recipe = self.recipe.options();
        let options = TrainingOptions {
            steps: self.steps.unwrap_or(recipe.steps),
            learning_rate: self.learning_rate.unwrap_or(recipe.learning_rate),
            entropy_weight: self.entropy_weight.unwrap_or(recipe.entropy_weight),
            scale: self.scale.unwrap_or(recipe.scale),
            learn_scale: self.learn_scale.unwrap_or(recipe.learn_scale),
        };
        let (steps, rate) = (options.steps, options.learning_rate);
        let (lambda, scale) = (options.entropy_weight, options.scale);
        check((1..=10_000).contains(&steps), "steps", "1 to 10000", steps)?;
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
    /// cross-entropy + λ · entropy, in nats.
    pub loss: f32,
    /// Mean over the shots, in nats.
    pub cross_entropy: f32,
    /// Mean over the shots, in nats.
    pub entropy: f32,
    /// Share of the shots that the head names right, 0 to 1.
    pub accuracy: f32,
}

/// The head's parameters as Burn learns them.
#[derive(Module, Debug)]
struct HeadModule<B: Backend> {
    weight: Param<Tensor<B, 2>>,
    bias: Param<Tensor<B, 1>>,
    scale: Param<Tensor<B, 1>>,
}

/// The loss and its two terms, each of shape `[1]`, and the logits `[s, n]` that they came from.
struct Loss<B: Backend> {
    total: Tensor<B, 1>,
    cross_entropy: Tensor<B, 1>,
    entropy: Tensor<B, 1>,
    logits: Tensor<B, 2>,
}

impl<B: Backend> HeadModule<B> {
    fn new(head: &CosineHead, learn_scale: bool, device: &B::Device) -> Self {
        let n_way = head.bias.len();
        let weight = Tensor::from_data(TensorData::new(head.weight.concat(), [n_way, EMBEDDING]), device);
        let bias = Tensor::from_data(TensorData::new(head.bias.clone(), [n_way]), device);
        let scale = Tensor::from_data(TensorData::new(vec![head.scale], [1]), device);
        Self {
            weight: Param::from_tensor(weight),
            bias: Param::from_tensor(bias),
            scale: Param::from_tensor(scale).set_require_grad(learn_scale),
        }
    }

    /// `[s, 512]`, rows of length 1 → logits `[s, n]`.
    fn forward(&self, queries: Tensor<B, 2>) -> Tensor<B, 2> {
        let weight = self.weight.val();
        let norms = weight.clone().powi_scalar(2).sum_dim(1).sqrt().clamp_min(NORM_FLOOR);
        let cosines = queries.matmul((weight / norms).transpose());
        cosines * self.scale.val().unsqueeze::<2>() + self.bias.val().unsqueeze::<2>()
    }

    /// `targets` `[s, n]` is one-hot.
    fn loss(&self, queries: Tensor<B, 2>, targets: Tensor<B, 2>, entropy_weight: f32) -> Loss<B> {
        let logits = self.forward(queries);
        let log_p = log_softmax(logits.clone(), 1);
        let cross_entropy = (targets * log_p.clone()).sum_dim(1).neg().mean();
        let entropy = (log_p.clone().exp() * log_p).sum_dim(1).neg().mean();
        let total = cross_entropy.clone() + entropy.clone() * entropy_weight;
        Loss {
            total,
            cross_entropy,
            entropy,
            logits,
        }
    }
}

/// A fine-tuning under way: a head that gets better with every [`Trainer::step`].
pub struct Trainer<B: AutodiffBackend> {
    module: HeadModule<B>,
    optimizer: OptimizerAdaptor<Adam, HeadModule<B>, B>,
    queries: Tensor<B, 2>,
    targets: Tensor<B, 2>,
    options: TrainingOptions,
    step: usize,
}

impl<B: AutodiffBackend> Trainer<B> {
    /// Starts from the prototypes of an episode.
    ///
    /// # Errors
    /// Those of [`CosineHead::from_prototypes`].
    pub fn new(episode: &[&Class], options: TrainingOptions, device: &B::Device) -> Result<Self, Error> {
        let head = CosineHead::from_prototypes(episode, options.scale)?;
        let n_way = episode.len();
        let mut queries = Vec::new();
        let mut targets = Vec::new();
        for (label, class) in episode.iter().enumerate() {
            for shot in &class.shots {
                queries.extend_from_slice(shot.embedding.direction());
                targets.extend((0..n_way).map(|index| if index == label { 1.0_f32 } else { 0.0 }));
            }
        }
        let shots = targets.len() / n_way;
        Ok(Self {
            module: HeadModule::new(&head, options.learn_scale, device),
            optimizer: AdamConfig::new().with_epsilon(1e-8).init(),
            queries: Tensor::from_data(TensorData::new(queries, [shots, EMBEDDING]), device),
            targets: Tensor::from_data(TensorData::new(targets, [shots, n_way]), device),
            options,
            step: 0,
        })
    }

    /// Steps made so far.
    pub fn steps_done(&self) -> usize {
        self.step
    }

    /// Steps asked for.
    pub fn steps(&self) -> usize {
        self.options.steps
    }

    /// One Adam step over the whole support set.
    ///
    /// # Errors
    /// [`Error::Backend`] where the tensors cannot be read.
    pub async fn step(&mut self) -> Result<StepReport, Error> {
        let loss = self
            .module
            .loss(self.queries.clone(), self.targets.clone(), self.options.entropy_weight);
        let gradients = GradientsParams::from_grads(loss.total.backward(), &self.module);
        self.module = self
            .optimizer
            .step(self.options.learning_rate, self.module.clone(), gradients);
        self.step += 1;
        let correct = loss.logits.argmax(1).equal(self.targets.clone().argmax(1));
        let accuracy = correct.float().mean();
        let numbers = Tensor::cat(vec![loss.total, loss.cross_entropy, loss.entropy, accuracy], 0);
        match read(numbers).await?[..] {
            [loss, cross_entropy, entropy, accuracy] => Ok(StepReport {
                step: self.step,
                loss,
                cross_entropy,
                entropy,
                accuracy,
            }),
            ref other => Err(backend_error(format!("expected 4 numbers, got {}", other.len()))),
        }
    }

    /// The head as it is now.
    ///
    /// # Errors
    /// [`Error::Backend`] where the tensors cannot be read or a row of W has lost its direction.
    pub async fn head(&self) -> Result<CosineHead, Error> {
        let module = self.module.valid();
        let weight = read(module.weight.val()).await?;
        let row = |row: &[f32]| normalised(row).ok_or_else(|| backend_error("a row of W has no direction".into()));
        Ok(CosineHead {
            weight: weight.chunks_exact(EMBEDDING).map(row).collect::<Result<_, _>>()?,
            bias: read(module.bias.val()).await?,
            scale: read(module.scale.val()).await?[0],
        })
    }
}

async fn read<B: Backend, const D: usize>(tensor: Tensor<B, D>) -> Result<Vec<f32>, Error> {
    let data = tensor
        .into_data_async()
        .await
        .map_err(|e| backend_error(e.to_string()))?;
    data.into_vec().map_err(|e| backend_error(format!("{e:?}")))
}

fn backend_error(reason: String) -> Error {
    Error::Backend { backend: "cpu", reason }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        SupportSet,
        backend::{HEAD_DEVICE, HeadBackend, HeadTrainer},
        embedding::tests::embedding,
    };

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

    fn trainer(reference: &Reference, case: &Case) -> HeadTrainer {
        let options = TrainingOptions {
            steps: case.losses.len(),
            learning_rate: case.learning_rate,
            entropy_weight: case.entropy_weight,
            scale: case.start_scale,
            learn_scale: case.learn_scale,
        };
        Trainer::new(&support(reference).training_episode().unwrap(), options, &HEAD_DEVICE).unwrap()
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
        let support = support(&reference);
        let head = CosineHead::from_prototypes(&support.episode().unwrap(), DEFAULT_SCALE).unwrap();
        for (row, expected) in head.weight.iter().zip(&reference.prototypes) {
            assert_close("M", row, expected, 1e-6);
        }
    }

    #[test]
    fn first_gradients_are_pytorchs() {
        let reference = reference();
        for case in &reference.cases {
            let trainer = trainer(&reference, case);
            let loss = trainer
                .module
                .loss(trainer.queries.clone(), trainer.targets.clone(), case.entropy_weight);
            let gradients = GradientsParams::from_grads(loss.total.backward(), &trainer.module);
            type Inner = <HeadBackend as AutodiffBackend>::InnerBackend;
            let weight = gradients.get::<Inner, 2>(trainer.module.weight.id).unwrap();
            let weight: Vec<f32> = weight.into_data().into_vec().unwrap();
            for (row, expected) in weight.chunks(EMBEDDING).zip(&case.first_gradients.weight) {
                assert_close(&case.name, row, expected, 1e-5);
            }
            let bias = gradients.get::<Inner, 1>(trainer.module.bias.id).unwrap();
            assert_close(
                &case.name,
                &bias.into_data().into_vec::<f32>().unwrap(),
                &case.first_gradients.bias,
                1e-6,
            );
            let scale = gradients.get::<Inner, 1>(trainer.module.scale.id);
            let scale = scale.map(|gradient| gradient.into_data().into_vec::<f32>().unwrap());
            assert_eq!(
                scale.is_some(),
                case.learn_scale,
                "{}: the scale is learnt only when asked",
                case.name
            );
            if let (Some(got), Some(expected)) = (scale, &case.first_gradients.scale) {
                assert_close(&case.name, &got, expected, 1e-5);
            }
        }
    }

    #[test]
    fn training_follows_pytorchs_adam() {
        let reference = reference();
        for case in &reference.cases {
            let mut trainer = trainer(&reference, case);
            for (index, expected) in case.losses.iter().enumerate() {
                let report = pollster::block_on(trainer.step()).unwrap();
                assert_eq!(report.step, index + 1);
                let got = [report.loss, report.cross_entropy, report.entropy];
                assert_close(&format!("{} step {}", case.name, report.step), &got, expected, 2e-4);
            }
            let head = pollster::block_on(trainer.head()).unwrap();
            for (row, expected) in head.weight.iter().zip(&case.final_weight) {
                assert_close("W", row, expected, 2e-3);
            }
            assert_close("b", &head.bias, &case.final_bias, 1e-3);
            assert_close("scale", &[head.scale], &[case.final_scale], 1e-3);
        }
    }

    #[test]
    fn the_trained_head_predicts_as_it_was_trained() {
        let reference = reference();
        let case = &reference.cases[0];
        let mut trainer = trainer(&reference, case);
        pollster::block_on(trainer.step()).unwrap();
        let logits: Vec<f32> = trainer
            .module
            .forward(trainer.queries.clone())
            .into_data()
            .into_vec()
            .unwrap();
        let head = pollster::block_on(trainer.head()).unwrap();
        for (start, expected) in reference.embeddings.iter().zip(logits.chunks(head.bias.len())) {
            assert_close("logits", &head.logits(&embedding(start)), expected, 1e-4);
        }
    }

    #[test]
    fn options_are_checked() {
        let request = |json: &str| serde_json::from_str::<TrainingRequest>(json).map(|request| request.options());
        assert_eq!(request("{}").unwrap().unwrap(), Recipe::Scaled.options());
        assert_eq!(
            request(r#"{"recipe":"plain"}"#).unwrap().unwrap(),
            Recipe::Plain.options()
        );
        assert_eq!(request(r#"{"steps":3,"scale":20}"#).unwrap().unwrap().scale, 20.0);
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
