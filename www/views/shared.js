// What a link's classifier tells apart: the classes' names and colours, and the way to a page of one's own. It shows and
// changes nothing. Events: none; the way is a link.

import { text } from '../strings.js';
import { colour, el } from './dom.js';

/** @import { LinkClass } from '../engine/protocol.js' */

export class SharedView {
  #list = el('ul.shared-classes', { id: 'shared-classes', aria: { label: text.viewer.classes } });
  #own = el('a.button', { id: 'make-it-yours' }, text.viewer.own);

  constructor() {
    this.element = el('div.shared', {}, this.#list, el('p', {}, text.viewer.about), this.#own, el('p.share-note', {}, text.viewer.ownHint));
  }

  /**
   * @param {LinkClass[]} classes
   * @param {string} address of a page that begins with these classes
   */
  show(classes, address) {
    const items = classes.map(({ name, hue }) => {
      const item = el('li.shared-class', {}, el('span.shared-dot', { aria: { hidden: 'true' } }), el('span', {}, name));
      colour(item, hue);
      return item;
    });
    this.#list.replaceChildren(...items);
    this.#own.href = address;
  }
}
