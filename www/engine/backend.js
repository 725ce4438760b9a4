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
 * @typedef {object} WebGpu
 * @property {string} adapter its name; empty where none can be used
 * @property {boolean} software whether it is slower than the CPU
 * @property {BackendReason | null} reason why none can be used
 */

/**
 * @typedef {object} StartOptions
 * @property {any} module the wasm module
 * @property {() => Promise<WebGpu>} askWebGpu what can be said of it here
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
  const { adapter, software, reason } = await options.askWebGpu();
  if (reason) return refuse(options, reason);
  if (software && options.wanted === 'auto') return refuse(options, { code: 'software-adapter', detail: adapter });
  return startWebGpu(options, adapter, options.wanted === 'wgpu' ? 'wgpu' : 'webgpu');
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
 * @param {'webgpu' | 'wgpu'} backend
 */
async function startWebGpu(options, adapter, backend) {
  const { module, weights, manifest } = options;
  let engine = null;
  try {
    engine = await inTime(module.Engine.create(backend, weights));
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
  if (options.wanted === 'webgpu' || options.wanted === 'wgpu') throw new EngineError(`webgpu-${reason.code}`, reason.detail);
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
 * What can be known without loading anything.
 * @returns {Promise<WebGpu>}
 */
export async function probeWebGpu() {
  const gpu = /** @type {any} */ (navigator).gpu;
  if (!gpu) return none('no-webgpu');
  const adapter = await gpu.requestAdapter({ powerPreference: 'high-performance' }).catch(() => null);
  if (!adapter) return none('no-adapter');
  const info = adapter.info ?? {};
  const name = [info.vendor, info.architecture, info.description].filter(Boolean).join(' ');
  const software = Boolean(info.isFallbackAdapter || adapter.isFallbackAdapter || SOFTWARE.test(name));
  return { adapter: name || 'unnamed', software, reason: null };
}

/**
 * @param {BackendReason['code']} code
 * @param {string} [detail]
 * @returns {WebGpu}
 */
function none(code, detail = '') {
  return { adapter: '', software: false, reason: { code, detail } };
}
