//! Prepares `weights/`: finds a checkpoint, folds it, writes the weight file and its manifest.

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::{
    download::{download, hash_prefix_in_name},
    files::{io, read, replace},
    pth,
};
use crate::{
    Error, StateDict,
    architecture::convolutions,
    backend::{Backbone, BackendKind},
    compact,
    manifest::{MANIFEST_FILE, Manifest, Origin, probe},
    untrained,
};

/// Torchvision's checkpoint, `ResNet18_Weights.IMAGENET1K_V1`, at its official address.
pub const TORCHVISION: &str = "https://download.pytorch.org/models/resnet18-f37072fd.pth";

/// Where a checkpoint is to come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// What is prepared already, else `../shared`, else torchvision's download.
    Automatic,
    /// A `.safetensors` or `.pth` file.
    File(PathBuf),
    /// A download of one of these.
    Url(String),
    /// Random numbers from this seed.
    Untrained(u64),
}

/// What is known of a checkpoint's licence; without it, weights count as not redistributable.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Licence {
    /// Its name.
    pub name: Option<String>,
    /// Whether it lets the weights be passed on.
    pub redistributable: bool,
}

/// How the parameters are written.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Encoding {
    /// [`compact`], with steps of this length.
    Compact(f32),
    /// 16 bits each: four times as large, and exact enough for reference values.
    F16,
}

impl Default for Encoding {
    fn default() -> Self {
        Encoding::Compact(compact::STEP)
    }
}

impl Encoding {
    /// The weight file's name.
    pub fn file_name(self) -> &'static str {
        match self {
            Encoding::Compact(_) => "resnet18.compact",
            Encoding::F16 => "resnet18.safetensors",
        }
    }

    fn encode(self, folded: &StateDict) -> Result<Vec<u8>, Error> {
        match self {
            Encoding::Compact(step) => compact::encode(folded, step),
            Encoding::F16 => folded.to_safetensors_f16(),
        }
    }
}

/// Prepares the folder `out` and returns its manifest. Files appear in it only once they are complete.
/// `say` gets lines for a person.
///
/// # Errors
/// [`Error::NoWeights`] where automatic sources are exhausted; otherwise what was wrong with the one asked for.
pub fn prepare(
    out: &Path,
    source: &Source,
    licence: &Licence,
    encoding: Encoding,
    say: &mut dyn FnMut(&str),
) -> Result<Manifest, Error> {
    if *source == Source::Automatic
        && let Ok(manifest) = check(out)
    {
        say(&format!(
            "{} is ready ({})",
            out.join(&manifest.file).display(),
            manifest.origin.source
        ));
        return Ok(manifest);
    }
    fs::create_dir_all(out).map_err(io(out))?;
    let found = match source {
        Source::Automatic => automatic(out, say)?,
        Source::File(path) => from_file(path, licence)?,
        Source::Url(url) => from_url(url, out, licence, say)?,
        Source::Untrained(seed) => untrained_checkpoint(*seed),
    };
    write(out, &found, encoding, say)
}

/// The manifest of a folder whose files are complete.
///
/// # Errors
/// [`Error::Io`] or [`Error::Manifest`] where they are not.
pub fn check(folder: &Path) -> Result<Manifest, Error> {
    read_checked(folder).map(|(manifest, _)| manifest)
}

/// The manifest and the bytes of the weight file, which is the one that it describes.
fn read_checked(folder: &Path) -> Result<(Manifest, Vec<u8>), Error> {
    let path = folder.join(MANIFEST_FILE);
    let manifest = Manifest::parse(&fs::read_to_string(&path).map_err(io(&path))?)?;
    let file = fs::read(folder.join(&manifest.file)).map_err(io(folder))?;
    manifest.check_file(&file)?;
    Ok((manifest, file))
}

/// Reads a prepared folder.
///
/// # Errors
/// Those of [`check`] and of [`StateDict::from_safetensors`].
pub fn load(folder: &Path) -> Result<StateDict, Error> {
    open(folder).map(|(_, state_dict)| state_dict)
}

/// Reads a prepared folder with its manifest.
///
/// # Errors
/// Those of [`load`].
pub fn open(folder: &Path) -> Result<(Manifest, StateDict), Error> {
    let (manifest, file) = read_checked(folder)?;
    Ok((manifest, StateDict::from_file(&file)?))
}

struct Checkpoint {
    state_dict: StateDict,
    trained: bool,
    origin: Origin,
}

