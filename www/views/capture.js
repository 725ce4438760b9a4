// The camera inside a class card: tap to snap, hold for a burst, with pointer or keyboard.
// Events: `frame` ({bitmap}) for every photo taken, `close`.

import { text } from '../strings.js';
import { el, emit, icon } from './dom.js';
import { ViewfinderView } from './viewfinder.js';

/** @import { Camera } from '../camera.js' */

/** A press shorter than this, in milliseconds, is a tap. */
const TAP = 300;

export class CaptureView extends EventTarget {
  #camera;
  #viewfinder;
  #shutter = el('button.shutter', { data: { shutter: '' } }, el('span.shutter-ring', { aria: { hidden: 'true' } }), el('span.shutter-label'));
  #rate = range('rate', text.capture.rate, text.capture.rateValue, { min: 1, max: 15, step: 1, value: 6 });
  #delay = range('delay', text.capture.delay, text.capture.delayValue, { min: 0, max: 5, step: 0.5, value: 0 });
  #length = range('length', text.capture.length, text.capture.lengthValue, { min: 1, max: 20, step: 1, value: 5 });
  #handsFree = el('input', { type: 'checkbox', data: { burst: 'hands-free' } });
  /** @type {AbortController | null} a press under way */
  #press = null;

  /** @param {Camera} camera */
  constructor(camera) {
    super();
    this.#camera = camera;
    this.#viewfinder = new ViewfinderView(camera);
    const settings = el(
      'details.burst',
      {},
      el('summary.button.quiet', {}, icon('settings'), el('span', {}, text.capture.settings)),
      el('div.burst-panel', {}, this.#rate.element, this.#delay.element, this.#length.element, el('label.check', {}, this.#handsFree, el('span', {}, text.capture.handsFree))),
    );
    this.element = el('div.capture', {}, this.#viewfinder.element, el('div.capture-tools', {}, this.#shutter, settings));
    this.#handsFree.addEventListener('change', () => this.#label());
    camera.addEventListener('change', () => this.#refresh());
    this.#listen();
    this.#label();
  }

  /** Takes the camera, wherever the element was put. */
  open() {
    this.#viewfinder.off = false;
    this.#camera.acquire(this);
    this.#refresh();
  }

  close() {
    this.#press?.abort();
    this.#viewfinder.off = true;
    this.#camera.release(this);
    this.element.remove();
  }

  #refresh() {
    this.#viewfinder.refresh();
    this.#shutter.disabled = this.#camera.status !== 'on';
    if (this.#shutter.disabled) this.#press?.abort();
  }

  #listen() {
    const shutter = this.#shutter;
    shutter.addEventListener('pointerdown', (/** @type {PointerEvent} */ event) => {
      if (event.button !== 0) return;
      shutter.setPointerCapture(event.pointerId);
      this.#down();
    });
    shutter.addEventListener('keydown', (/** @type {KeyboardEvent} */ event) => {
      if (event.key !== ' ' && event.key !== 'Enter') return;
      event.preventDefault();
      if (!event.repeat) this.#down();
    });
    for (const type of ['pointerup', 'pointercancel', 'keyup', 'blur']) {
      shutter.addEventListener(type, (/** @type {Event} */ event) => this.#up(event.type === 'blur'));
    }
    // Screen readers and voice control click without a pointer: that is a tap.
    shutter.addEventListener('click', (/** @type {MouseEvent} */ event) => {
      if (event.detail === 0 && !this.#press) this.#snap();
    });
    shutter.addEventListener('contextmenu', (/** @type {Event} */ event) => event.preventDefault());
  }

  #down() {
    if (this.#press) return this.#press.abort();
    this.#press = new AbortController();
    this.#burst(this.#press.signal);
  }

  /** @param {boolean} always also where the press need not be held */
  #up(always) {
    if (always || !this.#handsFree.checked) this.#press?.abort();
  }

  /**
   * A tap takes one photo; a press that lasts takes one after another, after the delay, for at most the length.
   * @param {AbortSignal} released
   */
  async #burst(released) {
    const wait = this.#handsFree.checked ? 0 : TAP;
    this.#label();
    await pause(wait, released);
    if (released.aborted) await this.#snap();
    else await this.#countDown(released);
    const frames = this.#rate.value() * this.#length.value();
    const start = performance.now();
    for (let taken = 0; taken < frames && !released.aborted; taken++) {
      await this.#snap();
      await pause(start + ((taken + 1) * 1000) / this.#rate.value() - performance.now(), released);
    }
    this.#viewfinder.showCount('');
    if (this.#press?.signal === released) this.#press = null;
    this.#label();
  }

  /** @param {AbortSignal} released */
  async #countDown(released) {
    for (let left = this.#delay.value(); left > 0 && !released.aborted; left -= 0.5) {
      this.#viewfinder.showCount(text.capture.countdown(Math.ceil(left)));
      await pause(500, released);
    }
    this.#viewfinder.showCount('');
  }

  async #snap() {
    const bitmap = await this.#viewfinder.frame().catch(() => null);
    if (!bitmap) return;
    this.#viewfinder.flash();
    emit(this, 'frame', { bitmap });
  }

  #label() {
    const words = text.capture;
    const handsFree = this.#handsFree.checked;
    const running = this.#press !== null;
    this.#shutter.dataset.running = String(running);
    this.#shutter.lastChild.textContent = handsFree ? (running ? words.stop : words.snapOnce) : words.snap;
  }
}

/**
 * @param {string} key
 * @param {string} label
 * @param {(value: number) => string} say
 * @param {{min: number, max: number, step: number, value: number}} limits
 */
function range(key, label, say, { min, max, step, value }) {
  const input = el('input', { type: 'range', min, max, step, data: { burst: key } });
  const output = el('output', {}, say(value));
  input.value = String(value);
  input.addEventListener('input', () => (output.textContent = say(Number(input.value))));
  const element = el('label.range', {}, el('span', {}, label), output, input);
  return { element, value: () => Number(input.value) };
}

/**
 * Ends early where the signal is given.
 * @param {number} milliseconds
 * @param {AbortSignal} signal
 */
function pause(milliseconds, signal) {
  return new Promise((resolve) => {
    if (milliseconds <= 0 || signal.aborted) return resolve(undefined);
    const timer = setTimeout(resolve, milliseconds);
    signal.addEventListener('abort', () => (clearTimeout(timer), resolve(undefined)), { once: true });
  });
}
