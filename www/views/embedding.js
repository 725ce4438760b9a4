// Step 2: by what photos are compared, the network's own embedding or a learned metric; how to load, remove and save one.
// Events: `load` ({file}), `remove`, `save`. It shows what it is told.

import { text } from '../strings.js';
import { el, emit, fileButton, icon, write } from './dom.js';

/** @import { Metric } from '../engine/protocol.js' */

const words = text.embedding;

export class EmbeddingView extends EventTarget {
  #name = el('p.embedding-name', { id: 'embedding-name' });
  #about = el('p.embedding-about', { id: 'embedding-about' });
  #remove = el('button.button.quiet', { id: 'remove-metric', hidden: true, on: { click: () => emit(this, 'remove') } }, icon('close'), el('span', {}, words.remove));
  #save = el('button.button', { id: 'save-metric', hidden: true, title: words.saveHint, on: { click: () => emit(this, 'save') } }, icon('save'), el('span', {}, words.save));

  constructor() {
    super();
    const load = fileButton('button', {
      label: words.load,
      hint: words.loadHint,
      picture: 'load',
      id: 'metric-input',
      accept: '.safetensors',
      pick: ([file]) => emit(this, 'load', { file }),
    });
    const title = el('h3', { id: 'embedding-title' }, words.title);
    this.element = el('section.embedding', { id: 'embedding', aria: { labelledby: 'embedding-title' } }, title, this.#name, this.#about, el('div.embedding-tools', {}, this.#save, load, this.#remove));
    this.showMetric(null);
  }

  /** @param {Metric | null} metric the one that was loaded */
  showMetric(metric) {
    this.element.dataset.metric = metric?.method ?? '';
    write(this.#name, metric ? words.metric(metric.name) : words.own);
    write(this.#about, metric ? words.about(text.training.methods[metric.method].name, metric.classes, metric.images) : words.ownAbout);
    if (!metric && document.activeElement === this.#remove) /** @type {HTMLElement} */ (this.element.querySelector('input')).focus();
    this.#remove.hidden = metric === null;
  }

  /** @param {boolean} trained whether a metric was learnt from the photos as they are */
  showTrained(trained) {
    this.#save.hidden = !trained;
  }
}
