//! What the page gives away: embeddings and answers as tables, the classifier as an ONNX file.

use serde::Deserialize;
use wasm_bindgen::prelude::*;

use super::{
    error::bad_value,
    session::{WebSession, queries},
};
use crate::{
    Embedding, Error, StateDict,
    embedding::LENGTH,
    export::{self, Answers, PhotoArchive, Row},
    manifest::{Manifest, Origin},
    onnx::{self, About, Named},
};

/// What is known of the network that embeds.
#[derive(Deserialize)]
struct Network {
    identity: String,
    /// Where it came from.
    source: String,
    /// The text of its manifest; a network that the visitor brought has none.
    manifest: Option<String>,
}

/// What the page calls a class.
#[derive(Deserialize)]
struct ClassName {
    id: u32,
    name: String,
}

/// A file of embeddings, `npy` or `csv`: those of the photos named so, of the classes named so, one after the other.
///
/// # Errors
/// `option`, `embedding-…`.
#[wasm_bindgen(js_name = embeddingsFile)]
pub fn embeddings_file(
    format: &str,
    classes: Vec<String>,
    names: Vec<String>,
    embeddings: &[f32],
) -> Result<Vec<u8>, Error> {
    let embeddings = embeddings.chunks(LENGTH).map(|values| Embedding::new(values.to_vec()));
    let embeddings = embeddings.collect::<Result<Vec<_>, _>>()?;
    let photos = classes.iter().zip(&names).zip(&embeddings);
    let rows = photos.map(|((class, name), embedding)| Row { class, name, embedding });
    export::embeddings(format.parse()?, &rows.collect::<Vec<_>>())
}

/// Photos that are put into a zip archive, a folder for each class.
#[wasm_bindgen(js_name = PhotoArchive)]
#[derive(Default)]
pub struct WebPhotoArchive {
    archive: PhotoArchive,
}

#[wasm_bindgen(js_class = PhotoArchive)]
impl WebPhotoArchive {
    /// An archive of nothing.
    #[wasm_bindgen(constructor)]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the PNG of a class's next photo, and gives the file's next bytes.
    ///
    /// # Errors
    /// `project-too-large`.
    pub fn add(&mut self, class: &str, png: &[u8]) -> Result<Vec<u8>, Error> {
        self.archive.add(class, png)
    }

    /// Gives the file's last bytes, and takes the archive.
    ///
    /// # Errors
    /// `project-too-large`.
    pub fn finish(self) -> Result<Vec<u8>, Error> {
        self.archive.finish()
    }
}

#[wasm_bindgen(js_class = Session)]
impl WebSession {
    /// What names photos now, as an ONNX file. Takes the bytes of the weight file, `{identity, source, manifest}` of the
    /// network, and the classes as `[{id, name}]`.
    ///
    /// # Errors
    /// `too-few-classes`, `weights-…`, `manifest`.
    pub fn onnx(&mut self, weights: Vec<u8>, network: JsValue, classes: JsValue) -> Result<Vec<u8>, JsValue> {
        let classes = self.names(classes)?;
        let network: Network = serde_wasm_bindgen::from_value(network).map_err(bad_value)?;
        let origin = match &network.manifest {
            Some(text) => Manifest::parse(text)?.origin,
            None => Origin::unknown(&network.source),
        };
        let state_dict = StateDict::from_file(&weights)?;
        drop(weights);
        let (method, classifier) = self.session.classifier()?;
        let about = About {
            network: &network.identity,
            origin: &origin,
        };
        let named = Named {
            classifier,
            method,
            classes: &classes,
        };
        Ok(onnx::classifier(state_dict, &about, &named)?)
    }

    /// What is said of photos as CSV. Takes their names, their embeddings and those by the tuned layer as `assess` does,
    /// the classes as `[{id, name}]`, and how surely a photo must be any of them.
    ///
    /// # Errors
    /// `too-few-classes`, `embedding-…`.
    #[wasm_bindgen(js_name = answersFile)]
    pub fn answers_file(
        &mut self,
        names: Vec<String>,
        embeddings: &[f32],
        tuned: &[f32],
        classes: JsValue,
        threshold: f32,
    ) -> Result<Vec<u8>, JsValue> {
        let mut bytes = Vec::new();
        let mut answers = Answers::new(&mut bytes, self.names(classes)?, threshold)?;
        for (name, query) in names.iter().zip(queries(embeddings, tuned)?) {
            answers.add(name, &self.session.predict(query)?)?;
        }
        Ok(bytes)
    }

    /// The names of the classes that take part, in the order of predictions.
    fn names(&self, classes: JsValue) -> Result<Vec<String>, JsValue> {
        let classes: Vec<ClassName> = serde_wasm_bindgen::from_value(classes).map_err(bad_value)?;
        let episode = self.session.support().episode()?;
        let name = |id: u32| {
            classes
                .iter()
                .find(|class| class.id == id)
                .map(|class| class.name.clone())
        };
        Ok(episode.iter().map(|class| name(class.id).unwrap_or_default()).collect())
    }
}
