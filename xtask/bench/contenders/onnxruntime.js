// onnxruntime-web on the ONNX file that `cargo glimpse onnx` writes: on WebAssembly with one thread, or on WebGPU.

import { joined } from '../inputs.js';
import { MODEL } from '../model.js';

const DIST = '/peers/onnxruntime-web/dist/';

/**
 * @param {'wasm' | 'webgpu'} provider
 * @returns {Promise<import('../embedding.js').Contender>}
 */
export async function onnxruntime(provider) {
  const ort = await import(`${DIST}ort.${provider}.min.mjs`);
  ort.env.wasm.wasmPaths = DIST;
  ort.env.wasm.numThreads = 1;
  const session = await ort.InferenceSession.create(MODEL, { executionProviders: [provider] });
  return {
    prepare: (squares) => new ort.Tensor('float32', joined(squares.map(({ channelsFirst }) => channelsFirst)), [squares.length, 3, 224, 224]),
    embed: async (input) => (await session.run({ input })).embedding.getData(),
  };
}
