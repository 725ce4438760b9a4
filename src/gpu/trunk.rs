//! The trunk: squares → what is seen in them, by one submission and one readback for a batch.

use std::{cell::RefCell, collections::HashMap, rc::Rc};

use wgpu::{Buffer, BufferUsages, MapMode};

use super::{
    device::{Gpu, failed},
    kernels::Kernels,
    plan::{Layers, Plan},
};
use crate::{
    Embedder, Error, Square, Weights,
    architecture::{LAYER3, POOLED, Pooled, Seen},
};

/// Most squares of a submission: a picture's views.
const BATCH: usize = 8;
/// Numbers of the map after `layer3`.
const LAYER3_NUMBERS: usize = LAYER3.0 * LAYER3.1 * LAYER3.1;

/// ResNet-18 without its classifier.
#[derive(Debug)]
pub struct Trunk {
    gpu: Gpu,
    kernels: Kernels,
    layers: Layers,
    /// By their number of squares.
    plans: RefCell<HashMap<usize, Rc<Plan>>>,
    /// Buffers to read back through, which no one is reading now.
    idle: RefCell<Vec<Buffer>>,
}

impl Trunk {
    /// Opens a GPU and puts the weights on it.
    ///
    /// # Errors
    /// [`Error::Backend`] where there is no GPU; those of [`Weights::check_trunk`] and [`Weights::take_folded`].
    pub async fn open(weights: Weights) -> Result<Self, Error> {
        let gpu = Gpu::open().await?;
        let kernels = Kernels::new(&gpu.device);
        Ok(Self {
            layers: Layers::load(weights, &kernels)?,
            kernels,
            gpu,
            plans: RefCell::default(),
            idle: RefCell::default(),
        })
    }

    /// The adapter's name; empty where a browser keeps it to itself.
    pub fn adapter(&self) -> &str {
        &self.gpu.adapter
    }

    fn plan(&self, images: usize) -> Rc<Plan> {
        let mut plans = self.plans.borrow_mut();
        let plan = plans.entry(images);
        Rc::clone(plan.or_insert_with(|| Rc::new(Plan::new(&self.kernels, &self.layers, images))))
    }

    /// A buffer that holds what a batch sees, `seen` or not.
    fn staging(&self) -> Buffer {
        let usage = BufferUsages::MAP_READ | BufferUsages::COPY_DST;
        let idle = self.idle.borrow_mut().pop();
        idle.unwrap_or_else(|| self.kernels.buffer(BATCH * (POOLED + LAYER3_NUMBERS), usage))
    }

    /// Up to [`BATCH`] squares → `[image, POOLED]`, and after that `[image, 14, 14, 256]` where layer 3 is asked for.
    async fn forward(&self, squares: &[Square], layer3: bool) -> Result<Vec<f32>, Error> {
        let plan = self.plan(squares.len());
        let pixels: Vec<_> = squares.iter().map(Square::rgba).collect();
        self.gpu.queue.write_buffer(&plan.input, 0, &pixels.concat());
        let mut encoder = self.gpu.device.create_command_encoder(&Default::default());
        let mut pass = encoder.begin_compute_pass(&Default::default());
        for step in &plan.steps {
            let [x, y, z] = step.workgroups;
            pass.set_pipeline(&step.pipeline);
            pass.set_bind_group(0, &step.bind_group, &[]);
            pass.dispatch_workgroups(x, y, z);
        }
        drop(pass);
        let staging = self.staging();
        let pooled = plan.pooled.size();
        encoder.copy_buffer_to_buffer(&plan.pooled, 0, &staging, 0, pooled);
        let mut bytes = pooled;
        if layer3 {
            encoder.copy_buffer_to_buffer(&plan.layer3, 0, &staging, pooled, plan.layer3.size());
            bytes += plan.layer3.size();
        }
        self.gpu.queue.submit([encoder.finish()]);
        self.read(staging, bytes).await
    }

    async fn read(&self, staging: Buffer, bytes: u64) -> Result<Vec<f32>, Error> {
        let (sender, receiver) = async_channel::bounded(1);
        staging.map_async(MapMode::Read, 0..bytes, move |result| {
            // Nobody listens where the future was dropped.
            let _ = sender.try_send(result);
        });
        self.gpu.wait()?;
        let mapped = receiver.recv().await.map_err(|e| failed(e.to_string()))?;
        mapped.map_err(|e| failed(e.to_string()))?;
        self.gpu.check()?;
        let numbers = bytemuck::pod_collect_to_vec(&staging.get_mapped_range(0..bytes));
        staging.unmap();
        self.idle.borrow_mut().push(staging);
        Ok(numbers)
    }
}

impl Embedder for Trunk {
    async fn pooled<'a>(&'a self, squares: &'a [Square]) -> Result<Vec<Pooled>, Error> {
        let mut all = Vec::with_capacity(squares.len());
        for batch in squares.chunks(BATCH) {
            let numbers = self.forward(batch, false).await?;
            all.extend(numbers.chunks_exact(POOLED).map(Pooled::from_row));
        }
        Ok(all)
    }

    async fn seen<'a>(&'a self, squares: &'a [Square]) -> Result<Vec<Seen>, Error> {
        let mut all = Vec::with_capacity(squares.len());
        for batch in squares.chunks(BATCH) {
            let numbers = self.forward(batch, true).await?;
            let (rows, maps) = numbers.split_at(batch.len() * POOLED);
            let rows = rows.chunks_exact(POOLED).map(Pooled::from_row);
            let maps = maps.chunks_exact(LAYER3_NUMBERS).map(channels_first);
            all.extend(rows.zip(maps).map(|(pooled, layer3)| Seen { pooled, layer3 }));
        }
        Ok(all)
    }
}

/// `[14, 14, 256]` → `[256, 14, 14]`.
fn channels_first(map: &[f32]) -> Vec<f32> {
    let channels = LAYER3.0;
    let mut values = Vec::with_capacity(map.len());
    for channel in 0..channels {
        values.extend(map.iter().skip(channel).step_by(channels));
    }
    values
}
