//! A network's parameters on their way from a file to a backend, which takes one convolution after the other, so that the whole
//! is never in memory twice. What comes from a compact file stays in whole steps, a byte each, until somebody wants numbers.

use crate::{
    Error, StateDict,
    architecture::Convolution,
    compact::{self, Compact},
};

/// What a file holds.
#[derive(Debug)]
pub enum Weights {
    /// Numbers.
    Numbers(StateDict),
    /// Counts of steps.
    Steps(Compact),
}

/// The filters of a convolution, row-major, `[outputs, …]`.
#[derive(Debug, Clone, PartialEq)]
pub enum Filters {
    /// Numbers.
    Numbers(Vec<f32>),
    /// Every number is a count times its filter's step.
    Steps {
        /// As many as there are numbers.
        counts: Vec<i8>,
        /// `[outputs]`
        steps: Vec<f32>,
    },
}

/// A convolution with what follows it folded in.
#[derive(Debug, Clone, PartialEq)]
pub struct Folded {
    /// `[outputs, inputs, kernel, kernel]`
    pub filters: Filters,
    /// `[outputs]`
    pub bias: Vec<f32>,
}

impl Weights {
    /// Reads a file of either kind: safetensors or [compact](crate::compact).
    ///
    /// # Errors
    /// Those of [`StateDict::from_safetensors`] and [`compact::decode`].
    pub fn from_file(file: &[u8]) -> Result<Self, Error> {
        match compact::is_compact(file) {
            true => compact::decode(file).map(Self::Steps),
            false => StateDict::from_safetensors(file).map(Self::Numbers),
        }
    }

    /// Refuses what no ResNet-18 has.
    ///
    /// # Errors
    /// Those of [`StateDict::check_trunk`].
    pub fn check_trunk(&self, convolutions: &[Convolution]) -> Result<(), Error> {
        match self {
            Self::Numbers(state_dict) => state_dict.check_trunk(convolutions),
            // It holds what `decode` looked for, and no more.
            Self::Steps(_) => Ok(()),
        }
    }

    /// Takes one convolution out.
    ///
    /// # Errors
    /// Those of [`StateDict::take_folded`].
    pub fn take_folded(&mut self, convolution: &Convolution) -> Result<Folded, Error> {
        match self {
            Self::Steps(compact) => compact.take(&convolution.name),
            Self::Numbers(state_dict) => {
                let (weight, bias) = state_dict.take_folded(convolution)?;
                Ok(Folded {
                    filters: Filters::Numbers(weight.values),
                    bias: bias.values,
                })
            }
        }
    }

    /// All of them as numbers.
    pub fn into_state_dict(self) -> StateDict {
        match self {
            Self::Numbers(state_dict) => state_dict,
            Self::Steps(compact) => compact.into_state_dict(),
        }
    }
}

impl From<StateDict> for Weights {
    fn from(state_dict: StateDict) -> Self {
        Self::Numbers(state_dict)
    }
}

impl Filters {
    /// As numbers.
    pub fn into_numbers(self) -> Vec<f32> {
        match self {
            Self::Numbers(numbers) => numbers,
            Self::Steps { counts, steps } => {
                let filters = counts.chunks_exact((counts.len() / steps.len().max(1)).max(1));
                let numbers = |(filter, &step): (&'_ [i8], &f32)| -> Vec<f32> {
                    filter.iter().map(|&count| f32::from(count) * step).collect()
                };
                filters.zip(&steps).flat_map(numbers).collect()
            }
        }
    }
}
