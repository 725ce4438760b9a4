//! Saved metrics: safetensors that say what they are. `weight` `[128, 512]` and `bias` `[128]` are the projection;
//! `objective` holds what the objective learnt itself, where it learns anything (the Siamese network: `[129]`, w then b).
//!
//! Metadata: `kind` = `glimpse-metric`, `version`, `method`, `inputs`, `outputs`, `network` (the network's identity,
//! without which a metric means nothing), and `trainedOn` as JSON ([`Provenance`]).

use std::{collections::HashMap, sync::Arc};

use safetensors::{Dtype, SafeTensors, tensor::TensorView};

use crate::{
    Error, Method, StateDict,
    architecture::EMBEDDING,
    cosine_metric::CosineMetric,
    learned_metric::LearnedMetric,
    metric::{Metric, OUTPUTS, Objective, Provenance},
    projection::Projection,
    siamese::Siamese,
    triplet::Triplet,
};

/// Says that a file holds a metric.
const KIND: &str = "glimpse-metric";
/// Another number where the meaning of the tensors has changed.
const VERSION: &str = "1";

impl LearnedMetric {
    /// The metric as a file. `network` is the identity of the one whose embeddings it learnt from.
    ///
    /// # Errors
    /// [`Error::MetricFile`] where a shape and its values disagree.
    pub fn to_safetensors(&self, network: &str) -> Result<Vec<u8>, Error> {
        let (projection, parameters) = (self.projection(), self.parameters());
        let mut tensors = vec![
            ("weight", vec![OUTPUTS, EMBEDDING], bytes(&projection.weight)),
            ("bias", vec![OUTPUTS], bytes(&projection.bias)),
        ];
        if !parameters.is_empty() {
            tensors.push(("objective", vec![parameters.len()], bytes(parameters)));
        }
        let mut views = Vec::with_capacity(tensors.len());
        for (name, shape, bytes) in &tensors {
            views.push((
                *name,
                TensorView::new(Dtype::F32, shape.clone(), bytes).map_err(unreadable)?,
            ));
        }
        let trained_on = serde_json::to_string(self.provenance()).map_err(unreadable)?;
        let metadata = [
            ("kind", KIND.into()),
            ("version", VERSION.into()),
            ("method", self.method().name().into()),
            ("inputs", EMBEDDING.to_string()),
            ("outputs", OUTPUTS.to_string()),
            ("network", network.into()),
            ("trainedOn", trained_on),
        ];
        let metadata = metadata.map(|(key, value)| (key.to_string(), value));
        safetensors::serialize(views, Some(HashMap::from(metadata))).map_err(unreadable)
    }

    /// Reads a file of [`LearnedMetric::to_safetensors`], to be used with the network of this SHA-256.
    ///
    /// # Errors
    /// [`Error::MetricFile`] where it is no metric, one of another version or size, cut off, or holds a value that is
    /// not a finite number; [`Error::MetricNetwork`] where it learnt from another network's embeddings.
    pub fn from_safetensors(file: &[u8], network: &str) -> Result<Self, Error> {
        let (_, header) = SafeTensors::read_metadata(file).map_err(unreadable)?;
        let metadata = header.metadata().clone().unwrap_or_default();
        let field = |key: &str| metadata.get(key).map_or("nothing", String::as_str);
        for (key, expected) in [
            ("kind", KIND),
            ("version", VERSION),
            ("inputs", &EMBEDDING.to_string()),
            ("outputs", &OUTPUTS.to_string()),
        ] {
            if field(key) != expected {
                return Err(fault(format!("its {key} is {}, expected {expected}", field(key))));
            }
        }
        let provenance: Provenance = serde_json::from_str(field("trainedOn")).map_err(unreadable)?;
        let tensors = StateDict::from_safetensors(file).map_err(unreadable)?;
        let metric = match field("method").parse() {
            Ok(Method::Siamese) => read::<Siamese>(&tensors, provenance),
            Ok(Method::Triplet) => read::<Triplet>(&tensors, provenance),
            Ok(Method::CosineMetric) => read::<CosineMetric>(&tensors, provenance),
            _ => Err(fault(format!(
                "its method is {}, expected siamese, triplet or cosine-metric",
                field("method")
            ))),
        }?;
        match field("network") == network {
            true => Ok(metric),
            false => Err(Error::MetricNetwork {
                expected: field("network").into(),
                got: network.into(),
            }),
        }
    }
}

