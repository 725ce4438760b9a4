//! The plan of a pretraining: which photos each step learns from, how each of them looks, and how fast it learns.
//!
//! Everything follows from the plan and the number of the step alone, so that a training which was interrupted goes on
//! exactly as if it had not been.

use std::f64::consts::PI;

use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};
use serde::{Deserialize, Serialize};

use super::augmentation::Augmentation;
use crate::{Error, episode::draw};

/// The network halves a square's side five times.
const SIDE_STEP: usize = 32;
/// The share of all steps in which the learning rate grows: 1 / 20.
const WARM_UP: usize = 20;
/// Takes the place of a photo's number where an epoch's order is drawn.
const ORDER: u64 = u64::MAX;

/// All that decides what comes out, but for the weights to begin with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Plan {
    /// The classes' names, in the order of `fc`'s rows.
    pub classes: Vec<String>,
    /// Photos of all classes together.
    pub photos: usize,
    /// SHA-256 over the photos, class by class.
    pub photos_sha256: String,
    /// Side of the squares in pixels.
    pub side: usize,
    /// The least share of a photo's area that a square shows.
    pub least_area: f64,
    /// Photos in a batch.
    pub batch: usize,
    /// Times that every photo has its turn.
    pub epochs: usize,
    /// The greatest learning rate.
    pub learning_rate: f64,
    /// Where the random numbers start.
    pub seed: u64,
}

impl Plan {
    /// Refuses what cannot be trained.
    ///
    /// # Errors
    /// [`Error::Option`].
    pub fn check(&self) -> Result<(), Error> {
        let refuse =
            |name: &'static str, expected: &'static str, got: String| Err(Error::Option { name, expected, got });
        if self.side == 0 || !self.side.is_multiple_of(SIDE_STEP) {
            return refuse("side", "a multiple of 32", self.side.to_string());
        }
        if self.batch < 2 || self.batch > self.photos {
            let got = format!("{} with {} photos", self.batch, self.photos);
            return refuse("batch", "at least 2 and at most the number of photos", got);
        }
        if self.epochs == 0 {
            return refuse("epochs", "at least 1", self.epochs.to_string());
        }
        if !(self.learning_rate.is_finite() && self.learning_rate > 0.0) {
            return refuse("learning-rate", "a number above 0", self.learning_rate.to_string());
        }
        if !(self.least_area > 0.0 && self.least_area <= 1.0) {
            return refuse("least-area", "above 0 and at most 1", self.least_area.to_string());
        }
        Ok(())
    }

    /// Whole batches in an epoch; the photos that are left over differ from epoch to epoch.
    pub fn steps_per_epoch(&self) -> usize {
        self.photos / self.batch
    }

    /// Steps of all epochs.
    pub fn steps(&self) -> usize {
        self.epochs * self.steps_per_epoch()
    }

    /// The learning rate of a step, counted from 0: up in a line, then down along a cosine (Loshchilov & Hutter,
    /// "SGDR", 2017).
    pub fn rate(&self, step: usize) -> f64 {
        let warm_up = self.steps() / WARM_UP;
        if step < warm_up {
            return self.learning_rate * (step + 1) as f64 / warm_up as f64;
        }
        let share = (step - warm_up) as f64 / (self.steps() - warm_up) as f64;
        self.learning_rate * 0.5 * (1.0 + (PI * share).cos())
    }

    /// How its photos are changed.
    pub fn augmentation(&self) -> Augmentation {
        Augmentation {
            side: self.side,
            least_area: self.least_area,
        }
    }

    /// The random numbers of a photo in an epoch.
    pub fn random(&self, epoch: usize, photo: usize) -> ChaCha8Rng {
        self.stream(epoch, photo as u64)
    }

    fn stream(&self, epoch: usize, number: u64) -> ChaCha8Rng {
        let mut seed = [0; 32];
        for (place, part) in seed.chunks_exact_mut(8).zip([self.seed, epoch as u64, number]) {
            place.copy_from_slice(&part.to_le_bytes());
        }
        ChaCha8Rng::from_seed(seed)
    }
}

