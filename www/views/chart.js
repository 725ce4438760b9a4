// The course of a training as three small curves, with the same in words beside them. It draws numbers and knows no training.

import { percent, text } from '../strings.js';
import { el, svgElement } from './dom.js';

/** @import { TrainingStep } from '../engine/protocol.js' */

/**
 * What learns: the classes, or a metric, which knows no entropy and counts triples instead of photos.
 * @typedef {'classes' | 'metric'} Learner
 */

const WIDTH = 240;
const HEIGHT = 48;
/** Room for the line's own thickness. */
const EDGE = 3;

const CURVES = /** @type {const} */ (['loss', 'accuracy', 'entropy']);

export class ChartView {
  #lines = CURVES.map((key) => new Curve(key));
  #summary = el('p.visually-hidden');
  #empty = el('p.chart-empty', {}, text.training.curveEmpty);

  constructor() {
    const curves = this.#lines.map((line) => line.element);
    this.element = el('figure.chart', { id: 'training-chart', aria: { label: text.training.curves } }, ...curves, this.#empty, this.#summary);
  }

  /** @param {Learner} learner whose curves come next */
  begin(learner) {
    this.element.dataset.learner = learner;
    for (const line of this.#lines) line.begin(learner);
    this.#summary.textContent = '';
  }

  /**
   * @param {TrainingStep[]} steps
   * @param {number} total steps in all, so that the curves grow from left to right
   */
  show(steps, total) {
    this.#empty.hidden = steps.length > 0;
    for (const line of this.#lines) line.draw(steps, total);
  }

  /** @param {TrainingStep[]} steps */
  describe(steps) {
    const [first, last] = [steps[0], steps[steps.length - 1]];
    if (this.element.dataset.learner === 'metric') {
      this.#summary.textContent = text.training.metricCurveSummary(steps.length, first.loss.toFixed(2), last.loss.toFixed(2), percent(last.accuracy));
      return;
    }
    this.#summary.textContent = text.training.curveSummary(
      steps.length,
      first.loss.toFixed(2),
      last.loss.toFixed(2),
      percent(last.accuracy),
      first.entropy.toFixed(2),
      last.entropy.toFixed(2),
    );
  }
}

class Curve {
  #key;
  #name = el('span.curve-name');
  #value = el('span.curve-value');
  #line = svgElement('polyline', { class: 'curve-line', points: '' });

  /** @param {typeof CURVES[number]} key */
  constructor(key) {
    this.#key = key;
    const svg = svgElement('svg', { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: 'none', 'aria-hidden': 'true', class: 'curve-plot' });
    svg.append(svgElement('line', { class: 'curve-base', x1: 0, y1: HEIGHT - 0.5, x2: WIDTH, y2: HEIGHT - 0.5 }), this.#line);
    this.element = el('div.curve', { data: { curve: key } }, this.#name, this.#value, svg);
    this.begin('classes');
  }

  /** @param {Learner} learner */
  begin(learner) {
    const metric = learner === 'metric';
    this.element.hidden = metric && this.#key === 'entropy';
    this.#name.textContent = text.training[metric && this.#key === 'accuracy' ? 'order' : this.#key];
  }

  /**
   * @param {TrainingStep[]} steps
   * @param {number} total
   */
  draw(steps, total) {
    const values = steps.map((step) => step[this.#key]);
    const top = this.#key === 'accuracy' ? 1 : Math.max(...values, 1e-6);
    const x = (/** @type {number} */ index) => (index / Math.max(total - 1, 1)) * WIDTH;
    const y = (/** @type {number} */ value) => HEIGHT - EDGE - (Math.max(value, 0) / top) * (HEIGHT - 2 * EDGE);
    this.#line.setAttribute('points', values.map((value, index) => `${x(index).toFixed(1)},${y(value).toFixed(1)}`).join(' '));
    const last = values[values.length - 1];
    this.#value.textContent = last === undefined ? '' : this.#key === 'accuracy' ? percent(last) : last.toFixed(3);
  }
}
