//! Version 1 of what a link holds: a deflate stream (RFC 1951) of a head with names and single numbers, then of vectors in
//! whole steps. Numbers are little-endian.
//!
//! What need not be sent is not: a head in the space of the prototypes is sent as what sets it apart from them; what all rows
//! of a head have in common cancels in the softmax; of the origin little more matters than its products with the rows.

use miniz_oxide::{
    DataFormat,
    deflate::core::{CompressionStrategy, CompressorOxide, TDEFLFlush, compress_to_output},
    inflate::decompress_to_vec_with_limit,
};

use super::{
    LinkClass, MOST_CLASSES, MOST_NAME, NETWORK, Shared, damaged,
    rounding::{Directions, Rounded, paired},
};
use crate::{
    Error, Head, Method,
    features::{Features, Space},
    rejection::{Expected, Rejection},
    support::Class,
    vector::{add_scaled, dot, mean, unit},
};

pub(super) const VERSION: u8 = 1;
/// Lengths of steps, in root mean squares of what is rounded: the longest with which nearly all answers stay
/// (`cargo glimpse link-agreement`).
const ORIGIN_STEP: f32 = 0.09;
/// Of prototypes and rows. Among many classes names are closer calls, and the most familiar of them is surer.
const STEPS: [f32; 2] = [0.24, 0.27];
const STEPS_OF_MANY: [f32; 2] = [0.27, 0.2];
/// More classes are many.
const FEW: usize = 5;
/// The same of a head that has a space of its own: without an origin its rows are much alike, and tell apart by little.
const UNCENTRED_STEP: f32 = 0.1;
/// Most bytes of a class: its name, its numbers, a prototype and a row.
const CLASS: usize = 4 * MOST_NAME + 11 + 2 * 1024;
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

/// Writes a classifier whose classes have these shots.
///
/// # Errors
/// [`Error::LinkMethod`] for a method that has no number.
pub(super) fn encode(shared: &Shared, episode: &[&Class]) -> Result<Vec<u8>, Error> {
    let Shared {
        method,
        space,
        head,
        rejection,
        ..
    } = shared;
    let place = METHODS.iter().position(|known| known == method);
    let method = place.ok_or(Error::LinkMethod { method: *method })?;
    let features = FEATURES
        .iter()
        .position(|known| *known == space.features())
        .unwrap_or(0);
    let same_space = *space == rejection.space;

    let prototypes: Vec<_> = rejection.prototypes.iter().cloned().map(paired).collect();
    let kept = Directions::new(&shots(&rejection.space, episode));
    let many = shared.classes.len() > FEW;
    let [prototypes_step, weight_step] = if many { STEPS_OF_MANY } else { STEPS };
    let prototypes = Rounded::new(&prototypes, prototypes_step * spread(&prototypes), &kept);

    let mut rows = without_mean(head.weight.iter().cloned().map(paired).collect());
    let length = if same_space { weight_step } else { UNCENTRED_STEP } * spread(&rows);
    let mut shares = vec![0.0; rows.len()];
    if same_space {
        for ((row, share), prototype) in rows.iter_mut().zip(&mut shares).zip(prototypes.values()) {
            *share = dot(row, &prototype) / dot(&prototype, &prototype).max(f32::MIN_POSITIVE);
            add_scaled(row, -*share, &prototype);
        }
        rows = without_mean(rows);
    }
    let weight = Rounded::new(&rows, length, &Directions::new(&shots(space, episode)));

    let origin = vec![paired(rejection.space.origin().to_vec())];
    let seen_from = prototypes.values().chain(if same_space {
        weight.values().collect()
    } else {
        Vec::new()
    });
    let kept = Directions::new(&seen_from.map(unit).collect::<Vec<_>>());
    let origin = Rounded::new(&origin, ORIGIN_STEP * spread(&origin), &kept);

    let mut start = vec![
        method as u8,
        features as u8,
        u8::from(same_space),
        u8::from(rejection.certain),
    ];
    start.extend(identity(&shared.network));
    let Rejection { known, unknown, .. } = rejection;
    put(
        &mut start,
        &[head.scale, known.mean, known.deviation, unknown.mean, unknown.deviation],
    );
    put(&mut start, &[origin.step, prototypes.step, weight.step]);
    start.push(shared.classes.len() as u8);
    for ((class, bias), share) in shared.classes.iter().zip(&head.bias).zip(&shares) {
        start.extend((class.name.len() as u16).to_le_bytes());
        start.extend(class.name.as_bytes());
        start.extend(class.hue.to_le_bytes());
        put(&mut start, &[*bias, *share]);
    }
    Ok(deflated(&[start, origin.bytes(), prototypes.bytes(), weight.bytes()]))
}

