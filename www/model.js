// The page's truth: classes with their shots, the photos to try, and two to compare. Everything else can be rebuilt from it.
// No DOM, no worker, no wasm: embeddings are values that are kept and handed on. Every change is told by one `change` event.

/** @import { Project, ProjectShot, ShotPicture } from './engine/protocol.js' */

/**
 * A photo of a class. `picture` is what every view of the network is cut from, once the file was read.
 * @typedef {object} Shot
 * @property {number} id
 * @property {string} name the file's name; empty for camera frames
 * @property {'pending' | 'ready' | 'failed'} status
 * @property {Blob | null} picture
 * @property {Float32Array | null} embedding
 */

/**
 * `hue` is the number of its colour, for good; `named` is false while the name is the one it came with.
 * @typedef {object} PhotoClass
 * @property {number} id
 * @property {string} name
 * @property {boolean} named
 * @property {number} hue
 * @property {boolean} active
 * @property {Shot[]} shots
 */

/**
 * A photo to be recognised. `classId` is what it really is, where the visitor said so; that class may be gone by now.
 * @typedef {object} TestPhoto
 * @property {number} id
 * @property {string} name
 * @property {number | null} classId
 * @property {Blob | null} picture
 * @property {Float32Array | null} embedding
 */

/**
 * One of two photos to compare.
 * @typedef {object} PairPhoto
 * @property {string} name
 * @property {Blob | null} picture
 * @property {Float32Array | null} embedding
 */

/**
 * What a `change` event's detail says. `support` is true where a trained head no longer fits.
 * @typedef {object} Change
 * @property {'class-added' | 'class-removed' | 'class-changed' | 'shot-added' | 'shot-removed' | 'shot-changed' | 'test-added' | 'test-removed' | 'test-changed' | 'pair-changed'} type
 * @property {boolean} support
 * @property {PhotoClass} [photoClass]
 * @property {Shot} [shot]
 * @property {TestPhoto} [test]
 */

/**
 * What a project holds, with pictures and, where they are known, embeddings.
 * @typedef {object} Contents
 * @property {(Omit<PhotoClass, 'shots'> & {shots: Omit<Shot, 'status'>[]})[]} classes
 * @property {TestPhoto[]} tests newest first
 */

/** Why a name was refused. */
export class NameTaken extends Error {
  /** @param {string} taken */
  constructor(taken) {
    super(`there is already a class named ${taken}`);
    this.name = 'NameTaken';
    this.taken = taken;
  }
}

export class Model extends EventTarget {
  /** @type {PhotoClass[]} */
  classes = [];
  /** @type {TestPhoto[]} newest first */
  tests = [];
  /** @type {(PairPhoto | null)[]} two places */
  pair = [null, null];
  #nextId = 1;
  #nextHue = 0;
  #defaultName;

  /** @param {(number: number) => string} defaultName names a class that was given no name */
  constructor(defaultName) {
    super();
    this.#defaultName = defaultName;
  }

  /** @param {string} [name] a default where it is empty */
  addClass(name = '') {
    const wanted = tidy(name);
    this.#refuseTaken(wanted, null);
    /** @type {PhotoClass} */
    const photoClass = {
      id: this.#nextId++,
      name: wanted || this.#freeDefaultName(),
      named: wanted !== '',
      hue: this.#nextHue++,
      active: true,
      shots: [],
    };
    return this.#putClass(photoClass);
  }

  /**
   * @param {number} id
   * @param {string} name
   * @throws {NameTaken}
   */
  renameClass(id, name) {
    const photoClass = this.#classOf(id);
    const wanted = tidy(name);
    if (wanted === '' || wanted === photoClass.name) return this.#tell({ type: 'class-changed', support: false, photoClass });
    this.#refuseTaken(wanted, photoClass);
    photoClass.name = wanted;
    photoClass.named = true;
    this.#tell({ type: 'class-changed', support: false, photoClass });
  }

  /**
   * @param {number} id
   * @param {boolean} active
   */
  switchClass(id, active) {
    const photoClass = this.#classOf(id);
    photoClass.active = active;
    this.#tell({ type: 'class-changed', support: hasEmbedding(photoClass), photoClass });
  }

  /**
   * @param {number} id
   * @returns {() => void} puts it back
   */
  removeClass(id) {
    const photoClass = this.#classOf(id);
    const index = this.classes.indexOf(photoClass);
    this.classes.splice(index, 1);
    this.#tell({ type: 'class-removed', support: hasEmbedding(photoClass), photoClass });
    return () => {
      if (this.findByName(photoClass.name)) photoClass.name = this.#freeName(photoClass.name);
      this.classes.splice(index, 0, photoClass);
      this.#tell({ type: 'class-added', support: hasEmbedding(photoClass), photoClass });
    };
  }

