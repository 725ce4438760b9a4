//! Whole classifiers as ONNX files, computed by tract: the same probabilities as ours from the same view of a photo.

use std::{fs, path::Path};

use glimpse::{
    Embedder, Embedding, Method, Square, StateDict,
    backend::{Backbone, BackendKind},
    embedder::{Views, embed},
    embedding::Query,
    finetune::TrainingRequest,
    model::Model,
    native::{
        folder::{classes, read_picture},
        weights,
    },
    tuned::Tuned,
};
use libtest_mimic::Trial;

use crate::{
    cli::{glimpse, text},
    support::{
        Outcome, computed_by_tract, drawn_classes, real_weights, scratch, shared, trial, trial_by_tract,
        trial_on_shared, untrained_weights,
    },
};

/// Between our arithmetic and tract's.
const TOLERANCE: f32 = 1e-3;

pub fn trials() -> Vec<Trial> {
    vec![
        trial_by_tract("onnx::of_drawn_pictures", of_drawn_pictures),
        match shared() {
            Some(_) => trial_by_tract("onnx::of_real_photos", of_real_photos),
            None => trial_on_shared("onnx::of_real_photos", of_real_photos),
        },
        trial_by_tract("onnx::of_a_tuned_network", of_a_tuned_network),
        trial("onnx::of_another_network_is_refused", of_another_network_is_refused),
    ]
}

/// A network, and photos that its classifiers are asked about.
struct Exam {
    backbone: Backbone,
    network: StateDict,
    manifest: glimpse::manifest::Manifest,
    /// The middle square of each.
    squares: Vec<Square>,
}

impl Exam {
    fn new<'a>(folder: &Path, queries: impl IntoIterator<Item = &'a Path>) -> Result<Self, glimpse::Error> {
        let (manifest, network) = weights::open(folder)?;
        let square = |photo: &Path| read_picture(photo)?.centre();
        Ok(Self {
            backbone: pollster::block_on(Backbone::start(BackendKind::Cpu, network.clone()))?,
            squares: queries.into_iter().map(square).collect::<Result<_, _>>()?,
            network,
            manifest,
        })
    }

    /// Asks both, and compares the answers and the embeddings.
    fn assert_agrees(&self, model: &mut Model, file: &Path, what: &str) -> Outcome {
        let tuned = model.tuned().cloned();
        for (square, outputs) in self.squares.iter().zip(computed_by_tract(file, &self.squares)?) {
            let [probabilities, embedding] = &outputs[..] else {
                return Err(format!("{} outputs", outputs.len()).into());
            };
            let query = self.query(square, tuned.as_deref())?;
            let seen = query.tuned.as_ref().unwrap_or(&query.plain).first().to_vec();
            for (got, expected) in embedding.iter().zip(&seen) {
                assert!(
                    (got - expected).abs() <= TOLERANCE * (1.0 + expected),
                    "{what}: {got}, {expected}"
                );
            }
            let scores = model.predict(query)?.scores;
            assert_eq!((probabilities.len(), embedding.len()), (scores.len(), seen.len()));
            for (got, expected) in probabilities.iter().zip(&scores) {
                assert!(
                    (got - expected.probability).abs() <= TOLERANCE,
                    "{what}: tract says {probabilities:?}, we say {scores:?}"
                );
            }
        }
        Ok(())
    }

    /// One view, as we see it.
    fn query(&self, square: &Square, tuned: Option<&Tuned>) -> Result<Query, glimpse::Error> {
        let seen = pollster::block_on(self.backbone.seen(std::slice::from_ref(square)))?;
        Ok(Query {
            plain: Embedding::from_views(&[seen[0].pooled.clone()])?,
            tuned: tuned
                .map(|tuned| Embedding::from_views(&tuned.pooled(&seen)))
                .transpose()?,
        })
    }

    /// Every method that learns from embeddings, on a folder of classes.
    fn assert_methods_agree(&self, folder: &Path) -> Outcome {
        let mut learnt = Vec::new();
        for class in classes(folder)? {
            let look = |photo: &std::path::PathBuf| -> Result<Embedding, glimpse::Error> {
                pollster::block_on(embed(&self.backbone, &read_picture(photo)?, Views::All))
            };
            let shots: Result<Vec<_>, _> = class.photos.iter().map(look).collect();
            learnt.push((class.name, shots?));
        }
        for method in Method::on_embeddings() {
            let request = TrainingRequest {
                method,
                ..TrainingRequest::default()
            };
            let mut model = Model::fit(&learnt, &self.manifest.identity, &request, None)?;
            let file = folder.join("../classifier.onnx");
            fs::write(&file, model.onnx(self.network.clone(), &self.manifest.origin)?)?;
            self.assert_agrees(&mut model, &file, method.name())?;
        }
        Ok(())
    }
}