/// The photos of step after step.
#[derive(Debug)]
pub struct Batches<'a> {
    plan: &'a Plan,
    /// The step that comes next.
    step: usize,
    /// The order of all photos in the epoch of that step.
    order: Vec<usize>,
}

/// The photos of one step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Turn {
    /// The epoch, counted from 0.
    pub epoch: usize,
    /// Numbers of the photos, `[b]`.
    pub photos: Vec<usize>,
}

impl<'a> Batches<'a> {
    /// From a step on, counted from 0.
    pub fn from_step(plan: &'a Plan, step: usize) -> Self {
        let order = Self::order(plan, step / plan.steps_per_epoch());
        Self { plan, step, order }
    }

    fn order(plan: &Plan, epoch: usize) -> Vec<usize> {
        draw(&mut plan.stream(epoch, ORDER), plan.photos, plan.photos)
    }
}

impl Iterator for Batches<'_> {
    type Item = Turn;

    fn next(&mut self) -> Option<Turn> {
        if self.step == self.plan.steps() {
            return None;
        }
        let (epoch, place) = (
            self.step / self.plan.steps_per_epoch(),
            self.step % self.plan.steps_per_epoch(),
        );
        if place == 0 {
            self.order = Self::order(self.plan, epoch);
        }
        self.step += 1;
        let photos = self.order[place * self.plan.batch..][..self.plan.batch].to_vec();
        Some(Turn { epoch, photos })
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::collections::BTreeSet;

    use super::*;

    pub fn plan() -> Plan {
        Plan {
            classes: vec!["a".into(), "b".into()],
            photos: 10,
            photos_sha256: "00".into(),
            side: 64,
            least_area: 0.08,
            batch: 3,
            epochs: 20,
            learning_rate: 0.5,
            seed: 1,
        }
    }

    #[test]
    fn every_photo_has_its_turn_and_no_two_epochs_are_alike() {
        let plan = plan();
        let turns: Vec<Turn> = Batches::from_step(&plan, 0).collect();
        assert_eq!(turns.len(), 20 * 3);
        let mut epochs = BTreeSet::new();
        for epoch in turns.chunks(3) {
            let photos: Vec<usize> = epoch.iter().flat_map(|turn| turn.photos.clone()).collect();
            assert_eq!(photos.iter().collect::<BTreeSet<_>>().len(), 9, "none twice");
            epochs.insert(photos);
        }
        assert_eq!(epochs.len(), 20);
        for start in [1, 3, 4, 59, 60] {
            assert!(
                Batches::from_step(&plan, start).eq(turns[start..].iter().cloned()),
                "from step {start}"
            );
        }
    }

    #[test]
    fn the_rate_rises_and_falls() {
        let plan = plan();
        assert_eq!(plan.rate(0), 0.5 / 3.0);
        assert_eq!(plan.rate(2), 0.5);
        assert_eq!(plan.rate(3), 0.5);
        let half_way = 3 + (60 - 3) / 2;
        assert!((plan.rate(half_way) - 0.25).abs() < 0.01, "{}", plan.rate(half_way));
        assert!(plan.rate(59) > 0.0 && plan.rate(59) < 0.001);
        assert!((3..59).all(|step| plan.rate(step + 1) < plan.rate(step)));
    }

    #[test]
    fn what_cannot_be_trained_is_refused() {
        plan().check().unwrap();
        let refused = |change: fn(&mut Plan), name: &str| {
            let mut plan = plan();
            change(&mut plan);
            let error = plan.check().unwrap_err();
            assert!(error.code() == "option" && error.to_string().contains(name), "{error}");
        };
        refused(|plan| plan.side = 0, "`side`");
        refused(|plan| plan.side = 100, "multiple of 32");
        refused(|plan| plan.batch = 1, "`batch`");
        refused(|plan| plan.batch = 11, "11 with 10 photos");
        refused(|plan| plan.epochs = 0, "`epochs`");
        refused(|plan| plan.learning_rate = f64::NAN, "`learning-rate`");
        refused(|plan| plan.least_area = 0.0, "`least-area`");
        refused(|plan| plan.least_area = 1.1, "`least-area`");
    }
}
