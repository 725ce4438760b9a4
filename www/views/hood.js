// Under the hood, behind a fold below the steps: how alike the shots are, a map of them, and the prototypes. It draws an overview, reads
// names and pictures from the model, and computes nothing. Events: `open`, when there is something to be drawn.

import { text } from '../strings.js';
import { addressOf, el, emit } from './dom.js';
import { cellAt, drawNumbers, drawPlane, drawSimilarities, numberTable } from './plots.js';

/** @import { Overview } from '../engine/protocol.js' */
/** @import { Model, PhotoClass, Shot } from '../model.js' */

const words = text.hood;
/** By how many photos an arrow key moves. */
const MOVES = /** @type {Record<string, [number, number]>} */ ({ ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] });

export class HoodView extends EventTarget {
  #model;
  #hint = el('p.hood-note', {}, words.none);
  #matrix = el('canvas.hood-matrix', { id: 'hood-matrix', role: 'img', tabIndex: 0, aria: { label: words.similarity.keys, describedby: 'hood-pair' } });
  #pair = el('output.hood-pair', { id: 'hood-pair' });
  #alike = el('p.hood-note', { id: 'hood-alike' });
  #alikeTable = el('div.matrix-box', { role: 'region', tabIndex: 0, aria: { label: words.similarity.classes } });
  #plane = el('div.hood-plane', { id: 'hood-plane' });
  #planeNote = el('p.hood-note');
  #prototypes = el('canvas.hood-prototypes', { id: 'hood-prototypes', role: 'img' });
  #prototypesNote = el('p.hood-note');
  #prototypeTable = el('div.matrix-box', { role: 'region', tabIndex: 0, aria: { label: words.prototypes.table } });
  #left = el('p.hood-note');
  #figures;
  /** @type {Overview | null} */
  #overview = null;
  /** The two photos that are looked at. @type {[number, number]} */
  #cell = [0, 1];

