//! Convolution with a gradient that is fast on every backend, as matrix products: Burn's own goes through a transposed
//! convolution, which is a plain loop in burn-candle.
//!
//! Axes: c input channels, o output channels, b batch, y rows, x columns, k the kernel's side, s the stride. Channels
//! come first, so that a map is one matrix `[c, b·y·x]`. With the windows X `[k·k·c, b·y′·x′]` of the input and the
//! weight W `[o, k·k·c]`, the output is Y = W X. Backwards, with G = dL/dY: dL/dW = G Xᵀ; dL/d(input) is the
//! convolution of G, its pixels s apart with zeros between, with the kernel turned round and c and o exchanged.

use burn::{
    backend::{
        Autodiff,
        autodiff::{
            checkpoint::{base::Checkpointer, strategy::NoCheckpointing},
            grads::Gradients,
            ops::{Backward, Ops, OpsKind, binary},
        },
    },
    tensor::{Tensor, TensorPrimitive, backend::Backend},
};

/// `[c, b, y, x]` and the weight `[o, c, k, k]` → `[o, b, y′, x′]` with y′ = ⌈y / s⌉ and x′ = ⌈x / s⌉, padded by ⌊k / 2⌋ on
/// all sides; k is odd, and there is no bias.
pub fn convolve<B: Backend>(
    input: Tensor<Autodiff<B>, 4>,
    weight: Tensor<Autodiff<B>, 4>,
    stride: usize,
) -> Tensor<Autodiff<B>, 4> {
    let (input, weight) = (input.into_primitive().tensor(), weight.into_primitive().tensor());
    let operands = Operands {
        input: float(input.primitive),
        weight: float(weight.primitive),
        stride,
    };
    let output = operands.output().into_primitive().tensor();
    let output = match Convolve
        .prepare::<NoCheckpointing>([input.node, weight.node])
        .compute_bound()
        .stateful()
    {
        OpsKind::Tracked(prepared) => prepared.finish(operands, output),
        OpsKind::UnTracked(prepared) => prepared.finish(output),
    };
    float(output)
}

fn float<B: Backend, const D: usize>(primitive: B::FloatTensorPrimitive) -> Tensor<B, D> {
    Tensor::from_primitive(TensorPrimitive::Float(primitive))
}

/// The operation, as autodiff records it.
#[derive(Debug)]
struct Convolve;

impl<B: Backend> Backward<B, 2> for Convolve {
    type State = Operands<B>;

    fn backward(self, ops: Ops<Operands<B>, 2>, gradients: &mut Gradients, _: &mut Checkpointer) {
        let operands = ops.state;
        binary::<B, _, _>(
            ops.parents,
            ops.node,
            gradients,
            |gradient| operands.input_gradient(float(gradient)).into_primitive().tensor(),
            |gradient| operands.weight_gradient(float(gradient)).into_primitive().tensor(),
        );
    }
}

/// What is convolved.
#[derive(Debug, Clone)]
struct Operands<B: Backend> {
    /// `[c, b, y, x]`
    input: Tensor<B, 4>,
    /// `[o, c, k, k]`
    weight: Tensor<B, 4>,
    stride: usize,
}

impl<B: Backend> Operands<B> {
    /// `[o, b, y′, x′]`
    fn output(&self) -> Tensor<B, 4> {
        let [outputs, inputs, kernel, _] = self.weight.dims();
        let [_, batch, rows, columns] = self.input.dims();
        let weight = self.weight.clone().permute([0, 2, 3, 1]);
        weight
            .reshape([outputs, kernel * kernel * inputs])
            .matmul(windows(self.input.clone(), kernel, self.stride))
            .reshape([
                outputs,
                batch,
                rows.div_ceil(self.stride),
                columns.div_ceil(self.stride),
            ])
    }

    /// `[o, b, y′, x′]` → `[c, b, y, x]`
    fn input_gradient(&self, gradient: Tensor<B, 4>) -> Tensor<B, 4> {
        let [_, _, rows, columns] = self.input.dims();
        let turned = self.weight.clone().flip([2, 3]).swap_dims(0, 1);
        let backwards = Operands {
            input: spread(gradient, self.stride),
            weight: turned,
            stride: 1,
        };
        // Where s is no divisor of y or x, the last pixels were spread beyond the edge.
        backwards.output().narrow(2, 0, rows).narrow(3, 0, columns)
    }

