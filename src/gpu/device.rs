//! The GPU: opened once, and everything that goes wrong on it gathered until somebody waits for a result.

use std::sync::{Arc, Mutex, PoisonError};

use wgpu::{
    Device, DeviceDescriptor, Instance, InstanceDescriptor, PollType, PowerPreference, Queue, RequestAdapterOptions,
};

use crate::Error;

/// An open GPU.
#[derive(Debug)]
pub struct Gpu {
    /// Makes buffers and kernels.
    pub device: Device,
    /// Takes work.
    pub queue: Queue,
    /// What wgpu calls the adapter; browsers keep it to themselves.
    pub adapter: String,
    /// The first thing that went wrong unseen.
    fault: Arc<Mutex<Option<String>>>,
}

impl Gpu {
    /// Opens the fastest adapter. The limits that every implementation of WebGPU grants are enough.
    ///
    /// # Errors
    /// [`Error::Backend`] where there is no adapter, or none that can be opened.
    pub async fn open() -> Result<Self, Error> {
        let instance = Instance::new(InstanceDescriptor::new_without_display_handle());
        let options = RequestAdapterOptions {
            power_preference: PowerPreference::HighPerformance,
            ..Default::default()
        };
        let adapter = instance.request_adapter(&options).await;
        let adapter = adapter.map_err(|e| failed(e.to_string()))?;
        let opened = adapter.request_device(&DeviceDescriptor::default()).await;
        let (device, queue) = opened.map_err(|e| failed(e.to_string()))?;
        let fault = Arc::new(Mutex::new(None));
        let seen = Arc::clone(&fault);
        device.on_uncaptured_error(Arc::new(move |error: wgpu::Error| {
            let mut first = seen.lock().unwrap_or_else(PoisonError::into_inner);
            first.get_or_insert_with(|| error.to_string());
        }));
        Ok(Self {
            device,
            queue,
            adapter: adapter.get_info().name,
            fault,
        })
    }

    /// Natively waits until everything is done; a browser goes on by itself.
    ///
    /// # Errors
    /// [`Error::Backend`] where the device is lost.
    pub fn wait(&self) -> Result<(), Error> {
        match self.device.poll(PollType::wait_indefinitely()) {
            Ok(_) => Ok(()),
            Err(e) => Err(failed(e.to_string())),
        }
    }

    /// Says whether everything went well so far.
    ///
    /// # Errors
    /// [`Error::Backend`] with the first thing that did not.
    pub fn check(&self) -> Result<(), Error> {
        let first = self.fault.lock().unwrap_or_else(PoisonError::into_inner);
        match &*first {
            Some(reason) => Err(failed(reason.clone())),
            None => Ok(()),
        }
    }
}

/// Something on the GPU did not work.
pub fn failed(reason: String) -> Error {
    Error::Backend {
        backend: "webgpu",
        reason,
    }
}
