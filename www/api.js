// The classifier for other people's pages: teach it, or load what was shared, and ask it. Types are in `api.d.ts`.
// A thin layer over the engine's client: no DOM, no storage, no camera, no words.

import { EngineClient } from './engine/client.js';
import { EngineError, USUAL_THRESHOLD } from './engine/protocol.js';
import { linkIn } from './fragment.js';
import { frameOf } from './frame.js';
import { Model } from './model.js';

/** @import { ClassifierOptions, Photo, Result } from './api.d.ts' */
/** @import { PictureSource, Prediction } from './engine/protocol.js' */
/** @import { PhotoClass, Shot } from './model.js' */

export class Classifier {
  #model = new Model((number) => `Class ${number}`);
  #client;
  #ready;
  #threshold;

  /** @param {ClassifierOptions} [options] */
  constructor({ backend = 'auto', threshold = USUAL_THRESHOLD } = {}) {
    this.#threshold = threshold;
    this.#client = new EngineClient({ backend, oneView: false, oneWorker: true }, () => this.#model.classes);
    this.#ready = new Promise((resolve, reject) => {
      this.#client.addEventListener('ready', () => resolve(undefined));
      this.#client.addEventListener('failed', (event) => reject(/** @type {CustomEvent} */ (event).detail));
    });
    this.#ready.catch(() => {}); // Told by whatever waits for it.
    this.#client.start();
  }

  /**
   * @param {string} link an address that Glimpse made, or what follows its `#`
   * @param {ClassifierOptions} [options]
   */
  static fromLink(link, options) {
    return Classifier.#opened(options, (classifier) => classifier.#openLink(link));
  }

  /**
   * @param {Blob} file a project that Glimpse saved
   * @param {ClassifierOptions} [options]
   */
  static fromProject(file, options) {
    return Classifier.#opened(options, (classifier) => classifier.#openProject(file, options?.threshold));
  }

  /**
   * @param {ClassifierOptions | undefined} options
   * @param {(classifier: Classifier) => Promise<void>} open
   */
  static async #opened(options, open) {
    const classifier = new Classifier(options);
    try {
      await open(classifier);
    } catch (error) {
      classifier.close();
      throw error;
    }
    return classifier;
  }

  /** @param {string} link */
  async #openLink(link) {
    const { classes, network } = await this.#client.openLink(linkIn(link));
    this.#model.replace({ classes: classes.map((own) => ({ ...own, named: true, active: true, shots: [] })), tests: [] });
    await this.#ready;
    const runs = this.#client.info?.network.identity ?? '';
    if (!runs.startsWith(network)) throw new EngineError('link-network', `the link needs the network ${network}, but ${runs} runs here`);
  }

  /**
   * What another network saw in the photos, and what was trained on that, is void here.
   * @param {Blob} file
   * @param {number} [threshold] in place of the file's
   */
  async #openProject(file, threshold) {
    const read = await this.#client.readProject(file);
    if (read.samples) throw new EngineError('project-format', 'expected a project, got an archive of photos');
    await this.#ready;
    const { project, head, metric } = read;
    const same = project.network === this.#client.info?.network.identity;
    this.#threshold = threshold ?? project.threshold ?? this.#threshold;
    this.#model.replace({ ...this.#model.numbered(project, same), tests: [] });
    await this.#client.setSupport();
    await this.#embedMissing();
    if (metric && same) await this.#client.useMetric(new File([metric], 'metric'));
    if (head && same) await this.#client.restoreHead(head);
  }

  async #embedMissing() {
    for (const own of this.#model.classes) {
      for (const shot of own.shots.filter(({ embedding }) => !embedding)) {
        await this.#learn(own, shot, await this.#client.embed(/** @type {Blob} */ (shot.picture)));
      }
    }
  }

  /**
   * @param {PhotoClass} own
   * @param {Shot} shot
   * @param {{embedding: Float32Array}} seen
   */
  async #learn(own, shot, { embedding }) {
    this.#model.updateShot(shot, { embedding, status: 'ready' });
    await this.#client.addShots({ ...own, shots: [shot] });
  }

  /** The classes' names, in the order of their scores. */
  get classes() {
    return this.#model.classes.map(({ name }) => name);
  }

  /**
   * @param {string} className
   * @param {Photo} photo
   */
  async add(className, photo) {
    const seen = await this.#look(photo);
    const own = this.#model.findByName(className) ?? this.#model.addClass(className);
    await this.#learn(own, this.#model.addShot(own.id, ''), seen);
  }

  /** Fits the head to the photos; until then prototypes answer. */
  async train() {
    await this.#ready;
    await this.#client.train({ method: 'finetune' }, [], {});
  }

  /**
   * @param {Photo} photo
   * @returns {Promise<Result>}
   */
  async classify(photo) {
    const { picture, embedding } = await this.#look(photo);
    const [prediction] = await this.#client.predict([{ id: this.#model.newId(), embedding, picture }]);
    return this.#result(prediction);
  }

  /** Ends the engine. */
  close() {
    this.#client.end();
  }

  /** @param {Photo} photo */
  async #look(photo) {
    const { picture } = await this.#client.prepare(await sourceOf(photo));
    await this.#ready;
    const { embedding } = await this.#client.embed(picture);
    return { picture, embedding };
  }

  /**
   * @param {Prediction} prediction
   * @returns {Result}
   */
  #result({ scores, familiarity }) {
    const named = scores.map(({ classId, probability }) => ({ label: this.#model.findClass(classId)?.name ?? '', probability }));
    named.sort((a, b) => b.probability - a.probability);
    const known = familiarity.probability >= this.#threshold;
    return { label: known ? named[0].label : null, familiarity: familiarity.probability, scores: named };
  }
}

/**
 * @param {Photo} photo
 * @returns {Promise<PictureSource>}
 */
async function sourceOf(photo) {
  if (photo instanceof Blob) return { kind: 'file', file: photo };
  const frame = await frameOf(photo).catch((error) => {
    throw new EngineError('photo-format', String(error));
  });
  return { kind: 'frame', frame, mirror: false };
}
