//! Measures of a classifier over many episodes: accuracy, calibration, rejection, confusion. Pure arithmetic; knows
//! neither methods nor photos.

use serde::Serialize;

/// Bins of the calibration error.
const BINS: usize = 15;
/// Standard errors on either side of a mean that make a 95 % interval.
const Z95: f64 = 1.959_964;

/// A mean and the half-width of its 95 % interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Mean {
    /// The mean.
    pub mean: f64,
    /// Half the interval's width, from the standard error of the mean; 0 for a single value.
    pub ci95: f64,
}

/// Mean and interval of at least one value.
pub fn mean(values: &[f64]) -> Mean {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    let ci95 = match values.len() {
        0 | 1 => 0.0,
        _ => Z95 * (squares / (n - 1.0) / n).sqrt(),
    };
    Mean { mean, ci95 }
}

/// Mean and interval of the differences `values[i] − baseline[i]`, which were measured on the same episodes.
pub fn paired(values: &[f64], baseline: &[f64]) -> Mean {
    let differences: Vec<f64> = values.iter().zip(baseline).map(|(a, b)| a - b).collect();
    mean(&differences)
}

/// Expected calibration error with equal bins (Guo et al., "On Calibration of Modern Neural Networks", 2017):
/// Σ over bins of share · |accuracy − mean confidence|.
#[derive(Debug, Clone, Default)]
pub struct Calibration {
    bins: [Bin; BINS],
}

#[derive(Debug, Clone, Copy, Default)]
struct Bin {
    count: f64,
    correct: f64,
    confidence: f64,
}

impl Calibration {
    /// Adds one answer with its winner's probability, 0 to 1.
    pub fn add(&mut self, confidence: f32, correct: bool) {
        let index = ((f64::from(confidence) * BINS as f64).ceil() as usize).clamp(1, BINS) - 1;
        let bin = &mut self.bins[index];
        bin.count += 1.0;
        bin.confidence += f64::from(confidence);
        bin.correct += if correct { 1.0 } else { 0.0 };
    }

    /// The error, 0 to 1; 0 where nothing was added.
    pub fn error(&self) -> f64 {
        let total: f64 = self.bins.iter().map(|bin| bin.count).sum();
        let gaps: f64 = self.bins.iter().map(|bin| (bin.correct - bin.confidence).abs()).sum();
        if total > 0.0 { gaps / total } else { 0.0 }
    }
}

/// Area under the ROC curve: how often a known image scores higher than an unknown one, ties half.
/// `None` where there is none of either.
pub fn auroc(known: &[f32], unknown: &[f32]) -> Option<f64> {
    if known.is_empty() || unknown.is_empty() {
        return None;
    }
    let mut wins = 0.0;
    for a in known {
        for b in unknown {
            wins += match a.total_cmp(b) {
                std::cmp::Ordering::Greater => 1.0,
                std::cmp::Ordering::Equal => 0.5,
                std::cmp::Ordering::Less => 0.0,
            };
        }
    }
    Some(wins / (known.len() * unknown.len()) as f64)
}

/// Index of the largest number; the first of several. 0 where there is none.
pub fn argmax(values: &[f32]) -> usize {
    let mut best = 0;
    for (index, value) in values.iter().enumerate() {
        if *value > values[best] {
            best = index;
        }
    }
    best
}

/// How often images of one class were given the name of another: rows are the truth, columns the answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Confusion {
    counts: Vec<Vec<u32>>,
}

impl Confusion {
    /// Of so many classes, all counts 0.
    pub fn new(classes: usize) -> Self {
        Self {
            counts: vec![vec![0; classes]; classes],
        }
    }

    /// Adds one answer.
    pub fn add(&mut self, truth: usize, answer: usize) {
        self.counts[truth][answer] += 1;
    }

    /// Adds the counts of another matrix of the same classes.
    pub fn merge(&mut self, other: &Self) {
        for (row, others) in self.counts.iter_mut().zip(&other.counts) {
            for (count, more) in row.iter_mut().zip(others) {
                *count += more;
            }
        }
    }

    /// `[truth][answer]`.
    pub fn counts(&self) -> &[Vec<u32>] {
        &self.counts
    }

    /// Share of right answers among the images of a class; `None` where it had none.
    pub fn accuracy(&self, class: usize) -> Option<f64> {
        let row = &self.counts[class];
        let total: u32 = row.iter().sum();
        (total > 0).then(|| f64::from(row[class]) / f64::from(total))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mean_and_interval() {
        let m = mean(&[1.0, 2.0, 3.0, 4.0]);
        assert_eq!(m.mean, 2.5);
        // NumPy: 1.959964 * std([1, 2, 3, 4], ddof=1) / sqrt(4)
        assert!((m.ci95 - 1.265_151).abs() < 1e-6, "{}", m.ci95);
        assert_eq!(mean(&[0.7]), Mean { mean: 0.7, ci95: 0.0 });
        assert_eq!(paired(&[2.0, 3.0], &[1.0, 2.0]), Mean { mean: 1.0, ci95: 0.0 });
    }

    #[test]
    fn calibration_by_hand() {
        let mut calibration = Calibration::default();
        // One bin: confidence 0.9, right half of the time.
        for correct in [true, false, true, false] {
            calibration.add(0.9, correct);
        }
        assert!((calibration.error() - 0.4).abs() < 1e-6);
        // Another bin of the same weight, perfectly calibrated, halves the error.
        for _ in 0..4 {
            calibration.add(1.0, true);
        }
        assert!((calibration.error() - 0.2).abs() < 1e-6);
        assert_eq!(Calibration::default().error(), 0.0);
    }

    #[test]
    fn auroc_counts_pairs() {
        assert_eq!(auroc(&[0.9, 0.8], &[0.1, 0.2]), Some(1.0));
        assert_eq!(auroc(&[0.9, 0.1], &[0.5]), Some(0.5));
        assert_eq!(auroc(&[0.5], &[0.5, 0.6]), Some(0.25));
        assert_eq!(auroc(&[0.5], &[]), None);
    }

    #[test]
    fn confusion_has_rows_of_truth() {
        let mut confusion = Confusion::new(3);
        for (truth, answer) in [(0, 0), (0, 1), (1, 1)] {
            confusion.add(truth, answer);
        }
        assert_eq!(confusion.counts()[0], [1, 1, 0]);
        assert_eq!(confusion.accuracy(0), Some(0.5));
        assert_eq!(confusion.accuracy(2), None);
        confusion.merge(&confusion.clone());
        assert_eq!(confusion.counts()[0], [2, 2, 0]);
        assert_eq!(argmax(&[0.2, 0.5, 0.5]), 1);
    }
}
