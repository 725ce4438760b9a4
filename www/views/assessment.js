// How well photos of known classes are named: in all, class by class, and what is taken for what.
// It reads names from the model and changes nothing.

import { percent, text } from '../strings.js';
import { colour, el, tableHeading } from './dom.js';

/** @import { Assessment } from '../engine/protocol.js' */
/** @import { Model } from '../model.js' */

const words = text.assessment;

export class AssessmentView {
  #model;
  #hint = el('p.assessment-source', {}, words.empty);
  #share = el('strong.assessment-share', { data: { accuracy: '' } });
  #source = el('p.assessment-source');
  #score = el('div.assessment-score', { hidden: true }, this.#share, this.#source);
  #caption = el('caption', {}, el('span', {}, words.caption));
  #matrix = el('table.matrix');
  #box = el('div.matrix-box', { role: 'region', tabIndex: 0, hidden: true, aria: { label: words.matrix } }, this.#matrix);

  /** @param {Model} model */
  constructor(model) {
    this.#model = model;
    const title = el('h3', { id: 'assessment-title' }, words.title);
    this.element = el('section.assessment', { id: 'assessment', data: { source: 'none' }, aria: { labelledby: 'assessment-title' } }, title, this.#hint, this.#score, this.#box);
  }

  /** There is nothing to go by. */
  clear() {
    this.element.dataset.source = 'none';
    this.#hint.hidden = false;
    this.#score.hidden = true;
    this.#box.hidden = true;
  }

  /**
   * @param {Assessment} assessment
   * @param {'tests' | 'shots'} source the photos to try, or the shots, each named by the others
   */
  show({ classIds, confusion, classAccuracy, accuracy }, source) {
    const classes = classIds.map((id) => this.#model.findClass(id));
    if (accuracy === null || classes.includes(null)) return this.clear();
    const counts = confusion.flat();
    const right = confusion.reduce((sum, row, index) => sum + row[index], 0);
    const all = counts.reduce((sum, count) => sum + count, 0);
    this.element.dataset.source = source;
    this.#share.textContent = percent(accuracy);
    this.#share.dataset.accuracy = String(accuracy);
    this.#source.textContent = words.sources[source](right, all);
    const names = classes.map((own) => own?.name ?? '');
    const corner = el('td', {});
    const head = el('tr', {}, corner, ...names.map((name) => tableHeading('col', name)), tableHeading('col', words.right));
    const rows = confusion.map((row, truth) => {
      const total = row.reduce((sum, count) => sum + count, 0);
      const cells = row.map((count, answer) => cell(count, total, truth === answer));
      const share = classAccuracy[truth];
      const title = tableHeading('row', names[truth]);
      colour(title, classes[truth]?.hue ?? 0);
      return el('tr', { data: { truth: classIds[truth] } }, title, ...cells, el('td.matrix-right', {}, share === null ? words.noPhoto : percent(share)));
    });
    this.#matrix.replaceChildren(this.#caption, el('thead', {}, head), el('tbody', {}, ...rows));
    this.#hint.hidden = true;
    this.#score.hidden = false;
    this.#box.hidden = false;
  }
}

/**
 * @param {number} count
 * @param {number} total photos of the row's class
 * @param {boolean} right
 */
function cell(count, total, right) {
  const element = el('td.matrix-count', { data: { right } }, String(count));
  element.style.setProperty('--share', String(total > 0 ? count / total : 0));
  return element;
}
