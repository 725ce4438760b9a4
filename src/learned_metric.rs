//! A learned metric of any objective under one type: what a training leaves and a file holds, and what every head can
//! take in place of the network's own embedding.

use std::sync::Arc;

use crate::{
    Classifier, Embedding, Error, Method,
    cosine_metric::CosineMetric,
    features::Space,
    metric::{Metric, Objective, Provenance},
    projection::Projection,
    siamese::Siamese,
    support::Class,
    triplet::Triplet,
};

/// A metric and the objective that it was trained for.
#[derive(Debug, Clone, PartialEq)]
pub enum LearnedMetric {
    /// "Same or different?"
    Siamese(Metric<Siamese>),
    /// The positive nearer than the negative.
    Triplet(Metric<Triplet>),
    /// Cosine similarity 1 within a class, 0 between classes.
    Cosine(Metric<CosineMetric>),
}

impl LearnedMetric {
    /// The method that trained it, by which it compares itself.
    pub fn method(&self) -> Method {
        match self {
            LearnedMetric::Siamese(_) => Siamese::METHOD,
            LearnedMetric::Triplet(_) => Triplet::METHOD,
            LearnedMetric::Cosine(_) => CosineMetric::METHOD,
        }
    }

    /// Embedding `[512]` → `[128]`.
    pub fn projection(&self) -> &Arc<Projection> {
        match self {
            LearnedMetric::Siamese(metric) => &metric.projection,
            LearnedMetric::Triplet(metric) => &metric.projection,
            LearnedMetric::Cosine(metric) => &metric.projection,
        }
    }

    /// What the objective learnt beside the projection.
    pub fn parameters(&self) -> &[f32] {
        match self {
            LearnedMetric::Siamese(metric) => metric.objective.parameters(),
            LearnedMetric::Triplet(metric) => metric.objective.parameters(),
            LearnedMetric::Cosine(metric) => metric.objective.parameters(),
        }
    }

    /// What trained it.
    pub fn provenance(&self) -> &Provenance {
        match self {
            LearnedMetric::Siamese(metric) => &metric.provenance,
            LearnedMetric::Triplet(metric) => &metric.provenance,
            LearnedMetric::Cosine(metric) => &metric.provenance,
        }
    }

    /// Whether a method works in its space: heads do, and the one that trained it; others would learn another.
    pub fn serves(&self, method: Method) -> bool {
        match method {
            Method::Siamese | Method::Triplet | Method::CosineMetric => method == self.method(),
            Method::Deep => false,
            Method::Nearest | Method::Prototype | Method::FinetunePlain | Method::Finetune => true,
        }
    }

    /// What is said of a method that does not work in its space.
    pub fn refuses(&self, method: Method) -> Error {
        Error::MetricMethod {
            metric: self.method().name(),
            got: method.name(),
        }
    }

    /// The space in which any head can work.
    pub fn space(&self) -> Space {
        Space::learned(self.projection().clone())
    }

    /// Its own comparison with an episode's shots: what [`LearnedMetric::method`] names queries by.
    ///
    /// # Errors
    /// Those of [`Metric::classifier`].
    pub fn classifier(&self, episode: &[&Class]) -> Result<Classifier, Error> {
        match self {
            LearnedMetric::Siamese(metric) => metric.classifier(episode),
            LearnedMetric::Triplet(metric) => metric.classifier(episode),
            LearnedMetric::Cosine(metric) => metric.classifier(episode),
        }
    }

    /// The probability that two images are of one class, 0 to 1.
    ///
    /// # Errors
    /// [`Error::NoSiamese`] where it was trained for anything else.
    pub fn same_or_different(&self, a: &Embedding, b: &Embedding) -> Result<f32, Error> {
        match self {
            LearnedMetric::Siamese(metric) => Ok(metric.same_or_different(a, b)),
            LearnedMetric::Triplet(_) | LearnedMetric::Cosine(_) => Err(Error::NoSiamese),
        }
    }
}
