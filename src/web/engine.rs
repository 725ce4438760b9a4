//! The engine: weights on a backend, pictures to embeddings.

use std::rc::Rc;

use js_sys::Promise;
use wasm_bindgen::{Clamped, prelude::*};
use wasm_bindgen_futures::future_to_promise;

use super::picture::WebPicture;
use crate::{
    Embedder, Error, Square, StateDict,
    backend::Backbone,
    embedder::{Views, embed},
    manifest::{self, Manifest},
};

/// The SHA-256 by which a weight file is known, in lower-case hex.
#[wasm_bindgen]
pub fn sha256(file: &[u8]) -> String {
    manifest::sha256(file)
}

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

    /// Resolves to the embedding, a `Float32Array` of 1536: from all views of the picture, or from `one` alone.
    pub fn embed(&self, picture: &WebPicture, one: bool) -> Promise {
        let (backbone, picture) = (Rc::clone(&self.backbone), picture.picture.clone());
        let views = if one { Views::One } else { Views::All };
        future_to_promise(async move {
            let embedding = embed(&*backbone, &picture, views).await?;
            Ok(js_sys::Float32Array::from(embedding.values()).into())
        })
    }

    /// Takes the RGBA pixels of a 224 × 224 square. Resolves to the spatial means after layer 1 to 4: four
    /// `Float32Array`s of 64, 128, 256 and 512; the last is ResNet-18's embedding.
    #[wasm_bindgen(js_name = stageMeans)]
    pub fn stage_means(&self, rgba: Clamped<Vec<u8>>) -> Promise {
        let (backbone, square) = (Rc::clone(&self.backbone), Square::from_rgba(&rgba));
        future_to_promise(async move {
            let pooled = backbone.pooled(&[square?]).await?;
            let means = pooled.iter().flat_map(|pooled| &pooled.means);
            let arrays = means.map(|mean| js_sys::Float32Array::from(mean.as_slice()));
            Ok(arrays.collect::<js_sys::Array>().into())
        })
    }

    /// Resolves to the cosine between the manifest's known answer and this backend's.
    pub fn verify(&self, manifest: &str) -> Promise {
        let (backbone, manifest) = (Rc::clone(&self.backbone), Manifest::parse(manifest));
        future_to_promise(async move { Ok(manifest?.verify(&*backbone).await?.into()) })
    }
}
