// The line under the header: what the page is, or, in its place, what stands in the way (no network, an untrained network).
// Events: `retry`, `cards`, `primer`, `tour`.

import { explain, text } from '../strings.js';
import { el, emit, icon } from './dom.js';

export class NoticeView extends EventTarget {
  #intro;
  #cards = el('button.button', { id: 'cards', on: { click: () => emit(this, 'cards') } }, icon('cards'), el('span', {}, text.cards.start));

  /**
   * @param {HTMLElement} element
   * @param {string} intro what the page is, in a sentence
   * @param {{cards?: boolean, guide?: boolean}} [offers] whether to offer the animal cards, and the ways to primer and tour
   */
  constructor(element, intro, { cards = false, guide = false } = {}) {
    super();
    this.element = element;
    const words = el('p.intro', {}, el('span', {}, intro), ' ', el('strong.privacy', {}, text.privacy));
    this.#intro = el('div.welcome', {}, words);
    if (cards) this.#intro.append(this.#cards);
    if (guide) this.#intro.append(this.#guide());
    element.append(this.#intro);
  }

  #guide() {
    const primer = el('button.button.quiet', { id: 'open-primer', on: { click: () => emit(this, 'primer') } }, text.primer.link);
    const tour = el('button.button.quiet', { id: 'start-tour', on: { click: () => emit(this, 'tour') } }, text.tour.start);
    return el('div.welcome-guide', {}, tour, primer);
  }

  clear() {
    // It would lose the focus by being put where it is.
    if (this.element.contains(this.#intro)) return;
    const focused = this.element.contains(document.activeElement);
    this.element.replaceChildren(this.#intro);
    // Where a button that goes had it.
    if (focused) /** @type {HTMLElement | null} */ (this.#intro.querySelector('button'))?.focus();
  }

  showUntrained() {
    const words = el('div.banner-words', {}, el('strong', {}, text.banner.untrained), el('span', {}, text.banner.untrainedDo));
    this.element.replaceChildren(el('div.banner', { id: 'banner-untrained', role: 'alert' }, icon('warning'), words));
  }

  /**
   * A share link that cannot be used, and the way to the page without it.
   * @param {import('../engine/protocol.js').EngineError} error
   */
  showBadLink(error) {
    const words = el('div.banner-words', {}, el('strong', {}, explain(error)));
    const leave = el('a.button', { id: 'leave-link', href: location.pathname + location.search }, text.viewer.leave);
    this.element.replaceChildren(el('div.banner.failure', { id: 'banner-link', role: 'alert', data: { code: error.code } }, icon('warning'), words, leave));
  }

  /** @param {import('../engine/protocol.js').EngineError} error */
  showFailure(error) {
    const words = el('div.banner-words', {}, el('strong', {}, explain(error)), el('span.banner-detail', {}, error.message));
    const retry = el('button.button', { id: 'retry', on: { click: () => emit(this, 'retry') } }, text.banner.retry);
    this.element.replaceChildren(el('div.banner.failure', { id: 'banner-failed', role: 'alert', data: { code: error.code } }, icon('warning'), words, retry));
  }
}
