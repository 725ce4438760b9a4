// Files that were left out, one line each with its reason, until the visitor has seen them.

import { explain, text } from '../strings.js';
import { el, focusKeeper, icon } from './dom.js';

export class ProblemsView {
  #title = el('strong', { id: 'problems-title' });
  // It scrolls, by the keyboard too.
  #list = el('ul.problem-list', { tabIndex: 0, aria: { labelledby: 'problems-title' } });
  #giveFocusBack;

  constructor() {
    const dismiss = el('button.icon-button', { id: 'dismiss-problems', aria: { label: text.problems.dismiss }, on: { click: () => this.clear() } }, icon('close'));
    this.element = el('section.problems', { id: 'problems', hidden: true, role: 'status' }, el('div.problems-head', {}, icon('warning'), this.#title, dismiss), this.#list);
    this.#giveFocusBack = focusKeeper(this.element);
  }

  /**
   * @param {string} file
   * @param {any} error
   */
  add(file, error) {
    const item = el('li', { data: { code: error.code ?? '' } }, el('b', {}, file), el('span', {}, explain(error)));
    this.#list.append(item);
    this.#title.textContent = text.problems.title(this.#list.childElementCount);
    this.element.hidden = false;
  }

  clear() {
    this.#giveFocusBack();
    this.#list.replaceChildren();
    this.element.hidden = true;
  }
}
