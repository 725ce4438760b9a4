//! The projection that metric learning trains: y = u / |u| with u = W x + b, from a vector to a shorter one of
//! length 1. Knows neither losses nor images.
//!
//! Shapes: x `[inputs]`, W `[outputs, inputs]`, b, u and y `[outputs]`.

use rand_chacha::{ChaCha8Rng, rand_core::RngCore};

use crate::{
    adam::Adam,
    vector::{add_scaled, dot},
};

/// Keeps the norm of u away from 0 in the division.
const NORM_FLOOR: f32 = 1e-12;

/// A fully connected layer whose answers have length 1.
#[derive(Debug, Clone, PartialEq)]
pub struct Projection {
    /// W row by row, `[outputs · inputs]`.
    pub weight: Vec<f32>,
    /// b `[outputs]`.
    pub bias: Vec<f32>,
}

/// What a projection made of one vector.
#[derive(Debug, Clone)]
pub struct Projected {
    /// y, of length 1.
    pub unit: Vec<f32>,
    /// |u|
    norm: f32,
}

impl Projection {
    /// Random numbers between ±1 / √inputs, as PyTorch starts a linear layer.
    pub fn random(inputs: usize, outputs: usize, random: &mut ChaCha8Rng) -> Self {
        let bound = 1.0 / (inputs as f32).sqrt();
        let mut number = || bound * (2.0 * (random.next_u32() as f32 / u32::MAX as f32) - 1.0);
        Self {
            weight: (0..outputs * inputs).map(|_| number()).collect(),
            bias: (0..outputs).map(|_| number()).collect(),
        }
    }

    /// One of this one's sizes, all zeros: where a gradient is summed up.
    pub fn zeros_like(&self) -> Self {
        Self {
            weight: vec![0.0; self.weight.len()],
            bias: vec![0.0; self.bias.len()],
        }
    }

    /// Numbers in a vector that goes in.
    pub fn inputs(&self) -> usize {
        self.weight.len() / self.bias.len().max(1)
    }

    /// Numbers in a vector that comes out.
    pub fn outputs(&self) -> usize {
        self.bias.len()
    }

    /// y `[outputs]` of x `[inputs]`.
    pub fn of(&self, vector: &[f32]) -> Vec<f32> {
        self.project(vector).unit
    }

    /// y, with what [`Projected::of_sum`] needs to know of the way there.
    pub fn project(&self, vector: &[f32]) -> Projected {
        let rows = self.weight.chunks_exact(self.inputs());
        let mut unit: Vec<f32> = rows
            .zip(&self.bias)
            .map(|(row, bias)| dot(row, vector) + bias)
            .collect();
        let norm = dot(&unit, &unit).sqrt().max(NORM_FLOOR);
        unit.iter_mut().for_each(|value| *value /= norm);
        Projected { unit, norm }
    }

    /// Adds what a loss owes to W and b, given its slope by u: dL/dW = dL/du xᵀ, dL/db = dL/du.
    pub fn add_gradient(&mut self, vector: &[f32], of_sum: &[f32]) {
        for (row, g) in self.weight.chunks_exact_mut(vector.len()).zip(of_sum) {
            add_scaled(row, *g, vector);
        }
        add_scaled(&mut self.bias, 1.0, of_sum);
    }

    /// A loss's slope by x `[inputs]`, given its slope by u: dL/dx = Wᵀ dL/du.
    pub fn of_input(&self, of_sum: &[f32]) -> Vec<f32> {
        let mut of_input = vec![0.0; self.inputs()];
        for (row, g) in self.weight.chunks_exact(self.inputs()).zip(of_sum) {
            add_scaled(&mut of_input, *g, row);
        }
        of_input
    }
}

impl Projected {
    /// A loss's slope by u `[outputs]`, given its slope by y: dL/du = (g − (g · y) y) / |u|.
    pub fn of_sum(&self, of_unit: &[f32]) -> Vec<f32> {
        let mut of_sum = of_unit.to_vec();
        add_scaled(&mut of_sum, -dot(of_unit, &self.unit), &self.unit);
        of_sum.iter_mut().for_each(|value| *value /= self.norm);
        of_sum
    }
}

/// Adam for both parameters of a projection.
#[derive(Debug, Clone)]
pub struct ProjectionAdam {
    weight: Adam,
    bias: Adam,
}

impl ProjectionAdam {
    /// For a projection of this one's sizes.
    pub fn new(projection: &Projection) -> Self {
        Self {
            weight: Adam::new(projection.weight.len()),
            bias: Adam::new(projection.bias.len()),
        }
    }

    /// Moves the projection against its gradient.
    pub fn step(&mut self, projection: &mut Projection, gradient: &Projection, learning_rate: f32) {
        self.weight
            .step(&mut projection.weight, &gradient.weight, learning_rate);
        self.bias.step(&mut projection.bias, &gradient.bias, learning_rate);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn projects_by_the_formula() {
        let projection = Projection {
            weight: vec![1.0, 0.0, 2.0, 0.0, 1.0, 0.0],
            bias: vec![0.0, 1.0],
        };
        assert_eq!((projection.inputs(), projection.outputs()), (3, 2));
        // u = (1 + 2, 3 + 1) = (3, 4)
        assert_eq!(projection.of(&[1.0, 3.0, 1.0]), [0.6, 0.8]);
        let nothing = projection.zeros_like();
        assert_eq!(nothing.of(&[1.0, 3.0, 1.0]), [0.0, 0.0], "no division by 0");
    }
}
