//! The scale of a cosine-softmax head, fitted to a support set by leaving out one shot at a time: how sure the
//! percentages may be is read from how well the shots name each other.
//!
//! Scaling logits by one number that minimises the negative log-likelihood of images held out is temperature scaling
//! (Guo et al., "On Calibration of Modern Neural Networks", 2017; the scale is 1 / T). Nothing is held out of a few
//! shots, so each is scored by prototypes of which its own class's is made without it:
//!
//! scale = argmin − Σ log softmax(scale · sᵢ)[yᵢ] + (ln(scale / 10) / 0.5)² / 2
//!
//! where sᵢ are the similarities of shot i `[n_way]` and yᵢ its class. The last term keeps to what is usual while there
//! are few shots: where every class has a single one, it alone decides.

use crate::{features::Task, head::DEFAULT_SCALE, left_out, vector::softmax};

/// Scales that are tried, in quarters of a doubling from [`DEFAULT_SCALE`]: 3.5 to 40.
const QUARTERS: std::ops::RangeInclusive<i32> = -6..=8;
/// By how much ln(scale) usually differs from ln([`DEFAULT_SCALE`]).
const SPREAD: f32 = 0.5;

/// The scale that suits a support set.
pub fn fitted(task: &Task) -> f32 {
    let left_out = left_out::similarities(task);
    QUARTERS
        .map(|quarters| DEFAULT_SCALE * 2.0_f32.powf(quarters as f32 / 4.0))
        .min_by(|a, b| cost(&left_out, *a).total_cmp(&cost(&left_out, *b)))
        .unwrap_or(DEFAULT_SCALE)
}

fn cost(left_out: &[(usize, Vec<f32>)], scale: f32) -> f32 {
    let surprise = |(label, similarities): &(usize, Vec<f32>)| {
        let logits: Vec<f32> = similarities.iter().map(|similarity| scale * similarity).collect();
        -softmax(&logits)[*label].max(f32::MIN_POSITIVE).ln()
    };
    let unusual = (scale / DEFAULT_SCALE).ln() / SPREAD;
    left_out.iter().map(surprise).sum::<f32>() + unusual * unusual / 2.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{SupportSet, embedding::tests::embedding, features::Features};

    /// Two classes of four shots, told apart by their first two numbers, with `noise` in a number of each shot's own.
    fn task(noise: f32, shots: u32) -> Task {
        let mut support = SupportSet::default();
        for class in 0..2 {
            for shot in 0..shots {
                let mut start = [0.0; 12];
                start[class as usize] = 1.0;
                start[2 + (class * shots + shot) as usize] = noise;
                support.set_shot(class, class * shots + shot, embedding(&start));
            }
        }
        Task::new(Features::Embedding, &support.episode().unwrap()).unwrap()
    }

    #[test]
    fn small_differences_that_never_mislead_count_more() {
        // Alike to 1 / 17 within a class and not at all between classes: little, but always right.
        assert!(fitted(&task(4.0, 4)) > DEFAULT_SCALE);
    }

    #[test]
    fn misleading_shots_make_it_doubt() {
        let mut support = SupportSet::default();
        for (class, shot, start) in [
            (1, 1, [1.0, 0.1]),
            (1, 2, [0.1, 1.0]),
            (2, 3, [1.0, 0.2]),
            (2, 4, [0.2, 1.0]),
        ] {
            support.set_shot(class, shot, embedding(&start));
        }
        let task = Task::new(Features::Embedding, &support.episode().unwrap()).unwrap();
        assert!(fitted(&task) < DEFAULT_SCALE);
    }

    #[test]
    fn one_shot_says_nothing() {
        assert_eq!(fitted(&task(0.2, 1)), DEFAULT_SCALE);
    }
}
