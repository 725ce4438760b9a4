// Step 2: the set's name, the Train button with its reasons, progress, curves and outcome.
// Events: `train` ({recipe}), `cancel`.

import { text } from '../strings.js';
import { ChartView } from './chart.js';
import { el, emit } from './dom.js';

/** @import { TrainingStep } from '../engine/protocol.js' */

export class TrainingView extends EventTarget {
  #set = el('p.set-name', { id: 'set-name' });
  #train = el('button.button.primary', { id: 'train' });
  #cancel = el('button.button', { id: 'cancel-training', hidden: true }, text.training.cancel);
  #status = el('output.train-status', { id: 'train-status' });
  #progress = el('progress', { id: 'train-progress', max: 1, value: 0, aria: { label: text.training.progressLabel } });
  #step = el('span.train-step-count');
  #outcome = el('p.train-outcome', { id: 'train-outcome' });
  #chart = new ChartView();

  constructor() {
    super();
    const progress = el('div.train-progress', {}, this.#progress, this.#step);
    this.element = el('div.train', { data: { running: 'false' } }, this.#set, el('div.train-buttons', {}, this.#train, this.#cancel), this.#status, progress, this.#chart.element, this.#outcome, advanced());
    this.#train.addEventListener('click', () => emit(this, 'train', { recipe: this.#recipe() }));
    this.#cancel.addEventListener('click', () => emit(this, 'cancel'));
  }

  #recipe() {
    return /** @type {HTMLInputElement} */ (this.element.querySelector('input[name=recipe]:checked')).value;
  }

  /** @param {string} name */
  showSet(name) {
    this.#set.textContent = name;
  }

  /**
   * @param {{reason: string | null, head: 'none' | 'stale' | 'trained'}} state `reason` says why training cannot start
   */
  showState({ reason, head }) {
    const states = text.training.states;
    this.#train.textContent = head === 'none' ? text.training.train : text.training.again;
    this.#train.disabled = reason !== null;
    this.element.dataset.head = head;
    this.#say(reason ?? { none: states.untrainedHead, stale: states.stale, trained: states.trained }[head]);
    if (head !== 'trained') this.#outcome.textContent = '';
  }

  showStarted() {
    this.element.dataset.running = 'true';
    this.#train.hidden = true;
    this.#cancel.hidden = false;
    if (document.activeElement === document.body || document.activeElement === this.#train) this.#cancel.focus();
    this.#progress.removeAttribute('value');
    this.#outcome.textContent = '';
  }

  /**
   * @param {TrainingStep[]} steps all steps so far
   * @param {number} total
   */
  showProgress(steps, total) {
    this.#progress.value = steps.length / total;
    this.#step.textContent = text.training.progress(steps.length, total);
    this.#chart.show(steps, total);
  }

  /** @param {TrainingStep[]} steps empty where nothing came of it */
  showEnded(steps) {
    const focused = document.activeElement === this.#cancel;
    this.element.dataset.running = 'false';
    this.#train.hidden = false;
    this.#cancel.hidden = true;
    if (focused) this.#train.focus();
    if (steps.length === 0) return;
    this.#chart.describe(steps);
    this.#outcome.textContent = text.training.outcome(steps[0].accuracy, steps[steps.length - 1].accuracy);
  }

  /** @param {string} words */
  #say(words) {
    if (this.#status.textContent !== words) this.#status.textContent = words;
  }
}

function advanced() {
  const words = text.training;
  const fieldset = el('fieldset', {}, el('legend', {}, words.recipe), recipe('scaled', words.scaled, words.scaledHint, true), recipe('plain', words.plain, words.plainHint, false));
  return el('details.advanced', { id: 'advanced' }, el('summary', {}, words.advanced), fieldset);
}

/**
 * @param {string} value
 * @param {string} name
 * @param {string} hint
 * @param {boolean} checked
 */
function recipe(value, name, hint, checked) {
  const input = el('input', { type: 'radio', name: 'recipe', value, checked });
  return el('label.recipe', {}, input, el('span', {}, el('strong', {}, name), el('small', {}, hint)));
}
