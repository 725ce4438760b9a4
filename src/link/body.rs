//! What the bodies of all versions have in common: a deflate stream (RFC 1951) that begins with the head's single numbers and
//! the classes' names, and the way to read numbers so that none of a forged link is believed. Numbers are little-endian.

use miniz_oxide::{
    DataFormat,
    deflate::core::{CompressionStrategy, CompressorOxide, TDEFLFlush, compress_to_output},
    inflate::decompress_to_vec_with_limit,
};

use super::{LinkClass, MOST_CLASSES, MOST_NAME, NETWORK, Shared, damaged, rounding::paired};
use crate::{
    Error, Head, Method,
    features::{Features, Space},
    rejection::{Expected, Rejection},
};

/// Most bytes of a class: its name, its numbers, a prototype and a row.
const CLASS: usize = 4 * MOST_NAME + 16 + 2 * 1024;
/// A stream that inflates to more is not one of ours.
const LARGEST: usize = 1024 + 1024 + MOST_CLASSES * CLASS;
/// No number of a classifier is larger; products of such stay finite.
const MOST_VALUE: f32 = 1e6;
/// Scores of either kind vary by more.
const LEAST_DEVIATION: f32 = 1e-3;
/// Bytes of the network's identity: half of its characters.
const IDENTITY: usize = NETWORK / 2;
/// Methods whose heads can be in a link; their numbers are their places.
const METHODS: [Method; 3] = [Method::Prototype, Method::FinetunePlain, Method::Finetune];
/// Features of a head; their numbers are their places.
const FEATURES: [Features; 3] = [Features::Pooled, Features::Embedding, Features::Averaged];

/// The single numbers before the classes.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Start {
    pub(super) method: Method,
    pub(super) features: Features,
    /// The head works in the space of the prototypes, not in one without an origin.
    pub(super) same_space: bool,
    /// Familiarity is more than a guess.
    pub(super) certain: bool,
    /// First characters of the network's identity.
    pub(super) network: String,
    pub(super) scale: f32,
    pub(super) known: Expected,
    pub(super) unknown: Expected,
    /// Lengths of steps: of the origin, the prototypes, the rows.
    pub(super) steps: [f32; 3],
}

impl Start {
    /// # Errors
    /// [`Error::LinkMethod`] for a method that has no number.
    pub(super) fn bytes(&self) -> Result<Vec<u8>, Error> {
        let method = METHODS.iter().position(|known| *known == self.method);
        let method = method.ok_or(Error::LinkMethod { method: self.method })?;
        let features = FEATURES.iter().position(|known| *known == self.features);
        let mut bytes = vec![
            method as u8,
            features.unwrap_or(0) as u8,
            u8::from(self.same_space),
            u8::from(self.certain),
        ];
        bytes.extend(identity(&self.network));
        let (known, unknown) = (self.known, self.unknown);
        put(
            &mut bytes,
            &[self.scale, known.mean, known.deviation, unknown.mean, unknown.deviation],
        );
        put(&mut bytes, &self.steps);
        Ok(bytes)
    }

    /// The classifier that a body holds: its classes with their biases, the space of its prototypes, and prototypes and rows as they
    /// are sent.
    pub(super) fn shared(
        self,
        classes: Vec<(LinkClass, f32)>,
        space: Space,
        prototypes: Vec<Vec<f32>>,
        rows: Vec<Vec<f32>>,
    ) -> Shared {
        let (classes, bias) = classes.into_iter().unzip();
        Shared {
            method: self.method,
            network: self.network,
            classes,
            space: match self.same_space {
                true => space.clone(),
                false => Space::with_origin(self.features, Vec::new()),
            },
            head: Head {
                weight: rows.into_iter().map(paired).collect(),
                bias,
                scale: self.scale,
            },
            rejection: Rejection {
                space,
                prototypes: prototypes.into_iter().map(paired).collect(),
                known: self.known,
                unknown: self.unknown,
                certain: self.certain,
            },
        }
    }
}

/// A class and its numbers.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Named<const NUMBERS: usize> {
    pub(super) class: LinkClass,
    pub(super) numbers: [f32; NUMBERS],
}

/// The number of classes, then each.
pub(super) fn put_classes<const NUMBERS: usize>(bytes: &mut Vec<u8>, classes: &[Named<NUMBERS>]) {
    bytes.push(classes.len() as u8);
    for Named { class, numbers } in classes {
        bytes.extend((class.name.len() as u16).to_le_bytes());
        bytes.extend(class.name.as_bytes());
        bytes.extend(class.hue.to_le_bytes());
        put(bytes, numbers);
    }
}

fn put(bytes: &mut Vec<u8>, numbers: &[f32]) {
    bytes.extend(numbers.iter().flat_map(|number| number.to_le_bytes()));
}

/// The bytes of hexadecimal characters.
fn identity(network: &str) -> [u8; IDENTITY] {
    let byte = |index: usize| {
        network
            .get(2 * index..2 * index + 2)
            .and_then(|pair| u8::from_str_radix(pair, 16).ok())
    };
    std::array::from_fn(|index| byte(index).unwrap_or(0))
}