    /// `[o, b, y′, x′]` → `[o, c, k, k]`
    fn weight_gradient(&self, gradient: Tensor<B, 4>) -> Tensor<B, 4> {
        let [outputs, inputs, kernel, _] = self.weight.dims();
        let [_, batch, rows, columns] = gradient.dims();
        gradient
            .reshape([outputs, batch * rows * columns])
            .matmul(windows(self.input.clone(), kernel, self.stride).transpose())
            .reshape([outputs, kernel, kernel, inputs])
            .permute([0, 3, 1, 2])
    }
}

/// What the kernel sees from each of its places: `[c, b, y, x]` → `[k·k·c, b·y′·x′]`.
fn windows<B: Backend>(input: Tensor<B, 4>, kernel: usize, stride: usize) -> Tensor<B, 2> {
    let [channels, batch, rows, columns] = input.dims();
    let (steps_y, steps_x) = (rows.div_ceil(stride), columns.div_ceil(stride));
    // Every s-th row is a row of its own axis, so that no slice has to skip any.
    let margin = kernel / 2;
    let (groups_y, groups_x) = (steps_y + (kernel - 1) / stride, steps_x + (kernel - 1) / stride);
    let input = bordered(input, 2, [margin, groups_y * stride - rows - margin]);
    let input = bordered(input, 3, [margin, groups_x * stride - columns - margin]);
    let input = input.reshape([channels * batch, groups_y, stride, groups_x, stride]);
    let mut seen = Vec::with_capacity(kernel * kernel);
    for y in 0..kernel {
        for x in 0..kernel {
            let part = input
                .clone()
                .narrow(1, y / stride, steps_y)
                .narrow(2, y % stride, 1)
                .narrow(3, x / stride, steps_x)
                .narrow(4, x % stride, 1);
            seen.push(part);
        }
    }
    Tensor::cat(seen, 0).reshape([kernel * kernel * channels, batch * steps_y * steps_x])
}

/// Zeros before and after an axis.
pub(crate) fn bordered<B: Backend, const D: usize>(
    map: Tensor<B, D>,
    axis: usize,
    [before, after]: [usize; 2],
) -> Tensor<B, D> {
    let zeros = |count: usize| {
        let mut shape = map.dims();
        shape[axis] = count;
        (count > 0).then(|| Tensor::zeros(shape, &map.device()))
    };
    let (before, after) = (zeros(before), zeros(after));
    let parts: Vec<_> = before.into_iter().chain([map]).chain(after).collect();
    Tensor::cat(parts, axis)
}

/// Puts pixels s apart, with zeros between and after: `[o, b, y, x]` → `[o, b, s·y, s·x]`.
fn spread<B: Backend>(map: Tensor<B, 4>, stride: usize) -> Tensor<B, 4> {
    let [channels, batch, rows, columns] = map.dims();
    let map = bordered(map.reshape([channels * batch * rows * columns, 1]), 1, [0, stride - 1]);
    let map = map.reshape([channels * batch * rows, columns * stride]);
    let map = bordered(map, 1, [0, (stride - 1) * columns * stride]);
    map.reshape([channels, batch, rows * stride, columns * stride])
}

#[cfg(test)]
mod tests {
    use burn::tensor::TensorData;
    use serde::Deserialize;

    use super::*;
    use crate::backend::Cpu;

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
            let input = Tensor::<Autodiff<Cpu>, 4>::from_data(tensor(&case.input, &case.shape), &device).require_grad();
            let weight =
                Tensor::<Autodiff<Cpu>, 4>::from_data(tensor(&case.weight, &weight_shape), &device).require_grad();
            let bias =
                Tensor::<Autodiff<Cpu>, 1>::from_data(tensor(&case.bias, &[case.outputs]), &device).require_grad();
            let products = convolve(input.clone().swap_dims(0, 1), weight.clone(), case.stride);
            let output = (products + bias.clone().reshape([case.outputs, 1, 1, 1])).swap_dims(0, 1);
            let slope = Tensor::from_data(tensor(&case.slope, &output.dims()), &device);
            let gradients = (output.clone() * slope).sum().backward();

            assert_close("output", output.into_data(), &case.output);
            assert_close(
                "input",
                input.grad(&gradients).unwrap().into_data(),
                &case.input_gradient,
            );
            assert_close(
                "weight",
                weight.grad(&gradients).unwrap().into_data(),
                &case.weight_gradient,
            );
            assert_close("bias", bias.grad(&gradients).unwrap().into_data(), &case.bias_gradient);
        }
    }
}
