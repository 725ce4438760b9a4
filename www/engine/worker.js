// The worker: owns the wasm module, its Engine (embeddings), its Session (shots, prototypes, head) and its Trainer.
// It answers requests and keeps no truth of its own: the page can replace it at any time.

import { probeWebGpu, startEngine } from './backend.js';
import { release } from './bytes.js';
import { Lane, nextTask } from './lane.js';
import { loadModule } from './module.js';
import { pictureOf, pictureOfFrame, pictureOfPng, pngOf } from './pictures.js';
import { readProject, writePhotos, writeProject } from './project-file.js';
import { EngineError, joined } from './protocol.js';
import { loadWeights, readCheckpoint } from './weights.js';

/** @import { AskedPhoto, Assessment, BackendReason, ClassName, EmbeddedPart, Evidence, Explanation, Frame, HalfFrame, Link, LinkClass, Method, Metric, NamedEmbedding, NetworkInfo, Overview, PackedClass, PictureSource, ProjectContent, ProjectToWrite, Request, SharedClassifier, ShotPicture, TrainingOptions, TrainingStep, Views, Wanted } from './protocol.js' */

/** A slice of training lasts about this many milliseconds; between two slices a cancel is heard. */
const SLICE = 24;
/** The views that the module makes of a photo. */
const ALL_VIEWS = 8;
/** Where one view takes longer than this, in milliseconds, photos are embedded from one view alone. */
const SLOW = 600;
/** A step of deep training takes about as long as so many views: a guess, until the first one was timed. */
const VIEWS_PER_STEP = 30;

/** What can be said of WebGPU here; asked for once, and not where the CPU was. @type {Promise<any> | null} */
let webGpu = null;
/** The wasm module's exports, once `moduleReady` has resolved. @type {any} */
let module = null;
const moduleReady = bringModule();
moduleReady.catch(() => {}); // Reported by the first request that needs it.

/** Embeddings, one after another, once an engine runs. */
const engineLane = new Lane({ open: false });
/** Decoding and cropping, which can begin before the weights are here. */
const pictureLane = new Lane({ open: true });

/** @type {any} */
let engine = null;
/** Whether photos are embedded from one view alone. */
let oneView = false;
/** By what the network that embeds is known to metrics. */
let networkIdentity = '';
/** Reads the network that embeds once more. @type {() => Promise<{bytes: Uint8Array, manifest: string | null, network: NetworkInfo}>} */
let readNetwork = () => loadWeights(() => {});
/** What one view took, in milliseconds. */
let viewMilliseconds = 0;
/**
 * What the layer that was tuned last sees in the photos to try, by their ids. Another map for every training.
 * @type {Map<number, Promise<Float32Array | undefined>>}
 */
let tunedPhotos = new Map();
/**
 * The session. A promise, so that whatever is sent early waits for the module and stays in order.
 * @type {Promise<any>}
 */
let session = newSession([], null, null);
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
 * Every operation, where it waits for its turn, and what of its answer is handed over.
 * @type {Record<string, {queue: (run: () => Promise<void>) => void, run: (args: any, job: Job) => Promise<any>, transfer?: (ok: any) => Transferable[]}>}
 */
const operations = {
  start: { queue: atOnce, run: start },
  prepare: { queue: (run) => pictureLane.add(run), run: prepare },
  embed: { queue: (run) => engineLane.add(run), run: embed, transfer: ({ embedding }) => [embedding.buffer] },
  joinParts: { queue: (run) => engineLane.addFirst(run), run: joinParts },
  predictFrame: { queue: (run) => engineLane.addFirst(run), run: predictFrame },
  beginFrame: { queue: (run) => engineLane.addFirst(run), run: beginFrame, transfer: ({ halfway }) => [halfway.buffer] },
  finishFrame: { queue: (run) => engineLane.addFirst(run), run: finishFrame },
  predict: { queue: atOnce, run: predict },
  explain: { queue: atOnce, run: explain },
  evidence: { queue: (run) => engineLane.addFirst(run), run: evidence },
  overview: { queue: atOnce, run: overview },
  assess: { queue: atOnce, run: assess },
  leaveOneOut: { queue: atOnce, run: leaveOneOut },
  setSupport: { queue: atOnce, run: setSupport },
  addShots: { queue: atOnce, run: addShots },
  removeShot: { queue: atOnce, run: removeShot },
  removeClass: { queue: atOnce, run: removeClass },
  setActive: { queue: atOnce, run: setActive },
  train: { queue: atOnce, run: train },
  useMetric: { queue: (run) => engineLane.addFirst(run), run: useMetric },
  forgetMetric: { queue: atOnce, run: forgetMetric },
  metricFile: { queue: atOnce, run: metricFile },
  headFile: { queue: atOnce, run: headFile },
  restoreHead: { queue: (run) => engineLane.addFirst(run), run: restoreHead },
  sameOrDifferent: { queue: atOnce, run: sameOrDifferent },
  writeProject: { queue: atOnce, run: write },
  readProject: { queue: atOnce, run: read },
  link: { queue: (run) => engineLane.addFirst(run), run: link },
  openLink: { queue: atOnce, run: openLink },
  embeddingsFile: { queue: atOnce, run: embeddingsFile },
  answersFile: { queue: atOnce, run: answersFile },
  onnxFile: { queue: atOnce, run: onnxFile },
  photosFile: { queue: atOnce, run: photosFile },
};

