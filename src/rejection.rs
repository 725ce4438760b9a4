//! "None of these": how far a query is from every class, and from where on it is too far. Both come from the support
//! set alone.
//!
//! The score is the largest cosine between the query and a prototype, seen from near the support set's mean, by the
//! features that the head sees ([`judged_by`]). What scores to expect is found by leaving out: a shot scored against its
//! own class without it shows how known images score, the shots of a class scored by the other classes show how unknown
//! ones do (the classes that are there stand for those that are not: Scheirer et al., "Toward Open Set Recognition",
//! 2013, argue for such thresholds).

use serde::Serialize;

use crate::{
    Classifier, Embedding, Error, Head,
    features::{Features, Space, Task},
    left_out,
    support::Class,
    vector::{add_scaled, dot, mean, normalised},
};

/// Smallest standard deviation that is believed: a few shots can agree by chance.
const LEAST_DEVIATION: f32 = 0.05;
/// With a single shot per class nothing known was ever left out. Then a known image is taken to score as far above the
/// unknown ones as a quarter of the way to a perfect match: a guess, and told as one.
const ONE_SHOT_RISE: f32 = 0.25;

/// The probability below which a query is called none of the classes, unless something else is asked for.
pub const USUAL_THRESHOLD: f32 = 0.5;

/// The scores to be expected of one kind of image.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Expected {
    pub(crate) mean: f32,
    pub(crate) deviation: f32,
}

/// How sure it is that a query is one of the classes.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Familiarity {
    /// Largest cosine with a prototype, −1 to 1.
    pub score: f32,
    /// The score as a probability of being one of the classes, 0 to 1; 0.5 where known and unknown are as likely.
    pub probability: f32,
    /// False where every class has a single shot, so that the probability is a guess.
    pub certain: bool,
}

/// By which features a query is judged that a classifier names: those of a linear head, so that a link need hold no others;
/// pooled ones for all that works in another space.
pub fn judged_by(classifier: &Classifier) -> Features {
    match classifier {
        Classifier::Linear { space, .. } if space.projection().is_none() => space.features(),
        _ => Features::Pooled,
    }
}

/// What is known of scores after fitting.
#[derive(Debug, Clone, PartialEq)]
pub struct Rejection {
    pub(crate) space: Space,
    pub(crate) prototypes: Vec<Vec<f32>>,
    pub(crate) known: Expected,
    pub(crate) unknown: Expected,
    pub(crate) certain: bool,
}

impl Rejection {
    /// Fits to an episode of at least two classes.
    ///
    /// # Errors
    /// Those of [`Task::in_space`]; those of [`Head::from_prototypes`].
    pub fn fit(features: Features, episode: &[&Class]) -> Result<Self, Error> {
        // One after the other: each holds a vector of every shot for a while.
        let unknown = unknown_scores(features, episode);
        let task = Task::in_space(Space::near_mean(features, episode), episode)?;
        let prototypes = Head::from_prototypes(&task, 1.0)?.weight;
        let unknown = expected(&unknown);
        let scores: Vec<f32> = left_out::similarities(&task)
            .into_iter()
            .map(|(class, similarities)| similarities[class])
            .collect();
        let known = match scores.is_empty() {
            false => expected(&scores),
            true => Expected {
                mean: unknown.mean + ONE_SHOT_RISE * (1.0 - unknown.mean),
                deviation: unknown.deviation,
            },
        };
        Ok(Self {
            prototypes,
            known: Expected {
                mean: known.mean.max(unknown.mean + LEAST_DEVIATION),
                ..known
            },
            unknown,
            certain: !scores.is_empty(),
            space: task.space,
        })
    }

