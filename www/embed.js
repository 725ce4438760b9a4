// The page inside another page (`?embed=1`): answers that page's messages and nobody else's. docs/EMBED.md has the messages.
// It opens no project, no camera, no link of its own address, and shows nothing but what it is.

import { Classifier } from './api.js';
import { EngineError } from './engine/protocol.js';
import { text } from './strings.js';
import { el } from './views/dom.js';

/** The longest link, in characters, and the largest picture, in bytes, that is taken. */
const LONGEST_LINK = 65_536;
const LARGEST_PICTURE = 20_000_000;
/** So many requests may be under way. */
const MOST_REQUESTS = 16;

/** Burn's backends are for comparison: the API does not offer them. */
const OFFERED = /** @type {const} */ ({ auto: 'auto', cpu: 'cpu', candle: 'cpu', webgpu: 'webgpu', wgpu: 'webgpu' });

/** A request of the page around: `{glimpse: 1, id, op, …}`. The answer is `{glimpse: 1, id, ok}` or `{glimpse: 1, id, error}`. */
export class Embed {
  #wishes;
  /** @type {Promise<Classifier> | null} */
  #classifier = null;
  #underWay = 0;

  /**
   * @param {Document} page
   * @param {import('./engine/client.js').Wishes} wishes
   */
  constructor(page, wishes) {
    this.#wishes = wishes;
    page.title = text.title;
    page.body.replaceChildren(el('main.embedded', {}, el('h1.visually-hidden', {}, text.title), el('p', {}, text.embedded)));
  }

  start() {
    addEventListener('message', (event) => {
      // Only the page around may ask, and it is answered at the origin that it asked from.
      if (event.source !== parent || parent === window || event.data?.glimpse !== 1) return;
      this.#answer(event.data, (message) => parent.postMessage(message, event.origin));
    });
    // Says no more than that it listens; whoever it is may know that.
    if (parent !== window) parent.postMessage({ glimpse: 1, ready: true }, '*');
  }

  /**
   * @param {any} request
   * @param {(message: any) => void} reply
   */
  async #answer({ id, op, link, image }, reply) {
    this.#underWay++;
    try {
      if (this.#underWay > MOST_REQUESTS) throw new EngineError('embed-busy', `expected at most ${MOST_REQUESTS} requests under way`);
      const ok = await (op === 'load' ? this.#load(link) : op === 'classify' ? this.#classify(image) : refuse(op));
      reply({ glimpse: 1, id, ok });
    } catch (error) {
      const { code = 'unknown', message } = /** @type {any} */ (error);
      reply({ glimpse: 1, id, error: { code, message } });
    } finally {
      this.#underWay--;
    }
  }

  /** @param {unknown} link */
  async #load(link) {
    if (typeof link !== 'string' || link.length > LONGEST_LINK) throw new EngineError('embed-link', `expected a link of at most ${LONGEST_LINK} characters`);
    const old = this.#classifier;
    this.#classifier = Classifier.fromLink(link, { backend: OFFERED[this.#wishes.backend] });
    old?.then((one) => one.close(), () => {});
    try {
      return { classes: (await this.#classifier).classes };
    } catch (error) {
      this.#classifier = null;
      throw error;
    }
  }

  /** @param {unknown} image */
  async #classify(image) {
    if (!this.#classifier) throw new EngineError('embed-order', 'load a link first');
    const isPicture = image instanceof Blob || image instanceof ImageBitmap || image instanceof ImageData;
    if (!isPicture) throw new EngineError('embed-image', 'expected `image` to be a Blob, an ImageBitmap or ImageData');
    const bytes = image instanceof Blob ? image.size : 4 * image.width * image.height;
    if (bytes > LARGEST_PICTURE) throw new EngineError('embed-image', `expected at most ${LARGEST_PICTURE} bytes, got ${bytes}`);
    return (await this.#classifier).classify(image);
  }
}

/**
 * @param {unknown} op
 * @returns {never}
 */
function refuse(op) {
  throw new EngineError('embed-op', `expected \`load\` or \`classify\`, got \`${String(op).slice(0, 40)}\``);
}
