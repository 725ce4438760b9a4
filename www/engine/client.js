// The engine as the page sees it: promises over the worker's messages. It starts the worker, and replaces it when it dies.
// Page side: no DOM, no wasm. Events: `progress` (StartProgress), `ready` (EngineInfo), `failed` (EngineError), `restarted`.

import { EngineError } from './protocol.js';

/** @import { AskedPhoto, Assessment, BackendReason, EngineInfo, Metric, PictureSource, Prediction, ShotPicture, SupportClass, TrainingOptions, Wanted } from './protocol.js' */

/** A photo that stopped the engine this often is refused. */
const MOST_CRASHES_PER_JOB = 2;
/** After this many crashes with no success between them the engine is not started again by itself. */
const MOST_CRASHES_IN_A_ROW = 6;
/** A worker that is silent for so many pings, one every so many milliseconds, is taken for dead. */
const PINGS = 6;
const PING_EVERY = 5000;
/** Changes of the support set: a new worker learns them from the page's truth, so they need not be sent again. */
const CARRIED_BY_SUPPORT = ['setSupport', 'setShot', 'removeShot', 'removeClass', 'setActive', 'forgetMetric'];

/**
 * @typedef {object} Job
 * @property {string} op
 * @property {any} args
 * @property {Transferable[]} transfer
 * @property {(value: any) => void} resolve
 * @property {(error: EngineError) => void} reject
 * @property {((progress: any) => void) | undefined} onProgress
 * @property {boolean} started
 * @property {number} crashes
 */

/** @typedef {{signal?: AbortSignal, onProgress?: (progress: any) => void, transfer?: Transferable[]}} JobOptions */

export class EngineClient extends EventTarget {
  /** @type {Worker | null} */
  #worker = null;
  #heard = false;
  #nextId = 1;
  /** @type {Map<number, Job>} */
  #jobs = new Map();
  #crashesInARow = 0;
  #unanswered = 0;
  /** @type {BackendReason | null} */
  #reason = null;
  /** @type {File | null} */
  #checkpoint = null;
  /** @type {{bytes: Uint8Array, network: string} | null} the learned metric in use, which a new worker must be told too */
  #metric = null;
  #backend;
  /** Whether the larger of the two modules is needed whatever embeds. */
  #needsBurn = false;
  #oneView;
  #supportSet;
  /** @type {EngineInfo | null} */
  #info = null;

