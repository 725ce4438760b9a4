//! Adam (Kingma & Ba, 2015), for plain slices.

/// Decay of the mean of gradients.
const BETA1: f32 = 0.9;
/// Decay of the mean of their squares.
const BETA2: f32 = 0.999;
/// Keeps the division away from 0: PyTorch's value.
const EPSILON: f32 = 1e-8;

/// What Adam remembers of one parameter.
#[derive(Debug, Clone)]
pub struct Adam {
    mean: Vec<f32>,
    square: Vec<f32>,
    step: i32,
}

impl Adam {
    /// For a parameter of so many numbers.
    pub fn new(length: usize) -> Self {
        Self {
            mean: vec![0.0; length],
            square: vec![0.0; length],
            step: 0,
        }
    }

    /// Moves the parameter against its gradient.
    // See `vector.rs`.
    #[inline(never)]
    pub fn step(&mut self, parameter: &mut [f32], gradient: &[f32], learning_rate: f32) {
        self.step += 1;
        let rate = learning_rate / (1.0 - BETA1.powi(self.step));
        let correction = 1.0 / (1.0 - BETA2.powi(self.step));
        let memory = self.mean.iter_mut().zip(&mut self.square);
        for ((value, g), (mean, square)) in parameter.iter_mut().zip(gradient).zip(memory) {
            *mean = BETA1 * *mean + (1.0 - BETA1) * g;
            *square = BETA2 * *square + (1.0 - BETA2) * g * g;
            *value -= rate * *mean / ((*square * correction).sqrt() + EPSILON);
        }
    }
}
