// What the page and the worker agree on: the shapes of their messages, and the one error type that crosses between them.
// Shared by both threads: no DOM, no wasm, no state.

/**
 * What the worker was asked to do. Answers carry the same id: `{id, ok}`, `{id, error}`, `{id, progress}`, `{id, started}`.
 * @typedef {{id: number, op: string, args: any}} Request
 */

/**
 * A picture on its way to becoming a square: an encoded file, or a camera frame.
 * @typedef {{kind: 'file', file: Blob} | {kind: 'frame', bitmap: ImageBitmap, mirror: boolean}} PictureSource
 */

/**
 * Why a backend was or was not taken: a stable code, and a detail that is not translated.
 * @typedef {{code: 'forced' | 'no-webgpu' | 'no-adapter' | 'no-timestamp-query' | 'software-adapter' | 'differs' | 'failed' | 'crashed', detail: string}} BackendReason
 */

/**
 * The engine once it runs. `reason` is null where the first choice was taken.
 * @typedef {object} EngineInfo
 * @property {'cpu' | 'webgpu'} backend
 * @property {string} adapter
 * @property {BackendReason | null} reason
 * @property {number} milliseconds time of one embedding, warmed up
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
 */

/**
 * How far the start has come.
 * @typedef {{phase: 'module' | 'weights' | 'backend', loaded?: number, total?: number}} StartProgress
 */

/**
 * One class of the support set, as the engine's session needs it.
 * @typedef {{id: number, active: boolean, shots: {id: number, embedding: Float32Array}[]}} SupportClass
 */

/**
 * @typedef {object} Prediction
 * @property {'prototype' | 'finetune'} method
 * @property {{classId: number, probability: number}[]} scores
 * @property {{shotId: number, classId: number, similarity: number}} nearest
 */

/** @typedef {{step: number, loss: number, crossEntropy: number, entropy: number, accuracy: number}} TrainingStep */

/** @typedef {{recipe: 'scaled' | 'plain'}} TrainingOptions */

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
