// Takes what the page knows elsewhere: embeddings, answers and the classifier become files among the browser's downloads.
// Page side: it decides what can be made of the model as it is; the engine makes it.

import { EngineError } from './engine/protocol.js';
import { hasEmbedding } from './model.js';
import { text } from './strings.js';
import { download } from './views/dom.js';
import { ExportView } from './views/export.js';

/** @import { EngineClient } from './engine/client.js' */
/** @import { AskedPhoto } from './engine/protocol.js' */
/** @import { Model } from './model.js' */
/** @import { Kind } from './views/export.js' */

const words = text.export;

export class Export {
  #client;
  #model;
  #failed;
  #threshold;
  #trained;
  #view = new ExportView();
  /** @type {Kind | null} the file that is being made */
  #making = null;

  /**
   * @param {EngineClient} client
   * @param {Model} model
   * @param {{failed: (error: any) => void, threshold: () => number, trained: () => boolean}} page what it does with errors, how
   *   sure an answer must be, and whether something was trained
   */
  constructor(client, model, { failed, threshold, trained }) {
    this.#client = client;
    this.#model = model;
    this.#failed = failed;
    this.#threshold = threshold;
    this.#trained = trained;
    this.element = this.#view.element;
    this.#view.addEventListener('take', (event) => this.#take(/** @type {CustomEvent} */ (event).detail.kind));
    this.refresh();
  }

  /** Works out anew what can be made. */
  refresh() {
    const classifier = this.#whyNoClassifier();
    const embeddings = this.#engineReason() ?? (this.#shots().length === 0 ? words.reasons.shots : null);
    const answers = classifier ?? (this.#photos().length === 0 ? words.reasons.photos : null);
    this.#view.show({
      npy: this.#state('npy', embeddings, words.hints.npy),
      csv: this.#state('csv', embeddings, words.hints.csv),
      onnx: this.#state('onnx', classifier, words.hints.onnx(this.#client.info?.network.redistributable ?? false)),
      answers: this.#state('answers', answers, words.hints.answers),
      head: this.#state('head', this.#trained() ? null : words.reasons.head, words.hints.head),
      photos: this.#state('photos', this.#pictures().length === 0 ? words.reasons.shots : null, words.hints.photos),
    });
  }

  /**
   * @param {Kind} kind
   * @param {string | null} reason why it cannot be made
   * @param {string} hint
   */
  #state(kind, reason, hint) {
    const making = this.#making === kind ? words.making : null;
    return { hint: reason ?? making ?? hint, ready: reason === null };
  }

  #engineReason() {
    return this.#client.info ? null : words.reasons.engine;
  }

  #whyNoClassifier() {
    return this.#model.classes.filter((own) => own.active && hasEmbedding(own)).length < 2 ? words.reasons.classes : this.#engineReason();
  }

  #shots() {
    return this.#model.classes.flatMap(({ name: className, shots }) =>
      shots.flatMap(({ name, embedding }) => (embedding ? [{ className, name, embedding }] : [])),
    );
  }

  #pictures() {
    return this.#model.classes.flatMap(({ name: className, shots }) => shots.flatMap(({ picture }) => (picture ? [{ className, picture }] : [])));
  }

  /** The photos to try, in the order in which they came. */
  #photos() {
    const photos = this.#model.tests.filter((test) => test.embedding && test.picture).reverse();
    return /** @type {(AskedPhoto & {name: string})[]} */ (photos.map(({ id, name, embedding, picture }) => ({ id, name, embedding, picture })));
  }

  /** @param {Kind} kind */
  async #take(kind) {
    if (this.#making) return;
    this.#making = kind;
    this.refresh();
    try {
      const { file } = await this.#make(kind);
      download(file, words.files[kind]);
    } catch (error) {
      this.#failed(error);
    }
    this.#making = null;
    this.refresh();
  }

  /** @param {Kind} kind */
  #make(kind) {
    const classes = this.#model.classes.map(({ id, name }) => ({ id, name }));
    if (kind === 'onnx') return this.#client.onnxFile(classes);
    if (kind === 'photos') return this.#client.photosFile(this.#pictures());
    if (kind === 'head') return this.#head();
    if (kind === 'answers') return this.#client.answersFile(this.#photos(), classes, this.#threshold());
    return this.#client.embeddingsFile(kind, this.#shots());
  }

  /** What was trained, by itself. */
  async #head() {
    const { file } = await this.#client.headFile();
    if (!file) throw new EngineError('stale-head');
    return { file: new Blob([/** @type {Uint8Array<ArrayBuffer>} */ (file)]) };
  }
}
