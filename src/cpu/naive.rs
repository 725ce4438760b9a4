//! What the tests compare with: the same layers as plain sums in f64, channels first, and random numbers to try them on.

use rand_chacha::{
    ChaCha8Rng,
    rand_core::{RngCore, SeedableRng},
};

/// A map `[c, y, x]`, row-major.
#[derive(Debug, Clone)]
pub struct Reference {
    pub values: Vec<f64>,
    side: usize,
}

impl Reference {
    pub fn new(values: &[f32], side: usize) -> Self {
        Self {
            values: values.iter().copied().map(f64::from).collect(),
            side,
        }
    }

    fn channels(&self) -> usize {
        self.values.len() / (self.side * self.side)
    }

    /// The value at a place that may lie outside, where it is zero.
    fn at(&self, channel: usize, y: isize, x: isize) -> f64 {
        let inside = 0..self.side as isize;
        if inside.contains(&y) && inside.contains(&x) {
            self.values[(channel * self.side + y as usize) * self.side + x as usize]
        } else {
            0.0
        }
    }

    /// A new map of the values that `value` gives for channel, y and x.
    fn map(channels: usize, side: usize, value: impl Fn(usize, usize, usize) -> f64) -> Self {
        let place = |index: usize| (index / (side * side), index / side % side, index % side);
        let values = (0..channels * side * side).map(|index| {
            let (channel, y, x) = place(index);
            value(channel, y, x)
        });
        Self {
            values: values.collect(),
            side,
        }
    }

    /// With a padding of half the kernel.
    pub fn convolution(&self, weight: &[f32], bias: &[f32], kernel: usize, stride: usize) -> Self {
        Self::map(bias.len(), self.side.div_ceil(stride), |output, y, x| {
            let mut sum = f64::from(bias[output]);
            for input in 0..self.channels() {
                for ky in 0..kernel {
                    for kx in 0..kernel {
                        let tap = weight[((output * self.channels() + input) * kernel + ky) * kernel + kx];
                        let at = |position: usize, k: usize| (position * stride + k) as isize - (kernel / 2) as isize;
                        sum += f64::from(tap) * self.at(input, at(y, ky), at(x, kx));
                    }
                }
            }
            sum
        })
    }

    /// 3 × 3 with stride 2 and padding 1, of a map that is nowhere negative.
    pub fn max_pool(&self) -> Self {
        Self::map(self.channels(), self.side.div_ceil(2), |channel, y, x| {
            let around = (0..9).map(|k| self.at(channel, (2 * y + k / 3) as isize - 1, (2 * x + k % 3) as isize - 1));
            around.fold(0.0, f64::max)
        })
    }

    /// The mean of every channel, as a map of one pixel.
    pub fn mean(&self) -> Self {
        let pixels = self.side * self.side;
        let means = self
            .values
            .chunks(pixels)
            .map(|channel| channel.iter().sum::<f64>() / pixels as f64);
        Self {
            values: means.collect(),
            side: 1,
        }
    }

    pub fn relu(mut self) -> Self {
        self.values.iter_mut().for_each(|value| *value = value.max(0.0));
        self
    }

    pub fn plus<T: Copy + Into<f64>>(mut self, other: &[T]) -> Self {
        assert_eq!(self.values.len(), other.len());
        for (value, &other) in self.values.iter_mut().zip(other) {
            *value += other.into();
        }
        self
    }
}

/// Uniform in −1..1.
pub fn random(count: usize, seed: u64) -> Vec<f32> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    (0..count)
        .map(|_| (rng.next_u32() >> 8) as f32 / (1 << 23) as f32 - 1.0)
        .collect()
}

/// Fails where a value is off by more than 1e-5 of the largest.
#[track_caller]
pub fn assert_close(got: &[f32], expected: &[f64]) {
    assert_eq!(got.len(), expected.len());
    let largest = expected.iter().fold(0.0_f64, |max, value| max.max(value.abs()));
    for (index, (&got, expected)) in got.iter().zip(expected).enumerate() {
        let error = (f64::from(got) - expected).abs();
        assert!(error <= 1e-5 * largest, "value {index}: {got} instead of {expected}");
    }
}
