//! Nearest neighbour: the most similar support image decides (Cover & Hart, 1967; with a one-shot support set this is
//! what Fei-Fei et al., "One-Shot Learning of Object Categories", 2006, and Koch et al., 2015, compare with).
//!
//! p = softmax(scale · max over class i's shots of cos(x, q)), so that its answers come with probabilities too.

use crate::{
    Embedding,
    features::Task,
    head::DEFAULT_SCALE,
    vector::{dot, softmax},
};

/// All shots, kept.
#[derive(Debug, Clone, PartialEq)]
pub struct Nearest {
    task: Task,
}

impl Nearest {
    /// Keeps the shots of an episode.
    pub fn new(task: Task) -> Self {
        Self { task }
    }

    /// The shots, and where they are compared.
    pub fn task(&self) -> &Task {
        &self.task
    }

    /// Probabilities `[n_way]` of one query.
    pub fn probabilities(&self, query: &Embedding) -> Vec<f32> {
        let query = self.task.space.of(query);
        let most_similar = |shots: &Vec<Vec<f32>>| {
            let similarities = shots.iter().map(|shot| dot(shot, &query));
            DEFAULT_SCALE * similarities.fold(f32::NEG_INFINITY, f32::max)
        };
        softmax(&self.task.shots.iter().map(most_similar).collect::<Vec<f32>>())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{SupportSet, embedding::tests::embedding, features::Features};

    #[test]
    fn one_similar_shot_outweighs_a_similar_mean() {
        let mut support = SupportSet::default();
        support.set_shot(1, 1, embedding(&[1.0, 0.0, 0.0]));
        support.set_shot(1, 2, embedding(&[0.0, 0.0, 1.0]));
        support.set_shot(2, 3, embedding(&[0.8, 0.7, 0.0]));
        let task = Task::new(Features::Embedding, &support.episode().unwrap()).unwrap();
        let nearest = Nearest::new(task);
        let p = nearest.probabilities(&embedding(&[1.0, 0.1, 0.0]));
        let (first, second): (f32, f32) = (0.995_037, 0.814_365); // cosines by hand
        let expected = 1.0 / (1.0 + (10.0 * (second - first)).exp());
        assert!(
            p[0] > p[1] && (p[0] - expected).abs() < 1e-3,
            "{p:?}, expected {expected}"
        );
    }
}
