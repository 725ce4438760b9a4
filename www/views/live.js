// Step 3, the camera: its picture, its answer, its rate. Events: `toggle` ({on}).

import { text } from '../strings.js';
import { el, emit, icon } from './dom.js';
import { PredictionView } from './prediction.js';
import { ViewfinderView } from './viewfinder.js';

/** @import { Prediction } from '../engine/protocol.js' */
/** @import { Camera } from '../camera.js' */
/** @import { Model } from '../model.js' */

/** A new winner is spoken by screen readers after it has held for so long, in milliseconds. */
const SETTLED = 1500;

export class LiveView extends EventTarget {
  #camera;
  #viewfinder;
  #prediction;
  #toggle = el('button.button', { id: 'live-toggle', aria: { pressed: 'false' } }, icon('camera'), el('span', {}, text.live.start));
  #rate = el('p.live-rate', { id: 'live-rate' });
  #method = el('p.method', { id: 'live-method' });
  #spoken = el('output.visually-hidden');
  #speakTimer = 0;
  #winner = '';
  on = false;

  /**
   * @param {Camera} camera
   * @param {Model} model
   */
  constructor(camera, model) {
    super();
    this.#camera = camera;
    this.#viewfinder = new ViewfinderView(camera);
    this.#viewfinder.offMessage = text.live.idle;
    this.#prediction = new PredictionView(model);
    const tools = el('div.live-tools', {}, this.#toggle, this.#viewfinder.controls);
    this.element = el('section.live', { id: 'live', aria: { label: text.live.title } }, this.#viewfinder.element, tools, el('div.live-notes', {}, this.#method, this.#rate), this.#prediction.element, this.#spoken);
    this.#toggle.addEventListener('click', () => emit(this, 'toggle', { on: !this.on }));
    this.#viewfinder.refresh();
  }

  /** @param {boolean} on */
  switch(on) {
    this.on = on;
    this.#viewfinder.off = !on;
    if (on) this.#camera.acquire(this);
    else this.#camera.release(this);
    this.#viewfinder.refresh();
    this.#toggle.setAttribute('aria-pressed', String(on));
    this.#toggle.replaceChildren(icon(on ? 'stop' : 'camera'), el('span', {}, on ? text.live.stop : text.live.start));
    this.element.dataset.on = String(on);
  }

  frame() {
    return this.#viewfinder.frame();
  }

  /**
   * @param {{prediction: Prediction, milliseconds: number, perSecond: number}} result
   */
  show({ prediction, milliseconds, perSecond }) {
    const winner = this.#prediction.show(prediction);
    this.#method.textContent = text.prediction.methods[prediction.method];
    this.#rate.textContent = perSecond ? text.live.rate(perSecond.toFixed(1), milliseconds) : '';
    this.element.dataset.frames = String(Number(this.element.dataset.frames ?? 0) + 1);
    if (winner) this.#speak(winner.name, text.prediction.winner(winner.name, winner.share));
    return winner;
  }

  /** @param {number} threshold */
  setThreshold(threshold) {
    return this.#prediction.setThreshold(threshold);
  }

  /** @param {string} words why there is no answer */
  clear(words) {
    this.#prediction.clear(words);
    this.#method.textContent = '';
    this.#rate.textContent = '';
  }

  /**
   * @param {string} name
   * @param {string} words
   */
  #speak(name, words) {
    if (name === this.#winner) return;
    this.#winner = name;
    clearTimeout(this.#speakTimer);
    this.#speakTimer = setTimeout(() => (this.#spoken.textContent = words), SETTLED);
  }
}
