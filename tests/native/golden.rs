//! The network natively, against reference values that ONNX Runtime computed.

use std::path::Path;

use glimpse::{
    Embedder, Error, Square,
    architecture::Pooled,
    backend::{Backbone, BackendKind},
    embedder::{Views, embed, embed_part, join},
    native::{folder::read_picture, weights},
    picture::PARTS,
};
use libtest_mimic::Trial;

use crate::support::{Golden, Outcome, cosine, exact_weights, real_weights, trial_on_shared};

pub fn trials() -> Vec<Trial> {
    vec![
        trial_on_shared("golden::preprocessing", preprocessing),
        trial_on_shared("golden::cpu", || from_input_and_photo(BackendKind::Cpu)),
        trial_on_shared("golden::candle", || from_input_and_photo(BackendKind::Candle)),
        trial_on_shared(
            "golden::deviations_are_the_same_on_both",
            deviations_are_the_same_on_both,
        ),
        trial_on_shared(
            "golden::steps_as_their_numbers_by_candle",
            steps_as_their_numbers_by_candle,
        ),
        trial_on_shared("golden::a_batch_equals_its_parts", a_batch_equals_its_parts),
        trial_on_shared("golden::a_photo_in_parts_is_the_whole", a_photo_in_parts_is_the_whole),
    ]
}

fn backbone(kind: BackendKind) -> Result<Backbone, Error> {
    backbone_of(kind, exact_weights())
}

fn backbone_of(kind: BackendKind, folder: &Path) -> Result<Backbone, Error> {
    pollster::block_on(Backbone::start(kind, weights::load(folder)?))
}

fn pooled(backbone: &Backbone, squares: &[Square]) -> Result<Vec<Pooled>, Error> {
    pollster::block_on(backbone.pooled(squares))
}

fn preprocessing() -> Outcome {
    let golden = Golden::load();
    for (photo, expected) in golden.photos.iter().zip(&golden.inputs) {
        let input = read_picture(photo)?.centre()?.normalised();
        let sum: f32 = input.iter().zip(expected).map(|(a, b)| (a - b).abs()).sum();
        let difference = sum / input.len() as f32;
        assert!(
            difference <= 0.02,
            "{}: mean absolute difference {difference}",
            photo.display()
        );
    }
    Ok(())
}

fn from_input_and_photo(kind: BackendKind) -> Outcome {
    let (golden, backbone) = (Golden::load(), backbone(kind)?);
    for (index, (square, photo)) in golden.squares.iter().zip(&golden.photos).enumerate() {
        let from_photo = read_picture(photo)?.centre()?;
        let answers = pooled(&backbone, &[square.clone(), from_photo])?;
        for (layer, name) in ["layer1_mean", "layer2_mean", "layer3_mean", "embedding"]
            .into_iter()
            .enumerate()
        {
            let similarity = cosine(&answers[0].means[layer], &golden.rows[name][index]);
            assert!(similarity >= 0.9999, "photo {index}, {name}: cosine {similarity}");
        }
        let similarity = cosine(answers[1].embedding(), &golden.rows["embedding"][index]);
        assert!(similarity >= 0.998, "{}: cosine {similarity}", photo.display());
    }
    Ok(())
}

/// ONNX Runtime's reference has no deviations, so our own arithmetic and Burn's vouch for each other.
fn deviations_are_the_same_on_both() -> Outcome {
    let golden = Golden::load();
    let of = |kind| pooled(&backbone(kind)?, &golden.squares[..2]);
    for (cpu, candle) in of(BackendKind::Cpu)?.iter().zip(&of(BackendKind::Candle)?) {
        for (a, b) in cpu.deviations().iter().zip(candle.deviations()) {
            assert!((a - b).abs() <= 1e-4 * (1.0 + b), "{a} and {b}");
        }
    }
    Ok(())
}

/// Compact weights are other numbers than ONNX Runtime's, so for the arithmetic on their steps Burn's on their numbers vouches.
fn steps_as_their_numbers_by_candle() -> Outcome {
    let golden = Golden::load();
    let of = |kind| pooled(&backbone_of(kind, real_weights())?, &golden.squares);
    let all = |pooled: &Pooled| [pooled.means.as_slice(), &[pooled.deviations().to_vec()]].concat();
    for (index, (cpu, candle)) in of(BackendKind::Cpu)?.iter().zip(&of(BackendKind::Candle)?).enumerate() {
        for (stage, (cpu, candle)) in all(cpu).iter().zip(&all(candle)).enumerate() {
            let similarity = cosine(cpu, candle);
            assert!(
                similarity >= 0.9999,
                "photo {index}, stage {stage}: cosine {similarity}"
            );
        }
    }
    Ok(())
}

fn a_batch_equals_its_parts() -> Outcome {
    let golden = Golden::load();
    for kind in [BackendKind::Cpu, BackendKind::Candle] {
        let backbone = backbone(kind)?;
        let batch = pooled(&backbone, &golden.squares[..3])?;
        for (square, from_batch) in golden.squares.iter().zip(&batch) {
            let alone = pooled(&backbone, std::slice::from_ref(square))?;
            let similarity = cosine(alone[0].embedding(), from_batch.embedding());
            assert!(similarity > 0.999_999, "{kind}: cosine {similarity}");
        }
    }
    Ok(())
}

fn a_photo_in_parts_is_the_whole() -> Outcome {
    let backbone = backbone(BackendKind::Cpu)?;
    for photo in &Golden::load().photos[..2] {
        let picture = read_picture(photo)?;
        let mut parts = Vec::new();
        for part in 0..PARTS {
            parts.extend(pollster::block_on(embed_part(&backbone, &picture, part))?);
        }
        let whole = pollster::block_on(embed(&backbone, &picture, Views::All))?;
        assert_eq!(join(&parts)?, whole, "{}", photo.display());
    }
    Ok(())
}
