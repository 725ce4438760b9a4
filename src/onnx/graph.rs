//! Builds an ONNX graph, node by node. Every tensor has a name, and a node is named after the tensor that it gives. Knows
//! the format and no network.

use prost::Message;

use super::messages::{
    Attribute, Dimension, Entry, GraphProto, INT, INTS, ModelProto, Node, OperatorSet, Shape, TensorProto, TensorType,
    Type, ValueInfo,
};
use crate::state_dict::Parameter;

/// The version of the file format; the one that came with [`OPERATORS`].
const IR_VERSION: i64 = 8;
/// The version of the operators.
const OPERATORS: i64 = 17;
/// ONNX's number for 32-bit floats.
pub(super) const FLOAT: i32 = 1;
/// ONNX's number for 64-bit integers.
const INT64: i32 = 7;

/// The length of an axis of an input or output.
#[derive(Debug, Clone, Copy)]
pub enum Axis {
    /// Always the same.
    Fixed(usize),
    /// Whatever the caller brings, under a name that says what it counts.
    Named(&'static str),
}

/// A setting of a node.
#[derive(Debug, Clone, Copy)]
pub enum Setting<'a> {
    /// A number.
    Int(i64),
    /// A list of numbers.
    Ints(&'a [i64]),
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

    /// Adds a constant tensor of 32-bit floats, and gives its name.
    pub fn parameter(&mut self, name: &str, parameter: &Parameter) -> String {
        let mut bytes = Vec::with_capacity(4 * parameter.values.len());
        for value in &parameter.values {
            bytes.extend_from_slice(&value.to_le_bytes());
        }
        self.tensor(name, FLOAT, &parameter.shape, bytes)
    }

    /// Adds a constant list of integers, and gives its name.
    pub fn integers(&mut self, name: &str, values: &[i64]) -> String {
        let bytes = values.iter().flat_map(|value| value.to_le_bytes());
        self.tensor(name, INT64, &[values.len()], bytes.collect())
    }

    fn tensor(&mut self, name: &str, kind: i32, shape: &[usize], raw_data: Vec<u8>) -> String {
        self.graph.initializer.push(TensorProto {
            name: name.into(),
            data_type: kind,
            dims: shape.iter().map(|&length| length as i64).collect(),
            raw_data,
        });
        name.into()
    }

    /// Adds a node, and gives the name of its one output, which is the node's own.
    pub fn node(&mut self, operator: &str, name: &str, inputs: &[&str], settings: &[(&str, Setting)]) -> String {
        let attribute = |(name, setting): &(&str, Setting)| {
            let (int, ints, kind) = match setting {
                Setting::Int(value) => (*value, Vec::new(), INT),
                Setting::Ints(values) => (0, values.to_vec(), INTS),
            };
            Attribute {
                name: (*name).into(),
                int,
                ints,
                kind,
            }
        };
        self.graph.node.push(Node {
            operator: operator.into(),
            name: name.into(),
            inputs: inputs.iter().map(|&input| input.into()).collect(),
            outputs: vec![name.into()],
            attributes: settings.iter().map(attribute).collect(),
        });
        name.into()
    }

    /// The file, with a description for people and metadata for programs.
    pub fn into_bytes(self, description: String, metadata: Vec<(&str, String)>) -> Vec<u8> {
        let entry = |(key, value): (&str, String)| Entry { key: key.into(), value };
        let model = ModelProto {
            ir_version: IR_VERSION,
            producer: "glimpse".into(),
            description,
            graph: Some(self.graph),
            operators: vec![OperatorSet { version: OPERATORS }],
            metadata: metadata.into_iter().map(entry).collect(),
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
