//! The stem: the 7 × 7 convolution of stride 2, ReLU, and 3 × 3 max pooling of stride 2,
//! `[3, 224, 224]` → `[64, 56, 56]`.
//!
//! A convolution of stride 2 is the sum of four of stride 1: of the even or odd rows and columns of the image with the even or
//! odd ones of the kernel, 4 × 4 taps at most. Their sum is made by Winograd's minimal filtering, F(4 × 4, 4 × 4) (see
//! `winograd.rs`), with the points ±1, ±2, ±½, ∞: 12 × 49 products give 4 × 4 pixels, where the plain sum has 147 for each.
//!
//! Convolution and pooling run together in strips of four convolved rows: what is convolved is pooled while it is still
//! in the cache.

use wide::{f32x4, f32x8};

use super::{
    gemm::{ROWS, multiply, packed_columns},
    map::{GROUP, Map, TILE},
};

/// Side of the kernel.
const KERNEL: usize = 7;
/// Zeros around the image.
const BORDER: usize = KERNEL / 2;
/// Red, green, blue.
const COLOURS: usize = 3;
/// Step of the convolution: its input has so many phases, in both directions.
const STRIDE: usize = 2;
/// Distance of two tiles in the image.
const STEP: usize = STRIDE * TILE;
/// Taps of a phase of the kernel, in one direction.
const TAPS: usize = KERNEL.div_ceil(STRIDE);
/// Side of a tile of one phase of the input.
const SIDE: usize = TILE + TAPS - 1;
/// Points of a tile.
const POINTS: usize = SIDE * SIDE;
/// What is summed over: colours and phases.
const K: usize = COLOURS * STRIDE * STRIDE;
/// Winograd's points but for ∞, which comes last.
const FINITE_POINTS: [f32; SIDE - 1] = [1.0, -1.0, 2.0, -2.0, 0.5, -0.5];

/// The stem's convolution, its transformed weights packed as `[outputs / 8, 49, 12, 8]`.
#[derive(Debug)]
pub struct Stem {
    weight: Vec<f32x8>,
    bias: Vec<f32x8>,
}

/// Buffers for images of one size.
#[derive(Debug)]
pub struct Scratch {
    side: usize,
    /// Panels of four tiles in a row of tiles; the last one may be incomplete.
    panels: usize,
    /// How many of every eighth columns there are: one for each tile, and one that the last tile reads beyond its own.
    eighths: usize,
    /// The image within its border, `[3, rows, 8, columns / 8]`: first every eighth column from the first on, then every
    /// eighth from the second on …, so that what neighbouring tiles have at the same place lies side by side.
    image: Vec<f32>,
    /// Transformed input of a row of tiles, `[49, panels, 12, 4 tiles]`.
    tiles: Vec<f32x4>,
    /// Their products with a panel of filters, `[49, panels, 4 tiles, 8]`.
    products: Vec<[f32x8; ROWS]>,
    /// Five rows per group of outputs, each after a zero: `[outputs / 8, 5, 1 + side / 2]`. The first row is the last
    /// one of the strip before.
    strip: Vec<f32x8>,
}

impl Scratch {
    /// For images of `side` × `side`, a multiple of eight.
    pub fn new(side: usize) -> Self {
        let panels = (side / STEP).div_ceil(ROWS);
        let eighths = panels * ROWS + 1;
        Self {
            side,
            panels,
            eighths,
            image: vec![0.0; COLOURS * (side + 2 * BORDER) * STEP * eighths],
            tiles: vec![f32x4::ZERO; POINTS * panels * K],
            products: vec![[f32x8::ZERO; ROWS]; POINTS * panels],
            strip: Vec::new(),
        }
    }

    /// Length of a row of the image.
    fn row_length(&self) -> usize {
        STEP * self.eighths
    }

    /// Takes an image `[3, y, x]` into its border.
    fn set_image(&mut self, image: &[f32]) {
        let (side, row_length, eighths) = (self.side, self.row_length(), self.eighths);
        let planes = self.image.chunks_exact_mut((side + 2 * BORDER) * row_length);
        for (plane, values) in planes.zip(image.chunks_exact(side * side)) {
            let rows = plane.chunks_exact_mut(row_length).skip(BORDER);
            for (row, values) in rows.zip(values.chunks_exact(side)) {
                for (x, value) in (BORDER..).zip(values) {
                    row[x % STEP * eighths + x / STEP] = *value;
                }
            }
        }
    }

