// Training of a head in the page's module, on embeddings that are there already. They are random numbers around a centre
// for every class: what they say matters nothing for the time.

import { loadModule } from '/www/engine/module.js';

/** Length of a photo's embedding in the page. */
const LENGTH = 1536;

/**
 * Trains a head for a number of steps, or until the patience ends.
 * @param {{classes: number, shots: number, steps: number, patience: number}} task
 * @returns {Promise<{start: number, steps: number, milliseconds: number}>} what it took to start, and the steps
 */
export async function train({ classes, shots, steps, patience }) {
  const { Session } = (await loadModule('light')).module;
  const session = new Session();
  const random = generator(1);
  for (let id = 0; id < classes; id++) {
    const centre = Float32Array.from({ length: LENGTH }, random);
    for (let shot = 0; shot < shots; shot++) session.setShot(id, id * shots + shot, centre.map((value) => value + random()));
  }
  const began = performance.now();
  const trainer = session.startTraining({ method: 'finetune', steps });
  const started = performance.now();
  // In few slices: the answer of each has a cost of its own.
  while (!trainer.done && performance.now() - started < patience) trainer.run(Math.ceil(steps / 20));
  session.finishTraining(trainer);
  const result = { start: started - began, steps: trainer.step, milliseconds: performance.now() - started };
  trainer.free();
  session.free();
  return result;
}

/**
 * Numbers in 0..1, the same for the same seed.
 * @param {number} seed
 */
function generator(seed) {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}
