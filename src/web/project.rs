//! Project files for the page's worker: a file is read where it lies, and written part by part, so that neither is ever
//! whole in memory.

use std::io;

use js_sys::Uint8Array;
use wasm_bindgen::prelude::*;

use crate::{
    Embedding, Error,
    archive::damaged,
    project::{self, Opened, Project, ReaderAt},
};

/// Reads a `Blob` in pieces; there is a `FileReaderSync` in workers alone.
struct BlobReader {
    blob: web_sys::Blob,
    reader: web_sys::FileReaderSync,
}

impl ReaderAt for BlobReader {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let failed = |error: JsValue| io::Error::other(format!("{error:?}"));
        let (start, end) = (offset as f64, offset as f64 + buffer.len() as f64);
        let part = self.blob.slice_with_f64_and_f64(start, end).map_err(failed)?;
        let bytes = Uint8Array::new(&self.reader.read_as_array_buffer(&part).map_err(failed)?.into());
        let length = bytes.length() as usize;
        bytes.copy_to(&mut buffer[..length]);
        Ok(length)
    }
}

/// A project, or an archive of photos, that is being read.
#[wasm_bindgen(js_name = ProjectReader)]
pub struct WebProjectReader {
    opened: Opened<BlobReader>,
}

#[wasm_bindgen(js_class = ProjectReader)]
impl WebProjectReader {
    /// Opens a file; `name` is its name.
    ///
    /// # Errors
    /// `project-…`
    #[wasm_bindgen(constructor)]
    pub fn open(blob: web_sys::Blob, name: &str) -> Result<WebProjectReader, JsValue> {
        let length = blob.size() as u64;
        let reader = web_sys::FileReaderSync::new()?;
        let opened = project::open(BlobReader { blob, reader }, length, name)?;
        Ok(Self { opened })
    }

    /// `project.json` as it is documented; `undefined` for an archive of photos.
    ///
    /// # Errors
    /// None in practice.
    pub fn project(&self) -> Result<Option<String>, Error> {
        match &self.opened {
            Opened::Project(reader) => json(reader.project()).map(Some),
            Opened::Samples(_) => Ok(None),
        }
    }

    /// `[{className, name}]` of an archive of photos, as JSON; `undefined` for a project.
    ///
    /// # Errors
    /// None in practice.
    pub fn samples(&self) -> Result<Option<String>, Error> {
        match &self.opened {
            Opened::Project(_) => Ok(None),
            Opened::Samples(samples) => json(samples.samples()).map(Some),
        }
    }

    /// The file of a photo, by its number: of a project class by class, then the tests; of an archive as `samples` has them.
    ///
    /// # Errors
    /// `project-damaged`, `project-too-large`.
    pub fn photo(&self, number: usize) -> Result<Vec<u8>, Error> {
        match &self.opened {
            Opened::Project(reader) => reader.photo(number),
            Opened::Samples(samples) => samples.photo(number),
        }
    }

    /// The embedding of a project's photo, by its number.
    pub fn embedding(&self, number: usize) -> Option<Vec<f32>> {
        match &self.opened {
            Opened::Project(reader) => reader.embedding(number).map(|embedding| embedding.values().to_vec()),
            Opened::Samples(_) => None,
        }
    }

    /// What was trained, for `Session.restoreHead`.
    pub fn head(&self) -> Option<Vec<u8>> {
        match &self.opened {
            Opened::Project(reader) => reader.head().map(<[u8]>::to_vec),
            Opened::Samples(_) => None,
        }
    }

    /// The file of the metric that was given when that was trained, for `Session.useMetric` before.
    ///
    /// # Errors
    /// None in practice: the head was checked.
    pub fn metric(&self) -> Result<Option<Vec<u8>>, Error> {
        match &self.opened {
            Opened::Project(reader) => Ok(reader.metric()?.map(<[u8]>::to_vec)),
            Opened::Samples(_) => Ok(None),
        }
    }
}

/// A project file that is being written.
#[wasm_bindgen(js_name = ProjectWriter)]
pub struct WebProjectWriter {
    writer: project::ProjectWriter,
    start: Vec<u8>,
}

#[wasm_bindgen(js_class = ProjectWriter)]
impl WebProjectWriter {
    /// Begins a file, from a `project.json` without `schema`, `app` and the photos' paths.
    ///
    /// # Errors
    /// `project-…`
    #[wasm_bindgen(constructor)]
    pub fn new(json: &str) -> Result<WebProjectWriter, Error> {
        let (writer, start) = project::ProjectWriter::new(Project::from_page(json)?)?;
        Ok(Self { writer, start })
    }

    /// The file's first bytes.
    #[wasm_bindgen(getter)]
    pub fn start(&self) -> Vec<u8> {
        self.start.clone()
    }

    /// Adds the PNG and the embedding of the next photo, class by class and then the tests. Gives the file's next bytes.
    ///
    /// # Errors
    /// `project-damaged`, `project-too-large`, `embedding-…`.
    pub fn add(&mut self, png: &[u8], embedding: Option<Vec<f32>>) -> Result<Vec<u8>, Error> {
        let embedding = embedding.map(Embedding::new).transpose()?;
        self.writer.add(png, embedding.as_ref())
    }

    /// Ends the file with what `Session.headFile` gave. Gives its last bytes, and takes the writer.
    ///
    /// # Errors
    /// `project-damaged`, `model`, `model-network`.
    pub fn finish(self, head: Option<Vec<u8>>) -> Result<Vec<u8>, Error> {
        self.writer.finish(head.as_deref())
    }
}

fn json<T: serde::Serialize + ?Sized>(value: &T) -> Result<String, Error> {
    serde_json::to_string(value).map_err(|error| damaged(error.to_string()))
}
