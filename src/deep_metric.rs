//! Metric learning whose gradient reaches the network: layer 4 learns together with the projection. Layers 1 to 3 stay as
//! they are, and their maps are computed once per image. What comes out is a metric and the network that it belongs to.
//!
//! Shapes: a map after layer 3 `[256, 14, 14]` → layer 4's mean, of length 1 `[512]` → projection `[128]`, of length 1.

use burn::tensor::backend::Backend;

use crate::{
    Error, StateDict,
    architecture::convolutions,
    autodiff::layer4::Layer4,
    features::{Features, Space},
    finetune::StepReport,
    learned_metric::LearnedMetric,
    learning::Learning,
    metric::{Objective, Trainer as MetricTrainer},
};

/// Layer 4's learning rate, that of [`crate::deep`]: far below the projection's, which starts from nothing.
const LAYER4_RATE: f32 = 1e-5;

/// A metric and a layer 4 that get better with every step.
#[derive(Debug)]
pub struct Trainer<B: Backend, O> {
    metric: MetricTrainer<O>,
    layer4: Layer4<B>,
    /// Of every image, in the order of the metric's examples.
    maps: Vec<Vec<f32>>,
}

impl<B: Backend, O: Objective> Trainer<B, O> {
    /// Starts where `metric` and the network are. `maps` holds one `[256, 14, 14]` per image, in the order of the metric's
    /// examples.
    ///
    /// # Errors
    /// [`Error::Maps`] where there is not one per image; those of [`Layer4::new`].
    pub fn new(metric: MetricTrainer<O>, layer4: &StateDict, maps: Vec<Vec<f32>>) -> Result<Self, Error> {
        if maps.len() != metric.images() {
            let reason = format!("{} of {} images", maps.len(), metric.images());
            return Err(Error::Maps { reason });
        }
        let space = Space::with_origin(Features::Embedding, Vec::new());
        Ok(Self {
            metric,
            layer4: Layer4::new(layer4, space)?,
            maps,
        })
    }
}

/// A metric that learns together with its network, whatever computes it.
pub trait NetworkLearning {
    /// Steps in total.
    fn steps(&self) -> usize;
    /// One batch.
    fn step(&mut self) -> StepReport;
    /// The metric as it is now.
    fn learned_metric(&self) -> LearnedMetric;
    /// The network that the metric belongs to: `network` with layer 4 as it is now, folded.
    ///
    /// # Errors
    /// Those of [`StateDict::folded_trunk`].
    fn network(&self, network: &StateDict) -> Result<StateDict, Error>;
}

impl<B: Backend, O: Objective> NetworkLearning for Trainer<B, O> {
    fn steps(&self) -> usize {
        self.metric.steps()
    }

    fn step(&mut self) -> StepReport {
        let batch = self.metric.batch();
        let maps: Vec<&[f32]> = batch.images.iter().map(|&image| self.maps[image].as_slice()).collect();
        let glance = self.layer4.look(&maps);
        let vectors: Vec<&[f32]> = glance.vectors.iter().map(Vec::as_slice).collect();
        let loss = self.metric.gradient(&batch, &vectors);
        let slope = |of_sum: &Vec<f32>| self.metric.projection().of_input(of_sum);
        let slopes: Vec<Vec<f32>> = loss.of_sums.iter().map(slope).collect();
        self.layer4.learn(glance, &slopes, LAYER4_RATE);
        self.metric.learn(loss)
    }

    fn learned_metric(&self) -> LearnedMetric {
        O::learned(self.metric.metric())
    }

    fn network(&self, network: &StateDict) -> Result<StateDict, Error> {
        let mut folded = network.folded_trunk(&convolutions())?;
        for (name, parameter) in self.layer4.state_dict().iter() {
            folded.insert(name, parameter.clone());
        }
        Ok(folded)
    }
}

#[cfg(test)]
#[cfg(feature = "candle")]
mod tests {
    use super::*;
    use crate::{
        backend::Cpu, cpu::Trunk, metric::tests::trainer, square::Square, triplet::Triplet, tuned::folded_layer4,
        untrained,
    };

    /// The map after layer 3 of the test pattern, each one a little different.
    fn maps(trunk: &Trunk, count: usize) -> Vec<Vec<f32>> {
        let map = trunk.seen(&[Square::test_pattern()]).remove(0).layer3;
        let moved = |by: usize| map[by * 14..].iter().chain(&map[..by * 14]).copied().collect();
        (0..count).map(moved).collect()
    }

    #[test]
    fn layer4_learns_with_the_projection() {
        let network = untrained::state_dict(1);
        let trunk = Trunk::load(network.clone()).unwrap();
        let layer4 = folded_layer4(&network).unwrap();
        let metric = trainer::<Triplet>();
        let images = metric.images();
        let mut trainer = Trainer::<Cpu, _>::new(metric, &layer4, maps(&trunk, images)).unwrap();
        let unchanged = trainer.network(&network).unwrap();
        assert_eq!(unchanged, network.folded_trunk(&convolutions()).unwrap());
        let losses: Vec<f32> = (0..6).map(|_| trainer.step().loss).collect();
        assert!(losses[5] < losses[0], "{losses:?}");
        let tuned = trainer.network(&network).unwrap();
        for (name, parameter) in tuned.iter() {
            let same = *parameter == *unchanged.get(name, &parameter.shape).unwrap();
            assert_eq!(same, !name.starts_with("layer4"), "{name}");
        }
        let embed = |network: &StateDict| {
            let trunk = Trunk::load(network.clone()).unwrap();
            trunk.pooled(&[Square::test_pattern()])[0].embedding().to_vec()
        };
        assert_ne!(embed(&tuned), embed(&network));
        assert_eq!(trainer.learned_metric().provenance().steps, 6);
    }

    #[test]
    fn a_map_for_every_image_is_needed() {
        let layer4 = folded_layer4(&untrained::state_dict(1)).unwrap();
        let error = Trainer::<Cpu, _>::new(trainer::<Triplet>(), &layer4, Vec::new()).unwrap_err();
        assert_eq!(error.code(), "maps");
    }
}
