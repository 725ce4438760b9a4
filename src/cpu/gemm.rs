//! The matrix product in which every convolution ends, and how its operands are packed.
//!
//! Knows rows, columns and the k that is summed over; knows nothing of pixels and channels. Both operands lie in
//! panels, as in Goto & van de Geijn, "Anatomy of High-Performance Matrix Multiplication", 2008: A in panels of four
//! rows `[rows / 4, k, 4]`, B in panels of eight columns `[columns / 8, k, 8]`, each read from start to end.

use wide::{
    bytemuck::{cast, cast_slice_mut},
    f32x4, f32x8, i16x8, i32x8,
};

use crate::{simd::multiply_add, weights::Filters};

/// Rows of a panel of A.
pub const ROWS: usize = 4;
/// Columns of a panel of B.
pub const COLUMNS: usize = 8;

/// All panels of A, each of the length of `b`, times one panel of B: one 4 × 8 tile per panel of A.
///
/// Never inlined, so that it is a function of its own that V8 finds hot and optimises within the first image.
#[inline(never)]
#[cfg_attr(
    all(target_arch = "wasm32", feature = "relaxed"),
    target_feature(enable = "relaxed-simd")
)]
pub fn multiply(a: &[f32x4], b: &[f32x8], tiles: &mut [[f32x8; ROWS]]) {
    for (a, tile) in a.chunks_exact(b.len()).zip(tiles) {
        *tile = products(a, b.iter().copied());
    }
}

/// The same with a panel of counts, which become numbers on the way, and in `room` where there is more than one panel of A.
#[inline(never)]
#[cfg_attr(
    all(target_arch = "wasm32", feature = "relaxed"),
    target_feature(enable = "relaxed-simd")
)]
pub fn multiply_counts(a: &[f32x4], counts: &[i16x8], room: &mut [f32x8], tiles: &mut [[f32x8; ROWS]]) {
    let number = |&count: &i16x8| i32x8::from_i16x8(count).round_float();
    let Some((first, others)) = a.split_at_checked(counts.len()) else {
        return;
    };
    if others.is_empty() {
        tiles[0] = products(first, counts.iter().map(number));
        return;
    }
    let room = &mut room[..counts.len()];
    let kept = room.iter_mut().zip(counts).map(|(kept, count)| {
        *kept = number(count);
        *kept
    });
    tiles[0] = products(first, kept);
    multiply(others, room, &mut tiles[1..]);
}

/// One panel of A times one of B.
///
/// Eight accumulators, two vectors of B and one of A fit the sixteen registers of SSE, which is what wasm gets in V8.
#[inline]
#[cfg_attr(
    all(target_arch = "wasm32", feature = "relaxed"),
    target_feature(enable = "relaxed-simd")
)]
fn products(a: &[f32x4], b: impl Iterator<Item = f32x8>) -> [f32x8; ROWS] {
    let mut sums = [f32x8::ZERO; ROWS];
    for (a, b) in a.iter().zip(b) {
        for (sum, &a) in sums.iter_mut().zip(a.as_array()) {
            *sum = multiply_add(f32x8::splat(a), b, *sum);
        }
    }
    sums
}

/// Packs the rows of `matrix`, `[columns, k]`, into panels of eight. `order` gives, for each k of a panel, where it
/// lies in a row of `matrix`.
fn packed<T: Copy>(matrix: &[T], k: usize, order: impl Fn(usize) -> usize) -> Vec<[T; COLUMNS]> {
    let mut panels = Vec::with_capacity(matrix.len() / COLUMNS);
    for columns in matrix.chunks_exact(COLUMNS * k) {
        panels.extend((0..k).map(|index| {
            let from = order(index);
            std::array::from_fn(|column| columns[column * k + from])
        }));
    }
    panels
}

/// [`packed`] numbers.
pub fn packed_columns(matrix: &[f32], k: usize, order: impl Fn(usize) -> usize) -> Vec<f32x8> {
    packed(matrix, k, order).into_iter().map(f32x8::new).collect()
}

/// B as it is kept: numbers, or counts of steps, which take a quarter of the memory and of the time to fetch it, and become
/// numbers panel by panel.
#[derive(Debug)]
pub enum Columns {
    Numbers(Vec<f32x8>),
    Steps {
        counts: Vec<[i8; COLUMNS]>,
        /// Of the columns of each panel.
        steps: Vec<f32x8>,
    },
}

