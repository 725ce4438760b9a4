//! What names queries once it was fitted to an episode: one type, whichever method made it.

use std::{rc::Rc, str::FromStr};

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
    tuned::Tuned,
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
    /// The network's last layer and the head, fine-tuned together.
    Deep,
}

impl Method {
    /// All of them, in the order in which they are reported.
    pub const ALL: [Method; 8] = [
        Method::Nearest,
        Method::Prototype,
        Method::Siamese,
        Method::Triplet,
        Method::CosineMetric,
        Method::FinetunePlain,
        Method::Finetune,
        Method::Deep,
    ];

    /// Those that learn from embeddings alone; [`Method::Deep`] needs maps ([`crate::deep`]).
    pub fn on_embeddings() -> impl Iterator<Item = Method> {
        Method::ALL.into_iter().filter(|method| *method != Method::Deep)
    }

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
            Method::Deep => "deep",
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
    /// A softmax head on what the network sees once its last layer was tuned.
    Tuned {
        /// What was tuned.
        tuned: Rc<Tuned>,
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

    /// The tuned layer by which queries are to be embedded; `None` where the network as it is embeds them.
    pub fn tuned(&self) -> Option<&Rc<Tuned>> {
        match self {
            Classifier::Tuned { tuned, .. } => Some(tuned),
            _ => None,
        }
    }

    /// Probabilities `[n_way]` of one query, in the order of the episode's classes. The query is embedded by the
    /// network that [`Classifier::tuned`] names.
    pub fn probabilities(&self, query: &Embedding) -> Vec<f32> {
        match self {
            Classifier::Linear { space, head } | Classifier::Tuned { space, head, .. } => {
                head.probabilities(&space.of(query))
            }
            Classifier::Nearest(nearest) => nearest.probabilities(query),
            Classifier::Triplet(nearest) => nearest.probabilities(query),
            Classifier::Siamese(comparison) => comparison.probabilities(query),
        }
    }
}
