// Fetches the network's weights with progress, checks them, and keeps them in the browser's cache by their hash.
// Worker side. Knows nothing of wasm; every check comes before anything is kept.

import { bytesOf } from './bytes.js';
import { EngineError } from './protocol.js';

/** @import { NetworkInfo } from './protocol.js' */

const ROOT = new URL('../../', import.meta.url);
const MANIFEST_URL = new URL('weights/manifest.json', ROOT);
/** The page's path begins the name: another Glimpse on the same host has its own. sw.js fills this cache too. */
const CACHE_NAME = `${ROOT.pathname}:weights`;
/** How the cache was called at first. */
const OLD_CACHE_NAME = `glimpse-weights:${encodeURIComponent(ROOT.pathname)}`;
/** Progress is reported at most this often, in milliseconds. */
const REPORT_EVERY = 80;

/**
 * The shipped network.
 * @param {(loaded: number, total: number) => void} onProgress
 * @returns {Promise<{bytes: Uint8Array<ArrayBuffer>, manifest: string, network: NetworkInfo}>}
 */
export async function loadWeights(onProgress) {
  const text = await (await request(MANIFEST_URL)).text();
  const manifest = parseManifest(text);
  onProgress(0, manifest.bytes);

  const cache = await openCache();
  const cached = await readCached(cache, manifest);
  const bytes = cached ?? (await download(manifest, onProgress));
  const kept = cached !== null || (await keep(cache, manifest, bytes));
  onProgress(manifest.bytes, manifest.bytes);

  const network = {
    name: manifest.network,
    source: manifest.source,
    bytes: manifest.bytes,
    trained: manifest.trained,
    fromCache: cached !== null,
    checked: canHash(),
    kept,
    manifest: true,
    identity: manifest.identity,
    redistributable: manifest.redistributable === true,
  };
  return { bytes, manifest: text, network };
}

/**
 * A network that the visitor brought. It is neither checked against a manifest nor kept. Its identity is yet to be computed.
 * @param {File} file
 * @returns {Promise<{bytes: Uint8Array<ArrayBuffer>, manifest: null, network: NetworkInfo}>}
 */
export async function readCheckpoint(file) {
  const bytes = await bytesOf(file);
  const network = { name: file.name, source: file.name, bytes: bytes.length, trained: true, fromCache: false, checked: false, kept: false, manifest: false, identity: '', redistributable: false };
  return { bytes, manifest: null, network };
}

/** @param {string} text */
function parseManifest(text) {
  let manifest;
  try {
    manifest = JSON.parse(text);
  } catch (error) {
    throw new EngineError('manifest', `weights/manifest.json is not JSON: ${error}`);
  }
  const expected = { network: 'string', file: 'string', source: 'string', sha256: 'string', identity: 'string', bytes: 'number', trained: 'boolean' };
  for (const [name, type] of Object.entries(expected)) {
    const got = typeof manifest?.[name];
    if (got !== type) throw new EngineError('manifest', `weights/manifest.json: expected ${name} to be a ${type}, got ${got}`);
  }
  return manifest;
}

/**
 * Never through the browser's own cache: what came damaged once would come from there again, and what is right is kept by us.
 * @param {URL} url
 */
async function request(url) {
  const response = await fetch(url, { cache: 'no-store' }).catch((error) => {
    throw new EngineError('weights-download', `${url.pathname}: ${error.message}`);
  });
  if (response.ok) return response;
  const code = response.status === 404 ? 'weights-missing' : 'weights-download';
  throw new EngineError(code, `${url.pathname}: the server answered ${response.status} ${response.statusText}`);
}

/**
 * @param {{file: string, bytes: number, sha256: string}} manifest
 * @param {(loaded: number, total: number) => void} onProgress
 */
async function download(manifest, onProgress) {
  const response = await request(new URL(manifest.file, MANIFEST_URL));
  const bytes = await readBody(response, manifest.bytes, onProgress);
  await check(bytes, manifest);
  return bytes;
}

/**
 * @param {Response} response
 * @param {number} total
 * @param {(loaded: number, total: number) => void} onProgress
 */
async function readBody(response, total, onProgress) {
  const bytes = new Uint8Array(total);
  let loaded = 0;
  let reported = 0;
  const reader = /** @type {ReadableStream<Uint8Array>} */ (response.body).getReader();
  for (;;) {
    const { done, value } = await reader.read().catch((error) => {
      throw new EngineError('weights-download', `the connection broke after ${loaded} of ${total} bytes: ${error.message}`);
    });
    if (done) break;
    if (loaded + value.length > total) {
      await reader.cancel();
      throw new EngineError('weights-changed', `expected ${total} bytes, got more`);
    }
    bytes.set(value, loaded);
    loaded += value.length;
    if (performance.now() - reported > REPORT_EVERY) {
      reported = performance.now();
      onProgress(loaded, total);
    }
  }
  if (loaded < total) throw new EngineError('weights-truncated', `expected ${total} bytes, got ${loaded}`);
  return bytes;
}

/**
 * @param {Uint8Array<ArrayBuffer>} bytes
 * @param {{bytes: number, sha256: string}} manifest
 */
async function check(bytes, manifest) {
  if (bytes.length !== manifest.bytes) {
    throw new EngineError('weights-truncated', `expected ${manifest.bytes} bytes, got ${bytes.length}`);
  }
  if (!canHash()) return;
  const got = await sha256(bytes);
  if (got !== manifest.sha256) throw new EngineError('weights-changed', `expected SHA-256 ${manifest.sha256}, got ${got}`);
}

/** SHA-256 exists in secure contexts alone (https, localhost). */
function canHash() {
  return typeof crypto.subtle !== 'undefined';
}

/** @param {Uint8Array<ArrayBuffer>} bytes */
async function sha256(bytes) {
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** Null where the browser has no cache for this page: private mode, insecure page, storage switched off. */
async function openCache() {
  if (typeof caches === 'undefined') return null;
  return caches.open(CACHE_NAME).catch(() => null);
}

/** @param {{sha256: string}} manifest */
function cacheKey(manifest) {
  return new URL(`weights/${manifest.sha256}`, ROOT).href;
}

/**
 * @param {Cache | null} cache
 * @param {{sha256: string, bytes: number}} manifest
 */
async function readCached(cache, manifest) {
  try {
    const response = await cache?.match(cacheKey(manifest));
    if (!response) return null;
    const bytes = new Uint8Array(await response.arrayBuffer());
    await check(bytes, manifest);
    return bytes;
  } catch {
    return null; // A damaged entry is as good as none: it is fetched and replaced.
  }
}

/**
 * Keeps these weights and drops older ones; false where the browser would not.
 * @param {Cache | null} cache
 * @param {{sha256: string}} manifest
 * @param {Uint8Array<ArrayBuffer>} bytes
 */
async function keep(cache, manifest, bytes) {
  if (!cache) return false;
  try {
    const key = cacheKey(manifest);
    await caches.delete(OLD_CACHE_NAME);
    for (const old of await cache.keys()) {
      if (old.url !== key) await cache.delete(old);
    }
    await cache.put(key, new Response(bytes));
    return true;
  } catch {
    return false; // A full disk costs the next visit a download, nothing else.
  }
}
