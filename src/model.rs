//! A trained classifier with everything that it needs to predict, as one file: class names, support embeddings, head.
//!
//! The file is safetensors and describes itself: `embeddings [s, 1536]` and `labels [s]`, f32, and beside them what was
//! trained, as in `head_file.rs`. The metadata hold `format`, `classes` (a JSON array of names), and what `head_file.rs`
//! says of a head, without its fingerprints: the shots are here.

use std::{rc::Rc, sync::Arc};

use crate::{
    Classifier, Embedding, Error, Method, Session, StateDict,
    embedding::{LENGTH, Query},
    finetune::TrainingRequest,
    head_file,
    learned_metric::LearnedMetric,
    link::{self, LinkClass},
    manifest::Origin,
    onnx::{self, About, Named},
    session::Prediction,
    support::Class,
    tensor_file::{TensorFile, TensorWriter, damaged},
    tuned::Tuned,
};

/// Value of the file's `format`; another one where old files can no longer be read.
const FORMAT: &str = "glimpse-model-1";

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
        session.train(request)?;
        Ok(Self::of(names_of(classes), network, session))
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
        Ok(Self::of(names_of(classes), network, session))
    }

    /// A session whose classes have their names' places as ids.
    pub(crate) fn of(classes: Vec<String>, network: &str, session: Session) -> Self {
        Self {
            classes,
            network: network.into(),
            session,
        }
    }

    /// What it is made of: the classes' ids are their names' places.
    pub fn session(&self) -> &Session {
        &self.session
    }

    /// The identity of the network that made the embeddings.
    pub fn network(&self) -> &str {
        &self.network
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

    /// The text of a share link. Colours are given out in the order of the classes.
    ///
    /// # Errors
    /// Those of [`link::write`].
    pub fn link(&mut self) -> Result<String, Error> {
        let class = |(place, name): (usize, &String)| LinkClass {
            id: place as u32,
            name: name.clone(),
            hue: place as u16,
        };
        let classes: Vec<LinkClass> = self.classes.iter().enumerate().map(class).collect();
        link::write(&mut self.session, &classes, &self.network)
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
        let mut file = TensorWriter::new(FORMAT);
        file.floats("embeddings", &[labels.len(), LENGTH], &embeddings);
        file.floats("labels", &[labels.len()], &labels);
        let classes = serde_json::to_string(&self.classes).map_err(|e| damaged(e.to_string()))?;
        file.describe("classes", classes);
        head_file::write(&mut file, trained, &self.network)?;
        file.finish()
    }

    /// Reads a file.
    ///
    /// # Errors
    /// [`Error::Model`] with what is wrong in it; those of [`Embedding::new`] and of
    /// [`LearnedMetric::from_safetensors`].
    pub fn from_safetensors(bytes: &[u8]) -> Result<Self, Error> {
        let file = TensorFile::open(bytes, FORMAT)?;
        let classes: Vec<String> =
            serde_json::from_str(file.metadata("classes")?).map_err(|e| damaged(format!("`classes`: {e}")))?;
        let labels = file.floats("labels", &[None])?;
        let embeddings = file.floats("embeddings", &[Some(labels.len()), Some(LENGTH)])?;
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
        if session.support().episode()?.len() != classes.len() {
            return Err(damaged("a class without an embedding".into()));
        }
        let trained = head_file::read(&file, classes.len())?;
        let classifier = match trained.classifier {
            Some(classifier) => classifier,
            None => {
                let episode = session.support().episode()?;
                head_file::made_anew(trained.method, trained.metric.as_deref(), &episode)?
            }
        };
        session.set_metric(trained.metric);
        session.restore(trained.method, classifier);
        Ok(Self::of(classes, file.metadata("network")?, session))
    }
}

fn names_of(classes: &[(String, Vec<Embedding>)]) -> Vec<String> {
    classes.iter().map(|(name, _)| name.clone()).collect()
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
