// A question: is a project file to be opened as a project of its own, or added to the one that is open?

import { text } from '../strings.js';
import { el } from './dom.js';

const words = text.projects.import;

/** @typedef {'open' | 'add' | 'cancel'} Choice */

export class ImportView {
  #title = el('h2.dialog-title', { id: 'import-title' });
  #about = el('p');
  /** @type {(choice: Choice) => void} */
  #answer = () => {};

  constructor() {
    const choose = (/** @type {Choice} */ choice) => () => this.#close(choice);
    const buttons = [
      el('button.button.primary', { id: 'import-open', on: { click: choose('open') } }, words.open),
      el('button.button', { id: 'import-add', on: { click: choose('add') } }, words.add),
      el('button.button.quiet', { on: { click: choose('cancel') } }, words.cancel),
    ];
    this.element = el('dialog.dialog', { id: 'import', aria: { labelledby: 'import-title' } }, this.#title, this.#about, el('div.dialog-tools', {}, ...buttons));
    this.element.addEventListener('close', () => this.#answer('cancel'));
  }

  /**
   * @param {string} name
   * @param {number} classes
   * @param {number} photos
   * @returns {Promise<Choice>}
   */
  ask(name, classes, photos) {
    this.#title.textContent = words.title(name);
    this.#about.textContent = words.about(classes, photos);
    this.element.showModal();
    return new Promise((resolve) => (this.#answer = resolve));
  }

  /** @param {Choice} choice */
  #close(choice) {
    this.#answer(choice);
    this.element.close();
  }
}
