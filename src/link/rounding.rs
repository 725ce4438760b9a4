//! Vectors in whole steps. No format in here: which vectors there are, and how long their steps, is a version's business.

use crate::{
    architecture::EMBEDDING,
    vector::{add_scaled, dot},
};

/// Most steps to either side of 0.
const MOST: f32 = i8::MAX as f32;
/// How often every number of a vector is looked at again.
const PASSES: usize = 4;
/// Directions that are kept exactly have a small part in this many numbers, so more of them cannot all be kept.
const MOST_DIRECTIONS: usize = 200;

/// Layer 4's means and deviations as their sums and differences: the two of a channel go together, so the differences are
/// small. Keeps lengths and products, and undoes itself. Other vectors stay as they are.
pub(super) fn paired(mut vector: Vec<f32>) -> Vec<f32> {
    if vector.len() == 2 * EMBEDDING {
        let (means, deviations) = vector.split_at_mut(EMBEDDING);
        for (a, b) in means.iter_mut().zip(deviations) {
            (*a, *b) = (
                (*a + *b) * std::f32::consts::FRAC_1_SQRT_2,
                (*a - *b) * std::f32::consts::FRAC_1_SQRT_2,
            );
        }
    }
    vector
}

/// Directions `[m][length]` in which a rounded vector shall have the same product as the exact one.
pub(super) struct Directions {
    /// `[length][m]`
    columns: Vec<Vec<f32>>,
    /// How much an error along one of them weighs, where an error of any number weighs 1.
    weight: f32,
}

impl Directions {
    /// Of vectors of length 1 which what will be multiplied is like: half of its length is expected to lie along them.
    pub(super) fn new(vectors: &[Vec<f32>]) -> Self {
        let length = vectors.first().map_or(0, Vec::len);
        let every = vectors.len().div_ceil(MOST_DIRECTIONS).max(1);
        let taken: Vec<&Vec<f32>> = vectors.iter().step_by(every).collect();
        Self {
            columns: (0..length)
                .map(|index| taken.iter().map(|vector| vector[index]).collect())
                .collect(),
            weight: length as f32 / taken.len().max(1) as f32,
        }
    }

    /// A vector in whole steps: Σ e² + weight · Σ (d · e)² is as small as changing single numbers makes it, with the error e
    /// and the directions d. Plain rounding leaves errors along the directions too; here they cancel, while single errors
    /// hardly grow (the same idea as in GPTQ: Frantar et al., 2023).
    fn rounded(&self, vector: &[f32], step: f32) -> Vec<i8> {
        let mut counts: Vec<f32> = vector.iter().map(|value| (value / step).round()).collect();
        let mut errors: Vec<f32> = counts
            .iter()
            .zip(vector)
            .map(|(count, value)| count * step - value)
            .collect();
        let mut products = vec![0.0; self.columns.first().map_or(0, Vec::len)];
        for (column, error) in self.columns.iter().zip(&errors) {
            add_scaled(&mut products, *error, column);
        }
        for _ in 0..PASSES {
            for (index, column) in self.columns.iter().enumerate() {
                let slope = errors[index] + self.weight * dot(column, &products);
                let curvature = 1.0 + self.weight * dot(column, column);
                let other = (counts[index] - (slope / (curvature * step)).round()).clamp(-MOST, MOST);
                let change = (other - counts[index]) * step;
                if change != 0.0 {
                    counts[index] = other;
                    errors[index] += change;
                    add_scaled(&mut products, change, column);
                }
            }
        }
        counts.into_iter().map(|count| count as i8).collect()
    }
}

/// Vectors in whole steps of one length.
pub(super) struct Rounded {
    /// The length of a step.
    pub(super) step: f32,
    /// How many of them, `[n][length]`.
    counts: Vec<Vec<i8>>,
}

impl Rounded {
    /// With a step of this length, or as long as the largest of the numbers needs it.
    pub(super) fn new(vectors: &[Vec<f32>], length: f32, kept: &Directions) -> Self {
        let largest = vectors
            .iter()
            .flatten()
            .fold(0.0_f32, |largest, value| largest.max(value.abs()));
        let step = length.max(largest / (MOST - 1.0));
        let step = if step > 0.0 { step } else { 1.0 };
        Self {
            counts: vectors.iter().map(|vector| kept.rounded(vector, step)).collect(),
            step,
        }
    }

    /// The vectors as they will be read.
    pub(super) fn values(&self) -> impl Iterator<Item = Vec<f32>> {
        self.counts
            .iter()
            .map(|counts| counts.iter().map(|&count| f32::from(count) * self.step).collect())
    }

    /// All counts, as bytes.
    pub(super) fn bytes(&self) -> Vec<u8> {
        self.counts.iter().flatten().map(|&count| count as u8).collect()
    }
}

#[cfg(test)]
mod tests {
    use rand_chacha::{
        ChaCha8Rng,
        rand_core::{RngCore, SeedableRng},
    };

    use super::*;
    use crate::vector::{deviation, unit};

    fn vectors(count: usize, seed: u64) -> Vec<Vec<f32>> {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let mut number = || random.next_u32() as f32 / u32::MAX as f32 - 0.5;
        (0..count)
            .map(|_| unit((0..1024).map(|_| number()).collect()))
            .collect()
    }

    #[test]
    fn products_with_the_directions_are_kept() {
        let (vector, directions) = (vectors(1, 1), vectors(25, 2));
        let step = 0.5 * deviation(&vector[0]);
        let rounded = Rounded::new(&vector, step, &Directions::new(&directions));
        let values: Vec<f32> = rounded.values().flatten().collect();
        let errors: Vec<f32> = values
            .iter()
            .zip(&vector[0])
            .map(|(value, exact)| value - exact)
            .collect();
        assert!(deviation(&errors) < 0.35 * step, "plain rounding leaves 0.29 of a step");
        let plain: Vec<f32> = vector[0]
            .iter()
            .map(|value| (value / step).round() * step - value)
            .collect();
        let along = |errors: &[f32]| {
            directions
                .iter()
                .map(|direction| dot(direction, errors).powi(2))
                .sum::<f32>()
        };
        assert!(
            along(&errors) < 0.05 * along(&plain),
            "{} {}",
            along(&errors),
            along(&plain)
        );
    }

    #[test]
    fn pairs_keep_products_and_undo_themselves() {
        let both = vectors(2, 3);
        let pairs: Vec<Vec<f32>> = both.iter().cloned().map(paired).collect();
        assert!((dot(&pairs[0], &pairs[1]) - dot(&both[0], &both[1])).abs() < 1e-6);
        let back = paired(pairs[0].clone());
        assert!(back.iter().zip(&both[0]).all(|(a, b)| (a - b).abs() < 1e-6));
    }

    #[test]
    fn steps_grow_where_numbers_do() {
        let rounded = Rounded::new(
            &[vec![1.0, 1000.0], vec![0.0, 0.0]],
            0.1,
            &Directions::new(&[vec![0.0, 1.0]]),
        );
        let values: Vec<Vec<f32>> = rounded.values().collect();
        assert!((values[0][1] - 1000.0).abs() < rounded.step, "{values:?}");
        assert_eq!(
            Rounded::new(&[vec![0.0; 4]], 0.0, &Directions::new(&[]))
                .values()
                .next(),
            Some(vec![0.0; 4])
        );
    }
}
