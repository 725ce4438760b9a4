//! Classifiers as nodes: from what the trunk sees in one view to the probability of each class. The same arithmetic as
//! [`Classifier::probabilities`] has, in the operators that ONNX knows. Vectors are rows: `[n, length]`.

use super::{
    OUTPUT, PROBABILITIES,
    graph::{
        Graph,
        Setting::{self, Int, Ints},
    },
    trunk::Seen,
};
use crate::{
    Classifier, Head,
    features::{Features, Space, Task},
    head::DEFAULT_SCALE,
    siamese::Comparison,
    state_dict::Parameter,
};

/// Keeps lengths away from 0 in divisions.
const LEAST_LENGTH: f32 = 1e-12;

/// What a classifier multiplies similarities by; `None` where it compares by something else.
pub fn scale(classifier: &Classifier) -> Option<f32> {
    match classifier {
        Classifier::Linear { head, .. } | Classifier::Tuned { head, .. } => Some(head.scale),
        Classifier::Nearest(_) => Some(DEFAULT_SCALE),
        // Of vectors of length 1: −|x − q|² = 2 x · q − 2, and softmax does not see what is taken from all.
        Classifier::Triplet(_) => Some(2.0 * DEFAULT_SCALE),
        Classifier::Siamese(_) => None,
    }
}

/// Writes the nodes to [`PROBABILITIES`].
pub fn write(graph: &mut Graph, seen: &Seen, classifier: &Classifier) {
    graph.parameter("least_length", &list(&[LEAST_LENGTH]));
    let scale = scale(classifier).map(|scale| graph.parameter("scale", &list(&[scale])));
    let mut writer = Writer { graph, seen };
    let logits = match classifier {
        Classifier::Linear { space, head } | Classifier::Tuned { space, head, .. } => writer.rows(space, head),
        Classifier::Nearest(nearest) => writer.most_similar(nearest.task()),
        Classifier::Triplet(nearest) => writer.most_similar(nearest.task()),
        Classifier::Siamese(comparison) => writer.most_alike(comparison),
    };
    let logits = match scale {
        Some(scale) => writer.node("Mul", "scaled", &[&logits, &scale], &[]),
        None => logits,
    };
    let logits = match classifier {
        Classifier::Linear { head, .. } | Classifier::Tuned { head, .. } => {
            let bias = writer.graph.parameter("head.bias", &list(&head.bias));
            writer.node("Add", "biased", &[&logits, &bias], &[])
        }
        _ => logits,
    };
    writer.node("Softmax", PROBABILITIES, &[&logits], &[("axis", Int(1))]);
}

/// Writes nodes. Every method takes and gives names of tensors.
struct Writer<'a> {
    graph: &'a mut Graph,
    seen: &'a Seen,
}