/** The page names this worker after the module that it wants. */
async function bringModule() {
  const loaded = await loadModule(/** @type {import('./module.js').ModuleName} */ (self.name));
  module = loaded.module;
  return loaded.name;
}

function askWebGpu() {
  return (webGpu ??= probeWebGpu());
}

/** @param {() => Promise<void>} run */
function atOnce(run) {
  run();
}

/**
 * Gets the weights, chooses a backend and warms it up. An engine that runs already is kept until the new one does.
 * @param {{backend: Wanted, reason: BackendReason | null, checkpoint: File | null, views: Views | null, timed: boolean}} args `views` where they are
 *   decided; `timed` where it is to be known how long one takes
 * @param {Job} job
 */
async function start({ backend, reason, checkpoint, views: decided, timed }, job) {
  job.report({ phase: 'module' });
  const read = (/** @type {(loaded: number, total: number) => void} */ onProgress) => (checkpoint ? readCheckpoint(checkpoint) : loadWeights(onProgress));
  const weights = read((loaded, total) => job.report({ phase: 'weights', loaded, total }));
  const [{ bytes, manifest, network }, name] = await Promise.all([weights, moduleReady]);
  job.check();
  network.identity ||= module.networkIdentity(bytes);
  job.report({ phase: 'backend' });
  await engineLane.close();
  try {
    const started = await startEngine({ module, askWebGpu, wanted: backend, reason, weights: bytes, manifest });
    engine?.free();
    engine = started.engine;
    release(bytes.buffer);
    networkIdentity = network.identity;
    readNetwork = () => read(() => {});
    const milliseconds = timed ? await timeView() : 0;
    viewMilliseconds = milliseconds;
    const views = decided ?? chooseViews(milliseconds);
    oneView = views.count === 1;
    return { backend: engine.backend, adapter: started.adapter, reason: started.reason, module: name, milliseconds, views, network };
  } finally {
    if (engine) engineLane.open();
  }
}

