// What was dropped, pasted or picked, as a flat list of files with the folder each came from.
// Page side: reads lists and folders, of files no more than what kind they are, and decides nothing about classes.

/**
 * `folder` is the class's folder: the first folder below the dropped one, or the dropped one itself; null for a loose file.
 * @typedef {{file: File, folder: string | null}} Picked
 */

/** Files that systems put into folders by themselves. */
const CLUTTER = /^(\.|thumbs\.db$|desktop\.ini$|__macosx$)/i;

/**
 * Must be called within the event: the browser empties the list afterwards.
 * @param {DataTransfer} transfer
 * @returns {Promise<Picked[]>}
 */
export async function fromDrop(transfer) {
  const items = [...transfer.items].filter((item) => item.kind === 'file');
  const entries = items.map((item) => item.webkitGetAsEntry?.() ?? null);
  if (!entries.some((entry) => entry?.isDirectory)) return fromList([...transfer.files]);
  const lists = await Promise.all(entries.map((entry) => entry && fromEntry(entry, [])));
  return lists.flatMap((list) => list ?? []);
}

/**
 * @param {File[]} files of a picker or the clipboard; those of a folder picker carry their path
 * @returns {Picked[]}
 */
export function fromList(files) {
  return files
    .map((file) => ({ file, path: file.webkitRelativePath.split('/').slice(0, -1) }))
    .filter(({ file, path }) => ![...path, file.name].some((part) => CLUTTER.test(part)) || path.length === 0)
    .map(({ file, path }) => ({ file, folder: classFolder(path) }));
}

/**
 * Whether a safetensors file says of itself that it is a learned metric. The description is JSON, its length stands before it.
 * @param {File} file
 */
export async function saysMetric(file) {
  try {
    const length = Number(new DataView(await file.slice(0, 8).arrayBuffer()).getBigUint64(0, true));
    if (length > file.size) return false;
    const description = JSON.parse(await file.slice(8, 8 + length).text());
    return description.__metadata__?.kind === 'glimpse-metric';
  } catch {
    return false; // Whatever it is, it does not say so.
  }
}

/** @param {DataTransfer | null} transfer */
export function carriesFiles(transfer) {
  return transfer !== null && [...transfer.types].includes('Files');
}

/** @param {string[]} path the folders above a file, outermost first */
function classFolder(path) {
  return path[1] ?? path[0] ?? null;
}

/**
 * @param {FileSystemEntry} entry
 * @param {string[]} path
 * @returns {Promise<Picked[]>}
 */
async function fromEntry(entry, path) {
  if (path.length > 0 && CLUTTER.test(entry.name)) return [];
  if (entry.isFile) {
    const file = await new Promise((resolve, reject) => /** @type {FileSystemFileEntry} */ (entry).file(resolve, reject));
    return [{ file, folder: classFolder(path) }];
  }
  const children = await readFolder(/** @type {FileSystemDirectoryEntry} */ (entry));
  children.sort((a, b) => a.name.localeCompare(b.name, undefined, { numeric: true }));
  const lists = await Promise.all(children.map((child) => fromEntry(child, [...path, entry.name])));
  return lists.flat();
}

/**
 * A reader hands out a folder's entries in portions, the last of which is empty.
 * @param {FileSystemDirectoryEntry} folder
 */
async function readFolder(folder) {
  const reader = folder.createReader();
  /** @type {FileSystemEntry[]} */
  const all = [];
  for (;;) {
    /** @type {FileSystemEntry[]} */
    const portion = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    if (portion.length === 0) return all;
    all.push(...portion);
  }
}
