//! PyTorch's `.pth` files, zip and legacy, as state dicts. Only natively: the reader needs a path.

use std::path::Path;

use burn_store::pytorch::PytorchReader;

use crate::{Error, StateDict, state_dict::Parameter};

/// Reads a state dict, or a checkpoint that holds one under `state_dict`. Integer tensors are passed over.
///
/// # Errors
/// [`Error::WeightsFormat`].
pub fn read(path: &Path) -> Result<StateDict, Error> {
    let unreadable = |reason: String| Error::WeightsFormat {
        reason: format!("{}: {reason}", path.display()),
    };
    let reader = match PytorchReader::new(path) {
        Ok(reader) if !reader.is_empty() => reader,
        Ok(_) => PytorchReader::with_top_level_key(path, "state_dict").map_err(|e| unreadable(e.to_string()))?,
        Err(error) => return Err(unreadable(error.to_string())),
    };
    let mut dict = StateDict::default();
    for (name, snapshot) in reader.into_tensors() {
        let data = snapshot.to_data().map_err(|e| unreadable(format!("`{name}`: {e:?}")))?;
        if !data.dtype.is_float() {
            continue;
        }
        let shape = data.shape.to_vec();
        let values = data
            .convert::<f32>()
            .into_vec()
            .map_err(|e| unreadable(format!("`{name}`: {e:?}")))?;
        dict.insert(name, Parameter { shape, values });
    }
    Ok(dict)
}
