//! A metric trained by cosine similarities: images of one class shall have similarity 1, of two classes 0 (mean
//! squared error against these labels, as sentence embeddings are trained: Reimers & Gurevych, "Sentence-BERT", 2019).
//!
//! L = ((cos(a, p) − 1)² + cos(a, n)²) / 2 for anchor a, positive p and negative n. Queries are named by the
//! prototypes in the learned space.
//!
//! Shapes: a, p and n `[128]`, of length 1, so that their product is the cosine.

use crate::{
    Classifier, Error, Method,
    features::Task,
    learned_metric::LearnedMetric,
    metric::{Metric, Objective, TripleLoss},
    vector::{add_scaled, dot},
};

/// The objective; it learns nothing beside the projection.
#[derive(Debug, Clone, PartialEq)]
pub struct CosineMetric;

impl Objective for CosineMetric {
    const METHOD: Method = Method::CosineMetric;

    fn from_parameters(_parameters: Vec<f32>) -> Self {
        Self
    }

    /// dL/da = (cos(a, p) − 1) p + cos(a, n) n, dL/dp = (cos(a, p) − 1) a, dL/dn = cos(a, n) a.
    fn triple(&self, [anchor, positive, negative]: [&[f32]; 3]) -> TripleLoss {
        let (near, far) = (dot(anchor, positive) - 1.0, dot(anchor, negative));
        let times = |factor: f32, vector: &[f32]| vector.iter().map(|value| factor * value).collect::<Vec<f32>>();
        let mut of_anchor = times(near, positive);
        add_scaled(&mut of_anchor, far, negative);
        TripleLoss {
            loss: (near * near + far * far) / 2.0,
            outputs: [of_anchor, times(near, anchor), times(far, anchor)],
            parameters: Vec::new(),
        }
    }

    fn classifier(&self, task: Task) -> Result<Classifier, Error> {
        Classifier::prototypes_of(task)
    }

    fn learned(metric: Metric<Self>) -> LearnedMetric {
        LearnedMetric::Cosine(metric)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric::tests::{assert_gradients_are_slopes, assert_learns, assert_learns_from_one_shot};

    #[test]
    fn loss_by_hand() {
        let loss = CosineMetric.triple([&[1.0, 0.0], &[0.6, 0.8], &[0.8, 0.6]]);
        assert!((loss.loss - (0.16 + 0.64) / 2.0).abs() < 1e-6);
    }

    #[test]
    fn gradients() {
        assert_gradients_are_slopes::<CosineMetric>();
    }

    #[test]
    fn learning() {
        assert_learns::<CosineMetric>();
        assert_learns_from_one_shot::<CosineMetric>();
    }
}
