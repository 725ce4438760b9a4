// How to learn: the method that is recommended, the others behind a fold, and the settings of those that learn in steps.
// Events: `change` of the method, `settings` of anything. It checks what is typed and computes nothing.

import { text } from '../strings.js';
import { el, emit } from './dom.js';

/** @import { Method, MetricMethod, TrainingOptions } from '../engine/protocol.js' */

/** The method at the start. */
const RECOMMENDED = 'finetune';
/**
 * The others, by what they do.
 * @type {Record<'tune' | 'compare' | 'metric', Method[]>}
 */
const OTHERS = {
  tune: ['finetune-plain', 'deep'],
  compare: ['prototype', 'nearest'],
  metric: ['siamese', 'triplet', 'cosine-metric'],
};

/**
 * What the methods that learn in steps do by themselves; what is left out is no setting of theirs.
 * `fitScale` leaves the scale to the photos.
 * @type {Partial<Record<Method, Omit<TrainingOptions, 'method'> & {fitScale?: boolean}>>}
 */
const USUAL = {
  finetune: { steps: 50, learningRate: 0.02, entropyWeight: 0.1, fitScale: true, scale: 10, learnScale: false, initialisation: 'prototypes', similarity: 'cosine' },
  'finetune-plain': { steps: 200, learningRate: 0.0005, entropyWeight: 1, scale: 1, learnScale: false, initialisation: 'prototypes', similarity: 'cosine' },
  siamese: { steps: 20, learningRate: 0.002 },
  triplet: { steps: 20, learningRate: 0.002 },
  'cosine-metric': { steps: 20, learningRate: 0.002 },
  deep: { steps: 40, learningRate: 0.00001, entropyWeight: 0.1, fitScale: true, scale: 10, learnScale: false, initialisation: 'prototypes', similarity: 'cosine' },
};

const words = text.training;

/**
 * What was chosen, as it stands in the fields.
 * @typedef {{method: Method, fields: Record<string, string | boolean>}} Settings
 */

