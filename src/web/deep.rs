//! Deep fine-tuning for the page: what it learns from, and what it leaves.

use std::rc::Rc;

use wasm_bindgen::prelude::*;

use crate::{Error, architecture::LAYER3, session::DeepPreparation, tuned::Tuned};

/// A deep training before it starts: it waits for the maps of its shots.
#[wasm_bindgen(js_name = DeepPreparation)]
pub struct WebPreparation {
    pub(super) preparation: DeepPreparation,
}

#[wasm_bindgen(js_class = DeepPreparation)]
impl WebPreparation {
    /// Ids of the shots, in the order in which their maps are to be added.
    #[wasm_bindgen(getter, js_name = shotIds)]
    pub fn shot_ids(&self) -> Vec<u32> {
        self.preparation.examples.shot_ids().to_vec()
    }

    /// Adds what `Engine.maps` gave of the next shot.
    ///
    /// # Errors
    /// `maps`
    pub fn add(&mut self, maps: &[f32]) -> Result<(), Error> {
        let (channels, side) = LAYER3;
        let maps = maps.chunks(channels * side * side).map(<[f32]>::to_vec);
        self.preparation.examples.add(maps.collect())
    }
}

/// A tuned last layer.
#[wasm_bindgen(js_name = Tuned)]
pub struct WebTuned {
    pub(super) tuned: Rc<Tuned>,
}
