//! The trunk: squares → what is seen in them, at once or in two halves; and `layer4` alone, from the maps after `layer3`.
//!
//! How the convolutions are wired, in torchvision's names, and which buffers they share.

use std::cell::RefCell;

use wide::f32x8;

use super::{
    direct::{self, Direct},
    halfway::Halfway,
    map::Map,
    stem::{self, Stem},
    winograd::{self, Winograd},
};
use crate::{
    Error, Square, Weights,
    architecture::{Convolution, LAYER2, LAYER3, Pooled, Seen, convolutions},
    square::SIDE,
    weights::Folded,
};

/// Most images that go through the deeper layers together. More would save little time and cost memory.
const BATCH: usize = 8;
/// Channels and side of the maps after `layer1` … `layer4`.
const LAYERS: [(usize, usize); 4] = [(64, 56), LAYER2, LAYER3, (512, 7)];

/// ResNet-18 without its classifier.
#[derive(Debug)]
pub struct Trunk {
    conv1: Stem,
    layer1: [BasicBlock; 2],
    layer2: HalvingLayer,
    layer3: HalvingLayer,
    layer4: HalvingLayer,
    workspace: RefCell<Workspace>,
}

/// Two 3 × 3 convolutions and the identity around them.
#[derive(Debug)]
struct BasicBlock {
    conv1: Winograd,
    conv2: Winograd,
}

/// The block that begins `layer2`, `layer3` and `layer4`: half the size, twice the channels.
#[derive(Debug)]
struct HalvingBlock {
    conv1: Direct,
    conv2: Winograd,
    downsample: Direct,
}

/// A layer that begins with halving.
#[derive(Debug)]
struct HalvingLayer {
    first: HalvingBlock,
    second: BasicBlock,
}

/// The maps of up to [`BATCH`] images at a layer.
#[derive(Debug)]
struct Maps {
    channels: usize,
    side: usize,
    /// The blocks work on them in place; after the last one they are the layer's.
    results: Vec<Map>,
    /// Between the two convolutions of a block.
    hidden: Vec<Map>,
}

/// Every buffer of the trunk, kept from call to call.
#[derive(Debug)]
struct Workspace {
    layers: [Maps; 4],
    scratch: Scratch,
}

/// The convolutions' buffers.
#[derive(Debug)]
struct Scratch {
    stem: stem::Scratch,
    direct: direct::Scratch,
    winograd: winograd::Scratch,
}

impl Default for Scratch {
    fn default() -> Self {
        Self {
            stem: stem::Scratch::new(SIDE),
            direct: direct::Scratch::default(),
            winograd: winograd::Scratch::default(),
        }
    }
}

/// The trunk's last layer by itself: it is what learns where the network does, and its input can be kept.
#[derive(Debug)]
pub struct Layer4 {
    layer: HalvingLayer,
    workspace: RefCell<Layer4Workspace>,
}

/// Every buffer of [`Layer4`], kept from call to call.
#[derive(Debug)]
struct Layer4Workspace {
    inputs: Maps,
    outputs: Maps,
    scratch: Scratch,
}

impl Trunk {
    /// Builds the trunk from a weight file's parameters, by torchvision's names, folded or not.
    ///
    /// # Errors
    /// Those of [`Weights::check_trunk`] and [`Weights::take_folded`].
    pub fn load(weights: impl Into<Weights>) -> Result<Self, Error> {
        let mut parts = Parts {
            weights: weights.into(),
            convolutions: convolutions(),
        };
        parts.weights.check_trunk(&parts.convolutions)?;
        let (stem, _) = parts.take("conv1")?;
        Ok(Self {
            conv1: Stem::new(&stem.filters.into_numbers(), &stem.bias),
            layer1: [parts.basic_block("layer1.0")?, parts.basic_block("layer1.1")?],
            layer2: parts.halving_layer("layer2")?,
            layer3: parts.halving_layer("layer3")?,
            layer4: parts.halving_layer("layer4")?,
            workspace: RefCell::new(Workspace {
                layers: LAYERS.map(|(channels, side)| Maps::new(channels, side)),
                scratch: Scratch::default(),
            }),
        })
    }

