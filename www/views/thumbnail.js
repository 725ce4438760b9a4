// Pictures as small as lists show them. Of thousands of photos only those near the screen are unpacked, and shrunk: as it is,
// each takes a third of a megabyte. It knows pictures alone, not whose they are.

import { el } from './dom.js';

/** How far around the screen pictures are ready before they come into sight. */
const AROUND = '50% 0px';

/** @type {WeakMap<Element, Blob>} */
const pictures = new WeakMap();
/** The places that are near the screen, and when they came there last. @type {WeakMap<Element, number>} */
const near = new WeakMap();
/** The picture that was unpacked last; the next one waits for it, for all at once would fill tens of megabytes. @type {Promise<any>} */
let unpacked = Promise.resolve();

const observer = new IntersectionObserver(
  (entries) => {
    for (const { target, isIntersecting, boundingClientRect, time } of entries) {
      const place = /** @type {HTMLImageElement} */ (target);
      if (isIntersecting) show(place, time, Math.ceil(boundingClientRect.width * devicePixelRatio));
      else empty(place);
    }
  },
  { rootMargin: AROUND },
);

/**
 * A square place for a picture, as large as its style sheet says.
 * @returns {HTMLImageElement}
 */
export function thumbnail() {
  return el('img.thumbnail', { alt: '', decoding: 'async', hidden: true });
}

/**
 * @param {HTMLImageElement} place
 * @param {Blob} picture
 */
export function showThumbnail(place, picture) {
  if (pictures.has(place)) return;
  pictures.set(place, picture);
  place.hidden = false;
  observer.observe(place);
}

/**
 * A place that goes and comes back while its picture is unpacked is given it once.
 * @param {HTMLImageElement} place
 * @param {number} time
 * @param {number} side in pixels of the screen
 */
async function show(place, time, side) {
  near.set(place, time);
  const wanted = () => near.get(place) === time;
  const small = await shrink(/** @type {Blob} */ (pictures.get(place)), side, wanted).catch(() => null);
  if (!small || !wanted()) return;
  const address = URL.createObjectURL(small);
  place.onload = () => URL.revokeObjectURL(address);
  place.src = address;
}

/** @param {HTMLImageElement} place */
function empty(place) {
  near.delete(place);
  place.removeAttribute('src');
}

/**
 * The middle square.
 * @param {Blob} picture
 * @param {number} side in pixels
 * @param {() => boolean} wanted whether it still is, once it has its turn
 */
async function shrink(picture, side, wanted) {
  const unpack = () => (wanted() ? createImageBitmap(picture) : Promise.reject());
  const bitmap = await (unpacked = unpacked.then(unpack, unpack));
  const part = Math.min(bitmap.width, bitmap.height);
  const canvas = new OffscreenCanvas(side, side);
  const pen = /** @type {OffscreenCanvasRenderingContext2D} */ (canvas.getContext('2d'));
  pen.imageSmoothingQuality = 'high';
  pen.drawImage(bitmap, (bitmap.width - part) / 2, (bitmap.height - part) / 2, part, part, 0, 0, side, side);
  bitmap.close();
  return canvas.convertToBlob({ type: 'image/jpeg', quality: 0.9 });
}
