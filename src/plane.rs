//! The plane in which vectors differ most (principal component analysis: Pearson, 1901; Hotelling, 1933), so that they can
//! be drawn.
//!
//! Shapes: vectors `[n][length]`, places `[n][2]`.

use rand_chacha::{
    ChaCha8Rng,
    rand_core::{RngCore, SeedableRng},
};

use crate::vector::{add_scaled, dot, mean, unit};

/// Rounds of the power method at most; it ends once an axis stays.
const ROUNDS: usize = 200;
/// An axis stays where its cosine with the one before differs from 1 by less.
const STILL: f32 = 1e-6;

/// Two axes through the mean of vectors.
#[derive(Debug, Clone, PartialEq)]
pub struct Plane {
    mean: Vec<f32>,
    axes: [Vec<f32>; 2],
    /// What share of the vectors' variance lies along each axis, 0 to 1.
    pub shares: [f32; 2],
}

impl Plane {
    /// The plane of vectors of one length. The same vectors give the same plane: the largest number of an axis is positive.
    pub fn fit(vectors: &[&[f32]]) -> Self {
        let owned: Vec<Vec<f32>> = vectors.iter().map(|vector| vector.to_vec()).collect();
        let mean = mean(&owned);
        let mut rest = owned;
        for vector in &mut rest {
            add_scaled(vector, -1.0, &mean);
        }
        let all: f32 = rest.iter().map(|vector| dot(vector, vector)).sum();
        let mut shares = [0.0; 2];
        let axes = [0, 1].map(|index| {
            let axis = strongest_axis(&rest, mean.len());
            let along: Vec<f32> = rest.iter().map(|vector| dot(vector, &axis)).collect();
            let variance: f32 = along.iter().map(|value| value * value).sum();
            shares[index] = if all > 0.0 { variance / all } else { 0.0 };
            for (vector, along) in rest.iter_mut().zip(along) {
                add_scaled(vector, -along, &axis);
            }
            axis
        });
        Self { mean, axes, shares }
    }

    /// Where a vector lies on it.
    pub fn of(&self, vector: &[f32]) -> [f32; 2] {
        let mut vector = vector.to_vec();
        add_scaled(&mut vector, -1.0, &self.mean);
        self.axes.each_ref().map(|axis| dot(axis, &vector))
    }
}

/// The direction in which centred vectors vary most, by the power method on their covariance; 0 where they do not vary.
fn strongest_axis(vectors: &[Vec<f32>], length: usize) -> Vec<f32> {
    // Begun at random, an axis is at right angles to the one that is sought with probability 0; always the same at random.
    let mut random = ChaCha8Rng::seed_from_u64(1);
    let mut axis = unit(
        (0..length)
            .map(|_| random.next_u32() as f32 / u32::MAX as f32 - 0.5)
            .collect(),
    );
    for _ in 0..ROUNDS {
        let mut next = vec![0.0; length];
        for vector in vectors {
            add_scaled(&mut next, dot(vector, &axis), vector);
        }
        if dot(&next, &next) == 0.0 {
            return next;
        }
        let next = unit(next);
        let still = (1.0 - dot(&axis, &next)).abs() < STILL;
        axis = next;
        if still {
            break;
        }
    }
    let largest = axis
        .iter()
        .copied()
        .fold(0.0, |a: f32, b| if b.abs() > a.abs() { b } else { a });
    if largest < 0.0 {
        axis.iter_mut().for_each(|value| *value = -*value);
    }
    axis
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What `tests/reference/plane.py` printed.
    #[derive(serde::Deserialize)]
    struct Reference {
        vectors: Vec<Vec<f32>>,
        places: Vec<[f32; 2]>,
        shares: [f32; 2],
    }

    #[test]
    fn places_are_those_of_numpys_singular_value_decomposition() {
        let text = include_str!("../tests/reference/plane.json");
        let reference: Reference = serde_json::from_str(text).unwrap();
        let vectors: Vec<&[f32]> = reference.vectors.iter().map(Vec::as_slice).collect();
        let plane = Plane::fit(&vectors);
        for (vector, expected) in vectors.iter().zip(&reference.places) {
            let got = plane.of(vector);
            for (got, expected) in got.iter().zip(expected) {
                assert!((got - expected).abs() < 2e-3, "got {got}, NumPy {expected}");
            }
        }
        for (got, expected) in plane.shares.iter().zip(reference.shares) {
            assert!((got - expected).abs() < 1e-4, "got {got}, NumPy {expected}");
        }
    }

    #[test]
    fn vectors_that_do_not_differ_lie_in_one_place() {
        let plane = Plane::fit(&[&[1.0, 2.0, 3.0], &[1.0, 2.0, 3.0]]);
        assert_eq!(plane.of(&[1.0, 2.0, 3.0]), [0.0, 0.0]);
        assert_eq!(plane.shares, [0.0, 0.0]);
        assert_eq!(Plane::fit(&[]).of(&[]), [0.0, 0.0]);
    }
}
