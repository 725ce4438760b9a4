//! The session for the page: shots, predictions and training.

use std::{cell::RefCell, rc::Rc};

use js_sys::Promise;
use serde::Serialize;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::future_to_promise;

use super::error::bad_value;
use crate::{Embedding, Error, Session, finetune::TrainingRequest, session::Training};

/// Support set, prototypes and head.
#[wasm_bindgen(js_name = Session)]
#[derive(Default)]
pub struct WebSession {
    session: Session,
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

    /// `{method, scores: [{classId, probability}], nearest: {shotId, classId, similarity}}`.
    ///
    /// # Errors
    /// `too-few-classes`, `embedding-…`.
    pub fn predict(&mut self, embedding: Vec<f32>) -> Result<JsValue, JsValue> {
        to_js(&self.session.predict(&Embedding::new(embedding)?)?)
    }

    /// Starts a fine-tuning; see `TrainingRequest` for the options.
    ///
    /// # Errors
    /// `option`, `too-few-classes`, `empty-class`.
    #[wasm_bindgen(js_name = startTraining)]
    pub fn start_training(&self, options: JsValue) -> Result<Trainer, JsValue> {
        let request: TrainingRequest = match options.is_undefined() {
            true => TrainingRequest::default(),
            false => serde_wasm_bindgen::from_value(options).map_err(bad_value)?,
        };
        let training = self.session.start_training(request.options()?)?;
        Ok(Trainer {
            steps: training.steps(),
            training: Rc::new(RefCell::new(Some(training))),
        })
    }

    /// Takes over what a trainer has learnt so far.
    ///
    /// # Errors
    /// `stale-training`.
    #[wasm_bindgen(js_name = finishTraining)]
    pub fn finish_training(&mut self, trainer: &Trainer) -> Result<(), Error> {
        let training = trainer.training.borrow();
        let training = training.as_ref().ok_or(Error::StaleTraining)?;
        self.session.finish_training(training)
    }

    /// Goes back to the prototypes.
    #[wasm_bindgen(js_name = forgetHead)]
    pub fn forget_head(&mut self) {
        self.session.forget_head();
    }
}

/// A fine-tuning under way.
#[wasm_bindgen]
pub struct Trainer {
    /// Taken out while steps run, so that no borrow is held across an `.await`.
    training: Rc<RefCell<Option<Training>>>,
    steps: usize,
}

#[wasm_bindgen]
impl Trainer {
    /// Steps asked for.
    #[wasm_bindgen(getter)]
    pub fn steps(&self) -> usize {
        self.steps
    }

    /// Steps made so far; all of them while a run is under way.
    #[wasm_bindgen(getter)]
    pub fn step(&self) -> usize {
        self.training.borrow().as_ref().map_or(self.steps, Training::steps_done)
    }

    /// True once all steps are made.
    #[wasm_bindgen(getter)]
    pub fn done(&self) -> bool {
        self.training.borrow().as_ref().is_some_and(Training::is_done)
    }

    /// Makes up to `count` steps; resolves to their reports `[{step, loss, crossEntropy, entropy, accuracy}]`.
    /// Rejects with `stale-training` while another run is under way.
    pub fn run(&self, count: usize) -> Promise {
        let cell = Rc::clone(&self.training);
        future_to_promise(async move {
            let mut training = cell.borrow_mut().take().ok_or(Error::StaleTraining)?;
            let reports = training.run(count).await;
            *cell.borrow_mut() = Some(training);
            to_js(&reports?)
        })
    }
}

fn to_js(value: &impl Serialize) -> Result<JsValue, JsValue> {
    serde_wasm_bindgen::to_value(value).map_err(bad_value)
}
