//! The seam behind which every way to compute an embedding sits: squares in, embeddings out.
//!
//! Asynchronous because a GPU's answer is; on the CPU the futures are ready at once.

use std::future::Future;

use burn::tensor::{Tensor, TensorData, backend::Backend};

use crate::{
    Embedding, Error, Square, StateDict,
    architecture::EMBEDDING,
    resnet18::{ResNet18, spatial_mean},
    square::SIDE,
};

/// Something that embeds squares with ResNet-18.
pub trait Embedder {
    /// One embedding per square, in their order.
    ///
    /// # Errors
    /// [`Error::Backend`] where the backend fails; [`Error::EmbeddingNotFinite`] where the network gives nonsense.
    fn embed(&self, squares: &[Square]) -> impl Future<Output = Result<Vec<Embedding>, Error>>;

    /// The spatial means of the maps after `layer1` … `layer4` for one square: 64, 128, 256, 512 numbers.
    /// They show where a backend first departs from another.
    ///
    /// # Errors
    /// [`Error::Backend`].
    fn stage_means(&self, square: &Square) -> impl Future<Output = Result<[Vec<f32>; 4], Error>>;
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
    async fn embed(&self, squares: &[Square]) -> Result<Vec<Embedding>, Error> {
        if squares.is_empty() {
            return Ok(Vec::new());
        }
        let rows = self.read(self.network.forward(self.input(squares))).await?;
        rows.chunks_exact(EMBEDDING)
            .map(|row| Embedding::new(row.to_vec()))
            .collect()
    }

    async fn stage_means(&self, square: &Square) -> Result<[Vec<f32>; 4], Error> {
        let stages = self.network.stages(self.input(std::slice::from_ref(square)));
        let [map1, map2, map3, map4] = stages.maps.map(spatial_mean);
        Ok([
            self.read(map1).await?,
            self.read(map2).await?,
            self.read(map3).await?,
            self.read(map4).await?,
        ])
    }
}
