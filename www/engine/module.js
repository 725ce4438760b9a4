// Loads one of the page's two wasm modules. Worker side, and the only file that imports from pkg/.
//
// `light` holds everything but Burn: our own arithmetic embeds on the CPU or on WebGPU, heads learn. `burn` has all of that,
// trains the network's last layer, and embeds by Burn's backends too. It is several times as large, so nobody loads it who has
// no use for it.

import { EngineError } from './protocol.js';

/** @typedef {'light' | 'burn'} ModuleName */

/**
 * @param {ModuleName} name
 * @returns {Promise<any>} its exports, ready to be used
 */
export async function loadModule(name) {
  const folder = new URL(`../../pkg/${name}/`, import.meta.url);
  try {
    const module = await import(new URL('glimpse.js', folder).href);
    await module.default({ module_or_path: new URL('glimpse_bg.wasm', folder) });
    return module;
  } catch (error) {
    throw new EngineError('module', String(error));
  }
}
