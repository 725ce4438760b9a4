// A dialog with one shot, large, as the network sees it. Events: `step` ({by}), `remove`, `closed`.

import { text } from '../strings.js';
import { addressOf, colour, el, emit, icon } from './dom.js';

/** @import { PhotoClass, Shot } from '../model.js' */

export class PreviewView extends EventTarget {
  #picture = el('img', { alt: '', width: 448, height: 448 });
  #title = el('h2.preview-title', { id: 'preview-title' });
  #note = el('p.preview-note');

  constructor() {
    super();
    const words = text.preview;
    const previous = el('button.icon-button', { aria: { label: words.previous }, on: { click: () => emit(this, 'step', { by: -1 }) } }, icon('previous'));
    const next = el('button.icon-button', { aria: { label: words.next }, on: { click: () => emit(this, 'step', { by: 1 }) } }, icon('next'));
    const remove = el('button.button.danger', { id: 'preview-remove', on: { click: () => emit(this, 'remove') } }, icon('bin'), el('span', {}, words.remove));
    const close = el('button.icon-button', { aria: { label: words.close }, on: { click: () => this.close() } }, icon('close'));
    this.element = el(
      'dialog.preview',
      { id: 'preview', aria: { labelledby: 'preview-title' } },
      el('div.preview-head', {}, this.#title, close),
      this.#picture,
      this.#note,
      el('div.preview-tools', {}, previous, next, remove),
    );
    this.element.addEventListener('keydown', (/** @type {KeyboardEvent} */ event) => this.#key(event));
    this.element.addEventListener('click', (/** @type {MouseEvent} */ event) => event.target === this.element && this.close());
    this.element.addEventListener('close', () => emit(this, 'closed'));
  }

  /**
   * @param {PhotoClass} photoClass
   * @param {Shot} shot
   */
  show(photoClass, shot) {
    const place = photoClass.shots.indexOf(shot) + 1;
    this.#title.textContent = text.preview.position(photoClass.name, place, photoClass.shots.length);
    this.#picture.alt = shot.name || text.shot.open(place, photoClass.name);
    if (shot.picture) this.#picture.src = addressOf(shot.picture);
    this.#note.textContent = shot.status === 'failed' ? text.preview.failed : text.preview.caption;
    colour(this.element, photoClass.hue);
    if (!this.element.open) this.element.showModal();
  }

  close() {
    this.element.close();
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    if (event.key === 'ArrowLeft') emit(this, 'step', { by: -1 });
    if (event.key === 'ArrowRight') emit(this, 'step', { by: 1 });
    if (event.key === 'Delete') emit(this, 'remove');
  }
}