    /// The maps after `layer1` … `layer4`, pooled, for each square.
    pub fn pooled(&self, squares: &[Square]) -> Vec<Pooled> {
        let workspace = &mut *self.workspace.borrow_mut();
        squares
            .chunks(BATCH)
            .flat_map(|batch| self.forward(batch, workspace))
            .collect()
    }

    /// The same with the map after `layer3`.
    pub fn seen(&self, squares: &[Square]) -> Vec<Seen> {
        let workspace = &mut *self.workspace.borrow_mut();
        let mut all = Vec::with_capacity(squares.len());
        for batch in squares.chunks(BATCH) {
            let pooled = self.forward(batch, workspace);
            all.extend(pooled.into_iter().enumerate().map(|at| workspace.seen(at)));
        }
        all
    }

    /// The first half of the layers for one square: what [`Trunk::finish`] goes on with, here or in another thread.
    pub fn begin(&self, square: &Square) -> Halfway {
        let workspace = &mut *self.workspace.borrow_mut();
        workspace.make_room(1);
        let layer1 = self.first_half(square, 0, workspace);
        Halfway::new(layer1, workspace.layers[1].results[0].to_channels_first())
    }

    /// The second half: together they give what [`Trunk::seen`] does, to the bit.
    pub fn finish(&self, halfway: &Halfway) -> Seen {
        let workspace = &mut *self.workspace.borrow_mut();
        workspace.make_room(1);
        workspace.layers[1].results[0].fill(halfway.layer2());
        let pooled = self.second_half(vec![halfway.layer1().to_vec()], workspace).remove(0);
        workspace.seen((0, pooled))
    }

    /// Up to [`BATCH`] squares → their pooled maps. The large maps of the first layers are made for one image after
    /// the other, to stay in the cache; the deeper layers take all images at once, to share transformed filters.
    fn forward(&self, squares: &[Square], workspace: &mut Workspace) -> Vec<Pooled> {
        workspace.make_room(squares.len());
        let squares = squares.iter().enumerate();
        let layer1 = squares.map(|(index, square)| self.first_half(square, index, workspace));
        self.second_half(layer1.collect(), workspace)
    }

    /// One square → its map after `layer2`, in this place, and the means of the one after `layer1`.
    fn first_half(&self, square: &Square, index: usize, Workspace { layers, scratch }: &mut Workspace) -> Vec<f32> {
        let [maps1, maps2, ..] = layers;
        self.conv1
            .forward(&square.normalised(), &mut maps1.results[0], &mut scratch.stem);
        for block in &self.layer1 {
            block.forward(&mut maps1.results, &mut maps1.hidden, scratch);
        }
        let map2 = std::slice::from_mut(&mut maps2.results[index]);
        self.layer2.forward(&maps1.results, map2, &mut maps2.hidden, scratch);
        maps1.results[0].mean()
    }

    /// The maps after `layer2`, and the means of those before them → all that is pooled.
    fn second_half(&self, layer1: Vec<Vec<f32>>, Workspace { layers, scratch }: &mut Workspace) -> Vec<Pooled> {
        let images = layer1.len();
        let [_, maps2, maps3, maps4] = layers;
        let (results3, results4) = (&mut maps3.results[..images], &mut maps4.results[..images]);
        self.layer3
            .forward(&maps2.results[..images], results3, &mut maps3.hidden[..images], scratch);
        self.layer4
            .forward(results3, results4, &mut maps4.hidden[..images], scratch);
        let pooled = |(index, layer1): (usize, Vec<f32>)| Pooled {
            means: [
                layer1,
                maps2.results[index].mean(),
                results3[index].mean(),
                results4[index].mean(),
            ],
            deviations: results4[index].deviation(),
        };
        layer1.into_iter().enumerate().map(pooled).collect()
    }
}

impl Workspace {
    /// For a batch of so many images.
    fn make_room(&mut self, images: usize) {
        let [maps1, maps2, maps3, maps4] = &mut self.layers;
        maps1.make_room(1, 1);
        maps2.make_room(images, 1);
        maps3.make_room(images, images);
        maps4.make_room(images, images);
    }

    /// What was pooled of an image of the last batch, with its map after `layer3`.
    fn seen(&self, (index, pooled): (usize, Pooled)) -> Seen {
        let layer3 = self.layers[2].results[index].to_channels_first();
        Seen { pooled, layer3 }
    }
}

