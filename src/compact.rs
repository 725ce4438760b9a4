//! Compact weights: a folded network in about half a byte per parameter. Every filter is rounded to whole steps of its own
//! length, and the steps are entropy-coded. Judged by few-shot accuracy: `cargo glimpse weights-curve`.
//!
//! How long a step is decides over size and accuracy. Rounding adds noise of step² / 12 to every parameter, and every
//! convolution hands on the noise that it has beside its filters. For a given size the sum of all that is least where a
//! bit buys the same everywhere, so a convolution with fewer parameters has finer steps:
//! step = length · √(n / n₀) · σ, with the convolution's number of parameters n, the largest one's n₀ and the filter's
//! standard deviation σ (reverse water-filling: Cover and Thomas, "Elements of Information Theory", 2006, 10.3). Even steps
//! with an entropy coder behind them are a quarter of a bit per parameter from the best there can be (Gish and Pierce,
//! "Asymptotically Efficient Quantizing", 1968).
//!
//! The file is a zlib stream (RFC 1950) of safetensors: for every convolution `<name>.weight` I8 `[c′, c, k, k]`, counted
//! in steps, `<name>.step` BF16 `[c′]` and `<name>.bias` F16 `[c′]`. The stream has Huffman codes alone: filters hold no
//! strings that come again, and weights in which some do (product-quantised ones) shall not look smaller than others.

use std::collections::BTreeMap;

use half::{bf16, f16};
use miniz_oxide::{
    DataFormat,
    deflate::core::{CompressionStrategy, CompressorOxide, TDEFLFlush, compress_to_output},
    inflate::decompress_slice_iter_to_slice,
};
use safetensors::{Dtype, SafeTensors, tensor::TensorView};

use crate::{
    Error, StateDict,
    architecture::{Convolution, convolutions},
    state_dict::Parameter,
    vector::deviation,
    weights::{Filters, Folded},
};

/// The usual length of a step: the longest that lost no accuracy that could be measured (`docs/PERFORMANCE.md`).
pub const STEP: f32 = 0.35;
/// Most steps to either side of 0.
const MOST: f32 = i8::MAX as f32;
/// Room for the names, shapes and places of all tensors, which take a tenth of it.
const HEADER: usize = 64 << 10;
/// The first byte of a zlib stream with the usual window.
const ZLIB: u8 = 0x78;

/// Whether a file is a compact one: by its first two bytes, a multiple of 31 (RFC 1950), and because it is not one of
/// safetensors, which begin with a header's length, whose first bytes can be any, and the brace that opens the header.
pub fn is_compact(file: &[u8]) -> bool {
    let is_safetensors = matches!(file, [_, _, _, _, 0, 0, 0, 0, b'{', ..]);
    let is_zlib = matches!(file, [ZLIB, second, ..] if (u32::from(ZLIB) * 256 + u32::from(*second)).is_multiple_of(31));
    is_zlib && !is_safetensors
}

