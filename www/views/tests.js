// Step 3, photos: each with its answer, newest first. Events: `files`, `remove` ({testId}), `clear`.

import { text } from '../strings.js';
import { addressOf, el, emit, fileButton, icon } from './dom.js';
import { PredictionView } from './prediction.js';

/** @import { Prediction } from '../engine/protocol.js' */
/** @import { Change, Model, TestPhoto } from '../model.js' */

/** Bars shown for one photo. */
const BARS = 3;

export class TestsView extends EventTarget {
  #model;
  #list = el('ul.test-list');
  #hint = el('p.drop-hint', {}, text.tests.empty);
  #clear = el('button.button.quiet', { id: 'clear-tests', hidden: true }, text.tests.clear);
  /** @type {Map<number, {item: HTMLElement, picture: HTMLImageElement, prediction: PredictionView}>} */
  #items = new Map();

  /** @param {Model} model */
  constructor(model) {
    super();
    this.#model = model;
    const choose = fileButton('button', {
      label: text.tests.choose,
      hint: text.tests.choose,
      picture: 'photos',
      id: 'test-input',
      pick: (files) => emit(this, 'files', { files }),
    });
    const head = el('div.tests-head', {}, el('h3', { id: 'tests-title' }, text.tests.title), this.#clear, choose);
    this.element = el('section.tests', { id: 'tests', aria: { labelledby: 'tests-title' } }, head, this.#hint, this.#list);
    this.#clear.addEventListener('click', () => emit(this, 'clear'));
  }

  /** @param {Change} change */
  update({ type, test }) {
    if (!test) return;
    if (type === 'test-added') this.#add(test);
    if (type === 'test-changed') this.#refresh(test);
    if (type === 'test-removed') this.#remove(test);
    this.#hint.hidden = this.#items.size > 0;
    this.#clear.hidden = this.#items.size === 0;
  }

  /** @param {TestPhoto} test */
  #add(test) {
    const picture = el('img', { alt: '', width: 224, height: 224, hidden: true });
    const prediction = new PredictionView(this.#model, { most: BARS });
    const name = test.name || text.tests.unnamed;
    const remove = el('button.icon-button', { aria: { label: text.tests.remove(name) }, on: { click: () => emit(this, 'remove', { testId: test.id }) } }, icon('close'));
    const item = el('li.test', { data: { testId: test.id } }, el('div.test-photo', {}, picture), prediction.element, el('p.test-name', {}, name), remove);
    const next = this.#model.tests[this.#model.tests.indexOf(test) + 1];
    this.#list.insertBefore(item, (next && this.#items.get(next.id)?.item) ?? null);
    this.#items.set(test.id, { item, picture, prediction });
    this.#refresh(test);
  }

  /** @param {TestPhoto} test */
  #refresh(test) {
    const entry = this.#items.get(test.id);
    if (!entry) return;
    entry.item.dataset.status = test.embedding ? 'ready' : 'pending';
    if (test.square && entry.picture.hidden) {
      entry.picture.src = addressOf(test.square);
      entry.picture.hidden = false;
    }
    if (!test.embedding) entry.prediction.clear(text.tests.waiting);
  }

  /**
   * @param {TestPhoto} test
   * @param {Prediction | null} prediction null where there is nothing to compare with
   */
  showPrediction(test, prediction) {
    const entry = this.#items.get(test.id);
    if (prediction) entry?.prediction.show(prediction);
    else entry?.prediction.clear(text.prediction.none);
  }

  /** @param {TestPhoto} test */
  #remove(test) {
    this.#items.get(test.id)?.item.remove();
    this.#items.delete(test.id);
  }
}
