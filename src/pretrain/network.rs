//! ResNet-18 that learns: with the classifier `fc`, and with BatchNorm by the statistics of the batch.
//!
//! Ioffe & Szegedy, "Batch Normalization", ICML 2015: y = γ (x − μ) / √(σ² + ε) + β with μ and σ² of the batch, per
//! channel over its n pixels. The running statistics follow as in torchvision: r ← 0.9 r + 0.1 · (μ, σ² · n / (n − 1)).
//!
//! Axes: c channels, b batch, y rows, x columns. Channels come first ([`convolution`](crate::autodiff::convolution) says why).

use burn::{
    backend::Autodiff,
    tensor::{
        Tensor, TensorData,
        activation::{log_softmax, relu},
        backend::Backend,
    },
};

use super::{Batch, Measured, State, weight::Weight};
use crate::{
    Error, StateDict,
    architecture::{Convolution, EMBEDDING, convolutions},
    autodiff::convolution::{bordered, convolve},
    evaluation::argmax,
    state_dict::{EPSILON, Parameter},
};

/// How much of the running statistics a batch replaces.
const NEW_STATISTICS: f64 = 0.1;

/// A network that learns, on whichever backend.
pub trait Learner {
    /// One step of gradient descent on the batch's mean cross-entropy.
    ///
    /// # Errors
    /// [`Error::Backend`] where the backend fails.
    fn step(&mut self, batch: &Batch, rate: f64) -> Result<Measured, Error>;

    /// All that the steps have changed.
    ///
    /// # Errors
    /// [`Error::Backend`] where the backend fails.
    fn state(&self) -> Result<State, Error>;
}

/// The network and its optimiser on one of Burn's backends.
#[derive(Debug)]
pub struct Network<B: Backend> {
    stem: Layer<B>,
    blocks: Vec<Block<B>>,
    fc: Linear<B>,
    device: B::Device,
    backend: &'static str,
}

/// Two convolutions and the way around them.
#[derive(Debug)]
struct Block<B: Backend> {
    conv1: Layer<B>,
    conv2: Layer<B>,
    downsample: Option<Layer<B>>,
}

/// A convolution and the BatchNorm after it.
#[derive(Debug)]
struct Layer<B: Backend> {
    convolution: Convolution,
    weight: Weight<B>,
    gamma: Weight<B>,
    beta: Weight<B>,
    running: Statistics<B>,
    /// The running statistics belong to no photos: [`State::folded`].
    folded: bool,
}

/// The classifier.
#[derive(Debug)]
struct Linear<B: Backend> {
    weight: Weight<B>,
    bias: Weight<B>,
    classes: usize,
}

/// Mean and variance of each channel, `[c]`.
#[derive(Debug, Clone)]
struct Statistics<B: Backend> {
    mean: Tensor<B, 1>,
    variance: Tensor<B, 1>,
}

impl<B: Backend> Network<B> {
    /// Puts a state on the device. `backend` names it in errors.
    ///
    /// # Errors
    /// Those of [`StateDict::get`], where the state is not one of ResNet-18 with so many classes.
    pub fn new(state: &State, classes: usize, device: B::Device, backend: &'static str) -> Result<Self, Error> {
        let all = convolutions();
        let layer = |name: String| match all.iter().find(|convolution| convolution.name == name) {
            Some(convolution) => Layer::load(state, convolution.clone(), &device).map(Some),
            None => Ok(None),
        };
        let required = |name: String| layer(name.clone())?.ok_or(Error::WeightsMissingTensor { name });
        let block = |at: String| {
            Ok(Block {
                conv1: required(format!("{at}.conv1"))?,
                conv2: required(format!("{at}.conv2"))?,
                downsample: layer(format!("{at}.downsample.0"))?,
            })
        };
        let places = (1..=4).flat_map(|number| (0..2).map(move |index| format!("layer{number}.{index}")));
        Ok(Self {
            stem: required("conv1".into())?,
            blocks: places.map(block).collect::<Result<_, Error>>()?,
            fc: Linear {
                weight: Weight::load(state, "fc.weight".into(), &[classes, EMBEDDING], &device)?,
                bias: Weight::load(state, "fc.bias".into(), &[classes], &device)?,
                classes,
            },
            device,
            backend,
        })
    }

