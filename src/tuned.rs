//! ResNet-18's `layer4` after it was tuned to a few classes: folded parameters by torchvision's names, and the layer that
//! they make on the CPU, whatever backend computes the layers before it.

use std::rc::Rc;

use crate::{
    Embedder, Error, Picture, StateDict,
    architecture::{Pooled, Seen, layer4_convolutions},
    cpu::Layer4,
    evidence::Layer4Map,
};

/// The folded parameters of a network's `layer4`, by torchvision's names.
///
/// # Errors
/// Those of [`StateDict::folded_part`].
pub fn folded_layer4(network: &StateDict) -> Result<StateDict, Error> {
    network.folded_part(&layer4_convolutions())
}

/// A tuned `layer4`.
#[derive(Debug)]
pub struct Tuned {
    parameters: StateDict,
    layer: Rc<Layer4>,
}

impl Tuned {
    /// From a folded state dict, of which the `layer4.….weight` and `.bias` are kept.
    ///
    /// # Errors
    /// Those of [`StateDict::folded_part`].
    pub fn new(folded: &StateDict) -> Result<Self, Error> {
        let parameters = folded_layer4(folded)?;
        Ok(Self {
            layer: Rc::new(Layer4::load(parameters.clone())?),
            parameters,
        })
    }

    /// The folded parameters.
    pub fn parameters(&self) -> &StateDict {
        &self.parameters
    }

    /// The layer that they make.
    pub fn layer(&self) -> Rc<Layer4> {
        Rc::clone(&self.layer)
    }

    /// What the tuned network sees in squares: layer 4's numbers are its own, the others as they were.
    pub fn pooled(&self, seen: &[Seen]) -> Vec<Pooled> {
        let maps: Vec<&[f32]> = seen.iter().map(|seen| seen.layer3.as_slice()).collect();
        let pooled = |(seen, (means, deviations)): (&Seen, (Vec<f32>, Vec<f32>))| {
            let [first, second, third, _] = seen.pooled.means.clone();
            Pooled {
                means: [first, second, third, means],
                deviations,
            }
        };
        seen.iter().zip(self.layer.pooled(&maps)).map(pooled).collect()
    }
}

/// What `layer4` sees in the whole of a picture, the network's own or a tuned one.
///
/// # Errors
/// Those of [`Embedder::seen`].
pub async fn layer4_map(embedder: &impl Embedder, picture: &Picture, layer4: &Layer4) -> Result<Layer4Map, Error> {
    let seen = embedder.seen(&[picture.whole()?]).await?;
    let maps: Vec<&[f32]> = seen.iter().map(|seen| seen.layer3.as_slice()).collect();
    Layer4Map::new(layer4.maps(&maps).concat())
}

impl PartialEq for Tuned {
    fn eq(&self, other: &Self) -> bool {
        self.parameters == other.parameters
    }
}
