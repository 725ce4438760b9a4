// Names the camera's picture again and again: one frame is named at a time, and the next one is fetched meanwhile.
// Page side: no elements, no words; it is given where frames come from and who predicts.

/** @import { Prediction } from './engine/protocol.js' */

/** Weight of the newest frame in the running rate. */
const SMOOTHING = 0.25;
/** How long to wait, in milliseconds, where a frame could not be named just now. */
const PAUSE = 200;

/**
 * @typedef {object} LiveSource
 * @property {() => boolean} ready whether a frame can be named now
 * @property {() => Promise<ImageBitmap | null>} frame
 * @property {(bitmap: ImageBitmap) => Promise<{prediction: Prediction, milliseconds: number}>} predict
 * @property {(result: {prediction: Prediction, milliseconds: number, perSecond: number}) => void} show
 */

export class LiveLoop {
  #source;
  /** Grows with every start and stop: a loop of an older run ends. */
  #run = 0;

  /** @param {LiveSource} source */
  constructor(source) {
    this.#source = source;
  }

  start() {
    this.#loop(++this.#run);
  }

  stop() {
    this.#run++;
  }

  /** @param {number} run */
  async #loop(run) {
    const source = this.#source;
    let period = 0;
    let last = 0;
    let next = this.#frame();
    while (run === this.#run) {
      const bitmap = await next;
      const answer = bitmap ? source.predict(bitmap).catch(() => null) : pause(PAUSE);
      next = bitmap ? this.#frame() : answer.then(() => this.#frame());
      const result = await answer;
      if (run !== this.#run) break;
      const now = performance.now();
      if (result && last) period = period ? period + SMOOTHING * (now - last - period) : now - last;
      last = result ? now : 0;
      if (result) source.show({ ...result, perSecond: period ? 1000 / period : 0 });
    }
    (await next)?.close();
  }

  /** The camera's picture at the screen's next frame; null where none can be named now. */
  async #frame() {
    await nextFrame();
    return this.#source.ready() ? this.#source.frame().catch(() => null) : null;
  }
}

/**
 * @param {number} milliseconds
 * @returns {Promise<null>}
 */
function pause(milliseconds) {
  return new Promise((resolve) => setTimeout(resolve, milliseconds, null));
}

function nextFrame() {
  return new Promise((resolve) => requestAnimationFrame(resolve));
}