  /**
   * A shot whose picture is yet to come.
   * @param {number} classId
   * @param {string} name
   */
  addShot(classId, name) {
    const photoClass = this.#classOf(classId);
    /** @type {Shot} */
    const shot = { id: this.#nextId++, name, status: 'pending', picture: null, embedding: null };
    photoClass.shots.push(shot);
    this.#tell({ type: 'shot-added', support: false, photoClass, shot });
    return shot;
  }

  /**
   * A shot that was removed is updated too, so that it comes back whole; only then nobody is told.
   * @param {Shot} shot
   * @param {Partial<Pick<Shot, 'status' | 'picture' | 'embedding'>>} values
   */
  updateShot(shot, values) {
    const support = 'embedding' in values && values.embedding !== shot.embedding;
    Object.assign(shot, values);
    const found = this.findShot(shot.id);
    if (found) this.#tell({ type: 'shot-changed', support, ...found });
  }

  /**
   * @param {number} id
   * @returns {() => void} puts it back, where its class still is
   */
  removeShot(id) {
    const found = this.findShot(id);
    if (!found) return () => {};
    const { photoClass, shot } = found;
    const index = photoClass.shots.indexOf(shot);
    photoClass.shots.splice(index, 1);
    this.#tell({ type: 'shot-removed', support: shot.embedding !== null, photoClass, shot });
    return () => {
      if (!this.classes.includes(photoClass)) return;
      photoClass.shots.splice(index, 0, shot);
      this.#tell({ type: 'shot-added', support: shot.embedding !== null, photoClass, shot });
    };
  }

  /** Another network is in use: what the old one said of the photos is void. */
  forgetEmbeddings() {
    for (const shot of this.#shots) {
      if (shot.picture) this.updateShot(shot, { embedding: null, status: 'pending' });
    }
    for (const test of this.tests) this.updateTest(test, { embedding: null });
    for (const photo of this.pair) if (photo) this.updatePairPhoto(photo, { embedding: null });
  }

  /**
   * Puts a photo whose picture is yet to come in one of the two places.
   * @param {number} place 0 or 1
   * @param {string} name
   */
  setPairPhoto(place, name) {
    /** @type {PairPhoto} */
    const photo = { name, picture: null, embedding: null };
    this.pair[place] = photo;
    this.#tell({ type: 'pair-changed', support: false });
    return photo;
  }

  /**
   * @param {PairPhoto} photo
   * @param {Partial<Pick<PairPhoto, 'picture' | 'embedding'>>} values
   */
  updatePairPhoto(photo, values) {
    Object.assign(photo, values);
    if (this.pair.includes(photo)) this.#tell({ type: 'pair-changed', support: false });
  }

  /**
   * @param {PairPhoto} photo
   * @returns {() => void} puts it back, where its place is still free
   */
  removePairPhoto(photo) {
    const place = this.pair.indexOf(photo);
    if (place < 0) return () => {};
    this.pair[place] = null;
    this.#tell({ type: 'pair-changed', support: false });
    return () => {
      this.pair[place] ??= photo;
      this.#tell({ type: 'pair-changed', support: false });
    };
  }

  /**
   * @param {string} name
   * @param {number | null} [classId]
   */
  addTest(name, classId = null) {
    /** @type {TestPhoto} */
    const test = { id: this.#nextId++, name, classId, picture: null, embedding: null };
    this.#putTest(test, 0);
    return test;
  }

  /**
   * @param {TestPhoto} test
   * @param {Partial<Pick<TestPhoto, 'classId' | 'picture' | 'embedding'>>} values
   */
  updateTest(test, values) {
    Object.assign(test, values);
    if (this.tests.includes(test)) this.#tell({ type: 'test-changed', support: false, test });
  }

  /**
   * @param {number} id
   * @returns {() => void} puts it back
   */
  removeTest(id) {
    const index = this.tests.findIndex((candidate) => candidate.id === id);
    if (index < 0) return () => {};
    const [test] = this.tests.splice(index, 1);
    this.#tell({ type: 'test-removed', support: false, test });
    return () => this.#putTest(test, index);
  }

  /** A number that nothing here has. */
  newId() {
    return this.#nextId++;
  }

  /**
   * A file's classes and photos with numbers that nothing here has.
   * @param {Project} project
   * @param {boolean} embedded whether its embeddings are taken
   * @returns {Contents}
   */
  numbered(project, embedded) {
    const photo = (/** @type {ProjectShot} */ { name, picture, embedding }) => {
      return { id: this.newId(), name, picture, embedding: embedded ? embedding : null };
    };
    const classes = project.classes.map(({ name, named, hue, active, shots }) => {
      return { id: this.newId(), name, named, hue, active, shots: shots.map(photo) };
    });
    const classId = (/** @type {number | null} */ place) => (place === null ? null : (classes[place]?.id ?? null));
    return { classes, tests: project.tests.map((test) => ({ ...photo(test), classId: classId(test.class) })) };
  }

  /**
   * Takes the place of everything that is here; ids and hues stay as they are given.
   * @param {Contents} contents
   */
  replace({ classes, tests }) {
    for (const { id } of [...this.classes]) this.removeClass(id);
    for (const { id } of [...this.tests]) this.removeTest(id);
    for (const photo of this.pair) if (photo) this.removePairPhoto(photo);
    const ids = [...classes, ...classes.flatMap(({ shots }) => shots), ...tests].map(({ id }) => id);
    this.#nextId = ids.reduce((next, id) => Math.max(next, id + 1), this.#nextId);
    this.#nextHue = classes.reduce((next, { hue }) => Math.max(next, hue + 1), 0);
    for (const own of classes) this.#putClass({ ...own, shots: own.shots.map(shotOf) });
    for (const test of tests) this.#putTest(test);
  }

  /**
   * Adds what is not here yet; photos of a class that is here go to it. Ids are the model's own.
   * @param {Contents} contents
   */
  merge({ classes, tests }) {
    const places = new Map();
    for (const own of classes) {
      const same = this.findByName(own.name);
      const photoClass = same ?? this.#putClass({ ...own, hue: this.#nextHue++, shots: [] });
      places.set(own.id, photoClass.id);
      for (const shot of own.shots.map(shotOf)) {
        photoClass.shots.push(shot);
        this.#tell({ type: 'shot-added', support: shot.embedding !== null, photoClass, shot });
      }
    }
    for (const test of [...tests].reverse()) this.#putTest({ ...test, classId: places.get(test.classId) ?? null }, 0);
  }

  /** @param {PhotoClass} photoClass */
  #putClass(photoClass) {
    this.classes.push(photoClass);
    this.#tell({ type: 'class-added', support: hasEmbedding(photoClass), photoClass });
    return photoClass;
  }

  /**
   * @param {TestPhoto} test
   * @param {number} [place]
   */
  #putTest(test, place = this.tests.length) {
    this.tests.splice(place, 0, test);
    this.#tell({ type: 'test-added', support: false, test });
  }

