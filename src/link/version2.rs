//! Version 2 of what a link holds: "none of these" is judged by the numbers that the head sees, so that heads of 512 have links
//! half as long as those of 1,024.
//!
//! What need not be sent is not: a row of the head is sent as what sets it apart from its class's prototype and from the origin;
//! what all rows of a head have in common cancels in the softmax.

use super::{
    Shared,
    body::{Named, Reader, Start, deflated, inflated, put_classes},
    rounding::{Directions, Rounded, paired},
};
use crate::{
    Error,
    features::{Features, Space},
    support::Class,
    vector::{add_scaled, dot, mean, unit},
};

pub(super) const VERSION: u8 = 2;
/// Lengths of steps, in root mean squares of what is rounded: the longest with which nearly all answers stay
/// (`cargo glimpse link-agreement`).
const ORIGIN_STEP: f32 = 0.09;
/// Of prototypes of 1,024 numbers, and of rows. Among many classes names are closer calls, and the most familiar of them is surer.
const STEPS: [f32; 2] = [0.24, 0.27];
const STEPS_OF_MANY: [f32; 2] = [0.27, 0.2];
/// More classes are many.
const FEW: usize = 5;

/// Writes a classifier whose classes have these shots.
///
/// # Errors
/// [`Error::LinkMethod`] for a method that has no number.
pub(super) fn encode(shared: &Shared, episode: &[&Class]) -> Result<Vec<u8>, Error> {
    let Shared {
        space, head, rejection, ..
    } = shared;
    let [prototype_step, row_step] = match shared.classes.len() <= FEW {
        true => STEPS,
        false => STEPS_OF_MANY,
    };
    let prototypes: Vec<_> = rejection.prototypes.iter().cloned().map(paired).collect();
    let rows: Vec<_> = head.weight.iter().cloned().map(paired).collect();
    let origin = vec![paired(rejection.space.origin().to_vec())];

    let kept = Directions::new(&shots(&rejection.space, episode));
    // Of fewer numbers each is a larger part of a cosine, and so is its error.
    let shorter = (space.length() as f32 / Features::Pooled.length() as f32).sqrt();
    let prototypes = Rounded::new(&prototypes, prototype_step * shorter * spread(&prototypes), &kept);

    let apart = without_mean(rows.clone());
    let seen_from: Vec<_> = prototypes.values().chain(apart.iter().cloned()).map(unit).collect();
    let origin = Rounded::new(&origin, ORIGIN_STEP * spread(&origin), &Directions::new(&seen_from));

    let (rests, shares) = rests(rows, &prototypes, &origin);
    let kept = Directions::new(&shots(space, episode));
    let rests = Rounded::new(&without_mean(rests), row_step * spread(&apart), &kept);

    let start = Start {
        method: shared.method,
        features: space.features(),
        same_space: !space.origin().is_empty(),
        certain: rejection.certain,
        network: shared.network.clone(),
        scale: head.scale,
        known: rejection.known,
        unknown: rejection.unknown,
        steps: [origin.step, prototypes.step, rests.step],
    };
    let mut bytes = start.bytes()?;
    let named = |index: usize| Named {
        class: shared.classes[index].clone(),
        numbers: [head.bias[index], shares[index][0], shares[index][1]],
    };
    put_classes(&mut bytes, &(0..shared.classes.len()).map(named).collect::<Vec<_>>());
    Ok(deflated(&[bytes, origin.bytes(), prototypes.bytes(), rests.bytes()]))
}

/// Reads what [`encode`] wrote.
///
/// # Errors
/// [`Error::LinkDamaged`] with what is wrong.
pub(super) fn decode(body: &[u8]) -> Result<Shared, Error> {
    let bytes = inflated(body)?;
    let mut reader = Reader(&bytes);
    let start = reader.start()?;
    let classes = reader.classes()?;
    let length = start.features.length();
    let origin = reader.vector(length, start.steps[0])?;
    let prototypes = reader.vectors(classes.len(), length, start.steps[1])?;
    let mut weight = reader.vectors(classes.len(), length, start.steps[2])?;
    reader.end()?;
    let mut named = Vec::new();
    for (index, Named { class, numbers }) in classes.into_iter().enumerate() {
        let [bias, of_prototype, of_origin] = numbers;
        add_scaled(&mut weight[index], of_prototype, &prototypes[index]);
        add_scaled(&mut weight[index], of_origin, &origin);
        named.push((class, bias));
    }
    let space = Space::with_origin(start.features, paired(origin));
    Ok(start.shared(named, space, prototypes, weight))
}

/// What sets each row apart from its prototype and the origin, as these will be read, and its shares of both.
fn rests(mut rows: Vec<Vec<f32>>, prototypes: &Rounded, origin: &Rounded) -> (Vec<Vec<f32>>, Vec<[f32; 2]>) {
    let origin: Vec<f32> = origin.values().flatten().collect();
    let mut shares = Vec::new();
    for (row, prototype) in rows.iter_mut().zip(prototypes.values()) {
        let [of_prototype, of_origin] = parts(row, &prototype, &origin);
        add_scaled(row, -of_prototype, &prototype);
        add_scaled(row, -of_origin, &origin);
        shares.push([of_prototype, of_origin]);
    }
    (rows, shares)
}

/// How much of two vectors comes nearest to a third when added up.
fn parts(whole: &[f32], a: &[f32], b: &[f32]) -> [f32; 2] {
    let (aa, ab, bb) = (dot(a, a), dot(a, b), dot(b, b));
    let (wa, wb) = (dot(whole, a), dot(whole, b));
    let determinant = aa * bb - ab * ab;
    match determinant > 1e-6 * aa * bb {
        true => [(wa * bb - wb * ab) / determinant, (wb * aa - wa * ab) / determinant],
        false => [wa / aa.max(f32::MIN_POSITIVE), 0.0],
    }
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
