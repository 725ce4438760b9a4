// Turns files, camera frames and kept squares into the module's Square, and a Square into a PNG that keeps every pixel.
// Worker side. The crop and the resize are the module's; here pixels are only carried.

import { EngineError } from './protocol.js';

/** @import { PictureSource } from './protocol.js' */

const SIDE = 224;
/** The module's own limit, for pictures that only the browser can decode: 64 megapixels of 2^20 pixels. */
const MOST_PIXELS = 64 * 2 ** 20;

/** One canvas for reading pixels back, resized as needed. */
const canvas = new OffscreenCanvas(SIDE, SIDE);
const context = /** @type {OffscreenCanvasRenderingContext2D} */ (canvas.getContext('2d', { willReadFrequently: true }));

/**
 * @param {any} module
 * @param {PictureSource} source
 * @returns {Promise<any>} a Square, to be freed
 */
export function squareOf(module, source) {
  return source.kind === 'frame' ? squareOfFrame(module, source.bitmap, source.mirror) : squareOfFile(module, source.file);
}

/**
 * @param {any} module
 * @param {ImageBitmap} bitmap closed afterwards
 * @param {boolean} mirror
 */
export function squareOfFrame(module, bitmap, mirror) {
  const { data, width, height } = pixelsOf(bitmap, mirror);
  return module.squareFromPixels(data, width, height);
}

/**
 * @param {any} module
 * @param {Blob} png made by `pngOf`
 */
export async function squareOfPng(module, png) {
  const bitmap = await createImageBitmap(png, { colorSpaceConversion: 'none', premultiplyAlpha: 'none' });
  return module.squareFromRgba(pixelsOf(bitmap, false).data);
}

/** @param {any} square */
export async function pngOf(square) {
  const paper = new OffscreenCanvas(SIDE, SIDE);
  const pen = /** @type {OffscreenCanvasRenderingContext2D} */ (paper.getContext('2d'));
  pen.putImageData(new ImageData(square.rgba(), SIDE, SIDE), 0, 0);
  return paper.convertToBlob({ type: 'image/png' });
}

/**
 * @param {any} module
 * @param {Blob} file
 */
async function squareOfFile(module, file) {
  const buffer = await file.arrayBuffer().catch((error) => {
    throw new EngineError('file-unreadable', String(error));
  });
  try {
    return module.squareFromPhoto(new Uint8Array(buffer));
  } catch (error) {
    const refusal = /** @type {EngineError} */ (error);
    if (refusal.code !== 'photo-format') throw error;
    return squareByBrowser(module, file, refusal);
  }
}

/**
 * HEIC, AVIF, TIFF …: not the module's formats, but some browsers read them.
 * @param {any} module
 * @param {Blob} file
 * @param {Error} refusal what the module said
 */
async function squareByBrowser(module, file, refusal) {
  const bitmap = await createImageBitmap(file).catch(() => {
    throw refusal;
  });
  if (bitmap.width * bitmap.height > MOST_PIXELS) {
    const size = `${bitmap.width} × ${bitmap.height}`;
    bitmap.close();
    throw new EngineError('photo-too-large', `the picture has ${size} pixels`);
  }
  return squareOfFrame(module, bitmap, false);
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
