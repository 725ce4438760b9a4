// Short messages that go by themselves, some with a way back; one that offers something else stays. Events: none; each toast calls what it was given.

import { text } from '../strings.js';
import { el, focusKeeper, icon } from './dom.js';

/** How long a toast stays, in milliseconds; it stays longer while it is pointed at or holds the focus. */
const STAY = 8000;

export class ToastsView {
  /** How each toast that could undo something goes. @type {Set<() => void>} */
  #leave = new Set();
  #giveFocusBack;

  constructor() {
    this.element = el('div.toasts', { id: 'toasts', aria: { live: 'polite' } });
    this.#giveFocusBack = focusKeeper(this.element);
  }

  /** Takes away what could undo something: that is no longer there. */
  clear() {
    for (const leave of [...this.#leave]) leave();
  }

  /**
   * @param {string} words
   * @param {{undo?: () => void, gone?: () => void, action?: {words: string, run: () => void}}} [options] `gone` is called when
   *   it can no longer be undone; a toast with an `action` stays until it is dismissed
   */
  show(words, { undo, gone, action } = {}) {
    const toast = el('output.toast', {}, el('span', {}, words));
    let timer = 0;
    const leave = () => {
      clearTimeout(timer);
      this.#leave.delete(expire);
      if (toast.contains(document.activeElement)) this.#giveFocusBack();
      toast.remove();
    };
    const expire = () => {
      leave();
      gone?.();
    };
    const wait = () => {
      clearTimeout(timer);
      if (!action) timer = setTimeout(expire, STAY);
    };
    const stay = () => clearTimeout(timer);
    const offer = undo ? { words: text.toast.undo, run: undo } : action;
    if (offer) {
      const click = () => {
        leave();
        offer.run();
      };
      toast.append(el('button.toast-undo', { on: { click } }, offer.words));
    }
    toast.append(el('button.icon-button', { aria: { label: text.toast.dismiss }, on: { click: expire } }, icon('close')));
    for (const type of ['pointerenter', 'focusin']) toast.addEventListener(type, stay);
    for (const type of ['pointerleave', 'focusout']) toast.addEventListener(type, wait);
    this.element.append(toast);
    if (undo) this.#leave.add(expire);
    wait();
  }
}
