//! The one error type. Each variant says what was expected, what was found and what to do,
//! and has a stable code that the page and scripts may rely on.

use std::path::PathBuf;

use crate::Method;

/// What can go wrong in Glimpse. Bad input ends here, never in a panic.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A photo of zero bytes.
    #[error("the file is empty (0 bytes); choose a photo that opens elsewhere")]
    PhotoEmpty,
    /// A file that is no picture at all.
    #[error("this is not a picture that Glimpse knows; choose a JPEG, PNG, WebP, GIF or BMP photo")]
    PhotoNotImage,
    /// A picture in a format that the module itself does not read.
    #[error(
        "a {found} picture: Glimpse reads JPEG, PNG, WebP, GIF and BMP itself, and others only where the browser can; save the photo as JPEG"
    )]
    PhotoFormat {
        /// Name of the format found.
        found: String,
    },
    /// A picture whose data ends early or is damaged.
    #[error("the picture is damaged or cut off ({reason}); save or copy it again")]
    PhotoCorrupt {
        /// What the decoder said.
        reason: String,
    },
    /// Refused before decoding.
    #[error(
        "the picture has {width} × {height} pixels, more than the {limit} megapixels that fit in memory; make it smaller first"
    )]
    PhotoTooLarge {
        /// Width in pixels.
        width: u64,
        /// Height in pixels.
        height: u64,
        /// The limit in megapixels (2^20 pixels).
        limit: u64,
    },
    /// Pixels whose number does not fit the stated size.
    #[error("expected {expected} bytes of RGBA pixels, got {got}")]
    PixelCount {
        /// Bytes that the stated size needs.
        expected: u64,
        /// Bytes that came.
        got: u64,
    },
    /// A picture of another scale than the core makes.
    #[error("a picture of {width} × {height} pixels; expected the shorter side at 256 and the longer at most 512")]
    PictureSize {
        /// Width in pixels.
        width: usize,
        /// Height in pixels.
        height: usize,
    },
    /// Not a readable weight file.
    #[error("these weights cannot be read ({reason}); expected a ResNet-18 state dict as safetensors")]
    WeightsFormat {
        /// What is wrong.
        reason: String,
    },
    /// A parameter is absent.
    #[error("the weights lack `{name}`; expected the state dict of torchvision's ResNet-18")]
    WeightsMissingTensor {
        /// Name of the parameter.
        name: String,
    },
    /// A parameter that ResNet-18 does not have.
    #[error("the weights hold `{name}`, which ResNet-18 does not have: they are of another architecture")]
    WeightsUnexpectedTensor {
        /// Name of the parameter.
        name: String,
    },
    /// A parameter of another shape.
    #[error("`{name}` has shape {got:?}, expected {expected:?}: the weights are of another architecture")]
    WeightsShape {
        /// Name of the parameter.
        name: String,
        /// The shape that ResNet-18 needs.
        expected: Vec<usize>,
        /// The shape found.
        got: Vec<usize>,
    },
    /// A parameter with a NaN or an infinity in it.
    #[error("`{name}` holds a value that is not a finite number; the weights are damaged")]
    WeightsNotFinite {
        /// Name of the parameter.
        name: String,
    },
    /// A manifest that cannot be read or contradicts its file.
    #[error("weights/manifest.json: {reason}; run `cargo glimpse weights` again")]
    Manifest {
        /// What is wrong.
        reason: String,
    },
    /// An embedding of another length.
    #[error("expected an embedding of {expected} numbers, got {got}")]
    EmbeddingSize {
        /// The length expected.
        expected: usize,
        /// The length found.
        got: usize,
    },
    /// An embedding that has no direction.
    #[error("the embedding is zero or holds a value that is not a finite number")]
    EmbeddingNotFinite,
    /// Fewer than two classes to tell apart.
    #[error("expected at least 2 classes with a photo, got {got}; add photos of another thing")]
    TooFewClasses {
        /// Classes found.
        got: usize,
    },
    /// An active class without a shot.
    #[error("class {class} has no photo; add one or switch the class off")]
    EmptyClass {
        /// The class's id.
        class: u32,
    },
    /// A saved model or head that cannot be read or written.
    #[error("what was trained cannot be used: {reason}; train again, or make the file again with `cargo glimpse fit`")]
    Model {
        /// What is wrong.
        reason: String,
    },
    /// A saved model of another network.
    #[error("the model was trained with another network ({expected}, here {got}); prepare that one, or fit it again")]
    ModelNetwork {
        /// The weights that it needs.
        expected: String,
        /// The weights that are here.
        got: String,
    },
    /// A head that was trained on other shots, or with another metric, than the ones that are here.
    #[error("what was trained belongs to other photos, or to another metric, than these; train again")]
    StaleHead,
    /// A file that is neither a project nor an archive of photos.
    #[error("this is no project of Glimpse, nor an archive of photos in folders ({reason})")]
    ProjectFormat {
        /// What it is instead, as far as can be told.
        reason: String,
    },
    /// A project or an archive of photos with something wrong in it.
    #[error("the project file is damaged: {reason}; save or copy it again")]
    ProjectDamaged {
        /// What is wrong.
        reason: String,
    },
    /// A project file of a later version.
    #[error("the project was saved by a newer Glimpse (schema {got}, here {known}); take that one, or reload the page")]
    ProjectNewer {
        /// The schema found.
        got: u32,
        /// The newest schema that can be read.
        known: u32,
    },
    /// A project or an archive with more in it than can be taken.
    #[error("too much for one project: {got} {what}, expected at most {limit}")]
    ProjectTooLarge {
        /// What there is too much of.
        what: &'static str,
        /// The most that is taken.
        limit: u64,
        /// What was found.
        got: u64,
    },
    /// An archive that needs a password.
    #[error("the archive is locked with a password; unpack it, and take what was in it")]
    ProjectEncrypted,
    /// More photos than a page can learn deeply from.
    #[error(
        "the method deep learns from at most {limit} photos here, got {got}; remove photos, switch classes off, choose another method, or use `cargo glimpse fit --method deep`, which knows no limit"
    )]
    TooManyShots {
        /// Most photos.
        limit: usize,
        /// Photos found.
        got: usize,
    },
    /// Maps out of the middle of the network that are not those expected.
    #[error("the maps of a layer do not fit ({reason}); this is a mistake of the program, please report it")]
    Maps {
        /// What is wrong.
        reason: String,
    },
    /// The support set changed while its head was in training.
    #[error("the photos changed while training; train again")]
    StaleTraining,
    /// Too few classes to draw an episode from.
    #[error("expected at least {expected} classes to draw from, got {got}; ask for fewer ways or add classes")]
    PoolClasses {
        /// Classes that an episode needs.
        expected: usize,
        /// Classes found.
        got: usize,
    },
    /// A class with too few images to draw an episode from.
    #[error(
        "class {class} has {got} images, expected at least {expected} (shots and queries); add some or ask for fewer"
    )]
    PoolImages {
        /// Index of the class.
        class: usize,
        /// Images that an episode needs of each class.
        expected: usize,
        /// Images found.
        got: usize,
    },
    /// A measurement that could not be finished.
    #[error("the evaluation failed: {reason}; please report this")]
    Report {
        /// What happened.
        reason: String,
    },
    /// A backend name that is not known.
    #[error("unknown backend `{got}`; expected `cpu`, `candle`, `webgpu` or `wgpu`")]
    UnknownBackend {
        /// The name found.
        got: String,
    },
    /// A method name that is not known.
    #[error("unknown method `{got}`; expected one of {expected}")]
    UnknownMethod {
        /// The names that are known.
        expected: String,
        /// The name found.
        got: String,
    },
    /// A file that holds no metric, or another than expected.
    #[error("this metric cannot be used ({reason}); train it with `cargo glimpse train-metric`")]
    MetricFile {
        /// What is wrong.
        reason: String,
    },
    /// A metric of another network.
    #[error(
        "the metric was trained with another network ({expected}, here {got}); prepare that one, or train it again with `cargo glimpse train-metric`"
    )]
    MetricNetwork {
        /// The weights that it needs.
        expected: String,
        /// The weights that are here.
        got: String,
    },
    /// A method that would learn a metric of its own, where one is given.
    #[error(
        "a metric trained as `{metric}` is given, which the method `{got}` has no use for; choose a head or `{metric}`, or take the metric away"
    )]
    MetricMethod {
        /// The method that trained the metric.
        metric: &'static str,
        /// The method asked for.
        got: &'static str,
    },
    /// Two photos to compare, and nothing that compares pairs.
    #[error("no Siamese network is there to compare two photos; train one by the method `siamese`, or load one")]
    NoSiamese,
    /// A checkpoint of a pretraining that is none, or another's.
    #[error(
        "the training's checkpoint: {reason}; give `--resume` and the options that it was made with, or remove it to begin anew"
    )]
    Checkpoint {
        /// What is wrong.
        reason: String,
    },
    /// A training that fell apart.
    #[error("the loss of step {step} is not a finite number; choose a lower learning rate than {rate}")]
    Diverged {
        /// The step, counted from 1.
        step: usize,
        /// The greatest learning rate of the training.
        rate: f64,
    },
    /// A setting out of range.
    #[error("option `{name}`: expected {expected}, got {got}")]
    Option {
        /// Name of the option.
        name: &'static str,
        /// What is allowed.
        expected: &'static str,
        /// What was given.
        got: String,
    },
    /// A share link that cannot be read.
    #[error("this link is damaged or cut off ({reason}); copy it again, as a whole")]
    LinkDamaged {
        /// What is wrong.
        reason: String,
    },
    /// A share link of a version that is not known yet.
    #[error("this link was made by a newer Glimpse (version {version} of links); open it with that, or update")]
    LinkNewer {
        /// The link's version.
        version: u8,
    },
    /// A share link of another network.
    #[error("this link was made for another network ({expected}, here {got}); prepare that one")]
    LinkNetwork {
        /// Beginning of the identity that it needs.
        expected: String,
        /// The network that is here.
        got: String,
    },
    /// Nothing trained that a share link could hold.
    #[error("nothing was trained on the photos as they are; train first, then make a link")]
    LinkUntrained,
    /// A method whose classifier is too large for a share link.
    #[error(
        "the method `{}` needs more than a link can hold: a link has one vector per class; train by another method, or save a file",
        method.name()
    )]
    LinkMethod {
        /// The method.
        method: Method,
    },
    /// A head in the space of a learned metric, which is too large for a share link.
    #[error("a learned metric is too large for a link; take it away and train again, or save a file")]
    LinkMetric,
    /// More than a share link may hold.
    #[error("a link holds {limit} {what} at most, got {got}; remove some, or save a file")]
    LinkLimit {
        /// What there is too much of.
        what: &'static str,
        /// Most of them.
        limit: usize,
        /// So many were there.
        got: usize,
    },
    /// A class of which a share link was to be made, and nobody said what it is called.
    #[error("class {class} takes part and has no name; name every class that the link is made of")]
    LinkName {
        /// The class's id.
        class: u32,
    },
    /// The tensor library failed.
    #[error("the {backend} backend failed: {reason}")]
    Backend {
        /// Name of the backend.
        backend: &'static str,
        /// What it said.
        reason: String,
    },
    /// A file that cannot be read or written.
    #[error("{path}: {source}", path = path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's error.
        source: std::io::Error,
    },
    /// A folder that is not one folder of photos per class.
    #[error("{path}: {reason}", path = path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// One photo of several failed.
    #[error("{path}: {source}", path = path.display())]
    File {
        /// The photo.
        path: PathBuf,
        /// Why.
        source: Box<Error>,
    },
    /// A download that did not succeed.
    #[error("{url}: {reason}")]
    Download {
        /// Where from.
        url: String,
        /// What happened.
        reason: String,
    },
    /// No weights anywhere.
    #[error("no weights: {tried}; give a file with `--from FILE`, or make an untrained network with `--untrained`")]
    NoWeights {
        /// What was tried, and how each try ended.
        tried: String,
    },
}

