//! The network natively, against reference values that ONNX Runtime computed.

use glimpse::{
    Embedder, Embedding,
    backend::{Backbone, BackendKind},
    native::{folder::read_square, weights},
};
use libtest_mimic::Trial;

use crate::support::{Golden, Outcome, cosine, real_weights, trial_on_shared};

pub fn trials() -> Vec<Trial> {
    vec![
        trial_on_shared("golden::preprocessing", preprocessing),
        trial_on_shared("golden::embedding_from_input", embedding_from_input),
        trial_on_shared("golden::embedding_from_photo", embedding_from_photo),
        trial_on_shared("golden::stage_means", stage_means),
        trial_on_shared("golden::a_batch_equals_its_parts", a_batch_equals_its_parts),
    ]
}

fn backbone() -> Result<Backbone, glimpse::Error> {
    pollster::block_on(Backbone::start(BackendKind::Cpu, &weights::load(real_weights())?))
}

fn preprocessing() -> Outcome {
    let golden = Golden::load();
    for (photo, expected) in golden.photos.iter().zip(&golden.inputs) {
        let input = read_square(photo)?.normalised();
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

fn embedding_from_input() -> Outcome {
    let (golden, backbone) = (Golden::load(), backbone()?);
    for (square, expected) in golden.squares.iter().zip(&golden.rows["embedding"]) {
        let similarity = cosine(pollster::block_on(backbone.embed_one(square))?.values(), expected);
        assert!(similarity >= 0.9999, "cosine {similarity}");
    }
    Ok(())
}

fn embedding_from_photo() -> Outcome {
    let (golden, backbone) = (Golden::load(), backbone()?);
    for (photo, expected) in golden.photos.iter().zip(&golden.rows["embedding"]) {
        let similarity = cosine(
            pollster::block_on(backbone.embed_one(&read_square(photo)?))?.values(),
            expected,
        );
        assert!(similarity >= 0.998, "{}: cosine {similarity}", photo.display());
    }
    Ok(())
}

fn stage_means() -> Outcome {
    let (golden, backbone) = (Golden::load(), backbone()?);
    for (index, square) in golden.squares.iter().enumerate() {
        let means = pollster::block_on(backbone.stage_means(square))?;
        for (layer, name) in ["layer1_mean", "layer2_mean", "layer3_mean", "embedding"]
            .into_iter()
            .enumerate()
        {
            let similarity = cosine(&means[layer], &golden.rows[name][index]);
            assert!(similarity >= 0.9999, "photo {index}, {name}: cosine {similarity}");
        }
    }
    Ok(())
}

fn a_batch_equals_its_parts() -> Outcome {
    let (golden, backbone) = (Golden::load(), backbone()?);
    let batch: Vec<Embedding> = pollster::block_on(backbone.embed(&golden.squares[..3]))?;
    for (square, from_batch) in golden.squares.iter().zip(&batch) {
        let similarity = pollster::block_on(backbone.embed_one(square))?.similarity(from_batch);
        assert!(similarity > 0.999_999, "cosine {similarity}");
    }
    Ok(())
}