  /** @param {Model} model */
  constructor(model) {
    super();
    this.#model = model;
    this.#figures = el(
      'div.hood-figures',
      { hidden: true },
      figure(words.similarity.title, this.#matrix, this.#pair, this.#alike, this.#alikeTable),
      figure(words.plane.title, this.#plane, this.#planeNote),
      figure(words.prototypes.title, this.#prototypes, this.#prototypesNote, this.#prototypeTable),
    );
    const notes = [this.#left, el('p.hood-note', {}, words.switches)];
    this.element = el('details.settings.hood', { id: 'hood' }, el('summary', {}, words.title), this.#hint, this.#figures, ...notes);
    this.element.addEventListener('toggle', () => this.open && emit(this, 'open'));
    for (const type of ['pointermove', 'pointerdown']) this.#matrix.addEventListener(type, (/** @type {PointerEvent} */ event) => this.#look(cellAt(this.#matrix, event)));
    this.#matrix.addEventListener('keydown', (/** @type {KeyboardEvent} */ event) => this.#move(event));
  }

  get open() {
    return this.element.open;
  }

  /** @param {Overview | null} overview null where nothing can be told apart yet */
  show(overview) {
    this.#overview = overview;
    this.#hint.hidden = overview !== null;
    this.#figures.hidden = overview === null;
    this.#left.hidden = true;
    if (!overview) return;
    this.#showSimilarities(overview);
    this.#showPlane(overview);
    this.#showPrototypes(overview);
    const left = overview.shotCount - overview.shots.length;
    this.#left.hidden = left === 0;
    this.#left.textContent = words.left(overview.shots.length, overview.shotCount);
  }

  /** @param {Overview} overview */
  #showSimilarities({ shots, similarities, prototypes }) {
    drawSimilarities(this.#matrix, similarities);
    this.#cell = [Math.min(this.#cell[0], shots.length - 1), Math.min(this.#cell[1], shots.length - 1)];
    this.#look(this.#cell);
    const classes = this.#classes(prototypes);
    const means = meanSimilarities(classes.map(({ id }) => id), shots, similarities);
    const within = mean(means.flatMap((row, index) => row[index] ?? []));
    const between = mean(means.flatMap((row, index) => row.filter((_, other) => other !== index)).flatMap((value) => value ?? []));
    const [same, different] = [within, between].map((value) => (value ?? 0).toFixed(2));
    this.#alike.textContent = within === null ? words.similarity.onlyBetween(different) : words.similarity.both(same, different);
    this.#alikeTable.replaceChildren(numberTable(classes, words.similarity.classes, means));
  }

  /** @param {[number, number]} cell */
  #look(cell) {
    const { shots, similarities } = this.#overview ?? {};
    if (!shots || !similarities || shots.length === 0) return;
    this.#cell = cell;
    const both = cell.map((index) => this.#model.findShot(shots[index].shotId));
    const pictures = both.map((found) => el('img', { alt: '', width: 64, height: 64, src: found?.shot.picture ? addressOf(found.shot.picture) : '' }));
    const names = both.map((found) => (found ? nameOf(found) : ''));
    const similarity = similarities[cell[0]][cell[1]];
    this.#pair.dataset.similarity = String(similarity);
    this.#pair.replaceChildren(...pictures, el('span', {}, words.similarity.pair(names[0], names[1], similarity.toFixed(2))));
  }

  /** @param {KeyboardEvent} event */
  #move(event) {
    const move = MOVES[event.key];
    const count = this.#overview?.shots.length ?? 0;
    if (!move || count === 0) return;
    event.preventDefault();
    const place = (/** @type {0 | 1} */ index) => Math.min(Math.max(this.#cell[index] + move[index], 0), count - 1);
    this.#look([place(0), place(1)]);
  }

  /** @param {Overview} overview */
  #showPlane({ shots, prototypes, queries, shares }) {
    /** @type {import('./plots.js').Point[]} */
    const points = [];
    for (const { shotId, place } of shots) {
      const found = this.#model.findShot(shotId);
      if (found) points.push({ place, kind: 'shot', hue: found.photoClass.hue, name: nameOf(found) });
    }
    for (const { classId, place } of prototypes) {
      const own = this.#model.findClass(classId);
      if (own) points.push({ place, kind: 'prototype', hue: own.hue, name: own.name });
    }
    for (const place of queries) points.push({ place, kind: 'query', hue: null, name: words.plane.query });
    this.#plane.replaceChildren(drawPlane(points));
    this.#planeNote.textContent = words.plane.note(shares[0] + shares[1], queries.length > 0);
  }

  /** @param {Overview} overview */
  #showPrototypes({ prototypes, prototypeSimilarities }) {
    drawNumbers(this.#prototypes, prototypes.map(({ row }) => row));
    const said = words.prototypes.note(prototypes.length, prototypes[0]?.row.length ?? 0);
    this.#prototypes.setAttribute('aria-label', said);
    this.#prototypesNote.textContent = said;
    this.#prototypeTable.replaceChildren(numberTable(this.#classes(prototypes), words.prototypes.table, prototypeSimilarities));
  }

  /**
   * @param {Overview['prototypes']} prototypes
   * @returns {PhotoClass[]}
   */
  #classes(prototypes) {
    return prototypes.flatMap(({ classId }) => this.#model.findClass(classId) ?? []);
  }
}

/** A shot by its place in its class. @param {{photoClass: PhotoClass, shot: Shot}} found */
function nameOf({ photoClass, shot }) {
  return words.shot(photoClass.shots.indexOf(shot) + 1, photoClass.name);
}

/**
 * @param {string} title
 * @param {...HTMLElement} parts
 */
function figure(title, ...parts) {
  return el('figure.hood-figure', {}, el('h3', {}, title), ...parts);
}

/**
 * How alike the shots of each two classes are, a shot and itself left out; null where there is no pair.
 * @param {number[]} classIds
 * @param {Overview['shots']} shots
 * @param {number[][]} similarities
 * @returns {(number | null)[][]}
 */
function meanSimilarities(classIds, shots, similarities) {
  const places = new Map(classIds.map((id, place) => [id, place]));
  const of = shots.map(({ classId }) => /** @type {number} */ (places.get(classId)));
  const table = () => classIds.map(() => classIds.map(() => 0));
  const [sums, counts] = [table(), table()];
  for (const [i, row] of similarities.entries()) {
    for (const [j, similarity] of row.entries()) {
      if (i === j) continue;
      sums[of[i]][of[j]] += similarity;
      counts[of[i]][of[j]] += 1;
    }
  }
  return sums.map((row, i) => row.map((sum, j) => (counts[i][j] === 0 ? null : sum / counts[i][j])));
}

/** @param {number[]} values */
function mean(values) {
  return values.length === 0 ? null : values.reduce((sum, value) => sum + value, 0) / values.length;
}
