//! A convolution that can be differentiated on every backend: `[b, y, x, c]` → `[b, y′, x′, c′]`.
//!
//! The pixels under the kernel are gathered into rows (im2col; Chellapilla et al., "High Performance Convolutional
//! Neural Networks for Document Processing", 2006) and multiplied by the weight. The gradient is then two more matrix
//! products and a scattered sum. Burn's own `conv2d` is not used because its gradient goes through a transposed
//! convolution, which is a plain loop in burn-candle.
//!
//! The weight is `[k · k · c, c′]`: PyTorch's `[c′, c, k, k]` with the axes in the order ky, kx, c, c′. [`to_rows`] and
//! [`from_rows`] translate.

use burn::tensor::{Int, Tensor, TensorData, backend::Backend};

/// How a square kernel moves over a map.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kernel {
    /// Side of the kernel, odd. The map is padded with zeros by half of it.
    pub side: usize,
    /// Step in both directions.
    pub stride: usize,
}

impl Kernel {
    /// Half the kernel, rounded down: the zeros around the map.
    fn padding(self) -> usize {
        self.side / 2
    }

    /// Rows or columns of the output, where the input has `length`.
    pub fn output(self, length: usize) -> usize {
        (length - 1) / self.stride + 1
    }
}

/// Convolves `[b, y, x, c]` with a weight `[k · k · c, c′]` and a bias `[c′]`.
pub fn convolution<B: Backend>(
    input: Tensor<B, 4>,
    weight: Tensor<B, 2>,
    bias: Tensor<B, 1>,
    kernel: Kernel,
) -> Tensor<B, 4> {
    let [batch, rows, columns, channels] = input.dims();
    let [inputs, outputs] = weight.dims();
    let (out_rows, out_columns) = (kernel.output(rows), kernel.output(columns));
    let padding = kernel.padding();
    let padded = match padding {
        0 => input,
        _ => input.pad([(0, 0), (padding, padding), (padding, padding), (0, 0)], 0.0),
    };
    let [_, rows, columns, _] = padded.dims();
    let pixels = padded.reshape([batch * rows * columns, channels]);
    let under_kernel = gathered::<B>([batch, rows, columns], kernel, &pixels.device());
    let rows = pixels
        .select(0, under_kernel)
        .reshape([batch * out_rows * out_columns, inputs]);
    let products = rows.matmul(weight) + bias.reshape([1, outputs]);
    products.reshape([batch, out_rows, out_columns, outputs])
}

/// The numbers of the pixels under the kernel, in the order b, y′, x′, ky, kx, of a padded map `[b, y, x]`.
fn gathered<B: Backend>([batch, rows, columns]: [usize; 3], kernel: Kernel, device: &B::Device) -> Tensor<B, 1, Int> {
    let starts = |length: usize| (0..=length - kernel.side).step_by(kernel.stride);
    let mut pixels = Vec::new();
    for image in 0..batch {
        for y in starts(rows) {
            for x in starts(columns) {
                for ky in 0..kernel.side {
                    let first = (image * rows + y + ky) * columns + x;
                    pixels.extend((first..first + kernel.side).map(|pixel| pixel as i32));
                }
            }
        }
    }
    let count = pixels.len();
    Tensor::from_data(TensorData::new(pixels, [count]), device)
}

/// PyTorch's `[c′, c, k, k]` as `[k · k · c, c′]`.
pub fn to_rows(weight: &[f32], shape: [usize; 4]) -> Vec<f32> {
    let mut rows = vec![0.0; weight.len()];
    for (place, &value) in places(shape).zip(weight) {
        rows[place] = value;
    }
    rows
}

/// `[k · k · c, c′]` as PyTorch's `[c′, c, k, k]`, which is `shape`.
pub fn from_rows(rows: &[f32], shape: [usize; 4]) -> Vec<f32> {
    places(shape).map(|place| rows[place]).collect()
}

/// Where each number of a weight `[c′, c, k, k]` lies in `[k · k · c, c′]`.
fn places([outputs, inputs, side, _]: [usize; 4]) -> impl Iterator<Item = usize> {
    let area = side * side;
    let place = move |index: usize| {
        let (output, input, at) = (index / (inputs * area), index / area % inputs, index % area);
        (at * inputs + input) * outputs + output
    };
    (0..outputs * inputs * area).map(place)
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;
    use crate::backend::Differentiable;

    /// Numbers that tests/reference/convolution.py made.
    #[derive(Deserialize)]
    struct Case {
        shape: [usize; 4],
        outputs: usize,
        kernel: usize,
        stride: usize,
        input: Vec<f32>,
        weight: Vec<f32>,
        bias: Vec<f32>,
        slope: Vec<f32>,
        output: Vec<f32>,
        input_gradient: Vec<f32>,
        weight_gradient: Vec<f32>,
        bias_gradient: Vec<f32>,
    }

    fn assert_close(name: &str, got: TensorData, expected: &[f32]) {
        let got: Vec<f32> = got.into_vec().unwrap();
        assert_eq!(got.len(), expected.len(), "{name}");
        for (got, expected) in got.iter().zip(expected) {
            assert!((got - expected).abs() < 1e-4, "{name}: got {got}, expected {expected}");
        }
    }

    #[test]
    fn values_and_gradients_are_the_references() {
        let cases: Vec<Case> = serde_json::from_str(include_str!("../../tests/reference/convolution.json")).unwrap();
        assert_eq!(cases.len(), 4);
        for case in &cases {
            let device = Default::default();
            let tensor = |values: &[f32], shape: &[usize]| TensorData::new(values.to_vec(), shape.to_vec());
            let [_, channels, ..] = case.shape;
            let weight_shape = [case.outputs, channels, case.kernel, case.kernel];
            let rows = to_rows(&case.weight, weight_shape);
            assert_eq!(from_rows(&rows, weight_shape), case.weight);

            let input =
                Tensor::<Differentiable, 4>::from_data(tensor(&case.input, &case.shape), &device).require_grad();
            let weight_rows = [rows.len() / case.outputs, case.outputs];
            let weight = Tensor::<Differentiable, 2>::from_data(tensor(&rows, &weight_rows), &device).require_grad();
            let bias =
                Tensor::<Differentiable, 1>::from_data(tensor(&case.bias, &[case.outputs]), &device).require_grad();
            let kernel = Kernel {
                side: case.kernel,
                stride: case.stride,
            };
            let channels_last = input.clone().permute([0, 2, 3, 1]);
            let output = convolution(channels_last, weight.clone(), bias.clone(), kernel).permute([0, 3, 1, 2]);
            let slope = Tensor::from_data(tensor(&case.slope, &output.dims()), &device);
            let gradients = (output.clone() * slope).sum().backward();

            assert_close("output", output.into_data(), &case.output);
            assert_close(
                "input",
                input.grad(&gradients).unwrap().into_data(),
                &case.input_gradient,
            );
            let weight_gradient: Vec<f32> = weight.grad(&gradients).unwrap().into_data().into_vec().unwrap();
            let weight_gradient = TensorData::new(from_rows(&weight_gradient, weight_shape), weight_shape);
            assert_close("weight", weight_gradient, &case.weight_gradient);
            assert_close("bias", bias.grad(&gradients).unwrap().into_data(), &case.bias_gradient);
        }
    }
}
