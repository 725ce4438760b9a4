//! Where pretraining starts: random numbers as torchvision draws them, or a state dict that somebody trained.

use std::f64::consts::TAU;

use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};

use super::{State, augmentation::unit};
use crate::{
    Error, StateDict,
    architecture::{Convolution, EMBEDDING, convolutions},
    state_dict::{EPSILON, Parameter},
};

/// Convolutions by He et al., "Delving Deep into Rectifiers", 2015 (normal, variance 2 / fan-out), BatchNorm that
/// changes nothing, and a classifier that is uniform within ±1 / √512.
pub fn random(classes: usize, seed: u64) -> State {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut network = StateDict::default();
    for convolution in convolutions() {
        let shape = convolution.shape();
        let fan_out = convolution.outputs * convolution.kernel * convolution.kernel;
        let deviation = (2.0 / fan_out as f64).sqrt();
        let values = (0..shape.iter().product())
            .map(|_| (deviation * normal(&mut random)) as f32)
            .collect();
        let shape = shape.to_vec();
        network.insert(format!("{}.weight", convolution.name), Parameter { shape, values });
        Norm::identity(convolution.outputs).insert(&mut network, &convolution.batch_norm);
    }
    insert_classifier(&mut network, classes, &mut random);
    standing(network, false)
}

/// A state dict of torchvision's ResNet-18, with or without its BatchNorm folded away. A classifier for another number of
/// classes, or none, is drawn anew.
///
/// # Errors
/// What [`StateDict::folded_trunk`] refuses.
pub fn given(checkpoint: &StateDict, classes: usize, seed: u64) -> Result<State, Error> {
    // Refuses whatever is not a whole ResNet-18.
    checkpoint.folded_trunk(&convolutions())?;
    let mut network = StateDict::default();
    let mut folded = false;
    for convolution in convolutions() {
        let name = format!("{}.weight", convolution.name);
        network.insert(name.clone(), checkpoint.get(&name, &convolution.shape())?.clone());
        let norm = Norm::of(checkpoint, &convolution)?;
        folded |= norm.is_of_no_photos();
        norm.insert(&mut network, &convolution.batch_norm);
    }
    let weight = checkpoint.get("fc.weight", &[classes, EMBEDDING]);
    match (weight, checkpoint.get("fc.bias", &[classes])) {
        (Ok(weight), Ok(bias)) => {
            network.insert("fc.weight", weight.clone());
            network.insert("fc.bias", bias.clone());
        }
        (Err(error @ Error::WeightsNotFinite { .. }), _) | (_, Err(error @ Error::WeightsNotFinite { .. })) => {
            return Err(error);
        }
        _ => insert_classifier(&mut network, classes, &mut ChaCha8Rng::seed_from_u64(seed)),
    }
    Ok(standing(network, folded))
}

/// A network that has not moved yet.
fn standing(network: StateDict, folded: bool) -> State {
    State {
        network,
        velocity: StateDict::default(),
        folded,
    }
}

/// The parameters of one BatchNorm, `[c]` each.
struct Norm {
    gamma: Parameter,
    beta: Parameter,
    mean: Parameter,
    variance: Parameter,
}

impl Norm {
    /// One that changes nothing.
    fn identity(channels: usize) -> Self {
        Self {
            gamma: constant(channels, 1.0),
            beta: constant(channels, 0.0),
            mean: constant(channels, 0.0),
            variance: constant(channels, 1.0),
        }
    }

    /// The one after a convolution. Where it is folded away, one that adds the convolution's bias.
    fn of(checkpoint: &StateDict, convolution: &Convolution) -> Result<Self, Error> {
        let channels = convolution.outputs;
        match checkpoint.get(&format!("{}.bias", convolution.name), &[channels]) {
            Ok(bias) => Ok(Self {
                beta: bias.clone(),
                variance: constant(channels, 1.0 - EPSILON),
                ..Self::identity(channels)
            }),
            Err(_) => {
                let field = |field: &str| {
                    let name = format!("{}.{field}", convolution.batch_norm);
                    checkpoint.get(&name, &[channels]).cloned()
                };
                Ok(Self {
                    gamma: field("weight")?,
                    beta: field("bias")?,
                    mean: field("running_mean")?,
                    variance: field("running_var")?,
                })
            }
        }
    }

    /// Whether these statistics come from no photos: mean 0 and variance 1 are what remains of folded ones.
    fn is_of_no_photos(&self) -> bool {
        let is = |parameter: &Parameter, expected: f32| {
            parameter
                .values
                .iter()
                .all(|value| (value - expected).abs() <= 2.0 * EPSILON)
        };
        is(&self.mean, 0.0) && is(&self.variance, 1.0)
    }

    fn insert(self, network: &mut StateDict, batch_norm: &str) {
        network.insert(format!("{batch_norm}.weight"), self.gamma);
        network.insert(format!("{batch_norm}.bias"), self.beta);
        network.insert(format!("{batch_norm}.running_mean"), self.mean);
        network.insert(format!("{batch_norm}.running_var"), self.variance);
    }
}

fn insert_classifier(network: &mut StateDict, classes: usize, random: &mut ChaCha8Rng) {
    let bound = 1.0 / (EMBEDDING as f64).sqrt();
    for (name, shape) in [("fc.weight", vec![classes, EMBEDDING]), ("fc.bias", vec![classes])] {
        let count = shape.iter().product();
        let values = (0..count)
            .map(|_| (bound * (2.0 * unit(random) - 1.0)) as f32)
            .collect();
        network.insert(name, Parameter { shape, values });
    }
}

fn constant(channels: usize, value: f32) -> Parameter {
    Parameter {
        shape: vec![channels],
        values: vec![value; channels],
    }
}

/// A normally distributed number (Box & Muller, 1958).
fn normal(random: &mut ChaCha8Rng) -> f64 {
    let radius = (-2.0 * (1.0 - unit(random)).ln()).sqrt();
    radius * (TAU * unit(random)).cos()
}
