//! 3 × 3 convolutions of stride 1 by Winograd's minimal filtering, F(4 × 4, 3 × 3): `[c, y, x]` → `[c′, y, x]`.
//!
//! Lavin & Gray, "Fast Algorithms for Convolutional Neural Networks", CVPR 2016: Y = Aᵀ [(G g Gᵀ) ⊙ (Bᵀ d B)] A with
//! 6 × 6 points of input d for 4 × 4 of output Y: 36 products where the plain sum has 144. The points are
//! 0, ±1, ±2, ∞; the fractions of the paper's G stand in Bᵀ here, so that G holds small integers alone.
//! Summed over the input channels, the products are 36 matrix products, one per point: tiles × channels by filters.
//!
//! Where a side is no multiple of four, its last tiles are short: F(3, 3) in that direction, which has all points but −2,
//! so that filters are transformed alike for both. At the points that short tiles lack, they are left out of the product.
//!
//! Transformed filters would take four times the memory of the filters, so they are made anew for each panel of eight
//! output channels, used for all tiles at hand, and dropped. The more tiles share them, the less they cost: hence
//! batches of images.

use std::ops::{Add, Range, Sub};

use wide::{bytemuck::cast_mut, f32x4, f32x8, i16x8};

use super::{
    gemm::{COLUMNS, Columns, Panel, ROWS, multiply, multiply_counts, packed_columns, transposed},
    map::{GROUP, Map, TILE},
};
use crate::weights::Folded;

/// Side of a tile of input.
const SIDE: usize = TILE + 2;
/// Points of a tile of input.
const POINTS: usize = SIDE * SIDE;
/// Pixels that a short tile makes in one direction.
const SHORT: usize = TILE - 1;
/// The point, in one direction, that a short tile lacks: −2.
const LACKED: usize = 4;
/// Most panels of [`ROWS`] tiles that share transformed filters.
const PANELS: usize = 32;
/// Most input channels.
const CHANNELS: usize = 512;
/// A cache line between two points of transformed input.
const SPACING: usize = 4;

/// One such convolution, its weights packed as `[outputs / 8, inputs, 9, 8]`.
#[derive(Debug)]
pub struct Winograd {
    inputs: usize,
    weight: Columns,
    bias: Vec<f32x8>,
}

/// Buffers. In each, the 36 points lie a little more apart than needed: at a power of two they would all fall into the
/// same cache sets.
#[derive(Debug)]
pub struct Scratch {
    input: Input,
    /// Transformed filters of one panel of outputs, `[36, inputs, 8]`, where they are numbers.
    numbers: Transformed<f32x8, { CHANNELS + 2 }>,
    /// The same where they are counts of steps: at most 49 times one, so that 16 bits hold them.
    counts: Transformed<i16x8, { CHANNELS + 4 }>,
    /// The numbers of such filters at one point, `[inputs, 8]`.
    room: Vec<f32x8>,
    /// Products of tiles and filters, `[36, panels, 4 tiles, 8]`.
    products: Transformed<[f32x8; ROWS], { PANELS + 1 }>,
}

/// Tiles at hand, transformed.
#[derive(Debug, Default)]
struct Input {
    /// Panels of tiles.
    panels: usize,
    /// Which of them hold tiles that have a point.
    parts: Parts,
    /// Distance of two points in `values`.
    stride: usize,
    /// `[36, panels, inputs, 4 tiles]`
    values: Vec<f32x4>,
}

/// So much at each point.
type Transformed<T, const LENGTH: usize> = Box<[[T; LENGTH]; POINTS]>;

impl Default for Scratch {
    fn default() -> Self {
        Self {
            input: Input::default(),
            numbers: boxed([f32x8::ZERO; _]),
            counts: boxed([i16x8::ZERO; _]),
            room: vec![f32x8::ZERO; CHANNELS],
            products: boxed([[f32x8::ZERO; ROWS]; _]),
        }
    }
}

/// An array too large for the stack.
fn boxed<T: Clone + std::fmt::Debug>(value: T) -> Box<[T; POINTS]> {
    vec![value; POINTS].try_into().expect("as many as there are points")
}