    /// `[3, b, y, x]` → `[classes, b]`
    fn logits(&mut self, input: Tensor<Autodiff<B>, 4>) -> Tensor<Autodiff<B>, 2> {
        let stem = max_pool_after_relu(relu(self.stem.forward(input)));
        let map = self.blocks.iter_mut().fold(stem, |map, block| block.forward(map));
        let [channels, batch, rows, columns] = map.dims();
        let means = map.reshape([channels, batch, rows * columns]).mean_dim(2);
        self.fc.forward(means.reshape([channels, batch]))
    }

    /// `[3, b, y, x]`
    fn input(&self, batch: &Batch) -> Tensor<Autodiff<B>, 4> {
        let pixels = batch.side * batch.side;
        let mut values = Vec::with_capacity(3 * pixels * batch.squares.len());
        for channel in 0..3 {
            for square in &batch.squares {
                values.extend_from_slice(&square[channel * pixels..(channel + 1) * pixels]);
            }
        }
        let shape = [3, batch.squares.len(), batch.side, batch.side];
        Tensor::from_data(TensorData::new(values, shape), &self.device)
    }

    /// Mean cross-entropy of `[classes, b]`.
    fn loss(&self, logits: Tensor<Autodiff<B>, 2>, labels: &[usize]) -> Tensor<Autodiff<B>, 1> {
        let shown = |class: usize| labels.iter().map(move |&label| if label == class { 1.0 } else { 0.0 });
        let truth: Vec<f32> = (0..self.fc.classes).flat_map(shown).collect();
        let truth = TensorData::new(truth, [self.fc.classes, labels.len()]);
        let likelihood = log_softmax(logits, 0) * Tensor::from_data(truth, &self.device);
        likelihood.sum().mul_scalar(-1.0 / labels.len() as f64)
    }

    /// How many columns of `[classes, b]` are greatest where they should be.
    fn right(&self, logits: Tensor<B, 2>, labels: &[usize]) -> Result<usize, Error> {
        let values = self.read(logits.transpose())?;
        let answers = values.chunks_exact(self.fc.classes).map(argmax);
        Ok(answers.zip(labels).filter(|(answer, label)| answer == *label).count())
    }

    fn layers(&self) -> impl Iterator<Item = &Layer<B>> {
        [&self.stem]
            .into_iter()
            .chain(self.blocks.iter().flat_map(Block::layers))
    }

    fn weights(&self) -> impl Iterator<Item = &Weight<B>> {
        let of_layers = self
            .layers()
            .flat_map(|layer| [&layer.weight, &layer.gamma, &layer.beta]);
        of_layers.chain([&self.fc.weight, &self.fc.bias])
    }

    fn weights_mut(&mut self) -> impl Iterator<Item = &mut Weight<B>> {
        let layers = [&mut self.stem]
            .into_iter()
            .chain(self.blocks.iter_mut().flat_map(Block::layers_mut));
        let of_layers = layers.flat_map(|layer| [&mut layer.weight, &mut layer.gamma, &mut layer.beta]);
        of_layers.chain([&mut self.fc.weight, &mut self.fc.bias])
    }

    fn read<const D: usize>(&self, tensor: Tensor<B, D>) -> Result<Vec<f32>, Error> {
        let failed = |reason: String| Error::Backend {
            backend: self.backend,
            reason,
        };
        let data = tensor.try_into_data().map_err(|e| failed(e.to_string()))?;
        data.into_vec().map_err(|e| failed(format!("{e:?}")))
    }

    fn parameter(&self, tensor: &Tensor<B, 1>, shape: &[usize]) -> Result<Parameter, Error> {
        Ok(Parameter {
            shape: shape.to_vec(),
            values: self.read(tensor.clone())?,
        })
    }
}

impl<B: Backend> Learner for Network<B> {
    fn step(&mut self, batch: &Batch, rate: f64) -> Result<Measured, Error> {
        let logits = self.logits(self.input(batch));
        let loss = self.loss(logits.clone(), &batch.labels);
        let gradients = loss.backward();
        self.weights_mut().for_each(|weight| weight.descend(&gradients, rate));
        Ok(Measured {
            loss: self.read(loss.inner())?[0],
            right: self.right(logits.inner(), &batch.labels)?,
        })
    }

    fn state(&self) -> Result<State, Error> {
        let (mut network, mut velocity) = (StateDict::default(), StateDict::default());
        for weight in self.weights() {
            let value = self.parameter(&weight.value.clone().inner(), &weight.shape)?;
            network.insert(&weight.name, value);
            velocity.insert(&weight.name, self.parameter(&weight.velocity, &weight.shape)?);
        }
        for layer in self.layers() {
            let Convolution {
                batch_norm, outputs, ..
            } = &layer.convolution;
            let mean = self.parameter(&layer.running.mean, &[*outputs])?;
            let variance = self.parameter(&layer.running.variance, &[*outputs])?;
            network.insert(format!("{batch_norm}.running_mean"), mean);
            network.insert(format!("{batch_norm}.running_var"), variance);
        }
        Ok(State {
            network,
            velocity,
            folded: self.layers().any(|layer| layer.folded),
        })
    }
}

