// What a video or another picture shows now, as the engine takes it. Page side: neither the camera nor the engine is known here.

/** @import { Photo } from './api.d.ts' */
/** @import { Frame } from './engine/protocol.js' */

/**
 * For a bitmap of a video Chromium maps hundreds of megabytes, for a frame of it none. Not every browser makes one of every
 * video, and none makes one of a picture that has no time of its own.
 * @param {Exclude<Photo, Blob>} picture
 * @returns {Promise<Frame>}
 */
export async function frameOf(picture) {
  try {
    return new VideoFrame(/** @type {HTMLVideoElement} */ (picture));
  } catch {
    return createImageBitmap(picture);
  }
}
