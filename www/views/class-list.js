// Step 1: the class cards, and how to add a class. Events of a card are passed on with its class's id: `rename`, `switch`,
// `remove`, `files`, `camera`, `open-shot`, `remove-shot`, `touched`; its own are `add` and `folder`.

import { text } from '../strings.js';
import { ClassCardView } from './class-card.js';
import { el, emit, fileButton, icon } from './dom.js';

/** @import { Change, PhotoClass } from '../model.js' */

const PASSED_ON = ['rename', 'switch', 'remove', 'files', 'camera', 'open-shot', 'remove-shot', 'touched'];

export class ClassListView extends EventTarget {
  /** @type {Map<number, ClassCardView>} */
  #cards = new Map();
  #list = el('div.class-list');

  constructor() {
    super();
    const add = el('button.button.add-class', { id: 'add-class', on: { click: () => emit(this, 'add') } }, icon('plus'), el('span', {}, text.classes.add));
    const folder = fileButton('button.quiet', {
      label: text.classes.folder,
      hint: text.classes.folderHint,
      picture: 'folder',
      id: 'folder-input',
      folder: true,
      pick: (files) => emit(this, 'folder', { files }),
    });
    this.element = el('div.show', {}, this.#list, el('div.add-row', { data: { drop: 'new-class' } }, add, folder));
  }

  /**
   * @param {Change} change
   * @param {PhotoClass[]} classes
   */
  update({ type, photoClass, shot }, classes) {
    if (!photoClass) return;
    if (type === 'class-added') this.#addCard(photoClass, classes);
    const card = this.#cards.get(photoClass.id);
    if (!card) return;
    if (type === 'class-removed') return this.#removeCard(photoClass.id, card);
    if (shot && type === 'shot-added') card.addShot(shot);
    if (shot && type === 'shot-removed') card.removeShot(shot);
    if (type === 'class-changed') card.refreshName();
    else card.refreshSoon();
  }

  /** @param {number} classId */
  card(classId) {
    return this.#cards.get(classId) ?? null;
  }

  /** @param {number | null} classId */
  select(classId) {
    for (const [id, card] of this.#cards) card.showSelected(id === classId);
  }

  /**
   * @param {PhotoClass} photoClass
   * @param {PhotoClass[]} classes
   */
  #addCard(photoClass, classes) {
    const card = new ClassCardView(photoClass);
    for (const type of PASSED_ON) {
      card.addEventListener(type, (/** @type {any} */ event) => emit(this, type, { classId: photoClass.id, ...event.detail }));
    }
    const next = classes[classes.indexOf(photoClass) + 1];
    this.#list.insertBefore(card.element, (next && this.#cards.get(next.id)?.element) ?? null);
    this.#cards.set(photoClass.id, card);
  }

  /**
   * @param {number} id
   * @param {ClassCardView} card
   */
  #removeCard(id, card) {
    if (card.element.contains(document.activeElement)) {
      const neighbour = card.element.nextElementSibling ?? card.element.previousElementSibling;
      /** @type {HTMLElement | null} */ ((neighbour ?? this.element).querySelector('input.class-name, #add-class'))?.focus();
    }
    card.element.remove();
    this.#cards.delete(id);
  }
}
