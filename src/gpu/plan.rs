//! Everything that happens to a certain number of squares: the buffers in between, and the steps from one to the next.

use std::collections::HashMap;

use wgpu::{Buffer, BufferUsages, ComputePipeline};

use super::kernels::{Kernels, Step};
use crate::{
    Error, Weights,
    architecture::{Convolution, EMBEDDING, LAYER3, POOLED, convolutions},
    square::SIDE,
    weights::Folded,
};

/// Pixels and channels of a workgroup's tile in `convolution.wgsl`.
const TILE: [usize; 2] = [64, 32];
/// Rows and columns of a workgroup's tile in `stem.wgsl`.
const STEM_TILE: [usize; 2] = [16, 8];
/// Input channels that `convolution.wgsl` takes at a step.
const DEPTH: usize = 16;
/// A convolution of fewer workgroups than this leaves parts of a large GPU idle, and is split.
const WORKGROUPS: usize = 512;
/// No part of a split convolution has fewer steps than this.
const STEPS: usize = 4;
/// Invocations of a workgroup in kernels that take one element each.
const INVOCATIONS: usize = 64;

/// A convolution and its parameters on the device.
#[derive(Debug)]
struct Layer {
    shape: Convolution,
    weight: Buffer,
    bias: Buffer,
}

/// The network's parameters on the device.
#[derive(Debug)]
pub struct Layers {
    by_name: HashMap<String, Layer>,
    /// Bound where a shader names a buffer that it will not read.
    nothing: Buffer,
}

/// A map `[image, y, x, channel]` of some step.
#[derive(Debug, Clone)]
struct Map {
    buffer: Buffer,
    channels: usize,
    side: usize,
}

/// The trunk for a certain number of squares.
#[derive(Debug)]
pub struct Plan {
    /// RGBA, `[image, 224, 224]`.
    pub input: Buffer,
    /// In their order.
    pub steps: Vec<Step>,
    /// `[image, POOLED]`.
    pub pooled: Buffer,
    /// `[image, 14, 14, 256]`.
    pub layer3: Buffer,
}

impl Layers {
    /// Puts a trunk on the device, by torchvision's names, folded or not.
    ///
    /// # Errors
    /// Those of [`Weights::check_trunk`] and [`Weights::take_folded`].
    pub fn load(mut weights: Weights, kernels: &Kernels) -> Result<Self, Error> {
        let all = convolutions();
        weights.check_trunk(&all)?;
        let mut by_name = HashMap::new();
        for shape in all {
            let Folded { filters, bias } = weights.take_folded(&shape)?;
            let layer = Layer {
                weight: kernels.filled(&channels_last(&filters.into_numbers(), &shape)),
                bias: kernels.filled(&bias),
                shape,
            };
            by_name.insert(layer.shape.name.clone(), layer);
        }
        Ok(Self {
            by_name,
            nothing: kernels.filled(&[0.0; 4]),
        })
    }
}

/// `[output, input, y, x]` → `[y, x, input, output]`.
fn channels_last(weight: &[f32], shape: &Convolution) -> Vec<f32> {
    let taps = shape.kernel * shape.kernel;
    let mut values = Vec::with_capacity(weight.len());
    for tap in 0..taps {
        for input in 0..shape.inputs {
            values.extend((0..shape.outputs).map(|output| weight[(output * shape.inputs + input) * taps + tap]));
        }
    }
    values
}

impl Plan {
    /// Wires the trunk for this many squares.
    pub fn new(kernels: &Kernels, layers: &Layers, images: usize) -> Self {
        let input = kernels.buffer(images * SIDE * SIDE, BufferUsages::STORAGE | BufferUsages::COPY_DST);
        let pooled = kernels.buffer(images * POOLED, BufferUsages::STORAGE | BufferUsages::COPY_SRC);
        let mut wiring = Wiring {
            kernels,
            layers,
            images,
            steps: Vec::new(),
        };
        let mut map = wiring.stem(&input);
        let mut layer3 = map.buffer.clone();
        let mut means_at = 0;
        for layer in 1..=4 {
            for block in 0..2 {
                map = wiring.block(&format!("layer{layer}.{block}"), map);
            }
            wiring.pool(&map, means_at, &pooled);
            means_at += map.channels;
            if layer == 3 {
                layer3 = map.buffer.clone();
            }
        }
        Self {
            input,
            steps: wiring.steps,
            pooled,
            layer3,
        }
    }
}

struct Wiring<'a> {
    kernels: &'a Kernels,
    layers: &'a Layers,
    images: usize,
    steps: Vec<Step>,
}

