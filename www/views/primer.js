// The primer's fold, below the steps. Its chapters come when it is first opened. Events: `open`, when it was opened.

import { text } from '../strings.js';
import { el, emit } from './dom.js';

export class PrimerView extends EventTarget {
  #body = el('div.primer-body');

  constructor() {
    super();
    this.element = el('details.settings.primer', { id: 'primer' }, el('summary', {}, text.primer.title), this.#body);
    this.element.addEventListener('toggle', () => this.element.open && emit(this, 'open'));
  }

  /** Opens it and brings it into sight. */
  reveal() {
    this.element.open = true;
    this.element.scrollIntoView({ block: 'start' });
  }

  /** @param {HTMLElement[]} elements */
  fill(elements) {
    this.#body.replaceChildren(...elements);
  }
}
