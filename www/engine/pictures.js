// Turns files, camera frames and kept PNGs into the module's Picture, and a Picture into a PNG that keeps every pixel.
// Worker side. Resize and PNG are the module's, whose memory is used again and again; here bytes are only carried.

import { blobOf, release, withBytes } from './bytes.js';
import { EngineError } from './protocol.js';

/** @import { PictureSource } from './protocol.js' */

/** The module's own limit, for pictures that only the browser can decode: 64 megapixels of 2^20 pixels. */
const MOST_PIXELS = 64 * 2 ** 20;

/** One canvas for reading pixels back, resized as needed. */
const canvas = new OffscreenCanvas(1, 1);
const context = /** @type {OffscreenCanvasRenderingContext2D} */ (canvas.getContext('2d', { willReadFrequently: true }));

/**
 * @param {any} module
 * @param {PictureSource} source
 * @returns {Promise<any>} a Picture, to be freed
 */
export function pictureOf(module, source) {
  return source.kind === 'frame' ? pictureOfFrame(module, source.bitmap, source.mirror) : pictureOfFile(module, source.file);
}

/**
 * @param {any} module
 * @param {ImageBitmap} bitmap closed afterwards
 * @param {boolean} mirror
 */
export function pictureOfFrame(module, bitmap, mirror) {
  const { data, width, height } = pixelsOf(bitmap, mirror);
  try {
    return module.pictureFromPixels(data, width, height);
  } finally {
    release(data.buffer);
  }
}

/**
 * @param {any} module
 * @param {Blob} png made by `pngOf`
 */
export function pictureOfPng(module, png) {
  return withBytes(png, (bytes) => module.pictureFromPng(bytes));
}

/** @param {any} picture */
export function pngOf(picture) {
  return blobOf(picture.png(), 'image/png');
}

/**
 * @param {any} module
 * @param {Blob} file
 */
async function pictureOfFile(module, file) {
  try {
    return await withBytes(file, (bytes) => module.pictureFromPhoto(bytes));
  } catch (error) {
    const refusal = /** @type {EngineError} */ (error);
    if (refusal.code !== 'photo-format') throw error;
    return pictureByBrowser(module, file, refusal);
  }
}

/**
 * HEIC, AVIF, TIFF …: not the module's formats, but some browsers read them.
 * @param {any} module
 * @param {Blob} file
 * @param {Error} refusal what the module said
 */
async function pictureByBrowser(module, file, refusal) {
  const bitmap = await createImageBitmap(file).catch(() => {
    throw refusal;
  });
  if (bitmap.width * bitmap.height > MOST_PIXELS) {
    const size = `${bitmap.width} × ${bitmap.height}`;
    bitmap.close();
    throw new EngineError('photo-too-large', `the picture has ${size} pixels`);
  }
  return pictureOfFrame(module, bitmap, false);
}

/**
 * @param {ImageBitmap} bitmap
 * @param {boolean} mirror
 */
function pixelsOf(bitmap, mirror) {
  const { width, height } = bitmap;
  if (canvas.width !== width || canvas.height !== height) {
    canvas.width = width;
    canvas.height = height;
  }
  context.setTransform(mirror ? -1 : 1, 0, 0, 1, mirror ? width : 0, 0);
  context.globalCompositeOperation = 'copy';
  context.drawImage(bitmap, 0, 0);
  bitmap.close();
  return context.getImageData(0, 0, width, height);
}
