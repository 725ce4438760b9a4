//! ResNet-18's trunk as nodes: from a normalised photo to its embedding, with BatchNorm folded away.

use super::{
    INPUT, OUTPUT,
    graph::{Graph, Setting},
};
use crate::architecture::Convolution;

/// What the trunk leaves to whatever comes after it: names of tensors.
pub struct Seen {
    /// The map after layer 4, `[n, 512, 7, 7]`.
    pub map: String,
    /// Its spatial means, `[n, 512, 1, 1]`.
    pub means: String,
}

/// Writes the trunk, from [`INPUT`] to [`OUTPUT`]. Its parameters are there under torchvision's names.
pub fn write(graph: &mut Graph, convolutions: &[Convolution]) -> Seen {
    Trunk { graph, convolutions }.write()
}

/// Writes the nodes of the trunk. Every method takes and gives the name of a tensor.
struct Trunk<'a> {
    graph: &'a mut Graph,
    convolutions: &'a [Convolution],
}

impl Trunk<'_> {
    fn write(&mut self) -> Seen {
        let stem = self.convolution("conv1", INPUT);
        let stem = self.relu("relu", &stem);
        let mut map = self.graph.node(
            "MaxPool",
            "maxpool",
            &[&stem],
            &[
                ("kernel_shape", Setting::Ints(&[3, 3])),
                ("strides", Setting::Ints(&[2, 2])),
                ("pads", Setting::Ints(&[1; 4])),
            ],
        );
        for layer in 1..=4 {
            for block in 0..2 {
                map = self.block(&format!("layer{layer}.{block}"), &map);
            }
        }
        let means = self.graph.node("GlobalAveragePool", "avgpool", &[&map], &[]);
        self.graph.node("Flatten", OUTPUT, &[&means], &[]);
        Seen { map, means }
    }

    fn block(&mut self, name: &str, input: &str) -> String {
        let hidden = self.convolution(&format!("{name}.conv1"), input);
        let hidden = self.relu(&format!("{name}.relu1"), &hidden);
        let sum = self.convolution(&format!("{name}.conv2"), &hidden);
        let downsample = format!("{name}.downsample.0");
        let around = match self.find(&downsample) {
            Some(_) => self.convolution(&downsample, input),
            None => input.to_owned(),
        };
        let sum = self.graph.node("Add", &format!("{name}.add"), &[&sum, &around], &[]);
        self.relu(&format!("{name}.relu2"), &sum)
    }

    fn relu(&mut self, name: &str, input: &str) -> String {
        self.graph.node("Relu", name, &[input], &[])
    }

    fn convolution(&mut self, name: &str, input: &str) -> String {
        let convolution = self.find(name).expect("the table has every convolution of the trunk");
        let (kernel, stride) = (convolution.kernel as i64, convolution.stride as i64);
        let [(weight, _), (bias, _)] = convolution.parameters();
        self.graph.node(
            "Conv",
            name,
            &[input, &weight, &bias],
            &[
                ("kernel_shape", Setting::Ints(&[kernel; 2])),
                ("strides", Setting::Ints(&[stride; 2])),
                ("pads", Setting::Ints(&[kernel / 2; 4])),
            ],
        )
    }

    fn find(&self, name: &str) -> Option<&Convolution> {
        self.convolutions.iter().find(|convolution| convolution.name == name)
    }
}
