//! The softmax head: logits = scale · wᵢ · q + bᵢ, p = softmax(logits), where q has length 1.
//!
//! With rows of length 1 the product is a cosine: W = M and b = 0 is the prototype classifier (Snell et al., 2017, in
//! the cosine form of Chen et al., "Meta-Baseline", 2020); fine-tuned it is the classifier of Chen et al., "A Closer
//! Look at Few-shot Classification", 2019. One code predicts for all of them.

use crate::{
    Error,
    features::Task,
    vector::{dot, mean, normalised, softmax},
};

/// What multiplies the similarities unless something else is asked for. Softmax over bare cosines is nearly flat.
pub const DEFAULT_SCALE: f32 = 10.0;

/// A linear classifier on feature vectors.
#[derive(Debug, Clone, PartialEq)]
pub struct Head {
    /// W `[n_way, length]`; rows have length 1 where it compares by cosine.
    pub weight: Vec<Vec<f32>>,
    /// b `[n_way]`.
    pub bias: Vec<f32>,
    /// Multiplies the similarities, never the bias.
    pub scale: f32,
}

impl Head {
    /// The head whose W is the prototype matrix M `[n_way, length]`: row i is the mean of class i's vectors,
    /// normalised.
    ///
    /// # Errors
    /// [`Error::EmbeddingNotFinite`] where a class's vectors cancel out.
    pub fn from_prototypes(task: &Task, scale: f32) -> Result<Self, Error> {
        let prototype = |shots: &Vec<Vec<f32>>| normalised(&mean(shots)).ok_or(Error::EmbeddingNotFinite);
        let weight: Vec<_> = task.shots.iter().map(prototype).collect::<Result<_, _>>()?;
        let bias = vec![0.0; weight.len()];
        Ok(Self { weight, bias, scale })
    }

    /// Logits `[n_way]` of one query vector of length 1.
    pub fn logits(&self, query: &[f32]) -> Vec<f32> {
        let row = |(weight, bias): (&Vec<f32>, &f32)| self.scale * dot(weight, query) + bias;
        self.weight.iter().zip(&self.bias).map(row).collect()
    }

    /// Probabilities `[n_way]` of one query vector of length 1.
    pub fn probabilities(&self, query: &[f32]) -> Vec<f32> {
        softmax(&self.logits(query))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{SupportSet, embedding::tests::embedding, features::Features};

    #[test]
    fn prototypes_weigh_every_shot_alike() {
        let mut support = SupportSet::default();
        support.set_shot(1, 1, embedding(&[1.0, 0.0]));
        support.set_shot(1, 2, embedding(&[0.0, 100.0])); // long, but only its direction counts
        support.set_shot(2, 3, embedding(&[0.0, 0.0, 5.0]));
        let task = Task::new(Features::Embedding, &support.episode().unwrap()).unwrap();
        let head = Head::from_prototypes(&task, 10.0).unwrap();
        let half = 0.5_f32.sqrt();
        assert!((head.weight[0][0] - half).abs() < 1e-6 && (head.weight[0][1] - half).abs() < 1e-6);
        assert_eq!(&head.weight[1][..3], [0.0, 0.0, 1.0]);
    }

    #[test]
    fn logits_follow_the_formula() {
        let head = Head {
            weight: vec![vec![1.0, 0.0], vec![0.0, 1.0]],
            bias: vec![0.5, -0.5],
            scale: 10.0,
        };
        let logits = head.logits(&[0.6, 0.8]);
        assert!((logits[0] - 6.5).abs() < 1e-5 && (logits[1] - 7.5).abs() < 1e-5);
        let p = head.probabilities(&[0.6, 0.8]);
        assert!(
            (p[0] - 1.0 / (1.0 + 1.0_f32.exp())).abs() < 1e-6,
            "softmax of a difference of 1"
        );
        assert!((p.iter().sum::<f32>() - 1.0).abs() < 1e-6);
    }
}
