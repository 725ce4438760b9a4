//! State dicts: named f32 tensors, read from and written to safetensors, and BatchNorm folded away.
//!
//! Knows the file format and the parameters' names; knows nothing of backends. `.pth` files are `native::pth`'s.

use std::collections::{BTreeMap, HashMap};

use half::f16;
use safetensors::{Dtype, SafeTensorError, SafeTensors, tensor::TensorView};

use sha2::{Digest, Sha256};

use crate::{
    Error,
    architecture::{Convolution, convolutions},
    manifest::hex,
    weights::Weights,
};

/// BatchNorm's ε in torchvision.
pub(crate) const EPSILON: f32 = 1e-5;

/// One parameter: its shape and its values, row-major.
#[derive(Debug, Clone, PartialEq)]
pub struct Parameter {
    /// Length of every axis.
    pub shape: Vec<usize>,
    /// As many values as the shape's product.
    pub values: Vec<f32>,
}

/// Parameters by name, as PyTorch's `state_dict()` has them.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct StateDict {
    parameters: BTreeMap<String, Parameter>,
}

impl StateDict {
    /// Adds or replaces a parameter.
    pub fn insert(&mut self, name: impl Into<String>, parameter: Parameter) {
        self.parameters.insert(name.into(), parameter);
    }

