//! What ResNet-18's trunk consists of: its convolutions, in torchvision's variant and with its parameter names.
//!
//! A table, shared by everything that computes or checks the network; knows neither tensors nor backends.

/// Length of an embedding.
pub const EMBEDDING: usize = 512;

/// How many numbers [`Pooled`] holds.
pub const POOLED: usize = 64 + 128 + 256 + 2 * EMBEDDING;

/// Channels and side of the map after `layer2`.
pub const LAYER2: (usize, usize) = (128, 28);

/// Channels and side of the map after `layer3`.
pub const LAYER3: (usize, usize) = (256, 14);

/// What the network sees in one square: its maps, pooled over their pixels. Not normalised.
#[derive(Debug, Clone, PartialEq)]
pub struct Pooled {
    /// The spatial means of the maps after `layer1` … `layer4`: 64, 128, 256 and 512 numbers.
    pub means: [Vec<f32>; 4],
    /// The spatial standard deviations of the map after `layer4`, `[512]`: where the mean says how much of something
    /// there is, they say how concentrated.
    pub deviations: Vec<f32>,
}

impl Pooled {
    /// Layer 4's means, which are ResNet-18's embedding, `[512]`.
    pub fn embedding(&self) -> &[f32] {
        &self.means[3]
    }

    /// Layer 4's standard deviations, `[512]`.
    pub fn deviations(&self) -> &[f32] {
        &self.deviations
    }

    /// All of it in one piece, `[POOLED]`: what [`Pooled::from_row`] takes.
    pub fn to_row(&self) -> Vec<f32> {
        [self.means.concat(), self.deviations.clone()].concat()
    }

    /// Cuts `[POOLED]` numbers apart: the means layer by layer, then the deviations.
    pub fn from_row(mut row: &[f32]) -> Self {
        let mut take = |count: usize| {
            let (part, rest) = row.split_at(count);
            row = rest;
            part.to_vec()
        };
        Self {
            means: LAYERS.map(|(channels, _)| take(channels)),
            deviations: take(EMBEDDING),
        }
    }
}

/// What the network sees in one square, and where its last layer starts from.
#[derive(Debug, Clone, PartialEq)]
pub struct Seen {
    /// The pooled maps.
    pub pooled: Pooled,
    /// The map after `layer3`, `[256, 14, 14]`, row-major.
    pub layer3: Vec<f32>,
}

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

    /// Names and shapes of its folded parameters, the weight and the bias.
    pub fn parameters(&self) -> [(String, Vec<usize>); 2] {
        [
            (format!("{}.weight", self.name), self.shape().to_vec()),
            (format!("{}.bias", self.name), vec![self.outputs]),
        ]
    }
}

/// Output channels and first stride of `layer1` … `layer4`; each has two blocks.
const LAYERS: [(usize, usize); 4] = [(64, 1), (LAYER2.0, 2), (LAYER3.0, 2), (512, 2)];

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

/// The convolutions of `layer4`, in their order.
pub fn layer4_convolutions() -> Vec<Convolution> {
    let mut all = convolutions();
    all.retain(|convolution| convolution.name.starts_with("layer4."));
    all
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
