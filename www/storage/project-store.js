// Projects as they lie in the browser's database: a record each, and beside it pictures and embeddings by photo.
// Page side. It knows neither the model nor any view; what a record's parts mean is theirs.

import { answer, Database, StorageError } from './database.js';

/** Grows where a record's shape changes; `modern` then leads from every older one to this. */
export const SCHEMA = 1;
/** A deleted project can be brought back for this long, in milliseconds. */
const GRACE = 60_000;
/** How many photos are read at once. */
const AT_ONCE = 250;

/**
 * A class or photo as its record has it; pictures and embeddings lie apart, under the photo's id.
 * @typedef {{id: number, name: string}} KeptShot
 * @typedef {{id: number, name: string, named: boolean, hue: number, active: boolean, shots: KeptShot[]}} KeptClass
 * @typedef {{id: number, name: string, classId: number | null}} KeptTest
 */

/**
 * What belongs to a project besides its photos: how it is trained and judged, and what was trained.
 * `network` is the identity of the network that made the embeddings.
 * @typedef {object} Extras
 * @property {string} network
 * @property {import('../views/method.js').Settings | null} settings
 * @property {number | null} threshold
 * @property {{method: import('../engine/protocol.js').Method, bytes: Uint8Array} | null} head
 * @property {File | null} metric a learned metric that was loaded
 */

/**
 * A project's record. `owner` is the page that may write it, `deleted` when it was deleted, if it was.
 * @typedef {{id: string, schema: number, name: string, created: number, updated: number, opened: number, owner: string,
 *   deleted: number | null, photos: number, bytes: number, classes: KeptClass[], tests: KeptTest[]} & Extras} Project
 */

/** @typedef {Pick<Project, 'id' | 'name' | 'updated' | 'opened' | 'photos' | 'bytes'> & {classes: string[]}} Summary */
/** @typedef {{pictures: Map<number, Blob>, embeddings: Map<number, Float32Array>}} Photos */
/**
 * What is to be written of the photos; `gone` are ids of what is to be deleted.
 * @typedef {{put: Map<number, any>, gone: number[]}} Difference
 */

/** Another page has taken the project, or deleted it: what this page says of it is not kept. */
export class Taken extends Error {
  code = 'storage-taken';
}

export class ProjectStore {
  #database = new Database();

  /** @returns {Promise<Summary[]>} last opened first */
  async list() {
    const records = await this.#database.transact('readonly', ['projects'], ({ projects }) => answer(projects.getAll()));
    const kept = records.filter((record) => record.deleted === null && record.schema <= SCHEMA);
    return kept.map(summary).sort((a, b) => b.opened - a.opened);
  }

  /**
   * Reads a project and takes it: other pages that have it can no longer write it.
   * @param {string} id
   * @param {string} owner
   * @returns {Promise<{project: Project, photos: Photos} | null>} null where there is no such project
   */
  open(id, owner) {
    return this.#database.transact('readwrite', ['projects', 'pictures', 'embeddings'], async (stores) => {
      const found = await answer(stores.projects.get(id));
      if (!found || found.deleted !== null) return null;
      const project = { ...modern(found), owner, opened: Date.now() };
      stores.projects.put(project);
      const [pictures, embeddings] = await Promise.all([readAll(stores.pictures, id), readAll(stores.embeddings, id)]);
      return { project, photos: { pictures, embeddings } };
    });
  }

  /**
   * Writes a project's record and what has changed of its photos.
   * @param {Project} project
   * @param {{pictures: Difference, embeddings: Difference}} changes
   * @param {{fresh: boolean}} state whether it was never written before
   * @throws {Taken}
   */
  save(project, changes, { fresh }) {
    return this.#database.transact('readwrite', ['projects', 'pictures', 'embeddings'], async (stores) => {
      const found = await answer(stores.projects.get(project.id));
      if (!fresh && (!found || found.deleted !== null || found.owner !== project.owner)) throw new Taken();
      write(stores.pictures, project.id, changes.pictures);
      write(stores.embeddings, project.id, changes.embeddings);
      await answer(stores.projects.put(project));
    });
  }

  /**
   * Marks a project as deleted, or takes the mark away. What is marked is deleted for good a while later.
   * @param {string} id
   * @param {boolean} deleted
   */
  mark(id, deleted) {
    return this.#database.transact('readwrite', ['projects'], async ({ projects }) => {
      const found = await answer(projects.get(id));
      if (found) await answer(projects.put({ ...found, owner: '', deleted: deleted ? Date.now() : null }));
    });
  }

  /** Deletes for good what was marked a while ago. */
  async purge() {
    await this.#database.transact('readwrite', ['projects', 'pictures', 'embeddings'], async (stores) => {
      const records = await answer(stores.projects.getAll());
      for (const { id } of records.filter(({ deleted }) => deleted !== null && deleted < Date.now() - GRACE)) {
        stores.projects.delete(id);
        stores.pictures.delete(rangeOf(id));
        stores.embeddings.delete(rangeOf(id));
      }
    });
  }
}

/**
 * A record of any schema as one of today's.
 * @param {any} record
 * @returns {Project}
 */
function modern(record) {
  if (record.schema > SCHEMA) throw new StorageError('storage-newer');
  return record;
}

/**
 * @param {Project} project
 * @returns {Summary}
 */
function summary({ id, name, updated, opened, photos, bytes, classes }) {
  return { id, name, updated, opened, photos, bytes, classes: classes.map((own) => own.name) };
}

/**
 * A few at a time: the browser holds what it has read twice until it is handed over.
 * @param {IDBObjectStore} store
 * @param {string} id
 */
async function readAll(store, id) {
  const found = new Map();
  let range = rangeOf(id);
  for (;;) {
    const [keys, values] = await Promise.all([answer(store.getAllKeys(range, AT_ONCE)), answer(store.getAll(range, AT_ONCE))]);
    keys.forEach((key, index) => found.set(/** @type {[string, number]} */ (key)[1], values[index]));
    if (keys.length < AT_ONCE) return found;
    range = IDBKeyRange.bound(keys[AT_ONCE - 1], range.upper, true);
  }
}

/**
 * @param {IDBObjectStore} store
 * @param {string} id
 * @param {Difference} difference
 */
function write(store, id, { put, gone }) {
  for (const [photo, value] of put) store.put(value, [id, photo]);
  for (const photo of gone) store.delete([id, photo]);
}

/** All photos of a project: an array sorts after every number. @param {string} id */
function rangeOf(id) {
  return IDBKeyRange.bound([id], [id, []]);
}
