//! A trained classifier with everything that it needs to predict, as one file: class names, support embeddings, head.
//!
//! The file is safetensors and describes itself: `embeddings [s, 1536]`, `labels [s]`, and for linear heads `weight
//! [n, d]`, `bias [n]`, `scale [1]`, `origin [d]` (or `[0]`); all f32. Where a learned metric compares, `metric` holds
//! the bytes of its file as u8 (see `metric_file.rs`). Where the network's last layer was tuned too, its folded
//! parameters are there by torchvision's names, `layer4.0.conv1.weight` and so on. The metadata hold `format`, `method`,
//! `features`, `classes` (a JSON array of names) and `network` (the network's identity, without which embeddings
//! mean nothing).

use std::{collections::HashMap, rc::Rc, sync::Arc};

use safetensors::{Dtype, SafeTensors, tensor::TensorView};

use crate::{
    Classifier, Embedding, Error, Head, Method, Session, StateDict,
    architecture::{Convolution, layer4_convolutions},
    embedding::{LENGTH, Query},
    features::{Features, Space},
    finetune::TrainingRequest,
    learned_metric::LearnedMetric,
    manifest::Origin,
    onnx::{self, About, Named},
    session::Prediction,
    state_dict::Parameter,
    support::Class,
    tuned::Tuned,
};

/// Value of the file's `format`; another one where old files can no longer be read.
const FORMAT: &str = "glimpse-model-1";
/// Name of the tensor that holds a metric's file.
const METRIC: &str = "metric";

/// A classifier that can be saved.
#[derive(Debug)]
pub struct Model {
    classes: Vec<String>,
    network: String,
    session: Session,
}

impl Model {
    /// Fits a method to named classes of embeddings, in the space of a metric where one is given. `network` is the
    /// Identity of the network that made the embeddings.
    ///
    /// # Errors
    /// [`Error::TooFewClasses`], [`Error::EmptyClass`], [`Error::Option`], [`Error::MetricMethod`].
    pub fn fit(
        classes: &[(String, Vec<Embedding>)],
        network: &str,
        request: &TrainingRequest,
        metric: Option<LearnedMetric>,
    ) -> Result<Self, Error> {
        let mut session = session_of(classes);
        session.set_metric(metric.map(Arc::new));
        train(&mut session, request)?;
        Ok(Self::of(classes, network, session))
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
        let mut session = session_of(classes);
        let classifier = learn(&session.support().training_episode()?)?;
        session.restore(method, classifier);
        Ok(Self::of(classes, network, session))
    }

    fn of(classes: &[(String, Vec<Embedding>)], network: &str, session: Session) -> Self {
        Self {
            classes: classes.iter().map(|(name, _)| name.clone()).collect(),
            network: network.into(),
            session,
        }
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
        self.session.tuned()
    }

    /// Names a photo.
    ///
    /// # Errors
    /// None for a model as it is made here.
    pub fn predict(&mut self, query: impl Into<Query>) -> Result<Prediction, Error> {
        self.session.predict(query)
    }

    /// The whole classifier as an ONNX file, on the network that made the embeddings.
    ///
    /// # Errors
    /// Those of [`onnx::classifier`].
    pub fn onnx(&mut self, network: StateDict, origin: &Origin) -> Result<Vec<u8>, Error> {
        let (method, classifier) = self.session.classifier()?;
        let about = About {
            network: &self.network,
            origin,
        };
        let named = Named {
            classifier,
            method,
            classes: &self.classes,
        };
        onnx::classifier(network, &about, &named)
    }

    /// The file's bytes.
    ///
    /// # Errors
    /// [`Error::Model`] where the file cannot be made.
    pub fn to_safetensors(&self) -> Result<Vec<u8>, Error> {
        let trained = self
            .session
            .trained()
            .ok_or_else(|| damaged("nothing was trained".into()))?;
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
            ("method".to_owned(), trained.method.name().to_owned()),
            ("network".to_owned(), self.network.clone()),
            (
                "classes".to_owned(),
                serde_json::to_string(&self.classes).map_err(unwritable)?,
            ),
        ]);
        if let Classifier::Linear { space, head } | Classifier::Tuned { space, head, .. } = &trained.classifier {
            let (n_way, length) = (head.weight.len(), space.length());
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
        let metric = self.session.metric().map(|metric| metric.to_safetensors(&self.network));
        let metric = metric.transpose()?;
        if let Some(file) = &metric {
            let view = TensorView::new(Dtype::U8, vec![file.len()], file).map_err(unwritable)?;
            views.push((METRIC, view));
        }
        safetensors::serialize(views, Some(metadata)).map_err(unwritable)
    }

    /// Reads a file.
    ///
    /// # Errors
    /// [`Error::Model`] with what is wrong in it; those of [`Embedding::new`] and of
    /// [`LearnedMetric::from_safetensors`].
    pub fn from_safetensors(bytes: &[u8]) -> Result<Self, Error> {
        let file = ModelFile::open(bytes)?;
        let classes: Vec<String> =
            serde_json::from_str(file.metadata("classes")?).map_err(|e| damaged(format!("`classes`: {e}")))?;
        let labels = file.tensor("labels", &[None])?;
        let embeddings = file.tensor("embeddings", &[Some(labels.len()), Some(LENGTH)])?;
        let mut session = Session::default();
        session.set_metric(file.metric()?.map(Arc::new));
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
        if session.support().episode()?.len() != classes.len() {
            return Err(damaged("a class without an embedding".into()));
        }
        match file.metadata("features") {
            Ok(features) => {
                let (space, head) = file.linear(features.parse()?, session.metric(), classes.len())?;
                let classifier = match method {
                    Method::Deep => Classifier::Tuned {
                        tuned: Rc::new(file.tuned()?),
                        space,
                        head,
                    },
                    _ => Classifier::Linear { space, head },
                };
                session.restore(method, classifier);
            }
            Err(_) => {
                let request = TrainingRequest {
                    method,
                    ..TrainingRequest::default()
                };
                train(&mut session, &request)?;
            }
        }
        Ok(Self {
            network: file.metadata("network")?.into(),
            classes,
            session,
        })
    }
}

