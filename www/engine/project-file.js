// Project files, `name.glimpse`, and archives of photos: between the page's objects and the module's reader and writer.
// Worker side. What is in a file is the module's business; here photos go to it one by one, so that memory stays small.

import { blobOf, bytesOf, withBytes } from './bytes.js';
import { nextTask } from './lane.js';

/** @import { ProjectContent, ProjectToWrite } from './protocol.js' */

/** A job that reports its progress, and ends where it was cancelled. @typedef {{check: () => void, report: (progress: any) => void}} Job */

/**
 * @param {any} module
 * @param {ProjectToWrite & {views: number}} project
 * @param {Uint8Array | null} head
 * @param {Job} job
 * @returns {Promise<{file: Blob}>}
 */
export async function writeProject(module, project, head, job) {
  const photos = photosOf(project);
  let writer = new module.ProjectWriter(JSON.stringify(project, withoutPhotos));
  try {
    const parts = [new Blob([writer.start])];
    for (const [index, { picture, embedding }] of photos.entries()) {
      parts.push(await withBytes(picture, (png) => blobOf(writer.add(png, embedding ?? undefined))));
      job.check();
      job.report({ done: index + 1, total: photos.length });
    }
    const last = writer;
    writer = null; // It is taken, whether that succeeds or not.
    parts.push(new Blob([last.finish(head ?? undefined)]));
    return { file: new Blob(parts, { type: 'application/zip' }) };
  } finally {
    writer?.free();
  }
}

/**
 * Photos alone, in a folder for each class.
 * @param {any} module
 * @param {{className: string, picture: Blob}[]} photos
 * @param {Job} job
 * @returns {Promise<{file: Blob}>}
 */
export async function writePhotos(module, photos, job) {
  let archive = new module.PhotoArchive();
  try {
    const parts = [];
    for (const { className, picture } of photos) {
      parts.push(await withBytes(picture, (png) => blobOf(archive.add(className, png))));
      job.check();
    }
    const last = archive;
    archive = null; // It is taken, whether that succeeds or not.
    parts.push(new Blob([last.finish()]));
    return { file: new Blob(parts, { type: 'application/zip' }) };
  } finally {
    archive?.free();
  }
}

/**
 * @param {any} module
 * @param {Blob} file
 * @param {Job} job
 * @returns {Promise<ProjectContent>}
 */
export async function readProject(module, file, job) {
  await bytesOf(file.slice(0, 1));
  const reader = new module.ProjectReader(file, file instanceof File ? file.name : '');
  try {
    const samples = reader.samples();
    if (samples !== undefined) return { samples: await readSamples(reader, JSON.parse(samples), job) };
    const project = JSON.parse(reader.project());
    const photos = photosOf(project);
    for (const [index, photo] of photos.entries()) {
      photo.picture = blobOf(reader.photo(index), 'image/png');
      photo.embedding = reader.embedding(index) ?? null;
      await breathe(job, index + 1, photos.length);
    }
    return { project, head: reader.head() ?? null, metric: reader.metric() ?? null };
  } finally {
    reader.free();
  }
}

/**
 * @param {any} reader
 * @param {{className: string, name: string}[]} samples
 * @param {Job} job
 */
async function readSamples(reader, samples, job) {
  const files = [];
  for (const [index, { className, name }] of samples.entries()) {
    files.push({ className, name, file: blobOf(reader.photo(index)) });
    await breathe(job, index + 1, samples.length);
  }
  return files;
}

/**
 * Between two photos a cancel is heard.
 * @param {Job} job
 * @param {number} done
 * @param {number} total
 */
async function breathe(job, done, total) {
  job.report({ done, total });
  await nextTask();
  job.check();
}

/**
 * All photos in the order of the file: class by class, then the tests.
 * @param {ProjectToWrite} project
 */
function photosOf(project) {
  return [...project.classes.flatMap(({ shots }) => shots), ...project.tests];
}

/**
 * What goes into the description, for `JSON.stringify`.
 * @param {string} key
 * @param {any} value
 */
function withoutPhotos(key, value) {
  return value instanceof Blob || value instanceof Float32Array ? undefined : value;
}