  /** @param {number} id */
  findClass(id) {
    return this.classes.find((candidate) => candidate.id === id) ?? null;
  }

  /** @param {string} name */
  findByName(name) {
    const key = sameness(name);
    return this.classes.find((candidate) => sameness(candidate.name) === key) ?? null;
  }

  /** @param {number} id */
  findShot(id) {
    for (const photoClass of this.classes) {
      const shot = photoClass.shots.find((candidate) => candidate.id === id);
      if (shot) return { photoClass, shot };
    }
    return null;
  }

  /**
   * The class a folder's photos go to: of that name, or an untouched one that takes the name, or a new one.
   * @param {string} folder
   */
  classForFolder(folder) {
    const same = this.findByName(folder);
    if (same) return same;
    const untouched = this.classes.find((candidate) => !candidate.named && candidate.shots.length === 0);
    if (!untouched) return this.addClass(folder);
    this.renameClass(untouched.id, folder);
    return untouched;
  }

  /** The class for photos that were meant for no class in particular: the first empty one, or a new one. */
  classForLoosePhotos() {
    return this.classes.find((candidate) => candidate.shots.length === 0) ?? this.addClass();
  }

  /** All shots, and the photos to be recognised. */
  get photos() {
    return [...this.#shots, ...this.tests];
  }

  get #shots() {
    return this.classes.flatMap(({ shots }) => shots);
  }

  /**
   * The pictures of all shots that have one.
   * @returns {ShotPicture[]}
   */
  shotPictures() {
    return this.#shots.flatMap(({ id, picture }) => (picture ? [{ id, picture }] : []));
  }

  /** @param {number} id */
  #classOf(id) {
    const found = this.findClass(id);
    if (!found) throw new Error(`no class ${id}`);
    return found;
  }

  /**
   * @param {string} name
   * @param {PhotoClass | null} except
   */
  #refuseTaken(name, except) {
    const other = name === '' ? null : this.findByName(name);
    if (other && other !== except) throw new NameTaken(other.name);
  }

  #freeDefaultName() {
    let number = this.classes.length + 1;
    while (this.findByName(this.#defaultName(number))) number++;
    return this.#defaultName(number);
  }

  /** @param {string} name */
  #freeName(name) {
    let number = 2;
    while (this.findByName(`${name} ${number}`)) number++;
    return `${name} ${number}`;
  }

  /** @param {Change} change */
  #tell(change) {
    this.dispatchEvent(new CustomEvent('change', { detail: change }));
  }
}

/**
 * @param {Omit<Shot, 'status'>} shot as a project has it
 * @returns {Shot}
 */
function shotOf({ id, name, picture, embedding }) {
  return { id, name, picture, embedding, status: embedding ? 'ready' : 'pending' };
}

/** @param {PhotoClass} photoClass */
export function shotCount(photoClass) {
  return photoClass.shots.filter((shot) => shot.status !== 'failed').length;
}

/**
 * How many shots are still to be embedded.
 * @param {PhotoClass[]} classes
 */
export function pendingShots(classes) {
  return classes.flatMap((own) => own.shots).filter(({ status }) => status === 'pending').length;
}

/** @param {PhotoClass} photoClass */
export function hasEmbedding(photoClass) {
  return photoClass.shots.some((shot) => shot.embedding !== null);
}

/** @param {string} name */
function tidy(name) {
  return name.normalize('NFC').replace(/\s+/g, ' ').trim();
}

/**
 * Two names that differ in capitals alone are the same to a reader.
 * @param {string} name
 */
function sameness(name) {
  return tidy(name).toLocaleLowerCase();
}
