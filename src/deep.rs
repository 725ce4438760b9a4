//! Deep fine-tuning: the gradient reaches the network. Layers 1 to 3 stay as they are and their maps are computed once
//! per view of a shot; layer 4 and the cosine-softmax head learn from them, by Adam on mini-batches. The last layers are
//! those that are least alike from task to task (Yosinski et al., "How Transferable Are Features in Deep Neural
//! Networks?", 2014), and they are all that a few shots can move without forgetting the rest.
//!
//! It starts where [`crate::finetune`] starts, W = M and b = 0 on the same features, and minimises the same loss. The
//! head sees one view of a shot at a time here, another one in every epoch.
//!
//! Shapes: a map after layer 3 `[256, 14, 14]`, a vector `[1024]`, W `[n_way, 1024]`.

use std::rc::Rc;

use burn::tensor::backend::Backend;
use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};

use crate::{
    Classifier, Error, StateDict,
    autodiff::layer4::Layer4,
    episode::draw,
    finetune::{self, StepReport, TrainingOptions},
    learning::Learning,
    shot_maps::{ShotMaps, needs_maps},
    tuned::Tuned,
};

/// Maps in a step. Few, so that a step is short and a training can be cancelled soon.
const BATCH: usize = 8;
/// The head's learning rate, that of [`crate::finetune`].
const HEAD_RATE: f64 = 0.02;
/// Where the random numbers start: the same shots shall give the same classifier.
const SEED: u64 = 1;

/// A deep fine-tuning under way.
#[derive(Debug)]
pub struct Trainer<B: Backend> {
    examples: ShotMaps,
    layer4: Layer4<B>,
    head: finetune::Trainer,
    /// Shots of this epoch that are still to come.
    coming: Vec<usize>,
    random: ChaCha8Rng,
    step: usize,
}

impl<B: Backend> Trainer<B> {
    /// Starts from a folded `layer4` and the prototypes.
    ///
    /// # Errors
    /// [`Error::Maps`] where a shot lacks its maps; those of [`Layer4::new`] and [`finetune::Trainer::new`].
    pub fn new(examples: ShotMaps, layer4: &StateDict) -> Result<Self, Error> {
        if examples.maps.len() != examples.shot_ids().len() {
            return Err(needs_maps());
        }
        let options = TrainingOptions {
            learning_rate: HEAD_RATE,
            ..examples.options.clone()
        };
        Ok(Self {
            layer4: Layer4::new(layer4, examples.task.space.clone())?,
            head: finetune::Trainer::new(examples.task.clone(), options)?,
            examples,
            coming: Vec::new(),
            random: ChaCha8Rng::seed_from_u64(SEED),
            step: 0,
        })
    }

    /// Shots and views of the next mini-batch, by class. Every shot comes once before any comes again.
    fn batch(&mut self) -> Vec<(usize, usize)> {
        let shots = self.examples.maps.len();
        let mut batch = Vec::with_capacity(BATCH);
        while batch.len() < BATCH.min(shots) {
            if self.coming.is_empty() {
                self.coming = draw(&mut self.random, shots, shots);
            }
            batch.extend(self.coming.pop());
        }
        batch.sort_unstable();
        let view = |shot: usize| (shot, draw(&mut self.random, self.examples.maps[shot].len(), 1)[0]);
        batch.into_iter().map(view).collect()
    }
}

impl<B: Backend> Learning for Trainer<B> {
    fn steps(&self) -> usize {
        self.examples.options.steps
    }

    fn steps_done(&self) -> usize {
        self.step
    }

    /// One mini-batch. The report is of its views.
    fn step(&mut self) -> StepReport {
        self.step += 1;
        let batch = self.batch();
        let maps: Vec<&[f32]> = batch
            .iter()
            .map(|&(shot, view)| self.examples.maps[shot][view].as_slice())
            .collect();
        let glance = self.layer4.look(&maps);
        let mut by_class = vec![Vec::new(); self.examples.task.ids.len()];
        for (&(shot, _), vector) in batch.iter().zip(&glance.vectors) {
            by_class[self.examples.labels[shot]].push(vector.clone());
        }
        let (report, slopes) = self.head.step_on(by_class);
        self.layer4
            .learn(glance, &slopes, self.examples.options.learning_rate as f32);
        report
    }

    fn classifier(&self) -> Result<Classifier, Error> {
        Ok(Classifier::Tuned {
            tuned: Rc::new(Tuned::new(&self.layer4.state_dict())?),
            space: self.layer4.space().clone(),
            head: self.head.head(),
        })
    }
}

#[cfg(test)]
#[cfg(feature = "candle")]
mod tests {
    use super::*;
    use crate::{
        Picture, Session, backend,
        cpu::Trunk,
        embedder::{Views, embed, embed_tuned},
        features::Task,
        finetune::TrainingRequest,
        session::DeepPreparation,
        shot_maps::MOST_SHOTS,
        tuned::folded_layer4,
        untrained,
        vector::dot,
    };

    /// Two views of two pictures, one per class, and the untrained network that looks at them.
    struct Fixture {
        trunk: Trunk,
        layer4: StateDict,
        pictures: Vec<Picture>,
        session: Session,
    }

    fn fixture() -> Fixture {
        let state_dict = untrained::state_dict(1);
        let trunk = Trunk::load(state_dict.clone()).unwrap();
        let mut fixture = Fixture {
            layer4: folded_layer4(&state_dict).unwrap(),
            trunk,
            pictures: Vec::new(),
            session: Session::default(),
        };
        for id in 0..4 {
            let picture = stripes(id);
            let embedding = pollster::block_on(embed(&fixture.trunk, &picture, Views::One)).unwrap();
            fixture.session.support_mut().set_shot(id / 2, id, embedding);
            fixture.pictures.push(picture);
        }
        fixture
    }