  /**
   * @param {{backend: Wanted, oneView: boolean}} wishes of the address; `oneView` embeds photos from one view alone
   * @param {() => SupportClass[]} supportSet what a new worker must be told
   */
  constructor({ backend, oneView }, supportSet) {
    super();
    this.#backend = backend;
    this.#oneView = oneView;
    this.#supportSet = supportSet;
    this.#reason = backend === 'cpu' ? { code: 'forced', detail: '' } : null;
    setInterval(() => this.#ping(), PING_EVERY);
  }

  /** What runs; null while nothing does. */
  get info() {
    return this.#info;
  }

  /** Starts the engine, or starts it again after `failed`. */
  start() {
    if (!this.#worker) this.#spawn();
    this.#start().catch(() => {}); // Told by the event.
  }

  /**
   * Replaces the network by a checkpoint; the one that runs stays where that fails.
   * @param {File} file
   */
  async useCheckpoint(file) {
    const previous = this.#checkpoint;
    this.#checkpoint = file;
    try {
      await this.#start();
    } catch (error) {
      this.#checkpoint = previous;
      if (!this.#info) this.start();
      throw error;
    }
  }

  /**
   * What every view of the network will be cut from, as a PNG.
   * @param {PictureSource} source
   * @param {JobOptions} [options]
   * @returns {Promise<{picture: Blob}>}
   */
  prepare(source, options = {}) {
    const transfer = source.kind === 'frame' ? [source.bitmap] : [];
    return this.#request('prepare', { source }, { ...options, transfer });
  }

  /**
   * @param {Blob} picture
   * @param {JobOptions} [options]
   * @returns {Promise<{embedding: Float32Array, milliseconds: number}>}
   */
  embed(picture, options) {
    return this.#request('embed', { picture }, options);
  }

  /**
   * @param {ImageBitmap} bitmap
   * @param {boolean} mirror
   * @param {JobOptions} [options]
   * @returns {Promise<{prediction: Prediction, milliseconds: number}>}
   */
  predictFrame(bitmap, mirror, options = {}) {
    return this.#request('predictFrame', { bitmap, mirror }, { ...options, transfer: [bitmap] });
  }

  /**
   * @param {AskedPhoto[]} photos
   * @returns {Promise<Prediction[]>}
   */
  predict(photos) {
    return this.#request('predict', { photos });
  }

  /**
   * Names photos whose class is known: the i-th photo is of the i-th class.
   * @param {number[]} classIds
   * @param {AskedPhoto[]} photos
   * @returns {Promise<Assessment>}
   */
  assess(classIds, photos) {
    return this.#request('assess', { classIds, photos });
  }

  /**
   * Names every shot by the others.
   * @returns {Promise<Assessment>}
   */
  leaveOneOut() {
    return this.#request('leaveOneOut', {});
  }

  /**
   * @param {number} classId
   * @param {boolean} active
   * @param {number} shotId
   * @param {Float32Array} embedding
   */
  setShot(classId, active, shotId, embedding) {
    return this.#request('setShot', { classId, active, shotId, embedding });
  }

  /** @param {number} shotId */
  removeShot(shotId) {
    return this.#request('removeShot', { shotId });
  }

  /** @param {number} classId */
  removeClass(classId) {
    return this.#request('removeClass', { classId });
  }

  /**
   * @param {number} classId
   * @param {boolean} active
   */
  setActive(classId, active) {
    return this.#request('setActive', { classId, active });
  }

  /** Tells the worker the whole support set anew. */
  setSupport() {
    return this.#request('setSupport', { classes: this.#supportSet(), metric: this.#metric });
  }

  /**
   * Puts a learned metric in place of the network's own embedding; where it cannot be used, nothing changes.
   * @param {File} file
   * @returns {Promise<Metric>}
   */
  async useMetric(file) {
    const buffer = await file.arrayBuffer().catch((error) => {
      throw new EngineError('file-unreadable', String(error));
    });
    const bytes = new Uint8Array(buffer);
    const { summary, network } = await this.#request('useMetric', { bytes });
    this.#metric = { bytes, network };
    return { name: file.name, network, ...summary };
  }

  /** Goes back to the network's own embedding. */
  forgetMetric() {
    this.#metric = null;
    return this.#request('forgetMetric', {});
  }

  /**
   * The metric that was learnt from the shots.
   * @returns {Promise<{file: Blob}>}
   */
  metricFile() {
    return this.#request('metricFile', {});
  }

  /**
   * How likely it is that two photos show the same thing, by the Siamese network that was learnt or loaded.
   * @param {[Float32Array, Float32Array]} embeddings
   * @returns {Promise<{probability: number}>}
   */
  sameOrDifferent(embeddings) {
    return this.#request('sameOrDifferent', { embeddings });
  }

  /**
   * @param {TrainingOptions} options
   * @param {ShotPicture[]} pictures of all shots, where the method is `deep`; else none are needed
   * @param {JobOptions} jobOptions
   * @returns {Promise<{steps: number}>}
   */
  async train(options, pictures, jobOptions) {
    if (options.method === 'deep' && this.#info?.module === 'cpu') await this.#bringBurn();
    return this.#request('train', { options, pictures }, jobOptions);
  }

  /** Deep training is Burn's: a worker with the larger module takes over, and is told all that the page knows. */
  async #bringBurn() {
    this.#needsBurn = true;
    const waiting = this.#dismiss();
    this.#tell('restarted', { quiet: true });
    this.#spawn();
    for (const [id, job] of waiting) this.#sendAgain(id, job, '');
    await this.#start();
  }

  /**
   * @param {string} op
   * @param {any} args
   * @param {JobOptions} [options]
   * @returns {Promise<any>}
   */
  #request(op, args, { signal, onProgress, transfer = [] } = {}) {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(new EngineError('cancelled'));
      const id = this.#nextId++;
      this.#jobs.set(id, { op, args, transfer, resolve, reject, onProgress, started: false, crashes: 0 });
      signal?.addEventListener('abort', () => this.#cancel(id), { once: true });
      this.#worker?.postMessage({ id, op, args }, transfer);
    });
  }

  /** @param {number} id */
  #cancel(id) {
    this.#settle(id, (job) => job.reject(new EngineError('cancelled')));
    this.#worker?.postMessage({ cancel: id });
  }