/// Writes a folded trunk with steps of this length, in standard deviations of the largest convolution's filters.
///
/// # Errors
/// [`Error::WeightsFormat`] where the length is no positive number; those of [`StateDict::get`].
pub fn encode(folded: &StateDict, length: f32) -> Result<Vec<u8>, Error> {
    if !(length.is_finite() && length > 0.0) {
        return Err(Error::WeightsFormat {
            reason: format!("a step of {length}, expected a length above 0"),
        });
    }
    let all = convolutions();
    let largest = all.iter().map(parameters).max().unwrap_or(1) as f32;
    let mut tensors = Vec::with_capacity(3 * all.len());
    for convolution in &all {
        let weight = folded.get(&format!("{}.weight", convolution.name), &convolution.shape())?;
        let bias = folded.get(&format!("{}.bias", convolution.name), &[convolution.outputs])?;
        let length = length * (parameters(convolution) as f32 / largest).sqrt();
        let filters = weight.values.chunks_exact(weight.values.len() / convolution.outputs);
        let kernel = convolution.kernel * convolution.kernel;
        let (mut counts, mut steps) = (Vec::with_capacity(weight.values.len()), Vec::new());
        for filter in filters {
            let step = step(filter, length);
            counts.extend(
                rounded(filter, kernel, step.to_f32())
                    .into_iter()
                    .map(|count| count as i8 as u8),
            );
            steps.extend(step.to_le_bytes());
        }
        let bias = bias.values.iter().flat_map(|&value| f16::from_f32(value).to_le_bytes());
        tensors.push((
            format!("{}.weight", convolution.name),
            Dtype::I8,
            weight.shape.clone(),
            counts,
        ));
        tensors.push((
            format!("{}.step", convolution.name),
            Dtype::BF16,
            vec![convolution.outputs],
            steps,
        ));
        tensors.push((
            format!("{}.bias", convolution.name),
            Dtype::F16,
            vec![convolution.outputs],
            bias.collect(),
        ));
    }
    let mut views = Vec::with_capacity(tensors.len());
    for (name, dtype, shape, bytes) in &tensors {
        views.push((name, TensorView::new(*dtype, shape.clone(), bytes).map_err(unreadable)?));
    }
    Ok(pack(&safetensors::serialize(views, None).map_err(unreadable)?))
}

/// The folded trunk of a file of [`encode`].
#[derive(Debug)]
pub struct Compact {
    convolutions: BTreeMap<String, Folded>,
}

impl Compact {
    /// Takes a convolution out, by its name.
    ///
    /// # Errors
    /// [`Error::WeightsMissingTensor`] where it was taken before, or never was.
    pub fn take(&mut self, name: &str) -> Result<Folded, Error> {
        let missing = || Error::WeightsMissingTensor {
            name: format!("{name}.weight"),
        };
        self.convolutions.remove(name).ok_or_else(missing)
    }

    /// All of it as numbers.
    pub fn into_state_dict(mut self) -> StateDict {
        let mut folded = StateDict::default();
        for convolution in convolutions() {
            let Some(Folded { filters, bias }) = self.convolutions.remove(&convolution.name) else {
                continue;
            };
            for (field, shape, values) in [
                ("weight", convolution.shape().into(), filters.into_numbers()),
                ("bias", vec![convolution.outputs], bias),
            ] {
                folded.insert(format!("{}.{field}", convolution.name), Parameter { shape, values });
            }
        }
        folded
    }
}

/// Reads a file of [`encode`].
///
/// # Errors
/// [`Error::WeightsFormat`] where it is cut off or damaged; [`Error::WeightsMissingTensor`], [`Error::WeightsShape`].
pub fn decode(file: &[u8]) -> Result<Compact, Error> {
    let unpacked = unpack(file)?;
    let tensors = SafeTensors::deserialize(&unpacked).map_err(unreadable)?;
    let rest = StateDict::from_safetensors(&unpacked)?;
    let mut read = BTreeMap::new();
    for convolution in convolutions() {
        let name = format!("{}.weight", convolution.name);
        let counts = tensors
            .tensor(&name)
            .map_err(|_| Error::WeightsMissingTensor { name: name.clone() })?;
        let steps = rest.get(&format!("{}.step", convolution.name), &[convolution.outputs])?;
        let bias = rest.get(&format!("{}.bias", convolution.name), &[convolution.outputs])?;
        if counts.shape() != convolution.shape() || counts.dtype() != Dtype::I8 {
            return Err(Error::WeightsShape {
                name,
                expected: convolution.shape().into(),
                got: counts.shape().into(),
            });
        }
        let filters = Filters::Steps {
            counts: counts.data().iter().map(|&count| count as i8).collect(),
            steps: steps.values.clone(),
        };
        let bias = bias.values.clone();
        read.insert(convolution.name, Folded { filters, bias });
    }
    Ok(Compact { convolutions: read })
}

