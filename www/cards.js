// Animal cards for a first try without a camera: pictures drawn from the emoji that this device has, each different.
// Page side: a canvas that nobody sees. No words, no state; which class a card belongs to is the caller's.

/**
 * An animal by the key of its name, and its emoji.
 * @typedef {{key: string, glyph: string}} Animal
 */

/** The set, and, after it, who stands in for animals that this device cannot draw. @type {Animal[]} */
const ANIMALS = [
  { key: 'fox', glyph: '🦊' },
  { key: 'squirrel', glyph: '🐿️' },
  { key: 'rabbit', glyph: '🐰' },
  { key: 'hamster', glyph: '🐹' },
  { key: 'otter', glyph: '🦦' },
  { key: 'beaver', glyph: '🦫' },
  { key: 'cat', glyph: '🐱' },
  { key: 'panda', glyph: '🐼' },
  { key: 'frog', glyph: '🐸' },
  { key: 'pig', glyph: '🐷' },
  { key: 'penguin', glyph: '🐧' },
  { key: 'octopus', glyph: '🐙' },
];
/** So many animals make a set. */
export const CARDS = 6;
/** Side of a card, in pixels. */
const SIDE = 256;
/** Side of the little canvas on which glyphs are tried. */
const TRIAL = 32;
const FONT = "'Apple Color Emoji', 'Segoe UI Emoji', 'Noto Color Emoji', sans-serif";

/** The animals that this device can draw: a set, or fewer where it has too few emoji. */
export function animals() {
  const missing = pixelsOf('\u{10FFFD}');
  const drawn = ANIMALS.filter(({ glyph }) => {
    const pixels = pixelsOf(glyph);
    return isColoured(pixels) && !same(pixels, missing);
  });
  return drawn.slice(0, CARDS);
}

/**
 * A new card: the animal at a random place, angle and size on a random ground.
 * @param {Animal} animal
 * @returns {Promise<Blob>} a PNG
 */
export function drawCard({ glyph }) {
  const { canvas, context } = blank(SIDE);
  drawGround(context);
  const size = SIDE * between(0.5, 0.72);
  const room = (SIDE - size) / 3;
  context.translate(SIDE / 2 + between(-room, room), SIDE / 2 + between(-room, room));
  context.rotate(between(-0.45, 0.45));
  write(context, glyph, size);
  return canvas.convertToBlob({ type: 'image/png' });
}

/** @param {OffscreenCanvasRenderingContext2D} context */
function drawGround(context) {
  const hue = between(0, 360);
  context.fillStyle = `hsl(${hue} ${between(20, 60)}% ${between(55, 90)}%)`;
  context.fillRect(0, 0, SIDE, SIDE);
  // A few soft discs, so that no two grounds are alike.
  for (let disc = 0; disc < 5; disc++) {
    context.fillStyle = `hsl(${hue + between(-40, 40)} 45% ${between(50, 92)}% / 0.5)`;
    context.beginPath();
    context.arc(between(0, SIDE), between(0, SIDE), between(20, 90), 0, 2 * Math.PI);
    context.fill();
  }
}

/**
 * @param {OffscreenCanvasRenderingContext2D} context
 * @param {string} glyph
 * @param {number} size
 */
function write(context, glyph, size) {
  context.font = `${size}px ${FONT}`;
  context.textAlign = 'center';
  context.textBaseline = 'middle';
  context.fillStyle = '#000';
  context.fillText(glyph, 0, size * 0.06);
}

/** @param {string} glyph */
function pixelsOf(glyph) {
  const { context } = blank(TRIAL);
  context.translate(TRIAL / 2, TRIAL / 2);
  write(context, glyph, TRIAL * 0.8);
  return context.getImageData(0, 0, TRIAL, TRIAL).data;
}

/** A missing glyph is an outline in black; so is one of a font without colours. @param {Uint8ClampedArray} pixels */
function isColoured(pixels) {
  for (let at = 0; at < pixels.length; at += 4) {
    const [red, green, blue, alpha] = pixels.subarray(at, at + 4);
    if (alpha > 200 && Math.max(red, green, blue) - Math.min(red, green, blue) > 24) return true;
  }
  return false;
}

/**
 * @param {Uint8ClampedArray} a
 * @param {Uint8ClampedArray} b
 */
function same(a, b) {
  return a.every((value, index) => value === b[index]);
}

/** @param {number} side */
function blank(side) {
  const canvas = new OffscreenCanvas(side, side);
  const context = /** @type {OffscreenCanvasRenderingContext2D} */ (canvas.getContext('2d', { willReadFrequently: true }));
  return { canvas, context };
}

/**
 * @param {number} least
 * @param {number} most
 */
function between(least, most) {
  return least + Math.random() * (most - least);
}
