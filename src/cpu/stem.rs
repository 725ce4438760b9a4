//! The stem: the 7 × 7 convolution of stride 2, ReLU, and 3 × 3 max pooling of stride 2,
//! `[3, 224, 224]` → `[64, 56, 56]`.
//!
//! Both run together in strips of two convolved rows: what is convolved is pooled while it is still in the cache.

use wide::{f32x4, f32x8};

use super::{
    gemm::{ROWS, multiply, packed_columns},
    map::{GROUP, Map},
};

/// Side of the kernel.
const KERNEL: usize = 7;
/// Zeros around the image.
const BORDER: usize = KERNEL / 2;
/// Red, green, blue.
const COLOURS: usize = 3;
/// Numbers under the kernel.
const K: usize = COLOURS * KERNEL * KERNEL;

/// The stem's convolution, its weights packed as `[outputs / 8, 147, 8]`.
#[derive(Debug)]
pub struct Stem {
    weight: Vec<f32x8>,
    bias: Vec<f32x8>,
}

/// Buffers for images of one size.
#[derive(Debug)]
pub struct Scratch {
    side: usize,
    /// The image within its border, `[3, rows, 2, columns / 2]`: even columns first, then the odd ones, so that what
    /// the kernel reads for neighbouring outputs lies side by side.
    image: Vec<f32>,
    /// Packed input of two rows of outputs, `[panels, 147, 4 pixels]`.
    rows: Vec<f32x4>,
    /// `[panels, 4 pixels, 8]`.
    products: Vec<[f32x8; ROWS]>,
    /// Three rows per group of outputs, each after a zero: `[outputs / 8, 3, 1 + side / 2]`. The first row is the last
    /// one of the strip before.
    strip: Vec<f32x8>,
}

impl Scratch {
    /// For images of `side` × `side`, a multiple of eight.
    pub fn new(side: usize) -> Self {
        Self {
            side,
            image: vec![0.0; COLOURS * (side + 2 * BORDER) * (side + 2 * BORDER)],
            rows: Vec::new(),
            products: vec![[f32x8::ZERO; ROWS]; side / ROWS],
            strip: Vec::new(),
        }
    }

    /// Takes an image `[3, y, x]` into its border.
    fn set_image(&mut self, image: &[f32]) {
        let bordered = self.side + 2 * BORDER;
        let planes = self.image.chunks_exact_mut(bordered * bordered);
        for (plane, values) in planes.zip(image.chunks_exact(self.side * self.side)) {
            let rows = plane.chunks_exact_mut(bordered).skip(BORDER);
            for (row, values) in rows.zip(values.chunks_exact(self.side)) {
                // The border is three wide: the image's first column is an odd one.
                let (even, odd) = row.split_at_mut(bordered / 2);
                let pairs = values.as_chunks::<2>().0.iter();
                for ((pair, odd), even) in pairs.zip(&mut odd[BORDER / 2..]).zip(&mut even[BORDER / 2 + 1..]) {
                    [*odd, *even] = *pair;
                }
            }
        }
    }

    /// Packs the input of output rows `y` and `y + 1`.
    #[inline(never)]
    fn pack(&mut self, y: usize) {
        let bordered = self.side + 2 * BORDER;
        self.rows.clear();
        for y in [y, y + 1] {
            for x in (0..self.side / 2).step_by(ROWS) {
                for plane in self.image.chunks_exact(bordered * bordered) {
                    for row in plane.chunks_exact(bordered).skip(2 * y).take(KERNEL) {
                        let (even, odd) = row.split_at(bordered / 2);
                        let (even, odd) = (&even[x..x + 7], &odd[x..x + 6]);
                        let four = |columns: &[f32], x| {
                            f32x4::new([columns[x], columns[x + 1], columns[x + 2], columns[x + 3]])
                        };
                        self.rows.extend_from_slice(&[
                            four(even, 0),
                            four(odd, 0),
                            four(even, 1),
                            four(odd, 1),
                            four(even, 2),
                            four(odd, 2),
                            four(even, 3),
                        ]);
                    }
                }
            }
        }
    }
}

impl Stem {
    /// From a weight `[outputs, 3, 7, 7]` and a bias `[outputs]`.
    pub fn new(weight: &[f32], bias: &[f32]) -> Self {
        Self {
            weight: packed_columns(weight, K, |index| index),
            bias: packed_columns(bias, 1, |index| index),
        }
    }

    /// `[3, y, x]`, row-major → `[outputs, y / 4, x / 4]`.
    pub fn forward(&self, image: &[f32], output: &mut Map, scratch: &mut Scratch) {
        let columns = scratch.side / 2;
        scratch.set_image(image);
        scratch.strip.clear();
        scratch
            .strip
            .resize(output.channels() / GROUP * 3 * (1 + columns), f32x8::ZERO);
        for y in 0..output.side() {
            scratch.pack(2 * y);
            let strips = scratch.strip.chunks_exact_mut(3 * (1 + columns));
            let panels = self.weight.chunks_exact(K).zip(&self.bias);
            for (group, (strip, (weight, &bias))) in strips.zip(panels).enumerate() {
                multiply(&scratch.rows, weight, &mut scratch.products);
                strip.copy_within(2 * (1 + columns).., 0);
                let products = scratch.products.as_flattened().chunks_exact(columns);
                for (row, sums) in strip.chunks_exact_mut(1 + columns).skip(1).zip(products) {
                    for (pixel, &sum) in row[1..].iter_mut().zip(sums) {
                        *pixel = (sum + bias).fast_max(f32x8::ZERO);
                    }
                }
                max_pool(strip, output.row_mut(group, y, 0));
            }
        }
    }
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
        let (weight, bias) = (random(16 * K, 1), random(16, 2));
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
