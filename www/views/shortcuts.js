// The keys that do what buttons do, and the dialog under `?` that lists them and can switch them off: whoever dictates, or rests
// a hand on the keys, would press them unawares. A key presses the button, so it can do no more than that.

import { chosen, keepChoice } from '../storage/choice.js';
import { text } from '../strings.js';
import { el, icon } from './dom.js';

/** The buttons by their keys. */
const BUTTONS = { a: '#add-class', t: '#train', c: '#live-toggle', f: '#live-freeze', u: '.toast:last-child .toast-undo' };
/** In these a key is a letter, or chooses something. */
const WRITING = 'input:not([type=checkbox], [type=radio], [type=range], [type=file]), textarea, select, [contenteditable]';
/** Under which name it is kept whether keys are on. */
const CHOICE = 'keys';

export class ShortcutsView {
  #page;
  #on = el('input', { type: 'checkbox', id: 'keys-on' });

  /** @param {Document} page */
  constructor(page) {
    this.#page = page;
    this.button = el('button.icon-button.keys', { id: 'keys', aria: { label: text.keys.title }, on: { click: () => this.dialog.showModal() } }, '?');
    const close = el('button.icon-button', { aria: { label: text.keys.close }, on: { click: () => this.dialog.close() } }, icon('close'));
    const rows = Object.entries(text.keys.names).map(([key, does]) => el('div', {}, el('dt', {}, el('kbd', {}, text.keys.caps[key] ?? key.toUpperCase())), el('dd', {}, does)));
    const head = el('div.share-head', {}, el('h2', { id: 'keys-title' }, text.keys.title), close);
    const choice = el('label.check', {}, this.#on, el('span', {}, text.keys.on));
    this.dialog = el('dialog.dialog', { id: 'keys-dialog', aria: { labelledby: 'keys-title' } }, head, el('dl.keys-list', {}, ...rows), choice);
    this.#on.checked = chosen(CHOICE) !== 'off';
    this.#on.addEventListener('change', () => keepChoice(CHOICE, this.#on.checked ? 'on' : 'off'));
    page.addEventListener('keydown', (event) => this.#pressed(event));
  }

  /** @param {KeyboardEvent} event */
  #pressed(event) {
    const { key, target } = event;
    const busy = event.repeat || event.ctrlKey || event.altKey || event.metaKey || this.#page.querySelector('dialog[open]');
    if (!this.#on.checked || busy || /** @type {Element} */ (target).matches?.(WRITING)) return;
    if (key === '?') return this.dialog.showModal();
    const name = key.toLowerCase();
    const button = name in BUTTONS ? this.#page.querySelector(BUTTONS[/** @type {keyof typeof BUTTONS} */ (name)]) : null;
    if (!button) return;
    event.preventDefault();
    /** @type {HTMLButtonElement} */ (button).click();
  }
}
