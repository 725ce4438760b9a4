// Share links: when there can be one, and the button and dialog that give it out.
// Page side: no elements and no words. What a link holds is the engine's business.

import { LINK } from './fragment.js';
import { explain, text } from './strings.js';
import { ShareView } from './views/share.js';

/** @import { EngineClient } from './engine/client.js' */
/** @import { Method, Metric } from './engine/protocol.js' */
/** @import { Model } from './model.js' */
/** @import { ToastsView } from './views/toasts.js' */

/** The methods whose classifiers fit into a link. */
const LINEAR = ['finetune', 'finetune-plain', 'prototype'];

/** What a link would be made of. @typedef {{head: 'none' | 'stale' | 'trained', method: Method | null, metric: Metric | null}} Trained */

export class Share {
  #client;
  #model;
  #toasts;
  view = new ShareView();

  /**
   * @param {EngineClient} client
   * @param {Model} model
   * @param {ToastsView} toasts
   */
  constructor(client, model, toasts) {
    this.#client = client;
    this.#model = model;
    this.#toasts = toasts;
    this.view.addEventListener('share', () => this.#share());
  }

  /**
   * Says whether there can be a link, and why not.
   * @param {Trained} trained
   */
  show({ head, method, metric }) {
    const { reasons } = text.share;
    if (head !== 'trained' || method === null) this.view.showReason(head === 'stale' ? reasons.stale : reasons.untrained, false);
    else if (!LINEAR.includes(method)) this.view.showReason(reasons.method(text.training.methods[method].name), true);
    else this.view.showReason(metric ? reasons.metric : null, metric !== null);
  }

  async #share() {
    const classes = this.#model.classes.map(({ id, name, hue }) => ({ id, name, hue }));
    try {
      const link = await this.#client.link(classes, location.origin + location.pathname + LINK);
      const taking = this.#model.classes.filter((own) => own.active).length;
      this.view.showLink(link, taking);
    } catch (error) {
      this.#toasts.show(explain(error));
    }
  }
}
