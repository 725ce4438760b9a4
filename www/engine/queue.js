// Photos that wait for a worker: to be prepared, and then to be embedded. They are handed out a few at a time, so that every
// worker is busy to the end. Page side.

/** @import { Job, Link } from './link.js' */

/** What a worker holds of each kind: one that it does, and one to go on with. */
const AHEAD = 2;

export class PhotoQueue {
  /** @type {Record<string, Job[]>} each in the order of the requests */
  #waiting = { prepare: [], embed: [] };

  get size() {
    return this.#waiting.prepare.length + this.#waiting.embed.length;
  }

  /**
   * Whether a job waits here for its worker. A camera frame does not: it cannot be sent twice.
   * @param {Job} job
   */
  takes(job) {
    return job.op in this.#waiting && job.transfer.length === 0;
  }

  /** @param {Job} job one that comes back from a worker takes its old place */
  add(job) {
    const waiting = this.#waiting[job.op];
    const next = waiting.findIndex(({ id }) => id > job.id);
    waiting.splice(next < 0 ? waiting.length : next, 0, job);
  }

  /**
   * False where the job is not here.
   * @param {Job} job
   */
  cancel(job) {
    const waiting = this.#waiting[job.op] ?? [];
    const place = waiting.indexOf(job);
    if (place < 0) return false;
    waiting.splice(place, 1);
    return true;
  }

  /** Takes all that wait. */
  empty() {
    return Object.values(this.#waiting).flatMap((waiting) => waiting.splice(0));
  }

  /**
   * Takes the photo that is embedded last, beside which a worker would have nothing to do. Null where others are to come, and
   * where it was split.
   * @param {Link[]} links
   */
  takeLast(links) {
    const { prepare, embed } = this.#waiting;
    const more = prepare.length > 0 || links.some((link) => link.count('prepare') > 0);
    return !more && embed.length === 1 && embed[0].args.part === undefined ? embed.pop() : null;
  }

  /**
   * Hands out. Towards the end nobody gets one to go on with that another could begin at once.
   * @param {Link[]} links
   */
  share(links) {
    for (const [op, waiting] of Object.entries(this.#waiting)) {
      for (let held = 1; held <= AHEAD; held++) {
        const least = held === 1 ? 1 : links.length + 1;
        for (const link of links) {
          if (link.count(op) < held && waiting.length >= least) link.post(/** @type {Job} */ (waiting.shift()));
        }
      }
    }
  }
}
