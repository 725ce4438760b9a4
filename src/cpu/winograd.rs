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
    gemm::{ROWS, multiply, packed_columns, transposed},
    map::{GROUP, Map, TILE},
};

/// Side of a tile of input.
const SIDE: usize = TILE + 2;
/// Points of a tile of input.
const POINTS: usize = SIDE * SIDE;
/// Most panels of [`ROWS`] tiles that share transformed filters.
const PANELS: usize = 32;
/// Most input channels.
const CHANNELS: usize = 512;

/// One such convolution, its weights packed as `[outputs / 8, inputs, 9, 8]`.
#[derive(Debug)]
pub struct Winograd {
    inputs: usize,
    weight: Vec<f32x8>,
    bias: Vec<f32x8>,
}

/// Buffers. In each, the 36 points lie a few cache lines more apart than needed: at a power of two they would all fall
/// into the same cache sets.
#[derive(Debug)]
pub struct Scratch {
    /// Transformed input, `[36, panels, inputs, 4 tiles]`.
    tiles: Vec<f32x4>,
    /// Transformed filters of one panel of outputs, `[36, inputs, 8]`.
    filters: Box<[[f32x8; CHANNELS + 2]; POINTS]>,
    /// Their products, `[36, panels, 4 tiles, 8]`.
    products: Box<[[[f32x8; ROWS]; PANELS + 1]; POINTS]>,
}

impl Default for Scratch {
    fn default() -> Self {
        Self {
            tiles: Vec::new(),
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
    /// From a weight `[outputs, inputs, 3, 3]` and a bias `[outputs]`.
    pub fn new(weight: &[f32], bias: &[f32]) -> Self {
        let k = weight.len() / bias.len();
        Self {
            inputs: k / 9,
            weight: packed_columns(weight, k, |index| index),
            bias: packed_columns(bias, 1, |index| index),
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
            let panels = tiles.len().div_ceil(ROWS);
            let stride = panels * self.inputs + 4;
            scratch
                .tiles
                .resize(scratch.tiles.len().max(POINTS * stride), f32x4::ZERO);
            for (panel, tiles) in tiles.chunks(ROWS).enumerate() {
                self.transform_tiles(inputs, tiles, panel, stride, &mut scratch.tiles);
            }
            for (group, (weight, &bias)) in self.weight.chunks_exact(self.inputs * 9).zip(&self.bias).enumerate() {
                transform_filters(weight.as_chunks().0, &mut scratch.filters);
                let points = scratch.tiles.chunks_exact(stride).zip(&*scratch.filters);
                for ((tiles, filters), products) in points.zip(&mut *scratch.products) {
                    multiply(
                        &tiles[..panels * self.inputs],
                        &filters[..self.inputs],
                        &mut products[..panels],
                    );
                }
                for (index, tile) in tiles.iter().enumerate() {
                    write_tile(
                        &scratch.products,
                        index,
                        bias,
                        group,
                        tile,
                        &mut outputs[tile.image],
                        finish,
                    );
                }
            }
        }
    }

    /// V = Bᵀ d B of up to four tiles, all channels, into their panel. What a last, incomplete panel holds beyond its tiles is never
    /// read back.
    fn transform_tiles(&self, inputs: &[Map], tiles: &[Tile], panel: usize, stride: usize, transformed: &mut [f32x4]) {
        let mut points = [[f32x8::ZERO; POINTS]; ROWS];
        for group in 0..self.inputs / GROUP {
            for (points, tile) in points.iter_mut().zip(tiles) {
                transform_tile(&inputs[tile.image], group, tile, points);
            }
            let start = panel * self.inputs + group * GROUP;
            store_points(&points, start, stride, transformed);
        }
    }
}

#[inline(never)]
fn store_points(points: &[[f32x8; POINTS]; ROWS], start: usize, stride: usize, transformed: &mut [f32x4]) {
    for (point, transformed) in transformed.chunks_exact_mut(stride).take(POINTS).enumerate() {
        let [a, b, c, d] = points;
        let columns = transposed([a[point], b[point], c[point], d[point]]);
        transformed[start..start + GROUP].copy_from_slice(&columns);
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

/// How many of `count` tiles to take at once so that all shares are about equal, none beyond [`PANELS`].
fn even_share(count: usize) -> usize {
    let shares = count.div_ceil(PANELS * ROWS).max(1);
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
    products: &[[[f32x8; ROWS]; PANELS + 1]; POINTS],
    index: usize,
    bias: f32x8,
    group: usize,
    tile: &Tile,
    output: &mut Map,
    finish: impl Fn(f32x8, f32x8) -> f32x8,
) {
    let (panel, index) = (index / ROWS, index % ROWS);
    let mut half = [[f32x8::ZERO; SIDE]; TILE];
    for x in 0..SIDE {
        let column = output_transform(&std::array::from_fn(|y| products[y * SIDE + x][panel][index]));
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
