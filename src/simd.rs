//! The one instruction that differs between builds: a product that is added. Everything else is `wide`'s.

use wide::f32x8;

/// a · b + sum.
#[cfg(not(all(target_arch = "wasm32", feature = "relaxed")))]
#[inline]
pub fn multiply_add(a: f32x8, b: f32x8, sum: f32x8) -> f32x8 {
    sum + a * b
}

/// The same by wasm's relaxed SIMD: one instruction, rounded once, where the processor has such a one.
#[cfg(all(target_arch = "wasm32", feature = "relaxed"))]
#[inline]
#[target_feature(enable = "relaxed-simd")]
pub fn multiply_add(a: f32x8, b: f32x8, sum: f32x8) -> f32x8 {
    use std::arch::wasm32::{f32x4_relaxed_madd, v128};
    use wide::bytemuck::cast;

    let [a, b, sum]: [[v128; 2]; 3] = cast([a, b, sum]);
    cast([
        f32x4_relaxed_madd(a[0], b[0], sum[0]),
        f32x4_relaxed_madd(a[1], b[1], sum[1]),
    ])
}
