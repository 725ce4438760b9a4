// Chooses where embeddings are computed, and proves the choice before it is used.
// Worker side: the only JavaScript that knows how WebGPU and the CPU differ. No weights are fetched here.

import { EngineError } from './protocol.js';

/** @import { BackendReason, Wanted } from './protocol.js' */

/** A WebGPU engine whose embedding of the known picture is less like the CPU's than this is not used. */
const LEAST_COSINE = 0.999;
/** A WebGPU start that takes longer than this, in milliseconds, is taken for one that hangs. */
const WEBGPU_PATIENCE = 60_000;
const SOFTWARE = /swiftshader|llvmpipe|lavapipe|basic render|software/i;

/**
 * @typedef {object} StartOptions
 * @property {any} module the wasm module
 * @property {Wanted} wanted
 * @property {BackendReason | null} reason why the CPU is wanted, where something went wrong before
 * @property {Uint8Array} weights
 * @property {string | null} manifest text of the manifest; null for a network without a known answer
 */

/**
 * @param {StartOptions} options
 * @returns {Promise<{engine: any, adapter: string, reason: BackendReason | null}>}
 */
export async function startEngine(options) {
  if (options.wanted === 'cpu') return startCpu(options, options.reason);
  if (options.wanted === 'candle') return startCpu(options, { code: 'forced', detail: '' }, 'candle');
  const { adapter, reason } = await probe(options.wanted === 'auto');
  if (reason) return refuse(options, reason);
  return startWebGpu(options, adapter);
}

/**
 * @param {StartOptions} options
 * @param {BackendReason | null} reason
 * @param {'cpu' | 'candle'} backend
 */
async function startCpu({ module, weights }, reason, backend = 'cpu') {
  const engine = await module.Engine.create(backend, weights);
  return { engine, adapter: engine.adapter, reason };
}

/**
 * @param {StartOptions} options
 * @param {string} adapter
 */
async function startWebGpu(options, adapter) {
  const { module, weights, manifest } = options;
  let engine = null;
  try {
    engine = await inTime(module.Engine.create('webgpu', weights));
    const cosine = manifest === null ? 1 : await inTime(engine.verify(manifest));
    if (cosine >= LEAST_COSINE) return { engine, adapter: engine.adapter || adapter, reason: null };
    engine.free();
    return refuse(options, { code: 'differs', detail: cosine.toFixed(4) });
  } catch (error) {
    // An error of the module's own leaves it sound; anything else has poisoned it, and the worker must go.
    const { code, message } = /** @type {EngineError} */ (error);
    if (code !== 'backend') throw error;
    engine?.free();
    return refuse(options, { code: 'failed', detail: message });
  }
}

/**
 * What was asked for by name is never quietly replaced.
 * @param {StartOptions} options
 * @param {BackendReason} reason
 */
function refuse(options, reason) {
  if (options.wanted === 'webgpu') throw new EngineError(`webgpu-${reason.code}`, reason.detail);
  return startCpu(options, reason);
}

/**
 * @template T
 * @param {Promise<T>} promise
 * @returns {Promise<T>}
 */
function inTime(promise) {
  return new Promise((resolve, reject) => {
    const late = () => reject(new Error(`no answer within ${WEBGPU_PATIENCE / 1000} seconds`));
    const timer = setTimeout(late, WEBGPU_PATIENCE);
    promise.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}

/**
 * What burn-wgpu needs is looked for here, because it panics where it is missing.
 * @param {boolean} fastOnly refuse adapters that are slower than the CPU backend
 * @returns {Promise<{adapter: string, reason: BackendReason | null}>}
 */
async function probe(fastOnly) {
  const gpu = /** @type {any} */ (navigator).gpu;
  if (!gpu) return refusal('no-webgpu');
  const adapter = await gpu.requestAdapter({ powerPreference: 'high-performance' }).catch(() => null);
  if (!adapter) return refusal('no-adapter');
  const info = adapter.info ?? {};
  const name = [info.vendor, info.architecture, info.description].filter(Boolean).join(' ');
  if (!adapter.features.has('timestamp-query')) return refusal('no-timestamp-query', name);
  const software = info.isFallbackAdapter || adapter.isFallbackAdapter || SOFTWARE.test(name);
  if (fastOnly && software) return refusal('software-adapter', name);
  return { adapter: name, reason: null };
}

/**
 * @param {BackendReason['code']} code
 * @param {string} [detail]
 */
function refusal(code, detail = '') {
  return { adapter: '', reason: { code, detail } };
}
