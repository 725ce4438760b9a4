// A dialog that says how a photo came to its answer: what in it spoke for a class, the shots most like it, and what each class has
// of it. It reads names and pictures from the model, and computes nothing.

import { percent, text } from '../strings.js';
import { addressOf, colour, el, icon, offerClasses } from './dom.js';
import { drawSpots } from './plots.js';

/** @import { Evidence, Explanation } from '../engine/protocol.js' */
/** @import { Model } from '../model.js' */

const words = text.why;

export class WhyView {
  #model;
  #picture = el('img', { alt: '', width: 448, height: 448 });
  #spots = el('canvas.why-spots', { width: 7, height: 7, role: 'img' });
  #class = el('select', { id: 'why-class' });
  #choice = el('label.why-choice', {}, el('span', {}, words.spokeFor), this.#class);
  #place = el('p.why-note', { id: 'why-place' });
  #nearest = el('ol.why-nearest', { id: 'why-nearest', aria: { label: words.nearest } });
  #nearestTitle = el('h3', {}, words.nearest);
  #table = el('table.why-table', { id: 'why-classes' });
  #classesTitle = el('h3', {}, words.classes);
  /** @type {Evidence[]} */
  #evidence = [];

  /** @param {Model} model */
  constructor(model) {
    this.#model = model;
    const close = el('button.icon-button', { aria: { label: words.close }, on: { click: () => this.element.close() } }, icon('close'));
    const head = el('div.share-head', {}, el('h2', { id: 'why-title' }, words.title), close);
    const photo = el('div.why-photo', {}, this.#picture, this.#spots);
    const legend = el('p.why-legend', {}, el('span.why-for', {}, words.for), el('span.why-against', {}, words.against));
    const left = el('div.why-part', {}, this.#choice, photo, legend, this.#place, el('p.why-note', {}, words.note));
    const right = el('div.why-part', {}, this.#classesTitle, this.#table, this.#nearestTitle, this.#nearest);
    this.element = el('dialog.dialog.why', { id: 'why', aria: { labelledby: 'why-title' } }, head, el('div.why-parts', {}, left, right));
    this.element.addEventListener('click', (/** @type {MouseEvent} */ event) => event.target === this.element && this.element.close());
    this.#class.addEventListener('change', () => this.#draw());
  }

  /**
   * Opens with the photo; what is to be said of it comes later.
   * @param {Blob} picture
   * @param {number | null} winnerId the class that it was called by
   */
  open(picture, winnerId) {
    this.#picture.src = addressOf(picture);
    this.#evidence = [];
    offerClasses(this.#class, words.noClass, this.#model.classes.filter(({ active }) => active));
    this.#class.value = winnerId === null ? '' : String(winnerId);
    this.element.dataset.state = 'waiting';
    this.#place.textContent = words.waiting;
    this.showExplanation({ nearest: [], classes: [] });
    this.#draw();
    this.element.showModal();
  }

  /** @param {Evidence[]} evidence */
  showEvidence(evidence) {
    this.#evidence = evidence;
    this.element.dataset.state = 'ready';
    this.#draw();
  }

  /** Nothing can be said of it any more. @param {string} reason */
  showFailed(reason) {
    this.element.dataset.state = 'failed';
    this.#place.textContent = reason;
  }

  #draw() {
    const own = this.#evidence.find(({ classId }) => classId === Number(this.#class.value));
    this.#spots.hidden = !own;
    if (!own) return;
    const name = this.#model.findClass(own.classId)?.name ?? '';
    const said = words.strongest(name, words.places[strongest(own.spots)]);
    drawSpots(this.#spots, own.spots);
    this.#spots.setAttribute('aria-label', said);
    this.#place.textContent = said;
  }

  /** @param {Explanation} explanation */
  showExplanation({ nearest, classes }) {
    const items = nearest.flatMap(({ shotId, classId, similarity }) => {
      const found = this.#model.findShot(shotId);
      const picture = found?.shot.picture;
      if (!found || !picture) return [];
      const image = el('img', { src: addressOf(picture), alt: found.photoClass.name, width: 96, height: 96 });
      const item = el('li', { data: { shotId, classId, similarity } }, image, el('span', {}, similarity.toFixed(2)));
      colour(item, found.photoClass.hue);
      return [item];
    });
    this.#nearest.replaceChildren(...items);
    this.#nearestTitle.hidden = items.length === 0;
    this.#showClasses(classes);
  }

  /** @param {Explanation['classes']} classes */
  #showClasses(classes) {
    const trained = classes.some(({ after }) => after !== undefined);
    const columns = [words.columns.name, words.columns.similarity, words.columns.before, ...(trained ? [words.columns.after] : [])];
    const head = el('tr', {}, ...columns.map((column) => el('th', { scope: 'col' }, column)));
    const rows = classes.flatMap(({ classId, similarity, before, after }) => {
      const own = this.#model.findClass(classId);
      if (!own) return [];
      const cells = [similarity.toFixed(2), percent(before), ...(after === undefined ? [] : [percent(after)])];
      const row = el('tr', { data: { classId, similarity, before, after: after ?? '' } }, el('th', { scope: 'row' }, own.name), ...cells.map((cell) => el('td', {}, cell)));
      colour(row, own.hue);
      return [row];
    });
    this.#table.replaceChildren(el('thead', {}, head), el('tbody', {}, ...rows));
    for (const part of [this.#classesTitle, this.#table]) part.hidden = rows.length === 0;
  }
}

/**
 * In which ninth of the picture most of what speaks for a class lies, row by row.
 * @param {number[]} spots
 */
function strongest(spots) {
  const side = Math.sqrt(spots.length);
  const third = (/** @type {number} */ place) => Math.min(Math.floor((place * 3) / side), 2);
  const sums = new Array(9).fill(0);
  spots.forEach((value, index) => (sums[3 * third(Math.floor(index / side)) + third(index % side)] += value));
  return sums.indexOf(Math.max(...sums));
}
