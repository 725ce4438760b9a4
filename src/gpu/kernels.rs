//! From WGSL to pipelines and buffers.

use wgpu::{
    BindGroup, BindGroupDescriptor, BindGroupEntry, Buffer, BufferDescriptor, BufferUsages, ComputePipeline,
    ComputePipelineDescriptor, Device, ShaderModuleDescriptor, ShaderSource,
    util::{BufferInitDescriptor, DeviceExt},
};

/// The kernels on a device. There are few of them, whatever the shapes: browsers take long to compile one.
#[derive(Debug)]
pub struct Kernels {
    device: Device,
    /// `main` of `stem.wgsl`.
    pub stem: ComputePipeline,
    /// `main` of `max_pool.wgsl`.
    pub max_pool: ComputePipeline,
    /// `whole` of `convolution.wgsl`.
    pub whole: ComputePipeline,
    /// `parts` of `convolution.wgsl`.
    pub parts: ComputePipeline,
    /// `finish` of `convolution.wgsl`.
    pub finish: ComputePipeline,
    /// `main` of `pool.wgsl`.
    pub pool: ComputePipeline,
}

/// A kernel with everything it reads and writes.
#[derive(Debug)]
pub struct Step {
    /// The kernel.
    pub pipeline: ComputePipeline,
    /// What it reads and writes.
    pub bind_group: BindGroup,
    /// How many workgroups run, along x, y and z.
    pub workgroups: [u32; 3],
}

impl Kernels {
    /// Compiles the kernels.
    pub fn new(device: &Device) -> Self {
        let module = |name, source: &'static str| {
            device.create_shader_module(ShaderModuleDescriptor {
                label: Some(name),
                source: ShaderSource::Wgsl(source.into()),
            })
        };
        let pipeline = |module, entry| {
            device.create_compute_pipeline(&ComputePipelineDescriptor {
                label: Some(entry),
                layout: None,
                module,
                entry_point: Some(entry),
                compilation_options: Default::default(),
                cache: None,
            })
        };
        let convolution = module("convolution", include_str!("convolution.wgsl"));
        Self {
            device: device.clone(),
            stem: pipeline(&module("stem", include_str!("stem.wgsl")), "main"),
            max_pool: pipeline(&module("max_pool", include_str!("max_pool.wgsl")), "main"),
            whole: pipeline(&convolution, "whole"),
            parts: pipeline(&convolution, "parts"),
            finish: pipeline(&convolution, "finish"),
            pool: pipeline(&module("pool", include_str!("pool.wgsl")), "main"),
        }
    }

    /// Binds buffers to a kernel by the numbers that its shader gives them.
    pub fn step(&self, pipeline: &ComputePipeline, buffers: &[(u32, &Buffer)], workgroups: [usize; 3]) -> Step {
        let entries: Vec<_> = buffers
            .iter()
            .map(|(binding, buffer)| BindGroupEntry {
                binding: *binding,
                resource: buffer.as_entire_binding(),
            })
            .collect();
        let bind_group = self.device.create_bind_group(&BindGroupDescriptor {
            label: None,
            layout: &pipeline.get_bind_group_layout(0),
            entries: &entries,
        });
        Step {
            pipeline: pipeline.clone(),
            bind_group,
            workgroups: workgroups.map(|count| count as u32),
        }
    }

    /// A buffer of this many numbers.
    pub fn buffer(&self, numbers: usize, usage: BufferUsages) -> Buffer {
        self.device.create_buffer(&BufferDescriptor {
            label: None,
            size: 4 * numbers as u64,
            usage,
            mapped_at_creation: false,
        })
    }

    /// A buffer that holds these numbers.
    pub fn filled(&self, numbers: &[f32]) -> Buffer {
        self.device.create_buffer_init(&BufferInitDescriptor {
            label: None,
            contents: bytemuck::cast_slice(numbers),
            usage: BufferUsages::STORAGE,
        })
    }

    /// A uniform of whole numbers.
    pub fn uniform(&self, values: [usize; 8]) -> Buffer {
        self.device.create_buffer_init(&BufferInitDescriptor {
            label: None,
            contents: bytemuck::cast_slice(&values.map(|value| value as u32)),
            usage: BufferUsages::UNIFORM,
        })
    }
}
