// Numbers as pictures: a map of spots over a photo, a table of numbers in colours, points on a plane. It draws what it is given and
// knows no words; whoever uses it says the same in words beside it.

import { colour, el, svgElement, tableHeading } from './dom.js';

/** What is above 0, and what is below, as red, green and blue: `--for` and `--against` of tokens.css. */
const FOR = [255, 140, 20];
const AGAINST = [40, 110, 255];
/** The strongest spot covers what is below it by so much, of 255. */
const COVER = 200;
/** Half of the plane's width; points keep so far from its edges. */
const HALF = 100;
const MARGIN = 12;

/**
 * Spots over a photo: orange above 0, blue below, the strongest the least transparent.
 * @param {HTMLCanvasElement} canvas which the browser enlarges smoothly
 * @param {number[]} spots row by row, a square of them
 */
export function drawSpots(canvas, spots) {
  const side = Math.sqrt(spots.length);
  const most = Math.max(...spots.map(Math.abs)) || 1;
  drawCells(canvas, side, side, spots.map((value) => [...(value > 0 ? FOR : AGAINST), (Math.abs(value) / most) * COVER]));
}

/**
 * A cell for each number: orange above 0, blue below, the largest the strongest.
 * @param {HTMLCanvasElement} canvas
 * @param {number[][]} rows all of one length
 */
export function drawNumbers(canvas, rows) {
  const numbers = rows.flat();
  const most = numbers.reduce((most, value) => Math.max(most, Math.abs(value)), 0) || 1;
  // The root lets small numbers be seen beside a few large ones.
  drawCells(canvas, rows[0]?.length ?? 0, rows.length, numbers.map((value) => [...(value > 0 ? FOR : AGAINST), Math.sqrt(Math.abs(value) / most) * 255]));
}

/**
 * A cell for each pair of things: the more alike, the stronger. Between the least alike and the most alike of two different ones
 * all shades are used.
 * @param {HTMLCanvasElement} canvas
 * @param {number[][]} similarities a square of them
 */
export function drawSimilarities(canvas, similarities) {
  const others = similarities.flatMap((row, index) => row.filter((_, column) => column !== index));
  const least = others.reduce((least, value) => Math.min(least, value), 1);
  const most = others.reduce((most, value) => Math.max(most, value), -1);
  const shade = (/** @type {number} */ value) => 20 + (235 * Math.min(value - least, most - least)) / (most - least || 1);
  drawCells(canvas, similarities.length, similarities.length, similarities.flat().map((value) => [...FOR, shade(value)]));
}

/**
 * @param {HTMLCanvasElement} canvas takes the size
 * @param {number} width
 * @param {number} height
 * @param {number[][]} cells red, green, blue and opacity, 0 to 255, row by row
 */
function drawCells(canvas, width, height, cells) {
  canvas.width = width;
  canvas.height = height;
  if (cells.length === 0) return;
  const pixels = Uint8ClampedArray.from(cells.flat());
  /** @type {CanvasRenderingContext2D} */ (canvas.getContext('2d')).putImageData(new ImageData(pixels, width, height), 0, 0);
}

/**
 * @typedef {object} Point
 * @property {[number, number]} place
 * @property {'shot' | 'prototype' | 'query'} kind
 * @property {number | null} hue the number of a class's colour; null for none
 * @property {string} name shown beside a prototype, and of all others where the pointer rests
 */

/**
 * Points on a plane: a dot for each shot, a ring for each prototype, a cross for what is asked about.
 * @param {Point[]} points
 * @returns {SVGElement}
 */
export function drawPlane(points) {
  const svg = svgElement('svg', { viewBox: `${-HALF} ${-HALF} ${2 * HALF} ${2 * HALF}`, class: 'plane', 'aria-hidden': 'true' });
  const most = points.flatMap(({ place }) => place).reduce((most, value) => Math.max(most, Math.abs(value)), 0) || 1;
  for (const { place, kind, hue, name } of points) {
    const [x, y] = place.map((value) => (value / most) * (HALF - MARGIN));
    const mark = svgElement('g', { class: `plane-${kind}`, transform: `translate(${x.toFixed(2)} ${(-y).toFixed(2)})` });
    if (hue !== null) colour(mark, hue);
    if (kind === 'query') mark.append(svgElement('path', { d: 'M-3 -3L3 3M3 -3L-3 3' }));
    else mark.append(svgElement('circle', { r: kind === 'prototype' ? 5 : 2.5 }));
    if (kind === 'prototype') mark.append(label(name, x));
    const title = svgElement('title', {});
    title.textContent = name;
    mark.append(title);
    svg.append(mark);
  }
  return svg;
}

/**
 * A name beside a ring, on the side where there is room.
 * @param {string} name
 * @param {number} x of the ring
 */
function label(name, x) {
  const words = svgElement('text', { x: x > 0 ? -7 : 7, y: 2.5, 'text-anchor': x > 0 ? 'end' : 'start' });
  words.textContent = name;
  return words;
}

/**
 * Which of the numbers of a table the pointer is over.
 * @param {HTMLCanvasElement} canvas that `drawNumbers` drew
 * @param {{clientX: number, clientY: number}} event
 * @returns {[number, number]} row and column
 */
export function cellAt(canvas, { clientX, clientY }) {
  const { left, top, width, height } = canvas.getBoundingClientRect();
  const cell = (/** @type {number} */ offset, /** @type {number} */ length, /** @type {number} */ count) =>
    Math.min(Math.max(Math.floor((offset / length) * count), 0), count - 1);
  return [cell(clientY - top, height, canvas.height), cell(clientX - left, width, canvas.width)];
}

/**
 * A table of similarities, class by class.
 * @param {{name: string, hue: number}[]} classes
 * @param {string} caption
 * @param {(number | null)[][]} numbers −1 to 1; null for none
 */
export function numberTable(classes, caption, numbers) {
  const head = el('tr', {}, el('td'), ...classes.map(({ name }) => tableHeading('col', name)));
  const rows = numbers.map((row, index) => {
    const { name, hue } = classes[index];
    const title = tableHeading('row', name);
    colour(title, hue);
    return el('tr', {}, title, ...row.map(numberCell));
  });
  return el('table.matrix.numbers', {}, el('caption', {}, el('span', {}, caption)), el('thead', {}, head), el('tbody', {}, ...rows));
}

/** @param {number | null} value */
function numberCell(value) {
  if (value === null) return el('td.matrix-number', {}, '–');
  const cell = el('td.matrix-number', { data: { value: value.toFixed(4), sign: value < 0 ? 'minus' : 'plus' } }, value.toFixed(2));
  cell.style.setProperty('--share', Math.abs(value).toFixed(3));
  return cell;
}
