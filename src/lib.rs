//! Glimpse: few-shot photo recognition on your own device.
//!
//! A photo becomes a [`Square`], a ResNet-18 ([`resnet18`]) turns squares into [`Embedding`]s, a [`SupportSet`]
//! holds the embeddings of a few shots per class, and a [`CosineHead`] (prototypes at once, fine-tuned on demand)
//! names new photos. [`Session`] ties these together.
//!
//! The core (everything but [`web`] and [`native`]) knows neither browser nor files.

pub mod architecture;
pub mod backend;
pub mod cpu;
pub mod embedder;
pub mod embedding;
mod error;
pub mod finetune;
pub mod head;
pub mod manifest;
#[cfg(not(target_arch = "wasm32"))]
pub mod native;
pub mod photo;
pub mod resnet18;
pub mod session;
pub mod square;
pub mod state_dict;
pub mod support;
pub mod untrained;
#[cfg(target_arch = "wasm32")]
pub mod web;

pub use embedder::Embedder;
pub use embedding::Embedding;
pub use error::Error;
pub use head::CosineHead;
pub use photo::Photo;
pub use session::Session;
pub use square::Square;
pub use state_dict::StateDict;
pub use support::SupportSet;
