//! A trained classifier with everything that it needs to predict, as one file: class names, support embeddings, head.
//!
//! The file is safetensors and describes itself: `embeddings [s, 1536]`, `labels [s]`, and for linear heads `weight
//! [n, d]`, `bias [n]`, `scale [1]`, `origin [d]` (or `[0]`); all f32. Where the network's last layer was tuned too, its
//! folded parameters are there by torchvision's names, `layer4.0.conv1.weight` and so on. The metadata hold `format`, `method`,
//! `features`, `classes` (a JSON array of names) and `network` (the weight file's SHA-256, without which embeddings
//! mean nothing).

use std::{collections::HashMap, rc::Rc};

use safetensors::{Dtype, SafeTensors, tensor::TensorView};

use crate::{
    Classifier, Embedding, Error, Head, Method, Session, StateDict,
    architecture::layer4_convolutions,
    embedding::{LENGTH, Query},
    features::{Features, Space},
    finetune::TrainingRequest,
    session::{Prediction, fit},
    state_dict::Parameter,
    support::Class,
    tuned::Tuned,
};

/// Value of the file's `format`; another one where old files can no longer be read.
const FORMAT: &str = "glimpse-model-1";

/// A classifier that can be saved.
#[derive(Debug)]
pub struct Model {
    classes: Vec<String>,
    network: String,
    method: Method,
    classifier: Classifier,
    session: Session,
}

impl Model {
    /// Fits a method to named classes of embeddings. `network` is the SHA-256 of the weights that made them.
    ///
    /// # Errors
    /// [`Error::TooFewClasses`], [`Error::EmptyClass`], [`Error::Option`].
    pub fn fit(classes: &[(String, Vec<Embedding>)], network: &str, request: &TrainingRequest) -> Result<Self, Error> {
        Self::learnt(classes, network, request.method, |episode| fit(request, episode))
    }

    /// The same where `learn` makes the classifier. Shots have the numbers 0, 1, … as ids, class by class.
    ///
    /// # Errors
    /// [`Error::TooFewClasses`], [`Error::EmptyClass`]; those of `learn`.
    pub fn learnt(
        classes: &[(String, Vec<Embedding>)],
        network: &str,
        method: Method,
        learn: impl FnOnce(&[&Class]) -> Result<Classifier, Error>,
    ) -> Result<Self, Error> {
        let mut session = Session::default();
        let mut shot_id = 0;
        for (class_id, (_, shots)) in classes.iter().enumerate() {
            session.support_mut().set_active(class_id as u32, true);
            for shot in shots {
                session.support_mut().set_shot(class_id as u32, shot_id, shot.clone());
                shot_id += 1;
            }
        }
        let classifier = learn(&session.support().training_episode()?)?;
        session.restore(method, classifier.clone());
        Ok(Self {
            classes: classes.iter().map(|(name, _)| name.clone()).collect(),
            network: network.into(),
            method,
            classifier,
            session,
        })
    }

    /// The classes' names; their ids in predictions are their places here.
    pub fn classes(&self) -> &[String] {
        &self.classes
    }

    /// Refuses embeddings of another network.
    ///
    /// # Errors
    /// [`Error::ModelNetwork`].
    pub fn check_network(&self, network: &str) -> Result<(), Error> {
        match self.network == network {
            true => Ok(()),
            false => Err(Error::ModelNetwork {
                expected: self.network.clone(),
                got: network.into(),
            }),
        }
    }

    /// The tuned layer by which photos are to be embedded too; `None` where the model has none.
    pub fn tuned(&self) -> Option<&Rc<Tuned>> {
        self.classifier.tuned()
    }

    /// Names a photo.
    ///
    /// # Errors
    /// None for a model as it is made here.
    pub fn predict(&mut self, query: impl Into<Query>) -> Result<Prediction, Error> {
        self.session.predict(query)
    }