export class MethodView extends EventTarget {
  #steps = new NumberField('steps', { least: 1, most: 10_000, whole: true });
  #learningRate = new NumberField('learningRate', { above: 0, most: 1 });
  #entropyWeight = new NumberField('entropyWeight', { least: 0, most: 10 });
  #scale = new NumberField('scale', { above: 0, most: 1000 });
  #useEntropy = checkbox('useEntropy');
  #fitScale = checkbox('fitScale');
  #learnScale = checkbox('learnScale');
  #initialisation = choice('initialisation', words.initialisations);
  #similarity = choice('similarity', words.similarities);
  /** What belongs to a setting, by its key. */
  #fields = {
    steps: [this.#steps],
    learningRate: [this.#learningRate],
    entropyWeight: [this.#useEntropy, this.#entropyWeight],
    fitScale: [this.#fitScale],
    scale: [this.#scale],
    learnScale: [this.#learnScale],
    initialisation: [this.#initialisation],
    similarity: [this.#similarity],
  };
  #settings;
  #otherName = el('span', {}, words.otherMethods);
  #loaded = el('p.method-note', { hidden: true }, words.metricLoaded);
  /** @type {MetricMethod | null} what trained the metric that was loaded */
  #metric = null;

  constructor() {
    super();
    const click = () => {
      this.#reset();
      emit(this, 'settings');
    };
    const reset = el('button.button.quiet', { id: 'reset-settings', on: { click } }, words.reset);
    this.#settings = el(
      'details.settings',
      { id: 'settings' },
      el('summary', {}, words.settings),
      el('div.settings-panel', {}, ...Object.values(this.#fields).flatMap((parts) => parts.map(({ element }) => element)), reset),
    );
    const groups = Object.entries(OTHERS).map(([group, methods]) => {
      const id = `methods-${group}`;
      const name = words.groups[/** @type {keyof typeof OTHERS} */ (group)];
      return el('div.method-group', { id, role: 'group', aria: { label: name } }, el('p.method-group-name', { aria: { hidden: 'true' } }, name), ...methods.map(radio));
    });
    groups[groups.length - 1].append(this.#loaded);
    const others = el('details.settings', { id: 'other-methods' }, el('summary', {}, this.#otherName), el('div.method-groups', {}, ...groups));
    const methods = el('fieldset', {}, el('legend', {}, words.method), radio(RECOMMENDED), others);
    this.element = el('div.how', { id: 'how' }, methods, this.#settings);
    methods.addEventListener('change', () => this.#chosen());
    for (const { input } of [this.#useEntropy, this.#fitScale]) input.addEventListener('change', () => this.#switchFields());
    this.element.addEventListener('input', () => emit(this, 'settings'));
    this.#reset();
  }

  /** @returns {Settings} */
  get state() {
    const fields = this.#inputs().map((input) => [input.dataset.setting, input.type === 'checkbox' ? input.checked : input.value]);
    return { method: this.method, fields: Object.fromEntries(fields) };
  }

  /** @param {Settings | null} state what it does not know is left out; the usual where there is none */
  set state(state) {
    const known = Object.hasOwn(words.methods, String(state?.method));
    this.choose(known ? /** @type {Settings} */ (state).method : RECOMMENDED);
    for (const input of this.#inputs()) {
      const value = state?.fields?.[input.dataset.setting ?? ''];
      if (typeof value === 'boolean') input.checked = value;
      const choices = /** @type {any} */ (input).options;
      if (typeof value === 'string' && (!choices || [...choices].some((option) => option.value === value))) input.value = value;
    }
    for (const field of [this.#steps, this.#learningRate]) field.check();
    this.#switchFields();
  }

  /** @returns {HTMLInputElement[]} */
  #inputs() {
    return [...this.element.querySelectorAll('[data-setting]')];
  }

  /** @returns {Method} */
  get method() {
    return /** @type {any} */ (this.element.querySelector('input[name=method]:checked')).value;
  }

  /** @param {Method} method */
  choose(method) {
    this.#radio(method).checked = true;
    this.#chosen();
  }

  /**
   * Where a metric is loaded, no other can be trained.
   * @param {MetricMethod | null} method what trained it
   */
  showMetric(method) {
    this.#metric = method;
    this.#loaded.hidden = method === null;
    for (const own of OTHERS.metric) this.#radio(own).disabled = method !== null && own !== method;
    if (this.#radio(this.method).disabled) this.choose(RECOMMENDED);
    else this.#chosen();
  }

  /**
   * What was chosen; null where a setting cannot be used, which is then shown.
   * @returns {TrainingOptions | null}
   */
  options() {
    const { method } = this;
    const usual = this.#usual;
    if (!usual) return { method };
    const fields = [this.#steps, this.#learningRate, this.#entropyWeight, this.#scale];
    const wrong = fields.find((field) => !field.element.hidden && !field.check());
    if (wrong) {
      this.#settings.open = true;
      wrong.input.focus();
      return null;
    }
    /** @type {Omit<TrainingOptions, 'method'>} */
    const all = {
      steps: this.#steps.value,
      learningRate: this.#learningRate.value,
      entropyWeight: this.#useEntropy.input.checked ? this.#entropyWeight.value : 0,
      scale: this.#fitScale.input.checked ? undefined : this.#scale.value,
      learnScale: this.#learnScale.input.checked,
      initialisation: this.#initialisation.input.value,
      similarity: this.#similarity.input.value,
    };
    return { method, ...Object.fromEntries(Object.entries(all).filter(([key]) => key in usual)) };
  }

  /** What the chosen method does by itself; nothing where it learns nothing, as a loaded metric, which has learnt. */
  get #usual() {
    return this.method === this.#metric ? undefined : USUAL[this.method];
  }

  #chosen() {
    this.#otherName.textContent = this.method === RECOMMENDED ? words.otherMethods : words.otherMethod(words.methods[this.method].name);
    this.#reset();
    emit(this, 'change');
  }

  /** @param {Method} method */
  #radio(method) {
    return /** @type {HTMLInputElement} */ (this.element.querySelector(`input[name=method][value='${method}']`));
  }

  /** The method's own settings. */
  #reset() {
    const usual = this.#usual;
    this.#settings.hidden = !usual;
    if (!usual) return;
    for (const [key, parts] of Object.entries(this.#fields)) for (const { element } of parts) element.hidden = !(key in usual);
    this.#steps.value = usual.steps ?? 1;
    this.#learningRate.value = usual.learningRate ?? 1;
    this.#entropyWeight.value = usual.entropyWeight ?? 0;
    this.#scale.value = usual.scale ?? 1;
    this.#useEntropy.input.checked = true;
    this.#fitScale.input.checked = usual.fitScale ?? false;
    this.#learnScale.input.checked = usual.learnScale ?? false;
    this.#initialisation.input.value = usual.initialisation ?? 'prototypes';
    this.#similarity.input.value = usual.similarity ?? 'cosine';
    this.#switchFields();
  }

  /** A number that is not asked for cannot be typed. */
  #switchFields() {
    this.#entropyWeight.input.disabled = !this.#useEntropy.input.checked;
    this.#entropyWeight.check();
    this.#scale.input.disabled = this.#fitScale.input.checked;
    this.#scale.check();
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

/** @param {'useEntropy' | 'fitScale' | 'learnScale'} key */
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
  const input = el('input', { type: 'radio', name: 'method', value: method, checked: method === RECOMMENDED });
  return el('label.method-choice', {}, input, el('span', {}, el('strong', {}, name), el('small', {}, hint)));
}
