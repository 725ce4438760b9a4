// Step 3, the camera: its picture, its answer, its rate. Events: `toggle` ({on}), `freeze` ({frozen}), `correct` ({classId})
// where the visitor says what the picture really shows, `why` ({winnerId}).

import { Speech } from '../speech.js';
import { text } from '../strings.js';
import { el, emit, icon, offerClasses, write } from './dom.js';
import { PredictionView } from './prediction.js';
import { ViewfinderView } from './viewfinder.js';

/** @import { Prediction } from '../engine/protocol.js' */
/** @import { Camera } from '../camera.js' */
/** @import { Model } from '../model.js' */

/** A new winner is spoken by screen readers after it has held for so long, in milliseconds. */
const SETTLED = 1500;
/** How often, in milliseconds, the rate is told. */
const RATE_EVERY = 500;

export class LiveView extends EventTarget {
  #camera;
  #viewfinder;
  #prediction;
  #toggle = el('button.button', { id: 'live-toggle', aria: { pressed: 'false' } }, icon('camera'), el('span', {}, text.live.start));
  #freeze = el('button.button', { id: 'live-freeze', hidden: true, aria: { pressed: 'false' } }, icon('pause'), el('span', {}, text.live.freeze));
  #why = el('button.button', { id: 'live-why', hidden: true, disabled: true }, text.why.ask);
  #truth = el('select', { id: 'live-truth' });
  #correction = el('label.live-correction', { hidden: true }, el('span', {}, text.live.really), this.#truth);
  #aloud = el('input', { type: 'checkbox', id: 'live-aloud' });
  #speech = new Speech();
  #model;
  #rate = el('p.live-rate', { id: 'live-rate' });
  #rateShown = 0;
  #method = el('p.method', { id: 'live-method' });
  #spoken = el('output.visually-hidden');
  #speakTimer = 0;
  #winner = '';
  on = false;
  frozen = false;

  /**
   * @param {Camera} camera
   * @param {Model} model
   * @param {boolean} learns whether the visitor may say what the picture really shows
   */
  constructor(camera, model, learns) {
    super();
    this.#camera = camera;
    this.#model = model;
    this.#viewfinder = new ViewfinderView(camera);
    this.#viewfinder.offMessage = text.live.idle;
    this.#prediction = new PredictionView(model);
    const aloud = el('label.check', { hidden: true }, this.#aloud, el('span', {}, text.live.aloud));
    const correction = learns ? [this.#correction] : [];
    const tools = el('div.live-tools', {}, el('div.live-buttons', {}, this.#toggle, this.#freeze, this.#why), this.#viewfinder.controls, ...correction, aloud);
    this.element = el('section.live', { id: 'live', aria: { label: text.live.title } }, this.#viewfinder.element, tools, el('div.live-notes', {}, this.#method, this.#rate), this.#prediction.element, this.#spoken);
    this.#toggle.addEventListener('click', () => emit(this, 'toggle', { on: !this.on }));
    this.#freeze.addEventListener('click', () => emit(this, 'freeze', { frozen: !this.frozen }));
    this.#why.addEventListener('click', () => emit(this, 'why', { winnerId: this.#prediction.winnerId }));
    this.#truth.addEventListener('change', () => this.#correct());
    const showVoice = () => (aloud.hidden = this.#speech.voice === null);
    this.#speech.addEventListener('change', showVoice);
    this.#aloud.addEventListener('change', () => this.#aloud.checked || this.#speech.hush());
    showVoice();
    this.listClasses();
    this.#viewfinder.refresh();
  }

  /** Offers the classes as what the picture may really show. */
  listClasses() {
    offerClasses(this.#truth, text.live.choose, this.#model.classes);
    this.element.style.setProperty('--classes', String(this.#model.classes.length));
  }

  #correct() {
    const classId = Number(this.#truth.value);
    this.#truth.value = '';
    emit(this, 'correct', { classId });
  }

  /**
   * Holds the picture and its answer.
   * @param {boolean} frozen
   */
  freeze(frozen) {
    this.frozen = frozen;
    this.#viewfinder.hold(frozen);
    this.element.dataset.frozen = String(frozen);
    this.#freeze.setAttribute('aria-pressed', String(frozen));
    this.#freeze.replaceChildren(icon(frozen ? 'play' : 'pause'), el('span', {}, frozen ? text.live.goOn : text.live.freeze));
  }

  /** @param {boolean} on */
  switch(on) {
    this.on = on;
    if (!on) this.freeze(false);
    this.#freeze.hidden = !on;
    this.#why.hidden = !on;
    this.#correction.hidden = !on;
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

  glance() {
    return this.#viewfinder.glance();
  }

  /**
   * @param {{prediction: Prediction, milliseconds: number, perSecond: number}} result
   */
  show({ prediction, milliseconds, perSecond }) {
    const winner = this.#prediction.show(prediction);
    this.#why.disabled = winner === null;
    write(this.#method, text.prediction.methods[prediction.method]);
    this.#showRate(perSecond, milliseconds);
    this.element.dataset.frames = String(Number(this.element.dataset.frames ?? 0) + 1);
    if (winner) this.#speak(winner.name, text.prediction.winner(winner.name, winner.share));
    return winner;
  }

  /**
   * Numbers that change with every answer cannot be read.
   * @param {number} perSecond 0 where the picture is held
   * @param {number} milliseconds
   */
  #showRate(perSecond, milliseconds) {
    const now = performance.now();
    if (perSecond && now - this.#rateShown < RATE_EVERY) return;
    this.#rateShown = now;
    write(this.#rate, perSecond ? text.live.rate(perSecond.toFixed(1), milliseconds) : '');
  }

  /** @param {number} threshold */
  setThreshold(threshold) {
    return this.#prediction.setThreshold(threshold);
  }

  /** @param {string} words why there is no answer */
  clear(words) {
    this.#prediction.clear(words);
    this.#why.disabled = true;
    write(this.#method, '');
    write(this.#rate, '');
  }

  /**
   * @param {string} name
   * @param {string} words
   */
  #speak(name, words) {
    if (name === this.#winner) return;
    this.#winner = name;
    clearTimeout(this.#speakTimer);
    this.#speakTimer = setTimeout(() => this.#say(words), SETTLED);
  }
  /** @param {string} words */
  #say(words) {
    this.#spoken.textContent = words;
    if (this.#aloud.checked) this.#speech.say(words);
  }
}