impl Layer4 {
    /// Builds the layer from the `layer4.…` of a weight file's parameters, folded or not, whatever else it holds.
    ///
    /// # Errors
    /// Those of [`Weights::take_folded`].
    pub fn load(weights: impl Into<Weights>) -> Result<Self, Error> {
        let mut parts = Parts {
            weights: weights.into(),
            convolutions: convolutions(),
        };
        let [_, _, (channels3, side3), (channels4, side4)] = LAYERS;
        Ok(Self {
            layer: parts.halving_layer("layer4")?,
            workspace: RefCell::new(Layer4Workspace {
                inputs: Maps::new(channels3, side3),
                outputs: Maps::new(channels4, side4),
                scratch: Scratch::default(),
            }),
        })
    }

    /// Maps after `layer3`, `[256, 14, 14]` each → the spatial means and standard deviations after this layer,
    /// `[512]` each.
    pub fn pooled(&self, maps: &[&[f32]]) -> Vec<(Vec<f32>, Vec<f32>)> {
        self.forward(maps, |map| (map.mean(), map.deviation()))
    }

    /// Maps after `layer3`, `[256, 14, 14]` each → maps after this layer, `[512, 7, 7]` each.
    pub fn maps(&self, maps: &[&[f32]]) -> Vec<Vec<f32>> {
        self.forward(maps, Map::to_channels_first)
    }

    fn forward<T>(&self, maps: &[&[f32]], take: impl Fn(&Map) -> T) -> Vec<T> {
        let Layer4Workspace {
            inputs,
            outputs,
            scratch,
        } = &mut *self.workspace.borrow_mut();
        let mut all = Vec::with_capacity(maps.len());
        for batch in maps.chunks(BATCH) {
            let images = batch.len();
            inputs.make_room(images, 0);
            outputs.make_room(images, images);
            for (input, map) in inputs.results.iter_mut().zip(batch) {
                input.fill(map);
            }
            let results = &mut outputs.results[..images];
            self.layer.forward(
                &inputs.results[..images],
                results,
                &mut outputs.hidden[..images],
                scratch,
            );
            all.extend(results.iter().map(&take));
        }
        all
    }
}

impl BasicBlock {
    /// `[c, y, x]` → `[c, y, x]`, in place.
    fn forward(&self, maps: &mut [Map], hidden: &mut [Map], scratch: &mut Scratch) {
        self.conv1.forward(maps, hidden, &mut scratch.winograd, relu);
        self.conv2.forward(hidden, maps, &mut scratch.winograd, residual_relu);
    }
}

impl HalvingBlock {
    /// `[c, y, x]` → `[2 c, y / 2, x / 2]`.
    fn forward(&self, inputs: &[Map], outputs: &mut [Map], hidden: &mut [Map], scratch: &mut Scratch) {
        self.downsample.forward(inputs, outputs, &mut scratch.direct, identity);
        self.conv1.forward(inputs, hidden, &mut scratch.direct, relu);
        self.conv2
            .forward(hidden, outputs, &mut scratch.winograd, residual_relu);
    }
}

impl HalvingLayer {
    /// `[c, y, x]` → `[2 c, y / 2, x / 2]`.
    fn forward(&self, inputs: &[Map], outputs: &mut [Map], hidden: &mut [Map], scratch: &mut Scratch) {
        self.first.forward(inputs, outputs, hidden, scratch);
        self.second.forward(outputs, hidden, scratch);
    }
}

/// What follows a convolution: nothing.
fn identity(sum: f32x8, _before: f32x8) -> f32x8 {
    sum
}

/// What follows a block's first convolution.
fn relu(sum: f32x8, _before: f32x8) -> f32x8 {
    sum.fast_max(f32x8::ZERO)
}

/// What follows a block's second convolution, whose output holds the way around the block before.
fn residual_relu(sum: f32x8, before: f32x8) -> f32x8 {
    (sum + before).fast_max(f32x8::ZERO)
}

impl Maps {
    fn new(channels: usize, side: usize) -> Self {
        Self {
            channels,
            side,
            results: Vec::new(),
            hidden: Vec::new(),
        }
    }