/// Which tile of which image.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Tile {
    image: usize,
    y: Span,
    x: Span,
}

/// What a tile makes in one direction.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Span {
    /// The first output pixel.
    start: usize,
    /// Whether it makes only [`SHORT`] pixels.
    is_short: bool,
}

/// Ranges of panels.
#[derive(Debug, Default)]
struct Parts {
    /// Those with tiles that are not short in y.
    long_y: Range<usize>,
    /// Those with tiles that are not short in x.
    long_x: Range<usize>,
}

impl Winograd {
    /// From filters `[outputs, inputs, 3, 3]` and a bias `[outputs]`.
    pub fn new(Folded { filters, bias }: Folded, inputs: usize) -> Self {
        Self {
            inputs,
            weight: Columns::new(filters, inputs * 9, |index| index),
            bias: packed_columns(&bias, 1, |index| index),
        }
    }

    /// Convolves each input; `finish` makes the new pixel out of the convolution's (bias included) and the output's
    /// present one.
    pub fn forward(
        &self,
        inputs: &[Map],
        outputs: &mut [Map],
        scratch: &mut Scratch,
        finish: impl Fn(f32x8, f32x8) -> f32x8 + Copy,
    ) {
        let tiles = tiles_of(inputs);
        for tiles in tiles.chunks(even_share(tiles.len())) {
            scratch.input.make_room(tiles, self.inputs);
            for (panel, tiles) in tiles.chunks(ROWS).enumerate() {
                self.transform_tiles(inputs, tiles, panel, &mut scratch.input);
            }
            for (group, &bias) in self.bias.iter().enumerate() {
                let (filters, step) = self.weight.panel(group, self.inputs * 9);
                scratch.multiply(filters, self.inputs);
                let finish = |sum: f32x8, before| finish(sum * step + bias, before);
                for (index, tile) in tiles.iter().enumerate() {
                    let products = |point: usize| scratch.products[point][index / ROWS][index % ROWS];
                    write_tile(products, group, tile, &mut outputs[tile.image], finish);
                }
            }
        }
    }

    /// V = Bᵀ d B of up to four tiles, all channels, into their panel. What an incomplete panel holds beyond its tiles
    /// is multiplied, but never written.
    fn transform_tiles(&self, inputs: &[Map], tiles: &[Tile], panel: usize, transformed: &mut Input) {
        let mut points = [[f32x8::ZERO; POINTS]; ROWS];
        for group in 0..self.inputs / GROUP {
            for (points, tile) in points.iter_mut().zip(tiles) {
                transform_tile(&inputs[tile.image], group, tile, points);
            }
            transformed.store(&points, panel * self.inputs + group * GROUP);
        }
    }
}

impl Scratch {
    /// All tiles times the filters of a panel of outputs, `[inputs, 9, 8]`, point by point.
    fn multiply(&mut self, filters: Panel, inputs: usize) {
        let points = self.input.points(inputs).zip(&mut *self.products);
        match filters {
            Panel::Numbers(numbers) => {
                transform_filters(numbers.as_chunks().0.iter().copied(), &mut self.numbers);
                for (((panels, tiles), products), filters) in points.zip(&*self.numbers) {
                    multiply(tiles, &filters[..inputs], &mut products[panels]);
                }
            }
            Panel::Counts(counts) => {
                transform_filters(counts.as_chunks().0.iter().map(widened), &mut self.counts);
                for (((panels, tiles), products), filters) in points.zip(&*self.counts) {
                    multiply_counts(tiles, &filters[..inputs], &mut self.room, &mut products[panels]);
                }
            }
        }
    }
}

impl Input {
    /// For these tiles of so many input channels.
    fn make_room(&mut self, tiles: &[Tile], inputs: usize) {
        self.panels = tiles.len().div_ceil(ROWS);
        self.parts = Parts::of(tiles);
        self.stride = self.panels * inputs + SPACING;
        let length = self.values.len().max(POINTS * self.stride);
        self.values.resize(length, f32x4::ZERO);
    }