    /// The file's bytes.
    ///
    /// # Errors
    /// [`Error::Model`] where the file cannot be made.
    pub fn to_safetensors(&self) -> Result<Vec<u8>, Error> {
        let mut labels = Vec::new();
        let mut embeddings = Vec::new();
        for class in self.session.support().classes() {
            for shot in &class.shots {
                labels.push(class.id as f32);
                embeddings.extend_from_slice(shot.embedding.values());
            }
        }
        let mut tensors = vec![
            ("embeddings", vec![labels.len(), LENGTH], embeddings),
            ("labels", vec![labels.len()], labels),
        ];
        let mut metadata = HashMap::from([
            ("format".to_owned(), FORMAT.to_owned()),
            ("method".to_owned(), self.method.name().to_owned()),
            ("network".to_owned(), self.network.clone()),
            (
                "classes".to_owned(),
                serde_json::to_string(&self.classes).map_err(unwritable)?,
            ),
        ]);
        if let Classifier::Linear { space, head } | Classifier::Tuned { space, head, .. } = &self.classifier
            && !space.is_learned()
        {
            let (n_way, length) = (head.weight.len(), space.features().length());
            tensors.push(("weight", vec![n_way, length], head.weight.concat()));
            tensors.push(("bias", vec![n_way], head.bias.clone()));
            tensors.push(("scale", vec![1], vec![head.scale]));
            tensors.push(("origin", vec![space.origin().len()], space.origin().to_vec()));
            metadata.insert("features".into(), space.features().name().into());
        }
        let layer4 = self.tuned().map(|tuned| tuned.parameters());
        for (name, parameter) in layer4.into_iter().flat_map(StateDict::iter) {
            tensors.push((name, parameter.shape.clone(), parameter.values.clone()));
        }
        let bytes: Vec<Vec<u8>> = tensors.iter().map(|(.., values)| to_bytes(values)).collect();
        let mut views = Vec::with_capacity(tensors.len());
        for ((name, shape, _), bytes) in tensors.iter().zip(&bytes) {
            let view = TensorView::new(Dtype::F32, shape.clone(), bytes).map_err(unwritable)?;
            views.push((*name, view));
        }
        safetensors::serialize(views, Some(metadata)).map_err(unwritable)
    }

    /// Reads a file.
    ///
    /// # Errors
    /// [`Error::Model`] with what is wrong in it; those of [`Embedding::new`].
    pub fn from_safetensors(bytes: &[u8]) -> Result<Self, Error> {
        let file = ModelFile::open(bytes)?;
        let classes: Vec<String> =
            serde_json::from_str(file.metadata("classes")?).map_err(|e| damaged(format!("`classes`: {e}")))?;
        let labels = file.tensor("labels", &[None])?;
        let embeddings = file.tensor("embeddings", &[Some(labels.len()), Some(LENGTH)])?;
        let mut session = Session::default();
        for (shot, (label, values)) in labels.iter().zip(embeddings.chunks_exact(LENGTH)).enumerate() {
            let class = *label as u32;
            if class as usize >= classes.len() || class as f32 != *label {
                return Err(damaged(format!(
                    "label {label}, expected 0 to {}",
                    classes.len().saturating_sub(1)
                )));
            }
            session
                .support_mut()
                .set_shot(class, shot as u32, Embedding::new(values.to_vec())?);
        }
        let method: Method = file.metadata("method")?.parse()?;
        let classifier = match file.metadata("features") {
            Ok(features) => {
                let (space, head) = file.linear(features.parse()?, classes.len())?;
                match method {
                    Method::Deep => Classifier::Tuned {
                        tuned: Rc::new(file.tuned()?),
                        space,
                        head,
                    },
                    _ => Classifier::Linear { space, head },
                }
            }
            Err(_) => fit(
                &TrainingRequest {
                    method,
                    ..TrainingRequest::default()
                },
                &session.support().training_episode()?,
            )?,
        };
        if session.support().episode()?.len() != classes.len() {
            return Err(damaged("a class without an embedding".into()));
        }
        session.restore(method, classifier.clone());
        Ok(Self {
            network: file.metadata("network")?.into(),
            classes,
            method,
            classifier,
            session,
        })
    }
}

/// A file that is being read.
struct ModelFile<'a> {
    tensors: SafeTensors<'a>,
    metadata: HashMap<String, String>,
}

impl<'a> ModelFile<'a> {
    fn open(bytes: &'a [u8]) -> Result<Self, Error> {
        let unreadable = |error: safetensors::SafeTensorError| damaged(error.to_string());
        let (_, header) = SafeTensors::read_metadata(bytes).map_err(unreadable)?;
        let file = Self {
            tensors: SafeTensors::deserialize(bytes).map_err(unreadable)?,
            metadata: header.metadata().clone().unwrap_or_default(),
        };
        match file.metadata("format")? {
            FORMAT => Ok(file),
            other => Err(damaged(format!("format `{other}`, expected `{FORMAT}`"))),
        }
    }

    fn metadata(&self, key: &str) -> Result<&str, Error> {
        let value = self.metadata.get(key).map(String::as_str);
        value.ok_or_else(|| damaged(format!("no `{key}` in its description; is it a model of Glimpse?")))
    }

