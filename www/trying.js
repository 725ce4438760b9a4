// Step 3's camera and photos to try: it has them embedded and named, and shows the answers.
// Page side: it wires the views of step 3 to model and engine. Whether anything can be named, its owner says.
// Events: `toggle` ({on}) when the camera is started or stopped, `files` ({files}) that were chosen, `settings` when the
// threshold was moved, `correct` ({classId, bitmap}) where the camera's picture was called by a wrong name.

import { LiveLoop } from './live-loop.js';
import { Smoothing } from './smoothing.js';
import { explain, text } from './strings.js';
import { emit, on, releaseAddress } from './views/dom.js';
import { LiveView } from './views/live.js';
import { StrictnessView } from './views/strictness.js';
import { TestsView } from './views/tests.js';
import { WhyView } from './views/why.js';

/** @import { Camera } from './camera.js' */
/** @import { EngineClient } from './engine/client.js' */
/** @import { AskedPhoto, EngineError } from './engine/protocol.js' */
/** @import { Model, TestPhoto } from './model.js' */
/** @import { EngineView } from './views/engine.js' */
/** @import { ProblemsView } from './views/problems.js' */
/** @import { ShellView } from './views/shell.js' */
/** @import { ToastsView } from './views/toasts.js' */

/**
 * @typedef {object} Surroundings
 * @property {Model} model
 * @property {EngineClient} client
 * @property {Camera} camera
 * @property {ShellView} shell
 * @property {EngineView} engine
 * @property {ToastsView} toasts
 * @property {ProblemsView} problems
 * @property {() => boolean} canPredict whether there is something to compare with
 * @property {() => boolean} canPredictLive the same for the camera's picture, just now
 * @property {boolean} asksTruth whether the visitor may say what a photo to try really is
 */

export class Trying extends EventTarget {
  #around;
  #live;
  #smoothing = new Smoothing();
  #strictness = new StrictnessView();
  #tests;
  #why;
  #loop;
  /** Grows with every refresh of the photos: older answers are dropped. */
  #refreshCount = 0;
  /** The same for the photo that is explained. */
  #whyCount = 0;

  /** @param {Surroundings} around */
  constructor(around) {
    super();
    this.#around = around;
    const { model, client, camera, shell } = around;
    this.#live = new LiveView(camera, model, around.asksTruth);
    this.#tests = new TestsView(model, around.asksTruth);
    this.#why = new WhyView(model);
    this.#loop = new LiveLoop({
      ready: around.canPredictLive,
      frame: () => this.#live.glance(),
      atOnce: () => client.framesAtOnce,
      predict: (frame) => client.predictFrame(frame, camera.mirror),
      show: (result) => shell.showLive(this.#live.show({ ...result, prediction: this.#smoothing.smooth(result.prediction) })),
    });
    this.elements = [this.#live.element, this.#strictness.element, this.#tests.element];
    model.addEventListener('change', (event) => {
      /** @type {import('./model.js').Change} */
      const change = /** @type {CustomEvent} */ (event).detail;
      this.#tests.update(change);
      // Shots come and go all the time: an open choice must not change under the hand.
      if (change.type.startsWith('class-')) this.#live.listClasses();
    });
    this.#listen();
  }

  /** What opens over the page. */
  get dialog() {
    return this.#why.element;
  }

  /** The part of the page with the photos. */
  get photos() {
    return this.#tests.element;
  }

  /** How sure it must be that a photo is any of the classes. */
  get threshold() {
    return this.#strictness.threshold;
  }

  set threshold(threshold) {
    this.#strictness.threshold = threshold;
  }

  /** The camera's picture; null where there is none. */
  frame() {
    return this.#live.frame();
  }

