//! The engine: weights on a backend, squares to embeddings.

use std::rc::Rc;

use js_sys::Promise;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::future_to_promise;

use super::square::WebSquare;
use crate::{Embedder, Error, StateDict, backend::Backbone, manifest::Manifest};

/// ResNet-18 on one backend.
#[wasm_bindgen]
pub struct Engine {
    backbone: Rc<Backbone>,
}

#[wasm_bindgen]
impl Engine {
    /// Starts `cpu` or `webgpu` with the bytes of a safetensors state dict, folded or torchvision's own.
    ///
    /// # Errors
    /// `unknown-backend`, `weights-…`. A backend that panics poisons the module: probe WebGPU before.
    pub async fn create(backend: String, weights: Vec<u8>) -> Result<Engine, Error> {
        let kind = backend.parse()?;
        let state_dict = StateDict::from_safetensors(&weights)?;
        drop(weights);
        let backbone = Rc::new(Backbone::start(kind, &state_dict).await?);
        Ok(Engine { backbone })
    }

    /// `cpu` or `webgpu`.
    #[wasm_bindgen(getter)]
    pub fn backend(&self) -> String {
        self.backbone.kind().to_string()
    }

    /// The adapter's name; empty where the browser does not tell it.
    #[wasm_bindgen(getter)]
    pub fn adapter(&self) -> String {
        self.backbone.adapter().into()
    }

    /// Resolves to the embedding, a `Float32Array` of 512.
    pub fn embed(&self, square: &WebSquare) -> Promise {
        let (backbone, square) = (Rc::clone(&self.backbone), square.square.clone());
        future_to_promise(async move {
            let embedding = backbone.embed_one(&square).await?;
            Ok(js_sys::Float32Array::from(embedding.values()).into())
        })
    }

    /// Resolves to the spatial means after layer 1 to 4: four `Float32Array`s of 64, 128, 256 and 512.
    #[wasm_bindgen(js_name = stageMeans)]
    pub fn stage_means(&self, square: &WebSquare) -> Promise {
        let (backbone, square) = (Rc::clone(&self.backbone), square.square.clone());
        future_to_promise(async move {
            let means = backbone.stage_means(&square).await?;
            Ok(means
                .iter()
                .map(|mean| js_sys::Float32Array::from(mean.as_slice()))
                .collect::<js_sys::Array>()
                .into())
        })
    }

    /// Resolves to the cosine between the manifest's known answer and this backend's.
    pub fn verify(&self, manifest: &str) -> Promise {
        let (backbone, manifest) = (Rc::clone(&self.backbone), Manifest::parse(manifest));
        future_to_promise(async move { Ok(manifest?.verify(&*backbone).await?.into()) })
    }
}
