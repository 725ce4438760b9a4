// Wires everything: the visitor's wishes from the views to the model, the model's changes to engine and views.
// Page side. It owns no element and computes nothing; whatever has a rule of its own is in a module of its own.

import { Camera } from './camera.js';
import { animals, CARDS, drawCard } from './cards.js';
import { EngineClient } from './engine/client.js';
import { watchEngine } from './engine-watch.js';
import { EngineError, learnsMetric, USUAL_THRESHOLD } from './engine/protocol.js';
import { Export } from './export.js';
import { fromDrop, fromList, saysMetric } from './files.js';
import { takeNames } from './fragment.js';
import { Hood } from './hood.js';
import { hasEmbedding, Model, NameTaken, pendingShots, shotCount } from './model.js';
import { Offline } from './offline.js';
import { Primer } from './primer.js';
import { Projects } from './projects.js';
import { Share } from './share.js';
import { now, soon } from './soon.js';
import { ownCopy } from './storage/database.js';
import { OwnNetwork } from './storage/own-network.js';
import { explain, text } from './strings.js';
import { asked, Trying } from './trying.js';
import { AssessmentView } from './views/assessment.js';
import { CaptureView } from './views/capture.js';
import { ClassListView } from './views/class-list.js';
import { download, on, releaseAddress } from './views/dom.js';
import { DropView } from './views/drop.js';
import { EmbeddingView } from './views/embedding.js';
import { EngineView } from './views/engine.js';
import { LanguageView } from './views/language.js';
import { NoticeView } from './views/notice.js';
import { PairView } from './views/pair.js';
import { PreviewView } from './views/preview.js';
import { ProblemsView } from './views/problems.js';
import { QuizView } from './views/quiz.js';
import { ShellView } from './views/shell.js';
import { ShortcutsView } from './views/shortcuts.js';
import { ToastsView } from './views/toasts.js';
import { TourView } from './views/tour.js';
import { TrainingView } from './views/training.js';

/** @import { EngineInfo, Method, Metric, PictureSource, TrainingProgress } from './engine/protocol.js' */
/** @import { Wishes } from './engine/client.js' */
/** @import { Picked } from './files.js' */
/** @import { Change, PairPhoto, PhotoClass, Shot } from './model.js' */
/** @import { Extras } from './storage/project-store.js' */

/** How long photos and head must rest, in milliseconds, before it is measured how well they do. */
const ASSESS_AFTER = 300;

export class Controller {
  #page;
  #model = new Model(text.classes.defaultName);
  #client;
  #camera = new Camera();
  #shell;
  #notice;
  #engine = new EngineView();
  #classes = new ClassListView();
  #capture = new CaptureView(this.#camera);
  #embeddingView = new EmbeddingView();
  #training = new TrainingView(this.#embeddingView.element);
  #assessment = new AssessmentView(this.#model);
  #pair = new PairView(this.#model);
  #quiz = new QuizView();
  #preview = new PreviewView();
  #primer = new Primer(this.#model);
  #toasts = new ToastsView();
  #problems = new ProblemsView();
  #shortcuts;
  #tour;
  #offline = new Offline();
  #ownNetwork = new OwnNetwork();
  #share;
  #hood;
  #trying;
  #projects;
  #export;

  /** @type {'none' | 'stale' | 'trained'} */
  #head = 'none';
  /** @type {Method | null} how the head was trained */
  #method = null;
  /** What was trained, to be kept and to be given back to the engine. @type {Extras['head']} */
  #keptHead = null;
  /** The identity of the network that made the embeddings; empty before there is one. */
  #embeddedBy = '';
  /** @type {Method | null} how the training under way trains */
  #trainingMethod = null;
  /** @type {Metric | null} the learned metric that was loaded */
  #metric = null;
  /** @type {File | null} its file */
  #metricFile = null;
  /** @type {AbortController | null} a training under way */
  #trainingAbort = null;
  /** @type {Map<Shot, AbortController>} embeddings under way */
  #embedding = new Map();
  /** @type {Set<Shot>} shots that the engine cannot take */
  #refused = new Set();
  /** @type {Shot | null} the shot in the preview */
  #shown = null;
  /** @type {number | null} its class's id */
  #shownIn = null;
  /** @type {number | null} the class that was touched last: pasted photos go there; null for the photos to try */
  #target = null;
  /** @type {number | null} the class that has the camera */
  #capturing = null;
  #refreshNow = () => this.#refresh();
  #assessTimer = 0;
  /** Grows with every measurement of the photos to try: older answers are dropped. */
  #assessCount = 0;
  /** The same for the two photos that are compared. */
  #pairCount = 0;

