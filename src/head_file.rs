//! What was trained, as a file of its own: everything that a session needs to predict as before, once it has the same
//! shots again. The shots' embeddings are not in it; fingerprints of them are, so that it never comes back onto others.
//!
//! Safetensors. Of linear heads `weight [n, d]`, `bias [n]`, `scale [1]`, `origin [d]` (or `[0]`), all f32. Where a
//! learned metric compares, `metric` holds the bytes of its file as u8 (see `metric_file.rs`). Where the network's last
//! layer was tuned too, its folded parameters are there by torchvision's names, `layer4.0.conv1.weight` and so on.
//! Metadata: `format`, `method`, `network` (the network's identity), `features` of linear heads, `metric` (`learnt` from
//! the shots, or `given`), and `shots`, a JSON array with a fingerprint for each row of the head. `nearest`, `siamese` and
//! `triplet` have no rows: they are made anew from the shots.

use std::{collections::HashMap, rc::Rc, sync::Arc};

use sha2::{Digest, Sha256};

use crate::{
    Classifier, Error, Head, Method, Session, StateDict,
    architecture::{Convolution, layer4_convolutions},
    features::{Features, Space},
    finetune::TrainingRequest,
    learned_metric::LearnedMetric,
    manifest::hex,
    session::{Trained, fit},
    state_dict::Parameter,
    support::Class,
    tensor_file::{TensorFile, TensorWriter, damaged},
    tuned::Tuned,
};

/// Value of the file's `format`; another one where old files can no longer be read.
const FORMAT: &str = "glimpse-head-1";
/// Name of the tensor that holds a metric's file, and of the word that says where it comes from.
const METRIC: &str = "metric";

/// What a file says was trained, before it is put onto shots.
pub(crate) struct TrainedFile {
    pub(crate) method: Method,
    pub(crate) metric: Option<Arc<LearnedMetric>>,
    /// `None` where the classifier is made anew from the shots and the metric.
    pub(crate) classifier: Option<Classifier>,
}

impl Session {
    /// What was trained, as a file; `None` where nothing is, or it no longer fits the shots. `network` is the identity of
    /// the network that made the embeddings.
    ///
    /// # Errors
    /// None in practice.
    pub fn head_file(&self, network: &str) -> Result<Option<Vec<u8>>, Error> {
        let Some(trained) = self.trained() else {
            return Ok(None);
        };
        let prints: Vec<String> = self.support().episode()?.into_iter().map(fingerprint).collect();
        let mut file = TensorWriter::new(FORMAT);
        file.describe(
            "shots",
            serde_json::to_string(&prints).map_err(|e| damaged(e.to_string()))?,
        );
        if trained.metric.is_some() {
            file.describe(
                METRIC,
                if self.given_metric().is_some() {
                    "given"
                } else {
                    "learnt"
                },
            );
        }
        write(&mut file, trained, network)?;
        file.finish().map(Some)
    }

    /// Takes back what [`Session::head_file`] gave, and says by which method it was trained. The session has the same
    /// shots, and the metric that was given then, where one was. Where it fails, nothing changes.
    ///
    /// # Errors
    /// [`Error::Model`] where the file is damaged; [`Error::ModelNetwork`]; [`Error::StaleHead`] where shots or metric are
    /// others; those of [`LearnedMetric::from_safetensors`].
    pub fn restore_head(&mut self, bytes: &[u8], network: &str) -> Result<Method, Error> {
        let file = TensorFile::open(bytes, FORMAT)?;
        check_network(&file, network)?;
        let prints = fingerprints(&file)?;
        let trained = read(&file, prints.len())?;
        let metric = match (file.find(METRIC), self.given_metric()) {
            (Some("learnt"), None) => trained.metric,
            (Some("given"), Some(given)) if trained.metric.as_ref() == Some(given) => Some(given.clone()),
            (None, None) if trained.metric.is_none() => None,
            _ => return Err(Error::StaleHead),
        };
        let episode = self.support().episode()?;
        let rows = rows(&prints, &episode)?;
        let classifier = match trained.classifier {
            Some(classifier) => in_order(classifier, &rows),
            None => made_anew(trained.method, metric.as_deref(), &episode)?,
        };
        self.take_over(trained.method, classifier, metric);
        Ok(trained.method)
    }
}

