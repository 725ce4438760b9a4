// This crate, through the module that the page loads. It alone starts from pixels: its time holds the normalisation.

import { loadModule } from '/www/engine/module.js';
import { joined } from '../inputs.js';

/**
 * @param {'cpu' | 'candle' | 'webgpu' | 'wgpu'} backend
 * @param {import('/www/engine/module.js').ModuleName} name of the module
 * @returns {Promise<import('../embedding.js').Contender>}
 */
export async function glimpse(backend, name) {
  const { module } = await loadModule(name);
  const manifest = await (await fetch('/model/manifest.json')).json();
  const weights = await (await fetch(`/model/${manifest.file}`)).arrayBuffer();
  const engine = await module.Engine.create(backend, new Uint8Array(weights));
  return {
    prepare: (squares) => joined(squares.map(({ rgba }) => rgba)),
    embed: async (batch) => (await engine.stageMeans(batch))[3],
  };
}