    /// Grows to as many maps at least.
    fn make_room(&mut self, results: usize, hidden: usize) {
        let empty = || Map::new(self.channels, self.side);
        self.results.resize_with(self.results.len().max(results), empty);
        self.hidden.resize_with(self.hidden.len().max(hidden), empty);
    }
}

/// The trunk's parts by their names, out of the weights that have not been taken yet.
struct Parts {
    weights: Weights,
    convolutions: Vec<Convolution>,
}

impl Parts {
    /// Takes a convolution, and says what shape it has.
    fn take(&mut self, name: &str) -> Result<(Folded, &Convolution), Error> {
        let convolution = self.convolutions.iter().find(|convolution| convolution.name == name);
        let convolution = convolution.ok_or_else(|| Error::WeightsMissingTensor { name: name.into() })?;
        Ok((self.weights.take_folded(convolution)?, convolution))
    }

    fn winograd(&mut self, name: &str) -> Result<Winograd, Error> {
        let (folded, shape) = self.take(name)?;
        Ok(Winograd::new(folded, shape.inputs))
    }

    fn direct(&mut self, name: &str) -> Result<Direct, Error> {
        let (folded, shape) = self.take(name)?;
        Ok(Direct::new(folded, shape.inputs, shape.kernel))
    }

    fn basic_block(&mut self, name: &str) -> Result<BasicBlock, Error> {
        Ok(BasicBlock {
            conv1: self.winograd(&format!("{name}.conv1"))?,
            conv2: self.winograd(&format!("{name}.conv2"))?,
        })
    }

