// Names the camera's picture again and again: one frame under way at a time, so that none piles up.
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
    while (run === this.#run) {
      const bitmap = source.ready() ? await source.frame().catch(() => null) : null;
      const result = bitmap && (await source.predict(bitmap).catch(() => null));
      if (run !== this.#run) return;
      if (!result) {
        last = 0;
        await pause(PAUSE);
        continue;
      }
      const now = performance.now();
      if (last) period = period ? period + SMOOTHING * (now - last - period) : now - last;
      last = now;
      source.show({ ...result, perSecond: period ? 1000 / period : 0 });
      await nextFrame();
    }
  }
}

/** @param {number} milliseconds */
function pause(milliseconds) {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

function nextFrame() {
  return new Promise((resolve) => requestAnimationFrame(resolve));
}
