// The camera's answers, calmed: each is the mean of the last few, the newest weighing most, so that bars do not flicker.
// Page side: numbers alone.

/** @import { Prediction } from './engine/protocol.js' */

/** Weight of the newest answer. */
const NEWEST = 0.4;

export class Smoothing {
  /** @type {Prediction | null} */
  #last = null;

  /** What comes next is another picture. */
  reset() {
    this.#last = null;
  }

  /**
   * @param {Prediction} prediction
   * @returns {Prediction} its probabilities, and how familiar it is, smoothed
   */
  smooth(prediction) {
    const last = this.#last;
    this.#last = last && alike(last, prediction) ? between(last, prediction) : prediction;
    return this.#last;
  }
}

/**
 * Whether both answer the same question.
 * @param {Prediction} one
 * @param {Prediction} other
 */
function alike(one, other) {
  const classes = (/** @type {Prediction} */ prediction) => prediction.scores.map(({ classId }) => classId).join();
  return one.method === other.method && classes(one) === classes(other);
}

/**
 * @param {Prediction} last
 * @param {Prediction} next of the same classes in the same order
 * @returns {Prediction}
 */
function between(last, next) {
  const towards = (/** @type {number} */ old, /** @type {number} */ value) => old + NEWEST * (value - old);
  const scores = next.scores.map((score, index) => ({ ...score, probability: towards(last.scores[index].probability, score.probability) }));
  const familiarity = { ...next.familiarity, probability: towards(last.familiarity.probability, next.familiarity.probability) };
  return { ...next, scores, familiarity };
}
