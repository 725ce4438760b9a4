//! Embeddings: the numbers that stand for one photo, checked once.

use crate::{
    Error,
    architecture::{EMBEDDING, Pooled},
    vector::{dot, normalised, unit},
};

/// Numbers of all views together: means and deviations of layer 4.
pub const POOLED: usize = 2 * EMBEDDING;
/// How many numbers stand for a photo.
pub const LENGTH: usize = EMBEDDING + POOLED;

/// One photo's embedding, finite and not zero: layer 4's spatial means in its first view, `[512]`, which is what
/// ResNet-18's embedding usually means, then layer 4's spatial means and standard deviations, `[512]` each, averaged
/// over all views.
#[derive(Debug, Clone, PartialEq)]
pub struct Embedding {
    /// All three parts, one after the other: `[LENGTH]`.
    values: Vec<f32>,
}

impl Embedding {
    /// Checks the numbers that a page or a file kept: those of [`Embedding::values`].
    ///
    /// # Errors
    /// [`Error::EmbeddingSize`], [`Error::EmbeddingNotFinite`].
    pub fn new(values: Vec<f32>) -> Result<Self, Error> {
        if values.len() != LENGTH {
            return Err(Error::EmbeddingSize {
                expected: LENGTH,
                got: values.len(),
            });
        }
        let (first, pooled) = values.split_at(EMBEDDING);
        for part in [first, pooled] {
            normalised(part).ok_or(Error::EmbeddingNotFinite)?;
        }
        Ok(Self { values })
    }

    /// Joins what the network saw in the views of one photo, at least one.
    ///
    /// # Errors
    /// [`Error::EmbeddingNotFinite`] where the network gave nonsense.
    pub fn from_views(views: &[Pooled]) -> Result<Self, Error> {
        let first = views.first().ok_or(Error::EmbeddingNotFinite)?;
        let mut values = first.embedding().to_vec();
        for part in [Pooled::embedding, Pooled::deviations] {
            for channel in 0..EMBEDDING {
                let sum: f32 = views.iter().map(|view| part(view)[channel]).sum();
                values.push(sum / views.len() as f32);
            }
        }
        Self::new(values)
    }

    /// All numbers, `[LENGTH]`.
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    /// Layer 4's spatial means in the first view, `[512]`.
    pub fn first(&self) -> &[f32] {
        &self.values[..EMBEDDING]
    }

    /// Layer 4's spatial means and standard deviations, averaged over the views: `[1024]`.
    pub fn pooled(&self) -> &[f32] {
        &self.values[EMBEDDING..]
    }

    /// Layer 4's spatial means, averaged over the views: `[512]`.
    pub fn averaged(&self) -> &[f32] {
        &self.pooled()[..EMBEDDING]
    }

    /// [`Embedding::first`], of length 1. Computed anew: thousands of photos would have a third more to hold.
    pub fn direction(&self) -> Vec<f32> {
        unit(self.first().to_vec())
    }

    /// Cosine similarity with another embedding, −1 to 1.
    pub fn similarity(&self, other: &Self) -> f32 {
        dot(&self.direction(), &other.direction())
    }
}

/// A photo to be named, as everything that names it needs it.
#[derive(Debug, Clone, PartialEq)]
pub struct Query {
    /// By the network as it is.
    pub plain: Embedding,
    /// With a tuned last layer, where there is one.
    pub tuned: Option<Embedding>,
}

impl From<&Embedding> for Query {
    fn from(plain: &Embedding) -> Self {
        Self {
            plain: plain.clone(),
            tuned: None,
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// An embedding whose means begin with the given numbers, in the first view and on average; all others are 0.
    pub(crate) fn embedding(start: &[f32]) -> Embedding {
        let mut values = vec![0.0; LENGTH];
        values[..start.len()].copy_from_slice(start);
        values[EMBEDDING..][..start.len()].copy_from_slice(start);
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
    fn views_are_averaged_but_for_the_first_part() {
        let view = |value: f32| Pooled {
            means: [64, 128, 256, 512].map(|channels| vec![value; channels]),
            deviations: vec![value + 1.0; EMBEDDING],
        };
        let embedding = Embedding::from_views(&[view(1.0), view(3.0)]).unwrap();
        assert!(embedding.first().iter().all(|&value| value == 1.0));
        let (means, deviations) = embedding.pooled().split_at(EMBEDDING);
        assert!(means.iter().all(|&value| value == 2.0));
        assert!(deviations.iter().all(|&value| value == 3.0));
        assert_eq!(Embedding::new(embedding.values().to_vec()).unwrap(), embedding);
    }

    #[test]
    fn refuses_what_has_no_direction() {
        assert_eq!(Embedding::new(vec![1.0; 3]).unwrap_err().code(), "embedding-size");
        for bad in [0.0, f32::NAN, f32::INFINITY] {
            assert_eq!(
                Embedding::new(vec![bad; LENGTH]).unwrap_err().code(),
                "embedding-not-finite"
            );
        }
    }
}
