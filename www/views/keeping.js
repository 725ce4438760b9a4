// What stands in the way of keeping the project, in words, with a way on; hidden while all is kept.
// Events: `retry`, `save-file`, `claim`.

import { explain, text } from '../strings.js';
import { el, emit, icon } from './dom.js';

const words = text.projects;

export class KeepingView extends EventTarget {
  constructor() {
    super();
    this.element = el('div.keeping', { id: 'keeping', role: 'alert', hidden: true });
  }

  clear() {
    this.element.hidden = true;
    this.element.replaceChildren();
  }

  /** @param {any} error why it could not be kept */
  showFailed(error) {
    const file = el('button.button', { on: { click: () => emit(this, 'save-file') } }, icon('save'), el('span', {}, words.save));
    const retry = el('button.button', { on: { click: () => emit(this, 'retry') } }, words.retry);
    this.#show(error.code ?? '', [words.notKept, explain(error)], [file, retry]);
  }

  showTaken() {
    const claim = el('button.button', { id: 'claim-project', on: { click: () => emit(this, 'claim') } }, words.claim);
    this.#show('storage-taken', [words.taken, words.takenDo], [claim]);
  }

  /**
   * @param {string} code
   * @param {[string, string]} sentences
   * @param {HTMLElement[]} buttons
   */
  #show(code, [what, why], buttons) {
    if (this.element.dataset.code === code && !this.element.hidden) return;
    this.element.dataset.code = code;
    const said = el('div.banner-words', {}, el('strong', {}, what), el('span', {}, why));
    this.element.replaceChildren(el('div.banner.failure', {}, icon('warning'), said, el('div.banner-tools', {}, ...buttons)));
    this.element.hidden = false;
  }
}
