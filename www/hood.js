// Under the hood: has shots, prototypes and photos to try seen from above, while somebody looks.
// Page side: it wires its view to model and engine.

import { on } from './views/dom.js';
import { HoodView } from './views/hood.js';

/** @import { EngineClient } from './engine/client.js' */
/** @import { Model } from './model.js' */

export class Hood {
  #model;
  #client;
  #canPredict;
  /** Grows with every refresh: older answers are dropped. */
  #refreshCount = 0;

  /**
   * @param {Model} model
   * @param {EngineClient} client
   * @param {() => boolean} canPredict whether two classes can be told apart
   */
  constructor(model, client, canPredict) {
    this.#model = model;
    this.#client = client;
    this.#canPredict = canPredict;
    this.view = new HoodView(model);
    on(this.view, 'open', () => this.refresh());
  }

  /** Shots, photos to try, or what is known of them have changed. */
  async refresh() {
    if (!this.view.open) return;
    const count = ++this.#refreshCount;
    const embeddings = this.#model.tests.flatMap(({ embedding }) => embedding ?? []);
    const overview = this.#canPredict() ? await this.#client.overview(embeddings).catch(() => null) : null;
    if (count === this.#refreshCount) this.view.show(overview);
  }
}