  /**
   * @param {number} id
   * @param {(job: Job) => void} how
   */
  #settle(id, how) {
    const job = this.#jobs.get(id);
    if (!job) return;
    this.#jobs.delete(id);
    how(job);
  }

  #spawn() {
    const worker = new Worker(new URL('./worker.js', import.meta.url), { type: 'module', name: this.#moduleName() });
    this.#worker = worker;
    this.#heard = false;
    this.#unanswered = 0;
    worker.addEventListener('message', ({ data }) => {
      if (worker === this.#worker) this.#receive(data);
    });
    worker.addEventListener('error', (event) => {
      if (worker === this.#worker) this.#crashed(event.message ?? '');
    });
    this.setSupport().catch(() => {}); // A module that does not load is reported by the start.
  }

  /** After which module the worker is named: see its `chooseModule`. */
  #moduleName() {
    if (this.#needsBurn || this.#backend === 'candle' || this.#backend === 'webgpu') return 'burn';
    return this.#reason ? 'cpu' : this.#backend;
  }

  /** Ends the worker, and gives what it had not finished. */
  #dismiss() {
    const waiting = [...this.#jobs];
    this.#jobs.clear();
    this.#worker?.terminate();
    this.#worker = null;
    return waiting;
  }

  async #start() {
    const onProgress = (/** @type {any} */ progress) => this.#tell('progress', progress);
    try {
      this.#info = await this.#request('start', this.#startArguments(), { onProgress });
      this.#tell('ready', this.#info);
    } catch (error) {
      if (!this.#info) this.#tell('failed', error);
      throw error;
    }
  }

  #startArguments() {
    const backend = this.#reason ? 'cpu' : this.#backend;
    return { backend, reason: this.#reason, checkpoint: this.#checkpoint, oneView: this.#oneView };
  }

  /** @param {any} message */
  #receive(message) {
    this.#heard = true;
    this.#unanswered = 0;
    if (message.crashed !== undefined) return this.#crashed(message.crashed);
    const { id } = message;
    const job = this.#jobs.get(id);
    if (!job) return;
    if (message.started) job.started = true;
    else if (message.progress) job.onProgress?.(message.progress);
    else if (message.error) this.#settle(id, () => job.reject(new EngineError(message.error.code, message.error.message)));
    else {
      if (job.op === 'embed') this.#crashesInARow = 0;
      this.#settle(id, () => job.resolve(message.ok));
    }
  }

  /**
   * The worker is gone or broken. A new one is started and told everything that the page knows.
   * @param {string} message
   */
  #crashed(message) {
    const starting = !this.#info;
    const waiting = this.#dismiss();
    for (const [, job] of waiting) if (job.started) job.crashes++;
    this.#blameWebGpu(waiting, message);
    this.#info = null;

    if (!this.#heard || ++this.#crashesInARow > MOST_CRASHES_IN_A_ROW) return this.#giveUp(waiting, message);
    this.#spawn();
    if (!waiting.some(([, job]) => job.op === 'start')) this.start();
    for (const [id, job] of waiting) this.#sendAgain(id, job, message);
    this.#tell('restarted', { quiet: starting });
  }

  /**
   * @param {[number, Job][]} waiting
   * @param {string} message
   */
  #giveUp(waiting, message) {
    const error = new EngineError(this.#heard ? 'crashed' : 'worker', message);
    for (const [, job] of waiting) job.reject(error);
    this.#crashesInARow = 0;
    this.#tell('failed', error);
  }

  /**
   * A crash while the GPU was at work: the CPU takes over, unless the GPU was asked for by name.
   * @param {[number, Job][]} waiting
   * @param {string} message
   */
  #blameWebGpu(waiting, message) {
    const onGpu = this.#info ? this.#info.backend === 'webgpu' : this.#reason === null;
    const atWork = waiting.some(([, job]) => job.started && ['start', 'embed', 'predictFrame'].includes(job.op));
    if (this.#backend === 'auto' && onGpu && atWork) this.#reason = { code: 'crashed', detail: message };
  }

  /**
   * @param {number} id
   * @param {Job} job
   * @param {string} message
   */
  #sendAgain(id, job, message) {
    if (CARRIED_BY_SUPPORT.includes(job.op)) return job.resolve(undefined);
    job.started = false;
    const refused = job.crashes >= MOST_CRASHES_PER_JOB && (job.op !== 'start' || job.args.checkpoint);
    if (refused) return job.reject(new EngineError('photo-crashed', message));
    if (job.transfer.length > 0 || job.op === 'train') return job.reject(new EngineError('crashed', message));
    if (job.op === 'start') job.args = this.#startArguments();
    this.#jobs.set(id, job);
    this.#worker?.postMessage({ id, op: job.op, args: job.args });
  }

  /** Finds a worker that died without a word, or hangs. */
  #ping() {
    if (!this.#worker || this.#jobs.size === 0) return (this.#unanswered = 0);
    if (++this.#unanswered > PINGS) return this.#crashed('the engine did not answer');
    this.#worker.postMessage({ ping: true });
  }

  /**
   * @param {string} type
   * @param {any} detail
   */
  #tell(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}
