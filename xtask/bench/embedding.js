// The contenders, on the same photos: what each computes of them, and how long that takes. In which order they run, and
// what their answers must be like, is decided in xtask/src/bench/embedding.rs.

import { glimpse } from './contenders/glimpse.js';
import { onnxruntime } from './contenders/onnxruntime.js';
import { tensorflow } from './contenders/tensorflow.js';
import { loadInputs } from './inputs.js';

/**
 * A runtime with the network loaded. `prepare` puts squares one after the other as the runtime takes them, and is not
 * timed; `embed` takes that, and gives 512 numbers a square.
 * @typedef {object} Contender
 * @property {(squares: import('./inputs.js').Square[]) => any} prepare
 * @property {(batch: any) => Promise<Float32Array>} embed
 */

/** @type {Record<string, () => Promise<Contender>>} */
const STARTS = {
  'Glimpse': () => glimpse('cpu', 'light'),
  'Glimpse without relaxed SIMD': () => glimpse('cpu', 'plain'),
  'Glimpse, burn-candle': () => glimpse('candle', 'burn'),
  'Glimpse, WebGPU': () => glimpse('webgpu', 'light'),
  'Glimpse, burn-wgpu': () => glimpse('wgpu', 'burn'),
  'onnxruntime-web': () => onnxruntime('wasm'),
  'onnxruntime-web, WebGPU': () => onnxruntime('webgpu'),
  'TensorFlow.js': tensorflow,
};

/** @type {Map<string, Contender>} */
const contenders = new Map();
/** @type {import('./inputs.js').Inputs} */
let inputs;

/**
 * Loads the photos and starts these contenders.
 * @param {string[]} names
 * @returns {Promise<{photos: number, reference: number[][] | null}>} how many photos, and their reference embeddings
 */
export async function start(names) {
  inputs = await loadInputs();
  for (const name of names) contenders.set(name, await STARTS[name]());
  return { photos: inputs.squares.length, reference: inputs.embeddings };
}

/**
 * @param {string} name
 * @param {number} photo
 * @returns {Promise<number[]>}
 */
export async function embedding(name, photo) {
  const contender = contenders.get(name);
  return [...(await contender.embed(contender.prepare([inputs.squares[photo]])))];
}

/**
 * Milliseconds of each of some runs, after runs that are not counted.
 * @param {string} name
 * @param {number} batch squares in a run
 * @param {number} warmups
 * @param {number} runs
 */
export async function time(name, batch, warmups, runs) {
  const contender = contenders.get(name);
  const prepared = contender.prepare(inputs.squares.slice(0, batch));
  const times = [];
  for (let run = 0; run < warmups + runs; run++) {
    const began = performance.now();
    await contender.embed(prepared);
    times.push(performance.now() - began);
  }
  return times.slice(warmups);
}

/** The WebGPU adapter's name; empty where there is none. */
export async function adapter() {
  const { info } = (await navigator.gpu?.requestAdapter({ powerPreference: 'high-performance' })) ?? {};
  return [info?.vendor, info?.architecture, info?.description].filter(Boolean).join(' ');
}
