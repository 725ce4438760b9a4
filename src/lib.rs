//! Glimpse: few-shot photo recognition on your own device.
//!
//! A photo becomes a [`Picture`] and that some [`Square`]s, a ResNet-18 ([`architecture`]) turns them into an [`Embedding`], a [`SupportSet`]
//! holds the embeddings of a few shots per class, and a [`Head`] (prototypes at once, fine-tuned on demand)
//! names new photos. [`Session`] ties these together.
//!
//! The core (everything but [`web`] and [`native`]) knows neither browser nor files.

mod adam;
pub mod architecture;
pub mod archive;
#[cfg(feature = "burn")]
pub mod autodiff;
pub mod backend;
#[cfg(feature = "burn")]
pub mod burn_embedder;
pub mod classifier;
pub mod compact;
pub mod cosine_metric;
pub mod cpu;
#[cfg(feature = "burn")]
pub mod deep;
#[cfg(all(feature = "burn", not(target_arch = "wasm32")))]
pub mod deep_metric;
pub mod embedder;
pub mod embedding;
pub mod episode;
mod error;
pub mod evaluation;
pub mod evidence;
pub mod explanation;
pub mod export;
pub mod features;
pub mod finetune;
#[cfg(feature = "gpu")]
pub mod gpu;
pub mod head;
pub mod head_file;
pub mod learned_metric;
pub mod learning;
mod left_out;
pub mod link;
pub mod manifest;
pub mod metric;
mod metric_file;
pub mod model;
#[cfg(all(feature = "burn", not(target_arch = "wasm32")))]
pub mod native;
pub mod nearest;
pub mod onnx;
pub mod overview;
pub mod photo;
pub mod picture;
pub mod plane;
mod png;
#[cfg(all(feature = "burn", not(target_arch = "wasm32")))]
pub mod pretrain;
mod products;
pub mod project;
pub mod projection;
pub mod qr;
pub mod rejection;
#[cfg(feature = "burn")]
pub mod resnet18;
pub mod scale;
pub mod session;
pub mod shot_maps;
pub mod siamese;
mod simd;
pub mod square;
pub mod state_dict;
pub mod support;
mod tensor_file;
pub mod triplet;
pub mod tuned;
pub mod untrained;
pub mod vector;
#[cfg(target_arch = "wasm32")]
pub mod web;
pub mod weights;

pub use classifier::{Classifier, Method};
pub use embedder::Embedder;
pub use embedding::Embedding;
pub use error::Error;
pub use head::Head;
pub use photo::Photo;
pub use picture::Picture;
pub use session::Session;
pub use square::Square;
pub use state_dict::StateDict;
pub use support::SupportSet;
pub use weights::Weights;
