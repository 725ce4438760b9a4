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

use crate::{
    Error, StateDict,
    architecture::{Convolution, convolutions},
};

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

    /// `[b, 3, 224, 224]` → the maps after each layer; the embedding is the [`spatial_mean`] of the last.
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
}

/// `[b, c, y, x]` → `[b, c]`.
pub fn spatial_mean<B: Backend>(map: Tensor<B, 4>) -> Tensor<B, 2> {
    let [batch, channels, ..] = map.dims();
    map.mean_dim(3).mean_dim(2).reshape([batch, channels])
}

/// `[b, c, y, x]` → `[b, c]`: the standard deviation over the pixels.
pub fn spatial_deviation<B: Backend>(map: Tensor<B, 4>) -> Tensor<B, 2> {
    let [batch, channels, rows, columns] = map.dims();
    let pixels = map.reshape([batch, channels, rows * columns]);
    let centred = pixels.clone() - pixels.mean_dim(2);
    let variance = (centred.clone() * centred).mean_dim(2);
    variance.sqrt().reshape([batch, channels])
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
