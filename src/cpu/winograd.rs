//! 3 × 3 convolutions of stride 1 by Winograd's minimal filtering, F(4 × 4, 3 × 3): `[c, y, x]` → `[c′, y, x]`.
//!
//! Lavin & Gray, "Fast Algorithms for Convolutional Neural Networks", CVPR 2016: Y = Aᵀ [(G g Gᵀ) ⊙ (Bᵀ d B)] A with
//! 6 × 6 points of input d for 4 × 4 of output Y: 36 products where the plain sum has 144. The points are
//! 0, ±1, ±2, ∞; the fractions of the paper's G stand in Bᵀ here, so that G holds small integers alone.
//! Summed over the input channels, the products are 36 matrix products, one per point: tiles × channels by filters.
//!
//! Transformed filters would take four times the memory of the filters, so they are made anew for each panel of eight
//! output channels, used for all tiles at hand, and dropped. The more tiles share them, the less they cost: hence
//! batches of images.

use wide::{f32x4, f32x8};

use super::{
    gemm::{Columns, ROWS, multiply, packed_columns, transposed},
    map::{GROUP, Map, TILE},
};
use crate::weights::Folded;

/// Side of a tile of input.
const SIDE: usize = TILE + 2;
/// Points of a tile of input.
const POINTS: usize = SIDE * SIDE;
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
    /// Panels of tiles at hand.
    panels: usize,
    /// Distance of two points in `tiles`.
    stride: usize,
    /// Transformed input, `[36, panels, inputs, 4 tiles]`.
    tiles: Vec<f32x4>,
    /// Filters of one panel of outputs, `[inputs, 9, 8]`.
    panel: Vec<f32x8>,
    /// Transformed filters of one panel of outputs, `[36, inputs, 8]`.
    filters: Box<[[f32x8; CHANNELS + 2]; POINTS]>,
    /// Their products, `[36, panels, 4 tiles, 8]`.
    products: Box<[[[f32x8; ROWS]; PANELS + 1]; POINTS]>,
}

impl Default for Scratch {
    fn default() -> Self {
        Self {
            panels: 0,
            stride: 0,
            tiles: Vec::new(),
            panel: Vec::new(),
            filters: boxed([f32x8::ZERO; CHANNELS + 2]),
            products: boxed([[f32x8::ZERO; ROWS]; PANELS + 1]),
        }
    }
}

/// An array too large for the stack.
fn boxed<T: Clone + std::fmt::Debug>(value: T) -> Box<[T; POINTS]> {
    vec![value; POINTS].try_into().expect("as many as there are points")
}

/// Which tile of which image: the position of its first output pixel.
#[derive(Debug, Clone, Copy)]
struct Tile {
    image: usize,
    y: usize,
    x: usize,
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
            scratch.make_room(tiles.len(), self.inputs);
            for (panel, tiles) in tiles.chunks(ROWS).enumerate() {
                self.transform_tiles(inputs, tiles, panel, scratch);
            }
            for (group, &bias) in self.bias.iter().enumerate() {
                let filters = self.weight.panel(group, self.inputs * 9, &mut scratch.panel);
                transform_filters(filters.as_chunks().0, &mut scratch.filters);
                scratch.multiply(self.inputs);
                for (index, tile) in tiles.iter().enumerate() {
                    let products = |point: usize| scratch.products[point][index / ROWS][index % ROWS];
                    write_tile(products, bias, group, tile, &mut outputs[tile.image], finish);
                }
            }
        }
    }

    /// V = Bᵀ d B of up to four tiles, all channels, into their panel. What an incomplete panel holds beyond its tiles
    /// is multiplied, but never written.
    fn transform_tiles(&self, inputs: &[Map], tiles: &[Tile], panel: usize, scratch: &mut Scratch) {
        let mut points = [[f32x8::ZERO; POINTS]; ROWS];
        for group in 0..self.inputs / GROUP {
            for (points, tile) in points.iter_mut().zip(tiles) {
                transform_tile(&inputs[tile.image], group, tile, points);
            }
            scratch.store(&points, panel * self.inputs + group * GROUP);
        }
    }
}

impl Scratch {
    /// For so many tiles of so many input channels.
    fn make_room(&mut self, tiles: usize, inputs: usize) {
        self.panels = tiles.div_ceil(ROWS);
        self.stride = self.panels * inputs + SPACING;
        let length = self.tiles.len().max(POINTS * self.stride);
        self.tiles.resize(length, f32x4::ZERO);
    }

    /// Puts four transformed tiles, eight channels of each, at this place of every point.
    #[inline(never)]
    fn store(&mut self, [a, b, c, d]: &[[f32x8; POINTS]; ROWS], place: usize) {
        for (point, tiles) in self.tiles.chunks_exact_mut(self.stride).take(POINTS).enumerate() {
            let channels = transposed([a[point], b[point], c[point], d[point]]);
            tiles[place..place + GROUP].copy_from_slice(&channels);
        }
    }

