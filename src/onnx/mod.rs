//! The network as an ONNX file, for every runtime that reads that format: the trunk with its BatchNorm folded away, from a
//! normalised photo to its embedding.
//!
//! `[n, 3, 224, 224]` → `[n, 512]`, both of 32-bit floats. Parameters keep torchvision's names.
//!
//! | file | what it is |
//! |---|---|
//! | `graph.rs` | builds a graph, node by node; knows no network |
//! | `messages.rs` | the part of ONNX's protobuf schema that is written here |

mod graph;
mod messages;

use self::graph::{Axis, Graph};
use crate::{
    Error, StateDict,
    architecture::{Convolution, EMBEDDING, convolutions},
    square::SIDE,
};

/// Name of the model's input.
pub const INPUT: &str = "input";
/// Name of the model's output.
pub const OUTPUT: &str = "embedding";

/// Writes the trunk, from torchvision's state dict, folded or not.
///
/// # Errors
/// Those of [`StateDict::folded_trunk`].
pub fn backbone(state_dict: &StateDict) -> Result<Vec<u8>, Error> {
    let convolutions = convolutions();
    let mut graph = Graph::new("resnet18");
    for (name, parameter) in state_dict.folded_trunk(&convolutions)?.iter() {
        graph.parameter(name, parameter);
    }
    let batch = Axis::Named("n");
    graph.input(INPUT, &[batch, Axis::Fixed(3), Axis::Fixed(SIDE), Axis::Fixed(SIDE)]);
    Trunk {
        graph: &mut graph,
        convolutions: &convolutions,
    }
    .write();
    graph.output(OUTPUT, &[batch, Axis::Fixed(EMBEDDING)]);
    Ok(graph.into_bytes())
}

/// Writes the nodes of the trunk.
struct Trunk<'a> {
    graph: &'a mut Graph,
    convolutions: &'a [Convolution],
}

impl Trunk<'_> {
    /// From [`INPUT`] to [`OUTPUT`]. Every method takes and gives the name of a tensor.
    fn write(&mut self) {
        let stem = self.convolution("conv1", INPUT);
        let stem = self.relu("relu", &stem);
        let mut map = self.graph.node(
            "MaxPool",
            "maxpool",
            &[&stem],
            &[("kernel_shape", &[3, 3]), ("strides", &[2, 2]), ("pads", &[1; 4])],
        );
        for layer in 1..=4 {
            for block in 0..2 {
                map = self.block(&format!("layer{layer}.{block}"), &map);
            }
        }
        let pooled = self.graph.node("GlobalAveragePool", "avgpool", &[&map], &[]);
        self.graph.node("Flatten", OUTPUT, &[&pooled], &[]);
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
                ("kernel_shape", &[kernel; 2]),
                ("strides", &[stride; 2]),
                ("pads", &[kernel / 2; 4]),
            ],
        )
    }

    fn find(&self, name: &str) -> Option<&Convolution> {
        self.convolutions.iter().find(|convolution| convolution.name == name)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use prost::Message;

    use super::{
        messages::{Dimension, ModelProto, Node, TensorProto, ValueInfo},
        *,
    };
    use crate::{
        Square, cpu,
        cpu::naive::{Reference, assert_close},
        untrained,
    };

    fn model() -> ModelProto {
        let file = backbone(&untrained::state_dict(1)).unwrap();
        ModelProto::decode(file.as_slice()).unwrap()
    }

    fn axes(value: &ValueInfo) -> Vec<Dimension> {
        let tensor = value.value_type.clone().unwrap().tensor.unwrap();
        assert_eq!(tensor.element, graph::FLOAT);
        tensor.shape.unwrap().axes
    }

    fn values(tensor: &TensorProto) -> Vec<f32> {
        let values = tensor.raw_data.as_chunks().0.iter().copied().map(f32::from_le_bytes);
        let values: Vec<f32> = values.collect();
        assert_eq!(
            values.len() as i64,
            tensor.dims.iter().product::<i64>(),
            "{}",
            tensor.name
        );
        values
    }

    #[test]
    fn input_and_output_have_a_free_batch() {
        let graph = model().graph.unwrap();
        let named = Dimension {
            length: None,
            name: Some("n".into()),
        };
        let fixed = |length| Dimension {
            length: Some(length),
            name: None,
        };
        assert_eq!(graph.input.len(), 1);
        assert_eq!(graph.input[0].name, "input");
        assert_eq!(axes(&graph.input[0]), [named.clone(), fixed(3), fixed(224), fixed(224)]);
        assert_eq!(graph.output.len(), 1);
        assert_eq!(graph.output[0].name, "embedding");
        assert_eq!(axes(&graph.output[0]), [named, fixed(512)]);
    }

    #[test]
    fn another_network_is_refused() {
        let error = backbone(&StateDict::default()).unwrap_err();
        assert_eq!(error.code(), "weights-missing-tensor");
    }

    /// Computes the graph as plain sums, node by node, and compares with the network itself.
    #[test]
    fn the_graph_computes_the_embedding() {
        let graph = model().graph.unwrap();
        let square = Square::test_pattern();
        let mut tensors = HashMap::from([(INPUT.to_owned(), Reference::new(&square.normalised(), SIDE))]);
        for node in &graph.node {
            let output = compute(node, &tensors, &graph.initializer);
            assert!(
                tensors.insert(node.outputs[0].clone(), output).is_none(),
                "{} twice",
                node.name
            );
        }
        let pooled = cpu::Trunk::load(&untrained::state_dict(1)).unwrap().pooled(&[square]);
        assert_close(pooled[0].embedding(), &tensors[OUTPUT].values);
    }

    fn compute(node: &Node, tensors: &HashMap<String, Reference>, parameters: &[TensorProto]) -> Reference {
        let input = &tensors[&node.inputs[0]];
        let parameter = |index: usize| {
            let tensor = parameters.iter().find(|tensor| tensor.name == node.inputs[index]);
            values(tensor.unwrap())
        };
        let ints = |name: &str| {
            let attribute = node.attributes.iter().find(|attribute| attribute.name == name).unwrap();
            assert_eq!(attribute.kind, messages::INTS);
            attribute.ints.clone()
        };
        match node.operator.as_str() {
            "Conv" => {
                let (kernel, stride) = (ints("kernel_shape")[0], ints("strides")[0]);
                assert_eq!(ints("pads"), [kernel / 2; 4]);
                input.convolution(&parameter(1), &parameter(2), kernel as usize, stride as usize)
            }
            "MaxPool" => {
                assert_eq!([ints("kernel_shape"), ints("strides")], [[3, 3], [2, 2]]);
                assert_eq!(ints("pads"), [1; 4]);
                input.max_pool()
            }
            "Relu" => input.clone().relu(),
            "Add" => input.clone().plus(&tensors[&node.inputs[1]].values),
            "GlobalAveragePool" => input.mean(),
            "Flatten" => input.clone(),
            other => panic!("{other} is no operator of the trunk"),
        }
    }
}