/// Checks a head's file, as far as that can be done without its shots.
///
/// # Errors
/// Those of [`Session::restore_head`], without [`Error::StaleHead`].
pub fn check(bytes: &[u8], network: &str) -> Result<(), Error> {
    let file = TensorFile::open(bytes, FORMAT)?;
    check_network(&file, network)?;
    read(&file, fingerprints(&file)?.len()).map(|_| ())
}

/// The file of the metric that was given when a head was trained, by the head's file; `None` where it was none.
///
/// # Errors
/// [`Error::Model`].
pub fn given_metric(bytes: &[u8]) -> Result<Option<&[u8]>, Error> {
    let file = TensorFile::open(bytes, FORMAT)?;
    match file.find(METRIC) {
        Some("given") => file.bytes(METRIC),
        _ => Ok(None),
    }
}

/// Adds what was trained to a file.
pub(crate) fn write(file: &mut TensorWriter, trained: &Trained, network: &str) -> Result<(), Error> {
    file.describe("method", trained.method.name());
    file.describe("network", network);
    if let Classifier::Linear { space, head } | Classifier::Tuned { space, head, .. } = &trained.classifier {
        let n_way = head.weight.len();
        file.floats("weight", &[n_way, space.length()], head.weight.iter().flatten());
        file.floats("bias", &[n_way], &head.bias);
        file.floats("scale", &[1], [&head.scale]);
        file.floats("origin", &[space.origin().len()], space.origin());
        file.describe("features", space.features().name());
    }
    let layer4 = trained.classifier.tuned().map(|tuned| tuned.parameters());
    for (name, parameter) in layer4.into_iter().flat_map(StateDict::iter) {
        file.floats(name, &parameter.shape, &parameter.values);
    }
    if let Some(metric) = &trained.metric {
        file.bytes(METRIC, metric.to_safetensors(network)?);
    }
    Ok(())
}

/// Reads what was trained on so many classes.
pub(crate) fn read(file: &TensorFile, n_way: usize) -> Result<TrainedFile, Error> {
    let method: Method = file.metadata("method")?.parse()?;
    let metric = metric(file)?;
    let classifier = match (method, file.find("features")) {
        (Method::Nearest, None) => None,
        (Method::Siamese | Method::Triplet, None) if metric.is_some() => None,
        (Method::Siamese | Method::Triplet, None) => return Err(damaged("no `metric` in it".into())),
        (Method::Nearest | Method::Siamese | Method::Triplet, Some(_)) => {
            return Err(damaged(format!("`features`, which {} has no use for", method.name())));
        }
        (_, None) => return Err(damaged("no `features` in its description".into())),
        (_, Some(features)) => {
            let (space, head) = linear(file, features.parse()?, metric.as_ref(), n_way)?;
            Some(match method {
                Method::Deep => Classifier::Tuned {
                    tuned: Rc::new(tuned(file)?),
                    space,
                    head,
                },
                _ => Classifier::Linear { space, head },
            })
        }
    };
    Ok(TrainedFile {
        method,
        metric,
        classifier,
    })
}

/// The classifier of a method that is a function of the shots and the metric.
pub(crate) fn made_anew(
    method: Method,
    metric: Option<&LearnedMetric>,
    episode: &[&Class],
) -> Result<Classifier, Error> {
    let request = TrainingRequest {
        method,
        ..TrainingRequest::default()
    };
    fit(&request, metric, episode)
}

fn check_network(file: &TensorFile, network: &str) -> Result<(), Error> {
    let expected = file.metadata("network")?;
    match expected == network {
        true => Ok(()),
        false => Err(Error::ModelNetwork {
            expected: expected.into(),
            got: network.into(),
        }),
    }
}

/// The metric that compares, where there is one.
fn metric(file: &TensorFile) -> Result<Option<Arc<LearnedMetric>>, Error> {
    let Some(bytes) = file.bytes(METRIC)? else {
        return Ok(None);
    };
    let metric = LearnedMetric::from_safetensors(bytes, file.metadata("network")?)?;
    Ok(Some(Arc::new(metric)))
}

