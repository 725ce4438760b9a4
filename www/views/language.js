// The page's languages: a button with the other one's name, in its own words. Choosing it loads the page anew, since a language is
// loaded with the page. It asks before, where something would be lost.

import { choose, language, LANGUAGES, text } from '../strings.js';
import { el } from './dom.js';

/** @import { Language } from '../strings.js' */

const other = /** @type {Language} */ (Object.keys(LANGUAGES).find((code) => code !== language));

export class LanguageView {
  /** @param {Document} page */
  constructor(page) {
    const { name, short, tag } = LANGUAGES[other];
    this.element = el('button.button.quiet.language', { id: 'language', lang: tag, title: name, aria: { label: `${short}, ${name}` }, on: { click: () => this.#switch(page) } }, short);
  }

  /** @param {Document} page */
  #switch(page) {
    const lost = ['unsaved', 'failed'].includes(page.documentElement.dataset.kept ?? '');
    if (lost && !confirm(text.language.lost)) return;
    const address = new URL(location.href);
    if (choose(other)) address.searchParams.delete('lang');
    else address.searchParams.set('lang', other);
    // An address that differs by its fragment alone would not be loaded anew.
    history.replaceState(null, '', address);
    location.reload();
  }
}
