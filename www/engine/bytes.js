// Bytes in and out of blobs, given back at once: the browser's collector would let a hundred megabytes of read files and packed
// pictures lie about first. Both sides.

import { EngineError } from './protocol.js';

const { port1: nowhere, port2: listener } = new MessageChannel();
listener.close();

/**
 * @param {Blob} blob
 * @returns {Promise<Uint8Array<ArrayBuffer>>}
 */
export async function bytesOf(blob) {
  const buffer = await blob.arrayBuffer().catch((error) => {
    throw new EngineError('file-unreadable', String(error));
  });
  return new Uint8Array(buffer);
}

/**
 * What is made of a blob's bytes, which are gone afterwards.
 * @template T
 * @param {Blob} blob
 * @param {(bytes: Uint8Array) => T} use
 * @returns {Promise<T>}
 */
export async function withBytes(blob, use) {
  const bytes = await bytesOf(blob);
  try {
    return use(bytes);
  } finally {
    release(bytes.buffer);
  }
}

/**
 * @param {Uint8Array<ArrayBuffer>} bytes gone afterwards
 * @param {string} [type]
 */
export function blobOf(bytes, type = '') {
  const blob = new Blob([bytes], { type });
  release(bytes.buffer);
  return blob;
}

/**
 * Sends a buffer to where nobody is. `ArrayBuffer.transfer` would leave a blob's memory where it is, in Chromium at least.
 * @param {ArrayBuffer} buffer
 */
export function release(buffer) {
  nowhere.postMessage(null, [buffer]);
}