    /// Puts four transformed tiles, eight channels of each, at this place of every point.
    #[inline(never)]
    fn store(&mut self, [a, b, c, d]: &[[f32x8; POINTS]; ROWS], place: usize) {
        for (point, tiles) in self.values.chunks_exact_mut(self.stride).take(POINTS).enumerate() {
            let channels = transposed([a[point], b[point], c[point], d[point]]);
            tiles[place..place + GROUP].copy_from_slice(&channels);
        }
    }

    /// For each point, the panels with tiles that have it, and what they hold.
    fn points(&self, inputs: usize) -> impl Iterator<Item = (Range<usize>, &[f32x4])> {
        self.values
            .chunks_exact(self.stride)
            .take(POINTS)
            .enumerate()
            .map(move |(point, tiles)| {
                let panels = self.parts.at(point, self.panels);
                (panels.clone(), &tiles[panels.start * inputs..panels.end * inputs])
            })
    }
}

impl Span {
    /// How many pixels it makes, none beyond the map's side.
    fn length(self, side: usize) -> usize {
        let length = if self.is_short { SHORT } else { TILE };
        length.min(side - self.start)
    }
}

impl Parts {
    /// Of the panels into which these tiles go, in the order of [`tiles_of`].
    fn of(tiles: &[Tile]) -> Self {
        let panels = |is_long: fn(&Tile) -> bool| {
            let (first, last) = (tiles.iter().position(is_long), tiles.iter().rposition(is_long));
            match first.zip(last) {
                Some((first, last)) => first / ROWS..last / ROWS + 1,
                None => 0..0,
            }
        };
        Self {
            long_y: panels(|tile| !tile.y.is_short),
            long_x: panels(|tile| !tile.x.is_short),
        }
    }

    /// Those with tiles that have this point, of so many.
    fn at(&self, point: usize, panels: usize) -> Range<usize> {
        let all = || 0..panels;
        let y = if point / SIDE == LACKED {
            self.long_y.clone()
        } else {
            all()
        };
        let x = if point % SIDE == LACKED {
            self.long_x.clone()
        } else {
            all()
        };
        let start = y.start.max(x.start);
        start..y.end.min(x.end).max(start)
    }
}

/// The tiles of all images: first those that are short in x alone, then those that are nowhere, then those in y alone, then the rest.
/// So those that are long in a direction stand together.
fn tiles_of(images: &[Map]) -> Vec<Tile> {
    let mut tiles = Vec::new();
    for (image, map) in images.iter().enumerate() {
        for y in spans(map.side()) {
            tiles.extend(spans(map.side()).map(|x| Tile { image, y, x }));
        }
    }
    tiles.sort_by_key(|tile| match (tile.y.is_short, tile.x.is_short) {
        (false, true) => 0,
        (false, false) => 1,
        (true, false) => 2,
        (true, true) => 3,
    });
    tiles
}

/// Divides a side into as few tiles as there can be, short ones last.
fn spans(side: usize) -> impl Iterator<Item = Span> {
    let count = side.div_ceil(TILE);
    let long = count - (count * TILE - side).min(count);
    (0..count).map(move |index| Span {
        start: index * TILE - index.saturating_sub(long),
        is_short: index >= long,
    })
}

/// How many of `count` tiles, one at least, to take at once so that all shares are about equal, none beyond [`PANELS`].
fn even_share(count: usize) -> usize {
    let shares = count.div_ceil(PANELS * ROWS);
    count.div_ceil(shares).next_multiple_of(ROWS)
}

/// V = Bᵀ d B of one tile and one group of channels.
#[inline(never)]
fn transform_tile(map: &Map, group: usize, tile: &Tile, points: &mut [f32x8; POINTS]) {
    let mut half = [[f32x8::ZERO; SIDE]; SIDE];
    for (y, half) in half.iter_mut().enumerate() {
        let row = map.bordered_row(group, tile.y.start + y, tile.x.start);
        *half = input_transform(&std::array::from_fn(|x| row[x]), tile.x.is_short);
    }
    for x in 0..SIDE {
        let column = input_transform(&std::array::from_fn(|y| half[y][x]), tile.y.is_short);
        for (y, value) in column.into_iter().enumerate() {
            points[y * SIDE + x] = value;
        }
    }
}

