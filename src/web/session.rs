//! The session for the page: shots, predictions and training.

use std::{rc::Rc, sync::Arc};

use serde::Serialize;
use wasm_bindgen::prelude::*;

use super::{
    deep::{WebPreparation, WebTuned},
    error::bad_value,
};
use crate::{
    Embedding, Error, Method, Session,
    embedding::{LENGTH, Query},
    evidence::Layer4Map,
    finetune::TrainingRequest,
    learned_metric::LearnedMetric,
    link::{self, LinkClass},
    session::Training,
    shot_maps::MOST_SHOTS,
};

/// Support set, prototypes and head.
#[wasm_bindgen(js_name = Session)]
#[derive(Default)]
pub struct WebSession {
    pub(super) session: Session,
}

/// What the page shows of a session.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Summary {
    n_way: usize,
    shots: Vec<ShotCount>,
    ready: bool,
    trained: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ShotCount {
    class_id: u32,
    count: usize,
}

/// What the page shows of a metric.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct MetricSummary {
    method: Method,
    classes: usize,
    images: usize,
}

/// What the page shows of a link.
#[derive(Serialize)]
struct LinkSummary<'a> {
    classes: &'a [LinkClass],
    method: Method,
    network: &'a str,
}

#[wasm_bindgen(js_class = Session)]
impl WebSession {
    /// An empty session.
    #[wasm_bindgen(constructor)]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds or replaces a shot.
    ///
    /// # Errors
    /// `embedding-size`, `embedding-not-finite`.
    #[wasm_bindgen(js_name = setShot)]
    pub fn set_shot(&mut self, class_id: u32, shot_id: u32, embedding: Vec<f32>) -> Result<(), Error> {
        self.session
            .support_mut()
            .set_shot(class_id, shot_id, Embedding::new(embedding)?);
        Ok(())
    }

    /// Removes a shot.
    #[wasm_bindgen(js_name = removeShot)]
    pub fn remove_shot(&mut self, shot_id: u32) {
        self.session.support_mut().remove_shot(shot_id);
    }

    /// Removes a class and its shots.
    #[wasm_bindgen(js_name = removeClass)]
    pub fn remove_class(&mut self, class_id: u32) {
        self.session.support_mut().remove_class(class_id);
    }

    /// Switches a class on or off.
    #[wasm_bindgen(js_name = setActive)]
    pub fn set_active(&mut self, class_id: u32, active: bool) {
        self.session.support_mut().set_active(class_id, active);
    }

    /// `{nWay, shots: [{classId, count}], ready, trained}`; `ready` once two classes can be told apart.
    ///
    /// # Errors
    /// None in practice.
    pub fn summary(&self) -> Result<JsValue, JsValue> {
        let support = self.session.support();
        let count = |class: &crate::support::Class| ShotCount {
            class_id: class.id,
            count: class.shots.len(),
        };
        to_js(&Summary {
            n_way: support.episode().map(|episode| episode.len()).unwrap_or(0),
            shots: support.classes().iter().map(count).collect(),
            ready: support.episode().is_ok(),
            trained: self.session.is_trained(),
        })
    }

    /// True while predictions come through a tuned layer: queries are then embedded by that too.
    #[wasm_bindgen(getter, js_name = isTuned)]
    pub fn is_tuned(&self) -> bool {
        self.session.tuned().is_some()
    }

    /// The tuned layer, where there is one.
    pub fn tuned(&self) -> Option<WebTuned> {
        let tuned = self.session.tuned()?;
        Some(WebTuned {
            tuned: Rc::clone(tuned),
        })
    }

    /// `{method, scores: [{classId, probability}], nearest: {shotId, classId, similarity} or nothing,
    /// familiarity: {score, probability, certain}}` of a photo's embedding, and of its embedding by the tuned layer.
    ///
    /// # Errors
    /// `too-few-classes`, `embedding-…`.
    pub fn predict(&mut self, embedding: Vec<f32>, tuned: Option<Vec<f32>>) -> Result<JsValue, JsValue> {
        to_js(&self.session.predict(query(embedding, tuned)?)?)
    }

    /// Names photos whose class is known: `classIds[i]` is the class of the i-th embedding in `embeddings`, which lie
    /// one after the other, and in `tuned`, which is empty where no layer was tuned. Gives `{classIds, confusion: [[…]],
    /// classAccuracy: [… or null], accuracy: … or null}`; rows of the confusion are the truth.
    ///
    /// # Errors
    /// `too-few-classes`, `embedding-…`.
    pub fn assess(&mut self, class_ids: &[u32], embeddings: &[f32], tuned: &[f32]) -> Result<JsValue, JsValue> {
        let photos: Vec<_> = class_ids.iter().copied().zip(queries(embeddings, tuned)?).collect();
        to_js(&self.session.assess(&photos)?)
    }