/// Reads what [`encode`] wrote.
///
/// # Errors
/// [`Error::LinkDamaged`] with what is wrong.
pub(super) fn decode(body: &[u8]) -> Result<Shared, Error> {
    let bytes = decompress_to_vec_with_limit(body, LARGEST).map_err(|error| damaged(error.to_string()))?;
    let mut reader = Reader(&bytes);
    let [method, features, same_space, certain] = reader.array()?;
    let method = *METHODS
        .get(usize::from(method))
        .ok_or_else(|| unknown("method", method))?;
    let features = *FEATURES
        .get(usize::from(features))
        .ok_or_else(|| unknown("features", features))?;
    let network = reader
        .array::<IDENTITY>()?
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let [scale, known_mean, known_deviation, unknown_mean, unknown_deviation] = reader.numbers()?;
    let steps: [f32; 3] = reader.numbers()?;
    if same_space > 1 || certain > 1 || (same_space == 1 && features != Features::Pooled) {
        return Err(damaged("a choice that there is not".into()));
    }
    if known_deviation < LEAST_DEVIATION || unknown_deviation < LEAST_DEVIATION {
        return Err(damaged("scores that do not vary".into()));
    }
    let [count] = reader.array()?;
    if !(2..=MOST_CLASSES).contains(&usize::from(count)) {
        return Err(damaged(format!("{count} classes, expected 2 to {MOST_CLASSES}")));
    }
    let (mut classes, mut bias, mut shares) = (Vec::new(), Vec::new(), Vec::new());
    for id in 0..u32::from(count) {
        let name = reader.name()?;
        let hue = u16::from_le_bytes(reader.array()?);
        classes.push(LinkClass { id, name, hue });
        let [own_bias, share] = reader.numbers()?;
        bias.push(own_bias);
        shares.push(share);
    }
    let pooled = Features::Pooled.length();
    let origin = paired(reader.vector(pooled, steps[0])?);
    let mut prototypes = reader.vectors(count, pooled, steps[1])?;
    let mut weight = reader.vectors(count, features.length(), steps[2])?;
    if !reader.0.is_empty() {
        return Err(damaged(format!("{} bytes too many", reader.0.len())));
    }
    if same_space == 1 {
        for ((row, share), prototype) in weight.iter_mut().zip(shares).zip(&prototypes) {
            add_scaled(row, share, prototype);
        }
    }
    for vector in weight.iter_mut().chain(&mut prototypes) {
        *vector = paired(std::mem::take(vector));
    }
    let space = Space::with_origin(Features::Pooled, origin);
    Ok(Shared {
        method,
        network,
        classes,
        space: if same_space == 1 {
            space.clone()
        } else {
            Space::with_origin(features, Vec::new())
        },
        head: Head { weight, bias, scale },
        rejection: Rejection {
            space,
            prototypes,
            known: Expected {
                mean: known_mean,
                deviation: known_deviation,
            },
            unknown: Expected {
                mean: unknown_mean,
                deviation: unknown_deviation,
            },
            certain: certain == 1,
        },
    })
}

/// The shots of an episode in a space, as vectors are sent.
fn shots(space: &Space, episode: &[&Class]) -> Vec<Vec<f32>> {
    episode
        .iter()
        .flat_map(|class| space.shots(class))
        .map(paired)
        .collect()
}

/// Vectors without what all of them have in common.
fn without_mean(mut vectors: Vec<Vec<f32>>) -> Vec<Vec<f32>> {
    let mean = mean(&vectors);
    vectors.iter_mut().for_each(|vector| add_scaled(vector, -1.0, &mean));
    vectors
}

/// Root mean square of all numbers.
fn spread(vectors: &[Vec<f32>]) -> f32 {
    let count = vectors.iter().map(Vec::len).sum::<usize>().max(1);
    (vectors.iter().map(|vector| dot(vector, vector)).sum::<f32>() / count as f32).sqrt()
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

fn put(bytes: &mut Vec<u8>, numbers: &[f32]) {
    bytes.extend(numbers.iter().flat_map(|number| number.to_le_bytes()));
}

/// Every part has Huffman codes of its own: the flush between two of them begins new ones.
fn deflated(parts: &[Vec<u8>]) -> Vec<u8> {
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

/// What is left to read.
struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
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

    fn vector(&mut self, length: usize, step: f32) -> Result<Vec<f32>, Error> {
        Ok(self
            .take(length)?
            .iter()
            .map(|&count| f32::from(count as i8) * step)
            .collect())
    }

    fn vectors(&mut self, count: u8, length: usize, step: f32) -> Result<Vec<Vec<f32>>, Error> {
        (0..count).map(|_| self.vector(length, step)).collect()
    }
}

fn unknown(what: &str, number: u8) -> Error {
    damaged(format!("{what} number {number}, which no version knows"))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A body without its compression.
    pub(in crate::link) fn inflated(body: &[u8]) -> Vec<u8> {
        decompress_to_vec_with_limit(body, LARGEST).unwrap()
    }

    /// The way back.
    pub(in crate::link) fn deflated(bytes: &[u8]) -> Vec<u8> {
        miniz_oxide::deflate::compress_to_vec(bytes, 9)
    }
}