/** The first embedding of a backend is slow (shaders, memory), so the second one is timed. */
async function timeView() {
  const picture = module.pictureFromPixels(new Uint8ClampedArray(4).fill(255), 1, 1, false);
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
 * @param {number} milliseconds what one view takes
 * @returns {Views}
 */
function chooseViews(milliseconds) {
  return milliseconds > SLOW ? { count: 1, reason: 'slow' } : { count: ALL_VIEWS, reason: 'all' };
}

/** @param {{source: PictureSource}} args */
async function prepare({ source }) {
  await moduleReady;
  const picture = await pictureOf(module, source);
  try {
    return { picture: pngOf(picture) };
  } finally {
    picture.free();
  }
}

/**
 * A photo's embedding; or what is seen in one part of its views, where others look at the others.
 * @param {{picture: Blob, part?: number}} args
 * @param {Job} job
 * @returns {Promise<EmbeddedPart>}
 */
async function embed({ picture: png, part }, job) {
  const picture = await pictureOfPng(module, png);
  try {
    job.check();
    const began = performance.now();
    const embedding = await (part === undefined ? engine.embed(picture, oneView) : engine.embedPart(picture, part));
    return { embedding, network: networkIdentity, milliseconds: performance.now() - began };
  } finally {
    picture.free();
  }
}

/**
 * The embedding of a photo whose parts were looked at, here or by another worker.
 * @param {{parts: EmbeddedPart[]}} args
 */
async function joinParts({ parts }) {
  for (const { network } of parts) checkNetwork(network);
  const embedding = module.joinParts(joined(parts.map((part) => part.embedding)));
  return { embedding, milliseconds: parts.reduce((sum, part) => sum + part.milliseconds, 0) };
}

/**
 * What another worker has seen, and weights that are read once more, are of use where they are those of the network here.
 * @param {string} network
 */
function checkNetwork(network) {
  if (network !== networkIdentity) throw new EngineError('weights-changed', `expected ${networkIdentity}, got ${network}`);
}

/**
 * @param {{frame: Frame, mirror: boolean}} args
 * @param {Job} job
 */
async function predictFrame({ frame, mirror }, job) {
  const picture = await pictureOfFrame(module, frame, mirror);
  try {
    const began = performance.now();
    const { embedding, tuned } = await look(picture, true);
    const milliseconds = performance.now() - began;
    job.check();
    return { prediction: (await session).predict(embedding, tuned), milliseconds };
  } finally {
    picture.free();
  }
}

/**
 * The first half of the network's layers, for another worker that finishes.
 * @param {{frame: Frame, mirror: boolean}} args
 * @returns {Promise<HalfFrame>}
 */
async function beginFrame({ frame, mirror }) {
  const picture = await pictureOfFrame(module, frame, mirror);
  try {
    const began = performance.now();
    const halfway = engine.begin(picture);
    return { halfway, network: networkIdentity, milliseconds: performance.now() - began };
  } finally {
    picture.free();
  }
}

/**
 * The other half of what another worker began.
 * @param {HalfFrame} args its numbers are gone afterwards
 */
async function finishFrame({ halfway, network, milliseconds }) {
  checkNetwork(network);
  const current = await session;
  const began = performance.now();
  // The layer is handed over, and with it the duty to free it.
  const [embedding, tuned] = engine.finish(halfway, current.tuned());
  release(halfway.buffer);
  return { prediction: current.predict(embedding, tuned), milliseconds: milliseconds + performance.now() - began };
}

/**
 * A picture's embedding, and its embedding by the tuned layer, where there is one.
 * @param {any} picture
 * @param {boolean} one
 * @returns {Promise<{embedding: Float32Array, tuned: Float32Array | undefined}>}
 */
async function look(picture, one) {
  const layer = (await session).tuned();
  if (!layer) return { embedding: await engine.embed(picture, one), tuned: undefined };
  try {
    const [embedding, tuned] = await engine.embedTuned(picture, one, layer);
    return { embedding, tuned };
  } finally {
    layer.free();
  }
}

/**
 * What the tuned layer sees in photos; nothing where there is none. Each photo is looked at once after every training.
 * @param {AskedPhoto[]} photos
 * @returns {Promise<(Float32Array | undefined)[]>}
 */
async function tunedOf(photos) {
  if (!(await session).isTuned) return photos.map(() => undefined);
  const seen = tunedPhotos;
  for (const { id, picture } of photos) if (!seen.has(id)) seen.set(id, lookTuned(picture));
  const tuned = await Promise.all(photos.map(({ id }) => seen.get(id)));
  return seen === tunedPhotos ? tuned : tunedOf(photos);
}

/**
 * @param {Blob} png
 * @returns {Promise<Float32Array | undefined>}
 */
function lookTuned(png) {
  return new Promise((resolve, reject) => {
    engineLane.add(async () => {
      try {
        const picture = await pictureOfPng(module, png);
        resolve((await look(picture, oneView).finally(() => picture.free())).tuned);
      } catch (error) {
        reject(error);
      }
    });
  });
}

/** @param {{photos: AskedPhoto[]}} args */
async function predict({ photos }) {
  const tuned = await tunedOf(photos);
  const current = await session;
  return photos.map(({ embedding }, index) => current.predict(embedding, tuned[index]));
}

/**
 * @param {{photo: AskedPhoto}} args
 * @returns {Promise<Explanation>}
 */
async function explain({ photo }) {
  const [tuned] = await tunedOf([photo]);
  return (await session).explain(photo.embedding, tuned);
}

/**
 * @param {{picture: Blob}} args
 * @returns {Promise<Evidence[]>}
 */
async function evidence(args) {
  const picture = await pictureOfPng(module, args.picture);
  try {
    // The layer is handed over, and with it the duty to free it.
    const map = await engine.layer4Map(picture, (await session).tuned());
    return (await session).evidence(map);
  } finally {
    picture.free();
  }
}

/**
 * @param {{embeddings: Float32Array[]}} args of photos to try
 * @returns {Promise<Overview>}
 */
async function overview({ embeddings }) {
  return (await session).overview(joined(embeddings));
}

/**
 * @param {{classIds: number[], photos: AskedPhoto[]}} args
 * @returns {Promise<Assessment>}
 */
async function assess({ classIds, photos }) {
  const tuned = await tunedOf(photos);
  const embeddings = joined(photos.map(({ embedding }) => embedding));
  return (await session).assess(Uint32Array.from(classIds), embeddings, joined(tuned.filter((values) => values !== undefined)));
}

/** @returns {Promise<Assessment>} */
async function leaveOneOut() {
  return (await session).leaveOneOut();
}

/** @param {{classes: PackedClass[], metric: MetricFile | null, shared: string | null}} args */
async function setSupport({ classes, metric, shared }) {
  const old = session;
  session = newSession(classes, metric, shared);
  session.catch(() => {});
  await session;
  (await old).free();
}

/**
 * A learned metric that was in use before, and the network that it was checked against.
 * @typedef {{bytes: Uint8Array, network: string}} MetricFile
 */

/**
 * @param {PackedClass[]} classes
 * @param {MetricFile | null} metric
 * @param {string | null} shared the link that was opened
 */
async function newSession(classes, metric, shared) {
  await moduleReady;
  const fresh = new module.Session();
  if (metric) fresh.useMetric(metric.bytes, metric.network);
  if (shared !== null) fresh.openLink(shared);
  for (const own of classes) addTo(fresh, own);
  return fresh;
}

/** @param {PackedClass} own */
async function addShots(own) {
  addTo(await session, own);
}

/**
 * A class without shots is no class yet.
 * @param {any} current the session
 * @param {PackedClass} own its embeddings are gone afterwards
 */
function addTo(current, { id, active, shotIds, embeddings }) {
  const length = embeddings.length / shotIds.length;
  shotIds.forEach((shot, index) => current.setShot(id, shot, embeddings.subarray(index * length, (index + 1) * length)));
  release(embeddings.buffer);
  if (shotIds.length > 0) current.setActive(id, active);
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
 * @param {{options: TrainingOptions, pictures: ShotPicture[]}} args
 * @param {Job} job
 */
async function train({ options, pictures }, job) {
  const current = await session;
  const trainer = options.method === 'deep' ? await startDeep(current, options, pictures, job) : current.startTraining(options);
  try {
    let count = 1;
    const start = performance.now();
    while (!trainer.done) {
      const began = performance.now();
      /** @type {TrainingStep[]} */
      const steps = trainer.run(count);
      const now = performance.now();
      const left = ((now - start) / trainer.step) * (trainer.steps - trainer.step);
      job.report({ steps, done: trainer.step, total: trainer.steps, left });
      count = nextCount(count, now - began);
      await nextTask();
      job.check();
    }
    current.finishTraining(trainer);
    tunedPhotos = new Map();
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
  return { summary: (await session).useMetric(bytes, networkIdentity), network: networkIdentity };
}

async function forgetMetric() {
  (await session).forgetMetric();
}

/** The metric that compares now, as a file. */
async function metricFile() {
  const bytes = (await session).metricFile(networkIdentity);
  if (!bytes) throw new EngineError('no-metric');
  return { file: new Blob([bytes], { type: 'application/octet-stream' }) };
}

/**
 * What was trained, without the shots.
 * @returns {Promise<{file: Uint8Array | null}>}
 */
async function headFile() {
  return { file: (await session).headFile(networkIdentity) ?? null };
}

/**
 * Waits for the network, which must be the one that the head was trained with.
 * @param {{bytes: Uint8Array}} args
 * @returns {Promise<{method: Method}>}
 */
async function restoreHead({ bytes }) {
  const method = (await session).restoreHead(bytes, networkIdentity);
  tunedPhotos = new Map();
  return { method };
}

/**
 * @param {{project: ProjectToWrite, head: Uint8Array | null}} args
 * @param {Job} job
 * @returns {Promise<{file: Blob}>}
 */
async function write({ project, head }, job) {
  await moduleReady;
  return writeProject(module, { ...project, views: oneView ? 1 : ALL_VIEWS }, head, job);
}

/**
 * @param {{file: Blob}} args
 * @param {Job} job
 * @returns {Promise<ProjectContent>}
 */
async function read({ file }, job) {
  await moduleReady;
  return readProject(module, file, job);
}

/** @param {{embeddings: [Float32Array, Float32Array]}} args */
async function sameOrDifferent({ embeddings: [a, b] }) {
  return { probability: (await session).sameOrDifferent(a, b) };
}

/** @param {{format: 'npy' | 'csv', shots: NamedEmbedding[]}} args */
async function embeddingsFile({ format, shots }) {
  await moduleReady;
  const [classes, names, embeddings] = [shots.map((shot) => shot.className), shots.map((shot) => shot.name), joined(shots.map((shot) => shot.embedding))];
  return { file: new Blob([module.embeddingsFile(format, classes, names, embeddings)]) };
}

/**
 * @param {{photos: {className: string, picture: Blob}[]}} args
 * @param {Job} job
 */
async function photosFile({ photos }, job) {
  await moduleReady;
  return writePhotos(module, photos, job);
}

/** @param {{photos: (AskedPhoto & {name: string})[], classes: ClassName[], threshold: number}} args */
async function answersFile({ photos, classes, threshold }) {
  const tuned = joined((await tunedOf(photos)).filter((values) => values !== undefined));
  const [names, embeddings] = [photos.map(({ name }) => name), joined(photos.map(({ embedding }) => embedding))];
  return { file: new Blob([(await session).answersFile(names, embeddings, tuned, classes, threshold)]) };
}

/**
 * The engine keeps its weights in a form of its own, so they are read once more.
 * @param {{classes: ClassName[]}} args
 * @param {Job} job
 */
async function onnxFile({ classes }, job) {
  const { bytes, manifest, network } = await readNetwork();
  job.check();
  const { source, identity } = network;
  if (manifest) checkNetwork(identity);
  const file = (await session).onnx(bytes, { identity: networkIdentity, source, manifest: manifest ?? undefined }, classes);
  return { file: new Blob([file]) };
}

/**
 * What was trained, as a link. Waits for the network, whose identity is in it.
 * @param {{classes: LinkClass[], page: string}} args those that take part, and maybe others; what stands before the link's text
 * @returns {Promise<Link>}
 */
async function link({ classes, page }) {
  const address = page + (await session).link(classes, networkIdentity);
  return { address, qr: module.qrCode(address) };
}

/**
 * @param {{text: string}} args
 * @returns {Promise<SharedClassifier>}
 */
async function openLink({ text }) {
  return (await session).openLink(text);
}

/**
 * A trainer for the method that reaches the network. First the unchanged layers look at every shot's picture.
 * @param {any} current the session
 * @param {TrainingOptions} options
 * @param {ShotPicture[]} pictures
 * @param {Job} job
 */
async function startDeep(current, options, pictures, job) {
  const preparation = current.prepareDeep(options);
  const ids = [...preparation.shotIds];
  const ofShot = new Map(pictures.map(({ id, picture }) => [id, picture]));
  const began = performance.now();
  let started = false;
  try {
    for (const [index, id] of ids.entries()) {
      const picture = await pictureOfPng(module, /** @type {Blob} */ (ofShot.get(id)));
      preparation.add(await engine.maps(preparation, picture, oneView).finally(() => picture.free()));
      const looks = ((performance.now() - began) / (index + 1)) * (ids.length - index - 1);
      job.report({ looked: index + 1, of: ids.length, left: looks + (options.steps ?? 0) * VIEWS_PER_STEP * viewMilliseconds });
      await nextTask();
      job.check();
    }
    started = true;
    return engine.startDeep(preparation);
  } finally {
    if (!started) preparation.free();
  }
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
  const { queue, run, transfer } = operations[op];
  queue(async () => {
    try {
      job.check();
      postMessage({ id, started: true });
      const ok = await run(args, job);
      job.check();
      postMessage({ id, ok }, { transfer: transfer?.(ok) });
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
