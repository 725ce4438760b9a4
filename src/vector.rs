//! The few operations on vectors that embeddings and heads need. Plain slices; eight numbers at a time.
//!
//! What a training spends its time in is never inlined: a small function of its own is one that V8 finds hot and optimises within
//! the first steps.

use wide::f32x8;

/// Σ aᵢ bᵢ over the shorter of the two.
#[inline(never)]
pub fn dot(a: &[f32], b: &[f32]) -> f32 {
    let length = a.len().min(b.len());
    let ((a, a_rest), (b, b_rest)) = (a[..length].as_chunks::<8>(), b[..length].as_chunks::<8>());
    let mut sums = f32x8::ZERO;
    for (a, b) in a.iter().zip(b) {
        sums += f32x8::new(*a) * f32x8::new(*b);
    }
    let rest: f32 = a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum();
    sums.reduce_add() + rest
}

/// `target` += factor · `source`, over the shorter of the two.
#[inline(never)]
pub fn add_scaled(target: &mut [f32], factor: f32, source: &[f32]) {
    let length = target.len().min(source.len());
    let (target, target_rest) = target[..length].as_chunks_mut::<8>();
    let (source, source_rest) = source[..length].as_chunks::<8>();
    let factors = f32x8::splat(factor);
    for (target, source) in target.iter_mut().zip(source) {
        *target = (f32x8::new(*target) + factors * f32x8::new(*source)).to_array();
    }
    for (target, source) in target_rest.iter_mut().zip(source_rest) {
        *target += factor * source;
    }
}

/// The vector divided by its L2 norm; `None` where it has no direction.
pub fn normalised(vector: &[f32]) -> Option<Vec<f32>> {
    let norm = dot(vector, vector).sqrt();
    (norm.is_finite() && norm > 0.0).then(|| vector.iter().map(|value| value / norm).collect())
}

/// A vector at length 1; one that has no direction stays as it is, and is like nothing.
pub fn unit(vector: Vec<f32>) -> Vec<f32> {
    normalised(&vector).unwrap_or(vector)
}

/// The mean of vectors of one length; empty where there is none.
pub fn mean<'a>(vectors: impl IntoIterator<Item = &'a Vec<f32>>) -> Vec<f32> {
    let mut sum: Vec<f32> = Vec::new();
    let mut count = 0;
    for vector in vectors {
        sum.resize(vector.len(), 0.0);
        add_scaled(&mut sum, 1.0, vector);
        count += 1;
    }
    sum.iter_mut().for_each(|value| *value /= count as f32);
    sum
}

/// exp(xᵢ) / Σ exp(xⱼ), without overflow.
pub fn softmax(logits: &[f32]) -> Vec<f32> {
    let largest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let powers: Vec<f32> = logits.iter().map(|logit| (logit - largest).exp()).collect();
    let sum: f32 = powers.iter().sum();
    powers.iter().map(|power| power / sum).collect()
}

/// Standard deviation of at least one number.
pub fn deviation(values: &[f32]) -> f32 {
    let count = values.len() as f32;
    let mean = values.iter().sum::<f32>() / count;
    (values.iter().map(|value| (value - mean).powi(2)).sum::<f32>() / count).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dot_counts_the_rest_too() {
        let a: Vec<f32> = (0..19).map(|value| value as f32).collect();
        assert_eq!(dot(&a, &a), 18.0 * 19.0 * 37.0 / 6.0);
        assert_eq!(dot(&a, &[1.0, 1.0]), 1.0);
    }

    #[test]
    fn means_and_directions() {
        assert_eq!(mean(&[vec![1.0, 2.0], vec![3.0, 4.0]]), [2.0, 3.0]);
        assert_eq!(normalised(&[3.0, 4.0]), Some(vec![0.6, 0.8]));
        assert_eq!(normalised(&[0.0, 0.0]), None);
        assert_eq!(normalised(&[f32::NAN]), None);
    }

    #[test]
    fn softmax_survives_large_logits() {
        assert_eq!(softmax(&[1000.0, -1000.0]), [1.0, 0.0]);
    }
}