fn linear(
    file: &TensorFile,
    features: Features,
    metric: Option<&Arc<LearnedMetric>>,
    n_way: usize,
) -> Result<(Space, Head), Error> {
    let origin = file.floats("origin", &[None])?;
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
    let weight = file.floats("weight", &[Some(n_way), Some(length)])?;
    let head = Head {
        weight: weight.chunks_exact(length).map(<[f32]>::to_vec).collect(),
        bias: file.floats("bias", &[Some(n_way)])?,
        scale: file.floats("scale", &[Some(1)])?[0],
    };
    Ok((space, head))
}

/// The tuned layer 4.
fn tuned(file: &TensorFile) -> Result<Tuned, Error> {
    let mut parameters = StateDict::default();
    for (name, shape) in layer4_convolutions().iter().flat_map(Convolution::parameters) {
        let expected: Vec<Option<usize>> = shape.iter().copied().map(Some).collect();
        let values = file.floats(&name, &expected)?;
        parameters.insert(name, Parameter { shape, values });
    }
    Tuned::new(&parameters)
}

fn fingerprints(file: &TensorFile) -> Result<Vec<String>, Error> {
    serde_json::from_str(file.metadata("shots")?).map_err(|e| damaged(format!("`shots`: {e}")))
}

/// By what a class's shots are known: the SHA-256 of their embeddings' SHA-256s, whatever the order of the shots.
fn fingerprint(class: &Class) -> String {
    let mut prints: Vec<_> = class.shots.iter().map(|shot| print(shot.embedding.values())).collect();
    prints.sort_unstable();
    hex(&Sha256::digest(prints.concat()))
}

fn print(values: &[f32]) -> [u8; 32] {
    let mut hasher = Sha256::new();
    for value in values {
        hasher.update(value.to_le_bytes());
    }
    hasher.finalize().into()
}

/// For each class of an episode, which row of the head is its own. A class that was deleted and put back stands at another
/// place in the page than in the session, so the order is of no account.
fn rows(prints: &[String], episode: &[&Class]) -> Result<Vec<usize>, Error> {
    let mut free: HashMap<&str, Vec<usize>> = HashMap::new();
    for (row, print) in prints.iter().enumerate().rev() {
        free.entry(print).or_default().push(row);
    }
    let row = |class: &&Class| free.get_mut(fingerprint(class).as_str()).and_then(Vec::pop);
    match episode.iter().map(row).collect::<Option<Vec<usize>>>() {
        Some(rows) if rows.len() == prints.len() => Ok(rows),
        _ => Err(Error::StaleHead),
    }
}

