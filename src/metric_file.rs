//! Saved metrics: safetensors that say what they are. `weight` `[128, 512]` and `bias` `[128]` are the projection;
//! `objective` holds what the objective learnt itself, where it learns anything (the Siamese network: `[129]`, w then b).
//!
//! Metadata: `kind` = `glimpse-metric`, `version`, `method`, `inputs`, `outputs`, and `trainedOn` as JSON
//! ([`Provenance`]).

use std::{collections::HashMap, sync::Arc};

use safetensors::{Dtype, SafeTensors, tensor::TensorView};

use crate::{
    Error, StateDict,
    architecture::EMBEDDING,
    metric::{Metric, OUTPUTS, Objective, Provenance},
    projection::Projection,
};

/// Says that a file holds a metric.
const KIND: &str = "glimpse-metric";
/// Another number where the meaning of the tensors has changed.
const VERSION: &str = "1";

impl<O: Objective> Metric<O> {
    /// The metric as a file.
    ///
    /// # Errors
    /// [`Error::MetricFile`] where a shape and its values disagree.
    pub fn to_safetensors(&self) -> Result<Vec<u8>, Error> {
        let mut tensors = vec![
            ("weight", vec![OUTPUTS, EMBEDDING], bytes(&self.projection.weight)),
            ("bias", vec![OUTPUTS], bytes(&self.projection.bias)),
        ];
        if O::PARAMETERS > 0 {
            tensors.push(("objective", vec![O::PARAMETERS], bytes(self.objective.parameters())));
        }
        let mut views = Vec::with_capacity(tensors.len());
        for (name, shape, bytes) in &tensors {
            views.push((
                *name,
                TensorView::new(Dtype::F32, shape.clone(), bytes).map_err(unreadable)?,
            ));
        }
        let trained_on = serde_json::to_string(&self.provenance).map_err(unreadable)?;
        let metadata = [
            ("kind", KIND.into()),
            ("version", VERSION.into()),
            ("method", O::METHOD.name().into()),
            ("inputs", EMBEDDING.to_string()),
            ("outputs", OUTPUTS.to_string()),
            ("trainedOn", trained_on),
        ];
        let metadata = metadata.map(|(key, value)| (key.to_string(), value));
        safetensors::serialize(views, Some(HashMap::from(metadata))).map_err(unreadable)
    }

    /// Reads a file of [`Metric::to_safetensors`].
    ///
    /// # Errors
    /// [`Error::MetricFile`] where it is no metric, one of another method, version or size, cut off, or holds a value
    /// that is not a finite number.
    pub fn from_safetensors(bytes: &[u8]) -> Result<Self, Error> {
        let (_, header) = SafeTensors::read_metadata(bytes).map_err(unreadable)?;
        let metadata = header.metadata().clone().unwrap_or_default();
        let field = |key: &str| metadata.get(key).map_or("nothing", String::as_str);
        for (key, expected) in [
            ("kind", KIND),
            ("version", VERSION),
            ("method", O::METHOD.name()),
            ("inputs", &EMBEDDING.to_string()),
            ("outputs", &OUTPUTS.to_string()),
        ] {
            if field(key) != expected {
                return Err(Error::MetricFile {
                    reason: format!("its {key} is {}, expected {expected}", field(key)),
                });
            }
        }
        let provenance: Provenance = serde_json::from_str(field("trainedOn")).map_err(unreadable)?;
        let tensors = StateDict::from_safetensors(bytes).map_err(unreadable)?;
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
        Ok(Self {
            projection: Arc::new(Projection {
                weight: values("weight", &[OUTPUTS, EMBEDDING])?,
                bias: values("bias", &[OUTPUTS])?,
            }),
            objective: O::from_parameters(parameters),
            provenance,
        })
    }
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
    use crate::{
        cosine_metric::CosineMetric, learning::Learning, metric::tests::trainer, siamese::Siamese, triplet::Triplet,
    };

    fn metric<O: Objective>() -> Metric<O> {
        let mut trainer = trainer::<O>();
        trainer.step();
        trainer.metric()
    }

    fn assert_round_trips<O: Objective>() {
        let metric = metric::<O>();
        let read = Metric::<O>::from_safetensors(&metric.to_safetensors().unwrap()).unwrap();
        assert_eq!(read, metric);
        assert_eq!((read.provenance.classes, read.provenance.images), (3, 6));
    }

    #[test]
    fn round_trips() {
        assert_round_trips::<Siamese>();
        assert_round_trips::<Triplet>();
        assert_round_trips::<CosineMetric>();
    }

    fn refused(bytes: &[u8]) -> String {
        let error = Metric::<Siamese>::from_safetensors(bytes).unwrap_err();
        assert_eq!(error.code(), "metric-file");
        error.to_string()
    }

    #[test]
    fn faults_are_named() {
        let other = metric::<Triplet>().to_safetensors().unwrap();
        let text = refused(&other);
        assert!(text.contains("triplet") && text.contains("siamese"), "{text}");
        refused(b"no safetensors");
        refused(&other[..other.len() / 2]);
        refused(&safetensors::serialize(Vec::<(&str, TensorView)>::new(), None).unwrap());
        let mut broken = metric::<Siamese>();
        broken.objective = Siamese::from_parameters(vec![f32::NAN; Siamese::PARAMETERS]);
        assert!(refused(&broken.to_safetensors().unwrap()).contains("`objective`"));
        let whole = metric::<Siamese>().to_safetensors().unwrap();
        let lacking = String::from_utf8_lossy(&whole[..600]).find("\"objective\"").unwrap();
        let mut renamed = whole.clone();
        renamed[lacking + 1] = b'x';
        assert!(refused(&renamed).contains("lacks `objective`"));
    }
}
