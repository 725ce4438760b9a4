// A short tour of the page: a bubble beside one part after the other, until its end or until it is skipped. It shows and presses nothing;
// the page below stays as it is and can be used meanwhile.

import { text } from '../strings.js';
import { el, icon } from './dom.js';

const words = text.tour;
/** The parts by their places in the page, in the order of the words. */
const PARTS = ['.class-card', '#train', '#live-toggle', '.project-summary', '#share'];
/** Between bubble and part, and between bubble and the window's edge, in pixels. */
const GAP = 12;

export class TourView {
  #page;
  #title = el('h2', { id: 'tour-title', tabIndex: -1 });
  #words = el('p', { id: 'tour-words' });
  #count = el('span.tour-count');
  #back = el('button.button.quiet', { on: { click: () => this.#go(this.#step - 1) } }, words.back);
  #next = el('button.button.primary', { id: 'tour-next', on: { click: () => this.#go(this.#step + 1) } });
  #step = 0;
  /** @type {Element | null} */
  #part = null;
  /** What had the focus before. @type {HTMLElement | null} */
  #before = null;

  /** @param {Document} page */
  constructor(page) {
    this.#page = page;
    const skip = el('button.icon-button', { id: 'tour-skip', aria: { label: words.skip }, on: { click: () => this.end() } }, icon('close'));
    this.element = el(
      'div.tour',
      { id: 'tour', popover: 'manual', role: 'dialog', aria: { labelledby: 'tour-title', describedby: 'tour-words' } },
      el('div.tour-head', {}, this.#title, skip),
      this.#words,
      el('div.tour-tools', {}, this.#count, this.#back, this.#next),
    );
    this.element.addEventListener('keydown', (/** @type {KeyboardEvent} */ event) => event.key === 'Escape' && this.end());
    for (const type of ['scroll', 'resize']) page.defaultView?.addEventListener(type, () => this.#place(), { passive: true, capture: true });
  }

  start() {
    this.#before = /** @type {HTMLElement | null} */ (this.#page.activeElement);
    this.element.showPopover();
    this.#go(0);
  }

  end() {
    this.#mark(null);
    this.element.hidePopover();
    this.#before?.focus({ preventScroll: true });
  }

  /** @param {number} step */
  #go(step) {
    const part = step in PARTS ? this.#page.querySelector(PARTS[step]) : null;
    if (!part) return this.end();
    this.#step = step;
    this.#title.textContent = words.parts[step].title;
    this.#words.textContent = words.parts[step].words;
    this.#count.textContent = words.count(step + 1, PARTS.length);
    this.#back.hidden = step === 0;
    this.#next.textContent = step === PARTS.length - 1 ? words.done : words.next;
    this.#mark(part);
    part.scrollIntoView({ block: 'center' });
    this.#place();
    this.#title.focus({ preventScroll: true });
  }

  /** @param {Element | null} part */
  #mark(part) {
    this.#part?.classList.remove('tour-part');
    part?.classList.add('tour-part');
    this.#part = part;
  }

  /** Below the part, or above it where there is no room below. */
  #place() {
    if (!this.#part) return;
    const { innerWidth, innerHeight } = /** @type {Window} */ (this.#page.defaultView);
    const part = this.#part.getBoundingClientRect();
    const { width, height } = this.element.getBoundingClientRect();
    const below = part.bottom + GAP;
    const top = below + height + GAP <= innerHeight ? below : Math.max(part.top - GAP - height, GAP);
    const left = Math.min(Math.max(part.left, GAP), innerWidth - width - GAP);
    this.element.style.setProperty('--top', `${Math.round(top)}px`);
    this.element.style.setProperty('--left', `${Math.round(left)}px`);
  }
}