fn of_drawn_pictures() -> Outcome {
    let folder = scratch("onnx-drawn");
    let drawn = drawn_classes(&folder)?;
    let queries = drawn.queries.iter().map(|(_, photo)| photo.as_path());
    Exam::new(untrained_weights(), queries)?.assert_methods_agree(&folder.join("classes"))
}

/// Three flowers, two shots of each.
fn of_real_photos() -> Outcome {
    let folder = scratch("onnx-real").join("classes");
    let mut queries = Vec::new();
    for class in classes(&shared().ok_or("no ../shared")?.join("data/flowers102"))?
        .iter()
        .take(3)
    {
        let home = folder.join(&class.name);
        fs::create_dir_all(&home)?;
        for photo in &class.photos[..2] {
            fs::copy(photo, home.join(photo.file_name().ok_or("a name")?))?;
        }
        queries.push(class.photos[2].clone());
    }
    let queries = queries.iter().map(|photo| photo.as_path());
    Exam::new(real_weights(), queries)?.assert_methods_agree(&folder)
}

/// The layer that `deep` tuned stands in the file in place of the network's own; made by the commands.
fn of_a_tuned_network() -> Outcome {
    let folder = scratch("onnx-deep");
    let drawn = drawn_classes(&folder)?;
    let (saved, written) = (folder.join("deep.safetensors"), folder.join("deep.onnx"));
    let weights = untrained_weights();
    let fitted = glimpse(&[
        &"fit",
        &"--method",
        &"deep",
        &"--steps",
        &"3",
        &"--learning-rate",
        &"1e-5",
        &"--weights",
        &weights,
        &folder.join("classes"),
        &"--out",
        &saved,
    ]);
    assert!(fitted.status.success(), "{}", text(&fitted.stderr));
    let exported = glimpse(&[&"onnx", &"--weights", &weights, &"--head", &saved, &"--out", &written]);
    assert!(exported.status.success(), "{}", text(&exported.stderr));
    let mut model = Model::from_safetensors(&fs::read(&saved)?)?;
    assert!(model.tuned().is_some());
    let queries = drawn.queries.iter().map(|(_, photo)| photo.as_path());
    Exam::new(weights, queries)?.assert_agrees(&mut model, &written, "deep")
}

fn of_another_network_is_refused() -> Outcome {
    let folder = scratch("onnx-foreign");
    drawn_classes(&folder)?;
    let (other, saved) = (folder.join("weights"), folder.join("model"));
    let made = glimpse(&[&"weights", &"--untrained", &"--seed", &"7", &"--out", &other]);
    assert!(made.status.success(), "{}", text(&made.stderr));
    let fitted = glimpse(&[&"fit", &"--weights", &other, &folder.join("classes"), &"--out", &saved]);
    assert!(fitted.status.success(), "{}", text(&fitted.stderr));
    let written = folder.join("model.onnx");
    let refused = glimpse(&[
        &"onnx",
        &"--weights",
        &untrained_weights(),
        &"--head",
        &saved,
        &"--out",
        &written,
    ]);
    assert!(!refused.status.success() && text(&refused.stderr).contains("another network"));
    assert!(!written.exists());
    Ok(())
}
