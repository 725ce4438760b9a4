//! What names queries once it was fitted to an episode: one type, whichever method made it.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::{
    Embedding, Error, Head,
    features::{Features, Space, Task},
    head::DEFAULT_SCALE,
    nearest::Nearest,
    scale,
    siamese::Comparison,
    support::Class,
    triplet::NearestImage,
};

/// The methods by which classes are learnt.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Method {
    /// The most similar support image decides.
    Nearest,
    /// softmax(scale · M q).
    Prototype,
    /// A Siamese network compares with every support image.
    Siamese,
    /// The nearest support image by a metric trained on triplets.
    Triplet,
    /// The prototypes by a metric trained on cosine similarities.
    CosineMetric,
    /// The fine-tuned head by the textbook recipe.
    FinetunePlain,
    /// The fine-tuned head: the default.
    #[default]
    Finetune,
}

impl Method {
    /// All of them, in the order in which they are reported.
    pub const ALL: [Method; 7] = [
        Method::Nearest,
        Method::Prototype,
        Method::Siamese,
        Method::Triplet,
        Method::CosineMetric,
        Method::FinetunePlain,
        Method::Finetune,
    ];

    /// The name in kebab-case, as commands and files have it.
    pub fn name(self) -> &'static str {
        match self {
            Method::Nearest => "nearest",
            Method::Prototype => "prototype",
            Method::Siamese => "siamese",
            Method::Triplet => "triplet",
            Method::CosineMetric => "cosine-metric",
            Method::FinetunePlain => "finetune-plain",
            Method::Finetune => "finetune",
        }
    }
}

impl FromStr for Method {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self, Error> {
        let known = Method::ALL.into_iter().find(|method| method.name() == name);
        known.ok_or_else(|| Error::UnknownMethod {
            expected: Method::ALL.map(Method::name).join(", "),
            got: name.into(),
        })
    }
}

/// A classifier for one episode.
#[derive(Debug, Clone, PartialEq)]
pub enum Classifier {
    /// A softmax head on the vectors of a space.
    Linear {
        /// Where queries are looked at.
        space: Space,
        /// What looks.
        head: Head,
    },
    /// The most similar shot.
    Nearest(Nearest),
    /// The nearest shot by a learned metric.
    Triplet(NearestImage),
    /// The shot that is most likely of the query's class.
    Siamese(Comparison),
}

impl Classifier {
    /// The prototypes of an episode on the given features.
    ///
    /// # Errors
    /// Those of [`Task::new`] and [`Head::from_prototypes`].
    pub fn prototypes(features: Features, episode: &[&Class]) -> Result<Self, Error> {
        Self::prototypes_of(Task::new(features, episode)?)
    }

    /// The prototypes of vectors that are given.
    ///
    /// # Errors
    /// Those of [`Head::from_prototypes`].
    pub fn prototypes_of(task: Task) -> Result<Self, Error> {
        Ok(Self::Linear {
            head: Head::from_prototypes(&task, DEFAULT_SCALE)?,
            space: task.space,
        })
    }

    /// What answers before any training: the prototypes, with the scale that fits the support set.
    ///
    /// # Errors
    /// Those of [`Head::from_prototypes`].
    pub fn at_once(task: Task) -> Result<Self, Error> {
        Ok(Self::Linear {
            head: Head::from_prototypes(&task, scale::fitted(&task))?,
            space: task.space,
        })
    }

    /// Probabilities `[n_way]` of one query, in the order of the episode's classes.
    pub fn probabilities(&self, query: &Embedding) -> Vec<f32> {
        match self {
            Classifier::Linear { space, head } => head.probabilities(&space.of(query)),
            Classifier::Nearest(nearest) => nearest.probabilities(query),
            Classifier::Triplet(nearest) => nearest.probabilities(query),
            Classifier::Siamese(comparison) => comparison.probabilities(query),
        }
    }
}