/// A panel of B, `[k, 8]`.
#[derive(Debug, Clone, Copy)]
pub enum Panel<'a> {
    Numbers(&'a [f32x8]),
    Counts(&'a [[i8; COLUMNS]]),
}

impl Columns {
    /// Packs filters, whose outputs are the columns; `order` as for [`packed`].
    pub fn new(filters: Filters, k: usize, order: impl Fn(usize) -> usize) -> Self {
        match filters {
            Filters::Numbers(numbers) => Self::Numbers(packed_columns(&numbers, k, order)),
            Filters::Steps { counts, steps } => Self::Steps {
                counts: packed(&counts, k, order),
                steps: packed_columns(&steps, 1, |index| index),
            },
        }
    }

    /// A panel of `k` rows, and the step of each of its columns, by which products with it are to be multiplied.
    pub fn panel(&self, index: usize, k: usize) -> (Panel<'_>, f32x8) {
        let place = index * k..(index + 1) * k;
        match self {
            Self::Numbers(numbers) => (Panel::Numbers(&numbers[place]), f32x8::ONE),
            Self::Steps { counts, steps } => (Panel::Counts(&counts[place]), steps[index]),
        }
    }
}

impl<'a> Panel<'a> {
    /// As numbers, made in `room` where they have to be.
    pub fn numbers(self, room: &'a mut Vec<f32x8>) -> &'a [f32x8] {
        match self {
            Self::Numbers(numbers) => numbers,
            Self::Counts(counts) => {
                room.resize(counts.len(), f32x8::ZERO);
                let numbers: &mut [[f32; COLUMNS]] = cast_slice_mut(room);
                // One by one: of such a loop compilers make vectors, of one over arrays of eight they do not.
                for (number, &count) in numbers.as_flattened_mut().iter_mut().zip(counts.as_flattened()) {
                    *number = f32::from(count);
                }
                room
            }
        }
    }
}

/// Four rows of eight k each become eight k of four rows each.
#[inline]
pub fn transposed(rows: [f32x8; ROWS]) -> [f32x4; 8] {
    let [[a, e], [b, f], [c, g], [d, h]]: [[f32x4; 2]; ROWS] = cast(rows);
    let (low, high) = (f32x4::transpose([a, b, c, d]), f32x4::transpose([e, f, g, h]));
    cast([low, high])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tiles_are_sums_of_products() {
        let k = 3;
        // A[row][k] = row + 10 k for eight rows, B[k][column] = column − k for eight columns.
        let a: Vec<f32x4> = (0..2 * k)
            .map(|index| f32x4::new(std::array::from_fn(|row| (index / k * 4 + row + index % k * 10) as f32)))
            .collect();
        let matrix: Vec<f32> = (0..8 * k)
            .map(|index| (index / k) as f32 - (index % k) as f32)
            .collect();
        let b = Columns::new(Filters::Numbers(matrix), k, |index| index);
        let mut tiles = [[f32x8::ZERO; ROWS]; 2];
        multiply(&a, b.panel(0, k).0.numbers(&mut Vec::new()), &mut tiles);
        for (row, sums) in tiles.as_flattened().iter().enumerate() {
            for (column, &sum) in sums.as_array().iter().enumerate() {
                let expected: f32 = (0..k).map(|k| (row + 10 * k) as f32 * (column as f32 - k as f32)).sum();
                assert_eq!(sum, expected, "row {row}, column {column}");
            }
        }
    }

    #[test]
    fn steps_are_the_numbers_that_they_count() {
        let (k, outputs) = (5, 16);
        let counts: Vec<i8> = (0..k * outputs).map(|index| (index * 53 % 255) as u8 as i8).collect();
        let steps: Vec<f32> = (0..outputs).map(|output| 0.01 + 0.003 * output as f32).collect();
        let filters = Filters::Steps { counts, steps };
        let backwards = |index| k - 1 - index;
        let numbers = Columns::new(Filters::Numbers(filters.clone().into_numbers()), k, backwards);
        let steps = Columns::new(filters, k, backwards);
        for panel in 0..outputs / COLUMNS {
            let (mut here, mut there) = (Vec::new(), Vec::new());
            let ((counts, step), (numbers, _)) = (steps.panel(panel, k), numbers.panel(panel, k));
            let counted: Vec<f32x8> = counts.numbers(&mut here).iter().map(|&count| count * step).collect();
            assert_eq!(counted, numbers.numbers(&mut there));
        }
    }

    #[test]
    fn transposing() {
        let rows: [f32x8; 4] = std::array::from_fn(|row| f32x8::new(std::array::from_fn(|k| (row * 8 + k) as f32)));
        for (k, column) in transposed(rows).iter().enumerate() {
            assert_eq!(column.to_array(), std::array::from_fn(|row| (row * 8 + k) as f32));
        }
    }
}
