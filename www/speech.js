// Says words aloud, by voices of the device alone: voices of others would send the words away.
// Page side: no elements. Tells by `change` that a voice has come.

import { language } from './strings.js';

export class Speech extends EventTarget {
  #synthesis = /** @type {SpeechSynthesis | undefined} */ (globalThis.speechSynthesis);

  constructor() {
    super();
    // Browsers gather their voices after the page has begun.
    this.#synthesis?.addEventListener('voiceschanged', () => this.dispatchEvent(new Event('change')));
  }

  /** The device's own voice: one for the page's language where there is one. */
  get voice() {
    const own = this.#synthesis?.getVoices().filter((voice) => voice.localService) ?? [];
    return own.find((voice) => voice.lang.slice(0, 2) === language) ?? own[0] ?? null;
  }

  /** @param {string} words */
  say(words) {
    const voice = this.voice;
    if (!voice || !this.#synthesis) return;
    this.hush();
    const utterance = new SpeechSynthesisUtterance(words);
    utterance.voice = voice;
    this.#synthesis.speak(utterance);
  }

  hush() {
    this.#synthesis?.cancel();
  }
}