/// A session with these shots: the classes' ids are their places, the shots' ids are 0, 1, … class by class.
fn session_of(classes: &[(String, Vec<Embedding>)]) -> Session {
    let mut session = Session::default();
    let mut shot_id = 0;
    for (class_id, (_, shots)) in classes.iter().enumerate() {
        session.support_mut().set_active(class_id as u32, true);
        for shot in shots {
            session.support_mut().set_shot(class_id as u32, shot_id, shot.clone());
            shot_id += 1;
        }
    }
    session
}

/// Trains from beginning to end.
fn train(session: &mut Session, request: &TrainingRequest) -> Result<(), Error> {
    let mut training = session.start_training(request)?;
    training.run(usize::MAX);
    session.finish_training(&training)
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

    /// The metric that compares, where there is one.
    fn metric(&self) -> Result<Option<LearnedMetric>, Error> {
        match self.tensors.tensor(METRIC) {
            Ok(view) => LearnedMetric::from_safetensors(view.data(), self.metadata("network")?).map(Some),
            Err(_) => Ok(None),
        }
    }

    fn linear(
        &self,
        features: Features,
        metric: Option<&Arc<LearnedMetric>>,
        n_way: usize,
    ) -> Result<(Space, Head), Error> {
        let origin = self.tensor("origin", &[None])?;
        if !origin.is_empty() && (metric.is_some() || origin.len() != features.length()) {
            let (got, length) = (origin.len(), features.length());
            return Err(damaged(format!(
                "`origin` of {got} numbers, expected 0, or {length} without a metric"
            )));
        }
        let space = match metric {
            Some(metric) => metric.space(),
            None => Space::with_origin(features, origin),
        };
        let length = space.length();
        let weight = self.tensor("weight", &[Some(n_way), Some(length)])?;
        let head = Head {
            weight: weight.chunks_exact(length).map(<[f32]>::to_vec).collect(),
            bias: self.tensor("bias", &[Some(n_way)])?,
            scale: self.tensor("scale", &[Some(1)])?[0],
        };
        Ok((space, head))
    }

    /// The tuned layer 4.
    fn tuned(&self) -> Result<Tuned, Error> {
        let mut parameters = StateDict::default();
        for (name, shape) in layer4_convolutions().iter().flat_map(Convolution::parameters) {
            let expected: Vec<Option<usize>> = shape.iter().copied().map(Some).collect();
            let values = self.tensor(&name, &expected)?;
            parameters.insert(name, Parameter { shape, values });
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
    use crate::{
        embedding::tests::embedding,
        learning::Learning,
        metric::{Objective, tests::trainer},
        siamese::Siamese,
        triplet::Triplet,
    };

    fn model(method: Method, metric: Option<LearnedMetric>) -> Model {
        let classes = [
            ("fox".into(), vec![embedding(&[1.0, 0.2]), embedding(&[1.0, 0.4])]),
            ("hare".into(), vec![embedding(&[0.1, 1.0])]),
        ];
        let request = TrainingRequest {
            method,
            ..TrainingRequest::default()
        };
        Model::fit(&classes, "abc", &request, metric).unwrap()
    }

    /// A metric learnt from other shots.
    fn metric<O: Objective>() -> LearnedMetric {
        let mut trainer = trainer::<O>();
        trainer.step();
        trainer.learned_metric().unwrap()
    }

    #[test]
    fn a_saved_model_predicts_the_same() {
        let heads = [
            Method::Nearest,
            Method::Prototype,
            Method::FinetunePlain,
            Method::Finetune,
        ];
        let own = Method::on_embeddings().map(|method| model(method, None));
        let learned = heads.map(|method| model(method, Some(metric::<Triplet>())));
        let given = model(Method::Siamese, Some(metric::<Siamese>()));
        for mut model in own.chain(learned).chain([given]) {
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
        let bytes = model(Method::Finetune, None).to_safetensors().unwrap();
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
