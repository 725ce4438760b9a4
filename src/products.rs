//! Products of many vectors with many: what a training spends its time in. Tiles of two rows and two queries keep their sums in
//! registers, so that every number that was loaded is used twice.
//!
//! Shapes: n rows and s queries, d numbers in each. What is hot is never inlined; `vector.rs` says why.

use wide::{bytemuck::cast_slice, f32x8};

use crate::{
    simd::multiply_add,
    vector::{add_scaled, dot},
};

/// So many numbers of so many queries are gone through for all rows before others: 16 KB, which stay in the first cache.
const COLUMNS: usize = 128;
const QUERIES: usize = 32;
/// So many numbers of a row are summed up in registers.
const WIDE: usize = 16;

/// Every query times every row, `[s, n]`.
pub fn dots(queries: &[&[f32]], rows: &[&[f32]]) -> Vec<f32> {
    let mut all = vec![0.0; queries.len() * rows.len()];
    let pairs = all.chunks_mut(2 * rows.len().max(1)).zip(queries.chunks(2));
    for (all, queries) in pairs {
        match *queries {
            [query, next] => {
                let (first, second) = all.split_at_mut(rows.len());
                dots_of_pair([query, next], rows, [first, second]);
            }
            _ => queries.iter().for_each(|query| dots_of_one(query, rows, all)),
        }
    }
    all
}

/// Two queries times every row.
fn dots_of_pair(queries: [&[f32]; 2], rows: &[&[f32]], [first, second]: [&mut [f32]; 2]) {
    let (pairs, last) = rows.as_chunks::<2>();
    for (index, pair) in pairs.iter().enumerate() {
        let [of_first, of_second] = tile(queries, *pair);
        first[2 * index..][..2].copy_from_slice(&of_first);
        second[2 * index..][..2].copy_from_slice(&of_second);
    }
    let rest = 2 * pairs.len();
    dots_of_one(queries[0], last, &mut first[rest..]);
    dots_of_one(queries[1], last, &mut second[rest..]);
}

fn dots_of_one(query: &[f32], rows: &[&[f32]], all: &mut [f32]) {
    for (product, row) in all.iter_mut().zip(rows) {
        *product = dot(query, row);
    }
}

/// Two queries times two rows, all of one length. No closures here: they would have this function's instructions too, and
/// could be inlined nowhere.
#[inline(never)]
#[cfg_attr(
    all(target_arch = "wasm32", feature = "relaxed"),
    target_feature(enable = "relaxed-simd")
)]
fn tile([q0, q1]: [&[f32]; 2], [r0, r1]: [&[f32]; 2]) -> [[f32; 2]; 2] {
    let ((q0, q0_rest), (q1, q1_rest)) = (q0.as_chunks::<8>(), q1.as_chunks::<8>());
    let ((r0, r0_rest), (r1, r1_rest)) = (r0.as_chunks::<8>(), r1.as_chunks::<8>());
    let [mut sum00, mut sum01, mut sum10, mut sum11] = [f32x8::ZERO; 4];
    for (((q0, q1), r0), r1) in q0.iter().zip(q1).zip(r0).zip(r1) {
        let (q0, q1) = (f32x8::new(*q0), f32x8::new(*q1));
        let (r0, r1) = (f32x8::new(*r0), f32x8::new(*r1));
        sum00 = multiply_add(q0, r0, sum00);
        sum01 = multiply_add(q0, r1, sum01);
        sum10 = multiply_add(q1, r0, sum10);
        sum11 = multiply_add(q1, r1, sum11);
    }
    [
        [
            sum00.reduce_add() + dot(q0_rest, r0_rest),
            sum01.reduce_add() + dot(q0_rest, r1_rest),
        ],
        [
            sum10.reduce_add() + dot(q1_rest, r0_rest),
            sum11.reduce_add() + dot(q1_rest, r1_rest),
        ],
    ]
}

/// Every row of `target`, `[n, d]`, += Σ factorᵢ · queryᵢ, with factors `[n, s]`.
pub fn add_weighted(target: &mut [f32], factors: &[f32], queries: &[&[f32]]) {
    let (Some(query), shots) = (queries.first(), queries.len()) else {
        return;
    };
    let length = query.len().max(1);
    let mut packed = Vec::new();
    for (block, queries) in queries.chunks(QUERIES).enumerate() {
        let of_block = block * QUERIES..block * QUERIES + queries.len();
        for start in (0..length).step_by(COLUMNS) {
            let columns = start..length.min(start + COLUMNS);
            packed.clear();
            for query in queries {
                packed.extend_from_slice(&query[columns.clone()]);
            }
            for (rows, factors) in target.chunks_mut(2 * length).zip(factors.chunks(2 * shots)) {
                let ((row, next), (a, b)) = (rows.split_at_mut(length), factors.split_at(shots));
                let (row, a) = (&mut row[columns.clone()], &a[of_block.clone()]);
                match next {
                    [] => add_to_one(row, a, &packed),
                    _ => add_to_pair([row, &mut next[columns.clone()]], [a, &b[of_block.clone()]], &packed),
                }
            }
        }
    }
}