fn automatic(out: &Path, say: &mut dyn FnMut(&str)) -> Result<Checkpoint, Error> {
    let shared = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/weights/resnet18.safetensors");
    if shared.is_file() {
        let licence = Licence {
            name: Some("non-commercial, for development and tests only".into()),
            redistributable: false,
        };
        return from_file(&shared, &licence);
    }
    let licence = Licence {
        name: Some("BSD-3-Clause (torchvision)".into()),
        redistributable: true,
    };
    from_url(TORCHVISION, out, &licence, say).map_err(|error| Error::NoWeights {
        tried: format!("nothing prepared, no ../shared, and {error}"),
    })
}

fn from_url(url: &str, out: &Path, licence: &Licence, say: &mut dyn FnMut(&str)) -> Result<Checkpoint, Error> {
    let name = url.rsplit('/').next().unwrap_or(url);
    let target = out.join(name);
    say(&format!("downloading {url}"));
    let mut shown = 0;
    download(url, &target, hash_prefix_in_name(url), |received, total| {
        let quarter = total.map_or(0, |total| received * 4 / total.max(1));
        if quarter > shown {
            shown = quarter;
            say(&format!(
                "{} of {} kB",
                received / 1000,
                total.unwrap_or(received) / 1000
            ));
        }
    })?;
    let mut checkpoint = from_file(&target, licence)?;
    checkpoint.origin.source = url.into();
    fs::remove_file(&target).map_err(io(&target))?;
    Ok(checkpoint)
}

fn from_file(path: &Path, licence: &Licence) -> Result<Checkpoint, Error> {
    let state_dict = read_state_dict(path)?;
    let source = path
        .file_name()
        .map_or_else(String::new, |name| name.to_string_lossy().into_owned());
    let origin = match &licence.name {
        Some(name) => Origin {
            source,
            licence: name.clone(),
            redistributable: licence.redistributable,
        },
        None => Origin::unknown(&source),
    };
    Ok(Checkpoint {
        state_dict,
        trained: true,
        origin,
    })
}

/// Reads a state dict from a `.pth`, safetensors or compact file.
///
/// # Errors
/// [`Error::Io`]; those of [`StateDict::from_file`].
pub fn read_state_dict(path: &Path) -> Result<StateDict, Error> {
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("pth" | "pt") => pth::read(path),
        _ => StateDict::from_file(&read(path)?),
    }
}

fn untrained_checkpoint(seed: u64) -> Checkpoint {
    let origin = Origin {
        source: format!("random numbers, seed {seed}"),
        licence: "CC0-1.0".into(),
        redistributable: true,
    };
    Checkpoint {
        state_dict: untrained::state_dict(seed),
        trained: false,
        origin,
    }
}

/// Prepares the folder `out` with a network that was made here.
///
/// # Errors
/// [`Error::Io`]; those of [`StateDict::folded_trunk`].
pub fn write_network(
    out: &Path,
    state_dict: StateDict,
    encoding: Encoding,
    trained: bool,
    origin: Origin,
    say: &dyn Fn(&str),
) -> Result<Manifest, Error> {
    fs::create_dir_all(out).map_err(io(out))?;
    let checkpoint = Checkpoint {
        state_dict,
        trained,
        origin,
    };
    write(out, &checkpoint, encoding, &mut |line| say(line))
}

/// The probe is computed from the file as written, so that rounding is part of the known answer.
fn write(
    out: &Path,
    checkpoint: &Checkpoint,
    encoding: Encoding,
    say: &mut dyn FnMut(&str),
) -> Result<Manifest, Error> {
    let folded = checkpoint.state_dict.folded_trunk(&convolutions())?;
    let file = encoding.encode(&folded)?;
    let written = StateDict::from_file(&file)?;
    let probe = pollster::block_on(async {
        let backbone = Backbone::start(BackendKind::Cpu, written).await?;
        probe(&backbone).await
    })?;
    let (trained, origin) = (checkpoint.trained, checkpoint.origin.clone());
    let identity = folded.identity()?;
    let manifest = Manifest::new(encoding.file_name(), &file, identity, trained, origin, probe);
    let target = out.join(&manifest.file);
    replace(&target, &file)?;
    replace(&out.join(MANIFEST_FILE), manifest.to_json()?.as_bytes())?;
    let megabytes = file.len() as f64 / 1e6;
    say(&format!(
        "{} written, {megabytes:.1} MB ({})",
        target.display(),
        manifest.origin.source
    ));
    Ok(manifest)
}