/// Into room of the right size from the start: what grows would be copied, and leave holes in a page's memory.
fn unpack(file: &[u8]) -> Result<Vec<u8>, Error> {
    let mut unpacked = vec![0; largest()];
    let length =
        decompress_slice_iter_to_slice(&mut unpacked, std::iter::once(file), true, false).map_err(|status| {
            Error::WeightsFormat {
                reason: format!("the compact file is damaged or cut off: {status:?}"),
            }
        })?;
    unpacked.truncate(length);
    Ok(unpacked)
}

/// A file that unpacks to more is not one of ours: a byte for each parameter, a step and a bias for each filter, and the header.
fn largest() -> usize {
    let bytes = |convolution: &Convolution| parameters(convolution) + 4 * convolution.outputs;
    HEADER + convolutions().iter().map(bytes).sum::<usize>()
}

/// Of a convolution's weight.
fn parameters(convolution: &Convolution) -> usize {
    convolution.shape().iter().product()
}

/// A filter's step: so many standard deviations, but no shorter than what 127 of reach the largest value with.
fn step(filter: &[f32], length: f32) -> bf16 {
    let largest = filter.iter().fold(0.0f32, |largest, value| largest.max(value.abs()));
    let step = bf16::from_f32((length * deviation(filter)).max(largest / MOST));
    match step.to_f32() {
        // All zeros: any step will do.
        0.0 => bf16::from_f32(1.0),
        // Rounding the step must not push the largest value over the edge.
        rounded if largest / rounded > MOST + 0.49 => bf16::from_bits(step.to_bits() + 1),
        _ => step,
    }
}

/// A filter in whole steps, its kernels `[k · k]` one after the other. A map after a ReLU is nowhere negative and changes
/// little from pixel to pixel, so what hurts most is an error that all of a kernel, or all of a filter, has in common.
/// Where errors add up, those that were nearly ties are rounded the other way (Guo et al., "SQuant: On-the-Fly Data-Free
/// Quantization via Diagonal Hessian Approximation", 2022): the size of single errors hardly changes, their sums vanish.
fn rounded(filter: &[f32], kernel: usize, step: f32) -> Vec<f32> {
    let exact: Vec<f32> = filter.iter().map(|value| value / step).collect();
    let mut counts: Vec<f32> = exact.iter().map(|value| value.round()).collect();
    for (counts, exact) in counts.chunks_exact_mut(kernel).zip(exact.chunks_exact(kernel)) {
        balance(counts, exact);
    }
    balance(&mut counts, &exact);
    counts
}

/// Rounds so many numbers the other way that what all have in common is half a step at most: those that lie nearest to it.
fn balance(counts: &mut [f32], exact: &[f32]) {
    let sum: f32 = counts.iter().zip(exact).map(|(count, exact)| count - exact).sum();
    let error = |counts: &[f32], index: usize| (counts[index] - exact[index]) * sum.signum();
    let mut order: Vec<usize> = (0..counts.len()).collect();
    order.sort_by(|&a, &b| error(counts, b).total_cmp(&error(counts, a)));
    for &index in order.iter().take(sum.abs().round() as usize) {
        let other = counts[index] - sum.signum();
        if other.abs() <= MOST {
            counts[index] = other;
        }
    }
}

fn pack(bytes: &[u8]) -> Vec<u8> {
    let mut compressor = CompressorOxide::with_params(DataFormat::Zlib, 6, CompressionStrategy::HuffmanOnly, 15);
    let mut packed = Vec::with_capacity(bytes.len() / 2);
    compress_to_output(&mut compressor, bytes, TDEFLFlush::Finish, |part| {
        packed.extend_from_slice(part);
        true
    });
    packed
}

