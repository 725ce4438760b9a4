// How sure it must be that a photo is any of the classes, before it names one. Events: `change` ({threshold}).

import { USUAL_THRESHOLD } from '../engine/protocol.js';
import { percent, text } from '../strings.js';
import { el, emit } from './dom.js';

export class StrictnessView extends EventTarget {
  #input = el('input', { type: 'range', id: 'strictness', min: 0, max: 100, step: 1, value: 100 * USUAL_THRESHOLD, aria: { describedby: 'strictness-hint' } });
  #value = el('output', { htmlFor: 'strictness' });

  constructor() {
    super();
    const label = el('label.range', {}, el('span', {}, text.strictness.label), this.#value, this.#input);
    this.element = el('div.strictness', {}, label, el('p.strictness-hint', { id: 'strictness-hint' }, text.strictness.hint));
    this.#input.addEventListener('input', () => this.#changed());
    this.#say();
  }

  get threshold() {
    return Number(this.#input.value) / 100;
  }

  set threshold(threshold) {
    this.#input.value = String(100 * threshold);
    this.#changed();
  }

  #changed() {
    this.#say();
    emit(this, 'change', { threshold: this.threshold });
  }

  #say() {
    this.#value.textContent = percent(this.threshold);
    this.#input.setAttribute('aria-valuetext', percent(this.threshold));
  }
}
