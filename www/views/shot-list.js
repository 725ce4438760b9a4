// The photos of one class, in rows that scroll. Of thousands only those near the visible rows are elements of the page: a
// browser lays out, paints and composes all that there are, in every frame. Events: `open-shot`, `remove-shot`.

import { text } from '../strings.js';
import { el, emit, icon } from './dom.js';
import { showThumbnail, thumbnail } from './thumbnail.js';

/** @import { PhotoClass, Shot } from '../model.js' */

/** Most rows that are visible at once: the style sheet's height of the list by the least of a row, and one cut in two. */
const VISIBLE = 6;
/** Rows before and after them that are there too. */
const AROUND = 2;

export class ShotListView extends EventTarget {
  element = el('ul.shots');
  #class;
  /** Those that are there, by their shots' ids. @type {Map<number, HTMLElement>} */
  #items = new Map();
  /** Photos in a row, and from row to row in pixels: guesses until the list was laid out. */
  #columns = 8;
  #rowHeight = 60;
  #room = '';
  /** How far it is scrolled, in pixels: who asks the element has the browser lay out the page. */
  #top = 0;
  /** Whether the last row is in sight, and shall stay there. */
  #atEnd = false;

  /** @param {PhotoClass} photoClass */
  constructor(photoClass) {
    super();
    this.#class = photoClass;
    this.element.addEventListener('click', (/** @type {any} */ event) => this.#clicked(event.target));
    this.element.addEventListener('keydown', (/** @type {any} */ event) => {
      const item = event.target.closest('li');
      if (item && (event.key === 'Delete' || event.key === 'Backspace')) emit(this, 'remove-shot', { shotId: Number(item.dataset.shotId) });
    });
    this.element.addEventListener('scroll', () => this.#scrolled(), { passive: true });
    new ResizeObserver(() => this.#measure()).observe(this.element);
  }

  /** @param {HTMLElement} target */
  #clicked(target) {
    const item = /** @type {HTMLElement | null} */ (target.closest('li'));
    if (!item) return;
    const type = target.closest('.shot-remove') ? 'remove-shot' : 'open-shot';
    emit(this, type, { shotId: Number(item.dataset.shotId) });
  }

  /**
   * Shows the class's photos as they are now.
   * @param {boolean} toEnd whether the last one is to be seen
   */
  refresh(toEnd) {
    this.element.setAttribute('aria-label', text.classes.shots(this.#class.name));
    this.element.hidden = this.#class.shots.length === 0;
    this.#atEnd ||= toEnd;
    this.#place();
    if (toEnd) this.#scrollTo(this.element.scrollHeight);
  }

  /**
   * A shot that is gone; its neighbour gets the focus if it had that.
   * @param {Shot} shot
   * @returns {boolean} false where it had the focus, and there is no neighbour
   */
  removeShot(shot) {
    const item = this.#items.get(shot.id);
    if (!item) return true;
    const focused = item.contains(document.activeElement);
    const neighbour = item.nextElementSibling ?? item.previousElementSibling;
    if (focused) neighbour?.querySelector('button')?.focus();
    this.#drop(shot.id, item);
    return !focused || neighbour !== null;
  }

  /** @param {number} top */
  #scrollTo(top) {
    this.element.scrollTop = top;
    this.#top = this.element.scrollTop;
  }

  #scrolled() {
    const { scrollTop, scrollHeight, clientHeight } = this.element;
    this.#top = scrollTop;
    this.#atEnd = scrollTop + clientHeight >= scrollHeight - 1;
    this.#place();
  }

  /**
   * @param {Shot} shot
   * @returns {boolean} whether it is there
   */
  focusShot(shot) {
    const row = Math.floor(this.#class.shots.indexOf(shot) / this.#columns);
    if (row < 0) return false;
    const top = row * this.#rowHeight;
    const height = this.element.clientHeight;
    if (top < this.#top || top + this.#rowHeight > this.#top + height) {
      this.#atEnd = false;
      this.#scrollTo(top - height / 2);
    }
    this.#place();
    this.#items.get(shot.id)?.querySelector('button')?.focus();
    return true;
  }

  /** How many there are in a row, and how tall that is, once the style sheet says so. */
  #measure() {
    const { gridTemplateColumns, rowGap } = getComputedStyle(this.element);
    const widths = gridTemplateColumns.split(' ').map(parseFloat);
    if (!widths.every((width) => width > 0)) return; // It is hidden.
    this.#columns = widths.length;
    this.#rowHeight = widths[0] + parseFloat(rowGap);
    this.#place();
    if (this.#atEnd) this.#scrollTo(this.element.scrollHeight);
  }

  /** Keeps what is near the visible rows, and leaves the room of all others empty. */
  #place() {
    const { shots } = this.#class;
    const rows = Math.ceil(shots.length / this.#columns);
    const top = this.#atEnd ? rows : Math.floor(this.#top / this.#rowHeight);
    const first = Math.max(0, Math.min(top, rows - VISIBLE) - AROUND);
    const last = Math.min(rows, first + VISIBLE + 2 * AROUND);
    const start = first * this.#columns;
    const shown = shots.slice(start, last * this.#columns);
    const kept = new Set(shown.map(({ id }) => id));
    for (const [id, item] of this.#items) if (!kept.has(id)) this.#drop(id, item);
    shown.forEach((shot, index) => this.#put(shot, start + index, this.element.children[index]));
    this.#leaveRoom(first * this.#rowHeight, (rows - last) * this.#rowHeight);
  }

  /**
   * The same again would have the browser compute the styles of all photos anew.
   * @param {number} before in pixels
   * @param {number} after
   */
  #leaveRoom(before, after) {
    const room = `${before} ${after}`;
    if (room === this.#room) return;
    this.#room = room;
    this.element.style.setProperty('--room-before', `${before}px`);
    this.element.style.setProperty('--room-after', `${after}px`);
  }

  /**
   * @param {number} id
   * @param {HTMLElement} item
   */
  #drop(id, item) {
    item.remove();
    this.#items.delete(id);
  }

  /**
   * @param {Shot} shot
   * @param {number} index its place among all of the class
   * @param {Element | undefined} place what stands where it belongs
   */
  #put(shot, index, place) {
    const known = this.#items.get(shot.id);
    const item = known ?? this.#make(shot);
    if (item !== place) this.element.insertBefore(item, place ?? null);
    if (item.dataset.status !== shot.status) item.dataset.status = shot.status;
    if (shot.picture) showThumbnail(/** @type {HTMLImageElement} */ (item.querySelector('img')), shot.picture);
    const words = { ready: text.shot.open, pending: text.shot.pending, failed: text.shot.failed }[shot.status];
    const label = words(index + 1, this.#class.name);
    const open = /** @type {Element} */ (item.firstElementChild);
    if (open.ariaLabel !== label) {
      open.ariaLabel = label;
      /** @type {Element} */ (item.lastElementChild).ariaLabel = text.shot.remove(index + 1);
      item.ariaPosInSet = String(index + 1);
    }
    const size = String(this.#class.shots.length);
    if (item.ariaSetSize !== size) item.ariaSetSize = size;
  }

  /** @param {Shot} shot */
  #make(shot) {
    const open = el('button.shot-open', {}, thumbnail());
    const remove = el('button.shot-remove', {}, icon('close'));
    const item = el('li.shot', { data: { shotId: shot.id } }, open, remove);
    this.#items.set(shot.id, item);
    return item;
  }
}
