//! Our own arithmetic for GPUs: ResNet-18's trunk in WGSL, through wgpu, which is what burn-wgpu stands on too.
//!
//! Burn's own layers (`crate::burn_embedder`) compute the same, an operation at a time. Here a batch of squares is one
//! upload of their pixels, one submission and one readback, and what follows a convolution is done in the same kernel.
//! `device.rs` opens the GPU; `kernels.rs` makes pipelines of the `.wgsl` files; `plan.rs` wires them for a number of
//! squares; `trunk.rs` runs them.

mod device;
mod kernels;
mod plan;
mod trunk;

pub use trunk::Trunk;
