//! From embeddings to the unit vectors that heads compare: which numbers are taken, and where their origin lies.
//!
//! Shapes: an embedding is `[1536]`; a feature vector has [`Features::length`] numbers and length 1.

use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::{
    Embedding, Error,
    architecture::EMBEDDING,
    embedding::POOLED,
    projection::Projection,
    support::Class,
    vector::{add_scaled, mean, unit},
};

/// How far the origin moves towards the mean of the support set. All the way would tie the shots to each other: with
/// one shot in each of two classes they would be exact opposites, whatever they show.
const CENTRING: f32 = 0.9;

/// Which numbers of an embedding are taken.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Features {
    /// The square roots of layer 4's means and standard deviations over all views, seen from near the support set's
    /// mean: `[1024]`. The root tames the few large channels that would decide alone (power transform: Hu et al.,
    /// "Leveraging the Feature Distribution in Transfer-Based Few-Shot Learning", 2021); a new origin takes away what
    /// all classes share (Wang et al., "SimpleShot", 2019, there with the mean of base classes).
    #[default]
    Pooled,
    /// Layer 4's means in the first view, as the network gives them: `[512]`. What textbooks compare.
    Embedding,
    /// Layer 4's means over all views: `[512]`. What a metric learns from: a photo's place no longer depends on one crop.
    Averaged,
}

impl Features {
    /// All of them.
    const ALL: [Features; 3] = [Features::Pooled, Features::Embedding, Features::Averaged];

    /// `pooled`, `embedding` or `averaged`.
    pub fn name(self) -> &'static str {
        match self {
            Features::Pooled => "pooled",
            Features::Embedding => "embedding",
            Features::Averaged => "averaged",
        }
    }

    /// How many numbers a vector has.
    pub fn length(self) -> usize {
        match self {
            Features::Pooled => POOLED,
            Features::Embedding | Features::Averaged => EMBEDDING,
        }
    }

    /// The vector of an embedding, of length 1, seen from 0.
    pub fn of(self, embedding: &Embedding) -> Vec<f32> {
        match self {
            Features::Embedding => embedding.direction(),
            Features::Averaged => unit(embedding.averaged().to_vec()),
            Features::Pooled => {
                let roots = embedding.pooled().iter().map(|value| value.max(0.0).sqrt());
                unit(roots.collect())
            }
        }
    }

    /// The same of a class's shots.
    pub fn shots(self, class: &Class) -> Vec<Vec<f32>> {
        class.shots.iter().map(|shot| self.of(&shot.embedding)).collect()
    }
}

impl FromStr for Features {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self, Error> {
        Features::ALL
            .into_iter()
            .find(|features| features.name() == name)
            .ok_or_else(|| Error::Option {
                name: "features",
                expected: "pooled, embedding or averaged",
                got: name.into(),
            })
    }
}

/// The space in which the classes of one episode are told apart.
#[derive(Debug, Clone, PartialEq)]
pub struct Space {
    features: Features,
    /// What is subtracted before the length is made 1 again; empty for nothing.
    origin: Vec<f32>,
    /// What a metric learnt, applied to the features.
    projection: Option<Arc<Projection>>,
}

impl Space {
    /// Fits the origin to a support set.
    pub fn fit(features: Features, episode: &[&Class]) -> Self {
        if features != Features::Pooled {
            return Self::with_origin(features, Vec::new());
        }
        Self::near_mean(features, episode)
    }

    /// The space that is seen from near the mean of a support set, whatever the features.
    pub fn near_mean(features: Features, episode: &[&Class]) -> Self {
        let class_means: Vec<Vec<f32>> = episode.iter().map(|class| mean(&features.shots(class))).collect();
        Self::centred(features, &class_means)
    }

    /// The space that is seen from near the mean of classes' means.
    pub fn centred<'a>(features: Features, class_means: impl IntoIterator<Item = &'a Vec<f32>>) -> Self {
        let mut origin = mean(class_means);
        origin.iter_mut().for_each(|value| *value *= CENTRING);
        Self::with_origin(features, origin)
    }

    /// The space that was fitted before: `origin` is empty or of the features' length.
    pub fn with_origin(features: Features, origin: Vec<f32>) -> Self {
        Self {
            features,
            origin,
            projection: None,
        }
    }

    /// What is subtracted; empty for nothing.
    pub fn origin(&self) -> &[f32] {
        &self.origin
    }

    /// The space of a learned metric on [`Features::Averaged`].
    pub fn learned(projection: Arc<Projection>) -> Self {
        Self {
            features: Features::Averaged,
            origin: Vec::new(),
            projection: Some(projection),
        }
    }

    /// How many numbers a vector has.
    pub fn length(&self) -> usize {
        match &self.projection {
            Some(projection) => projection.outputs(),
            None => self.features.length(),
        }
    }

    /// Which numbers it takes.
    pub fn features(&self) -> Features {
        self.features
    }

    /// What a metric learnt, applied to the features.
    pub fn projection(&self) -> Option<&Projection> {
        self.projection.as_deref()
    }

    /// The vector of an embedding, of length 1.
    pub fn of(&self, embedding: &Embedding) -> Vec<f32> {
        let vector = self.features.of(embedding);
        match &self.projection {
            Some(projection) => projection.of(&vector),
            None => self.from_origin(vector),
        }
    }

    /// What [`Features::of`] gave, as it is seen from the origin.
    pub fn from_origin(&self, mut vector: Vec<f32>) -> Vec<f32> {
        add_scaled(&mut vector, -1.0, &self.origin);
        unit(vector)
    }

    /// The vectors of a class's shots.
    pub fn shots(&self, class: &Class) -> Vec<Vec<f32>> {
        class.shots.iter().map(|shot| self.of(&shot.embedding)).collect()
    }
}

