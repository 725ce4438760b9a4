//! A metric trained by triplets (Schroff et al., "FaceNet", 2015): the positive shall be nearer to the anchor than the
//! negative by a margin.
//!
//! L = max(0, |a − p|² + α − |a − n|²) for anchor a, positive p and negative n, which is drawn at random. Queries are
//! named after the nearest support image: p = softmax(−scale · min over class i's shots of |x − q|²).
//!
//! Shapes: a, p and n `[128]`, of length 1.

use crate::{
    Classifier, Embedding, Error, Method,
    features::Task,
    head::DEFAULT_SCALE,
    learned_metric::LearnedMetric,
    metric::{Metric, Objective, TripleLoss},
    vector::softmax,
};

/// α, as in the paper.
const MARGIN: f32 = 0.2;

/// The objective; it learns nothing beside the projection.
#[derive(Debug, Clone, PartialEq)]
pub struct Triplet;

impl Objective for Triplet {
    const METHOD: Method = Method::Triplet;

    fn from_parameters(_parameters: Vec<f32>) -> Self {
        Self
    }

    /// Where the margin is not kept: dL/da = 2 (n − p), dL/dp = 2 (p − a), dL/dn = 2 (a − n); elsewhere 0.
    fn triple(&self, [anchor, positive, negative]: [&[f32]; 3]) -> TripleLoss {
        let loss = squared_distance(anchor, positive) + MARGIN - squared_distance(anchor, negative);
        let factor = if loss > 0.0 { 2.0 } else { 0.0 };
        let difference = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| factor * (a - b)).collect();
        TripleLoss {
            loss: loss.max(0.0),
            outputs: [
                difference(negative, positive),
                difference(positive, anchor),
                difference(anchor, negative),
            ],
            parameters: Vec::new(),
        }
    }

    fn classifier(&self, task: Task) -> Result<Classifier, Error> {
        Ok(Classifier::Triplet(NearestImage { task }))
    }

    fn learned(metric: Metric<Self>) -> LearnedMetric {
        LearnedMetric::Triplet(metric)
    }
}

/// Names queries after the nearest support image in the learned space.
#[derive(Debug, Clone, PartialEq)]
pub struct NearestImage {
    task: Task,
}

impl NearestImage {
    /// The shots, and where they are compared.
    pub fn task(&self) -> &Task {
        &self.task
    }

    /// Probabilities `[n_way]` of one query.
    pub fn probabilities(&self, query: &Embedding) -> Vec<f32> {
        let query = self.task.space.of(query);
        let logit = |shots: &Vec<Vec<f32>>| {
            let distances = shots.iter().map(|shot| squared_distance(shot, &query));
            -DEFAULT_SCALE * distances.fold(f32::INFINITY, f32::min)
        };
        softmax(&self.task.shots.iter().map(logit).collect::<Vec<f32>>())
    }
}

/// |a − b|²
fn squared_distance(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric::tests::{assert_gradients_are_slopes, assert_learns, assert_learns_from_one_shot};

    #[test]
    fn loss_by_hand() {
        let (a, p, n) = ([1.0, 0.0], [0.6, 0.8], [0.0, 1.0]);
        // |a − p|² = 0.8, |a − n|² = 2
        let kept = Triplet.triple([&a, &p, &n]);
        assert_eq!((kept.loss, &kept.outputs[0]), (0.0, &vec![0.0, 0.0]));
        let broken = Triplet.triple([&a, &n, &p]);
        assert!((broken.loss - 1.4).abs() < 1e-6);
    }

    #[test]
    fn gradients() {
        assert_gradients_are_slopes::<Triplet>();
    }

    #[test]
    fn learning() {
        assert_learns::<Triplet>();
        assert_learns_from_one_shot::<Triplet>();
    }
}
