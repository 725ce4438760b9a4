// The engine's state in the header: how far its start has come, then backend and speed, and on a click everything about it.
// It only shows what it is told. Event: `leave-network`, of who no longer wants the network that he brought.

import { text } from '../strings.js';
import { el, icon, write } from './dom.js';

/** @import { EngineInfo, StartProgress } from '../engine/protocol.js' */

export class EngineView extends EventTarget {
  #label = el('span.engine-label');
  #bar = el('progress.engine-bar', { max: 1, hidden: true, aria: { label: text.engine.label } });
  #facts = el('dl.engine-facts');
  #speed = el('dd', { data: { fact: 'speed' } });
  /** @type {EngineInfo | null} */
  #info = null;
  #milliseconds = 0;
  #working = 0;
  /** Whether the network that the visitor brought is there after a reload too. */
  #ownKept = false;
  #leave = el('button.button', { id: 'leave-network', hidden: true, on: { click: () => this.dispatchEvent(new CustomEvent('leave-network')) } }, text.engine.leaveNetwork);

  constructor() {
    super();
    const summary = el('summary.engine-summary', {}, el('span.engine-dot', { aria: { hidden: 'true' } }), this.#label, icon('chevron'), this.#bar);
    this.element = el('details.engine', { id: 'engine' }, summary, el('div.engine-about', {}, this.#facts, this.#leave));
    this.element.addEventListener('keydown', (/** @type {KeyboardEvent} */ event) => {
      if (event.key === 'Escape') this.element.open = false;
    });
    this.#say(text.engine.phases.module);
  }

  /** @param {StartProgress} progress */
  showProgress({ phase, loaded = 0, total = 0 }) {
    this.#info = null;
    this.element.dataset.state = 'loading';
    this.#bar.hidden = false;
    if (phase !== 'weights') {
      this.#bar.removeAttribute('value');
      return this.#say(text.engine.phases[phase]);
    }
    this.#bar.value = loaded / total;
    this.#say(text.engine.phases.weights(loaded, total));
  }

  /** @param {EngineInfo} info */
  showReady(info) {
    this.#info = info;
    this.#milliseconds = info.milliseconds * info.views.count;
    this.element.dataset.state = 'ready';
    this.#bar.hidden = true;
    this.#showFacts(info);
    this.#refresh();
  }

  showFailed() {
    this.#info = null;
    this.element.dataset.state = 'failed';
    this.#bar.hidden = true;
    this.#facts.replaceChildren();
    this.#leave.hidden = true;
    this.#say(text.engine.failed);
  }

  /** @param {boolean} kept */
  showOwnKept(kept) {
    this.#ownKept = kept;
    if (this.#info) this.#showFacts(this.#info);
  }

  /** @param {number} milliseconds what the newest embedding took */
  showSpeed(milliseconds) {
    this.#milliseconds = milliseconds;
    this.#refresh();
  }

  /** @param {number} count photos that wait for their embedding */
  showWorking(count) {
    this.#working = count;
    this.#refresh();
  }

  /** What changes with every photo. */
  #refresh() {
    if (!this.#info) return;
    const ready = text.engine.ready(text.engine.backends[this.#info.backend], this.#milliseconds);
    this.#say(this.#working > 0 ? text.engine.working(this.#working) : ready);
    write(this.#speed, text.engine.milliseconds(this.#milliseconds));
  }

  /** @param {EngineInfo} info */
  #showFacts({ backend, adapter, reason, views, network }) {
    const words = text.engine.terms;
    const row = (/** @type {string} */ key, /** @type {string} */ term, /** @type {string} */ fact) => [el('dt', {}, term), el('dd', { data: { fact: key } }, fact)];
    const why = reason ? row('reason', words.reason, text.engine.reasons[reason.code](reason.detail)) : [];
    this.#facts.replaceChildren(
      ...row('backend', words.backend, text.engine.backends[backend]),
      ...row('adapter', words.adapter, adapter || text.engine.unknownAdapter),
      ...why,
      el('dt', {}, words.speed),
      this.#speed,
      ...row('views', words.views, text.engine.views[views.reason](views.count)),
      ...row('network', words.network, network.name),
      ...row('source', words.source, network.source),
      ...row('size', words.size, text.engine.size(network.bytes)),
      ...row('kept', words.kept, network.manifest ? keptWords(network) : text.engine.kept[this.#ownKept ? 'own' : 'ownNot']),
    );
    this.#leave.hidden = network.manifest;
  }

  /** @param {string} words */
  #say(words) {
    write(this.#label, words);
  }
}

/** @param {import('../engine/protocol.js').NetworkInfo} network */
function keptWords({ fromCache, kept, checked }) {
  const words = text.engine.kept;
  if (!checked) return text.engine.unchecked;
  if (fromCache) return words.cache;
  return kept ? words.fetched : words.not;
}
