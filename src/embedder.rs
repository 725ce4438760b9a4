//! The seam behind which every way to run the network sits: squares in, what each layer saw out.
//!
//! Asynchronous because a GPU's answer is; on the CPU the futures are ready at once.

use std::future::Future;

use crate::{
    Embedding, Error, Picture, Square,
    architecture::{POOLED, Pooled, Seen},
    cpu::Trunk,
    embedding::Query,
    picture::VIEWS,
    tuned::Tuned,
};

/// Something that runs ResNet-18's trunk on squares.
pub trait Embedder {
    /// What the network sees in each square, in their order.
    ///
    /// # Errors
    /// [`Error::Backend`] where the backend fails.
    fn pooled<'a>(&'a self, squares: &'a [Square]) -> impl Future<Output = Result<Vec<Pooled>, Error>>;

    /// The same with the maps after layer 3.
    ///
    /// # Errors
    /// [`Error::Backend`] where the backend fails.
    fn seen<'a>(&'a self, squares: &'a [Square]) -> impl Future<Output = Result<Vec<Seen>, Error>>;
}

/// From how many squares a picture is learnt.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Views {
    /// All of [`Picture::views`]: the most accurate, for photos that stay.
    #[default]
    All,
    /// [`Picture::whole`] alone: an eighth of the work, for live pictures and slow devices.
    One,
}

impl Views {
    /// The squares of a picture.
    ///
    /// # Errors
    /// Those of the resize, none in practice.
    pub fn of(self, picture: &Picture) -> Result<Vec<Square>, Error> {
        match self {
            Views::All => picture.views(),
            Views::One => Ok(vec![picture.whole()?]),
        }
    }
}

/// Embeds a picture.
///
/// # Errors
/// Those of [`Embedder::pooled`]; [`Error::EmbeddingNotFinite`] where the network gives nonsense.
pub async fn embed(embedder: &impl Embedder, picture: &Picture, views: Views) -> Result<Embedding, Error> {
    Embedding::from_views(&embedder.pooled(&views.of(picture)?).await?)
}

/// What the network sees in one of the [`PARTS`](crate::picture::PARTS) of a picture's views, for [`join`]: `[2 · POOLED]`.
///
/// # Errors
/// Those of [`Embedder::pooled`].
pub async fn embed_part(embedder: &impl Embedder, picture: &Picture, part: usize) -> Result<Vec<f32>, Error> {
    let pooled = embedder.pooled(&picture.part(part)?).await?;
    Ok(pooled.iter().flat_map(Pooled::to_row).collect())
}

/// The embedding of a picture from all its parts, one after the other: what [`embed`] gives, to the bit.
///
/// # Errors
/// [`Error::Maps`] where they are not [`VIEWS`] views; [`Error::EmbeddingNotFinite`] where the network gave nonsense.
pub fn join(parts: &[f32]) -> Result<Embedding, Error> {
    if parts.len() != VIEWS * POOLED {
        let reason = format!(
            "expected {VIEWS} views of {POOLED} numbers, got {} numbers",
            parts.len()
        );
        return Err(Error::Maps { reason });
    }
    let views: Vec<Pooled> = parts.chunks_exact(POOLED).map(Pooled::from_row).collect();
    Embedding::from_views(&views)
}

/// Embeds a picture twice: by the network as it is, and with its last layer tuned.
///
/// # Errors
/// Those of [`embed`].
pub async fn embed_tuned(
    embedder: &impl Embedder,
    picture: &Picture,
    views: Views,
    tuned: &Tuned,
) -> Result<Query, Error> {
    query(&embedder.seen(&views.of(picture)?).await?, Some(tuned))
}

/// What was seen in the views of one photo → its embedding, and its embedding by a tuned layer, where there is one.
///
/// # Errors
/// [`Error::EmbeddingNotFinite`] where the network gave nonsense.
pub fn query(seen: &[Seen], tuned: Option<&Tuned>) -> Result<Query, Error> {
    let plain: Vec<Pooled> = seen.iter().map(|seen| seen.pooled.clone()).collect();
    let tuned = tuned.map(|tuned| Embedding::from_views(&tuned.pooled(seen)));
    Ok(Query {
        plain: Embedding::from_views(&plain)?,
        tuned: tuned.transpose()?,
    })
}

/// Our own arithmetic for one thread of the CPU.
impl Embedder for Trunk {
    async fn pooled<'a>(&'a self, squares: &'a [Square]) -> Result<Vec<Pooled>, Error> {
        Ok(Trunk::pooled(self, squares))
    }

    async fn seen<'a>(&'a self, squares: &'a [Square]) -> Result<Vec<Seen>, Error> {
        Ok(Trunk::seen(self, squares))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_parts_are_wanted() {
        for count in [0, 1, VIEWS * POOLED - 1, (VIEWS + 2) * POOLED] {
            assert_eq!(join(&vec![1.0; count]).unwrap_err().code(), "maps");
        }
        assert_eq!(
            join(&[1.0; VIEWS * POOLED]).unwrap().values(),
            [1.0; crate::embedding::LENGTH]
        );
    }
}
