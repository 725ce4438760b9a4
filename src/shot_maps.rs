//! What a deep training learns from: an episode's shots, and their maps after layer 3, which are computed once. The
//! training itself, which needs Burn, is [`crate::deep`].

use crate::{
    Error, Picture, Square,
    architecture::LAYER3,
    embedder::Views,
    features::Task,
    finetune::{TrainingOptions, TrainingRequest},
    picture::VIEWS,
    support::Class,
};

/// Most shots that a page learns from: beyond it, memory and patience run out.
pub const MOST_SHOTS: usize = 200;
/// Maps that are kept, 200 KB each: the more shots, the fewer views of each. One of each is always kept.
const MOST_MAPS: usize = 400;
/// What is learnt from: an episode's shots, and maps of their views that are added one shot after the other.
#[derive(Debug, Clone)]
pub struct ShotMaps {
    /// The shots as heads see them, by the network as it is.
    pub task: Task,
    /// How to train.
    pub options: TrainingOptions,
    /// Ids of the shots, in the order in which their maps are to be added.
    shot_ids: Vec<u32>,
    /// The index of each shot's class.
    pub labels: Vec<usize>,
    views: usize,
    /// `[shots][views]`, each `[256, 14, 14]`.
    pub maps: Vec<Vec<Vec<f32>>>,
}

impl ShotMaps {
    /// Takes the shots, embedded by the network as it is.
    ///
    /// # Errors
    /// [`Error::TooManyShots`] above the limit; [`Error::Option`]; [`Error::EmptyClass`].
    pub fn new(episode: &[&Class], request: &TrainingRequest, limit: Option<usize>) -> Result<Self, Error> {
        let options = request.options()?;
        let shots = || {
            episode
                .iter()
                .enumerate()
                .flat_map(|(label, class)| class.shots.iter().map(move |shot| (label, shot.id)))
        };
        let count = shots().count();
        if let Some(limit) = limit.filter(|&limit| count > limit) {
            return Err(Error::TooManyShots { limit, got: count });
        }
        Ok(Self {
            task: Task::new(options.features, episode)?,
            options,
            shot_ids: shots().map(|(_, id)| id).collect(),
            labels: shots().map(|(label, _)| label).collect(),
            views: (MOST_MAPS / count.max(1)).clamp(1, VIEWS),
            maps: Vec::with_capacity(count),
        })
    }

    /// Ids of the shots, in the order in which their maps are to be added.
    pub fn shot_ids(&self) -> &[u32] {
        &self.shot_ids
    }

    /// The squares of a shot whose maps are wanted; one where its embedding was made of one.
    ///
    /// # Errors
    /// Those of [`Views::of`].
    pub fn squares(&self, picture: &Picture, views: Views) -> Result<Vec<Square>, Error> {
        let mut squares = match self.views {
            1 => Views::One.of(picture)?,
            _ => views.of(picture)?,
        };
        squares.truncate(self.views);
        Ok(squares)
    }

    /// Adds the maps after layer 3 of the next shot's squares, `[256, 14, 14]` each.
    ///
    /// # Errors
    /// [`Error::Maps`] where they are of another size, or where no shot is left.
    pub fn add(&mut self, maps: Vec<Vec<f32>>) -> Result<(), Error> {
        let expected = LAYER3.0 * LAYER3.1 * LAYER3.1;
        if maps.is_empty() || maps.iter().any(|map| map.len() != expected) || self.maps.len() == self.shot_ids.len() {
            let lengths = maps.iter().map(Vec::len).collect::<Vec<_>>();
            return Err(Error::Maps {
                reason: format!(
                    "lengths {lengths:?} of shot {}, expected {expected} each",
                    self.maps.len() + 1
                ),
            });
        }
        self.maps.push(maps);
        Ok(())
    }
}

/// The error of a training that was started without maps.
pub fn needs_maps() -> Error {
    Error::Maps {
        reason: "the method deep needs them".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Embedding, SupportSet};

    /// So many shots of two classes.
    fn support(shots: u32) -> SupportSet {
        let mut support = SupportSet::default();
        for shot in 0..shots {
            let embedding = Embedding::new(vec![1.0; crate::embedding::LENGTH]).unwrap();
            support.set_shot(shot % 2, shot, embedding);
        }
        support
    }

    #[test]
    fn too_many_shots_are_refused_where_there_is_a_limit() {
        let request = TrainingRequest::default();
        let (most, more) = (support(200), support(201));
        let maps = |support: &SupportSet, limit| ShotMaps::new(&support.training_episode().unwrap(), &request, limit);
        assert_eq!(maps(&most, Some(MOST_SHOTS)).unwrap().views, 2);
        assert_eq!(maps(&more, None).unwrap().views, 1);
        let error = maps(&more, Some(MOST_SHOTS)).unwrap_err();
        assert_eq!(error.code(), "too-many-shots");
        assert!(
            error.to_string().contains("at most 200") && error.to_string().contains("got 201"),
            "{error}"
        );
    }

    #[test]
    fn maps_must_be_those_of_the_shots() {
        let support = support(2);
        let mut maps = ShotMaps::new(&support.training_episode().unwrap(), &TrainingRequest::default(), None).unwrap();
        assert_eq!(maps.add(vec![vec![0.0; 5]]).unwrap_err().code(), "maps");
        assert_eq!(maps.add(Vec::new()).unwrap_err().code(), "maps");
    }
}
