// Step 3, at its end: what can be taken elsewhere, each file with a button, and why where there is none to be had.
// Events: `take` ({kind}). It shows what it is told.

import { text } from '../strings.js';
import { el, emit, icon, write } from './dom.js';

/** @typedef {'npy' | 'csv' | 'onnx' | 'answers' | 'head' | 'photos'} Kind */

const words = text.export;
const KINDS = /** @type {Kind[]} */ (['onnx', 'head', 'answers', 'photos', 'csv', 'npy']);

export class ExportView extends EventTarget {
  #rows = KINDS.map((kind) => this.#row(kind));

  constructor() {
    super();
    const list = el('ul.export-list', {}, ...this.#rows.map(({ item }) => item));
    this.element = el('details.settings.export', { id: 'export' }, el('summary', {}, words.title), list);
  }

  /** @param {Kind} kind */
  #row(kind) {
    const hint = el('p.export-hint', { id: `export-${kind}-hint` });
    const button = el('button.button', { id: `export-${kind}`, on: { click: () => emit(this, 'take', { kind }) } }, icon('save'), el('span', {}, words.names[kind]));
    button.setAttribute('aria-describedby', hint.id);
    return { kind, hint, button, item: el('li', {}, button, hint) };
  }

  /** @param {Record<Kind, {hint: string, ready: boolean}>} states a hint says what the file is, or why there is none */
  show(states) {
    for (const { kind, hint, button } of this.#rows) {
      write(hint, states[kind].hint);
      button.disabled = !states[kind].ready;
    }
  }
}