impl<B: Backend> Block<B> {
    /// `[c, b, y, x]` → `[c′, b, y′, x′]`
    fn forward(&mut self, input: Tensor<Autodiff<B>, 4>) -> Tensor<Autodiff<B>, 4> {
        let residual = match &mut self.downsample {
            Some(downsample) => downsample.forward(input.clone()),
            None => input.clone(),
        };
        let hidden = relu(self.conv1.forward(input));
        relu(self.conv2.forward(hidden) + residual)
    }

    fn layers(&self) -> impl Iterator<Item = &Layer<B>> {
        [&self.conv1, &self.conv2].into_iter().chain(&self.downsample)
    }

    fn layers_mut(&mut self) -> impl Iterator<Item = &mut Layer<B>> {
        [&mut self.conv1, &mut self.conv2]
            .into_iter()
            .chain(&mut self.downsample)
    }
}

impl<B: Backend> Layer<B> {
    fn load(state: &State, convolution: Convolution, device: &B::Device) -> Result<Self, Error> {
        let channels = [convolution.outputs];
        let of_norm = |field: &str| format!("{}.{field}", convolution.batch_norm);
        let statistic = |field: &str| -> Result<Tensor<B, 1>, Error> {
            let values = state.network.get(&of_norm(field), &channels)?.values.clone();
            Ok(Tensor::from_data(TensorData::new(values, channels), device))
        };
        let name = format!("{}.weight", convolution.name);
        Ok(Self {
            weight: Weight::load(state, name, &convolution.shape(), device)?,
            gamma: Weight::load(state, of_norm("weight"), &channels, device)?,
            beta: Weight::load(state, of_norm("bias"), &channels, device)?,
            running: Statistics {
                mean: statistic("running_mean")?,
                variance: statistic("running_var")?,
            },
            folded: state.folded,
            convolution,
        })
    }

    /// `[c, b, y, x]` → `[c′, b, y′, x′]`
    fn forward(&mut self, input: Tensor<Autodiff<B>, 4>) -> Tensor<Autodiff<B>, 4> {
        let Convolution { outputs, stride, .. } = self.convolution;
        let map = convolve(input, self.weight.shaped(self.convolution.shape()), stride);
        let shape = map.dims();
        let pixels = shape[1..].iter().product();
        let map = map.reshape([outputs, pixels]);
        let mean = map.clone().mean_dim(1);
        let centred = map - mean.clone();
        let variance = (centred.clone() * centred.clone()).mean_dim(1);
        self.follow(
            Statistics {
                mean: mean.inner().reshape([outputs]),
                variance: variance.clone().inner().reshape([outputs]),
            },
            pixels,
        );
        let deviation = (variance + f64::from(EPSILON)).sqrt();
        let scale = self.gamma.shaped([outputs, 1]) / deviation;
        (centred * scale + self.beta.shaped([outputs, 1])).reshape(shape)
    }

    /// Moves the running statistics towards those of a batch, which has so many pixels.
    fn follow(&mut self, batch: Statistics<B>, pixels: usize) {
        if self.folded {
            self.unfold(&batch);
        }
        let moved = |running: &Tensor<B, 1>, new: Tensor<B, 1>| {
            running.clone().mul_scalar(1.0 - NEW_STATISTICS) + new.mul_scalar(NEW_STATISTICS)
        };
        let unbiased = batch.variance.mul_scalar(pixels as f64 / (pixels as f64 - 1.0));
        self.running = Statistics {
            mean: moved(&self.running.mean, batch.mean),
            variance: moved(&self.running.variance, unbiased),
        };
    }

    /// Takes the batch's statistics for the running ones, and changes γ and β so that with them the layer computes
    /// what it did before: with r for the running statistics, γ′ = γ √(σ² + ε) / √(r_σ² + ε) and
    /// β′ = β + γ (μ − r_μ) / √(r_σ² + ε).
    fn unfold(&mut self, batch: &Statistics<B>) {
        let deviation = |variance: &Tensor<B, 1>| (variance.clone() + f64::from(EPSILON)).sqrt();
        let factor = self.gamma.value.clone().inner() / deviation(&self.running.variance);
        let shift = factor.clone() * (batch.mean.clone() - self.running.mean.clone());
        self.beta.set(self.beta.value.clone().inner() + shift);
        self.gamma.set(factor * deviation(&batch.variance));
        self.running = batch.clone();
        self.folded = false;
    }
}

