// The worker: owns the wasm module, its Engine (embeddings), its Session (shots, prototypes, head) and its Trainer.
// The only file that imports pkg/. It answers requests and keeps no truth of its own: the page can replace it at any time.

import init, * as module from '../../pkg/glimpse.js';
import { startEngine } from './backend.js';
import { Lane, nextTask } from './lane.js';
import { pictureOf, pictureOfFrame, pictureOfPng, pngOf } from './pictures.js';
import { EngineError } from './protocol.js';
import { loadWeights, readCheckpoint } from './weights.js';

/** @import { Assessment, BackendReason, Metric, PictureSource, Request, SupportClass, TrainingOptions, TrainingStep, Views, Wanted } from './protocol.js' */

/** A slice of training lasts about this many milliseconds; between two slices a cancel is heard. */
const SLICE = 24;
/** The views that the module makes of a photo. */
const ALL_VIEWS = 8;
/** Where one view takes longer than this, in milliseconds, photos are embedded from one view alone. */
const SLOW = 600;

const moduleReady = init({ module_or_path: new URL('../../pkg/glimpse_bg.wasm', import.meta.url) }).catch((error) => {
  throw new EngineError('module', String(error));
});
moduleReady.catch(() => {}); // Reported by the first request that needs it.

/** Embeddings, one after another, once an engine runs. */
const engineLane = new Lane({ open: false });
/** Decoding and cropping, which can begin before the weights are here. */
const pictureLane = new Lane({ open: true });

/** @type {any} */
let engine = null;
/** Whether photos are embedded from one view alone. */
let oneView = false;
/** SHA-256 of the weights that embed. */
let weightsHash = '';
/**
 * The session. A promise, so that whatever is sent early waits for the module and stays in order.
 * @type {Promise<any>}
 */
let session = newSession([], null);
session.catch(() => {});

/** A request under way. `check` throws once it was cancelled. */
class Job {
  cancelled = false;

  /** @param {number} id */
  constructor(id) {
    this.id = id;
  }

  check() {
    if (this.cancelled) throw new EngineError('cancelled');
  }

  /** @param {any} progress */
  report(progress) {
    if (!this.cancelled) postMessage({ id: this.id, progress });
  }
}

/** @type {Map<number, Job>} */
const jobs = new Map();

/**
 * Every operation, and where it waits for its turn.
 * @type {Record<string, {queue: (run: () => Promise<void>) => void, run: (args: any, job: Job) => Promise<any>}>}
 */
const operations = {
  start: { queue: atOnce, run: start },
  prepare: { queue: (run) => pictureLane.add(run), run: prepare },
  embed: { queue: (run) => engineLane.add(run), run: embed },
  predictFrame: { queue: (run) => engineLane.addFirst(run), run: predictFrame },
  predict: { queue: atOnce, run: predict },
  assess: { queue: atOnce, run: assess },
  leaveOneOut: { queue: atOnce, run: leaveOneOut },
  setSupport: { queue: atOnce, run: setSupport },
  setShot: { queue: atOnce, run: setShot },
  removeShot: { queue: atOnce, run: removeShot },
  removeClass: { queue: atOnce, run: removeClass },
  setActive: { queue: atOnce, run: setActive },
  train: { queue: atOnce, run: train },
  useMetric: { queue: (run) => engineLane.addFirst(run), run: useMetric },
  forgetMetric: { queue: atOnce, run: forgetMetric },
  metricFile: { queue: atOnce, run: metricFile },
  sameOrDifferent: { queue: atOnce, run: sameOrDifferent },
};

/** @param {() => Promise<void>} run */
function atOnce(run) {
  run();
}

/**
 * Gets the weights, chooses a backend and warms it up. An engine that runs already is kept until the new one does.
 * @param {{backend: Wanted, reason: BackendReason | null, checkpoint: File | null, oneView: boolean}} args
 * @param {Job} job
 */
