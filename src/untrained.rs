//! A ResNet-18 of seeded random numbers, as a full torchvision state dict: with it the whole pipeline can be run
//! where no trained weights are to be had. Its embeddings still tell drawn shapes apart, a little.

use rand_chacha::{
    ChaCha8Rng,
    rand_core::{RngCore, SeedableRng},
};

use crate::{StateDict, architecture::convolutions, state_dict::Parameter};

/// Convolutions by He et al., "Delving Deep into Rectifiers", 2015 (uniform, variance 2 / fan-in);
/// BatchNorm that halves each block's second convolution, so that activations keep their size through the residuals.
pub fn state_dict(seed: u64) -> StateDict {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut dict = StateDict::default();
    for convolution in convolutions() {
        let shape = convolution.shape();
        let fan_in: usize = shape[1..].iter().product();
        let bound = (6.0 / fan_in as f32).sqrt();
        let values = (0..shape.iter().product())
            .map(|_| bound * signed_unit(&mut rng))
            .collect();
        dict.insert(
            format!("{}.weight", convolution.name),
            Parameter {
                shape: shape.to_vec(),
                values,
            },
        );
        let gamma = if convolution.name.ends_with("conv2") { 0.5 } else { 1.0 };
        for (field, value) in [
            ("weight", gamma),
            ("bias", 0.0),
            ("running_mean", 0.0),
            ("running_var", 1.0),
        ] {
            let parameter = Parameter {
                shape: vec![convolution.outputs],
                values: vec![value; convolution.outputs],
            };
            dict.insert(format!("{}.{field}", convolution.batch_norm), parameter);
        }
    }
    dict
}

/// Uniform in −1..1.
fn signed_unit(rng: &mut ChaCha8Rng) -> f32 {
    (rng.next_u32() >> 8) as f32 / (1 << 23) as f32 - 1.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_seed_decides() {
        assert_eq!(state_dict(1), state_dict(1));
        assert_ne!(state_dict(1), state_dict(2));
        assert!(state_dict(1).folded_trunk(&convolutions()).is_ok());
    }
}
