// One photo for several workers: jobs for the parts of its views, which together settle the job for all of them.
// Page side: no DOM, no wasm.

import { Job } from './link.js';

/** @import { EmbeddedPart } from './protocol.js' */

/** How many parts the module makes of a photo's views. */
const PARTS = 4;

/**
 * @param {Job} whole an `embed`
 * @param {(parts: EmbeddedPart[]) => Promise<any>} join what `whole` is answered with
 * @returns {Job[]} to be done in its place, by anybody
 */
export function splitPhoto(whole, join) {
  const parts = Array.from({ length: PARTS }, (_, part) => new Job('embed', { ...whole.args, part }));
  Promise.all(parts.map(({ answer }) => answer))
    .then(join)
    .then(whole.resolve, whole.reject);
  return parts;
}
