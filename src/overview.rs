//! An episode seen from above, for those who learn or teach: how alike its shots are, its prototypes, and a map of them
//! all. Nothing here decides anything.

use serde::Serialize;

use crate::{Embedding, Head, features::Space, plane::Plane, support::Class, vector::dot};

/// Most shots in an overview: of more, each class gives its share.
pub const MOST_SHOTS: usize = 150;

/// How alike shots are and where they lie.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Overview {
    /// How many shots there are in all.
    pub shot_count: usize,
    /// Those that are shown, class by class.
    pub shots: Vec<PlacedShot>,
    /// Cosine similarities of those shots, `[shots][shots]`, in the space in which the most similar shot is sought.
    pub similarities: Vec<Vec<f32>>,
    /// One for each class that takes part.
    pub prototypes: Vec<PlacedPrototype>,
    /// Cosine similarities of the prototypes, `[n_way][n_way]`.
    pub prototype_similarities: Vec<Vec<f32>>,
    /// Where queries lie.
    pub queries: Vec<[f32; 2]>,
    /// What share of all variance each axis of the map has.
    pub shares: [f32; 2],
}

/// A shot on the map.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PlacedShot {
    /// The shot.
    pub shot_id: u32,
    /// Its class.
    pub class_id: u32,
    /// Its place on the map.
    pub place: [f32; 2],
}

/// A prototype on the map.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PlacedPrototype {
    /// The class.
    pub class_id: u32,
    /// Its place on the map.
    pub place: [f32; 2],
    /// Its row of the prototype matrix M, `[length]`.
    pub row: Vec<f32>,
}

/// A shot that is shown: its class's id, its own, and its embedding.
type Shown<'a> = (u32, u32, &'a Embedding);

impl Overview {
    /// Of an episode: `compares` is the space in which the most similar shot is sought, `space` and `head` are the
    /// prototypes', whose space the map shows.
    pub fn new(episode: &[&Class], compares: &Space, (space, head): (&Space, &Head), queries: &[Embedding]) -> Self {
        let shots = shown(episode);
        let compared: Vec<_> = shots.iter().map(|(_, _, embedding)| compares.of(embedding)).collect();
        let seen: Vec<_> = shots.iter().map(|(_, _, embedding)| space.of(embedding)).collect();
        let plane = Plane::fit(&seen.iter().map(Vec::as_slice).collect::<Vec<_>>());
        let shot = |((class_id, shot_id, _), vector): (&Shown, &Vec<f32>)| PlacedShot {
            shot_id: *shot_id,
            class_id: *class_id,
            place: plane.of(vector),
        };
        let prototype = |(class, row): (&&Class, &Vec<f32>)| PlacedPrototype {
            class_id: class.id,
            place: plane.of(row),
            row: row.clone(),
        };
        Self {
            shot_count: episode.iter().map(|class| class.shots.len()).sum(),
            similarities: similarities(&compared),
            shots: shots.iter().zip(&seen).map(shot).collect(),
            prototypes: episode.iter().zip(&head.weight).map(prototype).collect(),
            prototype_similarities: similarities(&head.weight),
            queries: queries.iter().map(|query| plane.of(&space.of(query))).collect(),
            shares: plane.shares,
        }
    }
}

/// The shots of an episode, class by class; of many, the first ones of each class.
fn shown<'a>(episode: &[&'a Class]) -> Vec<Shown<'a>> {
    let count: usize = episode.iter().map(|class| class.shots.len()).sum();
    let most = match count <= MOST_SHOTS {
        true => MOST_SHOTS,
        false => (MOST_SHOTS / episode.len()).max(1),
    };
    let shots = |class: &&'a Class| -> Vec<Shown<'a>> {
        let shots = class.shots.iter().take(most);
        shots.map(|shot| (class.id, shot.id, &shot.embedding)).collect()
    };
    episode.iter().flat_map(shots).collect()
}

/// Cosines of vectors of length 1, each with each.
fn similarities(vectors: &[Vec<f32>]) -> Vec<Vec<f32>> {
    let row = |a: &Vec<f32>| vectors.iter().map(|b| dot(a, b)).collect();
    vectors.iter().map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        Classifier, SupportSet,
        embedding::tests::embedding,
        features::{Features, Task},
    };

    fn overview(shots: u32) -> Overview {
        let mut support = SupportSet::default();
        for shot in 0..shots {
            let turn = shot as f32 / shots as f32;
            support.set_shot(1, shot, embedding(&[4.0, turn]));
            support.set_shot(2, 1000 + shot, embedding(&[turn, 4.0]));
        }
        let episode = support.episode().unwrap();
        let task = Task::new(Features::Pooled, &episode).unwrap();
        let Classifier::Linear { space, head } = Classifier::prototypes_of(task).unwrap() else {
            panic!("prototypes are linear");
        };
        let compares = Space::fit(Features::Embedding, &episode);
        Overview::new(&episode, &compares, (&space, &head), &[embedding(&[4.0, 0.5])])
    }

    #[test]
    fn classes_lie_apart_and_queries_with_their_own() {
        let overview = overview(5);
        let side = |place: [f32; 2]| place[0] > 0.0;
        let first = side(overview.prototypes[0].place);
        assert_ne!(first, side(overview.prototypes[1].place));
        for shot in &overview.shots {
            assert_eq!(side(shot.place) == first, shot.class_id == 1);
        }
        assert_eq!(side(overview.queries[0]), first);
        assert!(overview.shares[0] > 0.9 && overview.shares[0] + overview.shares[1] <= 1.0 + 1e-5);
    }

    #[test]
    fn similarities_are_cosines() {
        let overview = overview(2);
        let expected = embedding(&[4.0, 0.5]).similarity(&embedding(&[0.5, 4.0]));
        assert_eq!(overview.shots[1].shot_id, 1);
        assert!((overview.similarities[1][3] - expected).abs() < 1e-6);
        for (index, row) in overview.similarities.iter().enumerate() {
            assert!((row[index] - 1.0).abs() < 1e-6, "each is like itself");
        }
        assert!(
            overview.prototype_similarities[0][1] < 0.0,
            "prototypes point away from each other"
        );
    }

    #[test]
    fn of_many_shots_each_class_shows_its_share() {
        let overview = overview(400);
        assert_eq!((overview.shot_count, overview.shots.len()), (800, MOST_SHOTS));
        assert_eq!(
            overview.shots.iter().filter(|shot| shot.class_id == 2).count(),
            MOST_SHOTS / 2
        );
    }
}
