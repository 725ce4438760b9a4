//! Embeddings: the 512 numbers that stand for one photo, checked once, with their direction at hand.

use crate::{Error, architecture::EMBEDDING};

/// One photo's embedding, `[512]`, finite and not zero.
#[derive(Debug, Clone, PartialEq)]
pub struct Embedding {
    values: Vec<f32>,
    /// `values` divided by their L2 norm.
    direction: Vec<f32>,
}

impl Embedding {
    /// Checks the numbers that a network gave or a page kept.
    ///
    /// # Errors
    /// [`Error::EmbeddingSize`], [`Error::EmbeddingNotFinite`].
    pub fn new(values: Vec<f32>) -> Result<Self, Error> {
        if values.len() != EMBEDDING {
            return Err(Error::EmbeddingSize {
                expected: EMBEDDING,
                got: values.len(),
            });
        }
        let direction = normalised(&values).ok_or(Error::EmbeddingNotFinite)?;
        Ok(Self { values, direction })
    }

    /// As the network gave it.
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    /// Of length 1.
    pub fn direction(&self) -> &[f32] {
        &self.direction
    }

    /// Cosine similarity with another embedding, −1 to 1.
    pub fn similarity(&self, other: &Self) -> f32 {
        dot(&self.direction, &other.direction)
    }
}

/// A vector divided by its L2 norm; `None` where it has no direction.
pub(crate) fn normalised(vector: &[f32]) -> Option<Vec<f32>> {
    let norm = dot(vector, vector).sqrt();
    (norm.is_finite() && norm > 0.0).then(|| vector.iter().map(|value| value / norm).collect())
}

/// Σ aᵢ bᵢ.
pub(crate) fn dot(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// An embedding whose first numbers are given and whose others are 0.
    pub(crate) fn embedding(start: &[f32]) -> Embedding {
        let mut values = start.to_vec();
        values.resize(EMBEDDING, 0.0);
        Embedding::new(values).unwrap()
    }

    #[test]
    fn direction_and_similarity() {
        let (a, b) = (embedding(&[3.0, 4.0]), embedding(&[4.0, 3.0]));
        assert_eq!(&a.direction()[..2], [0.6, 0.8]);
        assert!((a.similarity(&b) - 0.96).abs() < 1e-6);
        assert!((a.similarity(&embedding(&[30.0, 40.0])) - 1.0).abs() < 1e-6);
    }

    #[test]
    fn refuses_what_has_no_direction() {
        assert_eq!(Embedding::new(vec![1.0; 3]).unwrap_err().code(), "embedding-size");
        for bad in [0.0, f32::NAN, f32::INFINITY] {
            assert_eq!(
                Embedding::new(vec![bad; EMBEDDING]).unwrap_err().code(),
                "embedding-not-finite"
            );
        }
    }
}