    /// How sure it is that a query is one of the classes.
    pub fn familiarity(&self, query: &Embedding) -> Familiarity {
        let score = score(&self.prototypes, &self.space.of(query));
        let (known, unknown) = (self.known, self.unknown);
        // Where both kinds are as many deviations away, and how fast the odds change there.
        let width = known.deviation + unknown.deviation;
        let middle = (known.mean * unknown.deviation + unknown.mean * known.deviation) / width;
        let odds = 4.0 * (score - middle) / width;
        Familiarity {
            score,
            probability: 1.0 / (1.0 + (-odds).exp()),
            certain: self.certain,
        }
    }
}

/// The largest cosine with a prototype.
fn score(prototypes: &[Vec<f32>], query: &[f32]) -> f32 {
    prototypes
        .iter()
        .map(|prototype| dot(prototype, query))
        .fold(-1.0, f32::max)
}

/// The shots of every class against all the others, as if it were not there.
fn unknown_scores(features: Features, episode: &[&Class]) -> Vec<f32> {
    let classes: Vec<Vec<Vec<f32>>> = episode.iter().map(|class| features.shots(class)).collect();
    let means: Vec<Vec<f32>> = classes.iter().map(mean).collect();
    let mut scores = Vec::new();
    for (index, left_out) in classes.iter().enumerate() {
        let others = |other: &usize| *other != index;
        let space = Space::centred(features, (0..means.len()).filter(others).map(|other| &means[other]));
        let prototype = |other: usize| {
            let mut sum = vec![0.0; features.length()];
            for shot in &classes[other] {
                add_scaled(&mut sum, 1.0, &space.from_origin(shot.clone()));
            }
            normalised(&sum)
        };
        let prototypes: Vec<Vec<f32>> = (0..classes.len()).filter(others).filter_map(prototype).collect();
        let known = left_out
            .iter()
            .cloned()
            .map(|shot| score(&prototypes, &space.from_origin(shot)));
        scores.extend(known);
    }
    scores
}

/// Mean and standard deviation of at least one score.
fn expected(scores: &[f32]) -> Expected {
    let count = scores.len() as f32;
    let mean = scores.iter().sum::<f32>() / count;
    let variance = scores.iter().map(|score| (score - mean).powi(2)).sum::<f32>() / count;
    Expected {
        mean,
        deviation: variance.sqrt().max(LEAST_DEVIATION),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{SupportSet, embedding::tests::embedding};

    /// Three classes along three axes, `shots` of each, and a direction that none of them has.
    fn support(shots: u32) -> SupportSet {
        let mut support = SupportSet::default();
        for class in 0..3 {
            for shot in 0..shots {
                let mut start = [1.0, 1.0, 1.0, 1.0 + shot as f32 * 0.3, 1.0];
                start[class as usize] = 60.0 + shot as f32 * 9.0;
                support.set_shot(class, class * 10 + shot, embedding(&start));
            }
        }
        support
    }

    #[test]
    fn what_is_like_no_class_is_unfamiliar() {
        for (shots, features) in [(1, Features::Pooled), (4, Features::Pooled), (4, Features::Embedding)] {
            let support = support(shots);
            let rejection = Rejection::fit(features, &support.episode().unwrap()).unwrap();
            let known = rejection.familiarity(&embedding(&[1.0, 70.0, 1.0, 1.2, 1.0]));
            let unknown = rejection.familiarity(&embedding(&[1.0, 1.0, 1.0, 1.0, 70.0]));
            assert!(known.probability > 0.5, "{shots} shots: {known:?}");
            assert!(unknown.probability < 0.5, "{shots} shots: {unknown:?}");
            assert_eq!(known.certain, shots > 1);
        }
    }

    #[test]
    fn two_equal_photos_are_no_reason_to_panic() {
        let mut support = SupportSet::default();
        support.set_shot(1, 1, embedding(&[1.0]));
        support.set_shot(2, 2, embedding(&[1.0]));
        let rejection = Rejection::fit(Features::Pooled, &support.episode().unwrap()).unwrap();
        assert!(rejection.familiarity(&embedding(&[1.0])).probability.is_finite());
    }
}