    /// The names, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.parameters.keys().map(String::as_str)
    }

    /// Whether there is no parameter.
    pub fn is_empty(&self) -> bool {
        self.parameters.is_empty()
    }

    /// Names and parameters, sorted by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Parameter)> {
        self.parameters
            .iter()
            .map(|(name, parameter)| (name.as_str(), parameter))
    }

    /// The same, taken out of it.
    pub fn into_parameters(self) -> impl Iterator<Item = (String, Parameter)> {
        self.parameters.into_iter()
    }

    /// A parameter of the expected shape.
    ///
    /// # Errors
    /// [`Error::WeightsMissingTensor`], [`Error::WeightsShape`], [`Error::WeightsNotFinite`].
    pub fn get(&self, name: &str, expected: &[usize]) -> Result<&Parameter, Error> {
        let parameter = self
            .parameters
            .get(name)
            .ok_or_else(|| Error::WeightsMissingTensor { name: name.into() })?;
        if parameter.shape != expected {
            return Err(Error::WeightsShape {
                name: name.into(),
                expected: expected.into(),
                got: parameter.shape.clone(),
            });
        }
        if !parameter.values.iter().all(|value| value.is_finite()) {
            return Err(Error::WeightsNotFinite { name: name.into() });
        }
        Ok(parameter)
    }

    /// Reads a file of either kind: safetensors or [compact](crate::compact).
    ///
    /// # Errors
    /// Those of [`Weights::from_file`].
    pub fn from_file(file: &[u8]) -> Result<Self, Error> {
        Weights::from_file(file).map(Weights::into_state_dict)
    }

    /// By what a network is known, whatever its file: the SHA-256 of the folded trunk's names and values, in lower-case hex.
    ///
    /// # Errors
    /// Those of [`StateDict::folded_trunk`].
    pub fn identity(&self) -> Result<String, Error> {
        let folded = self.folded_trunk(&convolutions())?;
        let mut hasher = Sha256::new();
        for (name, parameter) in folded.iter() {
            hasher.update(name.as_bytes());
            for value in &parameter.values {
                hasher.update(value.to_le_bytes());
            }
        }
        Ok(hex(&hasher.finalize()))
    }

    /// Reads a safetensors file of f32, f16 or bf16 tensors; integer tensors (BatchNorm's counters) are passed over.
    ///
    /// # Errors
    /// [`Error::WeightsFormat`], which says so where the file is cut off.
    pub fn from_safetensors(bytes: &[u8]) -> Result<Self, Error> {
        let file = SafeTensors::deserialize(bytes).map_err(unreadable)?;
        let mut dict = Self::default();
        for (name, view) in file.iter() {
            let values = match view.dtype() {
                Dtype::F32 => from_bytes(view.data(), f32::from_le_bytes),
                Dtype::F16 => from_bytes(view.data(), |bytes| f16::from_le_bytes(bytes).to_f32()),
                Dtype::BF16 => from_bytes(view.data(), |bytes| half::bf16::from_le_bytes(bytes).to_f32()),
                Dtype::I64 | Dtype::I32 | Dtype::I8 => continue,
                other => {
                    return Err(Error::WeightsFormat {
                        reason: format!("`{name}` is of type {other:?}, expected F32, F16 or BF16"),
                    });
                }
            };
            let shape = view.shape().to_vec();
            dict.insert(name, Parameter { shape, values });
        }
        Ok(dict)
    }

    /// Writes all parameters as f16 safetensors.
    ///
    /// # Errors
    /// [`Error::WeightsFormat`] where a shape and its values disagree.
    pub fn to_safetensors_f16(&self) -> Result<Vec<u8>, Error> {
        self.serialized(Dtype::F16, |value| f16::from_f32(value).to_le_bytes(), None)
    }

    /// Writes all parameters as f32 safetensors, with metadata.
    ///
    /// # Errors
    /// [`Error::WeightsFormat`] where a shape and its values disagree.
    pub fn to_safetensors(&self, metadata: HashMap<String, String>) -> Result<Vec<u8>, Error> {
        self.serialized(Dtype::F32, f32::to_le_bytes, Some(metadata))
    }

    fn serialized<const N: usize>(
        &self,
        dtype: Dtype,
        encode: fn(f32) -> [u8; N],
        metadata: Option<HashMap<String, String>>,
    ) -> Result<Vec<u8>, Error> {
        let encoded = |parameter: &Parameter| parameter.values.iter().flat_map(|&value| encode(value)).collect();
        let all: Vec<Vec<u8>> = self.parameters.values().map(encoded).collect();
        let mut views = Vec::with_capacity(all.len());
        for ((name, parameter), bytes) in self.parameters.iter().zip(&all) {
            let view = TensorView::new(dtype, parameter.shape.clone(), bytes).map_err(unreadable)?;
            views.push((name.as_str(), view));
        }
        safetensors::serialize(views, metadata).map_err(unreadable)
    }

    /// The trunk with every BatchNorm folded into its convolution: `<conv>.weight` and `<conv>.bias` alone remain.
    /// A trunk that is folded already is only checked.
    ///
    /// With γ, β, μ, σ² of the BatchNorm: w′ = w · γ / √(σ² + ε), b′ = β − μ · γ / √(σ² + ε).
    ///
    /// # Errors
    /// Whatever is missing, of another shape, not finite, or not ResNet-18's.
    pub fn folded_trunk(&self, convolutions: &[Convolution]) -> Result<Self, Error> {
        self.check_trunk(convolutions)?;
        self.folded_part(convolutions)
    }

    /// The same for some of a trunk's convolutions, whatever else is there.
    ///
    /// # Errors
    /// Whatever is missing, of another shape or not finite.
    pub fn folded_part(&self, convolutions: &[Convolution]) -> Result<Self, Error> {
        let mut part = Self::default();
        for convolution in convolutions {
            let weight = self.get(&format!("{}.weight", convolution.name), &convolution.shape())?;
            let (weight, bias) = self.folded(convolution, weight.clone())?;
            part.insert(format!("{}.weight", convolution.name), weight);
            part.insert(format!("{}.bias", convolution.name), bias);
        }
        Ok(part)
    }

    /// Takes one convolution's weight and bias out, with its BatchNorm, if it has one, folded in: a backend that puts a trunk
    /// into an order of its own takes one after the other, so that the whole is never in memory twice.
    ///
    /// # Errors
    /// Whatever is missing, of another shape or not finite.
    pub fn take_folded(&mut self, convolution: &Convolution) -> Result<(Parameter, Parameter), Error> {
        let name = format!("{}.weight", convolution.name);
        self.get(&name, &convolution.shape())?;
        let weight = self.parameters.remove(&name);
        let weight = weight.ok_or(Error::WeightsMissingTensor { name })?;
        self.folded(convolution, weight)
    }

    /// A convolution's weight, and its bias, with what follows it folded in.
    fn folded(&self, convolution: &Convolution, mut weight: Parameter) -> Result<(Parameter, Parameter), Error> {
        let outputs = convolution.outputs;
        let bias_name = format!("{}.bias", convolution.name);
        if self.parameters.contains_key(&bias_name) {
            return Ok((weight, self.get(&bias_name, &[outputs])?.clone()));
        }
        let statistic = |field: &str| self.get(&format!("{}.{field}", convolution.batch_norm), &[outputs]);
        let (gamma, beta) = (statistic("weight")?, statistic("bias")?);
        let (mean, variance) = (statistic("running_mean")?, statistic("running_var")?);
        let mut bias = beta.clone();
        let filter_length = weight.values.len() / outputs;
        for (output, filter) in weight.values.chunks_exact_mut(filter_length).enumerate() {
            let factor = gamma.values[output] / (variance.values[output] + EPSILON).sqrt();
            filter.iter_mut().for_each(|value| *value *= factor);
            bias.values[output] -= mean.values[output] * factor;
        }
        Ok((weight, bias))
    }

    /// Refuses parameters that ResNet-18 does not have: a ResNet-34 holds all of ResNet-18's names and more.
    ///
    /// # Errors
    /// [`Error::WeightsUnexpectedTensor`]
    pub fn check_trunk(&self, convolutions: &[Convolution]) -> Result<(), Error> {
        let known = |name: &str| {
            let (layer, _) = name.rsplit_once('.').unwrap_or((name, ""));
            layer == "fc" || convolutions.iter().any(|c| c.name == layer || c.batch_norm == layer)
        };
        match self.names().find(|name| !known(name)) {
            Some(name) => Err(Error::WeightsUnexpectedTensor { name: name.into() }),
            None => Ok(()),
        }
    }
}

