//! The seam behind which every way to run the network sits: squares in, what each layer saw out.
//!
//! Asynchronous because a GPU's answer is; on the CPU the futures are ready at once.

use std::future::Future;

use burn::tensor::{Tensor, TensorData, backend::Backend};

use crate::{
    Embedding, Error, Picture, Square, StateDict,
    architecture::{self, Pooled},
    cpu::Trunk,
    resnet18::{ResNet18, spatial_deviation, spatial_mean},
    square::SIDE,
};

/// Something that runs ResNet-18's trunk on squares.
pub trait Embedder {
    /// What the network sees in each square, in their order.
    ///
    /// # Errors
    /// [`Error::Backend`] where the backend fails.
    fn pooled<'a>(&'a self, squares: &'a [Square]) -> impl Future<Output = Result<Vec<Pooled>, Error>>;
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

/// Embeds a picture.
///
/// # Errors
/// Those of [`Embedder::pooled`]; [`Error::EmbeddingNotFinite`] where the network gives nonsense.
pub async fn embed(embedder: &impl Embedder, picture: &Picture, views: Views) -> Result<Embedding, Error> {
    let squares = match views {
        Views::All => picture.views()?,
        Views::One => vec![picture.whole()?],
    };
    Embedding::from_views(&embedder.pooled(&squares).await?)
}

/// Our own arithmetic for one thread of the CPU.
impl Embedder for Trunk {
    async fn pooled<'a>(&'a self, squares: &'a [Square]) -> Result<Vec<Pooled>, Error> {
        Ok(Trunk::pooled(self, squares))
    }
}

/// ResNet-18 on any of Burn's backends.
#[derive(Debug)]
pub struct BurnEmbedder<B: Backend> {
    network: ResNet18<B>,
    device: B::Device,
    backend: &'static str,
}

impl<B: Backend> BurnEmbedder<B> {
    /// Puts the weights on the device. `backend` names it in errors.
    ///
    /// # Errors
    /// Those of [`ResNet18::load`].
    pub fn new(state_dict: &StateDict, device: B::Device, backend: &'static str) -> Result<Self, Error> {
        Ok(Self {
            network: ResNet18::load(state_dict, &device)?,
            device,
            backend,
        })
    }

    /// `[b, 3, 224, 224]`.
    fn input(&self, squares: &[Square]) -> Tensor<B, 4> {
        let values = squares.iter().flat_map(Square::normalised).collect();
        Tensor::from_data(TensorData::new(values, [squares.len(), 3, SIDE, SIDE]), &self.device)
    }

    async fn read<const D: usize>(&self, tensor: Tensor<B, D>) -> Result<Vec<f32>, Error> {
        let failed = |reason: String| Error::Backend {
            backend: self.backend,
            reason,
        };
        let data = tensor.into_data_async().await.map_err(|e| failed(e.to_string()))?;
        data.into_vec().map_err(|e| failed(format!("{e:?}")))
    }
}

impl<B: Backend> Embedder for BurnEmbedder<B> {
    async fn pooled<'a>(&'a self, squares: &'a [Square]) -> Result<Vec<Pooled>, Error> {
        if squares.is_empty() {
            return Ok(Vec::new());
        }
        let stages = self.network.stages(self.input(squares));
        let deviations = spatial_deviation(stages.maps[3].clone());
        // One tensor [b, 1472], so that a GPU is read back once.
        let mut parts = stages.maps.map(spatial_mean).to_vec();
        parts.push(deviations);
        let rows = self.read(Tensor::cat(parts, 1)).await?;
        Ok(rows.chunks_exact(architecture::POOLED).map(Pooled::from_row).collect())
    }
}
