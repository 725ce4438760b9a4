//! Burn's autodiff through the network: what of ResNet-18 learns, written in operations that can be differentiated on
//! every backend, burn-candle included.
//!
//! | file | what it is |
//! |---|---|
//! | `convolution.rs` | a convolution as a matrix product |
//! | `layer4.rs` | the last layer while it learns |
//!
//! Axes: b batch, y rows, x columns, c channels, a prime for the output's. Maps are `[b, y, x, c]` here: with the channels
//! last, a pixel is one stretch of memory, and all that a convolution moves are whole pixels.

pub mod convolution;
pub mod layer4;
