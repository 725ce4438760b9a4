//! Convolutions of stride 2, 3 × 3 and 1 × 1: `[c, y, x]` → `[c′, ⌈y / 2⌉, ⌈x / 2⌉]`.
//!
//! The input of a few output pixels at a time is packed into rows (im2col) and multiplied by the weights.

use wide::{f32x4, f32x8};

use super::{
    gemm::{Columns, ROWS, multiply, packed_columns, transposed},
    map::{BORDER, GROUP, Map},
};
use crate::weights::Folded;

/// Step in both directions.
const STRIDE: usize = 2;
/// Most panels of [`ROWS`] pixels that are packed at once.
const PANELS: usize = 28;

/// One such convolution, its weights packed as `[outputs / 8, inputs / 8, kernel, kernel, 8, 8]`.
#[derive(Debug)]
pub struct Direct {
    inputs: usize,
    kernel: usize,
    weight: Columns,
    bias: Vec<f32x8>,
}

/// Buffers.
#[derive(Debug, Default)]
pub struct Scratch {
    /// Packed input, `[panels, k, 4 pixels]`.
    rows: Vec<f32x4>,
    /// Filters of one panel of outputs, `[k, 8]`.
    panel: Vec<f32x8>,
    /// `[panels, 4 pixels, 8]`.
    products: [[f32x8; ROWS]; PANELS],
}

/// An output pixel of an image.
#[derive(Debug, Clone, Copy)]
struct Pixel {
    image: usize,
    y: usize,
    x: usize,
}

impl Direct {
    /// From filters `[outputs, inputs, kernel, kernel]` and a bias `[outputs]`.
    pub fn new(Folded { filters, bias }: Folded, inputs: usize, kernel: usize) -> Self {
        let area = kernel * kernel;
        let order = |index: usize| {
            let (group, place, channel) = (index / (area * GROUP), index / GROUP % area, index % GROUP);
            (group * GROUP + channel) * area + place
        };
        Self {
            inputs,
            kernel,
            weight: Columns::new(filters, inputs * area, order),
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
        finish: impl Fn(f32x8, f32x8) -> f32x8,
    ) {
        let k = self.inputs * self.kernel * self.kernel;
        for pixels in pixels_of(outputs).chunks(PANELS * ROWS) {
            scratch.rows.clear();
            for pixels in pixels.chunks(ROWS) {
                self.pack(inputs, pixels, &mut scratch.rows);
            }
            let panels = pixels.len().div_ceil(ROWS);
            for (group, &bias) in self.bias.iter().enumerate() {
                let (filters, step) = self.weight.panel(group, k);
                let filters = filters.numbers(&mut scratch.panel);
                multiply(&scratch.rows, filters, &mut scratch.products[..panels]);
                for (pixel, &sum) in pixels.iter().zip(scratch.products.as_flattened()) {
                    let output = &mut outputs[pixel.image].row_mut(group, pixel.y, pixel.x)[0];
                    *output = finish(sum * step + bias, *output);
                }
            }
        }
    }

    /// Appends the input under the kernel at up to four output pixels; missing pixels repeat the first.
    fn pack(&self, inputs: &[Map], pixels: &[Pixel], rows: &mut Vec<f32x4>) {
        let corner = BORDER - self.kernel / 2;
        let pixels: [Pixel; ROWS] = std::array::from_fn(|index| *pixels.get(index).unwrap_or(&pixels[0]));
        for group in 0..self.inputs / GROUP {
            for y in 0..self.kernel {
                let [a, b, c, d] = pixels.map(|pixel| {
                    let (y, x) = (STRIDE * pixel.y + corner + y, STRIDE * pixel.x + corner);
                    &inputs[pixel.image].bordered_row(group, y, x)[..self.kernel]
                });
                for (((&a, &b), &c), &d) in a.iter().zip(b).zip(c).zip(d) {
                    rows.extend_from_slice(&transposed([a, b, c, d]));
                }
            }
        }
    }
}

/// The pixels of all images, row by row.
fn pixels_of(images: &[Map]) -> Vec<Pixel> {
    let mut pixels = Vec::new();
    for (image, map) in images.iter().enumerate() {
        for y in 0..map.side() {
            pixels.extend((0..map.side()).map(|x| Pixel { image, y, x }));
        }
    }
    pixels
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        cpu::naive::{Reference, assert_close, random},
        weights::Filters,
    };

    /// Images `[inputs, side, side]` in one batch against the plain sum; the outputs hold something before.
    fn check(images: usize, side: usize, kernel: usize) {
        let (inputs, outputs, half) = (16, 24, side.div_ceil(2));
        let (weight, bias) = (random(outputs * inputs * kernel * kernel, 1), random(outputs, 2));
        let values: Vec<Vec<f32>> = (0..images)
            .map(|i| random(inputs * side * side, 3 + i as u64))
            .collect();
        let before = random(outputs * half * half, 9);
        let maps: Vec<Map> = values.iter().map(|v| Map::from_channels_first(v, side)).collect();
        let mut results = vec![Map::from_channels_first(&before, half); images];
        let add = |sum, before| sum + before;
        let folded = Folded {
            filters: Filters::Numbers(weight.clone()),
            bias: bias.clone(),
        };
        Direct::new(folded, inputs, kernel).forward(&maps, &mut results, &mut Scratch::default(), add);
        for (values, result) in values.iter().zip(&results) {
            let sums = Reference::new(values, side).convolution(&weight, &bias, kernel, STRIDE);
            assert_close(&result.to_channels_first(), &sums.plus(&before).values);
        }
    }

    #[test]
    fn three_by_three() {
        for side in [1, 2, 5, 7, 8] {
            check(1, side, 3);
        }
    }

    #[test]
    fn one_by_one() {
        for side in [1, 2, 5, 7, 8] {
            check(1, side, 1);
        }
    }

    #[test]
    fn more_pixels_than_are_packed_at_once() {
        check(3, 17, 3);
        check(3, 17, 1);
    }
}