fn unreadable(error: impl ToString) -> Error {
    Error::WeightsFormat {
        reason: error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::untrained;

    fn folded() -> StateDict {
        untrained::state_dict(1).folded_trunk(&convolutions()).unwrap()
    }

    #[test]
    fn rounding_is_a_step_at_most_and_sums_vanish() {
        let folded = folded();
        let file = encode(&folded, STEP).unwrap();
        assert!(is_compact(&file) && !is_compact(&folded.to_safetensors_f16().unwrap()));
        let read = decode(&file).unwrap().into_state_dict();
        assert_eq!(read.names().collect::<Vec<_>>(), folded.names().collect::<Vec<_>>());
        for convolution in convolutions() {
            let name = format!("{}.weight", convolution.name);
            let [before, after] = [&folded, &read].map(|dict| dict.get(&name, &convolution.shape()).unwrap());
            let length = STEP * (parameters(&convolution) as f32 / (512 * 512 * 9) as f32).sqrt();
            let filter = before.values.len() / convolution.outputs;
            for (before, after) in before
                .values
                .chunks_exact(filter)
                .zip(after.values.chunks_exact(filter))
            {
                let step = step(before, length).to_f32();
                let errors: Vec<f32> = before.iter().zip(after).map(|(a, b)| (b - a) / step).collect();
                let largest = errors.iter().fold(0.0f32, |largest, error| largest.max(error.abs()));
                assert!(largest <= 1.01, "{name}: {largest} steps");
                let sum = errors.iter().sum::<f32>().abs();
                assert!(sum <= 0.6, "{name}: together {sum} steps");
            }
        }
    }

    #[test]
    fn safetensors_are_none_whatever_their_length() {
        assert!(!is_compact(&[ZLIB, 0x01, 0, 0, 0, 0, 0, 0, b'{', b'"']));
        assert!(is_compact(&[ZLIB, 0x01, 0, 0, 0, 0, 0, 1, b'{', b'"']));
        assert!(!is_compact(&[ZLIB, 0x02, 1, 1, 1, 1, 1, 1, 1, 1]));
    }

    #[test]
    fn longer_steps_make_smaller_files() {
        let bytes = |length| encode(&folded(), length).unwrap().len();
        let (fine, usual, coarse) = (bytes(0.2), bytes(STEP), bytes(0.5));
        assert!(coarse < usual && usual < fine, "{coarse} {usual} {fine}");
        // Normal numbers with even steps: h = log₂(σ √(2πe) / step) bits each, and all layers together less than what the
        // largest have.
        let bits = 8.0 * usual as f64 / 11_166_912.0;
        let expected = (f64::from(1.0 / STEP) * (2.0 * std::f64::consts::PI * std::f64::consts::E).sqrt()).log2();
        assert!((bits - expected).abs() < 0.4, "{bits} bits, expected about {expected}");
    }

    #[test]
    fn odd_filters_are_kept() {
        let mut folded = folded();
        let name = "layer1.0.conv1.weight";
        let mut weight = folded.get(name, &[64, 64, 3, 3]).unwrap().clone();
        weight.values[..576].fill(0.0);
        weight.values[576..1152].fill(1e-4);
        weight.values[600] = 3.0;
        folded.insert(name, weight);
        let read = decode(&encode(&folded, STEP).unwrap()).unwrap().into_state_dict();
        let values = &read.get(name, &[64, 64, 3, 3]).unwrap().values;
        assert!(values[..576].iter().all(|&value| value == 0.0));
        assert!((values[600] - 3.0).abs() < 0.02, "{}", values[600]);
    }

    #[test]
    fn faults_are_told() {
        let file = encode(&folded(), STEP).unwrap();
        let code = |file: &[u8]| decode(file).unwrap_err().code();
        assert_eq!(code(&file[..file.len() / 2]), "weights-format");
        let mut damaged = file.clone();
        damaged[file.len() / 2] ^= 0x55;
        assert_eq!(code(&damaged), "weights-format");
        assert_eq!(code(&pack(&vec![0; largest() + 1])), "weights-format");
        assert_eq!(
            code(&pack(&StateDict::default().to_safetensors_f16().unwrap())),
            "weights-missing-tensor"
        );
        assert_eq!(encode(&folded(), 0.0).unwrap_err().code(), "weights-format");
    }
}
