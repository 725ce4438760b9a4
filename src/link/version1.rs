//! Version 1 of what a link holds, which is read and no longer written: whatever the head sees, "none of these" is judged by
//! prototypes of 1,024 numbers.

use super::{
    Shared,
    body::{Named, Reader, inflated},
    damaged,
    rounding::paired,
};
use crate::{
    Error,
    features::{Features, Space},
    vector::add_scaled,
};

pub(super) const VERSION: u8 = 1;

/// Reads the body of a link.
///
/// # Errors
/// [`Error::LinkDamaged`] with what is wrong.
pub(super) fn decode(body: &[u8]) -> Result<Shared, Error> {
    let bytes = inflated(body)?;
    let mut reader = Reader(&bytes);
    let start = reader.start()?;
    if start.same_space && start.features != Features::Pooled {
        return Err(damaged("a choice that there is not".into()));
    }
    let classes = reader.classes()?;
    let pooled = Features::Pooled.length();
    let origin = paired(reader.vector(pooled, start.steps[0])?);
    let prototypes = reader.vectors(classes.len(), pooled, start.steps[1])?;
    let mut weight = reader.vectors(classes.len(), start.features.length(), start.steps[2])?;
    reader.end()?;
    let mut named = Vec::new();
    for (index, Named { class, numbers }) in classes.into_iter().enumerate() {
        let [bias, share] = numbers;
        if start.same_space {
            add_scaled(&mut weight[index], share, &prototypes[index]);
        }
        named.push((class, bias));
    }
    let space = Space::with_origin(Features::Pooled, origin);
    Ok(start.shared(named, space, prototypes, weight))
}
