// How to learn: the methods to choose from, and for those that fine-tune their settings.
// Events: `change`. It checks what is typed and computes nothing.

import { text } from '../strings.js';
import { el, emit } from './dom.js';

/** @import { Method, TrainingOptions } from '../engine/protocol.js' */

const METHODS = /** @type {const} */ (['finetune', 'finetune-plain', 'prototype', 'nearest', 'deep']);

/**
 * What the methods that fine-tune do by themselves.
 * @type {Partial<Record<Method, Required<Omit<TrainingOptions, 'method'>>>>}
 */
const USUAL = {
  finetune: { steps: 50, learningRate: 0.02, entropyWeight: 0.1, scale: 10, learnScale: false, initialisation: 'prototypes', similarity: 'cosine' },
  'finetune-plain': { steps: 200, learningRate: 0.0005, entropyWeight: 1, scale: 1, learnScale: false, initialisation: 'prototypes', similarity: 'cosine' },
  deep: { steps: 40, learningRate: 0.00001, entropyWeight: 0.1, scale: 10, learnScale: false, initialisation: 'prototypes', similarity: 'cosine' },
};

const words = text.training;

export class MethodView extends EventTarget {
  #steps = new NumberField('steps', { least: 1, most: 10_000, whole: true });
  #learningRate = new NumberField('learningRate', { above: 0, most: 1 });
  #entropyWeight = new NumberField('entropyWeight', { least: 0, most: 10 });
  #scale = new NumberField('scale', { above: 0, most: 1000 });
  #useEntropy = checkbox('useEntropy');
  #learnScale = checkbox('learnScale');
  #initialisation = choice('initialisation', words.initialisations);
  #similarity = choice('similarity', words.similarities);
  #settings;

  constructor() {
    super();
    const reset = el('button.button.quiet', { id: 'reset-settings', on: { click: () => this.#reset() } }, words.reset);
    this.#settings = el(
      'details.settings',
      { id: 'settings' },
      el('summary', {}, words.settings),
      el(
        'div.settings-panel',
        {},
        this.#steps.element,
        this.#learningRate.element,
        this.#useEntropy.element,
        this.#entropyWeight.element,
        this.#scale.element,
        this.#learnScale.element,
        this.#initialisation.element,
        this.#similarity.element,
        reset,
      ),
    );
    const methods = el('fieldset', {}, el('legend', {}, words.method), ...METHODS.map(radio));
    this.element = el('div.how', { id: 'how' }, methods, this.#settings);
    methods.addEventListener('change', () => {
      this.#reset();
      emit(this, 'change');
    });
    this.#useEntropy.input.addEventListener('change', () => this.#switchEntropy());
    this.#reset();
  }

  /** @returns {Method} */
  get method() {
    return /** @type {any} */ (this.element.querySelector('input[name=method]:checked')).value;
  }

  /**
   * What was chosen; null where a setting cannot be used, which is then shown.
   * @returns {TrainingOptions | null}
   */
  options() {
    const { method } = this;
    if (!USUAL[method]) return { method };
    const fields = [this.#steps, this.#learningRate, this.#entropyWeight, this.#scale];
    const wrong = fields.find((field) => !field.check());
    if (wrong) {
      this.#settings.open = true;
      wrong.input.focus();
      return null;
    }
    return {
      method,
      steps: this.#steps.value,
      learningRate: this.#learningRate.value,
      entropyWeight: this.#useEntropy.input.checked ? this.#entropyWeight.value : 0,
      scale: this.#scale.value,
      learnScale: this.#learnScale.input.checked,
      initialisation: this.#initialisation.input.value,
      similarity: this.#similarity.input.value,
    };
  }

  /** The method's own settings. */
  #reset() {
    const usual = USUAL[this.method];
    this.#settings.hidden = !usual;
    if (!usual) return;
    this.#steps.value = usual.steps;
    this.#learningRate.value = usual.learningRate;
    this.#entropyWeight.value = usual.entropyWeight;
    this.#scale.value = usual.scale;
    this.#useEntropy.input.checked = true;
    this.#learnScale.input.checked = usual.learnScale;
    this.#initialisation.input.value = usual.initialisation;
    this.#similarity.input.value = usual.similarity;
    this.#switchEntropy();
  }

  #switchEntropy() {
    this.#entropyWeight.input.disabled = !this.#useEntropy.input.checked;
    this.#entropyWeight.check();
  }
}

/** A number with its limits: from `least`, or above `above`, up to `most`. */
class NumberField {
  #message;
  #error = el('small.setting-error', { role: 'alert', hidden: true });

  /**
   * @param {'steps' | 'learningRate' | 'entropyWeight' | 'scale'} key
   * @param {{least?: number, above?: number, most: number, whole?: boolean}} limits
   */
  constructor(key, { least, above, most, whole = false }) {
    this.above = above ?? -Infinity;
    this.#message = above === undefined ? words.between(least ?? 0, most) : words.above(above, most);
    const step = whole ? '1' : 'any';
    this.input = el('input.number', { type: 'number', required: true, min: least ?? above, max: most, step, inputMode: whole ? 'numeric' : 'decimal', data: { setting: key } });
    this.input.addEventListener('input', () => this.check());
    this.element = el('label.setting', {}, el('span', {}, words.fields[key]), this.input, this.#error);
  }

  get value() {
    return this.input.valueAsNumber;
  }

  set value(value) {
    this.input.value = String(value);
    this.check();
  }

  /** Shows whether the value can be used. */
  check() {
    const { input } = this;
    input.setCustomValidity('');
    if (!input.disabled && (!input.validity.valid || this.value <= this.above)) input.setCustomValidity(this.#message);
    const right = input.disabled || input.validity.valid;
    input.setAttribute('aria-invalid', String(!right));
    this.#error.textContent = right ? '' : this.#message;
    this.#error.hidden = right;
    return right;
  }
}

/** @param {'useEntropy' | 'learnScale'} key */
function checkbox(key) {
  const input = el('input', { type: 'checkbox', data: { setting: key } });
  return { input, element: el('label.check', {}, input, el('span', {}, words.fields[key])) };
}

/**
 * @param {'initialisation' | 'similarity'} key
 * @param {Record<string, string>} choices
 */
function choice(key, choices) {
  const options = Object.entries(choices).map(([value, name]) => el('option', { value }, name));
  const input = el('select', { data: { setting: key } }, ...options);
  return { input, element: el('label.setting', {}, el('span', {}, words.fields[key]), input) };
}

/** @param {Method} method */
function radio(method) {
  const { name, hint } = words.methods[method];
  const input = el('input', { type: 'radio', name: 'method', value: method, checked: method === METHODS[0] });
  return el('label.method-choice', {}, input, el('span', {}, el('strong', {}, name), el('small', {}, hint)));
}
