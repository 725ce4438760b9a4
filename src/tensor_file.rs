//! Safetensors files that say what they are: a `format` among their metadata, other words beside it, finite f32 tensors
//! and files within the file. What is in a model, a head or a project is their owners' business.

use std::collections::HashMap;

use safetensors::{Dtype, SafeTensors, tensor::TensorView};

use crate::Error;

/// A file that is being put together.
pub(crate) struct TensorWriter {
    tensors: Vec<(String, Dtype, Vec<usize>, Vec<u8>)>,
    metadata: HashMap<String, String>,
}

impl TensorWriter {
    /// An empty file of a format.
    pub(crate) fn new(format: &str) -> Self {
        let mut writer = Self {
            tensors: Vec::new(),
            metadata: HashMap::new(),
        };
        writer.describe("format", format);
        writer
    }

    /// Adds a word to the description.
    pub(crate) fn describe(&mut self, key: &str, value: impl Into<String>) {
        self.metadata.insert(key.to_owned(), value.into());
    }

    /// Adds a tensor of f32.
    pub(crate) fn floats<'a>(&mut self, name: &str, shape: &[usize], values: impl IntoIterator<Item = &'a f32>) {
        let mut bytes = Vec::with_capacity(shape.iter().product::<usize>() * 4);
        for value in values {
            bytes.extend_from_slice(&value.to_le_bytes());
        }
        self.tensors.push((name.to_owned(), Dtype::F32, shape.to_vec(), bytes));
    }

    /// Adds bytes, such as a file within the file.
    pub(crate) fn bytes(&mut self, name: &str, bytes: Vec<u8>) {
        self.tensors
            .push((name.to_owned(), Dtype::U8, vec![bytes.len()], bytes));
    }

    /// The file.
    pub(crate) fn finish(self) -> Result<Vec<u8>, Error> {
        let mut views = Vec::with_capacity(self.tensors.len());
        for (name, kind, shape, bytes) in &self.tensors {
            let view = TensorView::new(*kind, shape.clone(), bytes).map_err(unreadable)?;
            views.push((name, view));
        }
        safetensors::serialize(views, Some(self.metadata)).map_err(unreadable)
    }
}

/// A file that is being read.
pub(crate) struct TensorFile<'a> {
    tensors: SafeTensors<'a>,
    metadata: HashMap<String, String>,
}

impl<'a> TensorFile<'a> {
    /// Reads the description of a file of this format.
    ///
    /// # Errors
    /// [`Error::Model`], here and below.
    pub(crate) fn open(bytes: &'a [u8], format: &str) -> Result<Self, Error> {
        let (_, header) = SafeTensors::read_metadata(bytes).map_err(unreadable)?;
        let file = Self {
            tensors: SafeTensors::deserialize(bytes).map_err(unreadable)?,
            metadata: header.metadata().clone().unwrap_or_default(),
        };
        match file.metadata("format")? {
            found if found == format => Ok(file),
            other => Err(damaged(format!("format `{other}`, expected `{format}`"))),
        }
    }

    /// A word of the description, where it is there.
    pub(crate) fn find(&self, key: &str) -> Option<&str> {
        self.metadata.get(key).map(String::as_str)
    }

    /// A word of the description.
    pub(crate) fn metadata(&self, key: &str) -> Result<&str, Error> {
        let value = self.find(key);
        value.ok_or_else(|| damaged(format!("no `{key}` in its description; is it a file of Glimpse?")))
    }

    /// A finite f32 tensor; `None` in the shape fits every length.
    pub(crate) fn floats(&self, name: &str, shape: &[Option<usize>]) -> Result<Vec<f32>, Error> {
        let view = self.tensors.tensor(name).map_err(|e| damaged(e.to_string()))?;
        let fits = view.shape().len() == shape.len()
            && view
                .shape()
                .iter()
                .zip(shape)
                .all(|(got, expected)| expected.is_none_or(|length| length == *got));
        if !fits || view.dtype() != Dtype::F32 {
            let (got, kind) = (view.shape(), view.dtype());
            return Err(damaged(format!(
                "`{name}` has shape {got:?} of {kind:?}, expected {shape:?} of F32"
            )));
        }
        let values: Vec<f32> = view
            .data()
            .as_chunks()
            .0
            .iter()
            .map(|&chunk| f32::from_le_bytes(chunk))
            .collect();
        match values.iter().all(|value| value.is_finite()) {
            true => Ok(values),
            false => Err(damaged(format!("`{name}` holds a value that is not a finite number"))),
        }
    }

    /// Bytes within the file; `None` where there are none of that name.
    pub(crate) fn bytes(&self, name: &str) -> Result<Option<&'a [u8]>, Error> {
        match self.tensors.tensor(name) {
            Ok(view) if view.dtype() == Dtype::U8 => Ok(Some(view.data())),
            Ok(view) => Err(damaged(format!("`{name}` is {:?}, expected U8", view.dtype()))),
            Err(_) => Ok(None),
        }
    }
}

/// The error of a file that is not what it should be.
pub(crate) fn damaged(reason: String) -> Error {
    Error::Model { reason }
}

fn unreadable(error: impl std::fmt::Display) -> Error {
    damaged(error.to_string())
}