  #listen() {
    const { model, toasts, shell } = this.#around;
    on(this.#live, 'toggle', ({ on: wanted }) => {
      this.#live.switch(wanted);
      this.#run(wanted);
      emit(this, 'toggle', { on: wanted });
    });
    on(this.#live, 'freeze', ({ frozen }) => {
      this.#live.freeze(frozen);
      this.#run(!frozen);
      if (frozen) this.#nameFrozen();
    });
    on(this.#live, 'correct', async ({ classId }) => {
      const bitmap = await this.#live.frame().catch(() => null);
      if (bitmap) emit(this, 'correct', { classId, bitmap });
    });
    on(this.#live, 'why', ({ winnerId }) => this.#explainFrame(winnerId));
    on(this.#tests, 'why', ({ testId, winnerId }) => {
      const test = this.#find(testId);
      if (test?.embedding) this.#explain(asked(test), winnerId);
    });
    on(this.#tests, 'files', ({ files }) => emit(this, 'files', { files }));
    on(this.#tests, 'remove', ({ testId }) => {
      const test = this.#find(testId);
      const undo = model.removeTest(testId);
      toasts.show(text.tests.removed, { undo, gone: () => releaseAddress(test?.picture ?? null) });
    });
    on(this.#tests, 'truth', ({ testId, classId }) => {
      const test = this.#find(testId);
      if (test) model.updateTest(test, { classId });
    });
    on(this.#tests, 'clear', () => this.#clear());
    on(this.#strictness, 'change', ({ threshold }) => {
      this.#tests.setThreshold(threshold);
      shell.showLive(this.#live.setThreshold(threshold));
      emit(this, 'settings');
    });
  }

  /** @param {boolean} goesOn whether the camera's picture is named again and again */
  #run(goesOn) {
    this.#smoothing.reset();
    if (goesOn) this.#loop.start();
    else this.#loop.stop();
  }

  /** Names the picture that is held. */
  async #nameFrozen() {
    const { client, camera, shell, canPredictLive } = this.#around;
    if (!canPredictLive()) return;
    const frame = await this.#live.glance().catch(() => null);
    const result = frame && (await client.predictFrame(frame, camera.mirror).catch(() => null));
    if (result && this.#live.frozen) shell.showLive(this.#live.show({ ...result, perSecond: 0 }));
  }

  /**
   * Says of the camera's picture why it is named so. The picture stays as it was when asked.
   * @param {number} winnerId
   */
  async #explainFrame(winnerId) {
    const { model, client, camera, toasts } = this.#around;
    try {
      const bitmap = await this.#live.frame();
      if (!bitmap) return;
      const { picture } = await client.prepare({ kind: 'frame', frame: bitmap, mirror: camera.mirror });
      const { embedding } = await client.embed(picture);
      await this.#explain({ id: model.newId(), embedding, picture }, winnerId);
    } catch (error) {
      toasts.show(explain(error));
    }
  }

  /**
   * @param {AskedPhoto} photo
   * @param {number} winnerId
   */
  async #explain(photo, winnerId) {
    const { client } = this.#around;
    const count = ++this.#whyCount;
    this.#why.open(photo.picture, winnerId);
    try {
      const explanation = await client.explain(photo);
      if (count === this.#whyCount) this.#why.showExplanation(explanation);
      const evidence = await client.evidence(photo.picture);
      if (count === this.#whyCount) this.#why.showEvidence(evidence);
    } catch (error) {
      if (count === this.#whyCount) this.#why.showFailed(explain(error));
    }
  }

  /** @param {number} testId */
  #find(testId) {
    return this.#around.model.tests.find((candidate) => candidate.id === testId);
  }

  #clear() {
    const { model, toasts } = this.#around;
    const removed = [...model.tests];
    const undos = removed.map((test) => model.removeTest(test.id));
    const undo = () => undos.reverse().forEach((one) => one());
    const gone = () => removed.forEach((test) => releaseAddress(test.picture));
    toasts.show(text.tests.cleared(removed.length), { undo, gone });
  }

  /**
   * @param {Blob} file
   * @param {string} name
   * @param {string | null} folder whose name may say of which class the photo is
   */
  async add(file, name, folder) {
    const { model, client } = this.#around;
    const own = folder === null ? null : model.findByName(folder);
    const test = model.addTest(name, own?.id);
    try {
      const { picture } = await client.prepare({ kind: 'file', file });
      model.updateTest(test, { picture });
    } catch (error) {
      return this.#failed(test, error);
    }
    await this.#embed(test);
  }

  /** Embeds what has a picture and no embedding. */
  embedMissing() {
    for (const test of this.#around.model.tests) if (test.picture && !test.embedding) this.#embed(test);
  }

  /** @param {TestPhoto} test its picture is there */
  async #embed(test) {
    const { model, client, engine } = this.#around;
    try {
      const { embedding, milliseconds } = await client.embed(/** @type {Blob} */ (test.picture));
      model.updateTest(test, { embedding });
      engine.showSpeed(milliseconds);
    } catch (error) {
      // Where the engine gave up, the photo waits for its next start.
      if (/** @type {EngineError} */ (error).code !== 'crashed') this.#failed(test, error);
    }
  }

  /**
   * @param {TestPhoto} test
   * @param {unknown} error
   */
  #failed(test, error) {
    this.#around.model.removeTest(test.id);
    this.#around.problems.add(test.name, error);
  }

  /** Names the photos anew, and says why where the camera's picture is not named. */
  async refresh() {
    this.#refreshLive();
    const { model, client, canPredict } = this.#around;
    const count = ++this.#refreshCount;
    const tests = model.tests.filter((test) => test.embedding);
    if (tests.length === 0) return;
    const predictions = canPredict() ? await client.predict(tests.map(asked)).catch(() => null) : tests.map(() => null);
    if (count !== this.#refreshCount || !predictions) return;
    tests.forEach((test, index) => this.#tests.showPrediction(test, predictions[index]));
  }

  #refreshLive() {
    const { client, canPredict } = this.#around;
    if (!canPredict()) this.#clearLive(text.prediction.none);
    else if (!client.info) this.#clearLive(text.live.waitingForEngine);
    else if (!this.#live.on) this.#clearLive(text.live.off);
    else if (this.#live.frozen) this.#nameFrozen();
  }

  /** @param {string} words */
  #clearLive(words) {
    this.#live.clear(words);
    this.#around.shell.showLive(null);
  }
}

/**
 * A photo to try as the engine is asked about it.
 * @param {TestPhoto} test embedded
 * @returns {AskedPhoto}
 */
export function asked({ id, embedding, picture }) {
  return { id, embedding: /** @type {Float32Array} */ (embedding), picture: /** @type {Blob} */ (picture) };
}
