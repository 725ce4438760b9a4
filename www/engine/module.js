// Loads one of the page's wasm modules. Worker side, and the only file that imports from pkg/.
//
// `light` holds everything but Burn: our own arithmetic embeds on the CPU or on WebGPU, heads learn. `plain` is the same for
// browsers without relaxed SIMD. `burn` has all of that, trains the network's last layer, and embeds by Burn's backends too. It is
// several times as large, so nobody loads it who has no use for it.

import { EngineError } from './protocol.js';

/** @typedef {'light' | 'plain' | 'burn'} ModuleName */

/** A module of one function, `f32x4.relaxed_madd` of zeros: valid where the browser has relaxed SIMD. */
const RELAXED = [
  [0, 97, 115, 109, 1, 0, 0, 0], // \0asm, version 1
  [1, 5, 1, 96, 0, 1, 123], // types: () → v128
  [3, 2, 1, 0], // functions: one of that type
  [10, 19, 1, 17, 0, 65, 0, 253, 17, 65, 0, 253, 17, 65, 0, 253, 17, 253, 133, 2, 11], // code: thrice i32.const 0, i32x4.splat
];

/**
 * @param {ModuleName} wanted `light` becomes `plain` where the browser needs that
 * @returns {Promise<{name: ModuleName, module: any}>} which one it is, and its exports, ready to be used
 */
export async function loadModule(wanted) {
  const name = wanted === 'light' && !WebAssembly.validate(new Uint8Array(RELAXED.flat())) ? 'plain' : wanted;
  const folder = new URL(`../../pkg/${name}/`, import.meta.url);
  try {
    const module = await import(new URL('glimpse.js', folder).href);
    await module.default({ module_or_path: new URL('glimpse_bg.wasm', folder) });
    return { name, module };
  } catch (error) {
    throw new EngineError('module', String(error));
  }
}
