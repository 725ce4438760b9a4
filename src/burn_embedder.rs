//! ResNet-18 in Burn as an [`Embedder`]: squares go up to the device at once, and one tensor comes back.

use burn::tensor::{Tensor, TensorData, backend::Backend};

use crate::{
    Embedder, Error, Square, StateDict,
    architecture::{self, LAYER3, Pooled, Seen},
    resnet18::{ResNet18, Stages, spatial_deviation, spatial_mean},
    square::SIDE,
};

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
        let rows = self.read(pooled_rows(stages)).await?;
        Ok(rows.chunks_exact(architecture::POOLED).map(Pooled::from_row).collect())
    }

    async fn seen<'a>(&'a self, squares: &'a [Square]) -> Result<Vec<Seen>, Error> {
        if squares.is_empty() {
            return Ok(Vec::new());
        }
        let stages = self.network.stages(self.input(squares));
        let length = LAYER3.0 * LAYER3.1 * LAYER3.1;
        let layer3 = stages.maps[2].clone().reshape([squares.len(), length]);
        let joined = Tensor::cat(vec![pooled_rows(stages), layer3], 1);
        let rows = self.read(joined).await?;
        let seen = |row: &[f32]| Seen {
            pooled: Pooled::from_row(row),
            layer3: row[architecture::POOLED..].to_vec(),
        };
        Ok(rows.chunks_exact(architecture::POOLED + length).map(seen).collect())
    }
}

/// One tensor `[b, 1472]`, so that a GPU is read back once.
fn pooled_rows<B: Backend>(stages: Stages<B>) -> Tensor<B, 2> {
    let deviations = spatial_deviation(stages.maps[3].clone());
    let mut parts = stages.maps.map(spatial_mean).to_vec();
    parts.push(deviations);
    Tensor::cat(parts, 1)
}
