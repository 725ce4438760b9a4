//! The Siamese network (Bromley et al., "Signature Verification using a Siamese Time Delay Neural Network", 1993;
//! Koch et al., "Siamese Neural Networks for One-shot Image Recognition", 2015): are these two images of one class?
//!
//! z = |f(x₁) − f(x₂)|, number by number, logit = w · z + b, p(same) = σ(logit); L is the binary cross-entropy, half
//! over the pair of anchor and positive (same), half over that of anchor and negative (different). Queries are compared
//! with every support image: p = softmax(max over class i's shots of the logit).
//!
//! Shapes: f(x), z and w `[128]`, f(x) of length 1.

use crate::{
    Classifier, Embedding, Error, Method,
    features::Task,
    learned_metric::LearnedMetric,
    metric::{Metric, OUTPUTS, Objective, TripleLoss},
    vector::{add_scaled, dot, softmax},
};

/// The fully connected layer on z.
#[derive(Debug, Clone, PartialEq)]
pub struct Siamese {
    /// w, then b: `[128 + 1]`.
    parameters: Vec<f32>,
}

impl Siamese {
    /// w · z + b: above 0 where the two are more likely of one class than not.
    fn logit(&self, z: &[f32]) -> f32 {
        let (weight, bias) = self.parameters.split_at(OUTPUTS);
        dot(weight, z) + bias.iter().sum::<f32>()
    }

    /// The loss of one pair, its slope by z, and its slope by the logit.
    fn pair(&self, z: &[f32], same: f32) -> (f32, Vec<f32>, f32) {
        let logit = self.logit(z);
        let slope = sigmoid(logit) - same;
        // −log σ(l) for a pair of one class, −log σ(−l) for any other.
        let loss = softplus(if same > 0.5 { -logit } else { logit });
        let of_z = self.parameters[..OUTPUTS].iter().map(|weight| slope * weight).collect();
        (loss, of_z, slope)
    }
}

impl Objective for Siamese {
    const METHOD: Method = Method::Siamese;
    const PARAMETERS: usize = OUTPUTS + 1;

    /// w = −1: the farther, the less the same. b is the mean distance Σ z between two images, so that an average pair
    /// is undecided.
    fn start(outputs: &[Vec<f32>]) -> Self {
        let mut parameters = vec![-1.0; OUTPUTS];
        let (mut sum, mut pairs) = (0.0, 0.0_f32);
        for (index, a) in outputs.iter().enumerate() {
            for b in &outputs[..index] {
                sum += difference(a, b).iter().sum::<f32>();
                pairs += 1.0;
            }
        }
        parameters.push(sum / pairs.max(1.0));
        Self { parameters }
    }

    fn from_parameters(parameters: Vec<f32>) -> Self {
        Self { parameters }
    }

    fn parameters(&self) -> &[f32] {
        &self.parameters
    }

    /// With g = σ(logit) − label: dL/dw = g z, dL/db = g, dL/df(x₁) = g w sign(f(x₁) − f(x₂)), dL/df(x₂) = −dL/df(x₁).
    fn triple(&self, [anchor, positive, negative]: [&[f32]; 3]) -> TripleLoss {
        let mut total = TripleLoss {
            loss: 0.0,
            outputs: [const { Vec::new() }; 3],
            parameters: vec![0.0; Self::PARAMETERS],
        };
        let mut of_anchor = vec![0.0; anchor.len()];
        for (index, other, same) in [(1, positive, 1.0), (2, negative, 0.0)] {
            let z = difference(anchor, other);
            let (loss, of_z, slope) = self.pair(&z, same);
            total.loss += 0.5 * loss;
            add_scaled(&mut total.parameters, 0.5 * slope, &[z, vec![1.0]].concat());
            let signs = anchor.iter().zip(other).map(|(a, b)| sign(a - b));
            let of_pair: Vec<f32> = of_z.iter().zip(signs).map(|(g, sign)| 0.5 * g * sign).collect();
            add_scaled(&mut of_anchor, 1.0, &of_pair);
            total.outputs[index] = of_pair.iter().map(|g| -g).collect();
        }
        total.outputs[0] = of_anchor;
        total
    }