    /// Names every shot by the prototypes of all the others; gives the same as `assess`.
    ///
    /// # Errors
    /// `too-few-classes`.
    #[wasm_bindgen(js_name = leaveOneOut)]
    pub fn leave_one_out(&self) -> Result<JsValue, JsValue> {
        to_js(&self.session.leave_one_out()?)
    }

    /// How a photo comes to its answer: `{nearest: [{shotId, classId, similarity}], classes: [{classId, similarity, before,
    /// after or nothing}]}`.
    ///
    /// # Errors
    /// `too-few-classes`, `embedding-…`.
    pub fn explain(&mut self, embedding: Vec<f32>, tuned: Option<Vec<f32>>) -> Result<JsValue, JsValue> {
        to_js(&self.session.explain(query(embedding, tuned)?)?)
    }

    /// How much each spot of a picture speaks for each class, from what `Engine.layer4Map` gave:
    /// `[{classId, spots: [49 numbers]}]`.
    ///
    /// # Errors
    /// `too-few-classes`, `embedding-…`, `maps`.
    pub fn evidence(&mut self, map: Vec<f32>) -> Result<JsValue, JsValue> {
        to_js(&self.session.evidence(&Layer4Map::new(map)?)?)
    }

    /// Shots, prototypes and photos seen from above, see `Overview`. The photos' embeddings lie one after the other.
    ///
    /// # Errors
    /// `too-few-classes`, `embedding-…`.
    pub fn overview(&mut self, embeddings: &[f32]) -> Result<JsValue, JsValue> {
        let queries = embeddings.chunks(LENGTH).map(|values| Embedding::new(values.to_vec()));
        to_js(&self.session.overview(&queries.collect::<Result<Vec<_>, _>>()?)?)
    }

    /// Starts a training: `{method, features, initialisation, similarity, steps, learningRate, entropyWeight, scale,
    /// learnScale}`, all of them optional; see `TrainingRequest`.
    ///
    /// # Errors
    /// `option`, `too-few-classes`, `empty-class`, `metric-method`.
    #[wasm_bindgen(js_name = startTraining)]
    pub fn start_training(&self, options: JsValue) -> Result<Trainer, JsValue> {
        let training = self.session.start_training(&request(options)?)?;
        Ok(Trainer { training })
    }

    /// Prepares a training by the method `deep`, with the same options. `Engine.startDeep` starts it.
    ///
    /// # Errors
    /// `too-many-shots` above 200; `option`, `too-few-classes`, `empty-class`.
    #[wasm_bindgen(js_name = prepareDeep)]
    pub fn prepare_deep(&self, options: JsValue) -> Result<WebPreparation, JsValue> {
        let preparation = self.session.prepare_deep(&request(options)?, Some(MOST_SHOTS))?;
        Ok(WebPreparation { preparation })
    }

    /// Takes over what a trainer has learnt so far.
    ///
    /// # Errors
    /// `stale-training`.
    #[wasm_bindgen(js_name = finishTraining)]
    pub fn finish_training(&mut self, trainer: &Trainer) -> Result<(), Error> {
        self.session.finish_training(&trainer.training)
    }

    /// Takes the bytes of a metric's file, in whose space every head works from now on, and gives `{method, classes,
    /// images}`. `network` is the SHA-256 of the weights that embed.
    ///
    /// # Errors
    /// `metric-file`, `metric-network`; the session is then as before.
    #[wasm_bindgen(js_name = useMetric)]
    pub fn use_metric(&mut self, file: &[u8], network: &str) -> Result<JsValue, JsValue> {
        let metric = LearnedMetric::from_safetensors(file, network)?;
        let summary = MetricSummary {
            method: metric.method(),
            classes: metric.provenance().classes,
            images: metric.provenance().images,
        };
        self.session.set_metric(Some(Arc::new(metric)));
        to_js(&summary)
    }

    /// Goes back to the network's own embedding.
    #[wasm_bindgen(js_name = forgetMetric)]
    pub fn forget_metric(&mut self) {
        self.session.set_metric(None);
    }

    /// The file of the metric that compares now, learnt or given; `undefined` where there is none.
    ///
    /// # Errors
    /// None in practice.
    #[wasm_bindgen(js_name = metricFile)]
    pub fn metric_file(&self, network: &str) -> Result<Option<Vec<u8>>, Error> {
        let metric = self.session.metric();
        metric.map(|metric| metric.to_safetensors(network)).transpose()
    }

