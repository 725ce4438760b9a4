// The primer's figures, from pictures of the visitor's own shots, or of cards where there are none. It draws what it is given; the
// words come from the primer's.

import { percent } from '../strings.js';
import { addressOf, colour, el, svgElement } from './dom.js';

/** @typedef {{name: string, hue: number, pictures: Blob[]}} Class a picture at least */

/**
 * What figures are made of.
 * @typedef {object} Material
 * @property {Class[]} classes two at least; of the first there is a twin
 * @property {Blob} twin another picture of the first class
 * @property {Blob} query a picture that is to be named
 * @property {boolean} own whether they are the visitor's
 */

/** @typedef {typeof import('../primer/en.js').primer.figures} Words */

/** Most rows and columns of a support set that is shown. */
const ROWS = 6;
const COLUMNS = 5;
/** Accuracies of the page's method on photos of flowers, ways by shots; README.md has the command that printed them. */
const ACCURACIES = {
  ways: [2, 5, 10, 20],
  shots: [1, 2, 5, 10, 20],
  shares: [
    [0.9533, 0.9690, 0.9890, 0.9943, 0.9983],
    [0.8560, 0.9349, 0.9744, 0.9812, 0.9883],
    [0.7997, 0.8885, 0.9447, 0.9658, 0.9820],
    [0.7346, 0.8447, 0.9162, 0.9470, 0.9680],
  ],
};
/** Similarities of a query with five prototypes. */
const SIMILARITIES = [0.8, 0.6, 0.5, 0.4, 0.3];
const SCALES = [1, 10, 30];

/** @type {Record<string, (material: Material, words: Words) => HTMLElement>} */
export const FIGURES = {
  few: (material, words) => figure(material.own ? words.support(material.classes.length, shotsEach(material, words)) : words.cards, supportSet(material)),
  meta: (material, words) => {
    const episodes = [material.classes.slice(0, 2), material.classes.slice(-2).reverse()];
    return el('div.primer-pairs', {}, ...episodes.map((classes, index) => figure(words.episode(index + 1), supportSet({ ...material, classes }))));
  },
  sets: (material, words) =>
    el('div.primer-sets', {}, figure(words.training, crowd()), figure(words.supportSet, supportSet(material)), figure(words.query, picture(material.query, null))),
  ways: (_, words) => figure(words.accuracy, accuracies(words)),
  siamese: (material, words) => {
    const [first, second] = material.classes;
    return el('div.primer-pairs', {}, figure(words.same, pair(first, material.twin, first, '=')), figure(words.different, pair(first, second.pictures[0], second, '≠')));
  },
  triplet: (material, words) => {
    const [first, second] = material.classes;
    const parts = [picture(first.pictures[0], first), picture(material.twin, first), picture(second.pictures[0], second)];
    return el('div.primer-triple', {}, ...parts.map((part, index) => figure(words.triple[index], part)));
  },
  pretraining: (material, words) => {
    const parts = [crowd(), pair(material.classes[0], material.classes[1].pictures[0], material.classes[1], '?'), supportSet(material)];
    return el('div.primer-sets', {}, ...parts.map((part, index) => figure(words.steps[index], part)));
  },
  prototypes: (material, words) => {
    const [own] = material.classes;
    const shots = own.pictures.slice(0, COLUMNS).map((one) => picture(one, own));
    const ring = el('span.primer-ring', {}, words.mean);
    colour(ring, own.hue);
    return figure(words.prototype(own.name), el('div.primer-row', {}, ...shots, el('span.primer-arrow', { aria: { hidden: 'true' } }, '→'), ring));
  },
  finetuning: (_, words) => figure(words.softmax(SIMILARITIES.map((value) => value.toFixed(1)).join(' · ')), softmaxes(words)),
};

/**
 * @param {string} caption
 * @param {HTMLElement} drawing
 */
function figure(caption, drawing) {
  return el('figure.primer-figure', {}, drawing, el('figcaption', {}, caption));
}

/**
 * @param {Blob} blob
 * @param {{name: string, hue: number} | null} own whose class it is; null for a query
 */
function picture(blob, own) {
  const image = el('img.primer-picture', { src: addressOf(blob), alt: own?.name ?? '?', width: 64, height: 64 });
  if (own) colour(image, own.hue);
  return image;
}

/** @param {Material} material */
function supportSet({ classes }) {
  const rows = classes.slice(0, ROWS).map((own) => {
    const name = el('span.primer-name', {}, own.name);
    return el('div.primer-row', {}, name, ...own.pictures.slice(0, COLUMNS).map((one) => picture(one, own)));
  });
  return el('div.primer-support', {}, ...rows);
}

/** @param {Material} material @param {Words} words */
function shotsEach({ classes }, words) {
  const counts = classes.map(({ pictures }) => pictures.length);
  return words.shotsEach(Math.min(...counts), Math.max(...counts));
}

/**
 * @param {Class} first
 * @param {Blob} other
 * @param {{name: string, hue: number}} own the other's class
 * @param {string} sign
 */
function pair(first, other, own, sign) {
  return el('div.primer-row', {}, picture(first.pictures[0], first), el('strong.primer-sign', { aria: { hidden: 'true' } }, sign), picture(other, own));
}

/** Many little squares in many colours: a large training set. */
function crowd() {
  const svg = svgElement('svg', { viewBox: '0 0 120 48', class: 'primer-crowd', 'aria-hidden': 'true' });
  for (let index = 0; index < 160; index++) {
    const square = svgElement('rect', { x: (index % 20) * 6, y: Math.floor(index / 20) * 6, width: 5, height: 5 });
    colour(square, (index * 7) % 23);
    svg.append(square);
  }
  return /** @type {any} */ (svg);
}

/** @param {Words} words */
function accuracies(words) {
  const head = el('tr', {}, el('td'), ...ACCURACIES.shots.map((shot) => el('th', { scope: 'col' }, words.shots(shot))));
  const rows = ACCURACIES.shares.map((shares, index) => el('tr', {}, el('th', { scope: 'row' }, words.ways(ACCURACIES.ways[index])), ...shares.map(cell)));
  return el('table.primer-table', {}, el('thead', {}, head), el('tbody', {}, ...rows));
}

/** @param {number} share the higher, the stronger its ground */
function cell(share) {
  const element = el('td', {}, percent(share));
  element.style.setProperty('--share', Math.max((share - 0.7) / 0.3, 0).toFixed(3));
  return element;
}

/** @param {Words} words */
function softmaxes(words) {
  const columns = SCALES.map((scale, index) => {
    const powers = SIMILARITIES.map((similarity) => Math.exp(scale * similarity));
    const sum = powers.reduce((sum, power) => sum + power, 0);
    return el('div.primer-softmax', {}, el('strong', {}, words.scales[index]), ...powers.map((power) => bar(power / sum, percent(power / sum))));
  });
  return el('div.primer-sets', {}, ...columns);
}

/**
 * @param {number} share
 * @param {string} words
 */
function bar(share, words) {
  const fill = el('span.primer-fill', {});
  fill.style.setProperty('--share', share.toFixed(4));
  return el('span.primer-bar', {}, el('span.primer-track', { aria: { hidden: 'true' } }, fill), words);
}