/// The classes of an episode as vectors.
#[derive(Debug, Clone, PartialEq)]
pub struct Task {
    /// Where they are told apart.
    pub space: Space,
    /// `[n_way][shots][length]`, each of length 1.
    pub shots: Vec<Vec<Vec<f32>>>,
    /// The classes' ids, `[n_way]`.
    pub ids: Vec<u32>,
}

impl Task {
    /// Takes the vectors of all shots.
    ///
    /// # Errors
    /// [`Error::EmptyClass`].
    pub fn new(features: Features, episode: &[&Class]) -> Result<Self, Error> {
        Self::in_space(Space::fit(features, episode), episode)
    }

    /// Takes the vectors of all shots in a space that is known already.
    ///
    /// # Errors
    /// [`Error::EmptyClass`].
    pub fn in_space(space: Space, episode: &[&Class]) -> Result<Self, Error> {
        if let Some(class) = episode.iter().find(|class| class.shots.is_empty()) {
            return Err(Error::EmptyClass { class: class.id });
        }
        Ok(Self {
            shots: episode.iter().map(|class| space.shots(class)).collect(),
            ids: episode.iter().map(|class| class.id).collect(),
            space,
        })
    }

    /// Every shot with the index of its class.
    pub fn labelled(&self) -> impl Iterator<Item = (usize, &Vec<f32>)> {
        let shots = |(label, shots): (usize, &'_ Vec<Vec<f32>>)| (label, shots.len());
        let labels = self.shots.iter().enumerate().map(shots);
        let labels = labels.flat_map(|(label, count)| std::iter::repeat_n(label, count));
        labels.zip(self.shots.iter().flatten())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        SupportSet,
        embedding::tests::embedding,
        vector::{dot, normalised},
    };

    fn support() -> SupportSet {
        let mut support = SupportSet::default();
        for (class, shot, start) in [
            (1, 1, [4.0, 1.0, 0.0]),
            (1, 2, [4.0, 4.0, 0.0]),
            (2, 3, [4.0, 0.0, 9.0]),
        ] {
            support.set_shot(class, shot, embedding(&start));
        }
        support
    }

    #[test]
    fn pooled_features_are_roots_seen_from_near_the_mean() {
        let support = support();
        let task = Task::new(Features::Pooled, &support.episode().unwrap()).unwrap();
        // √(4, 1) / √5 and √(4, 4) / √8 average to the first class's mean; √(4, 0, 9) / √13 is the second's.
        let first = [
            (2.0 / 5.0_f32.sqrt() + 0.5_f32.sqrt()) / 2.0,
            (1.0 / 5.0_f32.sqrt() + 0.5_f32.sqrt()) / 2.0,
            0.0,
        ];
        let second = [2.0 / 13.0_f32.sqrt(), 0.0, 3.0 / 13.0_f32.sqrt()];
        let origin: Vec<f32> = first.iter().zip(second).map(|(a, b)| 0.9 * (a + b) / 2.0).collect();
        let expected: Vec<f32> = second.iter().zip(&origin).map(|(a, b)| a - b).collect();
        let expected = normalised(&expected).unwrap();
        for (got, expected) in task.shots[1][0].iter().zip(expected) {
            assert!((got - expected).abs() < 1e-6, "got {got}, by hand {expected}");
        }
        assert!(
            dot(&task.shots[0][0], &task.shots[1][0]) < 0.0,
            "classes point away from each other"
        );
    }

    #[test]
    fn the_embedding_is_taken_as_it_is() {
        let support = support();
        let task = Task::new(Features::Embedding, &support.episode().unwrap()).unwrap();
        assert_eq!(task.shots[0][0], embedding(&[4.0, 1.0]).direction());
        assert_eq!(task.ids, [1, 2]);
        assert_eq!(task.labelled().map(|(label, _)| label).collect::<Vec<_>>(), [0, 0, 1]);
    }
}
