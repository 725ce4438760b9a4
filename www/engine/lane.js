// A queue that runs one job at a time, in order, and lets the event loop breathe between two jobs.
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
  #running = false;
  #open;
  /** @type {() => void} */
  #onIdle = () => {};

  /** @param {{open: boolean}} options a lane that is not open collects jobs until `open()` */
  constructor({ open }) {
    this.#open = open;
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

  /** Starts no further job; resolves when the current one has ended. */
  async close() {
    this.#open = false;
    if (this.#running) await new Promise((resolve) => (this.#onIdle = () => resolve(undefined)));
  }

  async #run() {
    if (this.#running) return;
    this.#running = true;
    for (let job; this.#open && (job = this.#waiting.shift()); ) {
      await job();
      await nextTask();
    }
    this.#running = false;
    this.#onIdle();
  }
}
