// What the page and the worker agree on: the shapes of their messages, how embeddings are joined in them, and the one error type that crosses
// between them. Shared by both threads: no DOM, no wasm, no state.

/**
 * What the worker was asked to do. Answers carry the same id: `{id, ok}`, `{id, error}`, `{id, progress}`, `{id, started}`.
 * @typedef {{id: number, op: string, args: any}} Request
 */

/**
 * A picture on its way into the module: an encoded file, or a camera frame.
 * @typedef {{kind: 'file', file: Blob} | {kind: 'frame', frame: Frame, mirror: boolean}} PictureSource
 *
 * The camera's picture to be named and forgotten. Video frames are the camera's own, which has few: they are to be closed soon.
 * @typedef {VideoFrame | ImageBitmap} Frame
 */

/**
 * Why a backend was or was not taken: a stable code, and a detail that is not translated.
 * @typedef {{code: 'forced' | 'no-webgpu' | 'no-adapter' | 'software-adapter' | 'differs' | 'failed' | 'crashed', detail: string}} BackendReason
 */

/**
 * The backends that an address can ask for; `candle` and `wgpu` are Burn's ways to compute on the CPU and on WebGPU, for comparison.
 * @typedef {'auto' | 'cpu' | 'candle' | 'webgpu' | 'wgpu'} Wanted
 */

/**
 * From how many views of a photo its embedding is made, and why: all of them, or one because the address asks for it or the
 * device is slow.
 * @typedef {{count: number, reason: 'all' | 'asked' | 'slow'}} Views
 */

/**
 * The engine once it runs. `reason` is null where the first choice was taken.
 * @typedef {object} EngineInfo
 * @property {'cpu' | 'candle' | 'webgpu' | 'wgpu'} backend
 * @property {string} adapter
 * @property {BackendReason | null} reason
 * @property {import('./module.js').ModuleName} module which of the wasm modules runs
 * @property {number} milliseconds time of one view, warmed up
 * @property {Views} views
 * @property {NetworkInfo} network
 */

/**
 * Where the weights came from. `checked` is false where the page is too insecure for SHA-256; `kept` where the browser cached them.
 * @typedef {object} NetworkInfo
 * @property {string} name
 * @property {string} source
 * @property {number} bytes
 * @property {boolean} trained
 * @property {boolean} fromCache
 * @property {boolean} checked
 * @property {boolean} kept
 * @property {boolean} manifest false for a network that the visitor brought
 * @property {string} identity by which learned metrics know their network, whatever file it came from
 * @property {boolean} redistributable whether its licence lets it be passed on
 */

/**
 * How far the start has come.
 * @typedef {{phase: 'module' | 'weights' | 'backend', loaded?: number, total?: number}} StartProgress
 */

/**
 * One class of the support set, of which the engine's session needs the shots that have an embedding.
 * @typedef {{id: number, active: boolean, shots: {id: number, embedding: Float32Array | null}[]}} SupportClass
 */

/**
 * The same on its way to the worker: embeddings lie one after the other.
 * @typedef {{id: number, active: boolean, shotIds: number[], embeddings: Float32Array<ArrayBuffer>}} PackedClass
 */

/**
 * A photo to be named. The picture is looked at again where a training has tuned the network.
 * @typedef {{id: number, embedding: Float32Array, picture: Blob}} AskedPhoto
 */

/**
 * What a shot's embedding was made of, for a training that reaches the network.
 * @typedef {{id: number, picture: Blob}} ShotPicture
 */

/** @typedef {{id: number, name: string}} ClassName */
/** @typedef {{className: string, name: string, embedding: Float32Array}} NamedEmbedding */

/** @typedef {'siamese' | 'triplet' | 'cosine-metric'} MetricMethod */
/** @typedef {'finetune' | 'finetune-plain' | 'prototype' | 'nearest' | 'deep' | MetricMethod} Method */

/**
 * A learned metric that takes the place of the network's own embedding: the file's name, the SHA-256 of the weights that it
 * belongs to, and what trained it on how many classes and photos.
 * @typedef {{name: string, network: string, method: MetricMethod, classes: number, images: number}} Metric
 */

/**
 * Whether a method learns a metric of its own.
 * @param {Method} method
 * @returns {method is MetricMethod}
 */
export function learnsMetric(method) {
  return method === 'siamese' || method === 'triplet' || method === 'cosine-metric';
}

/**
 * How sure it is that a photo is any of the classes: 0.5 where that is as likely as not. Not `certain` is a rough guess.
 * @typedef {{score: number, probability: number, certain: boolean}} Familiarity
 */

/**
 * @typedef {object} Prediction
 * @property {Method} method
 * @property {{classId: number, probability: number}[]} scores
 * @property {{shotId: number, classId: number, similarity: number}} [nearest] not where a link's classifier answers
 * @property {Familiarity} familiarity
 */

/**
 * A camera frame halfway through the network whose identity is `network`, and how long that took.
 * @typedef {{halfway: Float32Array<ArrayBuffer>, network: string, milliseconds: number}} HalfFrame
 */

