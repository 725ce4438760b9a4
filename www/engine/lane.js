// A queue that runs its jobs in order, one at a time or a few, and lets the event loop breathe between two of them.
// Worker side. Knows nothing of what the jobs do.

/** Resolves in a new task, so that messages which have arrived are handled first. */
export function nextTask() {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve(undefined);
    };
    port2.postMessage(null);
  });
}

export class Lane {
  /** @type {(() => Promise<void>)[]} */
  #waiting = [];
  #running = 0;
  #open;
  #width;
  /** @type {() => void} */
  #onIdle = () => {};

  /** @param {{open: boolean, width?: number}} options a lane that is not open collects jobs until `open()`; `width` jobs run at once */
  constructor({ open, width = 1 }) {
    this.#open = open;
    this.#width = width;
  }

  /** @param {() => Promise<void>} job never rejects */
  add(job) {
    this.#waiting.push(job);
    this.#run();
  }

  /** @param {() => Promise<void>} job runs before all that wait */
  addFirst(job) {
    this.#waiting.unshift(job);
    this.#run();
  }

  open() {
    this.#open = true;
    this.#run();
  }

  /** Starts no further job; resolves when those under way have ended. */
  async close() {
    this.#open = false;
    if (this.#running > 0) await new Promise((resolve) => (this.#onIdle = () => resolve(undefined)));
  }

  async #run() {
    if (this.#running === this.#width) return;
    this.#running++;
    for (let job; this.#open && (job = this.#waiting.shift()); ) {
      await job();
      await nextTask();
    }
    if (--this.#running === 0) this.#onIdle();
  }
}
