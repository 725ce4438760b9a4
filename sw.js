// The service worker of a packed page: it keeps the page's files, so that the page opens without a network, and gives a visitor
// one version of them, never parts of two. It stands alone: it imports nothing, and knows nothing of what the page does.
//
// `cargo xtask dist` writes the release into it: the SHA-256 of every file. Files are kept by hash; what does not hash as the
// release says is neither kept nor given. A new version is installed once all of it is here, and takes over when the visitor
// wants it or when no page is open. As it lies in the repository it has no release: then it removes itself.

/** @typedef {{version: string, headers: Record<string, string>, files: Record<string, string>}} Release `files`: hashes by path */

const RELEASE = /** @type {Release | null} */ (null);

const { version, headers, files } = RELEASE ?? { version: '', headers: {}, files: {} };
const worker = /** @type {any} */ (self);
const SCOPE = new URL('./', location.href);
/** The page's path begins the names of its caches: another Glimpse on the same host has its own. */
const FILES = `${SCOPE.pathname}:files`;
/** The cache of www/engine/weights.js. What a new version needs is put there before it takes over. */
const WEIGHTS = `${SCOPE.pathname}:weights`;
/** Modules that few visitors need: each is kept from when a page first uses it. */
const LATER = ['burn', 'plain'];

worker.addEventListener('install', (/** @type {any} */ event) => event.waitUntil(RELEASE ? install() : worker.skipWaiting()));
worker.addEventListener('activate', (/** @type {any} */ event) => event.waitUntil(RELEASE ? dropOthers() : leave()));
worker.addEventListener('message', (/** @type {any} */ event) => event.waitUntil(answer(event.data, event.source)));
worker.addEventListener('fetch', (/** @type {any} */ event) => {
  const path = listedPath(event.request);
  if (path !== null) event.respondWith(give(path));
});

/** Fails as a whole where one file cannot be had or is not the right one: the version before it goes on then. */
async function install() {
  const cache = await caches.open(FILES);
  const kept = (await cache.keys()).map(({ url }) => url);
  const used = LATER.filter((module) => kept.some((url) => url.startsWith(new URL(`${module}/`, SCOPE).href)));
  const wanted = Object.keys(files).filter((path) => [null, ...used].includes(laterOf(path)));
  await Promise.all(wanted.map(keep));
}

/** Pages of an older version are gone, or reload now: its files go. */
async function dropOthers() {
  const own = new Set(Object.keys(files).map(keyOf));
  for (const name of [FILES, WEIGHTS]) {
    const cache = await caches.open(name);
    for (const { url } of await cache.keys()) if (!own.has(url)) await cache.delete(url);
  }
}

async function leave() {
  await caches.delete(FILES);
  await worker.registration.unregister();
}

/**
 * A page says which version it is and which module it uses, or that the visitor wants the new version.
 * @param {{takeOver: true} | {takeOver?: undefined, version: string, module: string}} said
 * @param {{postMessage: (answer: {version: string}) => void}} page
 */
async function answer(said, page) {
  if (said.takeOver) return worker.skipWaiting();
  page.postMessage({ version });
  if (said.version !== version) return;
  // A page that came by the network is served from here from now on.
  await worker.clients.claim();
  const used = Object.keys(files).filter((path) => path.startsWith(`pkg-${version}/${said.module}/`));
  await Promise.all(used.map(keep));
}

/**
 * The path by which the release lists what is asked for; null for everything else, and for weights, which the page looks after.
 * @param {Request} request
 */
function listedPath({ method, url }) {
  const { origin, pathname } = new URL(url);
  if (method !== 'GET' || origin !== SCOPE.origin || !pathname.startsWith(SCOPE.pathname)) return null;
  const path = pathname.slice(SCOPE.pathname.length) || 'index.html';
  return Object.hasOwn(files, path) && !isWeights(path) ? path : null;
}

/** @param {string} path */
async function give(path) {
  try {
    const kept = (await find(path)) ?? (await fetchAndKeep(path));
    return new Response(kept.body, { headers: { ...Object.fromEntries(kept.headers), ...headers } });
  } catch {
    // Another version has taken the file's place, or there is no network.
    worker.registration.update().catch(() => {});
    return Response.error();
  }
}

/** @param {string} path */
async function fetchAndKeep(path) {
  const response = await fetchListed(path);
  // On a full disk it is fetched again the next time.
  await put(path, response.clone()).catch(() => {});
  return response;
}

/** @param {string} path */
async function keep(path) {
  if (!(await find(path))) await put(path, await fetchListed(path));
}

/**
 * A file of the release, as it must be. What once came damaged may lie in the browser's own cache.
 * @param {string} path
 */
function fetchListed(path) {
  return fetchBy(path, 'no-cache').catch(() => fetchBy(path, 'reload'));
}

/**
 * @param {string} path
 * @param {RequestCache} cache
 */
async function fetchBy(path, cache) {
  const response = await fetch(new URL(path, SCOPE), { cache });
  if (!response.ok) throw new Error(`${path}: the server answered ${response.status}`);
  const bytes = await response.arrayBuffer();
  const got = await sha256(bytes);
  if (got !== files[path]) throw new Error(`${path}: expected SHA-256 ${files[path]}, got ${got}`);
  return new Response(bytes, { headers: { 'Content-Type': response.headers.get('Content-Type') ?? '' } });
}

/** @param {string} path */
async function find(path) {
  return (await cacheOf(path)).match(keyOf(path));
}

/**
 * @param {string} path
 * @param {Response} response
 */
async function put(path, response) {
  await (await cacheOf(path)).put(keyOf(path), response);
}

/** @param {string} path */
function cacheOf(path) {
  return caches.open(isWeights(path) ? WEIGHTS : FILES);
}

/**
 * By kind and hash: what two versions share is kept once.
 * @param {string} path
 */
function keyOf(path) {
  const kind = isWeights(path) ? 'weights' : (laterOf(path) ?? 'files');
  return new URL(`${kind}/${files[path]}`, SCOPE).href;
}

/**
 * Which of those modules a file is of, if any.
 * @param {string} path
 */
function laterOf(path) {
  return LATER.find((module) => path.startsWith(`pkg-${version}/${module}/`)) ?? null;
}

/** @param {string} path */
function isWeights(path) {
  return path.startsWith('weights/') && path !== 'weights/manifest.json';
}

/** @param {ArrayBuffer} bytes */
async function sha256(bytes) {
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
