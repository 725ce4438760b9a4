//! The only file that names Burn's backends: which exist, how they start, and which one embeds. Each of them is a cargo
//! feature; one that was left out is an error when it is asked for.

// burn-candle is marked deprecated in 0.21, its last release; ARCHITECTURE.md says why it is used all the same.
#![cfg_attr(feature = "candle", expect(deprecated))]

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::str::FromStr;

#[cfg(feature = "candle")]
use burn_candle::{Candle, CandleDevice};
#[cfg(feature = "wgpu")]
use burn_wgpu::{Wgpu, WgpuDevice, graphics::AutoGraphicsApi, init_setup_async};

#[cfg(any(feature = "candle", feature = "wgpu"))]
use crate::burn_embedder::BurnEmbedder;
#[cfg(feature = "gpu")]
use crate::gpu;
#[cfg(all(not(target_arch = "wasm32"), any(feature = "candle", feature = "wgpu")))]
use crate::pretrain::network::Network;
use crate::{
    Embedder, Error, Square, StateDict, Weights,
    architecture::{Pooled, Seen},
    cpu::Trunk,
    learning::Learning,
    shot_maps::ShotMaps,
};
#[cfg(all(feature = "burn", not(target_arch = "wasm32")))]
use crate::{
    deep_metric::NetworkLearning,
    metric::{Objective, Trainer as MetricTrainer},
    pretrain::{State, network::Learner},
};

/// Burn on the CPU; what learns in a page learns here, whatever embeds.
#[cfg(feature = "candle")]
pub(crate) type Cpu = Candle<f32, i64>;
/// The GPU backend.
#[cfg(feature = "wgpu")]
type Gpu = Wgpu<f32, i32>;

/// What a backend will answer. The future's own type is hidden: otherwise every program and test that awaits it would
/// compile Burn's generic code anew, which takes minutes.
type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, Error>> + 'a>>;

/// A way to compute embeddings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BackendKind {
    /// Our own arithmetic ([`crate::cpu`]), one thread.
    Cpu,
    /// burn-candle: slower, and independent of the other two.
    Candle,
    /// Our own arithmetic (`crate::gpu`): WebGPU in a page; Vulkan, Metal or DirectX natively.
    WebGpu,
    /// burn-wgpu: slower, and independent of the other.
    Wgpu,
}

impl BackendKind {
    /// `cpu`, `candle`, `webgpu` or `wgpu`.
    pub fn name(self) -> &'static str {
        match self {
            BackendKind::Cpu => "cpu",
            BackendKind::Candle => "candle",
            BackendKind::WebGpu => "webgpu",
            BackendKind::Wgpu => "wgpu",
        }
    }
}

impl fmt::Display for BackendKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

impl FromStr for BackendKind {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self, Error> {
        match name {
            "cpu" => Ok(BackendKind::Cpu),
            "candle" => Ok(BackendKind::Candle),
            "webgpu" => Ok(BackendKind::WebGpu),
            "wgpu" => Ok(BackendKind::Wgpu),
            other => Err(Error::UnknownBackend { got: other.into() }),
        }
    }
}

/// ResNet-18 on the backend that was chosen.
#[derive(Debug)]
pub enum Backbone {
    /// On the CPU.
    Cpu(Box<Trunk>),
    /// On the CPU, by Burn.
    #[cfg(feature = "candle")]
    Candle(Box<BurnEmbedder<Cpu>>),
    /// On the GPU.
    #[cfg(feature = "gpu")]
    WebGpu(Box<gpu::Trunk>),
    /// On the GPU, by Burn, with the adapter's name.
    #[cfg(feature = "wgpu")]
    Wgpu(Box<BurnEmbedder<Gpu>>, String),
}

