//! ResNet-18's `layer4` while it learns: maps after `layer3` → the unit vectors that heads and metrics compare, and the
//! slopes of a loss by these vectors → the layer's own, by which Adam moves it. BatchNorm is folded away.
//!
//! Between two steps the parameters are plain numbers; every step traces them anew. Knows no loss.
//!
//! Shapes: maps `[b, 256, 14, 14]`, vectors `[b, d]` with the `d` numbers of a [`Space`].

use burn::{
    backend::Autodiff,
    tensor::{Tensor, TensorData, activation::relu, backend::Backend},
};

use super::convolution::convolve;
use crate::{
    Error, StateDict,
    adam::Adam,
    architecture::{LAYER3, layer4_convolutions},
    features::{Features, Space},
    state_dict::Parameter,
};

/// Added under square roots, whose slope at 0 is infinite.
const ROOT_FLOOR: f32 = 1e-5;
/// Keeps a vector's length away from 0 in the division.
const NORM_FLOOR: f32 = 1e-12;

/// The layer's parameters, what Adam remembers of them, and in which space its answers are looked at.
#[derive(Debug)]
pub struct Layer4<B: Backend> {
    /// `0.conv1`, `0.conv2`, `0.downsample.0`, `1.conv1`, `1.conv2`.
    learnt: [Learnt; 5],
    space: Space,
    device: B::Device,
}

/// A convolution that learns.
#[derive(Debug, Clone)]
struct Learnt {
    name: String,
    /// Of the weight, `[c′, c, k, k]`.
    shape: [usize; 4],
    stride: usize,
    weight: Vec<f32>,
    /// `[c′]`
    bias: Vec<f32>,
    weight_adam: Adam,
    bias_adam: Adam,
}

/// A convolution's parameters in one step.
#[derive(Debug)]
struct Traced<B: Backend> {
    weight: Tensor<Autodiff<B>, 4>,
    bias: Tensor<Autodiff<B>, 1>,
    stride: usize,
}

/// What the layer makes of some maps, and how.
#[derive(Debug)]
pub struct Glance<B: Backend> {
    parameters: [Traced<B>; 5],
    traced: Tensor<Autodiff<B>, 2>,
    /// `[b][d]`, each of length 1.
    pub vectors: Vec<Vec<f32>>,
}

impl<B: Backend> Layer4<B> {
    /// Starts from the folded parameters by torchvision's names. `space` says how its answers are looked at; not through
    /// a learned metric.
    ///
    /// # Errors
    /// Those of [`StateDict::get`].
    pub fn new(folded: &StateDict, space: Space) -> Result<Self, Error> {
        let mut learnt = Vec::with_capacity(5);
        for convolution in layer4_convolutions() {
            let shape = convolution.shape();
            let weight = folded.get(&format!("{}.weight", convolution.name), &shape)?;
            let bias = folded.get(&format!("{}.bias", convolution.name), &[convolution.outputs])?;
            learnt.push(Learnt {
                weight_adam: Adam::new(weight.values.len()),
                bias_adam: Adam::new(bias.values.len()),
                weight: weight.values.clone(),
                bias: bias.values.clone(),
                stride: convolution.stride,
                shape,
                name: convolution.name,
            });
        }
        Ok(Self {
            learnt: learnt.try_into().expect("layer 4 has five convolutions"),
            space,
            device: B::Device::default(),
        })
    }

    /// The space in which its answers are looked at.
    pub fn space(&self) -> &Space {
        &self.space
    }

    /// What it makes of maps, `[256, 14, 14]` each.
    pub fn look(&self, maps: &[&[f32]]) -> Glance<B> {
        let (channels, side) = LAYER3;
        let values = TensorData::new(maps.concat(), [maps.len(), channels, side, side]);
        let input = Tensor::<Autodiff<B>, 4>::from_data(values, &self.device).swap_dims(0, 1);
        let parameters = self.learnt.each_ref().map(|learnt| learnt.traced(&self.device));
        let traced = self.vectors(forward(&parameters, input));
        Glance {
            vectors: numbers(traced.clone().inner().into_data())
                .chunks_exact(self.space.length())
                .map(<[f32]>::to_vec)
                .collect(),
            traced,
            parameters,
        }
    }

