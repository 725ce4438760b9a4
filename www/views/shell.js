// The page's frame: header, the three steps, the bar at the foot of a phone's screen; of all that, a share link's page has the
// header and two places. It holds other views and knows none of them.

import { text } from '../strings.js';
import { el, write } from './dom.js';

const STEPS = /** @type {const} */ (['show', 'train', 'try']);

export class ShellView {
  /**
   * @param {Document} page
   * @param {'workshop' | 'viewer'} kind the whole page, or what a share link opens, which has no steps to go through
   */
  constructor(page, kind) {
    /** @param {string} id */
    const find = (id) => /** @type {HTMLElement} */ (page.getElementById(id));
    this.top = find('top');
    this.notice = find('notice');
    this.below = find('below');
    this.dock = find('dock');
    this.notices = find('notices');
    /** @type {Record<'show' | 'train' | 'try', HTMLElement>} */
    this.steps = { show: find('show-step'), train: find('train-step'), try: find('try-step') };
    page.title = text.title;
    page.documentElement.dataset.page = kind;
    this.top.prepend(brand());
    this.live = el('a.dock-live', { href: '#try-step', hidden: true }, el('strong.dock-name'), el('span.dock-share'));
    if (kind === 'viewer') {
      this.#heading('show', text.viewer.classes);
      this.#heading('try', text.steps.try);
    } else {
      STEPS.forEach((step, index) => this.#heading(step, text.steps[step], index + 1));
      this.#dock();
    }
  }

  /**
   * @param {'show' | 'train' | 'try'} step
   * @param {string} words
   * @param {number} [number] of the step, where they are numbered
   */
  #heading(step, words, number) {
    const id = `${step}-title`;
    const place = number === undefined ? [] : [el('span.step-number', { aria: { hidden: 'true' } }, String(number))];
    this.steps[step].append(el('h2.step-title', { id }, ...place, words));
    this.steps[step].setAttribute('aria-labelledby', id);
  }

  #dock() {
    const links = STEPS.map((step, index) => el('a.dock-link', { href: `#${step}-step` }, el('span.step-number', {}, String(index + 1)), text.steps[step]));
    this.dock.setAttribute('aria-label', text.steps.nav);
    this.dock.append(this.live, el('div.dock-links', {}, ...links));
  }

  /**
   * The live answer, for screens on which step 3 is out of sight.
   * @param {{name: string, share: string} | null} answer
   */
  showLive(answer) {
    this.live.hidden = answer === null;
    if (!answer) return;
    write(this.live.firstChild, answer.name);
    write(this.live.lastChild, answer.share);
  }
}

function brand() {
  const logo = el('img.logo', { src: new URL('../assets/logo.svg', import.meta.url).href, alt: '', width: 36, height: 36 });
  return el('h1.brand', {}, logo, el('span', {}, text.title));
}
