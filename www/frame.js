// What a video shows now, as the engine takes it. Page side: neither the camera nor the engine is known here.

/** @import { Frame } from './engine/protocol.js' */

/**
 * For a bitmap of a video Chromium maps hundreds of megabytes, for a frame of it none. Not every browser makes one of every
 * video.
 * @param {HTMLVideoElement} video
 * @returns {Promise<Frame>}
 */
export async function frameOf(video) {
  try {
    return new VideoFrame(video);
  } catch {
    return createImageBitmap(video);
  }
}
