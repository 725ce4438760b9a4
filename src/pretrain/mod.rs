//! Pretraining: softmax cross-entropy on the whole ResNet-18, from random numbers or from given weights. It is the first
//! of the two classic steps of few-shot learning (Chen et al., "A Closer Look at Few-shot Classification", 2019); what it
//! makes is a state dict with torchvision's names, from which weights are prepared like from any other.
//!
//! Photos → [`augmentation`] → batches → [`network`] on any of Burn's backends → [`State`]; [`training`] says which
//! photos and which learning rate a step has, and [`checkpoint`] keeps it all in a file. Only in native builds.

pub mod augmentation;
pub mod checkpoint;
pub mod network;
pub mod start;
pub mod training;
mod weight;

use crate::StateDict;

/// All that a step changes.
#[derive(Debug, Clone, PartialEq)]
pub struct State {
    /// The network: torchvision's parameters and running statistics.
    pub network: StateDict,
    /// SGD's velocities, by the names of their parameters; none before the first step.
    pub velocity: StateDict,
    /// Whether the running statistics are folded away into the other parameters, so that the first batch has to tell
    /// them: a network without them computes something else as soon as it learns.
    pub folded: bool,
}

/// Squares to learn from, with what they show.
#[derive(Debug, Clone, PartialEq)]
pub struct Batch {
    /// The squares' pixels, normalised: `[b][3 · side · side]`, channel after channel.
    pub squares: Vec<Vec<f32>>,
    /// The number of each square's class, `[b]`.
    pub labels: Vec<usize>,
    /// Side of a square in pixels, a multiple of 32.
    pub side: usize,
}

/// What one step said of the network before it was changed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Measured {
    /// Mean cross-entropy over the batch.
    pub loss: f32,
    /// Squares of the batch whose class came first.
    pub right: usize,
}