impl Backbone {
    /// Starts the backend and puts the weights on it. burn-wgpu panics where it finds no adapter with timestamp queries.
    ///
    /// # Errors
    /// Those of the weights; [`Error::Backend`] where there is no GPU, and for a backend that this program was built
    /// without.
    pub fn start(kind: BackendKind, weights: impl Into<Weights>) -> Answer<'static, Self> {
        Box::pin(Self::load(kind, weights.into()))
    }

    async fn load(kind: BackendKind, weights: Weights) -> Result<Self, Error> {
        match kind {
            BackendKind::Cpu => Ok(Self::Cpu(Box::new(Trunk::load(weights)?))),
            #[cfg(feature = "candle")]
            BackendKind::Candle => {
                let embedder = BurnEmbedder::new(&weights.into_state_dict(), CandleDevice::Cpu, kind.name())?;
                Ok(Self::Candle(Box::new(embedder)))
            }
            #[cfg(feature = "gpu")]
            BackendKind::WebGpu => Ok(Self::WebGpu(Box::new(gpu::Trunk::open(weights).await?))),
            #[cfg(feature = "wgpu")]
            BackendKind::Wgpu => {
                let device = WgpuDevice::default();
                let setup = init_setup_async::<AutoGraphicsApi>(&device, Default::default()).await;
                let adapter = setup.adapter.get_info().name;
                let embedder = BurnEmbedder::new(&weights.into_state_dict(), device, kind.name())?;
                Ok(Self::Wgpu(Box::new(embedder), adapter))
            }
            #[cfg(not(all(feature = "candle", feature = "gpu", feature = "wgpu")))]
            other => Err(left_out(other)),
        }
    }

    async fn run(&self, squares: &[Square]) -> Result<Vec<Pooled>, Error> {
        match self {
            Self::Cpu(trunk) => Embedder::pooled(&**trunk, squares).await,
            #[cfg(feature = "candle")]
            Self::Candle(embedder) => embedder.pooled(squares).await,
            #[cfg(feature = "gpu")]
            Self::WebGpu(trunk) => Embedder::pooled(&**trunk, squares).await,
            #[cfg(feature = "wgpu")]
            Self::Wgpu(embedder, _) => embedder.pooled(squares).await,
        }
    }

    async fn look(&self, squares: &[Square]) -> Result<Vec<Seen>, Error> {
        match self {
            Self::Cpu(trunk) => Embedder::seen(&**trunk, squares).await,
            #[cfg(feature = "candle")]
            Self::Candle(embedder) => embedder.seen(squares).await,
            #[cfg(feature = "gpu")]
            Self::WebGpu(trunk) => Embedder::seen(&**trunk, squares).await,
            #[cfg(feature = "wgpu")]
            Self::Wgpu(embedder, _) => embedder.seen(squares).await,
        }
    }

    /// Which backend this is.
    pub fn kind(&self) -> BackendKind {
        match self {
            Self::Cpu(_) => BackendKind::Cpu,
            #[cfg(feature = "candle")]
            Self::Candle(_) => BackendKind::Candle,
            #[cfg(feature = "gpu")]
            Self::WebGpu(_) => BackendKind::WebGpu,
            #[cfg(feature = "wgpu")]
            Self::Wgpu(..) => BackendKind::Wgpu,
        }
    }

    /// What computes, in words; empty where a browser keeps its adapter's name to itself.
    pub fn adapter(&self) -> &str {
        match self {
            Self::Cpu(_) => "one thread, SIMD",
            #[cfg(feature = "candle")]
            Self::Candle(_) => "one thread, burn-candle",
            #[cfg(feature = "gpu")]
            Self::WebGpu(trunk) => trunk.adapter(),
            #[cfg(feature = "wgpu")]
            Self::Wgpu(_, adapter) => adapter,
        }
    }
}

/// A backend that this program was built without.
#[cfg(not(all(feature = "candle", feature = "gpu", feature = "wgpu")))]
fn left_out(kind: BackendKind) -> Error {
    Error::Backend {
        backend: kind.name(),
        reason: "this program was built without it; `cargo glimpse-gpu` has all of them".into(),
    }
}

