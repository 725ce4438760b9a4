// Files that are dragged over the page or pasted into it. Where they fall is marked in the page by `data-drop`.
// Events: `drop` ({place, target, transfer}), `paste` ({files}), and `coming` before, when files are over the page or a dialog to choose
// several opens. `place` is `class`, `new-class`, `test`, `pair` or `page`; `target` is the class's id, or the number of the photo in the pair.

import { carriesFiles } from '../files.js';
import { emit } from './dom.js';

export class DropView extends EventTarget {
  #root;
  /** @type {HTMLElement | null} */
  #over = null;

  /** @param {Document} page */
  constructor(page) {
    super();
    this.#root = page.documentElement;
    page.addEventListener('dragover', (event) => this.#dragOver(event));
    page.addEventListener('dragleave', (event) => event.relatedTarget === null && this.#end());
    page.addEventListener('drop', (event) => this.#drop(event));
    page.addEventListener('paste', (event) => this.#paste(event));
    page.addEventListener('click', ({ target }) => /** @type {HTMLInputElement} */ (target).multiple && emit(this, 'coming'));
  }

  /** @param {DragEvent} event */
  #dragOver(event) {
    if (!carriesFiles(event.dataTransfer)) return;
    event.preventDefault();
    if (!this.#root.dataset.dragging) emit(this, 'coming');
    this.#root.dataset.dragging = 'true';
    this.#mark(placeOf(event));
  }

  /** @param {DragEvent} event */
  #drop(event) {
    const transfer = event.dataTransfer;
    if (!carriesFiles(transfer)) return;
    event.preventDefault();
    const place = placeOf(event);
    this.#end();
    emit(this, 'drop', { place: place?.dataset.drop ?? 'page', target: Number(place?.dataset.classId ?? place?.dataset.pairPlace), transfer });
  }

  /** @param {ClipboardEvent} event */
  #paste(event) {
    const files = [...(event.clipboardData?.files ?? [])];
    if (files.length === 0) return;
    event.preventDefault();
    emit(this, 'paste', { files });
  }

  #end() {
    delete this.#root.dataset.dragging;
    this.#mark(null);
  }

  /** @param {HTMLElement | null} place */
  #mark(place) {
    if (place === this.#over) return;
    if (this.#over) delete this.#over.dataset.over;
    if (place) place.dataset.over = 'true';
    this.#over = place;
  }
}

/** @param {DragEvent} event */
function placeOf(event) {
  const target = /** @type {Element | null} */ (event.target);
  return /** @type {HTMLElement | null} */ (target?.closest?.('[data-drop]') ?? null);
}