/// Every part has Huffman codes of its own: the flush between two of them begins new ones.
pub(super) fn deflated(parts: &[Vec<u8>]) -> Vec<u8> {
    let mut compressor = CompressorOxide::with_params(DataFormat::Raw, 9, CompressionStrategy::HuffmanOnly, 15);
    let mut bytes = Vec::new();
    for (index, part) in parts.iter().enumerate() {
        let flush = if index + 1 == parts.len() {
            TDEFLFlush::Finish
        } else {
            TDEFLFlush::Sync
        };
        compress_to_output(&mut compressor, part, flush, |packed| {
            bytes.extend_from_slice(packed);
            true
        });
    }
    bytes
}

/// The way back, as far as any link can need it.
///
/// # Errors
/// [`Error::LinkDamaged`].
pub(super) fn inflated(body: &[u8]) -> Result<Vec<u8>, Error> {
    decompress_to_vec_with_limit(body, LARGEST).map_err(|error| damaged(error.to_string()))
}

/// What is left to read.
pub(super) struct Reader<'a>(pub(super) &'a [u8]);

impl Reader<'_> {
    /// What [`Start::bytes`] wrote.
    ///
    /// # Errors
    /// [`Error::LinkDamaged`], as all that follows.
    pub(super) fn start(&mut self) -> Result<Start, Error> {
        let [method, features, same_space, certain] = self.array()?;
        let method = METHODS
            .get(usize::from(method))
            .ok_or_else(|| nameless("method", method))?;
        let features = FEATURES
            .get(usize::from(features))
            .ok_or_else(|| nameless("features", features))?;
        let network = self
            .array::<IDENTITY>()?
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        let [scale, known_mean, known_deviation, unknown_mean, unknown_deviation] = self.numbers()?;
        let steps = self.numbers()?;
        if same_space > 1 || certain > 1 {
            return Err(damaged("a choice that there is not".into()));
        }
        if known_deviation < LEAST_DEVIATION || unknown_deviation < LEAST_DEVIATION {
            return Err(damaged("scores that do not vary".into()));
        }
        Ok(Start {
            method: *method,
            features: *features,
            same_space: same_space == 1,
            certain: certain == 1,
            network,
            scale,
            known: Expected {
                mean: known_mean,
                deviation: known_deviation,
            },
            unknown: Expected {
                mean: unknown_mean,
                deviation: unknown_deviation,
            },
            steps,
        })
    }

    /// What [`put_classes`] wrote.
    pub(super) fn classes<const NUMBERS: usize>(&mut self) -> Result<Vec<Named<NUMBERS>>, Error> {
        let [count] = self.array()?;
        if !(2..=MOST_CLASSES).contains(&usize::from(count)) {
            return Err(damaged(format!("{count} classes, expected 2 to {MOST_CLASSES}")));
        }
        let mut class = |id| {
            let name = self.name()?;
            let hue = u16::from_le_bytes(self.array()?);
            let class = LinkClass { id, name, hue };
            let numbers = self.numbers()?;
            Ok(Named { class, numbers })
        };
        (0..u32::from(count)).map(&mut class).collect()
    }

    /// A vector that was written in steps, a byte each.
    pub(super) fn vector(&mut self, length: usize, step: f32) -> Result<Vec<f32>, Error> {
        let counts = self.take(length)?.iter();
        Ok(counts.map(|&count| f32::from(count as i8) * step).collect())
    }

    /// Several of one length.
    pub(super) fn vectors(&mut self, count: usize, length: usize, step: f32) -> Result<Vec<Vec<f32>>, Error> {
        (0..count).map(|_| self.vector(length, step)).collect()
    }

    /// Nothing follows.
    pub(super) fn end(&self) -> Result<(), Error> {
        match self.0.len() {
            0 => Ok(()),
            more => Err(damaged(format!("{more} bytes too many"))),
        }
    }

    fn take(&mut self, count: usize) -> Result<&[u8], Error> {
        let (taken, rest) = self
            .0
            .split_at_checked(count)
            .ok_or_else(|| damaged("it ends early".into()))?;
        self.0 = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Error> {
        let taken = self.take(N)?;
        Ok(std::array::from_fn(|index| taken[index]))
    }

    fn numbers<const N: usize>(&mut self) -> Result<[f32; N], Error> {
        let mut numbers = [0.0; N];
        for number in &mut numbers {
            *number = f32::from_le_bytes(self.array()?);
            if number.is_nan() || number.abs() > MOST_VALUE {
                return Err(damaged(format!("the number {number}, expected {MOST_VALUE} at most")));
            }
        }
        Ok(numbers)
    }

    fn name(&mut self) -> Result<String, Error> {
        let length = u16::from_le_bytes(self.array()?);
        let name = std::str::from_utf8(self.take(usize::from(length))?).map_err(|error| damaged(error.to_string()))?;
        match name.chars().count() <= MOST_NAME {
            true => Ok(name.into()),
            false => Err(damaged(format!("a name of more than {MOST_NAME} characters"))),
        }
    }
}

fn nameless(what: &str, number: u8) -> Error {
    damaged(format!("{what} number {number}, which no version knows"))
}