/// Bᵀ times a row or column of input; for a short tile something of no use at the point that it lacks.
#[inline(always)]
fn input_transform(&[d0, d1, d2, d3, d4, d5]: &[f32x8; SIDE], is_short: bool) -> [f32x8; SIDE] {
    let [half, sixth, twelfth, twenty_fourth] = [0.5, 1.0 / 6.0, 1.0 / 12.0, 1.0 / 24.0];
    if is_short {
        return [
            d0 - d2 + (d3 - d1) * half,
            d1 + (d2 - d3) * half,
            (d2 * 3.0 - d1 * 2.0 - d3) * sixth,
            (d3 - d1) * sixth,
            f32x8::ZERO,
            (d1 - d3) * 2.0 - d2 + d4,
        ];
    }
    let (even1, odd1) = ((d2 * 4.0 - d4) * sixth, (d3 - d1 * 4.0) * sixth);
    let (even2, odd2) = ((d4 - d2) * twenty_fourth, (d3 - d1) * twelfth);
    [
        d0 - d2 * 1.25 + d4 * 0.25,
        even1 - odd1,
        even1 + odd1,
        even2 + odd2,
        even2 - odd2,
        d1 * 4.0 - d3 * 5.0 + d5,
    ]
}

/// A filter of counts with room for their sums.
#[inline(always)]
fn widened(counts: &[[i8; COLUMNS]; 9]) -> [i16x8; 9] {
    let mut wide = [i16x8::ZERO; 9];
    let values: &mut [[i16; COLUMNS]; 9] = cast_mut(&mut wide);
    for (value, &count) in values.as_flattened_mut().iter_mut().zip(counts.as_flattened()) {
        *value = i16::from(count);
    }
    wide
}

/// U = G g Gᵀ of the filters of a panel.
#[inline(never)]
fn transform_filters<T: Copy + Add<Output = T> + Sub<Output = T>, const LENGTH: usize>(
    filters: impl Iterator<Item = [T; 9]>,
    transformed: &mut [[T; LENGTH]; POINTS],
) {
    for (input, [a, b, c, d, e, f, g, h, i]) in filters.enumerate() {
        let (top, middle, bottom) = (
            filter_transform([a, b, c]),
            filter_transform([d, e, f]),
            filter_transform([g, h, i]),
        );
        for x in 0..SIDE {
            let column = filter_transform([top[x], middle[x], bottom[x]]);
            for (y, value) in column.into_iter().enumerate() {
                transformed[y * SIDE + x][input] = value;
            }
        }
    }
}

/// G times a row or column of a filter.
#[inline(always)]
fn filter_transform<T: Copy + Add<Output = T> + Sub<Output = T>>([g0, g1, g2]: [T; 3]) -> [T; SIDE] {
    let (odd2, twice) = (g1 + g1, g2 + g2);
    let (even1, even2) = (g0 + g2, g0 + (twice + twice));
    [g0, even1 + g1, even1 - g1, even2 + odd2, even2 - odd2, g2]
}

/// Y = Aᵀ M A of one tile and one group of output channels, finished and written where the map has pixels.
#[inline(never)]
fn write_tile(
    products: impl Fn(usize) -> f32x8,
    group: usize,
    tile: &Tile,
    output: &mut Map,
    finish: impl Fn(f32x8, f32x8) -> f32x8,
) {
    let mut half = [[f32x8::ZERO; SIDE]; TILE];
    for x in 0..SIDE {
        let column = output_transform(&std::array::from_fn(|y| products(y * SIDE + x)), tile.y.is_short);
        for (half, value) in half.iter_mut().zip(column) {
            half[x] = value;
        }
    }
    let (height, width) = (tile.y.length(output.side()), tile.x.length(output.side()));
    for (y, half) in half.iter().enumerate().take(height) {
        let row = output.row_mut(group, tile.y.start + y, tile.x.start);
        let sums = output_transform(half, tile.x.is_short);
        for (pixel, sum) in row.iter_mut().zip(sums).take(width) {
            *pixel = finish(sum, *pixel);
        }
    }
}

