//! A parameter that learns by stochastic gradient descent with momentum, in PyTorch's order of things:
//! g ← dL/dw + λ w, v ← μ v + g, w ← w − rate · v.

use burn::{
    backend::{Autodiff, autodiff::grads::Gradients},
    tensor::{Tensor, TensorData, backend::Backend},
};

use super::State;
use crate::Error;

/// μ: how much of its velocity a parameter keeps.
const MOMENTUM: f64 = 0.9;
/// λ, in all parameters alike, as in torchvision's recipe.
const WEIGHT_DECAY: f64 = 1e-4;

/// One parameter and its velocity, flat.
#[derive(Debug)]
pub(super) struct Weight<B: Backend> {
    /// Its name in torchvision.
    pub name: String,
    /// Length of every axis.
    pub shape: Vec<usize>,
    /// A leaf of the graph.
    pub value: Tensor<Autodiff<B>, 1>,
    /// Where it was going.
    pub velocity: Tensor<B, 1>,
}

impl<B: Backend> Weight<B> {
    /// Takes a parameter out of a state, where either all have a velocity or all stand still.
    pub fn load(state: &State, name: String, shape: &[usize], device: &B::Device) -> Result<Self, Error> {
        let flat = |values: &[f32]| TensorData::new(values.to_vec(), [values.len()]);
        let value = Tensor::from_data(flat(&state.network.get(&name, shape)?.values), device);
        let velocity = match state.velocity.is_empty() {
            true => value.zeros_like(),
            false => Tensor::from_data(flat(&state.velocity.get(&name, shape)?.values), device),
        };
        let value = Tensor::from_inner(value).require_grad();
        Ok(Self {
            name,
            shape: shape.to_vec(),
            value,
            velocity,
        })
    }

    /// The parameter in the graph.
    pub fn shaped<const D: usize>(&self, shape: [usize; D]) -> Tensor<Autodiff<B>, D> {
        self.value.clone().reshape(shape)
    }

    /// Another value in its place.
    pub fn set(&mut self, value: Tensor<B, 1>) {
        self.value = Tensor::from_inner(value).require_grad();
    }

    /// One step against the gradient.
    pub fn descend(&mut self, gradients: &Gradients, rate: f64) {
        let value = self.value.clone().inner();
        let Some(gradient) = self.value.grad(gradients) else {
            return;
        };
        let gradient = gradient + value.clone().mul_scalar(WEIGHT_DECAY);
        self.velocity = self.velocity.clone().mul_scalar(MOMENTUM) + gradient;
        self.set(value - self.velocity.clone().mul_scalar(rate));
    }
}
