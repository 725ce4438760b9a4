//! Builds an ONNX graph, node by node. Every tensor has a name, and a node is named after the tensor that it gives. Knows
//! the format and no network.

use prost::Message;

use super::messages::{
    Attribute, Dimension, GraphProto, INTS, ModelProto, Node, OperatorSet, Shape, TensorProto, TensorType, Type,
    ValueInfo,
};
use crate::state_dict::Parameter;

/// The version of the file format; the one that came with [`OPERATORS`].
const IR_VERSION: i64 = 8;
/// The version of the operators.
const OPERATORS: i64 = 17;
/// ONNX's number for 32-bit floats.
pub(super) const FLOAT: i32 = 1;

/// The length of an axis of an input or output.
#[derive(Debug, Clone, Copy)]
pub enum Axis {
    /// Always the same.
    Fixed(usize),
    /// Whatever the caller brings, under a name that says what it counts.
    Named(&'static str),
}

/// A graph under way.
#[derive(Debug)]
pub struct Graph {
    graph: GraphProto,
}

impl Graph {
    /// An empty graph.
    pub fn new(name: &str) -> Self {
        Self {
            graph: GraphProto {
                name: name.into(),
                ..Default::default()
            },
        }
    }

    /// Adds an input of 32-bit floats.
    pub fn input(&mut self, name: &str, shape: &[Axis]) {
        self.graph.input.push(value_info(name, shape));
    }

    /// Makes a tensor that is there an output.
    pub fn output(&mut self, name: &str, shape: &[Axis]) {
        self.graph.output.push(value_info(name, shape));
    }

    /// Adds a constant tensor.
    pub fn parameter(&mut self, name: &str, parameter: &Parameter) {
        self.graph.initializer.push(TensorProto {
            name: name.into(),
            data_type: FLOAT,
            dims: parameter.shape.iter().map(|&length| length as i64).collect(),
            raw_data: parameter.values.iter().flat_map(|value| value.to_le_bytes()).collect(),
        });
    }

    /// Adds a node with lists of integers for attributes, and gives the name of its one output, which is the node's own.
    pub fn node(&mut self, operator: &str, name: &str, inputs: &[&str], attributes: &[(&str, &[i64])]) -> String {
        let attribute = |(name, values): &(&str, &[i64])| Attribute {
            name: (*name).into(),
            ints: values.to_vec(),
            kind: INTS,
        };
        self.graph.node.push(Node {
            operator: operator.into(),
            name: name.into(),
            inputs: inputs.iter().map(|&input| input.into()).collect(),
            outputs: vec![name.into()],
            attributes: attributes.iter().map(attribute).collect(),
        });
        name.into()
    }

    /// The file.
    pub fn into_bytes(self) -> Vec<u8> {
        let model = ModelProto {
            ir_version: IR_VERSION,
            producer: "glimpse".into(),
            graph: Some(self.graph),
            operators: vec![OperatorSet { version: OPERATORS }],
        };
        model.encode_to_vec()
    }
}

fn value_info(name: &str, shape: &[Axis]) -> ValueInfo {
    let axis = |axis: &Axis| match *axis {
        Axis::Fixed(length) => Dimension {
            length: Some(length as i64),
            name: None,
        },
        Axis::Named(name) => Dimension {
            length: None,
            name: Some(name.into()),
        },
    };
    let tensor = TensorType {
        element: FLOAT,
        shape: Some(Shape {
            axes: shape.iter().map(axis).collect(),
        }),
    };
    ValueInfo {
        name: name.into(),
        value_type: Some(Type { tensor: Some(tensor) }),
    }
}
