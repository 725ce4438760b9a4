//! Browser glue: thin exported types over the core. No arithmetic here, and nothing else in the crate knows JavaScript.
//!
//! Exported methods hold no borrow across an `.await`; whoever calls them queues its jobs.

mod deep;
mod engine;
mod error;
mod export;
mod picture;
mod project;
mod qr;
mod session;

use wasm_bindgen::prelude::*;

/// Runs once when the module is instantiated: panics reach the console with their message.
#[wasm_bindgen(start)]
pub fn start() {
    console_error_panic_hook::set_once();
}
