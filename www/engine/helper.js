// A second worker on the CPU, which prepares and embeds photos beside the first, and begins with the camera's frames. It comes
// when there is much to do, and goes when it has had nothing to do for a while. Page side. It has no session: nothing but
// pictures is sent to it, and nobody misses it.

import { Job, Link } from './link.js';

/** @import { EngineInfo } from './protocol.js' */

/** After so many milliseconds without work it is ended, which gives its memory back; photos are chosen in less, mostly. */
const REST = 20_000;

/** @typedef {{free: () => void, lost: (jobs: Job[], message: string) => void}} HelperOwner */

export class Helper {
  #owner;
  /** @type {Link | null} */
  #link = null;
  #ready = false;
  /** A device on which it died has no room for it, perhaps: no other is tried. */
  #died = false;
  #restTimer = 0;

  /** @param {HelperOwner} owner is told when it can take photos, and which it has left behind when it died */
  constructor(owner) {
    this.#owner = owner;
  }

  /** Through which it is given photos, once it can take some. */
  get link() {
    return this.#ready ? this.#link : null;
  }

  /**
   * Starts it, unless it runs already.
   * @param {File | null} checkpoint the network that the visitor brought, if any
   * @param {EngineInfo} info what the first worker runs
   */
  async start(checkpoint, info) {
    if (this.#link || this.#died) return;
    const link = new Link('light', { settled: () => this.#settled(), crashed: (message) => this.#crashed(message) });
    this.#link = link;
    const start = new Job('start', { backend: 'cpu', reason: null, checkpoint, views: info.views, timed: false });
    link.post(start);
    const { network } = await start.answer.catch(() => ({ network: null }));
    if (link !== this.#link) return;
    if (network?.identity !== info.network.identity) return this.#crashed('');
    this.#ready = true;
    this.#owner.free();
  }

  /** Ends it, and gives the pictures that it had not finished. */
  end() {
    clearTimeout(this.#restTimer);
    const jobs = this.#link?.end() ?? [];
    this.#link = null;
    this.#ready = false;
    return jobs.filter(({ op }) => op !== 'start');
  }

  /** Gives its memory back where it has nothing to do: a training needs some. */
  spare() {
    if (this.#link?.size === 0) this.end();
  }

  ping() {
    this.#link?.ping();
  }

  #settled() {
    this.#rest();
    this.#owner.free();
  }

  #rest() {
    clearTimeout(this.#restTimer);
    this.#restTimer = setTimeout(() => (this.#link?.size === 0 ? this.end() : this.#rest()), REST);
  }

  /** @param {string} message */
  #crashed(message) {
    this.#died = true;
    this.#owner.lost(this.end(), message);
  }
}