impl Wiring<'_> {
    fn map(&self, channels: usize, side: usize) -> Map {
        // Only layer 3's map is ever copied.
        let usage = match (channels, side) == LAYER3 {
            true => BufferUsages::STORAGE | BufferUsages::COPY_SRC,
            false => BufferUsages::STORAGE,
        };
        Map {
            buffer: self.kernels.buffer(self.images * side * side * channels, usage),
            channels,
            side,
        }
    }

    fn step(&mut self, kernel: &ComputePipeline, buffers: &[(u32, &Buffer)], workgroups: [usize; 3]) {
        self.steps.push(self.kernels.step(kernel, buffers, workgroups));
    }

    /// The first convolution and the pooling after it.
    fn stem(&mut self, input: &Buffer) -> Map {
        let layer = &self.layers.by_name["conv1"];
        let map = self.map(layer.shape.outputs, SIDE / 2);
        let buffers = [(0, input), (1, &layer.weight), (2, &layer.bias), (3, &map.buffer)];
        let workgroups = [map.side / STEM_TILE[1], map.side / STEM_TILE[0], self.images];
        self.step(&self.kernels.stem, &buffers, workgroups);

        let pooled = self.map(map.channels, map.side / 2);
        let elements = self.images * pooled.side * pooled.side * pooled.channels / 4;
        let workgroups = [elements.div_ceil(INVOCATIONS), 1, 1];
        self.step(
            &self.kernels.max_pool,
            &[(0, &map.buffer), (1, &pooled.buffer)],
            workgroups,
        );
        pooled
    }

    /// Two 3 × 3 convolutions and the way around them.
    fn block(&mut self, name: &str, input: Map) -> Map {
        let hidden = self.convolution(&format!("{name}.conv1"), &input, None, true);
        let downsample = format!("{name}.downsample.0");
        let residual = match self.layers.by_name.contains_key(&downsample) {
            true => self.convolution(&downsample, &input, None, false),
            false => input,
        };
        self.convolution(&format!("{name}.conv2"), &hidden, Some(&residual), true)
    }

    fn convolution(&mut self, name: &str, input: &Map, residual: Option<&Map>, relu: bool) -> Map {
        let layer = &self.layers.by_name[name];
        let shape = &layer.shape;
        let map = self.map(shape.outputs, input.side / shape.stride);
        let uniform = self.kernels.uniform([
            shape.inputs / 4,
            shape.outputs / 4,
            input.side,
            map.side,
            shape.kernel,
            shape.stride,
            usize::from(relu),
            usize::from(residual.is_some()),
        ]);
        let pixels = self.images * map.side * map.side;
        let tiles = [shape.outputs / TILE[1], pixels.div_ceil(TILE[0])];
        let steps = shape.kernel * shape.kernel * shape.inputs / DEPTH;
        let parts = parts(tiles[0] * tiles[1], steps);
        let workgroups = [tiles[0], tiles[1], parts];
        let sources = [(0, &input.buffer), (1, &layer.weight), (6, &uniform)];
        let residual = residual.map_or(&self.layers.nothing, |map| &map.buffer);
        let ends = [(2, &layer.bias), (3, residual), (4, &map.buffer)];
        if parts == 1 {
            self.step(&self.kernels.whole, &[sources, ends].concat(), workgroups);
            return map;
        }
        let numbers = pixels * shape.outputs;
        let made = self.kernels.buffer(parts * numbers, BufferUsages::STORAGE);
        self.step(&self.kernels.parts, &[&sources[..], &[(4, &made)]].concat(), workgroups);
        let workgroups = [(numbers / 4).div_ceil(INVOCATIONS), 1, 1];
        self.step(
            &self.kernels.finish,
            &[&ends[..], &[(5, &made), (6, &uniform)]].concat(),
            workgroups,
        );
        map
    }

    /// A layer's means, and the last layer's deviations, into `pooled`.
    fn pool(&mut self, map: &Map, means_at: usize, pooled: &Buffer) {
        let deviations_at = match map.channels == EMBEDDING {
            true => (POOLED - EMBEDDING) / 4,
            false => 0,
        };
        let uniform = self.kernels.uniform([
            map.channels / 4,
            map.side * map.side,
            POOLED / 4,
            means_at / 4,
            deviations_at,
            0,
            0,
            0,
        ]);
        let workgroups = [map.channels / 4, self.images, 1];
        let buffers = [(0, &map.buffer), (1, pooled), (2, &uniform)];
        self.step(&self.kernels.pool, &buffers, workgroups);
    }
}

/// Into how many parts a convolution of so many workgroups is split, each of so many steps.
fn parts(workgroups: usize, steps: usize) -> usize {
    WORKGROUPS.div_ceil(workgroups).min(steps / STEPS).max(1)
}
