//! Burn's autodiff through the network: what learns of ResNet-18, written in operations that can be differentiated on
//! every backend, burn-candle included.
//!
//! | file | what it is |
//! |---|---|
//! | `convolution.rs` | a convolution as matrix products, its gradient too; pretraining has it from here |
//! | `layer4.rs` | the last layer while it learns |

pub mod convolution;
pub mod layer4;
