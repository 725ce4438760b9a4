// The browser's database: opening it, and transactions as promises. The only file that names IndexedDB.
// Page side. It knows stores and keys, and nothing of what a project is.

/** What this page keeps carries the page's path, so that pages of one origin keep apart what is theirs. */
export const OWN = new URL('../..', import.meta.url).pathname;

/** Grows where stores change; `upgrade` then leads from every older version to this one. */
const VERSION = 2;

/** @typedef {'projects' | 'pictures' | 'embeddings' | 'networks'} StoreName */
/** @typedef {Record<StoreName, IDBObjectStore>} Stores */

/** Why something could not be kept: a stable code, worded by the page. */
export class StorageError extends Error {
  /**
   * @param {'storage-none' | 'storage-full' | 'storage-newer' | 'storage-closed' | 'storage-failed' | 'file-unreadable'} code
   * @param {unknown} [cause]
   */
  constructor(code, cause) {
    super(String(cause ?? code));
    this.name = 'StorageError';
    this.code = code;
  }
}

export class Database {
  /** @type {Promise<IDBDatabase> | null} */
  #opened = null;

  /**
   * Reads or writes in one transaction: all of it is kept, or nothing.
   * @template T
   * @param {'readonly' | 'readwrite'} mode
   * @param {StoreName[]} names
   * @param {(stores: Stores) => Promise<T>} work awaits nothing but `answer`
   * @returns {Promise<T>}
   * @throws {StorageError}
   */
  async transact(mode, names, work) {
    const database = await this.#open();
    try {
      return await run(database.transaction(names, mode), names, work);
    } catch (error) {
      throw worded(error);
    }
  }

  /** A connection that was lost is made anew with the next use. */
  #open() {
    this.#opened ??= open(() => (this.#opened = null)).catch((error) => {
      this.#opened = null;
      throw error;
    });
    return this.#opened;
  }
}

/**
 * What a request gives.
 * @template T
 * @param {IDBRequest<T>} request
 * @returns {Promise<T>}
 */
export function answer(request) {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

/**
 * A file with bytes of its own, as it is to be kept: of one from the disk the browser would keep a note of where it lies, which is
 * worth nothing once it was moved or deleted.
 * @param {File} file
 * @throws {StorageError}
 */
export async function ownCopy(file) {
  const bytes = await file.arrayBuffer().catch((error) => {
    throw new StorageError('file-unreadable', error);
  });
  return new File([bytes], file.name);
}

/**
 * @param {() => void} lost
 * @returns {Promise<IDBDatabase>}
 */
function open(lost) {
  return new Promise((resolve, reject) => {
    if (!globalThis.indexedDB) return reject(new StorageError('storage-none'));
    const request = indexedDB.open(`${OWN}:projects`, VERSION);
    request.onupgradeneeded = ({ oldVersion }) => upgrade(request.result, oldVersion);
    request.onerror = () => reject(new StorageError(request.error?.name === 'VersionError' ? 'storage-newer' : 'storage-none', request.error));
    request.onsuccess = () => {
      const database = request.result;
      // A newer page wants to change the stores, or the visitor deletes what is kept.
      database.onversionchange = () => {
        database.close();
        lost();
      };
      database.onclose = lost;
      resolve(database);
    };
  });
}

/**
 * @param {IDBDatabase} database
 * @param {number} from its version; 0 where it is new
 */
function upgrade(database, from) {
  if (from < 1) {
    database.createObjectStore('projects', { keyPath: 'id' });
    database.createObjectStore('pictures');
    database.createObjectStore('embeddings');
  }
  if (from < 2) database.createObjectStore('networks');
}

/**
 * @template T
 * @param {IDBTransaction} transaction
 * @param {StoreName[]} names
 * @param {(stores: Stores) => Promise<T>} work
 * @returns {Promise<T>}
 */
function run(transaction, names, work) {
  const stores = /** @type {Stores} */ (Object.fromEntries(names.map((name) => [name, transaction.objectStore(name)])));
  const done = new Promise((resolve, reject) => {
    transaction.oncomplete = () => resolve(undefined);
    transaction.onabort = () => reject(transaction.error ?? new StorageError('storage-failed'));
  });
  const worked = work(stores).catch((error) => {
    try {
      transaction.abort();
    } catch {
      // It has ended by itself, with the same error.
    }
    throw error;
  });
  worked.catch(() => {}); // Told below, once the transaction has ended.
  // The transaction's own error comes first: a request that was cut off says less than what cut it off.
  return done.then(() => worked, async (error) => {
    const own = await worked.then(() => null, (reason) => reason);
    throw error.name === 'QuotaExceededError' || !own ? error : own;
  });
}

/** @param {any} error */
function worded(error) {
  if (error instanceof Error && 'code' in error && typeof error.code === 'string') return error;
  if (error?.name === 'QuotaExceededError') return new StorageError('storage-full', error);
  if (error?.name === 'InvalidStateError') return new StorageError('storage-closed', error);
  return new StorageError('storage-failed', error);
}