impl Error {
    /// The stable code of this kind of error: kebab-case, never reused for something else.
    pub fn code(&self) -> &'static str {
        match self {
            Error::PhotoEmpty => "photo-empty",
            Error::PhotoNotImage => "photo-not-image",
            Error::PhotoFormat { .. } => "photo-format",
            Error::PhotoCorrupt { .. } => "photo-corrupt",
            Error::PhotoTooLarge { .. } => "photo-too-large",
            Error::PixelCount { .. } => "pixel-count",
            Error::PictureSize { .. } => "picture-size",
            Error::WeightsFormat { .. } => "weights-format",
            Error::WeightsMissingTensor { .. } => "weights-missing-tensor",
            Error::WeightsUnexpectedTensor { .. } => "weights-unexpected-tensor",
            Error::WeightsShape { .. } => "weights-shape",
            Error::WeightsNotFinite { .. } => "weights-not-finite",
            Error::Manifest { .. } => "manifest",
            Error::EmbeddingSize { .. } => "embedding-size",
            Error::EmbeddingNotFinite => "embedding-not-finite",
            Error::TooFewClasses { .. } => "too-few-classes",
            Error::EmptyClass { .. } => "empty-class",
            Error::Model { .. } => "model",
            Error::ModelNetwork { .. } => "model-network",
            Error::StaleHead => "stale-head",
            Error::ProjectFormat { .. } => "project-format",
            Error::ProjectDamaged { .. } => "project-damaged",
            Error::ProjectNewer { .. } => "project-newer",
            Error::ProjectTooLarge { .. } => "project-too-large",
            Error::ProjectEncrypted => "project-encrypted",
            Error::TooManyShots { .. } => "too-many-shots",
            Error::Maps { .. } => "maps",
            Error::StaleTraining => "stale-training",
            Error::PoolClasses { .. } => "pool-classes",
            Error::PoolImages { .. } => "pool-images",
            Error::Report { .. } => "report",
            Error::UnknownBackend { .. } => "unknown-backend",
            Error::UnknownMethod { .. } => "unknown-method",
            Error::MetricFile { .. } => "metric-file",
            Error::MetricNetwork { .. } => "metric-network",
            Error::MetricMethod { .. } => "metric-method",
            Error::NoSiamese => "no-siamese",
            Error::Checkpoint { .. } => "checkpoint",
            Error::Diverged { .. } => "diverged",
            Error::Option { .. } => "option",
            Error::LinkDamaged { .. } => "link-damaged",
            Error::LinkNewer { .. } => "link-newer",
            Error::LinkNetwork { .. } => "link-network",
            Error::LinkUntrained => "link-untrained",
            Error::LinkMethod { .. } => "link-method",
            Error::LinkMetric => "link-metric",
            Error::LinkLimit { .. } => "link-limit",
            Error::LinkName { .. } => "link-name",
            Error::Backend { .. } => "backend",
            Error::Io { .. } => "io",
            Error::Folder { .. } => "folder",
            Error::File { source, .. } => source.code(),
            Error::Download { .. } => "download",
            Error::NoWeights { .. } => "no-weights",
        }
    }
}