async function start({ backend, reason, checkpoint, oneView: asked }, job) {
  job.report({ phase: 'module' });
  const weights = checkpoint
    ? readCheckpoint(checkpoint)
    : loadWeights((loaded, total) => job.report({ phase: 'weights', loaded, total }));
  const [{ bytes, manifest, network }] = await Promise.all([weights, moduleReady]);
  job.check();
  network.sha256 ||= module.sha256(bytes);
  job.report({ phase: 'backend' });
  await engineLane.close();
  try {
    const started = await startEngine({ module, wanted: backend, reason, weights: bytes, manifest });
    engine?.free();
    engine = started.engine;
    weightsHash = network.sha256;
    const milliseconds = await timeView();
    const views = chooseViews(asked, milliseconds);
    oneView = views.count === 1;
    return { backend: engine.backend, adapter: started.adapter, reason: started.reason, milliseconds, views, network };
  } finally {
    if (engine) engineLane.open();
  }
}

/** The first embedding of a backend is slow (shaders, memory), so the second one is timed. */
async function timeView() {
  const picture = module.pictureFromPixels(new Uint8ClampedArray(4).fill(255), 1, 1);
  try {
    await engine.embed(picture, true);
    const began = performance.now();
    await engine.embed(picture, true);
    return performance.now() - began;
  } finally {
    picture.free();
  }
}

/**
 * @param {boolean} asked whether the address asks for one view
 * @param {number} milliseconds what one view takes
 * @returns {Views}
 */
function chooseViews(asked, milliseconds) {
  if (asked) return { count: 1, reason: 'asked' };
  return milliseconds > SLOW ? { count: 1, reason: 'slow' } : { count: ALL_VIEWS, reason: 'all' };
}

/** @param {{source: PictureSource}} args */
async function prepare({ source }) {
  await moduleReady;
  const picture = await pictureOf(module, source);
  try {
    return { picture: await pngOf(picture) };
  } finally {
    picture.free();
  }
}

/**
 * @param {{picture: Blob}} args
 * @param {Job} job
 */
async function embed(args, job) {
  const picture = await pictureOfPng(module, args.picture);
  try {
    job.check();
    const began = performance.now();
    const embedding = await engine.embed(picture, oneView);
    return { embedding, milliseconds: performance.now() - began };
  } finally {
    picture.free();
  }
}

/**
 * @param {{bitmap: ImageBitmap, mirror: boolean}} args
 * @param {Job} job
 */
async function predictFrame({ bitmap, mirror }, job) {
  const picture = pictureOfFrame(module, bitmap, mirror);
  try {
    const began = performance.now();
    const embedding = await engine.embed(picture, true);
    const milliseconds = performance.now() - began;
    job.check();
    return { prediction: (await session).predict(embedding), milliseconds };
  } finally {
    picture.free();
  }
}

/** @param {{embeddings: Float32Array[]}} args */
async function predict({ embeddings }) {
  const current = await session;
  return embeddings.map((embedding) => current.predict(embedding));
}

/**
 * @param {{classIds: number[], embeddings: Float32Array[]}} args
 * @returns {Promise<Assessment>}
 */
async function assess({ classIds, embeddings }) {
  const length = embeddings[0]?.length ?? 0;
  const values = new Float32Array(length * embeddings.length);
  embeddings.forEach((embedding, index) => values.set(embedding, index * length));
  return (await session).assess(Uint32Array.from(classIds), values);
}

/** @returns {Promise<Assessment>} */
async function leaveOneOut() {
  return (await session).leaveOneOut();
}

/** @param {{classes: SupportClass[], metric: MetricFile | null}} args */
async function setSupport({ classes, metric }) {
  const old = session;
  session = newSession(classes, metric);
  session.catch(() => {});
  await session;
  (await old).free();
}

/**
 * A learned metric that was in use before, and the network that it was checked against.
 * @typedef {{bytes: Uint8Array, network: string}} MetricFile
 */

/**
 * @param {SupportClass[]} classes
 * @param {MetricFile | null} metric
 */
async function newSession(classes, metric) {
  await moduleReady;
  const fresh = new module.Session();
  if (metric) fresh.useMetric(metric.bytes, metric.network);
  for (const { id, active, shots } of classes) {
    for (const shot of shots) fresh.setShot(id, shot.id, shot.embedding);
    if (!active) fresh.setActive(id, false);
  }
  return fresh;
}