    /// What was trained, as a file without the shots; `undefined` where nothing is, or it no longer fits.
    ///
    /// # Errors
    /// None in practice.
    #[wasm_bindgen(js_name = headFile)]
    pub fn head_file(&self, network: &str) -> Result<Option<Vec<u8>>, Error> {
        self.session.head_file(network)
    }

    /// Takes back what `headFile` gave, onto the same shots, and gives the method by which it was trained.
    ///
    /// # Errors
    /// `model`, `model-network`, `stale-head`, `too-few-classes`, `metric-…`; the session is then as before.
    #[wasm_bindgen(js_name = restoreHead)]
    pub fn restore_head(&mut self, file: &[u8], network: &str) -> Result<String, Error> {
        self.session
            .restore_head(file, network)
            .map(|method| method.name().into())
    }

    /// The probability that two photos are of one class.
    ///
    /// # Errors
    /// `no-siamese`, `embedding-…`.
    #[wasm_bindgen(js_name = sameOrDifferent)]
    pub fn same_or_different(&self, a: Vec<f32>, b: Vec<f32>) -> Result<f32, Error> {
        self.session.same_or_different(&Embedding::new(a)?, &Embedding::new(b)?)
    }

    /// The text of a share link for what was trained. `classes` is `[{id, name, hue}]` and has all that take part.
    ///
    /// # Errors
    /// `link-untrained`, `link-method`, `link-metric`, `link-limit`, `link-name`.
    pub fn link(&mut self, classes: JsValue, network: &str) -> Result<String, JsValue> {
        let classes: Vec<LinkClass> = serde_wasm_bindgen::from_value(classes).map_err(bad_value)?;
        Ok(link::write(&mut self.session, &classes, network)?)
    }

    /// Lets the classifier of a share link answer from now on, and gives `{classes: [{id, name, hue}], method, network}`:
    /// ids are places, and the network is the beginning of its identity.
    ///
    /// # Errors
    /// `link-damaged`, `link-newer`; the session is then as before.
    #[wasm_bindgen(js_name = openLink)]
    pub fn open_link(&mut self, text: &str) -> Result<JsValue, JsValue> {
        let shared = link::read(text)?;
        let summary = to_js(&LinkSummary {
            classes: shared.classes(),
            method: shared.method(),
            network: shared.network(),
        });
        self.session.open(shared);
        summary
    }

    /// Goes back to the prototypes.
    #[wasm_bindgen(js_name = forgetHead)]
    pub fn forget_head(&mut self) {
        self.session.forget_head();
    }
}

/// A training under way.
#[wasm_bindgen]
pub struct Trainer {
    pub(super) training: Training,
}

#[wasm_bindgen]
impl Trainer {
    /// Steps asked for; 0 for methods that learn nothing step by step.
    #[wasm_bindgen(getter)]
    pub fn steps(&self) -> usize {
        self.training.steps()
    }

    /// Steps made so far.
    #[wasm_bindgen(getter)]
    pub fn step(&self) -> usize {
        self.training.steps_done()
    }

    /// True once all steps are made.
    #[wasm_bindgen(getter)]
    pub fn done(&self) -> bool {
        self.training.is_done()
    }

    /// Makes up to `count` steps and gives their reports `[{step, loss, crossEntropy, entropy, accuracy}]`.
    ///
    /// # Errors
    /// None in practice.
    pub fn run(&mut self, count: usize) -> Result<JsValue, JsValue> {
        to_js(&self.training.run(count))
    }
}

/// A photo to name, from its embedding and that by a tuned layer, if any.
fn query(embedding: Vec<f32>, tuned: Option<Vec<f32>>) -> Result<Query, Error> {
    Ok(Query {
        plain: Embedding::new(embedding)?,
        tuned: tuned.map(Embedding::new).transpose()?,
    })
}

/// Photos to name, from their embeddings, which lie one after the other, and those by a tuned layer, if any.
pub fn queries(embeddings: &[f32], tuned: &[f32]) -> Result<Vec<Query>, Error> {
    let mut tuned = tuned.chunks(LENGTH);
    let query = |values: &[f32]| query(values.to_vec(), tuned.next().map(<[f32]>::to_vec));
    embeddings.chunks(LENGTH).map(query).collect()
}

/// The options of a training; none are the default's.
fn request(options: JsValue) -> Result<TrainingRequest, JsValue> {
    match options.is_undefined() {
        true => Ok(TrainingRequest::default()),
        false => serde_wasm_bindgen::from_value(options).map_err(bad_value),
    }
}

pub(super) fn to_js(value: &impl Serialize) -> Result<JsValue, JsValue> {
    serde_wasm_bindgen::to_value(value).map_err(bad_value)
}