    /// Moves the parameters against the gradient of a loss whose slopes by the glance's vectors are given.
    pub fn learn(&mut self, glance: Glance<B>, slopes: &[Vec<f32>], learning_rate: f32) {
        let slopes = TensorData::new(slopes.concat(), glance.traced.dims());
        let loss = (glance.traced * Tensor::from_data(slopes, &self.device)).sum();
        let mut gradients = loss.backward();
        for (learnt, traced) in self.learnt.iter_mut().zip(&glance.parameters) {
            if let Some(gradient) = traced.weight.grad_remove(&mut gradients) {
                let gradient = numbers(gradient.into_data());
                learnt.weight_adam.step(&mut learnt.weight, &gradient, learning_rate);
            }
            if let Some(gradient) = traced.bias.grad_remove(&mut gradients) {
                let gradient = numbers(gradient.into_data());
                learnt.bias_adam.step(&mut learnt.bias, &gradient, learning_rate);
            }
        }
    }

    /// The parameters as they are, folded, by torchvision's names.
    pub fn state_dict(&self) -> StateDict {
        let mut dict = StateDict::default();
        for learnt in &self.learnt {
            let weight = Parameter {
                shape: learnt.shape.to_vec(),
                values: learnt.weight.clone(),
            };
            let bias = Parameter {
                shape: vec![learnt.bias.len()],
                values: learnt.bias.clone(),
            };
            dict.insert(format!("{}.weight", learnt.name), weight);
            dict.insert(format!("{}.bias", learnt.name), bias);
        }
        dict
    }

    /// `[512, b, y, x]` → `[b, d]`, as [`Space::of`] has it.
    fn vectors(&self, map: Tensor<Autodiff<B>, 4>) -> Tensor<Autodiff<B>, 2> {
        let [channels, batch, rows, columns] = map.dims();
        let pixels = map.swap_dims(0, 1).reshape([batch, channels, rows * columns]);
        let means = pixels.clone().mean_dim(2);
        if self.space.features() != Features::Pooled {
            return unit(means.reshape([batch, channels]));
        }
        let centred = pixels - means.clone();
        let deviations = ((centred.clone() * centred).mean_dim(2) + ROOT_FLOOR * ROOT_FLOOR).sqrt();
        let pooled = Tensor::cat(vec![means, deviations], 1).reshape([batch, 2 * channels]);
        let roots = unit((pooled + ROOT_FLOOR).sqrt());
        let origin = TensorData::new(self.space.origin().to_vec(), [1, 2 * channels]);
        unit(roots - Tensor::from_data(origin, &self.device))
    }
}

impl Learnt {
    fn traced<B: Backend>(&self, device: &B::Device) -> Traced<B> {
        let outputs = self.bias.len();
        let weight = TensorData::new(self.weight.clone(), self.shape);
        let bias = TensorData::new(self.bias.clone(), [outputs]);
        Traced {
            weight: Tensor::from_data(weight, device).require_grad(),
            bias: Tensor::from_data(bias, device).require_grad(),
            stride: self.stride,
        }
    }
}

/// Two basic blocks, the first of which halves: `[256, b, 14, 14]` → `[512, b, 7, 7]`.
fn forward<B: Backend>(parameters: &[Traced<B>; 5], input: Tensor<Autodiff<B>, 4>) -> Tensor<Autodiff<B>, 4> {
    let convolve = |traced: &Traced<B>, input| {
        let bias = traced.bias.clone().reshape([-1, 1, 1, 1]);
        convolve(input, traced.weight.clone(), traced.stride) + bias
    };
    let [first1, first2, downsample, second1, second2] = parameters;
    let hidden = relu(convolve(first1, input.clone()));
    let middle = relu(convolve(first2, hidden) + convolve(downsample, input));
    let hidden = relu(convolve(second1, middle.clone()));
    relu(convolve(second2, hidden) + middle)
}

/// Every row divided by its length.
fn unit<B: Backend>(rows: Tensor<Autodiff<B>, 2>) -> Tensor<Autodiff<B>, 2> {
    let lengths = ((rows.clone() * rows.clone()).sum_dim(1) + NORM_FLOOR).sqrt();
    rows / lengths
}

fn numbers(data: TensorData) -> Vec<f32> {
    data.into_vec().expect("these backends compute in f32")
}
