// A worker and the requests that it was given: it carries them there, settles them by its answers, and tells when it is free
// or has died. Page side: no DOM, no wasm. What follows from a death is its owner's business.

import { EngineError } from './protocol.js';

/** A worker that is silent for so many pings is taken for dead. */
const PINGS = 6;

let lastId = 0;

/** @typedef {{onProgress?: (progress: any) => void, transfer?: Transferable[]}} JobOptions */

/** A request, and the promise of its answer. */
export class Job {
  id = ++lastId;
  /** Whether the worker has begun with it. */
  started = false;
  /** How many workers died over it. */
  crashes = 0;
  /** @type {(value: any) => void} */
  resolve = () => {};
  /** @type {(error: EngineError) => void} */
  reject = () => {};

  /**
   * @param {string} op
   * @param {any} args
   * @param {JobOptions} [options]
   */
  constructor(op, args, { onProgress, transfer = [] } = {}) {
    this.op = op;
    this.args = args;
    this.onProgress = onProgress;
    this.transfer = transfer;
    /** @type {Promise<any>} */
    this.answer = new Promise((resolve, reject) => {
      this.resolve = resolve;
      this.reject = reject;
    });
  }
}

/** @typedef {{settled: (job: Job, well: boolean) => void, crashed: (message: string) => void}} LinkOwner */

export class Link {
  #worker;
  #owner;
  /** @type {Map<number, Job>} */
  #jobs = new Map();
  #unanswered = 0;
  #ended = false;
  #heard = false;

  /**
   * @param {string} name after which module the worker is named: see its `chooseModule`
   * @param {LinkOwner} owner
   */
  constructor(name, owner) {
    this.#owner = owner;
    this.#worker = new Worker(new URL('./worker.js', import.meta.url), { type: 'module', name });
    this.#worker.addEventListener('message', ({ data }) => this.#receive(data));
    this.#worker.addEventListener('error', (event) => this.#crashed(event.message ?? ''));
  }

  /** Whether the worker has ever said anything. */
  get heard() {
    return this.#heard;
  }

  /** How many requests are under way. */
  get size() {
    return this.#jobs.size;
  }

  /**
   * How many of them ask for this.
   * @param {string} op
   */
  count(op) {
    return [...this.#jobs.values()].filter((job) => job.op === op).length;
  }

  /** @param {Job} job */
  post(job) {
    this.#jobs.set(job.id, job);
    this.#worker.postMessage({ id: job.id, op: job.op, args: job.args }, job.transfer);
  }

  /**
   * False where the job is not here.
   * @param {Job} job
   */
  cancel({ id }) {
    if (!this.#jobs.delete(id)) return false;
    this.#worker.postMessage({ cancel: id });
    return true;
  }

  /** Ends the worker, and gives what it had not finished. */
  end() {
    const unfinished = [...this.#jobs.values()];
    this.#jobs.clear();
    this.#ended = true;
    this.#worker.terminate();
    return unfinished;
  }

  /** Called again and again, it finds a worker that died without a word, or hangs. */
  ping() {
    if (this.#jobs.size === 0) return (this.#unanswered = 0);
    if (++this.#unanswered > PINGS) return this.#crashed('the engine did not answer');
    this.#worker.postMessage({ ping: true });
  }

  /** @param {any} message */
  #receive(message) {
    this.#heard = true;
    this.#unanswered = 0;
    if (message.crashed !== undefined) return this.#crashed(message.crashed);
    const job = this.#jobs.get(message.id);
    if (!job) return;
    if (message.started) job.started = true;
    else if (message.progress) job.onProgress?.(message.progress);
    else this.#settle(job, message);
  }

  /**
   * @param {Job} job
   * @param {{ok?: any, error?: {code: string, message: string}}} answer
   */
  #settle(job, { ok, error }) {
    this.#jobs.delete(job.id);
    if (error) job.reject(new EngineError(error.code, error.message));
    else job.resolve(ok);
    this.#owner.settled(job, !error);
  }

  /** @param {string} message */
  #crashed(message) {
    if (!this.#ended) this.#owner.crashed(message);
  }
}
