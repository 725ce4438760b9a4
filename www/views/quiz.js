// Step 3 with the animal cards: new cards to be named, drawn when asked for. Events: `ask`.

import { text } from '../strings.js';
import { el, emit } from './dom.js';

/** By then the page is drawn as it is now, in milliseconds. */
const SETTLED = 60;

export class QuizView extends EventTarget {
  #ask = el('button.button', { id: 'quiz-ask', on: { click: () => emit(this, 'ask') } }, text.cards.ask);

  constructor() {
    super();
    const title = el('h3', { id: 'quiz-title' }, text.cards.quiz);
    this.element = el('section.quiz', { id: 'quiz', hidden: true, aria: { labelledby: 'quiz-title' } }, title, el('p', {}, text.cards.about), this.#ask);
  }

  /** Brings it into sight, once what is new around it has its place: nothing jumps while it is looked at. */
  reveal() {
    setTimeout(() => this.element.scrollIntoView({ block: 'start' }), SETTLED);
  }

  /** @param {boolean} shown whether the classes are the cards' */
  show(shown) {
    if (this.element.hidden === shown) this.element.hidden = !shown;
  }
}