    /// Stripes, upright ones for the first two and level ones for the others.
    fn stripes(id: u32) -> Picture {
        let side = crate::picture::SHORTER_SIDE as u32;
        let value = |x: u32, y: u32| if id < 2 { x } else { y } / (9 + 5 * (id % 2)) % 2 * 200;
        let pixel = |at: u32| [value(at % side, at / side) as u8, 60 * id as u8, 90];
        let rgb: Vec<u8> = (0..side * side).flat_map(pixel).collect();
        Picture::from_rgb(rgb, side as usize, side as usize).unwrap()
    }

    fn prepared(fixture: &Fixture, steps: usize) -> DeepPreparation {
        let request = TrainingRequest {
            method: crate::Method::Deep,
            steps: Some(steps),
            // Small, for at random weights everything is sensitive; and with something left to learn.
            learning_rate: Some(1e-6),
            scale: Some(1.0),
            ..TrainingRequest::default()
        };
        let mut preparation = fixture.session.prepare_deep(&request, Some(MOST_SHOTS)).unwrap();
        assert_eq!(preparation.examples.shot_ids(), [0, 1, 2, 3]);
        for picture in &fixture.pictures {
            let squares = preparation.examples.squares(picture, Views::One).unwrap();
            let maps = fixture.trunk.seen(&squares).into_iter().map(|seen| seen.layer3);
            preparation.examples.add(maps.collect()).unwrap();
        }
        preparation
    }

    #[test]
    fn layer4_starts_where_the_network_is() {
        let fixture = fixture();
        let episode = fixture.session.support().episode().unwrap();
        for features in [crate::features::Features::Pooled, crate::features::Features::Embedding] {
            let task = Task::new(features, &episode).unwrap();
            let layer4 = Layer4::<backend::Cpu>::new(&fixture.layer4, task.space.clone()).unwrap();
            assert_eq!(layer4.state_dict(), fixture.layer4);
            let squares: Vec<_> = fixture
                .pictures
                .iter()
                .map(|picture| picture.whole().unwrap())
                .collect();
            let seen = fixture.trunk.seen(&squares);
            let maps: Vec<&[f32]> = seen.iter().map(|seen| seen.layer3.as_slice()).collect();
            let glance = layer4.look(&maps);
            for (got, expected) in glance.vectors.iter().zip(task.shots.concat()) {
                let cosine = dot(got, &expected);
                assert!(cosine > 0.9999, "{features:?}: {cosine}");
            }
        }
    }

    #[test]
    fn slopes_reach_every_parameter() {
        // The change of the loss that one step makes is what the gradient says: Adam's first step is learning rate · sign.
        let fixture = fixture();
        let episode = fixture.session.support().episode().unwrap();
        let task = Task::new(crate::features::Features::Pooled, &episode).unwrap();
        let mut layer4 = Layer4::<backend::Cpu>::new(&fixture.layer4, task.space.clone()).unwrap();
        let seen = fixture.trunk.seen(&[fixture.pictures[0].whole().unwrap()]);
        let maps = [seen[0].layer3.as_slice()];
        let glance = layer4.look(&maps);
        let slopes = [task.shots[1][0].clone()];
        let before = dot(&glance.vectors[0], &slopes[0]);
        layer4.learn(glance, &slopes, 1e-4);
        let after = dot(&layer4.look(&maps).vectors[0], &slopes[0]);
        assert!(after < before - 1e-3, "{before} → {after}");
        let moved = layer4.state_dict();
        for (name, parameter) in moved.iter() {
            let start = fixture.layer4.get(name, &parameter.shape).unwrap();
            assert_ne!(parameter, start, "{name}");
        }
    }

    #[test]
    fn training_is_repeatable_and_lowers_the_loss() {
        let mut fixture = fixture();
        let run = |steps| {
            let mut training = prepared(&fixture, steps).start(&fixture.layer4).unwrap();
            let reports = training.run(usize::MAX);
            (reports, training)
        };
        let (reports, training) = run(4);
        assert!(reports[3].loss < reports[0].loss, "{reports:?}");
        let (again, other) = run(4);
        assert_eq!(again, reports);
        assert_eq!(other.classifier().unwrap(), training.classifier().unwrap());

        fixture.session.finish_training(&training).unwrap();
        let tuned = Rc::clone(fixture.session.tuned().unwrap());
        for (id, picture) in fixture.pictures.iter().enumerate() {
            let query = pollster::block_on(embed_tuned(&fixture.trunk, picture, Views::One, &tuned)).unwrap();
            let plain = query.plain.clone();
            let prediction = fixture.session.predict(query).unwrap();
            assert_eq!(prediction.method, crate::Method::Deep);
            assert_eq!(prediction.winner().unwrap().class_id, id as u32 / 2);
            assert_eq!(
                prediction.nearest.unwrap().shot_id,
                id as u32,
                "by the network as it is"
            );
            let unlooked = fixture.session.predict(&plain).unwrap();
            assert_eq!(
                unlooked.method,
                crate::Method::Prototype,
                "the tuned layer did not look"
            );
        }
        fixture.session.support_mut().remove_shot(3);
        assert!(fixture.session.tuned().is_none(), "other shots");
    }

    #[test]
    fn a_training_needs_its_maps() {
        let fixture = fixture();
        let request = TrainingRequest::default();
        let maps = ShotMaps::new(&fixture.session.support().training_episode().unwrap(), &request, None).unwrap();
        assert_eq!(backend::deep_trainer(maps, &fixture.layer4).unwrap_err().code(), "maps");
    }
}
