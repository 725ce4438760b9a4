//! The engine: weights on a backend, pictures to embeddings.

use std::{cell::OnceCell, rc::Rc};

use js_sys::Promise;
use wasm_bindgen::{Clamped, prelude::*};
use wasm_bindgen_futures::future_to_promise;

use super::{
    deep::{WebPreparation, WebTuned},
    picture::WebPicture,
    session::Trainer,
};
use crate::{
    Embedder, Error, Square, StateDict, Weights,
    backend::Backbone,
    cpu::{Halfway, Layer4, Trunk},
    embedder::{Views, embed, embed_part, embed_tuned, join, query},
    embedding::Query,
    manifest::Manifest,
    square::SIDE,
    tuned::{folded_layer4, layer4_map},
};

/// By what the network in a weight file is known to metrics and models; for files that come without a manifest.
///
/// # Errors
/// `weights-…`
#[wasm_bindgen(js_name = networkIdentity)]
pub fn network_identity(file: &[u8]) -> Result<String, Error> {
    StateDict::from_file(file)?.identity()
}

/// The embedding of a picture from what `Engine.embedPart` gave for each of its parts, one after the other: that of `Engine.embed`.
///
/// # Errors
/// `maps`, `embedding-not-finite`.
#[wasm_bindgen(js_name = joinParts)]
pub fn join_parts(parts: &[f32]) -> Result<Vec<f32>, Error> {
    Ok(join(parts)?.values().to_vec())
}

/// ResNet-18 on one backend.
#[wasm_bindgen]
pub struct Engine {
    backbone: Rc<Backbone>,
    /// The file that it came from, from which single layers are read when they are asked for. Ours has a few megabytes, where
    /// the parameters as numbers have 45.
    file: Vec<u8>,
    /// Its last layer by itself, once a map of it was asked for.
    layer4: OnceCell<Rc<Layer4>>,
}

#[wasm_bindgen]
impl Engine {
    /// Starts `cpu` or `webgpu` with the bytes of a compact file or a safetensors state dict, folded or torchvision's own.
    ///
    /// # Errors
    /// `unknown-backend`, `weights-…`. A backend that panics poisons the module: probe WebGPU before.
    pub async fn create(backend: String, weights: Vec<u8>) -> Result<Engine, Error> {
        let kind = backend.parse()?;
        let backbone = Rc::new(Backbone::start(kind, Weights::from_file(&weights)?).await?);
        Ok(Engine {
            backbone,
            file: weights,
            layer4: OnceCell::new(),
        })
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
        future_to_promise(async move {
            let embedding = embed(&*backbone, &picture, views(one)).await?;
            Ok(js_sys::Float32Array::from(embedding.values()).into())
        })
    }

    /// Resolves to what is seen in one part of a picture's views, 0 to 3: a `Float32Array`
    /// for `joinParts`, here or in another worker.
    #[wasm_bindgen(js_name = embedPart)]
    pub fn embed_part(&self, picture: &WebPicture, part: usize) -> Promise {
        let (backbone, picture) = (Rc::clone(&self.backbone), picture.picture.clone());
        future_to_promise(async move {
            let seen = embed_part(&*backbone, &picture, part).await?;
            Ok(js_sys::Float32Array::from(seen.as_slice()).into())
        })
    }

    /// Resolves to two such embeddings in an array: by the network as it is, and with the tuned layer.
    #[wasm_bindgen(js_name = embedTuned)]
    pub fn embed_tuned(&self, picture: &WebPicture, one: bool, tuned: &WebTuned) -> Promise {
        let (backbone, picture) = (Rc::clone(&self.backbone), picture.picture.clone());
        let tuned = Rc::clone(&tuned.tuned);
        future_to_promise(async move {
            let query = embed_tuned(&*backbone, &picture, views(one), &tuned).await?;
            Ok(embeddings(query).into())
        })
    }

    /// The first half of the layers on the whole of a picture: what `finish` goes on with, here or in another worker.
    ///
    /// # Errors
    /// `backend` on any but `cpu`.
    pub fn begin(&self, picture: &WebPicture) -> Result<Vec<f32>, Error> {
        let halfway = self.trunk()?.begin(&picture.picture.whole()?);
        Ok(halfway.into_values())
    }

    /// Goes on with what `begin` gave, of the same network: the embeddings of `embed` or `embedTuned` in an array.
    ///
    /// # Errors
    /// `backend` on any but `cpu`, `maps`, `embedding-not-finite`.
    pub fn finish(&self, halfway: Vec<f32>, tuned: Option<WebTuned>) -> Result<js_sys::Array, Error> {
        let seen = self.trunk()?.finish(&Halfway::from_values(halfway)?);
        let tuned = tuned.map(|tuned| tuned.tuned);
        Ok(embeddings(query(&[seen], tuned.as_deref())?))
    }

