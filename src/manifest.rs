//! `weights/manifest.json`: what the weight file beside it is, where it came from, what may be done with it,
//! and an embedding by which a backend proves that it computes right.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{
    Embedder, Error, Square,
    picture::SHORTER_SIDE,
    square::{MEAN, SIDE, STD},
    vector::{dot, normalised},
};

/// The schema that this version reads and writes.
pub const SCHEMA: u32 = 2;
/// Name of the manifest.
pub const MANIFEST_FILE: &str = "manifest.json";

/// The manifest of a weight file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// [`SCHEMA`].
    pub schema: u32,
    /// Always `resnet18`.
    pub network: String,
    /// The weight file's name, in the same folder.
    pub file: String,
    /// The weight file's SHA-256, in lower-case hex.
    pub sha256: String,
    /// [`StateDict::identity`](crate::StateDict::identity) of the network before it was encoded: metrics and models know
    /// it by this, whatever file it comes from.
    pub identity: String,
    /// The weight file's length.
    pub bytes: u64,
    /// Whether anybody trained the network.
    pub trained: bool,
    /// Where the weights came from and what they may be used for.
    #[serde(flatten)]
    pub origin: Origin,
    /// What the network expects of its input.
    pub preprocessing: Preprocessing,
    /// The embedding of a test pattern.
    pub probe: Probe,
}

/// Where weights came from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// For a reader: a file's name or an address.
    pub source: String,
    /// For a reader: the licence's name, or what is known of it.
    pub licence: String,
    /// Whether the weights may be passed on. `cargo xtask dist` refuses those that may not.
    pub redistributable: bool,
}

impl Origin {
    /// Of weights that somebody brought without a word about them: they count as not redistributable.
    pub fn unknown(source: &str) -> Self {
        Self {
            source: source.into(),
            licence: "unknown".into(),
            redistributable: false,
        }
    }
}

/// The way from photo to input, as [`crate::Picture`] and [`Square`] do it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Preprocessing {
    /// Pixels that the shorter side is resized to.
    pub shorter_side: usize,
    /// Side of the centre crop in pixels.
    pub crop: usize,
    /// The resize filter.
    pub filter: String,
    /// Mean per channel of values in 0..1.
    pub mean: [f32; 3],
    /// Standard deviation per channel.
    pub std: [f32; 3],
}

impl Default for Preprocessing {
    fn default() -> Self {
        Self {
            shorter_side: SHORTER_SIDE,
            crop: SIDE,
            filter: "bilinear, antialiased".into(),
            mean: MEAN,
            std: STD,
        }
    }
}

/// A known answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Probe {
    /// Always `v1`: [`Square::test_pattern`].
    pub pattern: String,
    /// Its embedding, computed on the CPU.
    pub embedding: Vec<f32>,
}

impl Manifest {
    /// Describes a weight file, which holds a network of this identity.
    pub fn new(name: &str, file: &[u8], identity: String, trained: bool, origin: Origin, probe: Vec<f32>) -> Self {
        Self {
            schema: SCHEMA,
            network: "resnet18".into(),
            file: name.into(),
            sha256: sha256(file),
            identity,
            bytes: file.len() as u64,
            trained,
            origin,
            preprocessing: Preprocessing::default(),
            probe: Probe {
                pattern: "v1".into(),
                embedding: probe,
            },
        }
    }

    /// Reads a manifest.
    ///
    /// # Errors
    /// [`Error::Manifest`] where it is no manifest of this schema.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let manifest: Self = serde_json::from_str(text).map_err(|e| Error::Manifest { reason: e.to_string() })?;
        match manifest.schema {
            SCHEMA => Ok(manifest),
            other => Err(Error::Manifest {
                reason: format!("expected schema {SCHEMA}, got {other}"),
            }),
        }
    }

    /// The manifest's text.
    ///
    /// # Errors
    /// [`Error::Manifest`] where a number in it cannot be written.
    pub fn to_json(&self) -> Result<String, Error> {
        serde_json::to_string_pretty(self).map_err(|e| Error::Manifest { reason: e.to_string() })
    }

    /// Whether a file is the one described.
    ///
    /// # Errors
    /// [`Error::Manifest`] with the lengths or hashes that differ.
    pub fn check_file(&self, file: &[u8]) -> Result<(), Error> {
        let (length, hash) = (file.len() as u64, sha256(file));
        if length != self.bytes || hash != self.sha256 {
            let (file, bytes, expected) = (&self.file, self.bytes, &self.sha256);
            let reason = format!("expected {file} of {bytes} bytes, SHA-256 {expected}; got {length} bytes, {hash}");
            return Err(Error::Manifest { reason });
        }
        Ok(())
    }

    /// Cosine between the known answer and a backend's: 1 where it computes right.
    ///
    /// # Errors
    /// [`Error::Manifest`] where the probe is not understood; those of [`Embedder::pooled`].
    pub async fn verify(&self, embedder: &impl Embedder) -> Result<f32, Error> {
        if self.probe.pattern != "v1" {
            let reason = format!("expected probe pattern v1, got {}", self.probe.pattern);
            return Err(Error::Manifest { reason });
        }
        let unreadable = || Error::Manifest {
            reason: "the probe's embedding has no direction".into(),
        };
        let expected = normalised(&self.probe.embedding).ok_or_else(unreadable)?;
        let answer = probe(embedder).await?;
        Ok(normalised(&answer).map_or(0.0, |answer| dot(&answer, &expected)))
    }
}

/// The embedding of the test pattern, `[512]`.
///
/// # Errors
/// Those of [`Embedder::pooled`].
pub async fn probe(embedder: &impl Embedder) -> Result<Vec<f32>, Error> {
    let answers = embedder.pooled(&[Square::test_pattern()]).await?;
    Ok(answers
        .first()
        .map(|answer| answer.embedding().to_vec())
        .unwrap_or_default())
}

/// SHA-256 in lower-case hex.
pub fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// Bytes in lower-case hex.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
