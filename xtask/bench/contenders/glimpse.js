// This crate, through the module that the page loads. It alone starts from pixels: its time holds the normalisation.

import init, { Engine } from '/pkg/glimpse.js';
import { joined } from '../inputs.js';

/**
 * @param {'cpu' | 'candle' | 'webgpu'} backend
 * @returns {Promise<import('../embedding.js').Contender>}
 */
export async function glimpse(backend) {
  await init();
  const manifest = await (await fetch('/weights/manifest.json')).json();
  const weights = await (await fetch(`/weights/${manifest.file}`)).arrayBuffer();
  const engine = await Engine.create(backend, new Uint8Array(weights));
  return {
    prepare: (squares) => joined(squares.map(({ rgba }) => rgba)),
    embed: async (batch) => (await engine.stageMeans(batch))[3],
  };
}