impl<B: Backend> Linear<B> {
    /// `[512, b]` → `[classes, b]`
    fn forward(&self, input: Tensor<Autodiff<B>, 2>) -> Tensor<Autodiff<B>, 2> {
        let weight = self.weight.shaped([self.classes, EMBEDDING]);
        weight.matmul(input) + self.bias.shaped([self.classes, 1])
    }
}

/// 3 × 3 max pooling with stride 2 and padding 1 of a map that is nowhere negative, so that a border of zeros changes no
/// maximum: `[c, b, y, x]` → `[c, b, y / 2, x / 2]`. Along one axis, then along the other.
fn max_pool_after_relu<B: Backend>(map: Tensor<Autodiff<B>, 4>) -> Tensor<Autodiff<B>, 4> {
    let [channels, batch, rows, columns] = map.dims();
    let map = halve(map.reshape([channels * batch * rows, columns / 2, 2, 1]));
    let map = halve(map.reshape([channels * batch, rows / 2, 2, columns / 2]));
    map.reshape([channels, batch, rows / 2, columns / 2])
}

/// Of pairs, the maximum with the one before: `[·, n, 2, ·]` → `[·, n, 1, ·]`.
fn halve<B: Backend>(pairs: Tensor<B, 4>) -> Tensor<B, 4> {
    let count = pairs.dims()[1];
    let (first, second) = (pairs.clone().narrow(2, 0, 1), pairs.narrow(2, 1, 1));
    let before = bordered(second.clone().narrow(1, 0, count - 1), 1, [1, 0]);
    first.max_pair(second).max_pair(before)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde::Deserialize;

    use super::*;
    use crate::{
        Embedder, Square,
        backend::{Backbone, BackendKind, learner},
        pretrain::start,
        vector::dot,
    };

    const SIDE: usize = 64;
    const LABELS: [usize; 4] = [0, 1, 2, 0];
    const CLASSES: usize = 3;
    const RATE: f64 = 0.05;

    /// What PyTorch computes; `tests/reference/pretrain.py` made it.
    #[derive(Deserialize)]
    struct Reference {
        losses: Vec<f32>,
        right: Vec<usize>,
        first_velocity: BTreeMap<String, Sample>,
        last_state: BTreeMap<String, Sample>,
        embedding: Vec<f32>,
    }

    /// A parameter's length, and eight numbers from all over it.
    #[derive(Deserialize)]
    struct Sample {
        norm: f32,
        values: Vec<f32>,
    }

    /// Numbers in −1..1: the finaliser of MurmurHash3 over a counter.
    fn uniform(count: usize, salt: u32) -> Vec<f32> {
        let number = |index: u32| {
            let x = index.wrapping_add(salt.wrapping_mul(0x9E37_79B9));
            let x = (x ^ (x >> 16)).wrapping_mul(0x85EB_CA6B);
            let x = (x ^ (x >> 13)).wrapping_mul(0xC2B2_AE35);
            ((x ^ (x >> 16)) >> 8) as f32 / (1 << 23) as f32 - 1.0
        };
        (0..count as u32).map(number).collect()
    }

    /// The network that the reference starts from.
    fn state() -> State {
        let mut state = start::random(CLASSES, 1);
        let is_learnt = |name: &&str| !name.contains("running");
        let names: Vec<String> = state.network.names().filter(is_learnt).map(str::to_owned).collect();
        let shapes: BTreeMap<String, Vec<usize>> = state
            .network
            .iter()
            .map(|(name, parameter)| (name.to_owned(), parameter.shape.clone()))
            .collect();
        for (salt, name) in (0..).zip(names) {
            let shape = shapes[&name].clone();
            let numbers = uniform(shape.iter().product(), salt);
            let value = |number: f32| match shape.len() {
                4 => (f64::from(number) * (6.0 / shape[1..].iter().product::<usize>() as f64).sqrt()) as f32,
                _ if name.starts_with("fc") => (f64::from(number) / 512_f64.sqrt()) as f32,
                _ if name.ends_with("weight") => 1.0 + 0.25 * number,
                _ => 0.25 * number,
            };
            let values = numbers.into_iter().map(value).collect();
            state.network.insert(name, Parameter { shape, values });
        }
        state
    }

    fn batch() -> Batch {
        let pixels = uniform(LABELS.len() * 3 * SIDE * SIDE, 1000);
        let squares = pixels.chunks_exact(3 * SIDE * SIDE);
        Batch {
            squares: squares
                .map(|square| square.iter().map(|value| 2.0 * value).collect())
                .collect(),
            labels: LABELS.to_vec(),
            side: SIDE,
        }
    }

    fn start(state: &State) -> Box<dyn Learner> {
        pollster::block_on(learner(BackendKind::Candle, state, CLASSES)).unwrap()
    }

    fn assert_samples(what: &str, got: &StateDict, expected: &BTreeMap<String, Sample>, tolerance: f32) {
        for (name, sample) in expected {
            let (_, got) = got.iter().find(|(got, _)| got == name).unwrap();
            let places = (0..8).map(|place| place * (got.values.len() - 1) / 7);
            let scale = sample.norm / (got.values.len() as f32).sqrt();
            let norm = dot(&got.values, &got.values).sqrt();
            assert!(
                (norm - sample.norm).abs() <= tolerance * sample.norm,
                "{what} {name}: {norm}, {}",
                sample.norm
            );
            for (place, expected) in places.zip(&sample.values) {
                let got = got.values[place];
                assert!(
                    (got - expected).abs() <= tolerance * (scale + expected.abs()),
                    "{what} {name}: got {got}, PyTorch has {expected}, usual is {scale}"
                );
            }
        }
    }

    fn embedding(network: &StateDict) -> Vec<f32> {
        let pooled = pollster::block_on(async {
            let backbone = Backbone::start(BackendKind::Cpu, network.clone()).await.unwrap();
            backbone.pooled(&[Square::test_pattern()]).await.unwrap()
        });
        pooled[0].embedding().to_vec()
    }

    fn cosine(a: &[f32], b: &[f32]) -> f32 {
        dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
    }

    #[test]
    fn three_steps_are_pytorchs() {
        let reference: Reference = serde_json::from_str(include_str!("../../tests/reference/pretrain.json")).unwrap();
        let mut learner = start(&state());
        for (index, (loss, right)) in reference.losses.iter().zip(&reference.right).enumerate() {
            let measured = learner.step(&batch(), RATE).unwrap();
            assert!(
                (measured.loss - loss).abs() <= 1e-3,
                "step {index}: {}, PyTorch has {loss}",
                measured.loss
            );
            assert_eq!(measured.right, *right);
            if index == 0 {
                let velocity = learner.state().unwrap().velocity;
                assert_eq!(
                    reference.first_velocity.len(),
                    velocity.names().count(),
                    "every gradient is compared"
                );
                assert_samples("velocity", &velocity, &reference.first_velocity, 1e-2);
            }
        }
        let state = learner.state().unwrap();
        assert_samples("state", &state.network, &reference.last_state, 1e-2);
        // The plain trunk, BatchNorm folded, is PyTorch's network in evaluation mode.
        let similarity = cosine(&embedding(&state.network), &reference.embedding);
        assert!(similarity >= 0.9999, "cosine {similarity}");
    }

    #[test]
    fn a_state_goes_on_exactly() {
        let mut whole = start(&state());
        whole.step(&batch(), RATE).unwrap();
        let mut resumed = start(&whole.state().unwrap());
        for _ in 0..2 {
            assert_eq!(
                whole.step(&batch(), RATE).unwrap(),
                resumed.step(&batch(), RATE).unwrap()
            );
        }
        assert!(whole.state().unwrap() == resumed.state().unwrap(), "bit for bit");
    }

    #[test]
    fn folded_weights_start_as_what_they_are() {
        // After some steps the running statistics say something; folding hides them.
        let mut learner = start(&state());
        for _ in 0..3 {
            learner.step(&batch(), RATE).unwrap();
        }
        let trained = learner.state().unwrap().network;
        let folded = trained.folded_trunk(&convolutions()).unwrap();
        let given = start::given(&folded, CLASSES, 1).unwrap();
        assert!(given.folded);
        assert!(cosine(&embedding(&given.network), &embedding(&trained)) >= 0.9999);
        // A step that does not move finds the statistics, and the network remains what it was.
        let mut learner = start(&given);
        learner.step(&batch(), 0.0).unwrap();
        let unfolded = learner.state().unwrap();
        assert!(!unfolded.folded);
        let similarity = cosine(&embedding(&unfolded.network), &embedding(&folded));
        assert!(similarity >= 0.999, "cosine {similarity}");
    }
}