    /// A finite f32 tensor; `None` in the shape fits every length.
    fn tensor(&self, name: &str, shape: &[Option<usize>]) -> Result<Vec<f32>, Error> {
        let view = self.tensors.tensor(name).map_err(|e| damaged(e.to_string()))?;
        let fits = view.shape().len() == shape.len()
            && view
                .shape()
                .iter()
                .zip(shape)
                .all(|(got, expected)| expected.is_none_or(|length| length == *got));
        if !fits || view.dtype() != Dtype::F32 {
            let (got, kind) = (view.shape(), view.dtype());
            return Err(damaged(format!(
                "`{name}` has shape {got:?} of {kind:?}, expected {shape:?} of F32"
            )));
        }
        let values: Vec<f32> = view
            .data()
            .as_chunks()
            .0
            .iter()
            .map(|&chunk| f32::from_le_bytes(chunk))
            .collect();
        match values.iter().all(|value| value.is_finite()) {
            true => Ok(values),
            false => Err(damaged(format!("`{name}` holds a value that is not a finite number"))),
        }
    }

    fn linear(&self, features: Features, n_way: usize) -> Result<(Space, Head), Error> {
        let length = features.length();
        let origin = self.tensor("origin", &[None])?;
        if !origin.is_empty() && origin.len() != length {
            return Err(damaged(format!(
                "`origin` of {} numbers, expected 0 or {length}",
                origin.len()
            )));
        }
        let weight = self.tensor("weight", &[Some(n_way), Some(length)])?;
        let head = Head {
            weight: weight.chunks_exact(length).map(<[f32]>::to_vec).collect(),
            bias: self.tensor("bias", &[Some(n_way)])?,
            scale: self.tensor("scale", &[Some(1)])?[0],
        };
        Ok((Space::with_origin(features, origin), head))
    }

    /// The tuned layer 4.
    fn tuned(&self) -> Result<Tuned, Error> {
        let mut parameters = StateDict::default();
        for convolution in layer4_convolutions() {
            for (field, shape) in [
                ("weight", convolution.shape().to_vec()),
                ("bias", vec![convolution.outputs]),
            ] {
                let name = format!("{}.{field}", convolution.name);
                let expected: Vec<Option<usize>> = shape.iter().copied().map(Some).collect();
                let values = self.tensor(&name, &expected)?;
                parameters.insert(name, Parameter { shape, values });
            }
        }
        Tuned::new(&parameters)
    }
}

fn to_bytes(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

fn damaged(reason: String) -> Error {
    Error::Model { reason }
}

fn unwritable(error: impl std::fmt::Display) -> Error {
    damaged(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::embedding::tests::embedding;

    fn model(method: Method) -> Model {
        let classes = [
            ("fox".into(), vec![embedding(&[1.0, 0.2]), embedding(&[1.0, 0.4])]),
            ("hare".into(), vec![embedding(&[0.1, 1.0])]),
        ];
        let request = TrainingRequest {
            method,
            ..TrainingRequest::default()
        };
        Model::fit(&classes, "abc", &request).unwrap()
    }

    #[test]
    fn a_saved_model_predicts_the_same() {
        for method in Method::on_embeddings() {
            let mut model = model(method);
            let mut read = Model::from_safetensors(&model.to_safetensors().unwrap()).unwrap();
            assert_eq!(read.classes(), ["fox", "hare"]);
            for query in [embedding(&[1.0, 0.3]), embedding(&[0.4, 0.5, 0.6])] {
                assert_eq!(read.predict(&query).unwrap(), model.predict(&query).unwrap());
            }
            assert!(read.check_network("abc").is_ok());
            assert_eq!(read.check_network("xyz").unwrap_err().code(), "model-network");
        }
    }

    #[test]
    fn damage_is_told() {
        let bytes = model(Method::Finetune).to_safetensors().unwrap();
        let told = |bytes: &[u8]| Model::from_safetensors(bytes).unwrap_err();
        assert_eq!(told(&bytes[..bytes.len() / 2]).code(), "model");
        assert_eq!(told(b"nothing of the kind").code(), "model");
        let patched = |from: &str, to: &str| {
            let at = bytes
                .windows(from.len())
                .position(|window| window == from.as_bytes())
                .unwrap();
            let mut bytes = bytes.clone();
            bytes[at..at + to.len()].copy_from_slice(to.as_bytes());
            told(&bytes)
        };
        assert!(
            patched("glimpse-model-1", "glimpse-model-9")
                .to_string()
                .contains("glimpse-model-9")
        );
        assert_eq!(patched("\"finetune\"", "\"magic!!!\"").code(), "unknown-method");
        let mut nan = bytes.clone();
        let last = nan.len() - 4;
        nan[last..].copy_from_slice(&f32::NAN.to_le_bytes());
        assert!(told(&nan).to_string().contains("finite"));
    }
}