/** @param {{classId: number, active: boolean, shotId: number, embedding: Float32Array}} args */
async function setShot({ classId, active, shotId, embedding }) {
  const current = await session;
  current.setShot(classId, shotId, embedding);
  current.setActive(classId, active);
}

/** @param {{shotId: number}} args */
async function removeShot({ shotId }) {
  (await session).removeShot(shotId);
}

/** @param {{classId: number}} args */
async function removeClass({ classId }) {
  (await session).removeClass(classId);
}

/** @param {{classId: number, active: boolean}} args */
async function setActive({ classId, active }) {
  (await session).setActive(classId, active);
}

/**
 * Trains in short slices. What was learnt is taken over at the end alone: a cancelled training changes nothing.
 * @param {{options: TrainingOptions}} args
 * @param {Job} job
 */
async function train({ options }, job) {
  const current = await session;
  const trainer = current.startTraining(options);
  try {
    let count = 1;
    while (!trainer.done) {
      const began = performance.now();
      /** @type {TrainingStep[]} */
      const steps = trainer.run(count);
      job.report({ steps, done: trainer.step, total: trainer.steps });
      count = nextCount(count, performance.now() - began);
      await nextTask();
      job.check();
    }
    current.finishTraining(trainer);
    return { steps: trainer.steps };
  } finally {
    trainer.free();
  }
}

/**
 * Waits for the network, which must be the one that the metric was trained with.
 * @param {{bytes: Uint8Array}} args
 * @returns {Promise<{summary: Omit<Metric, 'name' | 'network'>, network: string}>}
 */
async function useMetric({ bytes }) {
  return { summary: (await session).useMetric(bytes, weightsHash), network: weightsHash };
}

async function forgetMetric() {
  (await session).forgetMetric();
}

/** The metric that compares now, as a file. */
async function metricFile() {
  const bytes = (await session).metricFile(weightsHash);
  if (!bytes) throw new EngineError('no-metric');
  return { file: new Blob([bytes], { type: 'application/octet-stream' }) };
}

/** @param {{embeddings: [Float32Array, Float32Array]}} args */
async function sameOrDifferent({ embeddings: [a, b] }) {
  return { probability: (await session).sameOrDifferent(a, b) };
}

/**
 * How many steps fit into the next slice.
 * @param {number} count
 * @param {number} milliseconds what `count` steps took
 */
function nextCount(count, milliseconds) {
  const fitting = Math.floor((count * SLICE) / Math.max(milliseconds, 0.01));
  return Math.min(Math.max(fitting, 1), count * 2, 20);
}

/**
 * @param {Request} request
 */
function accept({ id, op, args }) {
  const job = new Job(id);
  jobs.set(id, job);
  const { queue, run } = operations[op];
  queue(async () => {
    try {
      job.check();
      postMessage({ id, started: true });
      const ok = await run(args, job);
      job.check();
      postMessage({ id, ok });
    } catch (error) {
      fail(id, error);
    } finally {
      jobs.delete(id);
    }
  });
}

/**
 * The module's own errors leave it sound. Anything else may have left it broken: the page then replaces this worker.
 * @param {number} id
 * @param {any} error
 */
function fail(id, error) {
  if (error?.name === 'GlimpseError' || error instanceof EngineError) {
    postMessage({ id, error: { code: error.code, message: error.message } });
  } else {
    crash(error);
  }
}

/** @param {any} error */
function crash(error) {
  postMessage({ crashed: String(error?.message ?? error) });
}

// A panic in an asynchronous call settles no promise: it surfaces here.
self.addEventListener('error', (event) => crash(event.message));
self.addEventListener('unhandledrejection', (event) => crash(event.reason));

self.addEventListener('message', ({ data }) => {
  if (data.ping) return postMessage({ pong: true });
  if (data.cancel === undefined) return accept(data);
  const job = jobs.get(data.cancel);
  if (job) job.cancelled = true;
});

postMessage({ hello: true });