impl Writer<'_> {
    /// wᵢ · q, `[n, n_way]`.
    fn rows(&mut self, space: &Space, head: &Head) -> String {
        let query = self.query(space);
        let weight = self.graph.parameter("head.weight", &matrix(&head.weight));
        self.product("similarities", &query, &weight)
    }

    /// The largest of x · q over each class's shots x, `[n, n_way]`.
    fn most_similar(&mut self, task: &Task) -> String {
        let query = self.query(&task.space);
        self.largest(task, |writer, name, shots| {
            writer.product(&format!("{name}.similarities"), &query, shots)
        })
    }

    /// The largest of w · |x − q| over each class's shots x, `[n, n_way]`. The bias is the same for all, and softmax does
    /// not see it.
    fn most_alike(&mut self, comparison: &Comparison) -> String {
        let query = self.query(&comparison.task().space);
        let axes = self.graph.integers("shots_axis", &[1]);
        let query = self.node("Unsqueeze", "query.row", &[&query, &axes], &[]);
        let weight = Parameter {
            shape: vec![comparison.weight().len(), 1],
            values: comparison.weight().to_vec(),
        };
        let weight = self.graph.parameter("siamese.weight", &weight);
        self.largest(comparison.task(), |writer, name, shots| {
            let difference = writer.node("Sub", &format!("{name}.difference"), &[&query, shots], &[]);
            let distance = writer.node("Abs", &format!("{name}.distance"), &[&difference], &[]);
            let logits = writer.node("MatMul", &format!("{name}.logits"), &[&distance, &weight], &[]);
            writer.node("Flatten", &format!("{name}.flat"), &[&logits], &[])
        })
    }

    /// The largest number of every class, side by side: `compare` gives a class's numbers `[n, shots]` from its name and
    /// its shots `[shots, length]`.
    fn largest(&mut self, task: &Task, compare: impl Fn(&mut Self, &str, &str) -> String) -> String {
        let mut columns = Vec::with_capacity(task.shots.len());
        for (class, shots) in task.shots.iter().enumerate() {
            let name = format!("class{class}");
            let shots = self.graph.parameter(&format!("{name}.shots"), &matrix(shots));
            let numbers = compare(self, &name, &shots);
            let axes: [(&str, Setting); 1] = [("axes", Ints(&[1]))];
            columns.push(self.node("ReduceMax", &format!("{name}.largest"), &[&numbers], &axes));
        }
        let columns: Vec<&str> = columns.iter().map(String::as_str).collect();
        self.node("Concat", "largest", &columns, &[("axis", Int(1))])
    }

    /// q, where a space looks at it: as [`Space::of`], from one view.
    fn query(&mut self, space: &Space) -> String {
        let features = self.features(space.features());
        if let Some(projection) = space.projection() {
            let weight = Parameter {
                shape: vec![projection.outputs(), projection.inputs()],
                values: projection.weight.clone(),
            };
            let weight = self.graph.parameter("metric.weight", &weight);
            let bias = self.graph.parameter("metric.bias", &list(&projection.bias));
            let inputs = [&features, &weight, &bias].map(String::as_str);
            let projected = self.node("Gemm", "metric", &inputs, &[("transB", Int(1))]);
            return self.unit("query", &projected);
        }
        if space.origin().is_empty() {
            return features;
        }
        let origin = self.graph.parameter("origin", &list(space.origin()));
        let moved = self.node("Sub", "moved", &[&features, &origin], &[]);
        self.unit("query", &moved)
    }

    /// As [`Features::of`], from one view: the mean over views is then the view itself.
    fn features(&mut self, features: Features) -> String {
        match features {
            Features::Embedding | Features::Averaged => self.unit("features", OUTPUT),
            Features::Pooled => {
                let deviations = self.deviations();
                let pooled = self.node("Concat", "pooled", &[OUTPUT, &deviations], &[("axis", Int(1))]);
                let roots = self.node("Sqrt", "roots", &[&pooled], &[]);
                self.unit("features", &roots)
            }
        }
    }

    /// The spatial standard deviations of layer 4's map, `[n, 512]`.
    fn deviations(&mut self) -> String {
        let (map, means) = (&self.seen.map, &self.seen.means);
        let centred = self.graph.node("Sub", "centred", &[map, means], &[]);
        let squares = self.node("Mul", "squares", &[&centred, &centred], &[]);
        let variance = self.node("GlobalAveragePool", "variance", &[&squares], &[]);
        let deviations = self.node("Sqrt", "deviations.map", &[&variance], &[]);
        self.node("Flatten", "deviations", &[&deviations], &[])
    }

    /// Rows at length 1.
    fn unit(&mut self, name: &str, rows: &str) -> String {
        let length = self.node("ReduceL2", &format!("{name}.length"), &[rows], &[("axes", Ints(&[1]))]);
        let length = self.node("Max", &format!("{name}.divisor"), &[&length, "least_length"], &[]);
        self.node("Div", name, &[rows, &length], &[])
    }

    /// Every row of one with every row of the other.
    fn product(&mut self, name: &str, rows: &str, with: &str) -> String {
        self.node("Gemm", name, &[rows, with], &[("transB", Int(1))])
    }

    fn node(&mut self, operator: &str, name: &str, inputs: &[&str], settings: &[(&str, Setting)]) -> String {
        self.graph.node(operator, name, inputs, settings)
    }
}

fn list(values: &[f32]) -> Parameter {
    Parameter {
        shape: vec![values.len()],
        values: values.to_vec(),
    }
}

fn matrix(rows: &[Vec<f32>]) -> Parameter {
    Parameter {
        shape: vec![rows.len(), rows.first().map_or(0, Vec::len)],
        values: rows.concat(),
    }
}
