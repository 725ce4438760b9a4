// The camera's picture, cropped to what the network sees, with its messages, its chooser and its mirror.
// Used by the capture panel and by the live view, on the one camera that they share.

import { frameOf } from '../frame.js';
import { text } from '../strings.js';
import { el } from './dom.js';

/**
 * @import { Camera } from '../camera.js'
 * @import { Frame } from '../engine/protocol.js'
 */

/** These states have something to press. */
const RETRIABLE = ['denied', 'none', 'busy', 'unplugged', 'failed', 'unanswered'];

export class ViewfinderView {
  #camera;
  #video = el('video', { muted: true, playsInline: true, aria: { label: text.camera.view } });
  #message = el('p.viewfinder-message');
  #again = el('button.button', {}, text.camera.again);
  #overlay;
  #flash = el('div.viewfinder-flash');
  #count = el('div.viewfinder-count', { aria: { hidden: 'true' } });
  #device = el('select', { aria: { label: text.camera.device } });
  #mirror = el('input', { type: 'checkbox' });

  /** @param {Camera} camera */
  constructor(camera) {
    this.#camera = camera;
    this.#overlay = el('div.viewfinder-overlay', { role: 'status' }, this.#message, this.#again);
    const frame = el('div.viewfinder-frame', {}, this.#video, this.#overlay, this.#count, this.#flash);
    this.#again.addEventListener('click', () => camera.retry());
    this.#device.addEventListener('change', () => camera.choose(this.#device.value));
    this.#mirror.addEventListener('change', () => camera.setMirror(this.#mirror.checked));
    const mirror = el('label.check', {}, this.#mirror, el('span', {}, text.camera.mirror));
    this.controls = el('div.viewfinder-controls', {}, this.#device, mirror);
    this.element = el('div.viewfinder', {}, frame, this.controls);
    camera.addEventListener('change', () => this.refresh());
    this.#listed = '';
    this.off = true;
  }

  #listed;
  /** What is shown while the camera is off for this view. */
  offMessage = text.camera.states.off;

  refresh() {
    const camera = this.#camera;
    const status = this.off ? 'off' : camera.status;
    const stream = this.off ? null : camera.stream;
    if (this.#video.srcObject !== stream) this.#watch(stream);
    this.element.dataset.camera = status;
    this.element.dataset.mirror = String(camera.mirror);
    this.#message.textContent = status === 'off' ? this.offMessage : text.camera.states[status];
    this.#overlay.hidden = status === 'on';
    this.#again.hidden = !RETRIABLE.includes(status);
    this.#mirror.checked = camera.mirror;
    this.#listDevices();
  }

  /**
   * Not by the video's `autoplay`: browsers pause what plays by that while it is out of sight, and it would be named on.
   * @param {MediaStream | null} stream
   */
  #watch(stream) {
    this.#video.srcObject = stream;
    if (stream) this.hold(false);
  }

  /**
   * Holds the picture as it is, or goes on.
   * @param {boolean} held
   */
  hold(held) {
    if (held) this.#video.pause();
    else this.#video.play().catch(() => {}); // The camera may have ended meanwhile.
  }

  /**
   * The picture to be kept.
   * @returns {Promise<ImageBitmap | null>} null before the first picture
   */
  async frame() {
    return this.#isShowing() ? createImageBitmap(this.#video) : null;
  }

  /**
   * The picture to be named and forgotten.
   * @returns {Promise<Frame | null>} null before the first picture
   */
  async glance() {
    return this.#isShowing() ? frameOf(this.#video) : null;
  }

  #isShowing() {
    return !this.off && this.#camera.status === 'on' && this.#video.readyState >= 2;
  }

  flash() {
    this.#flash.getAnimations().forEach((/** @type {Animation} */ animation) => animation.cancel());
    this.#flash.animate([{ opacity: 0.7 }, { opacity: 0 }], 160);
  }

  /** @param {string} words */
  showCount(words) {
    this.#count.textContent = words;
  }

  #listDevices() {
    const { devices, deviceId } = this.#camera;
    const key = devices.map((device) => device.deviceId + device.label).join();
    if (key !== this.#listed) {
      this.#listed = key;
      const options = devices.map((device, index) => el('option', { value: device.deviceId }, device.label || text.camera.unnamedDevice(index + 1)));
      this.#device.replaceChildren(...options);
    }
    this.#device.value = deviceId;
    this.#device.hidden = devices.length < 2;
    // With a second camera the chooser is there for the case that the first one fails.
    this.controls.dataset.useful = String(!this.off && (this.#camera.status === 'on' || devices.length > 1));
  }
}
