//! ResNet-18's trunk: `[batch, 3, 224, 224]` → embedding `[batch, 512]`.
//!
//! He et al., "Deep Residual Learning for Image Recognition", CVPR 2016, in torchvision's variant and with its
//! parameter names. BatchNorm is folded into the convolutions ([`StateDict::folded_trunk`]), so the trunk has no
//! mode: it computes the same with and without autodiff. The classifier `fc` is not part of it.
//!
//! Axes: b batch, c channels, y rows, x columns.

use burn::{
    module::{Module, Param},
    nn::{
        PaddingConfig2d,
        conv::{Conv2d, Conv2dConfig},
    },
    tensor::{Tensor, TensorData, activation::relu, backend::Backend, module::max_pool2d},
};

use crate::{Error, StateDict};

/// Length of an embedding.
pub const EMBEDDING: usize = 512;

/// One convolution of the trunk and where its parameters live in a state dict.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Convolution {
    /// Name of the convolution, such as `layer1.0.conv1`.
    pub name: String,
    /// Name of the BatchNorm that follows it, such as `layer1.0.bn1`.
    pub batch_norm: String,
    /// Input channels.
    pub inputs: usize,
    /// Output channels.
    pub outputs: usize,
    /// Side of the square kernel.
    pub kernel: usize,
    /// Step in both directions.
    pub stride: usize,
}

impl Convolution {
    /// The weight's shape: `[outputs, inputs, kernel, kernel]`.
    pub fn shape(&self) -> [usize; 4] {
        [self.outputs, self.inputs, self.kernel, self.kernel]
    }
}

/// Output channels and first stride of `layer1` … `layer4`; each has two blocks.
const LAYERS: [(usize, usize); 4] = [(64, 1), (128, 2), (256, 2), (512, 2)];

/// All twenty convolutions, in the order in which the network has them.
pub fn convolutions() -> Vec<Convolution> {
    let convolution = |name: String, batch_norm: String, [inputs, outputs]: [usize; 2], kernel, stride| Convolution {
        name,
        batch_norm,
        inputs,
        outputs,
        kernel,
        stride,
    };
    let mut all = vec![convolution("conv1".into(), "bn1".into(), [3, 64], 7, 2)];
    let mut inputs = 64;
    for (index, (outputs, first_stride)) in LAYERS.into_iter().enumerate() {
        for block in 0..2 {
            let at = |part: &str| format!("layer{}.{block}.{part}", index + 1);
            let stride = if block == 0 { first_stride } else { 1 };
            all.push(convolution(at("conv1"), at("bn1"), [inputs, outputs], 3, stride));
            all.push(convolution(at("conv2"), at("bn2"), [outputs, outputs], 3, 1));
            if stride != 1 {
                all.push(convolution(
                    at("downsample.0"),
                    at("downsample.1"),
                    [inputs, outputs],
                    1,
                    stride,
                ));
            }
            inputs = outputs;
        }
    }
    all
}

/// Two 3 × 3 convolutions and the way around them.
#[derive(Module, Debug)]
pub struct BasicBlock<B: Backend> {
    conv1: Conv2d<B>,
    conv2: Conv2d<B>,
    downsample: Option<Conv2d<B>>,
}

impl<B: Backend> BasicBlock<B> {
    /// `[b, c, y, x]` → `[b, c′, y′, x′]`; halved in size and doubled in channels where the block has a downsample.
    pub fn forward(&self, input: Tensor<B, 4>) -> Tensor<B, 4> {
        let residual = match &self.downsample {
            Some(downsample) => downsample.forward(input.clone()),
            None => input.clone(),
        };
        let hidden = relu(self.conv1.forward(input));
        relu(self.conv2.forward(hidden) + residual)
    }
}

/// The maps after `layer1` … `layer4`: channels 64, 128, 256, 512, sides 56, 28, 14, 7.
pub struct Stages<B: Backend> {
    /// One map `[b, c, y, x]` per layer.
    pub maps: [Tensor<B, 4>; 4],
}

/// The trunk.
#[derive(Module, Debug)]
pub struct ResNet18<B: Backend> {
    conv1: Conv2d<B>,
    layer1: Vec<BasicBlock<B>>,
    layer2: Vec<BasicBlock<B>>,
    layer3: Vec<BasicBlock<B>>,
    layer4: Vec<BasicBlock<B>>,
}

