//! Every shot against prototypes of which its own class's is made without it: what a support set alone can tell of photos that
//! are yet to come. The point from which all is seen stays where all shots put it; a shot moves it by little, and alike for
//! all classes.

use crate::{
    features::{Space, Task},
    support::Class,
    vector::{add_scaled, dot, mean, unit},
};

/// The similarities of every shot of a class with several: its class's place, and `[n_way]`.
pub fn similarities(task: &Task) -> Vec<(usize, Vec<f32>)> {
    let prototypes: Vec<Vec<f32>> = task.shots.iter().map(|shots| unit(mean(shots))).collect();
    let classes = task.shots.iter().enumerate();
    classes
        .flat_map(|(label, shots)| of_class(label, shots, &prototypes))
        .collect()
}

/// The same where no [`Task`] is at hand: a class at a time has its vectors made, so that thousands of shots need little memory.
pub fn similarities_in(space: &Space, episode: &[&Class]) -> Vec<(usize, Vec<f32>)> {
    let prototypes: Vec<Vec<f32>> = episode.iter().map(|class| unit(mean(&space.shots(class)))).collect();
    let classes = episode.iter().enumerate();
    classes
        .flat_map(|(label, class)| of_class(label, &space.shots(class), &prototypes))
        .collect()
}

/// What one class has of it: nothing where it has a single shot.
fn of_class(label: usize, shots: &[Vec<f32>], prototypes: &[Vec<f32>]) -> Vec<(usize, Vec<f32>)> {
    if shots.len() < 2 {
        return Vec::new();
    }
    let mut sum = mean(shots);
    sum.iter_mut().for_each(|value| *value *= shots.len() as f32);
    let left_out = |shot: &Vec<f32>| {
        let mut similarities: Vec<f32> = prototypes.iter().map(|prototype| dot(prototype, shot)).collect();
        let mut others = sum.clone();
        add_scaled(&mut others, -1.0, shot);
        similarities[label] = dot(&unit(others), shot);
        (label, similarities)
    };
    shots.iter().map(left_out).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{SupportSet, embedding::tests::embedding, features::Features};

    #[test]
    fn a_shot_is_compared_without_itself() {
        // (1, ½, 0) and (1, 0, ½): each is alone the other's prototype.
        let mut support = SupportSet::default();
        for (class, shot, start) in [
            (1, 1, [1.0, 0.5, 0.0, 0.0]),
            (1, 2, [1.0, 0.0, 0.5, 0.0]),
            (2, 3, [0.0, 0.0, 0.0, 1.0]),
        ] {
            support.set_shot(class, shot, embedding(&start));
        }
        let task = Task::new(Features::Embedding, &support.episode().unwrap()).unwrap();
        let similarities = similarities(&task);
        assert_eq!(similarities_in(&task.space, &support.episode().unwrap()), similarities);
        assert_eq!(similarities.len(), 2, "there is nothing left of a class of one");
        assert!((similarities[0].1[0] - 1.0 / 1.25).abs() < 1e-6, "{similarities:?}");
        assert_eq!((similarities[0].0, similarities[0].1[1]), (0, 0.0));
    }
}