/// The tensors of a metric that was trained for this objective.
fn read<O: Objective>(tensors: &StateDict, provenance: Provenance) -> Result<LearnedMetric, Error> {
    let values = |name: &str, shape: &[usize]| match tensors.get(name, shape) {
        Ok(parameter) => Ok(parameter.values.clone()),
        Err(Error::WeightsMissingTensor { .. }) => Err(fault(format!("it lacks `{name}`"))),
        Err(Error::WeightsShape { expected, got, .. }) => {
            Err(fault(format!("`{name}` has shape {got:?}, expected {expected:?}")))
        }
        Err(_) => Err(fault(format!("`{name}` holds a value that is not a finite number"))),
    };
    let parameters = match O::PARAMETERS {
        0 => Vec::new(),
        count => values("objective", &[count])?,
    };
    Ok(O::learned(Metric {
        projection: Arc::new(Projection {
            weight: values("weight", &[OUTPUTS, EMBEDDING])?,
            bias: values("bias", &[OUTPUTS])?,
        }),
        objective: O::from_parameters(parameters),
        provenance,
    }))
}

fn bytes(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

fn fault(reason: String) -> Error {
    Error::MetricFile { reason }
}

fn unreadable(error: impl ToString) -> Error {
    fault(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{learning::Learning, metric::tests::trainer};

    fn metric<O: Objective>() -> LearnedMetric {
        let mut trainer = trainer::<O>();
        trainer.step();
        trainer.learned_metric().unwrap()
    }

    fn assert_round_trips<O: Objective>() {
        let metric = metric::<O>();
        let file = metric.to_safetensors("abc").unwrap();
        let read = LearnedMetric::from_safetensors(&file, "abc").unwrap();
        assert_eq!(read, metric);
        assert_eq!(read.method(), O::METHOD);
        assert_eq!((read.provenance().classes, read.provenance().images), (3, 6));
    }

    #[test]
    fn round_trips() {
        assert_round_trips::<Siamese>();
        assert_round_trips::<Triplet>();
        assert_round_trips::<CosineMetric>();
    }

    fn refused(bytes: &[u8]) -> String {
        let error = LearnedMetric::from_safetensors(bytes, "abc").unwrap_err();
        assert_eq!(error.code(), "metric-file");
        error.to_string()
    }

    #[test]
    fn faults_are_named() {
        let whole = metric::<Siamese>().to_safetensors("abc").unwrap();
        refused(b"no safetensors");
        refused(&whole[..whole.len() / 2]);
        let text = refused(&safetensors::serialize(Vec::<(&str, TensorView)>::new(), None).unwrap());
        assert!(text.contains("kind is nothing"), "{text}");
        let patched = |from: &str, to: &str| {
            let place = whole.windows(from.len()).position(|part| part == from.as_bytes());
            let mut file = whole.clone();
            file[place.unwrap()..][..to.len()].copy_from_slice(to.as_bytes());
            refused(&file)
        };
        assert!(patched("\"siamese\"", "\"nearest\"").contains("nearest"));
        assert!(patched("\"objective\"", "\"xbjective\"").contains("lacks `objective`"));
        let LearnedMetric::Siamese(mut broken) = metric::<Siamese>() else {
            panic!("a Siamese network was trained");
        };
        broken.objective = Siamese::from_parameters(vec![f32::NAN; Siamese::PARAMETERS]);
        let broken = LearnedMetric::Siamese(broken).to_safetensors("abc").unwrap();
        assert!(refused(&broken).contains("`objective`"));
    }

    #[test]
    fn another_network_is_refused() {
        let file = metric::<Triplet>().to_safetensors("abc").unwrap();
        let error = LearnedMetric::from_safetensors(&file, "xyz").unwrap_err();
        assert_eq!(error.code(), "metric-network");
        assert!(error.to_string().contains("abc") && error.to_string().contains("xyz"));
    }
}