impl<B: Backend> ResNet18<B> {
    /// Builds the trunk from torchvision's state dict, folded or not.
    ///
    /// # Errors
    /// Those of [`StateDict::folded_trunk`].
    pub fn load(state_dict: &StateDict, device: &B::Device) -> Result<Self, Error> {
        let all = convolutions();
        let trunk = state_dict.folded_trunk(&all)?;
        let conv = |name: &str| match all.iter().find(|convolution| convolution.name == name) {
            Some(convolution) => load_convolution(&trunk, convolution, device).map(Some),
            None => Ok(None),
        };
        let required = |name: &str| conv(name)?.ok_or_else(|| Error::WeightsMissingTensor { name: name.into() });
        let block = |at: String| {
            Ok::<_, Error>(BasicBlock {
                conv1: required(&format!("{at}.conv1"))?,
                conv2: required(&format!("{at}.conv2"))?,
                downsample: conv(&format!("{at}.downsample.0"))?,
            })
        };
        let layer = |number: usize| {
            (0..2)
                .map(|index| block(format!("layer{number}.{index}")))
                .collect::<Result<Vec<_>, Error>>()
        };
        Ok(Self {
            conv1: required("conv1")?,
            layer1: layer(1)?,
            layer2: layer(2)?,
            layer3: layer(3)?,
            layer4: layer(4)?,
        })
    }

    /// `[b, 3, 224, 224]` → the maps after each layer.
    pub fn stages(&self, input: Tensor<B, 4>) -> Stages<B> {
        let stem = max_pool_after_relu(relu(self.conv1.forward(input)));
        let run = |layer: &[BasicBlock<B>], input| layer.iter().fold(input, |map, block| block.forward(map));
        let map1 = run(&self.layer1, stem);
        let map2 = run(&self.layer2, map1.clone());
        let map3 = run(&self.layer3, map2.clone());
        let map4 = run(&self.layer4, map3.clone());
        Stages {
            maps: [map1, map2, map3, map4],
        }
    }

    /// `[b, 3, 224, 224]` → `[b, 512]`: the spatial mean of `layer4`'s map, not normalised.
    pub fn forward(&self, input: Tensor<B, 4>) -> Tensor<B, 2> {
        let [_, _, _, map4] = self.stages(input).maps;
        spatial_mean(map4)
    }
}

/// `[b, c, y, x]` → `[b, c]`.
pub fn spatial_mean<B: Backend>(map: Tensor<B, 4>) -> Tensor<B, 2> {
    let [batch, channels, ..] = map.dims();
    map.mean_dim(3).mean_dim(2).reshape([batch, channels])
}

/// 3 × 3 max pooling with stride 2 and padding 1 of a map that is nowhere negative: there a border of zeros changes
/// no maximum, and burn-candle's pooling knows no padding. An even side needs the border above and left alone.
fn max_pool_after_relu<B: Backend>(map: Tensor<B, 4>) -> Tensor<B, 4> {
    let bordered = map.pad((1, 0, 1, 0), 0.0);
    max_pool2d(bordered, [3, 3], [2, 2], [0, 0], [1, 1], false)
}

fn load_convolution<B: Backend>(
    trunk: &StateDict,
    convolution: &Convolution,
    device: &B::Device,
) -> Result<Conv2d<B>, Error> {
    let weight = trunk.get(&format!("{}.weight", convolution.name), &convolution.shape())?;
    let bias = trunk.get(&format!("{}.bias", convolution.name), &[convolution.outputs])?;
    let padding = convolution.kernel / 2;
    let mut layer = Conv2dConfig::new([convolution.inputs, convolution.outputs], [convolution.kernel; 2])
        .with_stride([convolution.stride; 2])
        .with_padding(PaddingConfig2d::Explicit(padding, padding, padding, padding))
        .init(device);
    let weight = TensorData::new(weight.values.clone(), convolution.shape());
    let bias = TensorData::new(bias.values.clone(), [convolution.outputs]);
    layer.weight = Param::from_tensor(Tensor::from_data(weight, device));
    layer.bias = Some(Param::from_tensor(Tensor::from_data(bias, device)));
    Ok(layer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_trunk_has_the_published_number_of_parameters() {
        let all = convolutions();
        assert_eq!(all.len(), 20);
        let weights: usize = all.iter().map(|c| c.shape().iter().product::<usize>()).sum();
        let biases: usize = all.iter().map(|c| c.outputs).sum();
        // torchvision: 11,689,512 with fc's 513,000; each of its BatchNorms has two parameters where folding leaves one bias.
        assert_eq!(weights + 2 * biases, 11_689_512 - 513_000);
    }
}
