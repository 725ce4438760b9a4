// Eight squares for the network, each as the runtimes take it: pixels, and normalised numbers in two orders. They come
// from the reference with its embeddings, where that is there, and are drawn otherwise.

const SIDE = 224;
const PIXELS = SIDE * SIDE;
const MEAN = [0.485, 0.456, 0.406];
const STD = [0.229, 0.224, 0.225];
const COUNT = 8;

/**
 * One photo: RGBA pixels; `[3, 224, 224]`; `[224, 224, 3]`.
 * @typedef {{rgba: Uint8ClampedArray, channelsFirst: Float32Array, channelsLast: Float32Array}} Square
 */

/** @typedef {{squares: Square[], embeddings: number[][] | null}} Inputs */

/** @returns {Promise<Inputs>} */
export async function loadInputs() {
  const response = await fetch('/golden/resnet18.safetensors');
  if (!response.ok) return { squares: Array.from({ length: COUNT }, (_, index) => square(drawn(index))), embeddings: null };
  const tensors = readSafetensors(await response.arrayBuffer());
  const rows = (name) => Array.from({ length: COUNT }, (_, row) => tensors[name].subarray(row * tensors[name].length / COUNT, (row + 1) * tensors[name].length / COUNT));
  return {
    squares: rows('input').map((values) => square(pixels(values))),
    embeddings: rows('embedding').map((values) => [...values]),
  };
}

/**
 * All tensors of a file of 32-bit floats.
 * @param {ArrayBuffer} file
 * @returns {Record<string, Float32Array>}
 */
function readSafetensors(file) {
  const length = Number(new DataView(file).getBigUint64(0, true));
  const header = JSON.parse(new TextDecoder().decode(new Uint8Array(file, 8, length)));
  delete header.__metadata__;
  const values = ([begin, end]) => new Float32Array(file.slice(8 + length + begin, 8 + length + end));
  return Object.fromEntries(Object.entries(header).map(([name, tensor]) => [name, values(tensor.data_offsets)]));
}

/**
 * Undoes the normalisation: the reference kept 8 bits before it.
 * @param {Float32Array} values
 */
function pixels(values) {
  return Uint8ClampedArray.from({ length: PIXELS * 4 }, (_, index) => {
    const channel = index % 4;
    return channel === 3 ? 255 : Math.round((values[channel * PIXELS + (index >> 2)] * STD[channel] + MEAN[channel]) * 255);
  });
}

/**
 * Checks, a gradient and a ring, another for every number.
 * @param {number} number
 */
function drawn(number) {
  return Uint8ClampedArray.from({ length: PIXELS * 4 }, (_, index) => {
    const [x, y] = [(index >> 2) % SIDE, Math.floor((index >> 2) / SIDE)];
    const checks = (Math.floor(x / (9 + 5 * number)) + Math.floor(y / (9 + 5 * number))) % 2 ? 96 : 0;
    const ring = Math.hypot(x - 100, y - 120) % (20 + 7 * number);
    return [checks + ring, (x * 255) / SIDE, (y * (number + 1)) % 256, 255][index % 4];
  });
}

/**
 * @param {Uint8ClampedArray} rgba
 * @returns {Square}
 */
function square(rgba) {
  const value = (pixel, channel) => (rgba[pixel * 4 + channel] / 255 - MEAN[channel]) / STD[channel];
  return {
    rgba,
    channelsFirst: Float32Array.from({ length: PIXELS * 3 }, (_, index) => value(index % PIXELS, Math.floor(index / PIXELS))),
    channelsLast: Float32Array.from({ length: PIXELS * 3 }, (_, index) => value(Math.floor(index / 3), index % 3)),
  };
}

/**
 * Arrays of one type and length, one after the other.
 * @template {Float32Array | Uint8ClampedArray} T
 * @param {T[]} arrays
 * @returns {T}
 */
export function joined(arrays) {
  const all = new arrays[0].constructor(arrays[0].length * arrays.length);
  arrays.forEach((array, index) => all.set(array, index * array.length));
  return all;
}
