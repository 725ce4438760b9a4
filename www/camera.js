// The one camera of the page. It runs while somebody holds it and the tab is visible, and its light is off otherwise.
// Page side: no elements and no words; it tells what state it is in by `change` events.

/** Without an answer to the browser's question for so long, in milliseconds, the page says where to look. */
const PATIENCE = 20_000;

/**
 * @typedef {'off' | 'asking' | 'unanswered' | 'on' | 'paused' | 'denied' | 'none' | 'busy' | 'insecure' | 'unplugged' | 'failed'} CameraStatus
 */

export class Camera extends EventTarget {
  /** @type {CameraStatus} */
  status = 'off';
  /** @type {MediaStream | null} */
  stream = null;
  /** @type {MediaDeviceInfo[]} */
  devices = [];
  deviceId = '';
  mirror = true;
  #mirrorChosen = false;
  /** @type {Set<object>} */
  #holders = new Set();
  /** Grows with every request, so that a late answer is recognised. */
  #attempt = 0;

  constructor() {
    super();
    document.addEventListener('visibilitychange', () => this.#visibilityChanged());
    navigator.mediaDevices?.addEventListener('devicechange', () => this.#listDevices());
  }

  /** @param {object} holder */
  acquire(holder) {
    this.#holders.add(holder);
    if (!this.stream && this.status !== 'asking' && this.status !== 'unanswered') this.#open();
  }

  /** @param {object} holder */
  release(holder) {
    this.#holders.delete(holder);
    if (this.#holders.size === 0) this.#close('off');
  }

  retry() {
    this.#close('off');
    this.#open();
  }

  /** @param {string} deviceId */
  choose(deviceId) {
    this.deviceId = deviceId;
    this.#mirrorChosen = false;
    this.retry();
  }

  /** @param {boolean} mirror */
  setMirror(mirror) {
    this.mirror = mirror;
    this.#mirrorChosen = true;
    this.#tell();
  }

  async #open() {
    if (!window.isSecureContext || !navigator.mediaDevices) return this.#set('insecure');
    const attempt = ++this.#attempt;
    this.#set('asking');
    const timer = setTimeout(() => attempt === this.#attempt && this.#set('unanswered'), PATIENCE);
    try {
      const stream = await navigator.mediaDevices.getUserMedia({ audio: false, video: this.#wanted() });
      if (attempt !== this.#attempt) return stopTracks(stream);
      this.#adopt(stream);
    } catch (error) {
      if (attempt === this.#attempt) this.#refused(error);
    } finally {
      clearTimeout(timer);
    }
  }

  /** Square enough and not larger than the crop can use. */
  #wanted() {
    const size = { width: { ideal: 640 }, height: { ideal: 480 } };
    return this.deviceId ? { ...size, deviceId: { exact: this.deviceId } } : { ...size, facingMode: 'user' };
  }

  /** @param {MediaStream} stream */
  #adopt(stream) {
    const [track] = stream.getVideoTracks();
    const settings = track.getSettings();
    this.stream = stream;
    this.deviceId = settings.deviceId ?? this.deviceId;
    if (!this.#mirrorChosen) this.mirror = settings.facingMode !== 'environment';
    track.addEventListener('ended', () => stream === this.stream && this.#close('unplugged'));
    this.#set('on');
    this.#listDevices();
  }

  /** @param {any} error */
  #refused(error) {
    if (error.name === 'OverconstrainedError' && this.deviceId) {
      this.deviceId = '';
      return this.#open();
    }
    /** @type {Record<string, CameraStatus>} */
    const known = {
      NotAllowedError: 'denied',
      SecurityError: 'denied',
      NotFoundError: 'none',
      OverconstrainedError: 'none',
      NotReadableError: 'busy',
      AbortError: 'busy',
    };
    this.#set(known[error.name] ?? 'failed');
  }

  /** @param {CameraStatus} status */
  #close(status) {
    this.#attempt++;
    if (this.stream) stopTracks(this.stream);
    this.stream = null;
    this.#set(status);
  }

  #visibilityChanged() {
    if (document.hidden && this.stream) this.#close('paused');
    else if (!document.hidden && this.status === 'paused' && this.#holders.size > 0) this.#open();
  }

  /** Names are told only once the camera was allowed. */
  async #listDevices() {
    const all = await navigator.mediaDevices.enumerateDevices().catch(() => []);
    this.devices = all.filter((device) => device.kind === 'videoinput');
    this.#tell();
  }

  /** @param {CameraStatus} status */
  #set(status) {
    this.status = status;
    this.#tell();
  }

  #tell() {
    this.dispatchEvent(new Event('change'));
  }
}

/** @param {MediaStream} stream */
function stopTracks(stream) {
  for (const track of stream.getTracks()) track.stop();
}
