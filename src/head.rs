//! The cosine-softmax head: logits = scale · cos(wᵢ, q) + bᵢ, p = softmax(logits).
//!
//! With W = M and b = 0 it is the prototype classifier (Chen et al., "Meta-Baseline", 2020); fine-tuned it is
//! the classifier of Chen et al., "A Closer Look at Few-shot Classification", 2019. One code predicts for both.

use crate::{
    Embedding, Error,
    architecture::EMBEDDING,
    embedding::{dot, normalised},
    support::Class,
};

/// What multiplies the cosines unless something else is asked for. Softmax over bare cosines is nearly flat.
pub const DEFAULT_SCALE: f32 = 10.0;

/// A linear classifier on directions.
#[derive(Debug, Clone, PartialEq)]
pub struct CosineHead {
    /// W `[n_way, 512]`, each row of length 1.
    pub weight: Vec<Vec<f32>>,
    /// b `[n_way]`.
    pub bias: Vec<f32>,
    /// Multiplies the cosines, never the bias.
    pub scale: f32,
}

impl CosineHead {
    /// The head whose W is the prototype matrix M `[n_way, 512]`: row i is the mean of class i's normalised
    /// embeddings, normalised again.
    ///
    /// # Errors
    /// [`Error::EmptyClass`]; [`Error::EmbeddingNotFinite`] where a class's embeddings cancel out.
    pub fn from_prototypes(episode: &[&Class], scale: f32) -> Result<Self, Error> {
        let weight = episode
            .iter()
            .map(|class| prototype(class))
            .collect::<Result<Vec<_>, Error>>()?;
        let bias = vec![0.0; weight.len()];
        Ok(Self { weight, bias, scale })
    }

    /// Logits `[n_way]` of one query.
    pub fn logits(&self, query: &Embedding) -> Vec<f32> {
        let row = |(weight, bias): (&Vec<f32>, &f32)| self.scale * dot(weight, query.direction()) + bias;
        self.weight.iter().zip(&self.bias).map(row).collect()
    }

    /// Probabilities `[n_way]` of one query.
    pub fn probabilities(&self, query: &Embedding) -> Vec<f32> {
        softmax(&self.logits(query))
    }
}

fn prototype(class: &Class) -> Result<Vec<f32>, Error> {
    if class.shots.is_empty() {
        return Err(Error::EmptyClass { class: class.id });
    }
    let mut sum = vec![0.0; EMBEDDING];
    for shot in &class.shots {
        sum.iter_mut()
            .zip(shot.embedding.direction())
            .for_each(|(sum, value)| *sum += value);
    }
    normalised(&sum).ok_or(Error::EmbeddingNotFinite)
}

fn softmax(logits: &[f32]) -> Vec<f32> {
    let largest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let powers: Vec<f32> = logits.iter().map(|logit| (logit - largest).exp()).collect();
    let sum: f32 = powers.iter().sum();
    powers.iter().map(|power| power / sum).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{SupportSet, embedding::tests::embedding};

    #[test]
    fn prototypes_weigh_every_shot_alike() {
        let mut support = SupportSet::default();
        support.set_shot(1, 1, embedding(&[1.0, 0.0]));
        support.set_shot(1, 2, embedding(&[0.0, 100.0])); // long, but only its direction counts
        support.set_shot(2, 3, embedding(&[0.0, 0.0, 5.0]));
        let head = CosineHead::from_prototypes(&support.episode().unwrap(), 10.0).unwrap();
        let half = 0.5_f32.sqrt();
        assert!((head.weight[0][0] - half).abs() < 1e-6 && (head.weight[0][1] - half).abs() < 1e-6);
        assert_eq!(&head.weight[1][..3], [0.0, 0.0, 1.0]);
    }

    #[test]
    fn logits_follow_the_formula() {
        let mut support = SupportSet::default();
        support.set_shot(1, 1, embedding(&[2.0]));
        support.set_shot(2, 2, embedding(&[0.0, 2.0]));
        let mut head = CosineHead::from_prototypes(&support.episode().unwrap(), 10.0).unwrap();
        head.bias = vec![0.5, -0.5];
        let query = embedding(&[3.0, 4.0]);
        let logits = head.logits(&query);
        assert!((logits[0] - 6.5).abs() < 1e-5 && (logits[1] - 7.5).abs() < 1e-5);
        let p = head.probabilities(&query);
        assert!(
            (p[0] - 1.0 / (1.0 + 1.0_f32.exp())).abs() < 1e-6,
            "softmax of a difference of 1"
        );
        assert!((p.iter().sum::<f32>() - 1.0).abs() < 1e-6);
    }

    #[test]
    fn softmax_survives_large_logits() {
        assert_eq!(softmax(&[1000.0, -1000.0]), [1.0, 0.0]);
    }
}
