// Step 2: the set's name, the Train button with its reasons, progress, curves and outcome, how to learn and in which embedding.
// Events: `train` (options), `cancel`, `settings`.

import { learnsMetric } from '../engine/protocol.js';
import { text } from '../strings.js';
import { ChartView } from './chart.js';
import { el, emit, write } from './dom.js';
import { MethodView } from './method.js';

/** @import { Method, Metric, TrainingStep } from '../engine/protocol.js' */

export class TrainingView extends EventTarget {
  #set = el('p.set-name', { id: 'set-name' });
  #train = el('button.button.primary', { id: 'train' });
  #cancel = el('button.button', { id: 'cancel-training', hidden: true }, text.training.cancel);
  #status = el('output.train-status', { id: 'train-status' });
  #progress = el('progress', { id: 'train-progress', max: 1, value: 0, aria: { label: text.training.progressLabel } });
  #step = el('span.train-step-count');
  #outcome = el('p.train-outcome', { id: 'train-outcome' });
  #chart = new ChartView();
  #how = new MethodView();
  /** @type {{reason: string | null, head: 'none' | 'stale' | 'trained', method: Method | null}} */
  #state = { reason: null, head: 'none', method: null };

  /** @param {HTMLElement} embedding what says by which embedding photos are compared */
  constructor(embedding) {
    super();
    const progress = el('div.train-progress', {}, this.#progress, this.#step);
    this.element = el('div.train', { data: { running: 'false' } }, this.#set, el('div.train-buttons', {}, this.#train, this.#cancel), this.#status, progress, this.#chart.element, this.#outcome, this.#how.element, embedding);
    this.#train.addEventListener('click', () => this.#start());
    this.#how.addEventListener('change', () => this.showState(this.#state));
    this.#how.addEventListener('settings', () => emit(this, 'settings'));
    this.#cancel.addEventListener('click', () => emit(this, 'cancel'));
  }

  /** @param {string} name */
  showSet(name) {
    write(this.#set, name);
  }

  /**
   * @param {{reason: string | null, head: 'none' | 'stale' | 'trained', method: Method | null}} state `reason` says why training
   *   cannot start, `method` how the head was trained
   */
  showState(state) {
    this.#state = state;
    const { reason, head, method } = state;
    const { states, methods } = text.training;
    const wanted = this.#how.method;
    const trained = wanted === method ? states.trained(methods[wanted].name) : states.otherMethod(methods[wanted].name);
    write(this.#train, head === 'none' ? text.training.train : text.training.again);
    this.#train.disabled = reason !== null;
    this.element.dataset.head = head;
    this.#say(reason ?? { none: states.untrainedHead, stale: states.stale, trained }[head]);
    this.element.dataset.method = head === 'trained' ? method : '';
    if (head !== 'trained') write(this.#outcome, '');
  }

  /**
   * As if the method was chosen and the button pressed.
   * @param {Method} method
   */
  trainBy(method) {
    this.#how.choose(method);
    this.#start();
  }

  get settings() {
    return this.#how.state;
  }

  /** @param {import('./method.js').Settings | null} settings the usual ones where there are none */
  set settings(settings) {
    this.#how.state = settings;
  }

  /** @param {Metric | null} metric the learned metric that was loaded */
  showMetric(metric) {
    this.#how.showMetric(metric?.method ?? null);
  }

  #start() {
    const options = this.#how.options();
    if (options) emit(this, 'train', options);
  }

  /** @param {Method} method */
  showStarted(method) {
    this.#chart.begin(learnsMetric(method) ? 'metric' : 'classes');
    this.element.dataset.running = 'true';
    this.#train.hidden = true;
    this.#cancel.hidden = false;
    if (document.activeElement === document.body || document.activeElement === this.#train) this.#cancel.focus();
    this.#progress.removeAttribute('value');
    this.#outcome.textContent = '';
  }

  /**
   * @param {number} looked photos that the network has looked at, before the first step
   * @param {number} of how many
   * @param {number} left milliseconds until all is done, about
   */
  showLooking(looked, of, left) {
    this.#step.textContent = text.training.looking(looked, of, left);
  }

  /**
   * @param {TrainingStep[]} steps all steps so far
   * @param {number} total
   * @param {number} left milliseconds until all is done, about
   */
  showProgress(steps, total, left) {
    this.#progress.value = steps.length / total;
    this.#step.textContent = text.training.progress(steps.length, total, left);
    this.#chart.show(steps, total);
  }

  /**
   * @param {Method} method
   * @param {TrainingStep[] | null} steps null where nothing came of it; none for a method without steps
   */
  showEnded(method, steps) {
    const focused = document.activeElement === this.#cancel;
    this.element.dataset.running = 'false';
    this.#train.hidden = false;
    this.#cancel.hidden = true;
    if (focused) this.#train.focus();
    if (!steps) return;
    if (steps.length === 0) {
      this.#chart.show([], 1);
      this.#outcome.textContent = text.training.outcomeWithoutSteps;
      return;
    }
    this.#chart.describe(steps);
    const ofSteps = method === 'deep' ? text.training.outcomeOfSteps : text.training.outcome;
    const outcome = learnsMetric(method) ? text.training.metricOutcome : ofSteps;
    this.#outcome.textContent = outcome(steps[0].accuracy, steps[steps.length - 1].accuracy);
  }

  /** @param {string} words */
  #say(words) {
    write(this.#status, words);
  }
}
