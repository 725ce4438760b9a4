// Turns files, camera frames and kept PNGs into the module's Picture, and a Picture into a PNG that keeps every pixel.
// Worker side. Resize and PNG are the module's, whose memory is used again and again; here bytes are only carried.

import { blobOf, release, withBytes } from './bytes.js';
import { EngineError } from './protocol.js';

/** @import { Frame, PictureSource } from './protocol.js' */

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
  return source.kind === 'frame' ? pictureOfFrame(module, source.frame, source.mirror) : pictureOfFile(module, source.file);
}

/**
 * @param {any} module
 * @param {Frame} frame closed afterwards
 * @param {boolean} mirror
 */
export async function pictureOfFrame(module, frame, mirror) {
  const { data, width, height } = await pixelsOf(frame);
  try {
    return module.pictureFromPixels(data, width, height, mirror);
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
 * @param {Frame} frame
 * @returns {Promise<{data: Uint8ClampedArray<ArrayBuffer>, width: number, height: number}>}
 */
async function pixelsOf(frame) {
  try {
    return isCopied(frame) ? await copied(frame) : drawn(frame);
  } finally {
    frame.close();
  }
}

/**
 * Whether a frame's bytes can be had upright and as RGBA: not where they are on a GPU, or turned by a phone's camera, or where
 * the browser knows no `format` and would give others.
 * @param {Frame} frame
 * @returns {frame is VideoFrame}
 */
function isCopied(frame) {
  if (!('copyTo' in frame) || !frame.visibleRect) return false;
  const { width, height } = frame.visibleRect;
  const { rotation = 0, flip = false } = /** @type {VideoFrame & {rotation?: number, flip?: boolean}} */ (frame);
  if (rotation || flip || frame.displayWidth !== width || frame.displayHeight !== height) return false;
  try {
    return /^(I4|NV)/.test(frame.format ?? '') && frame.allocationSize({ format: 'RGBA' }) === width * height * 4;
  } catch {
    return false;
  }
}

/**
 * In Chromium this maps no memory, where a canvas and `createImageBitmap` come to hundreds of megabytes.
 * @param {VideoFrame} frame
 */
async function copied(frame) {
  const { width, height } = /** @type {DOMRectReadOnly} */ (frame.visibleRect);
  const data = new Uint8ClampedArray(width * height * 4);
  await frame.copyTo(data, { format: 'RGBA' });
  return { data, width, height };
}

/** @param {Frame} frame */
function drawn(frame) {
  const [width, height] = 'copyTo' in frame ? [frame.displayWidth, frame.displayHeight] : [frame.width, frame.height];
  if (canvas.width !== width || canvas.height !== height) {
    canvas.width = width;
    canvas.height = height;
  }
  context.globalCompositeOperation = 'copy';
  context.drawImage(frame, 0, 0);
  return context.getImageData(0, 0, width, height);
}