  /**
   * @param {Document} page
   * @param {Wishes} wishes of the address
   */
  constructor(page, wishes) {
    this.#page = page;
    this.#shell = new ShellView(page, 'workshop');
    this.#shortcuts = new ShortcutsView(page);
    this.#tour = new TourView(page);
    this.#notice = new NoticeView(this.#shell.notice, text.intro, { cards: true, guide: true });
    this.#client = new EngineClient(wishes, () => this.#model.classes);
    this.#share = new Share(this.#client, this.#model, this.#toasts);
    this.#hood = new Hood(this.#model, this.#client, () => this.#canPredict());
    this.#trying = new Trying({
      model: this.#model,
      client: this.#client,
      camera: this.#camera,
      shell: this.#shell,
      engine: this.#engine,
      toasts: this.#toasts,
      problems: this.#problems,
      canPredict: () => this.#canPredict(),
      canPredictLive: () => this.#canPredictLive(),
      asksTruth: true,
    });
    this.#projects = new Projects({
      model: this.#model,
      client: this.#client,
      toasts: this.#toasts,
      page: {
        extras: () => this.#extras(),
        restore: (extras) => this.#restore(extras),
        begin: (names) => this.#begin(names),
        samples: (samples) => this.#addFolders(samples.map(({ file, className }) => ({ file, folder: className }))),
      },
    });
    this.#export = new Export(this.#client, this.#model, {
      failed: (error) => this.#toasts.show(explain(error)),
      threshold: () => this.#trying.threshold,
      trained: () => this.#head === 'trained',
    });
    this.#mount();
    this.#listenToModel();
    this.#listenToEngine();
    this.#listenToClasses();
    this.#listenToTraining();
    this.#listenToEmbedding();
    this.#listenToTests();
    this.#listenToPair();
    this.#listenToCards();
    this.#listenToFiles(page);
  }

  start() {
    this.#startEngine();
    this.#projects.start(takeNames());
  }

  /**
   * What a new project begins with.
   * @param {string[]} [names]
   */
  #begin(names = ['', '']) {
    for (const name of names) if (!this.#model.findByName(name)) this.#model.addClass(name);
    this.#select(this.#model.classes[0].id);
  }

  // ---- what is kept besides photos

  /** @returns {Extras} */
  #extras() {
    return { network: this.#embeddedBy, settings: this.#training.settings, threshold: this.#trying.threshold, head: this.#keptHead, metric: this.#metricFile };
  }

  /**
   * The model is another project's now.
   * @param {Extras} extras
   */
  #restore({ network, settings, threshold, head, metric }) {
    if (this.#metric) this.#forgetMetric();
    this.#embeddedBy = network;
    this.#training.settings = settings;
    this.#trying.threshold = threshold ?? USUAL_THRESHOLD;
    this.#head = 'none';
    this.#keptHead = head;
    this.#metricFile = metric;
    this.#refused.clear();
    this.#select(this.#model.classes[0]?.id ?? null);
    if (this.#client.info) this.#adopt();
    this.#refreshSoon();
  }

  /** Gives the engine that runs what was kept: embeddings that are its own, the metric, what was trained. */
  async #adopt() {
    const { identity } = /** @type {EngineInfo} */ (this.#client.info).network;
    if (this.#embeddedBy && this.#embeddedBy !== identity) this.#forgetEmbeddings();
    this.#embeddedBy = identity;
    this.#embedMissing();
    if (this.#metricFile && !this.#metric) {
      const { settings } = this.#training;
      await this.#loadMetric(this.#metricFile);
      this.#training.settings = settings;
    }
    if (this.#keptHead && this.#head !== 'trained') await this.#restoreHead(this.#keptHead);
  }

  /** Another network is in use: what the old one said of the photos, and what was trained on that, is void. */
  #forgetEmbeddings() {
    for (const abort of this.#embedding.values()) abort.abort();
    this.#embedding.clear();
    this.#refused.clear();
    this.#model.forgetEmbeddings();
    this.#tell(this.#client.setSupport());
  }

  /** @param {NonNullable<Extras['head']>} head */
  async #restoreHead(head) {
    const restored = await this.#client.restoreHead(head.bytes).catch(() => null);
    if (this.#keptHead !== head) return;
    this.#head = restored ? 'trained' : 'none';
    this.#method = head.method;
    if (!restored) this.#keptHead = null;
    this.#refreshSoon();
  }

  /**
   * What is shown as trained is on its way to be kept: a reload right after it shall not lose it.
   * @param {Method} method by which the head was trained
   */
  async #keepHead(method) {
    const kept = await this.#client.headFile().catch(() => null);
    if (this.#head !== 'trained' || !kept?.file) return;
    this.#keptHead = { method, bytes: kept.file };
    this.#projects.touch();
  }

  #mount() {
    const { top, steps, notices } = this.#shell;
    top.append(this.#projects.menu.element, this.#engine.element, new LanguageView(this.#page).element, this.#shortcuts.button);
    this.#shell.notice.after(this.#projects.alert.element);
    steps.show.append(this.#classes.element);
    steps.train.append(this.#training.element, this.#share.view.element);
    steps.try.append(...this.#trying.elements, this.#assessment.element, this.#pair.element, this.#export.element);
    this.#trying.photos.before(this.#quiz.element);
    this.#shell.below.append(this.#hood.view.element, this.#primer.view.element);
    steps.try.dataset.drop = 'test';
    notices.append(this.#problems.element, this.#toasts.element);
    notices.after(this.#preview.element, this.#trying.dialog, this.#share.view.dialog, this.#projects.question.element, this.#shortcuts.dialog, this.#tour.element);
  }

  // ---- model → engine and views

  #listenToModel() {
    this.#model.addEventListener('change', (event) => {
      /** @type {Change} */
      const change = /** @type {CustomEvent} */ (event).detail;
      this.#classes.update(change, this.#model.classes);
      this.#mirror(change);
      if (change.support) this.#supportChanged();
      this.#refreshSoon();
    });
  }

  /**
   * Keeps the engine's session like the model.
   * @param {Change} change
   */
  #mirror({ type, photoClass, shot }) {
    if (!photoClass) return;
    if (type === 'shot-added' && shot) this.#attach(photoClass, [shot]);
    if (type === 'class-added') this.#attach(photoClass, photoClass.shots);
    if (type === 'shot-removed' && shot) {
      this.#embedding.get(shot)?.abort();
      this.#tell(this.#client.removeShot(shot.id));
    }
    if (type === 'class-removed') {
      if (this.#capturing === photoClass.id) this.#closeCapture();
      for (const own of photoClass.shots) this.#embedding.get(own)?.abort();
      this.#tell(this.#client.removeClass(photoClass.id));
    }
    if (type === 'class-changed' && hasEmbedding(photoClass)) this.#tell(this.#client.setActive(photoClass.id, photoClass.active));
  }

  /**
   * Shots are in the set: those that were not embedded yet are now.
   * @param {PhotoClass} photoClass
   * @param {Shot[]} shots
   */
  #attach(photoClass, shots) {
    const own = { ...photoClass, shots };
    if (hasEmbedding(own)) this.#tell(this.#client.addShots(own));
    for (const shot of shots) if (shot.picture && !shot.embedding) this.#embed(shot);
  }

  /** A head that was trained on other shots is no longer used by the engine. */
  #supportChanged() {
    if (this.#head === 'trained') this.#head = 'stale';
    this.#keptHead = null;
    if (!this.#trainingAbort) return;
    this.#trainingAbort.abort();
    this.#toasts.show(text.training.changed);
  }

  /** What follows from many changes is worked out once. */
  #refreshSoon() {
    soon(this.#refreshNow);
  }

  #refresh() {
    this.#training.showSet(this.#setName());
    this.#quiz.show(this.#hasCards());
    this.#training.showState({ reason: this.#whyNotTrain(), head: this.#head, method: this.#method });
    this.#share.show({ head: this.#head, method: this.#method, metric: this.#metric });
    this.#engine.showWorking(this.#embedding.size);
    this.#embeddingView.showTrained(this.#head === 'trained' && this.#metric === null && this.#method !== null && learnsMetric(this.#method));
    this.#export.refresh();
    this.#trying.refresh();
    this.#hood.refresh();
    this.#refreshPair();
    clearTimeout(this.#assessTimer);
    this.#assessTimer = setTimeout(() => this.#assess(), ASSESS_AFTER);
  }

  #setName() {
    const counts = this.#model.classes.filter((own) => own.active).map(shotCount).filter((count) => count > 0);
    if (counts.length === 0) return text.training.noSet;
    return text.training.setName(counts.length, Math.min(...counts), Math.max(...counts));
  }

  #whyNotTrain() {
    if (this.#trainingAbort) return text.training.reasons.running;
    const active = this.#model.classes.filter((own) => own.active);
    const reasons = text.training.reasons;
    if (active.filter((own) => shotCount(own) > 0).length < 2) return reasons.classes;
    const empty = active.find((own) => shotCount(own) === 0);
    if (empty) return reasons.empty(empty.name);
    if (!this.#client.info) return reasons.engine;
    const pending = pendingShots(active);
    return pending > 0 ? reasons.pending(pending) : null;
  }

  /** Two classes that take part have an embedded shot. */
  #canPredict() {
    return this.#model.classes.filter((own) => own.active && hasEmbedding(own)).length >= 2;
  }

  #canPredictLive() {
    return this.#canPredict() && this.#client.info !== null && this.#trainingAbort === null;
  }

  // ---- engine

  #listenToEngine() {
    const client = this.#client;
    on(client, 'restarted', () => {
      if (this.#head === 'trained') this.#head = 'stale';
    });
    watchEngine({ page: this.#page, client, engine: this.#engine, notice: this.#notice, toasts: this.#toasts }, () => this.#refreshSoon());
    on(client, 'ready', (info) => this.#engineReady(info));
    on(this.#engine, 'leave-network', () => this.#leaveNetwork());
    this.#notice.addEventListener('tour', () => this.#tour.start());
    this.#notice.addEventListener('primer', () => this.#primer.view.reveal());
    this.#notice.addEventListener('retry', () => {
      this.#notice.clear();
      this.#startEngine();
    });
    on(this.#offline, 'update', () => {
      const action = { words: text.offline.reload, run: () => this.#offline.reload() };
      this.#toasts.show(text.offline.newVersion, { action });
    });
  }

  /** With the network that the visitor brought, where one is kept and still works. */
  async #startEngine() {
    const own = await this.#ownNetwork.read();
    if (!own) return this.#client.start();
    this.#engine.showOwnKept(true);
    try {
      await this.#client.useCheckpoint(own);
    } catch (error) {
      this.#problems.add(own.name, error);
      // A file that is wrong stays wrong. Whatever else it was may be over the next time.
      if (error instanceof EngineError && error.code.startsWith('weights-')) await this.#ownNetwork.forget();
    }
  }

  /** @param {EngineInfo} info */
  #engineReady(info) {
    // Without its network the page is of no use.
    if (info.network.kept) this.#offline.keep(info.module);
    if (info.network.trained) this.#notice.clear();
    else this.#notice.showUntrained();
    this.#adopt();
    this.#refreshSoon();
  }

  /** Embeds what has a picture and no embedding, and is not under way. */
  #embedMissing() {
    for (const shot of this.#model.classes.flatMap((own) => own.shots)) {
      if (shot.picture && !shot.embedding && !this.#embedding.has(shot) && !this.#refused.has(shot)) this.#embed(shot);
    }
    this.#trying.embedMissing();
    for (const photo of this.#model.pair) if (photo?.picture && !photo.embedding) this.#embedPairPhoto(photo);
  }

  /**
   * A change of the session: an error in it is shown, and nothing waits for it.
   * @param {Promise<any>} sent
   */
  #tell(sent) {
    sent.catch((error) => {
      if (!['cancelled', 'crashed', 'module', 'worker'].includes(error.code)) this.#toasts.show(explain(error));
    });
  }

  // ---- photos of classes

  /**
   * @param {number} classId
   * @param {PictureSource} source
   * @param {string} name
   */
  async #addShot(classId, source, name) {
    const shot = this.#model.addShot(classId, name);
    try {
      const { picture } = await this.#client.prepare(source);
      this.#model.updateShot(shot, { picture });
    } catch (error) {
      this.#model.removeShot(shot.id);
      if (name) this.#problems.add(name, error);
      return;
    }
    if (this.#model.findShot(shot.id)) await this.#embed(shot);
  }

  /** @param {Shot} shot its picture is there */
  async #embed(shot) {
    const abort = new AbortController();
    this.#embedding.set(shot, abort);
    this.#refreshSoon();
    try {
      if (shot.status === 'failed') this.#model.updateShot(shot, { status: 'pending' });
      const { embedding, milliseconds } = await this.#client.embed(/** @type {Blob} */ (shot.picture), abort);
      this.#model.updateShot(shot, { embedding, status: 'ready' });
      this.#engine.showSpeed(milliseconds);
      const found = this.#model.findShot(shot.id);
      if (found) this.#attach(found.photoClass, [shot]);
    } catch (error) {
      this.#embedFailed(shot, error);
    } finally {
      if (this.#embedding.get(shot) === abort) this.#embedding.delete(shot);
      this.#refreshSoon();
      // The last one; those before it are shown by the dozen.
      if (this.#embedding.size === 0 && pendingShots(this.#model.classes) === 0) now();
    }
  }

  /**
   * @param {Shot} shot
   * @param {any} error
   */
  #embedFailed(shot, error) {
    if (error.code === 'cancelled') return;
    this.#model.updateShot(shot, { status: 'failed' });
    if (error.code === 'crashed') return; // The engine gave up, not the photo: it is tried again with the next start.
    this.#refused.add(shot);
    this.#problems.add(shot.name || text.tests.unnamed, error);
  }

  /**
   * @param {number} classId
   * @param {Picked[]} picked
   */
  #addFiles(classId, picked) {
    for (const { file } of picked) this.#addShot(classId, { kind: 'file', file }, file.name);
  }

  /**
   * A class for each folder; photos without one go to the class for loose photos.
   * @param {Picked[]} picked
   */
  #addFolders(picked) {
    /** @type {Map<string | null, Picked[]>} */
    const folders = new Map();
    for (const one of picked) folders.set(one.folder, [...(folders.get(one.folder) ?? []), one]);
    for (const [folder, files] of folders) {
      const own = folder === null ? this.#model.classForLoosePhotos() : this.#model.classForFolder(folder);
      this.#addFiles(own.id, files);
      this.#select(own.id);
    }
    this.#toasts.show(text.toast.classesAdded(folders.size, picked.length));
  }

  // ---- classes

  #listenToClasses() {
    const view = this.#classes;
    on(view, 'add', () => {
      const own = this.#model.addClass();
      this.#select(own.id);
      view.card(own.id)?.focusName();
    });
    on(view, 'folder', ({ files }) => this.#takeFiles(fromList(files), 'page', NaN));
    on(view, 'rename', ({ classId, name }) => this.#rename(classId, name));
    on(view, 'switch', ({ classId, active }) => this.#model.switchClass(classId, active));
    on(view, 'remove', ({ classId }) => this.#removeClass(classId));
    on(view, 'files', ({ classId, files }) => this.#takeFiles(fromList(files), 'class', classId));
    on(view, 'camera', ({ classId }) => this.#toggleCapture(classId));
    on(view, 'touched', ({ classId }) => this.#select(classId));
    on(view, 'open-shot', ({ shotId }) => this.#openPreview(shotId));
    on(view, 'remove-shot', ({ shotId }) => this.#removeShot(shotId));
    on(this.#capture, 'frame', ({ bitmap }) => {
      if (this.#capturing === null) return bitmap.close();
      this.#addShot(this.#capturing, { kind: 'frame', frame: bitmap, mirror: this.#camera.mirror }, '');
    });
    on(this.#preview, 'step', ({ by }) => this.#stepPreview(by));
    on(this.#preview, 'remove', () => this.#shown && this.#removeShot(this.#shown.id));
    on(this.#preview, 'closed', () => this.#leavePreview());
  }

  /**
   * @param {number} classId
   * @param {string} name
   */
  #rename(classId, name) {
    try {
      this.#model.renameClass(classId, name);
    } catch (error) {
      if (!(error instanceof NameTaken)) throw error;
      this.#classes.card(classId)?.showNameError(text.classes.nameTaken(error.taken));
    }
  }

  /** @param {number} classId */
  #removeClass(classId) {
    const own = /** @type {PhotoClass} */ (this.#model.findClass(classId));
    const undo = this.#model.removeClass(classId);
    const gone = () => own.shots.forEach((shot) => releaseAddress(shot.picture));
    this.#toasts.show(text.classes.removed(own.name, own.shots.length), { undo, gone });
    if (this.#target === classId) this.#select(this.#model.classes[0]?.id ?? null);
  }

  /** @param {number} shotId */
  #removeShot(shotId) {
    const found = this.#model.findShot(shotId);
    if (!found) return;
    const { photoClass, shot } = found;
    const place = photoClass.shots.indexOf(shot);
    const undo = this.#model.removeShot(shotId);
    this.#toasts.show(text.shot.removed, { undo, gone: () => releaseAddress(shot.picture) });
    if (!this.#preview.element.open) return;
    const next = photoClass.shots[Math.min(place, photoClass.shots.length - 1)];
    if (next) this.#openPreview(next.id);
    else this.#preview.close();
  }

  /** @param {number | null} classId */
  #select(classId) {
    this.#target = classId;
    this.#classes.select(classId);
  }

  /** @param {number} classId */
  #toggleCapture(classId) {
    const open = this.#capturing === classId;
    this.#closeCapture();
    if (open) return;
    this.#capturing = classId;
    this.#classes.card(classId)?.showCamera(this.#capture.element);
    this.#capture.open();
  }

  #closeCapture() {
    if (this.#capturing === null) return;
    const card = this.#classes.card(this.#capturing);
    this.#capturing = null;
    this.#capture.close();
    card?.showCamera(null);
  }

  /** @param {number} shotId */
  #openPreview(shotId) {
    const found = this.#model.findShot(shotId);
    if (!found?.shot.picture) return;
    this.#shown = found.shot;
    this.#shownIn = found.photoClass.id;
    this.#preview.show(found.photoClass, found.shot);
  }

  /** The focus goes to the photo that was looked at last, or to where it was. */
  #leavePreview() {
    if (this.#shown && this.#shownIn !== null) this.#classes.card(this.#shownIn)?.focusShot(this.#shown);
  }

  /** @param {number} by */
  #stepPreview(by) {
    const found = this.#shown && this.#model.findShot(this.#shown.id);
    if (!found) return;
    const { shots } = found.photoClass;
    this.#openPreview(shots[(shots.indexOf(found.shot) + by + shots.length) % shots.length].id);
  }

  // ---- training

  #listenToTraining() {
    on(this.#training, 'train', (options) => this.#train(options));
    on(this.#training, 'settings', () => this.#projects.touch());
    on(this.#share.view, 'project-file', () => this.#projects.saveFile());
    on(this.#training, 'cancel', () => {
      this.#trainingAbort?.abort();
      this.#toasts.show(text.training.cancelled);
    });
  }

  /** @param {import('./engine/protocol.js').TrainingOptions} options */
  async #train(options) {
    const abort = new AbortController();
    this.#trainingAbort = abort;
    this.#trainingMethod = options.method;
    this.#training.showStarted(options.method);
    this.#refreshSoon();
    /** @type {import('./engine/protocol.js').TrainingStep[]} */
    const steps = [];
    const onProgress = (/** @type {TrainingProgress} */ progress) => {
      if ('looked' in progress) return this.#training.showLooking(progress.looked, progress.of, progress.left);
      steps.push(...progress.steps);
      this.#training.showProgress(steps, progress.total, progress.left);
    };
    const pictures = options.method === 'deep' ? this.#model.shotPictures() : [];
    let trained = false;
    try {
      await this.#client.train(options, pictures, { signal: abort.signal, onProgress });
      trained = true;
      this.#head = 'trained';
      this.#method = options.method;
      this.#trainingAbort = null;
      await this.#keepHead(options.method);
    } catch (error) {
      const { code } = /** @type {EngineError} */ (error);
      if (code === 'stale-training') this.#toasts.show(text.training.changed);
      else if (code !== 'cancelled' && code !== 'crashed') this.#toasts.show(explain(error));
    }
    this.#trainingAbort = null;
    this.#refresh();
    this.#training.showEnded(options.method, trained ? steps : null);
  }

  // ---- the embedding

  #listenToEmbedding() {
    const view = this.#embeddingView;
    on(view, 'load', ({ file }) => this.#loadMetric(file));
    on(view, 'remove', () => this.#removeMetric(text.embedding.removed));
    on(view, 'save', async () => {
      const method = /** @type {Method} */ (this.#method);
      const classes = this.#model.classes.filter((own) => own.active).length;
      const saved = await this.#client.metricFile().catch((error) => this.#toasts.show(explain(error)));
      if (saved) download(saved.file, text.embedding.file(method, classes));
    });
  }

  /** @param {File} file */
  async #loadMetric(file) {
    let own = file;
    try {
      if (this.#metricFile !== file) own = await ownCopy(file);
      this.#showMetric(await this.#client.useMetric(own));
    } catch (error) {
      if (this.#metricFile === file) this.#metricFile = null;
      return this.#problems.add(file.name, error);
    }
    if (own === file) return;
    this.#metricFile = own;
    this.#keptHead = null;
    this.#projects.touch();
    this.#toasts.show(text.embedding.used(file.name));
  }

  /** @param {string} words why */
  #removeMetric(words) {
    this.#forgetMetric();
    this.#metricFile = null;
    this.#keptHead = null;
    this.#projects.touch();
    this.#toasts.show(words);
  }

  #forgetMetric() {
    this.#tell(this.#client.forgetMetric());
    this.#showMetric(null);
  }

  /**
   * Another embedding is in use: what was trained in the old one is gone.
   * @param {Metric | null} metric
   */
  #showMetric(metric) {
    this.#trainingAbort?.abort();
    this.#metric = metric;
    this.#head = 'none';
    this.#embeddingView.showMetric(metric);
    this.#training.showMetric(metric);
    this.#refreshSoon();
  }

  // ---- trying

  #listenToTests() {
    on(this.#trying, 'toggle', ({ on: wanted }) => {
      this.#pair.showCamera(wanted);
      this.#refreshSoon();
    });
    on(this.#trying, 'files', ({ files }) => this.#takeFiles(fromList(files), 'test', NaN));
    on(this.#trying, 'settings', () => this.#projects.touch());
    on(this.#trying, 'correct', ({ classId, bitmap }) => this.#correct(classId, bitmap));
    const touched = () => this.#select(null);
    this.#trying.photos.addEventListener('pointerdown', touched);
    this.#trying.photos.addEventListener('focusin', touched);
  }

  /**
   * The camera's picture was called by a wrong name: it becomes a shot, and where something was trained that is done again.
   * @param {number} classId
   * @param {ImageBitmap} bitmap
   */
  async #correct(classId, bitmap) {
    const method = this.#trainingAbort ? this.#trainingMethod : this.#head === 'none' ? null : this.#method;
    await this.#addShot(classId, { kind: 'frame', frame: bitmap, mirror: this.#camera.mirror }, '');
    this.#toasts.show(text.live.corrected(this.#model.findClass(classId)?.name ?? ''));
    if (method && method !== 'deep' && !this.#trainingAbort) this.#training.trainBy(method);
  }

  /** Measures how well the photos of known classes are named: those to try, or without any the shots. */
  async #assess() {
    const count = ++this.#assessCount;
    const taking = this.#model.classes.filter((own) => own.active && hasEmbedding(own));
    const known = this.#model.tests.filter((test) => test.embedding && taking.some((own) => own.id === test.classId));
    const several = taking.some((own) => own.shots.filter((shot) => shot.embedding).length > 1);
    if (!this.#canPredict() || (known.length === 0 && !several)) return this.#assessment.clear();
    const classIds = known.map((test) => /** @type {number} */ (test.classId));
    const told = known.length > 0 ? this.#client.assess(classIds, known.map(asked)) : this.#client.leaveOneOut();
    const assessment = await told.catch(() => null);
    if (count === this.#assessCount && assessment) this.#assessment.show(assessment, known.length > 0 ? 'tests' : 'shots');
  }

  // ---- same or different?

  #listenToPair() {
    const view = this.#pair;
    on(view, 'files', ({ place, files }) => this.#takeFiles(fromList(files), 'pair', place));
    on(view, 'remove', ({ place }) => {
      const photo = this.#model.pair[place];
      if (!photo) return;
      const undo = this.#model.removePairPhoto(photo);
      this.#toasts.show(text.tests.removed, { undo, gone: () => releaseAddress(photo.picture) });
    });
    on(view, 'snap', async () => {
      const bitmap = await this.#trying.frame().catch(() => null);
      const place = this.#model.pair[0] && !this.#model.pair[1] ? 1 : 0;
      if (bitmap) this.#addPairPhoto(place, { kind: 'frame', frame: bitmap, mirror: this.#camera.mirror }, '');
    });
    on(view, 'train', () => this.#training.trainBy('siamese'));
  }

  /**
   * @param {number} place
   * @param {PictureSource} source
   * @param {string} name
   */
  async #addPairPhoto(place, source, name) {
    const old = this.#model.pair[place];
    const photo = this.#model.setPairPhoto(place, name);
    releaseAddress(old?.picture ?? null);
    try {
      const { picture } = await this.#client.prepare(source);
      this.#model.updatePairPhoto(photo, { picture });
    } catch (error) {
      return this.#pairPhotoFailed(photo, error);
    }
    await this.#embedPairPhoto(photo);
  }

  /** @param {PairPhoto} photo its picture is there */
  async #embedPairPhoto(photo) {
    try {
      const { embedding, milliseconds } = await this.#client.embed(/** @type {Blob} */ (photo.picture));
      this.#model.updatePairPhoto(photo, { embedding });
      this.#engine.showSpeed(milliseconds);
    } catch (error) {
      // Where the engine gave up, the photo waits for its next start.
      if (/** @type {EngineError} */ (error).code !== 'crashed') this.#pairPhotoFailed(photo, error);
    }
  }

  /**
   * @param {PairPhoto} photo
   * @param {unknown} error
   */
  #pairPhotoFailed(photo, error) {
    this.#model.removePairPhoto(photo);
    this.#problems.add(photo.name || text.tests.unnamed, error);
  }

  /** Compares the two photos anew, where there are two and something that compares. */
  async #refreshPair() {
    const count = ++this.#pairCount;
    const means = this.#pairMeans();
    const [a, b] = this.#model.pair.map((photo) => photo?.embedding ?? null);
    const compared = a && b && (means.network === 'trained' || means.network === 'loaded');
    const answer = compared ? await this.#client.sameOrDifferent([a, b]).catch(() => null) : null;
    if (count !== this.#pairCount) return;
    this.#pair.show(means, answer?.probability ?? null);
  }

  /** @returns {import('./views/pair.js').Means} */
  #pairMeans() {
    const name = this.#metric?.name ?? '';
    if (this.#metric?.method === 'siamese') return { network: 'loaded', name, reason: null };
    if (this.#head === 'trained' && this.#method === 'siamese') return { network: 'trained', name, reason: null };
    const network = this.#trainingAbort && this.#trainingMethod === 'siamese' ? 'training' : 'none';
    return { network, name, reason: this.#metric ? text.pair.otherMetric : this.#whyNotTrain() };
  }

  // ---- animal cards

  #listenToCards() {
    on(this.#notice, 'cards', () => this.#playCards());
    on(this.#quiz, 'ask', () => this.#quizCards());
  }

  /** Whether the classes are those of the cards. */
  #hasCards() {
    const names = Object.values(text.cards.animals);
    return this.#model.classes.length >= 2 && this.#model.classes.every((own) => names.includes(own.name) && own.shots.length > 0);
  }

  /** One card of each animal to learn from, then new ones to name. */
  async #playCards() {
    const set = animals();
    if (set.length < CARDS) return this.#toasts.show(text.cards.none);
    await this.#projects.create(set.map(({ key }) => text.cards.animals[key]));
    const classes = [...this.#model.classes];
    this.#projects.suggestName(text.cards.project);
    await Promise.all(set.map(async (animal, index) => this.#addShot(classes[index].id, { kind: 'file', file: await drawCard(animal) }, '')));
    if (!this.#hasCards() || this.#whyNotTrain()) return;
    this.#training.trainBy('finetune');
    await this.#quizCards();
    this.#quiz.show(true);
    this.#quiz.reveal();
  }

  /** Draws a new card of each animal that is a class. All come at once, so that none pushes another away while it is looked at. */
  async #quizCards() {
    const asked = animals().filter(({ key }) => this.#model.findByName(text.cards.animals[key]));
    const cards = await Promise.all(asked.map(drawCard));
    asked.forEach(({ key }, index) => this.#trying.add(cards[index], '', text.cards.animals[key]));
  }

  // ---- files from anywhere

  /** @param {Document} page */
  #listenToFiles(page) {
    const drop = new DropView(page);
    on(drop, 'coming', () => this.#client.callHelper());
    on(drop, 'drop', async ({ place, target, transfer }) => this.#takeFiles(await fromDrop(transfer), place, target));
    on(drop, 'paste', ({ files }) => {
      const target = this.#target !== null && this.#model.findClass(this.#target);
      this.#takeFiles(fromList(files), target ? 'class' : 'test', target ? target.id : NaN);
    });
  }

  /**
   * @param {Picked[]} picked
   * @param {'class' | 'new-class' | 'test' | 'pair' | 'page'} place where they fell
   * @param {number} target the class's id, or which photo of the pair
   */
  #takeFiles(picked, place, target) {
    const photos = picked.filter((one) => !this.#isNetwork(one) && !isProject(one));
    for (const one of picked) if (one.folder === null && this.#isNetwork(one)) this.#takeNetwork(one.file);
    for (const one of picked) if (one.folder === null && isProject(one)) this.#takeProject(one.file);
    if (photos.length === 0) return;
    if (place === 'class') this.#addFiles(target, photos);
    else if (place === 'pair') photos.slice(0, 2).forEach(({ file }, index) => this.#addPairPhoto((target + index) % 2, { kind: 'file', file }, file.name));
    else if (place === 'test') for (const { file, folder } of photos) this.#trying.add(file, file.name, folder);
    else if (place === 'new-class' && photos.every((one) => one.folder === null)) this.#addFiles(this.#model.addClass().id, photos);
    else this.#addFolders(photos);
  }

  /** @param {Picked} picked */
  #isNetwork({ file }) {
    return /\.(safetensors|pth|pt)$/i.test(file.name);
  }

  /** @param {File} file */
  async #takeProject(file) {
    await this.#projects.takeFile(file).catch((error) => this.#problems.add(file.name, error));
  }

  /** @param {File} file */
  async #takeNetwork(file) {
    if (!/\.safetensors$/i.test(file.name)) return this.#problems.add(file.name, new EngineError('pth-checkpoint'));
    if (await saysMetric(file)) return this.#loadMetric(file);
    this.#trainingAbort?.abort();
    try {
      await this.#useNetwork(file);
    } catch (error) {
      return this.#problems.add(file.name, error);
    }
    this.#toasts.show(text.toast.checkpoint(file.name));
  }

  /** Back to the network that comes with the page. */
  async #leaveNetwork() {
    const file = await this.#ownNetwork.read();
    this.#trainingAbort?.abort();
    try {
      await this.#useNetwork(null);
    } catch (error) {
      return this.#toasts.show(explain(error));
    }
    const undo = file ? () => this.#takeNetwork(file) : undefined;
    this.#toasts.show(text.toast.networkLeft, { undo });
  }

  /**
   * Puts a network that the visitor brought in the engine's place, or the page's own, and keeps it for the next visit.
   * @param {File | null} file
   * @throws {EngineError} where the one that was there stays
   */
  async #useNetwork(file) {
    await this.#client.useCheckpoint(file);
    const metric = this.#metric;
    if (metric && metric.network !== this.#client.info?.network.identity) this.#removeMetric(text.embedding.otherNetwork(metric.name));
    if (file) this.#engine.showOwnKept(await this.#ownNetwork.keep(file));
    else await this.#ownNetwork.forget();
  }
}

/**
 * Project files, and zips of samples from elsewhere.
 * @param {Picked} picked
 */
function isProject({ file }) {
  return /\.(glimpse|zip|tm)$/i.test(file.name);
}
