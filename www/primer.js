// The primer: brings its chapters when it is first opened, and pictures whenever it is: the visitor's own, or animal cards.
// Page side: it wires its view to the model.

import { animals, drawCard } from './cards.js';
import { language, text } from './strings.js';
import { on } from './views/dom.js';
import { PrimerView } from './views/primer.js';

/** @import { Model } from './model.js' */
/** @import { Material } from './views/primer-figures.js' */

/** So many cards make up for shots that are not there: classes, and shots of each. */
const CLASSES = 3;
const SHOTS = 3;

export class Primer {
  #model;
  view = new PrimerView();
  /** Once it was opened. @type {Promise<import('./views/primer-chapters.js').ChaptersView> | null} */
  #chapters = null;
  /** Drawn once. @type {Promise<Material> | null} */
  #cards = null;

  /** @param {Model} model */
  constructor(model) {
    this.#model = model;
    on(this.view, 'open', () => this.#show());
  }

  async #show() {
    this.#chapters ??= this.#bring();
    const chapters = await this.#chapters.catch((error) => {
      this.#chapters = null; // It is tried again when it is next opened.
      throw error;
    });
    chapters.draw(this.#own() ?? (await (this.#cards ??= drawn())));
  }

  async #bring() {
    const words = language === 'zh' ? import('./primer/zh.js') : import('./primer/en.js');
    const [{ primer }, { ChaptersView }] = await Promise.all([words, import('./views/primer-chapters.js')]);
    const chapters = new ChaptersView(primer);
    this.view.fill(chapters.elements);
    return chapters;
  }

  /**
   * The visitor's classes with pictures; null where there are not two, or no two pictures of one.
   * @returns {Material | null}
   */
  #own() {
    const { classes: all, tests } = this.#model;
    const classes = all.flatMap(({ id, name, hue, shots }) => {
      const pictures = shots.flatMap(({ picture }) => picture ?? []);
      const twin = pictures[1] ?? tests.find((test) => test.classId === id && test.picture)?.picture;
      return pictures.length > 0 ? [{ name, hue, pictures, twin }] : [];
    });
    const first = classes.find(({ twin }) => twin);
    if (!first?.twin || classes.length < 2) return null;
    const query = tests.find(({ picture }) => picture)?.picture ?? first.pictures[first.pictures.length - 1];
    return { classes: [first, ...classes.filter((own) => own !== first)], twin: first.twin, query, own: true };
  }
}

/**
 * Animal cards; grey ones on a device that has no emoji.
 * @returns {Promise<Material>}
 */
async function drawn() {
  const known = animals();
  const set = known.length >= CLASSES ? known.slice(0, CLASSES) : [{ key: '', glyph: '○' }, { key: '', glyph: '△' }];
  const classes = [];
  for (const [hue, animal] of set.entries()) {
    const pictures = [];
    for (let shot = 0; shot < SHOTS; shot++) pictures.push(await drawCard(animal));
    classes.push({ name: text.cards.animals[animal.key] ?? animal.glyph, hue, pictures });
  }
  return { classes, twin: await drawCard(set[0]), query: await drawCard(set[0]), own: false };
}