    /// V = Bᵀ d B of a row of tiles, all colours and phases.
    #[inline(never)]
    fn transform_tiles(&mut self, tile_row: usize) {
        let rows = self.side + 2 * BORDER;
        for panel in 0..self.panels {
            for k in 0..K {
                let (colour, phase_y, phase_x) = phase(k);
                let top = colour * rows + tile_row * STEP + phase_y;
                let input = |y, x| self.four(top + STRIDE * y, panel, STRIDE * x + phase_x);
                let transformed = both_ways(input, input_transform);
                for (point, value) in transformed.as_flattened().iter().enumerate() {
                    self.tiles[(point * self.panels + panel) * K + k] = *value;
                }
            }
        }
    }

    /// What the four tiles of a panel have in a row at column `x` of theirs.
    #[inline(always)]
    fn four(&self, row: usize, panel: usize, x: usize) -> f32x4 {
        let start = row * self.row_length() + x % STEP * self.eighths + panel * ROWS + x / STEP;
        let values = &self.image[start..start + ROWS];
        f32x4::new([values[0], values[1], values[2], values[3]])
    }
}

impl Stem {
    /// From a weight `[outputs, 3, 7, 7]` and a bias `[outputs]`.
    pub fn new(weight: &[f32], bias: &[f32]) -> Self {
        let transformed: Vec<f32> = weight
            .chunks_exact(COLOURS * KERNEL * KERNEL)
            .flat_map(transform_filter)
            .collect();
        Self {
            weight: packed_columns(&transformed, POINTS * K, |index| index),
            bias: packed_columns(bias, 1, |index| index),
        }
    }

    /// `[3, y, x]`, row-major → `[outputs, y / 4, x / 4]`.
    pub fn forward(&self, image: &[f32], output: &mut Map, scratch: &mut Scratch) {
        let (panels, row_length) = (scratch.panels, 1 + scratch.side / STRIDE);
        scratch.set_image(image);
        scratch.strip.clear();
        scratch
            .strip
            .resize(output.channels() / GROUP * (1 + TILE) * row_length, f32x8::ZERO);
        for tile_row in 0..scratch.side / STEP {
            scratch.transform_tiles(tile_row);
            let strips = scratch.strip.chunks_exact_mut((1 + TILE) * row_length);
            let filters = self.weight.chunks_exact(POINTS * K).zip(&self.bias);
            for (group, (strip, (filters, &bias))) in strips.zip(filters).enumerate() {
                let points = scratch.tiles.chunks_exact(panels * K).zip(filters.chunks_exact(K));
                for ((tiles, filters), products) in points.zip(scratch.products.chunks_exact_mut(panels)) {
                    multiply(tiles, filters, products);
                }
                strip.copy_within(TILE * row_length.., 0);
                write_tiles(&scratch.products, bias, &mut strip[row_length..]);
                for y in 0..TILE / 2 {
                    let rows = &strip[2 * y * row_length..][..3 * row_length];
                    max_pool(rows, output.row_mut(group, TILE / 2 * tile_row + y, 0));
                }
            }
        }
    }
}

/// T m Tᵀ of m by rows and columns, for the transform T of a column: first of the columns, then of the rows of what came out.
#[inline(always)]
fn both_ways<N: Copy + Default, const IN: usize, const OUT: usize>(
    m: impl Fn(usize, usize) -> N,
    transform: impl Fn(&[N; IN]) -> [N; OUT],
) -> [[N; OUT]; OUT] {
    // Plain loops: compilers do not always inline what `std::array::from_fn` is given.
    let mut line = [N::default(); IN];
    let mut columns = [[N::default(); OUT]; IN];
    for (x, column) in columns.iter_mut().enumerate() {
        for (y, value) in line.iter_mut().enumerate() {
            *value = m(y, x);
        }
        *column = transform(&line);
    }
    let mut both = [[N::default(); OUT]; OUT];
    for (y, row) in both.iter_mut().enumerate() {
        for (value, column) in line.iter_mut().zip(&columns) {
            *value = column[y];
        }
        *row = transform(&line);
    }
    both
}

/// Colour, and phase of rows and columns, of the k-th of what is summed over.
fn phase(k: usize) -> (usize, usize, usize) {
    (k / (STRIDE * STRIDE), k / STRIDE % STRIDE, k % STRIDE)
}

/// U = G g Gᵀ of the colours and phases of one filter `[3, 7, 7]`: `[49, 12]`.
fn transform_filter(filter: &[f32]) -> Vec<f32> {
    let mut transformed = vec![0.0; POINTS * K];
    for k in 0..K {
        let (colour, phase_y, phase_x) = phase(k);
        let tap = |y: usize, x: usize| {
            let (y, x) = (STRIDE * y + phase_y, STRIDE * x + phase_x);
            let inside = y < KERNEL && x < KERNEL;
            if inside {
                filter[(colour * KERNEL + y) * KERNEL + x]
            } else {
                0.0
            }
        };
        for (point, value) in both_ways(tap, filter_transform).as_flattened().iter().enumerate() {
            transformed[point * K + k] = *value;
        }
    }
    transformed
}