/**
 * A photo's embedding by the network whose identity is `network`, or what one part of its views gives to it.
 * @typedef {{embedding: Float32Array<ArrayBuffer>, network: string, milliseconds: number}} EmbeddedPart
 */

/**
 * How a photo comes to its answer: the most similar shots, and what each class has of it. `after` is there once something was
 * trained. Both are empty where a link's classifier answers.
 * @typedef {object} Explanation
 * @property {{shotId: number, classId: number, similarity: number}[]} nearest
 * @property {{classId: number, similarity: number, before: number, after?: number}[]} classes
 */

/** How much each spot of a picture's square speaks for a class, 7 rows of 7. @typedef {{classId: number, spots: number[]}} Evidence */

/**
 * Shots, prototypes and photos seen from above. Places are those of a map; `shares` says how much of all difference its axes show.
 * @typedef {object} Overview
 * @property {number} shotCount how many shots there are, of which some may be left out
 * @property {{shotId: number, classId: number, place: [number, number]}[]} shots
 * @property {number[][]} similarities of those shots
 * @property {{classId: number, place: [number, number], row: number[]}[]} prototypes
 * @property {number[][]} prototypeSimilarities
 * @property {[number, number][]} queries
 * @property {[number, number]} shares
 */

/**
 * A class as a link has it; `hue` is the number of its colour.
 * @typedef {{id: number, name: string, hue: number}} LinkClass
 */

/**
 * What was trained, as an address; `qr` where that is short enough for one.
 * @typedef {{address: string, qr: Qr | null}} Link
 */

/**
 * A QR code without its margin: modules on each side, and the dark ones as an SVG path, a module to a unit.
 * @typedef {{size: number, path: string}} Qr
 */

/**
 * The classifier of a link that was opened; `network` is the beginning of the identity of the network that it needs.
 * @typedef {{classes: LinkClass[], method: Method, network: string}} SharedClassifier
 */

/**
 * How well photos of known classes are named. `confusion[truth][answer]` counts photos, in the order of `classIds`.
 * @typedef {object} Assessment
 * @property {number[]} classIds
 * @property {number[][]} confusion
 * @property {(number | null)[]} classAccuracy null where a class had no photo
 * @property {number | null} accuracy
 */

/** @typedef {{step: number, loss: number, crossEntropy: number, entropy: number, accuracy: number}} TrainingStep */

/**
 * How far a training has come, and how many milliseconds are left, about. A deep training first looks at every shot.
 * @typedef {{steps: TrainingStep[], done: number, total: number, left: number} | {looked: number, of: number, left: number}} TrainingProgress
 */

/**
 * What is left out is the method's own.
 * @typedef {object} TrainingOptions
 * @property {Method} method
 * @property {number} [steps]
 * @property {number} [learningRate]
 * @property {number} [entropyWeight]
 * @property {number} [scale]
 * @property {boolean} [learnScale]
 * @property {'prototypes' | 'random'} [initialisation]
 * @property {'cosine' | 'dot'} [similarity]
 */

/**
 * A photo of a project: what every view of the network is cut from, as a PNG, and its embedding, where it has one.
 * @typedef {{name: string, picture: Blob, embedding: Float32Array | null}} ProjectShot
 */

/**
 * A whole project, as a file has it; docs/FORMAT.md says what its fields mean. `class` is the place of a test's class.
 * @typedef {object} ProjectToWrite
 * @property {string} name
 * @property {string} created
 * @property {string} updated
 * @property {string} network the identity of the network that made the embeddings; empty where none did
 * @property {any} options
 * @property {Method | null} method
 * @property {number | null} threshold
 * @property {{name: string, named: boolean, hue: number, active: boolean, shots: ProjectShot[]}[]} classes
 * @property {(ProjectShot & {class: number | null})[]} tests
 */

/** @typedef {ProjectToWrite & {schema: number, app: 'glimpse', views: number}} Project */

/**
 * What a file holds: a project, or photos to be added like any others. `head` is for `restoreHead`; `metric` is the file of
 * the learned metric that was loaded when the head was trained, which must be loaded before.
 * @typedef {{project: Project, head: Uint8Array | null, metric: Uint8Array<ArrayBuffer> | null, samples?: undefined} | {samples: ProjectSample[]}} ProjectContent
 */

/** A photo of an archive of photos. @typedef {{className: string, name: string, file: Blob}} ProjectSample */

/** Where nobody says otherwise: a photo is named where it is as likely one of the classes as not. */
export const USUAL_THRESHOLD = 0.5;

/**
 * Embeddings one after the other, as they are sent.
 * @param {Float32Array[]} arrays all of one length
 */
export function joined(arrays) {
  const length = arrays[0]?.length ?? 0;
  const values = new Float32Array(length * arrays.length);
  arrays.forEach((array, index) => values.set(array, index * length));
  return values;
}

/** An error with a stable code. The page words it; `message` is the engine's own account of it. */
export class EngineError extends Error {
  /**
   * @param {string} code
   * @param {string} [message]
   */
  constructor(code, message = code) {
    super(message);
    this.name = 'EngineError';
    this.code = code;
  }
}
