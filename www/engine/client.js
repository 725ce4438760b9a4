// The engine as the page sees it: promises over the worker's messages. It starts the worker, replaces it when it dies, and
// keeps the photos that wait, for the worker and for a helper.
// Page side: no DOM, no wasm. Events: `progress` (StartProgress), `ready` (EngineInfo), `failed` (EngineError), `restarted`.

import { Helper } from './helper.js';
import { Job, Link } from './link.js';
import { EngineError, joined } from './protocol.js';
import { PhotoQueue } from './queue.js';

/** @import { AskedPhoto, Assessment, BackendReason, ClassName, EngineInfo, Evidence, Explanation, Frame, HalfFrame, LinkClass, Method, Metric, NamedEmbedding, Overview, PackedClass, PictureSource, Prediction, ProjectContent, ProjectToWrite, SharedClassifier, ShotPicture, SupportClass, TrainingOptions, Views, Wanted } from './protocol.js' */

/** A photo that stopped the engine this often is refused. */
const MOST_CRASHES_PER_JOB = 2;
/** After this many crashes with no success between them the engine is not started again by itself. */
const MOST_CRASHES_IN_A_ROW = 6;
/** How often, in milliseconds, the workers must say that they live. */
const PING_EVERY = 5000;
/** A helper comes where the photos that wait would take longer than this, in milliseconds: about twice what its start takes. */
const WORTH_HELP = 1000;
/** It comes for the camera too where a view takes longer than this, in milliseconds: with all around it, that is below 25 a second. */
const SLOW_FRAME = 30;
/** How many parts the module makes of a photo's views. */
const PARTS = 4;
/** Changes of the support set: a new worker learns them from the page's truth, so they need not be sent again. */
const CARRIED_BY_SUPPORT = ['setSupport', 'addShots', 'removeShot', 'removeClass', 'setActive', 'forgetMetric'];

/** What would be answered otherwise by a new worker, which has no trained head. */
const NEVER_AGAIN = ['train', 'onnxFile', 'answersFile'];

/** @typedef {{signal?: AbortSignal, onProgress?: (progress: any) => void, transfer?: Transferable[]}} RequestOptions */

/**
 * What the address wishes for.
 * @typedef {object} Wishes
 * @property {Wanted} backend
 * @property {boolean} oneView photos are embedded from one view alone
 * @property {boolean} oneWorker no helper comes
 */

export class EngineClient extends EventTarget {
  /** @type {Link | null} the worker; null where it was given up */
  #link = null;
  /** Photos that no worker has yet. */
  #photos = new PhotoQueue();
  #helper = new Helper({ free: () => this.#share(), lost: (jobs, message) => this.#lost(jobs, message) });
  #mayHelp;
  /** How many starts are under way: the network may be about to change. */
  #starting = 0;
  #crashesInARow = 0;
  /** @type {BackendReason | null} */
  #reason = null;
  /** @type {File | null} */
  #checkpoint = null;
  /** @type {{bytes: Uint8Array, network: string} | null} the learned metric in use, which a new worker must be told too */
  #metric = null;
  /** @type {string | null} the link that was opened, which a new worker must be told too */
  #shared = null;
  #backend;
  /** Whether the module with Burn is needed whatever embeds. */
  #needsBurn = false;
  /** @type {Views | null} */
  #views;
  #supportSet;
  #pinging;
  /** @type {EngineInfo | null} */
  #info = null;

  /**
   * @param {Wishes} wishes
   * @param {() => SupportClass[]} supportSet what a new worker must be told
   */
  constructor({ backend, oneView, oneWorker }, supportSet) {
    super();
    this.#backend = backend;
    this.#views = oneView ? { count: 1, reason: 'asked' } : null;
    this.#mayHelp = !oneWorker && navigator.hardwareConcurrency > 1;
    this.#supportSet = supportSet;
    this.#reason = backend === 'cpu' ? { code: 'forced', detail: '' } : null;
    this.#pinging = setInterval(() => this.#ping(), PING_EVERY);
  }

