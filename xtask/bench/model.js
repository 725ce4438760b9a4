// The file that `cargo glimpse onnx` writes, and the parameters in it, so that every peer computes with the same numbers.

export const MODEL = '/model/resnet18.onnx';

/** Numbers of the fields that are read: of the model, of its graph, of a tensor. */
const GRAPH = 7;
const INITIALIZER = 5;
const [DIMS, NAME, RAW_DATA] = [1, 8, 9];

/**
 * Every parameter by its name.
 * @returns {Promise<Map<string, {shape: number[], values: Float32Array}>>}
 */
export async function loadParameters() {
  const file = new Uint8Array(await (await fetch(MODEL)).arrayBuffer());
  const graph = fields(file).find(({ number }) => number === GRAPH).bytes;
  const tensors = fields(graph).filter(({ number }) => number === INITIALIZER);
  return new Map(tensors.map(({ bytes }) => parameter(fields(bytes))));
}

/** @param {Field[]} tensor */
function parameter(tensor) {
  const bytes = (wanted) => tensor.find(({ number }) => number === wanted).bytes;
  const raw = bytes(RAW_DATA);
  const values = new Float32Array(raw.buffer.slice(raw.byteOffset, raw.byteOffset + raw.length));
  return [new TextDecoder().decode(bytes(NAME)), { shape: varints(bytes(DIMS)), values }];
}

/**
 * A protobuf message's field of bytes: a string, a message, a packed list.
 * @typedef {{number: number, bytes: Uint8Array}} Field
 */

/**
 * The fields of bytes in a message; single numbers are passed over.
 * @param {Uint8Array} message
 * @returns {Field[]}
 */
function fields(message) {
  const found = [];
  for (let at = 0; at < message.length; ) {
    const key = varint(message, at);
    const head = varint(message, key.end);
    at = head.end;
    if (key.value % 8 !== 2) continue;
    found.push({ number: Math.floor(key.value / 8), bytes: message.subarray(at, at + head.value) });
    at += head.value;
  }
  return found;
}

/** @param {Uint8Array} bytes */
function varints(bytes) {
  const values = [];
  for (let at = 0; at < bytes.length; ) {
    const { value, end } = varint(bytes, at);
    values.push(value);
    at = end;
  }
  return values;
}

/**
 * @param {Uint8Array} bytes
 * @param {number} at
 */
function varint(bytes, at) {
  let value = 0;
  for (let factor = 1; ; factor *= 128) {
    const byte = bytes[at++];
    value += (byte % 128) * factor;
    if (byte < 128) return { value, end: at };
  }
}