    fn classifier(&self, task: Task) -> Result<Classifier, Error> {
        Ok(Classifier::Siamese(Comparison {
            siamese: self.clone(),
            task,
        }))
    }

    fn learned(metric: Metric<Self>) -> LearnedMetric {
        LearnedMetric::Siamese(metric)
    }
}

impl Metric<Siamese> {
    /// The probability that two images are of one class, 0 to 1.
    pub fn same_or_different(&self, a: &Embedding, b: &Embedding) -> f32 {
        sigmoid(self.objective.logit(&difference(&self.of(a), &self.of(b))))
    }
}

/// Names queries by comparing them with every support image.
#[derive(Debug, Clone, PartialEq)]
pub struct Comparison {
    siamese: Siamese,
    task: Task,
}

impl Comparison {
    /// The shots, and where they are compared.
    pub fn task(&self) -> &Task {
        &self.task
    }

    /// w `[128]`
    pub fn weight(&self) -> &[f32] {
        &self.siamese.parameters[..OUTPUTS]
    }

    /// Probabilities `[n_way]` of one query.
    pub fn probabilities(&self, query: &Embedding) -> Vec<f32> {
        let query = self.task.space.of(query);
        let most_alike = |shots: &Vec<Vec<f32>>| {
            let logits = shots.iter().map(|shot| self.siamese.logit(&difference(shot, &query)));
            logits.fold(f32::NEG_INFINITY, f32::max)
        };
        softmax(&self.task.shots.iter().map(most_alike).collect::<Vec<f32>>())
    }
}

/// |a − b|, number by number.
fn difference(a: &[f32], b: &[f32]) -> Vec<f32> {
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).collect()
}

/// 0 at 0, where |x| has no slope of its own: an image beside itself teaches the projection nothing.
fn sign(value: f32) -> f32 {
    if value == 0.0 { 0.0 } else { value.signum() }
}

/// 1 / (1 + exp(−x))
fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + (-x).exp())
}

/// log(1 + exp(x)), without overflow.
fn softplus(x: f32) -> f32 {
    x.max(0.0) + (-x.abs()).exp().ln_1p()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        embedding::tests::embedding,
        learning::Learning,
        metric::tests::{assert_gradients_are_slopes, assert_learns, assert_learns_from_one_shot, trainer},
    };

    #[test]
    fn gradients() {
        assert_gradients_are_slopes::<Siamese>();
    }

    #[test]
    fn learning() {
        assert_learns::<Siamese>();
        assert_learns_from_one_shot::<Siamese>();
    }

    #[test]
    fn an_undecided_pair_costs_log_2() {
        let mut siamese = Siamese::from_parameters(vec![0.0; Siamese::PARAMETERS]);
        let (loss, _, slope) = siamese.pair(&[0.5; OUTPUTS], 1.0);
        assert!((loss - 2.0_f32.ln()).abs() < 1e-6 && slope == -0.5);
        siamese.parameters[OUTPUTS] = 1e4;
        assert_eq!(siamese.pair(&[0.5; OUTPUTS], 0.0).0, 1e4, "no overflow");
    }

    #[test]
    fn tells_same_from_different() {
        let mut trainer = trainer::<Siamese>();
        while trainer.steps_done() < trainer.steps() {
            trainer.step();
        }
        let metric = trainer.metric();
        let [a, b] = [[1.0, 0.2, 0.2], [0.2, 1.0, 0.1]].map(|start| embedding(&start));
        let (same, different) = (metric.same_or_different(&a, &a), metric.same_or_different(&a, &b));
        assert!(same > 0.5 && different < 0.5, "{same}, {different}");
        assert_eq!(different, metric.same_or_different(&b, &a));
    }
}
