// Names the camera's picture again and again: one frame or two are named at a time, and the next one is fetched meanwhile.
// Page side: no elements, no words; it is given where frames come from and who predicts.

/** @import { Frame, Prediction } from './engine/protocol.js' */

/** Weight of the newest frame in the running rate. */
const SMOOTHING = 0.25;
/** From one frame to the next at least, in milliseconds: nobody would see more, and they cost the page and the battery. */
const PERIOD = 40;
/** How long to wait, in milliseconds, where a frame could not be named just now. */
const PAUSE = 200;

/**
 * @typedef {object} LiveSource
 * @property {() => boolean} ready whether a frame can be named now
 * @property {() => Promise<Frame | null>} frame
 * @property {() => number} atOnce how many frames are worth being named at the same time
 * @property {(frame: Frame) => Promise<{prediction: Prediction, milliseconds: number}>} predict
 * @property {(result: {prediction: Prediction, milliseconds: number, perSecond: number}) => void} show
 */

export class LiveLoop {
  #source;
  /** Grows with every start and stop: a loop of an older run ends. */
  #run = 0;
  /** When the next frame is due. */
  #due = 0;

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
    const pace = new Pace();
    this.#due = 0;
    /** The oldest first. @type {Promise<Awaited<ReturnType<LiveSource['predict']>> | null>[]} */
    const answers = [];
    let next = this.#frame();
    while (run === this.#run) {
      const frame = await next;
      const answer = frame ? source.predict(frame).catch(() => null) : pause(PAUSE);
      answers.push(answer);
      next = frame ? this.#frame() : answer.then(() => this.#frame());
      while (run === this.#run && answers.length >= source.atOnce()) {
        const result = await answers.shift();
        if (run !== this.#run) break;
        const perSecond = pace.after(Boolean(result));
        if (result) source.show({ ...result, perSecond });
      }
    }
    (await next)?.close();
  }

  /** The camera's picture when it is due and the screen has had its next frame; null where none can be named now. */
  async #frame() {
    const now = performance.now();
    await pause(this.#due - now);
    this.#due = Math.max(this.#due, now - PERIOD) + PERIOD;
    await afterNextFrame();
    return this.#source.ready() ? this.#source.frame().catch(() => null) : null;
  }
}

/** How many answers come in a second, of late. */
class Pace {
  #period = 0;
  /** When the last one came; 0 where none did. */
  #last = 0;

  /** @param {boolean} answered whether there was an answer now */
  after(answered) {
    const now = performance.now();
    const since = now - this.#last;
    if (answered && this.#last) this.#period += (this.#period ? SMOOTHING : 1) * (since - this.#period);
    this.#last = answered ? now : 0;
    return this.#period ? 1000 / this.#period : 0;
  }
}

/**
 * @param {number} milliseconds
 * @returns {Promise<null>}
 */
function pause(milliseconds) {
  return new Promise((resolve) => setTimeout(resolve, milliseconds, null));
}

/** Resolves in a task of its own: to copy a picture takes as long as to draw the page's frame, and both at once would be felt. */
function afterNextFrame() {
  return new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve)));
}
