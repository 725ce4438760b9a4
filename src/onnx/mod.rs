//! Networks as ONNX files, for every runtime that reads that format: the trunk alone, from a normalised photo to its
//! embedding, or a whole classifier, from the photo to the probability of each class.
//!
//! `input` `[n, 3, 224, 224]` → `embedding` `[n, 512]` and, of a classifier, `probabilities` `[n, n_way]`, all of 32-bit
//! floats. Parameters of the trunk keep torchvision's names. A classifier looks at one view of a photo, where the page and
//! the command line look at eight; which view is up to the caller, and so is what becomes of several. "None of these" is
//! not in the file.
//!
//! The file's metadata say what it is: `network` (the network's identity), `preprocessing` (JSON, as in the manifest),
//! `weights-source`, `weights-licence`, `weights-redistributable` (`true` or `false`), and of a classifier `method`,
//! `classes` (a JSON array of names, in the order of the probabilities), `scale` (where similarities are multiplied by one)
//! and `views` (`1`).
//!
//! | file | what it is |
//! |---|---|
//! | `trunk.rs` | from the photo to layer 4's map and its means |
//! | `head.rs` | from there to probabilities, whatever the method |
//! | `graph.rs` | builds a graph, node by node; knows no network |
//! | `messages.rs` | the part of ONNX's protobuf schema that is written here |

mod graph;
mod head;
mod messages;
mod trunk;

use self::graph::{Axis, Graph};
use crate::{
    Classifier, Error, Method, StateDict,
    architecture::{EMBEDDING, convolutions},
    manifest::{Origin, Preprocessing},
    square::SIDE,
};

/// Name of the model's input.
pub const INPUT: &str = "input";
/// Name of the output that every file has.
pub const OUTPUT: &str = "embedding";
/// Name of the output that a classifier has too.
pub const PROBABILITIES: &str = "probabilities";

/// What is told of a network in its file.
#[derive(Debug, Clone, Copy)]
pub struct About<'a> {
    /// The network's identity.
    pub network: &'a str,
    /// Where its weights came from, and what may be done with them.
    pub origin: &'a Origin,
}

/// A classifier, and what is told of it.
#[derive(Debug, Clone, Copy)]
pub struct Named<'a> {
    /// What it does.
    pub classifier: &'a Classifier,
    /// How it was trained.
    pub method: Method,
    /// Names of its classes, in its order, `[n_way]`.
    pub classes: &'a [String],
}

/// Writes the trunk, from torchvision's state dict, folded or not.
///
/// # Errors
/// Those of [`StateDict::folded_trunk`].
pub fn backbone(network: StateDict, about: &About) -> Result<Vec<u8>, Error> {
    let mut graph = Graph::new("resnet18");
    write_trunk(&mut graph, network, None)?;
    output_embedding(&mut graph);
    let what = "ResNet-18: from a photo to its embedding.";
    Ok(graph.into_bytes(description(what, about.origin), metadata(about)?))
}

/// Writes the trunk and a classifier on it.
///
/// # Errors
/// Those of [`StateDict::folded_trunk`].
pub fn classifier(network: StateDict, about: &About, named: &Named) -> Result<Vec<u8>, Error> {
    let mut graph = Graph::new("classifier");
    let tuned = named.classifier.tuned().map(|tuned| tuned.parameters());
    let seen = write_trunk(&mut graph, network, tuned)?;
    head::write(&mut graph, &seen, named.classifier);
    graph.output(PROBABILITIES, &[BATCH, Axis::Fixed(named.classes.len())]);
    output_embedding(&mut graph);
    let mut all = metadata(about)?;
    all.push(("method", named.method.name().into()));
    all.push(("classes", json(named.classes)?));
    all.extend(head::scale(named.classifier).map(|scale| ("scale", scale.to_string())));
    all.push(("views", "1".into()));
    let what = "A classifier of photos: from one view of a photo to the probability of each class, in the order of \
                `classes`. Means over several views are the caller's.";
    Ok(graph.into_bytes(description(what, about.origin), all))
}

/// The first axis of inputs and outputs.
const BATCH: Axis = Axis::Named("n");

/// Input and trunk. Parameters that were tuned take the place of the network's own.
fn write_trunk(graph: &mut Graph, network: StateDict, tuned: Option<&StateDict>) -> Result<trunk::Seen, Error> {
    let convolutions = convolutions();
    let mut folded = network.folded_trunk(&convolutions)?;
    drop(network);
    for (name, parameter) in tuned.into_iter().flat_map(StateDict::iter) {
        folded.insert(name, parameter.clone());
    }
    for (name, parameter) in folded.into_parameters() {
        graph.parameter(&name, &parameter);
    }
    graph.input(INPUT, &[BATCH, Axis::Fixed(3), Axis::Fixed(SIDE), Axis::Fixed(SIDE)]);
    Ok(trunk::write(graph, &convolutions))
}

fn output_embedding(graph: &mut Graph) {
    graph.output(OUTPUT, &[BATCH, Axis::Fixed(EMBEDDING)]);
}

/// For people: what the file does, what goes in, and what may be done with it.
fn description(what: &str, origin: &Origin) -> String {
    let Origin { source, licence, .. } = origin;
    let input = "`input` is RGB, 224 × 224, values of 0 to 1, minus the mean and divided by the deviation of each channel; \
                 see `preprocessing`.";
    let passed_on = match origin.redistributable {
        true => "The weights in this file may be passed on under their licence",
        false => "The weights in this file may not be redistributed",
    };
    format!("{what} {input} {passed_on} (from: {source}; licence: {licence}).")
}

/// For programs: what is said of every file.
fn metadata(about: &About) -> Result<Vec<(&'static str, String)>, Error> {
    let Origin {
        source,
        licence,
        redistributable,
    } = about.origin;
    Ok(vec![
        ("network", about.network.into()),
        ("preprocessing", json(&Preprocessing::default())?),
        ("weights-source", source.clone()),
        ("weights-licence", licence.clone()),
        ("weights-redistributable", redistributable.to_string()),
    ])
}

fn json<T: serde::Serialize + ?Sized>(value: &T) -> Result<String, Error> {
    serde_json::to_string(value).map_err(|error| Error::Model {
        reason: error.to_string(),
    })
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

    fn backbone(network: StateDict) -> Result<Vec<u8>, Error> {
        let about = About {
            network: "abc",
            origin: &Origin::unknown("somewhere"),
        };
        super::backbone(network, &about)
    }

    fn model() -> ModelProto {
        let file = backbone(untrained::state_dict(1)).unwrap();
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
        let error = backbone(StateDict::default()).unwrap_err();
        assert_eq!(error.code(), "weights-missing-tensor");
    }

    #[test]
    fn files_say_what_they_are() {
        let model = model();
        let said = |key: &str| {
            let entry = model.metadata.iter().find(|entry| entry.key == key);
            entry.unwrap().value.clone()
        };
        assert_eq!(
            (said("network"), said("weights-source")),
            ("abc".into(), "somewhere".into())
        );
        assert_eq!(said("weights-redistributable"), "false");
        assert!(said("preprocessing").contains("0.485"));
        assert!(
            model.description.contains("may not be redistributed"),
            "{}",
            model.description
        );
        let free = Origin {
            source: "somewhere".into(),
            licence: "CC0-1.0".into(),
            redistributable: true,
        };
        let description = description("What it is.", &free);
        assert!(
            description.contains("may be passed on") && description.contains("CC0-1.0"),
            "{description}"
        );
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
        let pooled = cpu::Trunk::load(untrained::state_dict(1)).unwrap().pooled(&[square]);
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