    /// Resolves to what `DeepPreparation.add` takes of the next shot's picture: its maps after layer 3, one after the
    /// other in a `Float32Array`. `one` where shots are embedded from one view.
    pub fn maps(&self, preparation: &WebPreparation, picture: &WebPicture, one: bool) -> Promise {
        let backbone = Rc::clone(&self.backbone);
        let squares = preparation.preparation.examples.squares(&picture.picture, views(one));
        future_to_promise(async move {
            let seen = backbone.seen(&squares?).await?;
            let maps: Vec<f32> = seen.into_iter().flat_map(|seen| seen.layer3).collect();
            Ok(js_sys::Float32Array::from(maps.as_slice()).into())
        })
    }

    /// Resolves to what layer 4 sees in the whole of a picture, `[512, 7, 7]` in a `Float32Array`: the tuned one where it is
    /// given, else the network's own.
    #[wasm_bindgen(js_name = layer4Map)]
    pub fn layer4_map(&self, picture: &WebPicture, tuned: Option<WebTuned>) -> Promise {
        let (backbone, picture) = (Rc::clone(&self.backbone), picture.picture.clone());
        let layer4 = match tuned {
            Some(tuned) => Ok(tuned.tuned.layer()),
            None => self.own_layer4(),
        };
        future_to_promise(async move {
            let map = layer4_map(&*backbone, &picture, &*layer4?).await?;
            Ok(js_sys::Float32Array::from(map.values()).into())
        })
    }

    /// Starts a deep training, once every shot's maps were added. Takes the preparation.
    ///
    /// # Errors
    /// `maps`
    #[wasm_bindgen(js_name = startDeep)]
    pub fn start_deep(&self, preparation: WebPreparation) -> Result<Trainer, Error> {
        let layer4 = folded_layer4(&StateDict::from_file(&self.file)?)?;
        let training = preparation.preparation.start(&layer4)?;
        Ok(Trainer { training })
    }

    /// Takes the RGBA pixels of 224 × 224 squares, one after the other. Resolves to the spatial means after layer 1 to 4:
    /// four `Float32Array`s of 64, 128, 256 and 512 numbers a square; the last is ResNet-18's embedding.
    #[wasm_bindgen(js_name = stageMeans)]
    pub fn stage_means(&self, rgba: Clamped<Vec<u8>>) -> Promise {
        let squares = rgba.chunks(SIDE * SIDE * 4).map(Square::from_rgba);
        let (backbone, squares) = (Rc::clone(&self.backbone), squares.collect::<Result<Vec<_>, _>>());
        future_to_promise(async move {
            let pooled = backbone.pooled(&squares?).await?;
            let stage = |stage: usize| pooled.iter().flat_map(|pooled| &pooled.means[stage]).copied().collect();
            let arrays = (0..4).map(|index| js_sys::Float32Array::from(Vec::as_slice(&stage(index))));
            Ok(arrays.collect::<js_sys::Array>().into())
        })
    }

    /// Resolves to the cosine between the manifest's known answer and this backend's.
    pub fn verify(&self, manifest: &str) -> Promise {
        let (backbone, manifest) = (Rc::clone(&self.backbone), Manifest::parse(manifest));
        future_to_promise(async move { Ok(manifest?.verify(&*backbone).await?.into()) })
    }
}

impl Engine {
    /// The trunk whose layers can be computed by halves.
    fn trunk(&self) -> Result<&Trunk, Error> {
        match &*self.backbone {
            Backbone::Cpu(trunk) => Ok(trunk),
            other => Err(Error::Backend {
                backend: other.kind().name(),
                reason: "it computes all layers at once; `cpu` alone does so by halves".into(),
            }),
        }
    }

    fn own_layer4(&self) -> Result<Rc<Layer4>, Error> {
        if let Some(layer4) = self.layer4.get() {
            return Ok(Rc::clone(layer4));
        }
        let layer4 = Rc::new(Layer4::load(Weights::from_file(&self.file)?)?);
        Ok(Rc::clone(self.layer4.get_or_init(|| layer4)))
    }
}

/// In an array: by the network as it is, and with the tuned layer, where there is one.
fn embeddings(Query { plain, tuned }: Query) -> js_sys::Array {
    let both = std::iter::once(plain).chain(tuned);
    both.map(|embedding| js_sys::Float32Array::from(embedding.values()))
        .collect()
}

fn views(one: bool) -> Views {
    if one { Views::One } else { Views::All }
}
