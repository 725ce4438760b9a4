// Step 3, photos: each with its answer, newest first, and what it really is where the visitor says so.
// Events: `files`, `remove` ({testId}), `clear`, `truth` ({testId, classId}), `why` ({testId, winnerId}).

import { USUAL_THRESHOLD } from '../engine/protocol.js';
import { text } from '../strings.js';
import { dropHint, el, emit, fileButton, icon, offerClasses } from './dom.js';
import { PredictionView } from './prediction.js';
import { showThumbnail, thumbnail } from './thumbnail.js';

/** @import { Prediction } from '../engine/protocol.js' */
/** @import { Change, Model, TestPhoto } from '../model.js' */

/** Bars shown for one photo. */
const BARS = 3;

export class TestsView extends EventTarget {
  #model;
  #asksTruth;
  #list = el('ul.test-list');
  #hint = dropHint(text.tests.empty);
  #method = el('p.method', { id: 'tests-method' });
  #threshold = USUAL_THRESHOLD;
  #clear = el('button.button.quiet', { id: 'clear-tests', hidden: true }, text.tests.clear);
  /** @type {Map<number, {item: HTMLElement, picture: HTMLImageElement, prediction: PredictionView, truth: HTMLSelectElement, why: HTMLButtonElement}>} */
  #items = new Map();

  /**
   * @param {Model} model
   * @param {boolean} asksTruth whether the visitor may say what a photo really is
   */
  constructor(model, asksTruth) {
    super();
    this.#model = model;
    this.#asksTruth = asksTruth;
    const choose = fileButton('button', {
      label: text.tests.choose,
      hint: text.tests.chooseHint,
      picture: 'photos',
      id: 'test-input',
      pick: (files) => emit(this, 'files', { files }),
    });
    const folder = asksTruth && fileButton('button', {
      label: text.tests.folder,
      hint: text.tests.folderHint,
      picture: 'folder',
      id: 'test-folder-input',
      folder: true,
      pick: (files) => emit(this, 'files', { files }),
    });
    const head = el('div.tests-head', {}, el('h3', { id: 'tests-title' }, text.tests.title), this.#clear, choose, folder || '');
    this.element = el('section.tests', { id: 'tests', aria: { labelledby: 'tests-title' } }, head, this.#method, this.#hint, this.#list);
    this.#clear.addEventListener('click', () => {
      emit(this, 'clear');
      this.#focusChoice();
    });
  }

  /** @param {Change} change */
  update({ type, test }) {
    if (['class-added', 'class-removed', 'class-changed'].includes(type)) for (const own of this.#model.tests) this.#refreshTruth(own);
    if (!test) return;
    if (type === 'test-added') this.#add(test);
    if (type === 'test-changed') this.#refresh(test);
    if (type === 'test-removed') this.#remove(test);
    this.#hint.hidden = this.#items.size > 0;
    this.#clear.hidden = this.#items.size === 0;
    this.#method.hidden = this.#items.size === 0;
  }

  /** @param {TestPhoto} test */
  #add(test) {
    const picture = thumbnail();
    const prediction = new PredictionView(this.#model, { most: BARS });
    const name = test.name || text.tests.unnamed;
    prediction.setThreshold(this.#threshold);
    const truth = el('select', { data: { truth: '' }, aria: { label: text.tests.truthFor(name) } });
    truth.addEventListener('change', () => emit(this, 'truth', { testId: test.id, classId: truth.value === '' ? null : Number(truth.value) }));
    const really = el('label.test-truth', { hidden: !this.#asksTruth }, el('span', {}, text.tests.truth), truth);
    const why = el('button.button.quiet.test-why', { hidden: true, aria: { label: text.why.askFor(name) } }, text.why.ask);
    why.addEventListener('click', () => prediction.winnerId !== null && emit(this, 'why', { testId: test.id, winnerId: prediction.winnerId }));
    const remove = el('button.icon-button', { aria: { label: text.tests.remove(name) }, on: { click: () => emit(this, 'remove', { testId: test.id }) } }, icon('close'));
    const item = el('li.test', { data: { testId: test.id } }, el('div.test-photo', {}, picture), prediction.element, el('div.test-tools', {}, really, why), ...(test.name ? [el('p.test-name', {}, name)] : []), remove);
    const next = this.#model.tests[this.#model.tests.indexOf(test) + 1];
    this.#list.insertBefore(item, (next && this.#items.get(next.id)?.item) ?? null);
    this.#items.set(test.id, { item, picture, prediction, truth, why });
    this.#refreshTruth(test);
    this.#refresh(test);
  }

  /** @param {TestPhoto} test */
  #refresh(test) {
    const entry = this.#items.get(test.id);
    if (!entry) return;
    entry.item.dataset.status = test.embedding ? 'ready' : 'pending';
    if (test.picture) showThumbnail(entry.picture, test.picture);
    if (!test.embedding) entry.prediction.clear(text.tests.waiting);
    entry.why.hidden = entry.prediction.winnerId === null;
  }

  /**
   * Offers the classes as they are; what a photo really is stays chosen where that class is there.
   * @param {TestPhoto} test
   */
  #refreshTruth(test) {
    const truth = this.#items.get(test.id)?.truth;
    if (!truth) return;
    offerClasses(truth, text.tests.noTruth, this.#model.classes);
    truth.value = test.classId !== null && this.#model.findClass(test.classId) ? String(test.classId) : '';
  }

  /** @param {number} threshold */
  setThreshold(threshold) {
    this.#threshold = threshold;
    for (const { prediction } of this.#items.values()) prediction.setThreshold(threshold);
  }

  /**
   * @param {TestPhoto} test
   * @param {Prediction | null} prediction null where there is nothing to compare with
   */
  showPrediction(test, prediction) {
    const entry = this.#items.get(test.id);
    this.#method.textContent = prediction ? text.prediction.methods[prediction.method] : '';
    if (!entry) return;
    if (prediction) entry.prediction.show(prediction);
    else entry.prediction.clear(text.prediction.none);
    entry.why.hidden = entry.prediction.winnerId === null;
  }

  /** @param {TestPhoto} test */
  #remove(test) {
    const item = this.#items.get(test.id)?.item;
    const neighbour = /** @type {HTMLElement | null} */ (item?.nextElementSibling ?? item?.previousElementSibling ?? null);
    const button = /** @type {HTMLElement | null | undefined} */ (neighbour?.querySelector('button.icon-button'));
    if (item?.contains(document.activeElement)) button ? button.focus() : this.#focusChoice();
    item?.remove();
    this.#items.delete(test.id);
  }

  /** What had the focus is gone. */
  #focusChoice() {
    /** @type {HTMLElement} */ (this.element.querySelector('#test-input')).focus();
  }
}