/// Aᵀ times a row or column of products; for a short tile without the point that it lacks, and with a last pixel of no use.
#[inline(always)]
fn output_transform(&[m0, m1, m2, m3, m4, m5]: &[f32x8; SIDE], is_short: bool) -> [f32x8; TILE] {
    let (even1, odd1) = (m1 + m2, m1 - m2);
    if is_short {
        return [m0 + even1 + m3, odd1 + m3 * 2.0, even1 + m3 * 4.0 + m5, f32x8::ZERO];
    }
    let (even2, odd2) = (m3 + m4, m3 - m4);
    [
        m0 + even1 + even2,
        odd1 + odd2 * 2.0,
        even1 + even2 * 4.0,
        odd1 + odd2 * 8.0 + m5,
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        cpu::naive::{Reference, assert_close, random},
        weights::Filters,
    };

    /// Images `[inputs, side, side]` in one batch against the plain sum, with filters of numbers and of steps; the outputs
    /// hold something before.
    fn check(images: usize, inputs: usize, outputs: usize, side: usize) {
        let numbers = random(outputs * inputs * 9, 1);
        let counts = numbers.iter().map(|number| (number * 127.0) as i8).collect();
        let steps = (0..outputs).map(|output| 0.01 + 0.001 * output as f32).collect();
        for filters in [Filters::Numbers(numbers), Filters::Steps { counts, steps }] {
            check_filters(images, inputs, filters, outputs, side);
        }
    }

    fn check_filters(images: usize, inputs: usize, filters: Filters, outputs: usize, side: usize) {
        let (weight, bias) = (filters.clone().into_numbers(), random(outputs, 2));
        let values: Vec<Vec<f32>> = (0..images)
            .map(|i| random(inputs * side * side, 3 + i as u64))
            .collect();
        let before = random(outputs * side * side, 9);
        let maps: Vec<Map> = values.iter().map(|v| Map::from_channels_first(v, side)).collect();
        let mut results = vec![Map::from_channels_first(&before, side); images];
        let add = |sum, before| sum + before;
        let folded = Folded {
            filters,
            bias: bias.clone(),
        };
        Winograd::new(folded, inputs).forward(&maps, &mut results, &mut Scratch::default(), add);
        for (values, result) in values.iter().zip(&results) {
            let expected = Reference::new(values, side)
                .convolution(&weight, &bias, 3, 1)
                .plus(&before);
            assert_close(&result.to_channels_first(), &expected.values);
        }
    }

    #[test]
    fn sides_that_are_no_multiple_of_the_tile() {
        for side in [1, 2, 3, 4, 5, 7, 9, 14] {
            check(1, 16, 8, side);
        }
    }

    #[test]
    fn a_batch_shares_panels() {
        check(3, 8, 24, 5);
    }

    #[test]
    fn more_tiles_than_share_filters() {
        check(2, 8, 8, 47);
    }

    #[test]
    fn as_many_channels_as_there_are() {
        check(1, CHANNELS, 8, 7);
    }

    #[test]
    fn the_largest_counts_fit_sixteen_bits() {
        for sign in [-1, 1] {
            let counts = vec![sign * i8::MAX; 8 * 8 * 9];
            check_filters(
                1,
                8,
                Filters::Steps {
                    counts,
                    steps: vec![0.5; 8],
                },
                8,
                7,
            );
        }
    }

    #[test]
    fn sides_are_divided_without_gaps() {
        for side in 1..=60 {
            let spans: Vec<Span> = spans(side).collect();
            assert_eq!(spans.len(), side.div_ceil(TILE));
            let end = spans.iter().fold(0, |end, span| {
                assert_eq!(span.start, end, "a side of {side}");
                end + span.length(side)
            });
            assert_eq!(end, side);
        }
        let shorts = |side| spans(side).filter(|span| span.is_short).count();
        assert_eq!([7, 14, 28, 56].map(shorts), [1, 2, 0, 0]);
    }

    #[test]
    fn shares_are_even() {
        assert_eq!(even_share(4), 4);
        assert_eq!(even_share(49), 52);
        assert_eq!(even_share(196), 100);
        assert_eq!(even_share(129), 68);
    }
}