/// Two rows += Σ factorᵢ · queryᵢ, with factors of their own.
#[inline(never)]
#[cfg_attr(
    all(target_arch = "wasm32", feature = "relaxed"),
    target_feature(enable = "relaxed-simd")
)]
fn add_to_pair(rows: [&mut [f32]; 2], factors: [&[f32]; 2], queries: &[f32]) {
    let ([first, second], [a, b]) = (rows, factors);
    let (length, wide) = (first.len(), first.len() / WIDE * WIDE);
    for at in (0..wide).step_by(WIDE) {
        let place = at..at + WIDE;
        let ([mut a0, mut a1], [mut b0, mut b1]) = (halves(&first[place.clone()]), halves(&second[place.clone()]));
        for ((query, a), b) in queries.chunks_exact(length).zip(a).zip(b) {
            let (a, b, [q0, q1]) = (f32x8::splat(*a), f32x8::splat(*b), halves(&query[place.clone()]));
            a0 = multiply_add(a, q0, a0);
            a1 = multiply_add(a, q1, a1);
            b0 = multiply_add(b, q0, b0);
            b1 = multiply_add(b, q1, b1);
        }
        first[place.clone()].copy_from_slice(cast_slice(&[a0, a1]));
        second[place].copy_from_slice(cast_slice(&[b0, b1]));
    }
    for ((query, a), b) in queries.chunks_exact(length).zip(a).zip(b) {
        add_scaled(&mut first[wide..], *a, &query[wide..]);
        add_scaled(&mut second[wide..], *b, &query[wide..]);
    }
}

/// One row += Σ factorᵢ · queryᵢ.
fn add_to_one(row: &mut [f32], factors: &[f32], queries: &[f32]) {
    for (query, factor) in queries.chunks_exact(row.len()).zip(factors) {
        add_scaled(row, *factor, query);
    }
}

/// [`WIDE`] numbers.
#[inline]
fn halves(numbers: &[f32]) -> [f32x8; 2] {
    let (chunks, _) = numbers.as_chunks::<8>();
    [f32x8::new(chunks[0]), f32x8::new(chunks[1])]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Vectors of small whole numbers, whose products are exact in any order.
    fn vectors(count: usize, length: usize, seed: usize) -> Vec<Vec<f32>> {
        let number = |row: usize, index: usize| ((row * 31 + index * 17 + seed) % 13) as f32 - 6.0;
        let vector = |row| (0..length).map(|index| number(row, index)).collect();
        (0..count).map(vector).collect()
    }

    fn slices(vectors: &[Vec<f32>]) -> Vec<&[f32]> {
        vectors.iter().map(Vec::as_slice).collect()
    }

    /// Even and odd numbers of everything, more queries than a block, and lengths that leave a rest.
    const SHAPES: [(usize, usize, usize); 5] = [(4, 2, 32), (5, 3, 37), (1, 1, 7), (QUERIES + 3, 5, 24), (2, 0, 8)];

    #[test]
    fn dots_are_sums_of_products() {
        for (s, n, length) in SHAPES {
            let (queries, rows) = (vectors(s, length, 1), vectors(n, length, 5));
            let all = dots(&slices(&queries), &slices(&rows));
            assert_eq!(all.len(), s * n);
            for (index, product) in all.iter().enumerate() {
                let pairs = queries[index / n].iter().zip(&rows[index % n]);
                let expected: f32 = pairs.map(|(q, r)| q * r).sum();
                assert_eq!(*product, expected, "{s} queries, {n} rows of {length}");
            }
        }
    }

    #[test]
    fn weighted_sums_are_added() {
        for (s, n, length) in SHAPES {
            let (queries, factors) = (vectors(s, length, 3), vectors(n, s, 7));
            let before = vectors(n, length, 2).concat();
            let mut target = before.clone();
            add_weighted(&mut target, &factors.concat(), &slices(&queries));
            for (index, (after, before)) in target.iter().zip(&before).enumerate() {
                let (row, column) = (index / length, index % length);
                let added: f32 = (0..s).map(|shot| factors[row][shot] * queries[shot][column]).sum();
                assert_eq!(*after, before + added, "{s} queries, {n} rows of {length}");
            }
        }
    }
}