/// The classifier with its rows in another order.
fn in_order(mut classifier: Classifier, rows: &[usize]) -> Classifier {
    if let Classifier::Linear { head, .. } | Classifier::Tuned { head, .. } = &mut classifier {
        head.weight = rows.iter().map(|&row| head.weight[row].clone()).collect();
        head.bias = rows.iter().map(|&row| head.bias[row]).collect();
    }
    classifier
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        embedding::{Query, tests::embedding},
        features::Task,
        learning::Learning,
        metric::tests::trainer,
        triplet::Triplet,
        untrained,
    };

    /// Two classes of shots; `turned` has them in another order, and with other ids.
    fn session(turned: bool) -> Session {
        let shots = [
            (1, 10, [1.0, 0.2]),
            (1, 11, [1.0, 0.4]),
            (2, 20, [0.1, 1.0]),
            (2, 21, [0.3, 1.0]),
        ];
        let mut session = Session::default();
        let mut add = |(class, shot, start): (u32, u32, [f32; 2])| {
            session.support_mut().set_shot(class, shot, embedding(&start));
        };
        match turned {
            false => shots.into_iter().for_each(add),
            true => {
                for (class, shot, start) in shots.into_iter().rev() {
                    add((7 * class, shot + 5, start));
                }
            }
        }
        session
    }

    fn train(session: &mut Session, method: Method) {
        let request = TrainingRequest {
            method,
            ..TrainingRequest::default()
        };
        session.train(&request).unwrap();
    }

    fn trained(method: Method) -> (Session, Vec<u8>) {
        let mut session = session(false);
        train(&mut session, method);
        let file = session.head_file("abc").unwrap().unwrap();
        (session, file)
    }

    fn metric() -> Arc<LearnedMetric> {
        let mut trainer = trainer::<Triplet>();
        trainer.step();
        Arc::new(trainer.learned_metric().unwrap())
    }

    #[test]
    fn every_head_comes_back_onto_its_shots() {
        for method in Method::on_embeddings() {
            let (mut before, file) = trained(method);
            let mut after = session(false);
            assert_eq!(after.restore_head(&file, "abc").unwrap(), method);
            for query in [embedding(&[1.0, 0.3]), embedding(&[0.4, 0.5, 0.6])] {
                assert_eq!(
                    after.predict(&query).unwrap(),
                    before.predict(&query).unwrap(),
                    "{method:?}"
                );
            }
            assert_eq!(after.metric(), before.metric());
            assert_eq!(after.head_file("abc").unwrap().unwrap().len(), file.len());
            assert!(check(&file, "abc").is_ok());
        }
    }

    #[test]
    fn the_order_of_classes_and_shots_is_of_no_account() {
        for method in Method::on_embeddings() {
            let (mut before, file) = trained(method);
            let mut after = session(true);
            after.restore_head(&file, "abc").unwrap();
            let query = embedding(&[1.0, 0.3, 0.1]);
            let (expected, got) = (before.predict(&query).unwrap(), after.predict(&query).unwrap());
            for score in expected.scores {
                let same = got.scores.iter().find(|other| other.class_id == 7 * score.class_id);
                assert!(
                    (same.unwrap().probability - score.probability).abs() < 1e-6,
                    "{method:?}"
                );
            }
        }
    }

    #[test]
    fn a_learnt_metric_comes_back_as_learnt() {
        let (_, file) = trained(Method::Siamese);
        let mut session = session(false);
        session.restore_head(&file, "abc").unwrap();
        let [a, b] = [[1.0, 0.3], [0.2, 1.0]].map(|start| embedding(&start));
        assert!(session.same_or_different(&a, &b).is_ok());
        assert!(given_metric(&file).unwrap().is_none());
        session.support_mut().remove_shot(11);
        assert_eq!(session.same_or_different(&a, &b).unwrap_err().code(), "no-siamese");
    }

    #[test]
    fn a_head_in_a_given_metrics_space_needs_that_metric() {
        let given = metric();
        for method in [Method::Finetune, Method::Nearest, Method::Triplet] {
            let mut before = session(false);
            before.set_metric(Some(given.clone()));
            train(&mut before, method);
            let file = before.head_file("abc").unwrap().unwrap();
            let mut after = session(false);
            assert_eq!(after.restore_head(&file, "abc").unwrap_err().code(), "stale-head");
            let metric = LearnedMetric::from_safetensors(given_metric(&file).unwrap().unwrap(), "abc");
            after.set_metric(Some(Arc::new(metric.unwrap())));
            after.restore_head(&file, "abc").unwrap();
            let query = embedding(&[1.0, 0.3, 0.1]);
            assert_eq!(after.predict(&query).unwrap(), before.predict(&query).unwrap());
            let own = trained(method).1;
            assert_eq!(after.restore_head(&own, "abc").unwrap_err().code(), "stale-head");
        }
    }

    #[test]
    fn a_tuned_layer_comes_back() {
        let mut before = session(false);
        let episode = before.support().episode().unwrap();
        let task = Task::new(Features::Pooled, &episode).unwrap();
        let tuned = Tuned::new(&untrained::state_dict(3).folded_part(&layer4_convolutions()).unwrap()).unwrap();
        let classifier = Classifier::Tuned {
            tuned: Rc::new(tuned),
            head: Head::from_prototypes(&task, 10.0).unwrap(),
            space: task.space,
        };
        before.restore(Method::Deep, classifier);
        let file = before.head_file("abc").unwrap().unwrap();
        let mut after = session(false);
        assert_eq!(after.restore_head(&file, "abc").unwrap(), Method::Deep);
        assert_eq!(after.tuned(), before.tuned());
        let query = Query {
            plain: embedding(&[1.0]),
            tuned: Some(embedding(&[0.2, 1.0])),
        };
        assert_eq!(after.predict(query.clone()).unwrap(), before.predict(query).unwrap());
    }

    #[test]
    fn other_shots_are_refused_and_nothing_changes() {
        let file = trained(Method::Finetune).1;
        let changes: [fn(&mut Session); 5] = [
            |session| session.support_mut().remove_shot(11),
            |session| session.support_mut().set_shot(1, 12, embedding(&[1.0, 0.5])),
            |session| session.support_mut().set_shot(3, 30, embedding(&[0.0, 0.0, 1.0])),
            |session| session.support_mut().set_shot(2, 10, embedding(&[1.0, 0.2])),
            |session| session.support_mut().set_shot(1, 10, embedding(&[1.0, 0.20001])),
        ];
        for change in changes {
            let mut session = session(false);
            change(&mut session);
            train(&mut session, Method::Nearest);
            let query = embedding(&[1.0, 0.7]);
            let before = session.predict(&query).unwrap();
            assert_eq!(session.restore_head(&file, "abc").unwrap_err().code(), "stale-head");
            assert_eq!(session.predict(&query).unwrap(), before);
        }
    }

    #[test]
    fn there_is_no_file_where_nothing_fits() {
        let mut session = session(false);
        assert!(session.head_file("abc").unwrap().is_none());
        train(&mut session, Method::Finetune);
        session.support_mut().remove_shot(11);
        assert!(session.head_file("abc").unwrap().is_none());
    }

    /// The file with one word replaced by another of the same length.
    fn patched(file: &[u8], from: &str, to: &str) -> Vec<u8> {
        assert_eq!(from.len(), to.len());
        let at = file.windows(from.len()).position(|window| window == from.as_bytes());
        let at = at.unwrap_or_else(|| panic!("`{from}` is in the file"));
        let mut file = file.to_vec();
        file[at..at + to.len()].copy_from_slice(to.as_bytes());
        file
    }

    #[test]
    fn damage_is_told_and_nothing_changes() {
        let file = trained(Method::Finetune).1;
        let siamese = trained(Method::Siamese).1;
        let mut nan = file.clone();
        let last = nan.len() - 4;
        nan[last..].copy_from_slice(&f32::NAN.to_le_bytes());
        let cases = [
            (b"no head".to_vec(), "model"),
            (file[..file.len() / 2].to_vec(), "model"),
            (nan, "model"),
            (patched(&file, "glimpse-head-1", "glimpse-head-9"), "model"),
            (patched(&file, "\"weight\"", "\"heavy!\""), "model"),
            (patched(&file, "[2,1024]", "[1024,2]"), "model"),
            (patched(&file, "\"finetune\"", "\"magic!!!\""), "unknown-method"),
            (patched(&file, "\"features\"", "\"feature?\""), "model"),
            (patched(&file, "\"shots\"", "\"shoes\""), "model"),
            (patched(&file, "\"pooled\"", "\"poodle\""), "option"),
            (patched(&file, "\"network\"", "\"netword\""), "model"),
            (patched(&siamese, "\"learnt\"", "\"bought\""), "stale-head"),
        ];
        for (index, (bytes, code)) in cases.iter().enumerate() {
            let mut session = session(false);
            train(&mut session, Method::Nearest);
            let error = session.restore_head(bytes, "abc").unwrap_err();
            assert_eq!(error.code(), *code, "case {index}: {error}");
            assert_eq!(session.trained().unwrap().method, Method::Nearest);
        }
        let error = session(false).restore_head(&file, "xyz").unwrap_err();
        assert_eq!(error.code(), "model-network");
        assert_eq!(check(&file, "xyz").unwrap_err().code(), "model-network");
        let mut empty = Session::default();
        assert_eq!(empty.restore_head(&file, "abc").unwrap_err().code(), "too-few-classes");
    }
}