/// G times a row or column of a filter: its polynomial at each point p, divided by the product of all p − q.
fn filter_transform(taps: &[f32; TAPS]) -> [f32; SIDE] {
    let at = |p: f32| taps.iter().rev().fold(0.0, |value, tap| value * p + tap);
    let others = |p: f32| FINITE_POINTS.iter().filter(move |&&q| q != p).map(move |q| p - q);
    std::array::from_fn(|point| match FINITE_POINTS.get(point) {
        Some(&p) => at(p) / others(p).product::<f32>(),
        None => taps[TAPS - 1],
    })
}

/// Bᵀ times a row or column of input: for each point p the product of all x − q, with d for the powers of x. For p and −p
/// that is (x ± p) times the same even polynomial.
#[inline(always)]
fn input_transform(&[d0, d1, d2, d3, d4, d5, d6]: &[f32x4; SIDE]) -> [f32x4; SIDE] {
    let (even1, odd1) = (d0 - d2 * 4.25 + d4, d1 - d3 * 4.25 + d5);
    let (even2, odd2) = (d0 * 0.5 - d2 * 2.5 + d4 * 2.0, d1 * 0.25 - d3 * 1.25 + d5);
    let (even_half, odd_half) = (d0 * 2.0 - d2 * 2.5 + d4 * 0.5, d1 * 4.0 - d3 * 5.0 + d5);
    [
        odd1 + even1,
        odd1 - even1,
        odd2 + even2,
        odd2 - even2,
        odd_half + even_half,
        odd_half - even_half,
        d6 - d0 + (d2 - d4) * 5.25,
    ]
}

/// Y = Aᵀ M A of a row of tiles, bias and ReLU: four rows, each after one pixel that stays.
#[inline(never)]
fn write_tiles(products: &[[f32x8; ROWS]], bias: f32x8, rows: &mut [f32x8]) {
    let row_length = rows.len() / TILE;
    let panels = products.len() / POINTS;
    for tile in 0..row_length / TILE {
        let product = |y: usize, x: usize| products[(y * SIDE + x) * panels + tile / ROWS][tile % ROWS];
        let sums = both_ways(product, output_transform);
        for (sums, row) in sums.iter().zip(rows.chunks_exact_mut(row_length)) {
            let pixels = &mut row[1 + tile * TILE..];
            for (pixel, &sum) in pixels.iter_mut().zip(sums) {
                *pixel = (sum + bias).fast_max(f32x8::ZERO);
            }
        }
    }
}

/// Aᵀ times a row or column of products: the powers of each point.
#[inline(always)]
fn output_transform(&[m0, m1, m2, m3, m4, m5, m6]: &[f32x8; SIDE]) -> [f32x8; TILE] {
    let (even1, even2, even_half) = (m0 + m1, m2 + m3, m4 + m5);
    let (odd1, odd2, odd_half) = (m0 - m1, m2 - m3, m4 - m5);
    [
        even1 + even2 + even_half,
        odd1 + odd2 * 2.0 + odd_half * 0.5,
        even1 + even2 * 4.0 + even_half * 0.25,
        odd1 + odd2 * 8.0 + odd_half * 0.125 + m6,
    ]
}

/// 3 × 3 max pooling with stride 2 of three rows that are nowhere negative: there a border of zeros changes no maximum.
#[inline(never)]
fn max_pool(strip: &[f32x8], output: &mut [f32x8]) {
    let mut rows = strip.chunks_exact(strip.len() / 3);
    output.fill(f32x8::ZERO);
    for row in &mut rows {
        for (pixel, columns) in output.iter_mut().zip(row.windows(3).step_by(2)) {
            *pixel = columns.iter().fold(*pixel, |max, &value| max.fast_max(value));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cpu::naive::{Reference, assert_close, random};

    #[test]
    fn convolution_and_pooling() {
        let mut scratch = Scratch::new(24);
        let (weight, bias) = (random(16 * COLOURS * KERNEL * KERNEL, 1), random(16, 2));
        let stem = Stem::new(&weight, &bias);
        // The second image must not see the first one's rows.
        for seed in [3, 4] {
            let image = random(COLOURS * 24 * 24, seed);
            let mut output = Map::new(16, 6);
            stem.forward(&image, &mut output, &mut scratch);
            let expected = Reference::new(&image, 24)
                .convolution(&weight, &bias, KERNEL, 2)
                .relu()
                .max_pool();
            assert_close(&output.to_channels_first(), &expected.values);
        }
    }
}
