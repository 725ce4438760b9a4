//! What the first half of the trunk's layers hands to the second, which may run in another thread: numbers in one piece.

use crate::{Error, architecture::LAYER2};

/// Channels of the map after `layer1`.
const LAYER1: usize = 64;
/// How many numbers are carried.
const LENGTH: usize = LAYER1 + LAYER2.0 * LAYER2.1 * LAYER2.1;

/// The spatial means after `layer1`, `[64]`, and then the map after `layer2`, `[128, 28, 28]`.
#[derive(Debug, Clone, PartialEq)]
pub struct Halfway {
    values: Vec<f32>,
}

impl Halfway {
    pub(super) fn new(mut layer1: Vec<f32>, layer2: Vec<f32>) -> Self {
        layer1.extend(layer2);
        Self { values: layer1 }
    }

    /// Takes back what [`Halfway::into_values`] gave.
    ///
    /// # Errors
    /// [`Error::Maps`] where there are more numbers, or fewer.
    pub fn from_values(values: Vec<f32>) -> Result<Self, Error> {
        match values.len() {
            LENGTH => Ok(Self { values }),
            got => Err(Error::Maps {
                reason: format!("expected {LENGTH} numbers halfway through the network, got {got}"),
            }),
        }
    }

    /// All numbers, to be carried elsewhere.
    pub fn into_values(self) -> Vec<f32> {
        self.values
    }

    pub(super) fn layer1(&self) -> &[f32] {
        &self.values[..LAYER1]
    }

    pub(super) fn layer2(&self) -> &[f32] {
        &self.values[LAYER1..]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_length_is_refused() {
        let error = Halfway::from_values(vec![0.0; LENGTH - 1]).unwrap_err();
        assert_eq!(error.code(), "maps");
    }
}
