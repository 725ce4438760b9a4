// Short messages that go by themselves, some with a way back. Events: none; each toast calls what it was given.

import { text } from '../strings.js';
import { el, icon } from './dom.js';

/** How long a toast stays, in milliseconds; it stays longer while it is pointed at or holds the focus. */
const STAY = 8000;

export class ToastsView {
  /** How each toast that is shown goes. @type {Set<() => void>} */
  #leave = new Set();

  constructor() {
    this.element = el('div.toasts', { id: 'toasts', aria: { live: 'polite' } });
  }

  /** Takes all away: what they could undo is no longer there. */
  clear() {
    for (const leave of [...this.#leave]) leave();
  }

  /**
   * @param {string} words
   * @param {{undo?: () => void, gone?: () => void}} [options] `gone` is called when it can no longer be undone
   */
  show(words, { undo, gone } = {}) {
    const toast = el('output.toast', {}, el('span', {}, words));
    let timer = 0;
    const leave = () => {
      clearTimeout(timer);
      this.#leave.delete(expire);
      toast.remove();
    };
    const expire = () => {
      leave();
      gone?.();
    };
    const wait = () => {
      clearTimeout(timer);
      timer = setTimeout(expire, STAY);
    };
    const stay = () => clearTimeout(timer);
    if (undo) {
      const click = () => {
        leave();
        undo();
      };
      toast.append(el('button.toast-undo', { on: { click } }, text.toast.undo));
    }
    toast.append(el('button.icon-button', { aria: { label: text.toast.dismiss }, on: { click: expire } }, icon('close')));
    for (const type of ['pointerenter', 'focusin']) toast.addEventListener(type, stay);
    for (const type of ['pointerleave', 'focusout']) toast.addEventListener(type, wait);
    this.element.append(toast);
    this.#leave.add(expire);
    wait();
  }
}
