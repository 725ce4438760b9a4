//! What every training has in common, whichever method learns: steps that can be counted, made and reported, and a
//! classifier at any time.

use std::fmt::Debug;

use crate::{Classifier, Error, finetune::StepReport, learned_metric::LearnedMetric};

/// A training under way.
pub trait Learning: Debug + Send {
    /// Steps asked for.
    fn steps(&self) -> usize;
    /// Steps made so far.
    fn steps_done(&self) -> usize;
    /// One step of the optimiser.
    fn step(&mut self) -> StepReport;
    /// What names queries after the images learnt from, by what was learnt so far.
    ///
    /// # Errors
    /// [`Error::EmbeddingNotFinite`] where a class's vectors cancel out.
    fn classifier(&self) -> Result<Classifier, Error>;
    /// The metric as it was learnt so far, where a metric is what is learnt.
    fn learned_metric(&self) -> Option<LearnedMetric> {
        None
    }
}