/// A network that learns, on the CPU by Burn or on the GPU.
///
/// # Errors
/// [`Error::Option`] where the backend computes no gradients; those of [`Network::new`].
#[cfg(all(feature = "burn", not(target_arch = "wasm32")))]
pub fn learner(kind: BackendKind, state: &State, classes: usize) -> Answer<'_, Box<dyn Learner>> {
    Box::pin(start_learner(kind, state, classes))
}

#[cfg(all(feature = "burn", not(target_arch = "wasm32")))]
#[cfg_attr(not(any(feature = "candle", feature = "wgpu")), expect(unused_variables))]
async fn start_learner(kind: BackendKind, state: &State, classes: usize) -> Result<Box<dyn Learner>, Error> {
    match kind {
        BackendKind::Cpu => Err(Error::Option {
            name: "backend",
            expected: "`candle` or `webgpu`, which compute gradients",
            got: kind.to_string(),
        }),
        #[cfg(feature = "candle")]
        BackendKind::Candle => Ok(Box::new(Network::<Cpu>::new(
            state,
            classes,
            CandleDevice::Cpu,
            kind.name(),
        )?)),
        #[cfg(feature = "wgpu")]
        BackendKind::WebGpu | BackendKind::Wgpu => {
            let device = WgpuDevice::default();
            init_setup_async::<AutoGraphicsApi>(&device, Default::default()).await;
            Ok(Box::new(Network::<Gpu>::new(state, classes, device, kind.name())?))
        }
        #[cfg(not(all(feature = "candle", feature = "wgpu")))]
        other => Err(left_out(other)),
    }
}

/// Starts [`Method::Deep`](crate::Method::Deep) on examples whose maps are all there, from the folded `layer4` of the
/// network that made the maps.
///
/// # Errors
/// Those of [`crate::deep::Trainer::new`]; [`Error::Backend`] in a program that was built without burn-candle.
#[cfg(feature = "candle")]
pub fn deep_trainer(examples: ShotMaps, layer4: &StateDict) -> Result<Box<dyn Learning>, Error> {
    let trainer = crate::deep::Trainer::<Cpu>::new(examples, layer4)?;
    Ok(Box::new(trainer))
}

/// There is nothing here that differentiates.
///
/// # Errors
/// Always [`Error::Backend`].
#[cfg(not(feature = "candle"))]
pub fn deep_trainer(_: ShotMaps, _: &StateDict) -> Result<Box<dyn Learning>, Error> {
    Err(left_out(BackendKind::Candle))
}

/// Starts a metric whose layer 4 learns with it, from the folded `layer4` of the network that made the maps.
///
/// # Errors
/// Those of [`crate::deep_metric::Trainer::new`]; [`Error::Backend`] in a program that was built without burn-candle.
#[cfg(all(feature = "candle", not(target_arch = "wasm32")))]
pub fn deep_metric_trainer<O: Objective>(
    metric: MetricTrainer<O>,
    layer4: &StateDict,
    maps: Vec<Vec<f32>>,
) -> Result<Box<dyn NetworkLearning>, Error> {
    let trainer = crate::deep_metric::Trainer::<Cpu, O>::new(metric, layer4, maps)?;
    Ok(Box::new(trainer))
}

/// There is nothing here that differentiates.
///
/// # Errors
/// Always [`Error::Backend`].
#[cfg(all(feature = "burn", not(feature = "candle"), not(target_arch = "wasm32")))]
pub fn deep_metric_trainer<O: Objective>(
    _: MetricTrainer<O>,
    _: &StateDict,
    _: Vec<Vec<f32>>,
) -> Result<Box<dyn NetworkLearning>, Error> {
    Err(left_out(BackendKind::Candle))
}

impl Embedder for Backbone {
    fn pooled<'a>(&'a self, squares: &'a [Square]) -> impl Future<Output = Result<Vec<Pooled>, Error>> {
        let answer: Answer<'a, _> = Box::pin(self.run(squares));
        answer
    }

    fn seen<'a>(&'a self, squares: &'a [Square]) -> impl Future<Output = Result<Vec<Seen>, Error>> {
        let answer: Answer<'a, _> = Box::pin(self.look(squares));
        answer
    }
}
