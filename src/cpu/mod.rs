//! ResNet-18's trunk on the CPU, one thread, f32, made for 128-bit SIMD: in the browser wasm's `simd128`, natively
//! the same code on whatever the processor has, with the same results to the bit.
//!
//! | file | what it is |
//! |---|---|
//! | `trunk.rs` | the network: [`Trunk`], and its last layer alone: [`Layer4`] |
//! | `halfway.rs` | what is carried from the first half of its layers to the second |
//! | `stem.rs` | the first convolution and the max pooling |
//! | `winograd.rs` | 3 × 3 convolutions of stride 1 |
//! | `direct.rs` | convolutions of stride 2 |
//! | `gemm.rs` | the matrix product in which all of them end |
//! | `map.rs` | how feature maps lie in memory |
//!
//! Axes: c channels, y rows, x columns; a prime marks the output's. Sums over channels run in one fixed order, so an
//! image's result does not depend on the batch it is in.

mod direct;
mod gemm;
mod halfway;
mod map;
#[cfg(test)]
pub(crate) mod naive;
mod stem;
mod trunk;
mod winograd;

pub use halfway::Halfway;
pub use trunk::{Layer4, Trunk};
