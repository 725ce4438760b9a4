// Loads one of the page's two wasm modules. Worker side, and the only file that imports from pkg/.
//
// `cpu` holds everything but Burn: our own arithmetic embeds, heads learn. `burn` has all of that, and embeds on WebGPU or by
// burn-candle, and trains the network's last layer. It is several times as large, so nobody loads it who has no use for it.

import { EngineError } from './protocol.js';

/** @typedef {'cpu' | 'burn'} ModuleName */

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