    /// Tiles times filters, point by point.
    fn multiply(&mut self, inputs: usize) {
        let points = self.tiles.chunks_exact(self.stride).zip(&*self.filters);
        for ((tiles, filters), products) in points.zip(&mut *self.products) {
            let tiles = &tiles[..self.panels * inputs];
            multiply(tiles, &filters[..inputs], &mut products[..self.panels]);
        }
    }
}

/// The tiles of all images, row by row.
fn tiles_of(images: &[Map]) -> Vec<Tile> {
    let mut tiles = Vec::new();
    for (image, map) in images.iter().enumerate() {
        for y in (0..map.side()).step_by(TILE) {
            tiles.extend((0..map.side()).step_by(TILE).map(|x| Tile { image, y, x }));
        }
    }
    tiles
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
        let row = map.bordered_row(group, tile.y + y, tile.x);
        *half = input_transform(&std::array::from_fn(|x| row[x]));
    }
    for x in 0..SIDE {
        let column = input_transform(&std::array::from_fn(|y| half[y][x]));
        for (y, value) in column.into_iter().enumerate() {
            points[y * SIDE + x] = value;
        }
    }
}

/// Bᵀ times a row or column of input.
#[inline(always)]
fn input_transform(&[d0, d1, d2, d3, d4, d5]: &[f32x8; SIDE]) -> [f32x8; SIDE] {
    let [sixth, twelfth, twenty_fourth] = [1.0 / 6.0, 1.0 / 12.0, 1.0 / 24.0];
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

/// U = G g Gᵀ of all filters `[inputs, 9, 8]` of a panel.
#[inline(never)]
fn transform_filters(filters: &[[f32x8; 9]], transformed: &mut [[f32x8; CHANNELS + 2]; POINTS]) {
    for (input, filter) in filters.iter().enumerate() {
        let [a, b, c, d, e, f, g, h, i] = *filter;
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
fn filter_transform([g0, g1, g2]: [f32x8; 3]) -> [f32x8; SIDE] {
    let (even1, even2, odd2) = (g0 + g2, g0 + g2 * 4.0, g1 + g1);
    [g0, even1 + g1, even1 - g1, even2 + odd2, even2 - odd2, g2]
}

/// Y = Aᵀ M A of one tile and one group of output channels, finished and written where the map has pixels.
#[inline(never)]
fn write_tile(
    products: impl Fn(usize) -> f32x8,
    bias: f32x8,
    group: usize,
    tile: &Tile,
    output: &mut Map,
    finish: impl Fn(f32x8, f32x8) -> f32x8,
) {
    let mut half = [[f32x8::ZERO; SIDE]; TILE];
    for x in 0..SIDE {
        let column = output_transform(&std::array::from_fn(|y| products(y * SIDE + x)));
        for (half, value) in half.iter_mut().zip(column) {
            half[x] = value;
        }
    }
    let rows = output.side() - tile.y;
    for (y, half) in half.iter().enumerate().take(rows) {
        let row = output.row_mut(group, tile.y + y, tile.x);
        for (pixel, sum) in row.iter_mut().zip(output_transform(half)) {
            *pixel = finish(sum + bias, *pixel);
        }
    }
}

/// Aᵀ times a row or column of products.
#[inline(always)]
fn output_transform(&[m0, m1, m2, m3, m4, m5]: &[f32x8; SIDE]) -> [f32x8; TILE] {
    let (even1, odd1, even2, odd2) = (m1 + m2, m1 - m2, m3 + m4, m3 - m4);
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

    /// Images `[inputs, side, side]` in one batch against the plain sum; the outputs hold something before.
    fn check(images: usize, inputs: usize, outputs: usize, side: usize) {
        let (weight, bias) = (random(outputs * inputs * 9, 1), random(outputs, 2));
        let values: Vec<Vec<f32>> = (0..images)
            .map(|i| random(inputs * side * side, 3 + i as u64))
            .collect();
        let before = random(outputs * side * side, 9);
        let maps: Vec<Map> = values.iter().map(|v| Map::from_channels_first(v, side)).collect();
        let mut results = vec![Map::from_channels_first(&before, side); images];
        let add = |sum, before| sum + before;
        let folded = Folded {
            filters: Filters::Numbers(weight.clone()),
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
    fn shares_are_even() {
        assert_eq!(even_share(4), 4);
        assert_eq!(even_share(49), 52);
        assert_eq!(even_share(196), 100);
        assert_eq!(even_share(129), 68);
    }
}
