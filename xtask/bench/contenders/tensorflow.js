// TensorFlow.js on WebAssembly with SIMD and one thread: ResNet-18 in its fused operations, as its converter would have
// them, in the order of axes that it is made for.

import { joined } from '../inputs.js';
import { loadParameters } from '../model.js';

/** @returns {Promise<import('../embedding.js').Contender>} */
export async function tensorflow() {
  await loadScript('/peers/tfjs/dist/tf.min.js');
  await loadScript('/peers/tfjs-backend-wasm/dist/tf-backend-wasm.min.js');
  const { tf } = window;
  tf.wasm.setWasmPaths('/peers/tfjs-backend-wasm/dist/');
  tf.wasm.setThreadsCount(1);
  await tf.setBackend('wasm');
  await tf.ready();
  if (tf.getBackend() !== 'wasm' || !(await tf.env().getAsync('WASM_HAS_SIMD_SUPPORT'))) throw new Error('no SIMD');
  const network = new ResNet18(tf, await loadParameters());
  return {
    prepare: (squares) => ({ values: joined(squares.map(({ channelsLast }) => channelsLast)), count: squares.length }),
    embed: async ({ values, count }) => {
      const embedding = tf.tidy(() => network.embed(tf.tensor4d(values, [count, 224, 224, 3])));
      const read = await embedding.data();
      embedding.dispose();
      return read;
    },
  };
}

/**
 * A classic script: it has no exports.
 * @param {string} src
 */
function loadScript(src) {
  return new Promise((resolve, reject) => {
    document.head.append(Object.assign(document.createElement('script'), { src, onload: resolve, onerror: reject }));
  });
}

class ResNet18 {
  #tf;
  /** @type {Map<string, any>} */
  #tensors = new Map();

  /** @param {Map<string, {shape: number[], values: Float32Array}>} parameters */
  constructor(tf, parameters) {
    this.#tf = tf;
    for (const [name, { shape, values }] of parameters) {
      const tensor = tf.tensor(values, shape);
      // [outputs, inputs, y, x] → [y, x, inputs, outputs]
      this.#tensors.set(name, shape.length === 4 ? tensor.transpose([2, 3, 1, 0]) : tensor);
    }
  }

  /** `[n, 224, 224, 3]` → `[n, 512]` */
  embed(input) {
    const stem = this.#convolution('conv1', input, 2, 'relu');
    let map = this.#tf.maxPool(stem, 3, 2, 1, 'floor');
    for (const layer of [1, 2, 3, 4]) {
      for (const block of [0, 1]) map = this.#block(`layer${layer}.${block}`, map, layer > 1 && block === 0 ? 2 : 1);
    }
    return map.mean([1, 2]);
  }

  #block(name, input, stride) {
    const hidden = this.#convolution(`${name}.conv1`, input, stride, 'relu');
    const sum = this.#convolution(`${name}.conv2`, hidden, 1, 'linear');
    const around = stride === 2 ? this.#convolution(`${name}.downsample.0`, input, stride, 'linear') : input;
    return sum.add(around).relu();
  }

  #convolution(name, x, strides, activation) {
    const [filter, bias] = [this.#tensors.get(`${name}.weight`), this.#tensors.get(`${name}.bias`)];
    const pad = (filter.shape[0] - 1) / 2;
    return this.#tf.fused.conv2d({ x, filter, strides, pad, dimRoundingMode: 'floor', bias, activation });
  }
}