    fn halving_layer(&mut self, name: &str) -> Result<HalvingLayer, Error> {
        Ok(HalvingLayer {
            first: HalvingBlock {
                conv1: self.direct(&format!("{name}.0.conv1"))?,
                conv2: self.winograd(&format!("{name}.0.conv2"))?,
                downsample: self.direct(&format!("{name}.0.downsample.0"))?,
            },
            second: self.basic_block(&format!("{name}.1"))?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        StateDict, compact,
        cpu::naive::{Reference, assert_close, random},
        state_dict::Parameter,
        untrained,
    };

    /// The convolutions of a `layer2` that makes 16 channels of 8, random.
    fn small_layer() -> Parts {
        let mut state_dict = StateDict::default();
        let mut shapes = Vec::new();
        let all = convolutions();
        for (seed, convolution) in all.into_iter().filter(|c| c.name.starts_with("layer2.")).enumerate() {
            let small = Convolution {
                inputs: convolution.inputs / 8,
                outputs: convolution.outputs / 8,
                ..convolution
            };
            for (field, shape) in [("weight", small.shape().to_vec()), ("bias", vec![small.outputs])] {
                let values = random(shape.iter().product(), seed as u64);
                let name = format!("{}.{field}", small.name);
                state_dict.insert(name, Parameter { shape, values });
            }
            shapes.push(small);
        }
        Parts {
            weights: state_dict.into(),
            convolutions: shapes,
        }
    }

    #[test]
    fn a_layer_is_wired_as_published() {
        let mut parts = small_layer();
        let mut convolution = |input: &Reference, name: &str, stride| {
            let (folded, shape) = parts.take(name).unwrap();
            input.convolution(&folded.filters.into_numbers(), &folded.bias, shape.kernel, stride)
        };
        let image = random(8 * 9 * 9, 20);
        let input = Reference::new(&image, 9);
        let hidden = convolution(&input, "layer2.0.conv1", 2).relu();
        let residual = convolution(&input, "layer2.0.downsample.0", 2);
        let middle = convolution(&hidden, "layer2.0.conv2", 1).plus(&residual.values).relu();
        let hidden = convolution(&middle, "layer2.1.conv1", 1).relu();
        let expected = convolution(&hidden, "layer2.1.conv2", 1).plus(&middle.values).relu();

        let layer = small_layer().halving_layer("layer2").unwrap();
        let (mut outputs, mut hidden) = (vec![Map::new(16, 5)], vec![Map::new(16, 5)]);
        layer.forward(
            &[Map::from_channels_first(&image, 9)],
            &mut outputs,
            &mut hidden,
            &mut Scratch::default(),
        );
        assert_close(&outputs[0].to_channels_first(), &expected.values);
    }

    /// [`BATCH`] and one more different squares.
    fn squares() -> Vec<Square> {
        let pattern = Square::test_pattern().rgba();
        let shifted = |by: usize| [&pattern[by * 4000..], &pattern[..by * 4000]].concat();
        (0..=BATCH).map(|by| Square::from_rgba(&shifted(by)).unwrap()).collect()
    }

    #[test]
    fn a_square_gives_the_same_in_every_batch() {
        let trunk = Trunk::load(untrained::state_dict(1)).unwrap();
        let squares = squares();
        let together = trunk.pooled(&squares);
        assert_eq!(together.len(), squares.len());
        for (square, pooled) in squares.iter().zip(&together) {
            assert_eq!(pooled.means.each_ref().map(Vec::len), [64, 128, 256, 512]);
            assert_eq!(pooled.deviations.len(), 512);
            assert_eq!(&trunk.pooled(std::slice::from_ref(square))[0], pooled);
        }
        assert_ne!(together[0], together[1]);
        assert!(trunk.pooled(&[]).is_empty());
    }

    #[test]
    fn two_halves_are_the_whole() {
        let trunk = Trunk::load(untrained::state_dict(1)).unwrap();
        let squares = squares();
        let halves: Vec<Halfway> = squares.iter().map(|square| trunk.begin(square)).collect();
        let other = Trunk::load(untrained::state_dict(1)).unwrap();
        for (halfway, seen) in halves.into_iter().zip(trunk.seen(&squares)) {
            let carried = Halfway::from_values(halfway.into_values()).unwrap();
            assert_eq!(other.finish(&carried), seen);
        }
    }

    #[test]
    fn layer4_goes_on_where_layer3_ends() {
        let state_dict = untrained::state_dict(1);
        let trunk = Trunk::load(state_dict.clone()).unwrap();
        let layer4 = Layer4::load(state_dict).unwrap();
        let squares = squares();
        let seen = trunk.seen(&squares);
        assert_eq!(seen.len(), squares.len());
        let maps: Vec<&[f32]> = seen.iter().map(|seen| seen.layer3.as_slice()).collect();
        for ((seen, alone), pooled) in seen.iter().zip(layer4.pooled(&maps)).zip(trunk.pooled(&squares)) {
            assert_eq!(seen.pooled, pooled);
            assert_eq!(alone, (pooled.means[3].clone(), pooled.deviations));
            let means: Vec<f64> = seen
                .layer3
                .chunks(14 * 14)
                .map(|channel| channel.iter().copied().map(f64::from).sum::<f64>() / 196.0)
                .collect();
            assert_close(&pooled.means[2], &means);
        }
    }

    #[test]
    fn steps_compute_what_their_numbers_do() {
        let folded = untrained::state_dict(1).folded_trunk(&convolutions()).unwrap();
        let file = compact::encode(&folded, compact::STEP).unwrap();
        let numbers = Trunk::load(StateDict::from_file(&file).unwrap()).unwrap();
        let steps = Trunk::load(Weights::from_file(&file).unwrap()).unwrap();
        let squares = squares();
        let seen = steps.seen(&squares);
        let expected = numbers.pooled(&squares);
        assert_eq!(seen.len(), expected.len());
        let all = |pooled: &Pooled| [pooled.means.as_slice(), std::slice::from_ref(&pooled.deviations)].concat();
        for (steps, numbers) in seen.iter().zip(&expected) {
            for (steps, numbers) in all(&steps.pooled).iter().zip(all(numbers)) {
                let numbers: Vec<f64> = numbers.into_iter().map(f64::from).collect();
                assert_close(steps, &numbers);
            }
        }
        let maps = [seen[0].layer3.as_slice()];
        let layer4 = Layer4::load(Weights::from_file(&file).unwrap()).unwrap();
        assert_eq!(layer4.pooled(&maps)[0].1, seen[0].pooled.deviations);
    }

    #[test]
    fn missing_weights_are_named() {
        let error = Trunk::load(StateDict::default()).unwrap_err();
        assert_eq!(error.code(), "weights-missing-tensor");
    }
}