  /** Ends the workers, for good. */
  end() {
    clearInterval(this.#pinging);
    for (const job of [...this.#dismiss(), ...this.#photos.empty()]) job.reject(new EngineError('cancelled'));
  }

  /** What runs; null while nothing does. */
  get info() {
    return this.#info;
  }

  /** Starts the engine, or starts it again after `failed`. */
  start() {
    this.#start().catch(() => {}); // Told by the event.
  }

  /**
   * Replaces the network by a checkpoint, or by the page's own; the one that runs stays where that fails.
   * @param {File | null} file
   */
  async useCheckpoint(file) {
    const previous = this.#checkpoint;
    this.#checkpoint = file;
    try {
      await this.#start();
    } catch (error) {
      this.#checkpoint = previous;
      if (this.#info) {
        this.#share();
        this.#tell('ready', this.#info); // Still, or again: the start that failed was told as progress.
      } else if (!isWithoutModule(error)) this.start();
      throw error;
    }
  }

  /**
   * What every view of the network will be cut from, as a PNG.
   * @param {PictureSource} source
   * @param {RequestOptions} [options]
   * @returns {Promise<{picture: Blob}>}
   */
  prepare(source, options = {}) {
    const transfer = source.kind === 'frame' ? [source.frame] : [];
    return this.#request('prepare', { source }, { ...options, transfer });
  }

  /**
   * @param {Blob} picture
   * @param {RequestOptions} [options]
   * @returns {Promise<{embedding: Float32Array, milliseconds: number}>}
   */
  embed(picture, options) {
    return this.#request('embed', { picture }, options);
  }

  /** Has a helper come, where there may be one: for what waits, or for photos that may come in a moment. */
  callHelper() {
    if (this.#info && this.#mayBeHelped(this.#info)) this.#helper.start(this.#checkpoint, this.#info);
  }

  /** How many frames are worth being asked for at once. */
  get framesAtOnce() {
    return this.#frameHelper() ? 2 : 1;
  }

  /**
   * Names a camera frame. With a helper the layers of the network are shared, half and half, so that it has begun with the
   * next frame while the worker finishes this one.
   * @param {Frame} frame
   * @param {boolean} mirror
   * @returns {Promise<{prediction: Prediction, milliseconds: number}>}
   */
  async predictFrame(frame, mirror) {
    if (this.#isSlow()) this.callHelper();
    const helper = this.#frameHelper();
    if (!helper) return this.#request('predictFrame', { frame, mirror }, { transfer: [frame] });
    const first = new Job('beginFrame', { frame, mirror }, { transfer: [frame] });
    helper.post(first);
    /** @type {HalfFrame} */
    const half = await first.answer;
    return this.#request('finishFrame', half, { transfer: [half.halfway.buffer] });
  }

  /** Whether the camera is worth a helper, and may have one. */
  #isSlow() {
    return this.#info !== null && this.#info.milliseconds > SLOW_FRAME && this.#mayBeHelped(this.#info);
  }

  /** The helper's link, where it is to have frames and has no photos to do. */
  #frameHelper() {
    const { link } = this.#helper;
    return this.#isSlow() && link && link.size === link.count('beginFrame') ? link : null;
  }

  /**
   * @param {AskedPhoto[]} photos
   * @returns {Promise<Prediction[]>}
   */
  predict(photos) {
    return this.#request('predict', { photos });
  }

  /**
   * How a photo comes to its answer.
   * @param {AskedPhoto} photo
   * @returns {Promise<Explanation>}
   */
  explain(photo) {
    return this.#request('explain', { photo });
  }

  /**
   * How much each spot of a picture speaks for each class.
   * @param {Blob} picture
   * @returns {Promise<Evidence[]>}
   */
  evidence(picture) {
    return this.#request('evidence', { picture });
  }

  /**
   * Shots, prototypes and photos seen from above.
   * @param {Float32Array[]} embeddings of photos
   * @returns {Promise<Overview>}
   */
  overview(embeddings) {
    return this.#request('overview', { embeddings });
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
   * Adds shots to a class, which begins with the first of them.
   * @param {SupportClass} own
   */
  addShots(own) {
    const args = packed(own);
    return this.#request('addShots', args, { transfer: [args.embeddings.buffer] });
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
    const classes = this.#supportSet().map(packed);
    const transfer = classes.map(({ embeddings }) => embeddings.buffer);
    return this.#request('setSupport', { classes, metric: this.#metric, shared: this.#shared }, { transfer });
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
   * What was trained, as a file without the shots; null where nothing is, or it no longer fits them.
   * @returns {Promise<{file: Uint8Array | null}>}
   */
  headFile() {
    return this.#request('headFile', {});
  }

  /**
   * Puts what `headFile` gave onto the same shots; where they are others, nothing changes. A new worker is not told of it.
   * @param {Uint8Array} bytes
   * @returns {Promise<{method: Method}>}
   */
  restoreHead(bytes) {
    return this.#request('restoreHead', { bytes });
  }

  /**
   * A project as a file. Progress is `{done, total}` photos.
   * @param {ProjectToWrite} project
   * @param {Uint8Array | null} head what `headFile` gave
   * @param {RequestOptions} [options]
   * @returns {Promise<{file: Blob}>}
   */
  writeProject(project, head, options) {
    return this.#request('writeProject', { project, head }, options);
  }

  /**
   * What is in a project's file, or in an archive of photos. Progress is `{done, total}` photos.
   * @param {Blob} file
   * @param {RequestOptions} [options]
   * @returns {Promise<ProjectContent>}
   */
  readProject(file, options) {
    return this.#request('readProject', { file }, options);
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
   * What was trained, as a link.
   * @param {LinkClass[]} classes those that take part, and maybe others
   * @param {string} page what stands before the link's text
   * @returns {Promise<import('./protocol.js').Link>}
   */
  link(classes, page) {
    return this.#request('link', { classes, page });
  }

  /**
   * From now on a link's classifier answers.
   * @param {string} text
   * @returns {Promise<SharedClassifier>}
   */
  async openLink(text) {
    const shared = await this.#request('openLink', { text });
    this.#shared = text;
    return shared;
  }

  /**
   * Embeddings as a file, a row for each.
   * @param {'npy' | 'csv'} format
   * @param {NamedEmbedding[]} shots
   * @returns {Promise<{file: Blob}>}
   */
  embeddingsFile(format, shots) {
    return this.#request('embeddingsFile', { format, shots });
  }

  /**
   * Photos as a zip, a folder for each class.
   * @param {{className: string, picture: Blob}[]} photos
   * @returns {Promise<{file: Blob}>}
   */
  photosFile(photos) {
    return this.#request('photosFile', { photos });
  }

  /**
   * What is said of photos, as CSV.
   * @param {(AskedPhoto & {name: string})[]} photos
   * @param {ClassName[]} classes
   * @param {number} threshold
   * @returns {Promise<{file: Blob}>}
   */
  answersFile(photos, classes, threshold) {
    return this.#request('answersFile', { photos, classes, threshold });
  }

  /**
   * The network and what names photos now, as an ONNX file.
   * @param {ClassName[]} classes
   * @returns {Promise<{file: Blob}>}
   */
  onnxFile(classes) {
    return this.#request('onnxFile', { classes });
  }

  /**
   * @param {TrainingOptions} options
   * @param {ShotPicture[]} pictures of all shots, where the method is `deep`; else none are needed
   * @param {RequestOptions} requestOptions
   * @returns {Promise<{steps: number}>}
   */
  async train(options, pictures, requestOptions) {
    this.#helper.spare();
    if (options.method === 'deep' && this.#info && this.#info.module !== 'burn') await this.#bringBurn();
    return this.#request('train', { options, pictures }, requestOptions);
  }

  /** Deep training is Burn's: a worker with the larger module takes over, and is told all that the page knows. */
  async #bringBurn() {
    this.#needsBurn = true;
    const unfinished = this.#dismiss();
    this.#tell('restarted', { quiet: true });
    this.#spawn();
    for (const job of unfinished) this.#sendAgain(job, '');
    try {
      await this.#start();
    } catch (error) {
      // It may be out of reach, without a network for example: the page goes on with what it had.
      this.#needsBurn = false;
      if (isWithoutModule(error)) this.start();
      throw error;
    }
  }

  /**
   * @param {string} op
   * @param {any} args
   * @param {RequestOptions} [options]
   * @returns {Promise<any>}
   */
  #request(op, args, { signal, ...options } = {}) {
    const job = new Job(op, args, options);
    if (signal?.aborted) job.reject(new EngineError('cancelled'));
    else this.#send(job);
    signal?.addEventListener('abort', () => this.#cancel(job), { once: true });
    return job.answer;
  }

  /** @param {Job} job */
  #send(job) {
    if (this.#photos.takes(job)) {
      this.#photos.add(job);
      this.#share();
    } else if (this.#link) this.#link.post(job);
    else job.reject(new EngineError('crashed'));
  }

  /** @param {Job} job */
  #cancel(job) {
    job.reject(new EngineError('cancelled'));
    if (this.#photos.cancel(job) || this.#link?.cancel(job) || this.#helper.link?.cancel(job)) this.#share();
  }

  /** Gives photos that wait to whoever is free, and calls for help where many are left. The last one is everybody's. */
  #share() {
    const links = [this.#link, this.#helper.link].filter((link) => link !== null);
    const last = links.length > 1 && this.#info?.views.reason === 'all' && this.#photos.takeLast(links);
    if (last) this.#split(last);
    this.#photos.share(links);
    if (this.#manyWait()) this.callHelper();
  }

  /**
   * Parts of a photo's views wait in its place, for anybody: together they are its embedding.
   * @param {Job} photo
   */
  #split(photo) {
    const parts = Array.from({ length: PARTS }, (_, part) => new Job('embed', { ...photo.args, part }));
    for (const part of parts) this.#photos.add(part);
    Promise.all(parts.map(({ answer }) => answer))
      .then((seen) => this.#request('joinParts', { parts: seen }))
      .catch((error) => {
        if (error.code === 'weights-changed') return this.#request('embed', photo.args);
        throw error;
      })
      .then(photo.resolve, photo.reject);
    photo.answer.catch(() => parts.forEach((part) => this.#cancel(part)));
  }

  #manyWait() {
    return this.#info !== null && this.#photos.size * this.#info.views.count * this.#info.milliseconds > WORTH_HELP;
  }

  /**
   * No helper fetches weights that the browser would not keep.
   * @param {EngineInfo} info
   */
  #mayBeHelped({ backend, network }) {
    const atHand = network.fromCache || network.kept || !network.manifest;
    return this.#mayHelp && this.#starting === 0 && backend === 'cpu' && atHand;
  }

  #spawn() {
    /** @type {Link} */
    const link = new Link(this.#moduleName(), {
      settled: (job, well) => {
        if (well && job.op === 'embed') this.#crashesInARow = 0;
        this.#share();
      },
      crashed: (message) => this.#crashed(link, message),
    });
    this.#link = link;
    this.setSupport().catch(() => {}); // A module that does not load is reported by the start.
    this.#share();
  }

  /** After which the worker is named, which loads it. */
  #moduleName() {
    return this.#needsBurn || this.#backend === 'candle' || this.#backend === 'wgpu' ? 'burn' : 'light';
  }

  /** Ends the worker and its helper, and gives what they had not finished. */
  #dismiss() {
    const unfinished = [...(this.#link?.end() ?? []), ...this.#helper.end()];
    this.#link = null;
    return unfinished;
  }

  /** The helper ends before the network changes, so that no embedding of the old one can come later. */
  async #start() {
    if (!this.#link) this.#spawn();
    this.#starting++;
    for (const job of this.#helper.end()) this.#sendAgain(job, '');
    const onProgress = (/** @type {any} */ progress) => this.#tell('progress', progress);
    try {
      this.#info = await this.#request('start', this.#startArguments(), { onProgress });
      this.#tell('ready', this.#info);
    } catch (error) {
      // A worker asks for its module once: the next start has another.
      if (isWithoutModule(error)) for (const job of this.#dismiss()) this.#sendAgain(job, String(error));
      if (!this.#info) this.#tell('failed', error);
      throw error;
    } finally {
      this.#starting--;
    }
    this.#share();
  }

  #startArguments() {
    const backend = this.#reason ? 'cpu' : this.#backend;
    return { backend, reason: this.#reason, checkpoint: this.#checkpoint, views: this.#views, timed: true };
  }

  /**
   * The worker is gone or broken. A new one is started and told everything that the page knows.
   * @param {Link} link
   * @param {string} message
   */
  #crashed(link, message) {
    const starting = !this.#info;
    const guilty = link.end();
    blame(guilty);
    this.#blameWebGpu(guilty, message);
    this.#info = null;
    const unfinished = [...guilty, ...this.#dismiss()];

    if (!link.heard || ++this.#crashesInARow > MOST_CRASHES_IN_A_ROW) return this.#giveUp(link, unfinished, message);
    this.#spawn();
    if (!unfinished.some(({ op }) => op === 'start')) this.start();
    for (const job of unfinished) this.#sendAgain(job, message);
    this.#tell('restarted', { quiet: starting });
  }

  /**
   * @param {Link} link
   * @param {Job[]} unfinished
   * @param {string} message
   */
  #giveUp(link, unfinished, message) {
    const error = new EngineError(link.heard ? 'crashed' : 'worker', message);
    for (const job of [...unfinished, ...this.#photos.empty()]) job.reject(error);
    this.#crashesInARow = 0;
    this.#tell('failed', error);
  }

  /**
   * A crash while the GPU was at work: the CPU takes over, unless the GPU was asked for by name.
   * @param {Job[]} unfinished
   * @param {string} message
   */
  #blameWebGpu(unfinished, message) {
    const onGpu = this.#info ? this.#info.backend === 'webgpu' : this.#reason === null;
    const atWork = unfinished.some(({ op, started }) => started && ['start', 'embed', 'predictFrame'].includes(op));
    if (this.#backend === 'auto' && onGpu && atWork) this.#reason = { code: 'crashed', detail: message };
  }

  /**
   * The helper is gone, which nobody need know.
   * @param {Job[]} unfinished
   * @param {string} message
   */
  #lost(unfinished, message) {
    blame(unfinished);
    for (const job of unfinished) this.#sendAgain(job, message);
  }

  /**
   * @param {Job} job
   * @param {string} message
   */
  #sendAgain(job, message) {
    if (CARRIED_BY_SUPPORT.includes(job.op)) return job.resolve(undefined);
    job.started = false;
    const refused = job.crashes >= MOST_CRASHES_PER_JOB && (job.op !== 'start' || job.args.checkpoint);
    if (refused) return job.reject(new EngineError('photo-crashed', message));
    if (job.transfer.length > 0 || NEVER_AGAIN.includes(job.op)) return job.reject(new EngineError('crashed', message));
    if (job.op === 'start') job.args = this.#startArguments();
    this.#send(job);
  }

  #ping() {
    this.#link?.ping();
    this.#helper.ping();
  }

  /**
   * @param {string} type
   * @param {any} detail
   */
  #tell(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}

/**
 * A class as it is sent: its embeddings in one piece, which is handed over, where every array of thousands would be copied.
 * @param {SupportClass} own
 * @returns {PackedClass}
 */
function packed({ id, active, shots }) {
  const known = shots.filter(({ embedding }) => embedding);
  const embeddings = joined(known.map(({ embedding }) => /** @type {Float32Array} */ (embedding)));
  return { id, active, shotIds: known.map((shot) => shot.id), embeddings };
}

/**
 * Whether a start failed before there was any network to speak of.
 * @param {unknown} error
 */
function isWithoutModule(error) {
  return error instanceof EngineError && error.code === 'module';
}

/**
 * A worker died over what it had begun.
 * @param {Job[]} unfinished
 */
function blame(unfinished) {
  for (const job of unfinished) if (job.started) job.crashes++;
}
