// Keeps a project in the browser while it changes: compares the model with what was written last, and writes the difference.
// Page side: no DOM. Events: `state`.

import { SCHEMA, Taken } from './project-store.js';

/** @import { Model } from '../model.js' */
/** @import { Difference, Extras, Photos, Project, ProjectStore } from './project-store.js' */

/** Changes are written when there was none for this long, in milliseconds. */
const REST = 250;
/** And at the latest so many milliseconds after the first of them: thousands of photos come without a rest. */
const LONGEST = 5000;

/**
 * `empty`: there is nothing to keep yet. `taken`: another page has the project.
 * @typedef {'empty' | 'unsaved' | 'saved' | 'failed' | 'taken'} SaveState
 */

export class Autosave extends EventTarget {
  /** Among all pages, this one. */
  owner = randomId();
  #store;
  #model;
  #extras;
  /** @type {Project | null} null before there is something to keep */
  #project = null;
  /** Whether the record was never written. */
  #fresh = true;
  /** What was written of the photos. @type {Photos} */
  #written = { pictures: new Map(), embeddings: new Map() };
  #name;
  /** @type {SaveState} */
  #state = 'empty';
  /** @type {any} */
  #error = null;
  #timer = 0;
  /** When changes are to be written at the latest. */
  #latest = Infinity;
  /** The save under way, or the last one. */
  #saving = Promise.resolve();
  /** Saves that are to begin when that one has ended. */
  #waiting = 0;

  /**
   * @param {ProjectStore} store
   * @param {Model} model
   * @param {{name: string, extras: () => Extras}} options the name of a project that was given none, and what else is to be kept
   */
  constructor(store, model, { name, extras }) {
    super();
    this.#store = store;
    this.#model = model;
    this.#extras = extras;
    this.#name = name;
    model.addEventListener('change', (event) => {
      if (/** @type {CustomEvent} */ (event).detail.type !== 'pair-changed') this.touch();
    });
  }

  get state() {
    return this.#state;
  }

  /** Why the last save failed. */
  get error() {
    return this.#error;
  }

  get name() {
    return this.#project?.name ?? this.#name;
  }

  /** Null before there is something to keep. */
  get id() {
    return this.#project?.id ?? null;
  }

  get created() {
    return this.#project?.created ?? Date.now();
  }

  /** @param {string} name */
  rename(name) {
    this.#project ??= this.#newProject();
    this.#project.name = name;
    this.#tell(this.#state);
    this.touch();
  }

  /**
   * From now on the model is this project, as it was read.
   * @param {Project} project
   * @param {Photos} photos
   */
  attach(project, photos) {
    this.#stop();
    this.#project = project;
    this.#fresh = false;
    this.#written = photos;
    this.#tell('saved');
  }

  /** From now on the model is a project that was never kept. */
  detach() {
    this.#stop();
    this.#project = null;
    this.#forget();
    this.#tell('empty');
  }

  /** The record is gone or lost: all of the model is written anew, as a project of its own. */
  writeAnew() {
    this.#stop();
    if (this.#project) this.#project = { ...this.#project, id: randomId() };
    this.#forget();
    this.#tell('unsaved');
    this.touch();
  }

  /** Something has changed. */
  touch() {
    if (this.#state === 'taken' || (!this.#project && !this.#worthKeeping())) return;
    if (this.#state !== 'failed' && this.#state !== 'unsaved') this.#tell('unsaved');
    const now = performance.now();
    this.#latest = Math.min(this.#latest, now + LONGEST);
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.flush(), Math.min(REST, this.#latest - now));
  }

  /** Writes what waits at once; resolves when all is written, whatever came of it. */
  flush() {
    if (this.#timer) {
      this.#stop();
      this.#waiting++;
      this.#saving = this.#saving.then(() => {
        this.#waiting--;
        return this.#save();
      });
    }
    return this.#saving;
  }

  #stop() {
    clearTimeout(this.#timer);
    this.#timer = 0;
    this.#latest = Infinity;
  }

  #forget() {
    this.#fresh = true;
    this.#written = { pictures: new Map(), embeddings: new Map() };
  }

  async #save() {
    this.#project ??= this.#newProject();
    const project = (this.#project = { ...this.#project, ...this.#record() });
    const photos = this.#photos();
    const changes = {
      pictures: difference(photos.pictures, this.#written.pictures),
      embeddings: difference(photos.embeddings, this.#written.embeddings),
    };
    try {
      await this.#store.save(project, changes, { fresh: this.#fresh });
    } catch (error) {
      if (this.#project?.id !== project.id) return;
      this.#error = error;
      return this.#tell(error instanceof Taken ? 'taken' : 'failed');
    }
    // By now another project may be open.
    if (this.#project?.id !== project.id) return;
    this.#fresh = false;
    this.#written = photos;
    this.#error = null;
    this.#tell(this.#timer || this.#waiting > 0 ? 'unsaved' : 'saved');
  }

  /** @returns {Project} */
  #newProject() {
    const now = Date.now();
    const nothing = { network: '', settings: null, threshold: null, head: null, metric: null };
    const none = { photos: 0, bytes: 0, classes: [], tests: [], deleted: null };
    return { id: randomId(), schema: SCHEMA, name: this.#name, created: now, updated: now, opened: now, owner: this.owner, ...none, ...nothing };
  }

  /** What the record says, as the model is now. */
  #record() {
    const { classes, tests } = this.#model;
    const kept = this.#kept();
    const bytes = kept.reduce((sum, { picture }) => sum + /** @type {Blob} */ (picture).size, 0);
    return {
      updated: Date.now(),
      photos: kept.length,
      bytes,
      classes: classes.map(({ id, name, named, hue, active, shots }) => {
        return { id, name, named, hue, active, shots: shots.filter(hasPicture).map((shot) => ({ id: shot.id, name: shot.name })) };
      }),
      tests: tests.filter(hasPicture).map(({ id, name, classId }) => ({ id, name, classId })),
      ...this.#extras(),
    };
  }

  /** @returns {Photos} */
  #photos() {
    /** @type {Photos} */
    const photos = { pictures: new Map(), embeddings: new Map() };
    for (const { id, picture, embedding } of this.#kept()) {
      photos.pictures.set(id, /** @type {Blob} */ (picture));
      if (embedding) photos.embeddings.set(id, embedding);
    }
    return photos;
  }

  #kept() {
    return this.#model.photos.filter(hasPicture);
  }

  /** Two empty classes with the names they came with are nothing. */
  #worthKeeping() {
    return this.#model.classes.some(({ named, shots }) => named || shots.some(hasPicture)) || this.#model.tests.some(hasPicture);
  }

  /** @param {SaveState} state */
  #tell(state) {
    this.#state = state;
    this.dispatchEvent(new Event('state'));
  }
}

/** What is unread is not kept. @param {{picture: Blob | null}} photo */
function hasPicture({ picture }) {
  return picture !== null;
}

/**
 * @param {Map<number, any>} wanted
 * @param {Map<number, any>} written
 * @returns {Difference}
 */
function difference(wanted, written) {
  return {
    put: new Map([...wanted].filter(([id, value]) => written.get(id) !== value)),
    gone: [...written.keys()].filter((id) => !wanted.has(id)),
  };
}

/** Without `crypto.randomUUID`, which insecure pages lack. */
function randomId() {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}