/// Little-endian numbers of `N` bytes each.
fn from_bytes<const N: usize>(bytes: &[u8], read: impl Fn([u8; N]) -> f32) -> Vec<f32> {
    bytes.as_chunks::<N>().0.iter().map(|&chunk| read(chunk)).collect()
}

fn unreadable(error: SafeTensorError) -> Error {
    let reason = match error {
        SafeTensorError::HeaderTooSmall
        | SafeTensorError::InvalidHeaderLength
        | SafeTensorError::MetadataIncompleteBuffer => format!("the file is cut off or no safetensors file: {error}"),
        other => other.to_string(),
    };
    Error::WeightsFormat { reason }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::architecture::convolutions;

    fn parameter(shape: &[usize], value: f32) -> Parameter {
        let values = vec![value; shape.iter().product()];
        Parameter {
            shape: shape.to_vec(),
            values,
        }
    }

    /// A complete unfolded state dict in which BatchNorm does something everywhere.
    fn state_dict() -> StateDict {
        let mut dict = StateDict::default();
        for convolution in convolutions() {
            dict.insert(
                format!("{}.weight", convolution.name),
                parameter(&convolution.shape(), 0.5),
            );
            for (field, value) in [
                ("weight", 3.0),
                ("bias", 0.25),
                ("running_mean", 2.0),
                ("running_var", 4.0 - EPSILON),
            ] {
                dict.insert(
                    format!("{}.{field}", convolution.batch_norm),
                    parameter(&[convolution.outputs], value),
                );
            }
        }
        dict.insert("fc.weight", parameter(&[1000, 512], 0.0));
        dict
    }

    #[test]
    fn folding_follows_the_formula() {
        let trunk = state_dict().folded_trunk(&convolutions()).unwrap();
        assert_eq!(trunk.names().count(), 40);
        let weight = trunk.get("layer2.0.downsample.0.weight", &[128, 64, 1, 1]).unwrap();
        let bias = trunk.get("layer2.0.downsample.0.bias", &[128]).unwrap();
        assert!(weight.values.iter().all(|v| (v - 0.75).abs() < 1e-6)); // 0.5 · 3 / 2
        assert!(bias.values.iter().all(|v| (v + 2.75).abs() < 1e-6)); // 0.25 − 2 · 3 / 2
        assert_eq!(
            trunk.folded_trunk(&convolutions()).unwrap(),
            trunk,
            "folding twice changes nothing"
        );
    }

    #[test]
    fn f16_round_trips() {
        let trunk = state_dict().folded_trunk(&convolutions()).unwrap();
        let bytes = trunk.to_safetensors_f16().unwrap();
        assert_eq!(
            StateDict::from_safetensors(&bytes).unwrap(),
            trunk,
            "0.75 and −2.75 are exact in f16"
        );
        let cut = StateDict::from_safetensors(&bytes[..bytes.len() / 2]).unwrap_err();
        assert!(cut.to_string().contains("cut off"), "{cut}");
    }

    #[test]
    fn faults_are_named() {
        let fault = |change: &dyn Fn(&mut StateDict)| {
            let mut dict = state_dict();
            change(&mut dict);
            dict.folded_trunk(&convolutions()).unwrap_err()
        };
        let missing = fault(&|dict| drop(dict.parameters.remove("layer4.1.bn2.running_var")));
        assert!(missing.to_string().contains("layer4.1.bn2.running_var"), "{missing}");
        let shape = fault(&|dict| dict.insert("layer1.0.conv1.weight", parameter(&[64, 64, 1, 1], 0.0)));
        assert!(
            shape.to_string().contains("[64, 64, 1, 1]") && shape.to_string().contains("[64, 64, 3, 3]"),
            "{shape}"
        );
        let nan = fault(&|dict| dict.insert("bn1.bias", parameter(&[64], f32::NAN)));
        assert_eq!(nan.code(), "weights-not-finite");
        let resnet34 = fault(&|dict| dict.insert("layer1.2.conv1.weight", parameter(&[64, 64, 3, 3], 0.0)));
        assert_eq!(resnet34.code(), "weights-unexpected-tensor");
        assert_eq!(
            StateDict::from_safetensors(b"no safetensors").unwrap_err().code(),
            "weights-format"
        );
    }
}
