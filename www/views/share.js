// The button that makes a share link, with the reason why there can be none, and the dialog that gives the link out.
// Events: `share`, and `project-file` where the visitor takes a file instead.

import { text } from '../strings.js';
import { el, emit, icon, svgElement, write } from './dom.js';

/** @import { Link, Qr } from '../engine/protocol.js' */

/** What a QR code's reader expects around it, in modules. */
const MARGIN = 4;

export class ShareView extends EventTarget {
  #button = el('button.button', { id: 'share' }, icon('share'), el('span', {}, text.share.button));
  #reason = el('p.share-reason', { id: 'share-reason' });
  #file = el('button.button.quiet', { id: 'share-file', hidden: true }, icon('save'), el('span', {}, text.share.file));
  #address = el('input.share-address', { id: 'share-address', readOnly: true, spellcheck: false, aria: { label: text.share.address } });
  #contents = el('p', { id: 'share-contents' });
  #qr = el('div.share-qr', { hidden: true });
  #length = el('p.share-note', { id: 'share-length' });
  #copy = el('button.button.primary', { id: 'share-copy' }, text.share.copy);
  #hand = el('button.button', { id: 'share-hand', hidden: !('share' in navigator) }, icon('share'), el('span', {}, text.share.hand));
  #said = el('output.share-said', { id: 'share-said' });

  constructor() {
    super();
    this.#button.setAttribute('aria-describedby', 'share-reason');
    this.element = el('section.share', { aria: { labelledby: 'share-title' } }, el('h3', { id: 'share-title' }, text.share.title), this.#button, this.#reason, this.#file);
    const close = el('button.icon-button', { aria: { label: text.share.close }, on: { click: () => this.dialog.close() } }, icon('close'));
    this.dialog = el(
      'dialog.share-dialog',
      { id: 'share-dialog', aria: { labelledby: 'share-dialog-title' } },
      el('div.share-head', {}, el('h2', { id: 'share-dialog-title' }, text.share.ready), close),
      this.#contents,
      this.#address,
      this.#qr,
      this.#length,
      el('div.share-tools', {}, this.#copy, this.#hand, this.#said),
    );
    this.#button.addEventListener('click', () => emit(this, 'share'));
    this.#file.addEventListener('click', () => emit(this, 'project-file'));
    this.#address.addEventListener('focus', () => this.#address.select());
    this.#copy.addEventListener('click', () => this.#copyAddress());
    this.#hand.addEventListener('click', () => this.#handOn());
    this.dialog.addEventListener('click', (/** @type {MouseEvent} */ event) => event.target === this.dialog && this.dialog.close());
  }

  /**
   * @param {string | null} reason why there can be no link; null where there can
   * @param {boolean} file whether a file would do instead
   */
  showReason(reason, file) {
    this.#button.disabled = reason !== null;
    write(this.#reason, reason ?? text.share.hint);
    this.#file.hidden = !file;
  }

  /**
   * Opens the dialog.
   * @param {Link} link
   * @param {number} classes how many are in it
   */
  showLink({ address, qr }, classes) {
    this.#address.value = address;
    this.#contents.textContent = text.share.contents(classes);
    this.#qr.hidden = qr === null;
    this.#qr.replaceChildren(...(qr ? [drawn(qr)] : []));
    this.#length.textContent = qr ? text.share.scan : text.share.length(address.length);
    this.#said.textContent = '';
    this.dialog.showModal();
    this.#copy.focus();
  }

  /** Where the page may not write to the clipboard, the address is selected, to be copied by hand. */
  async #copyAddress() {
    try {
      await navigator.clipboard.writeText(this.#address.value);
      this.#said.textContent = text.share.copied;
    } catch {
      this.#address.focus();
      this.#said.textContent = text.share.copyByHand;
    }
  }

  async #handOn() {
    const { value } = this.#address;
    // A visitor who changes their mind is no failure; and whoever cannot hand on can still copy.
    await navigator.share({ title: text.title, url: value }).catch(() => {});
  }
}

/** @param {Qr} qr */
function drawn({ size, path }) {
  const side = size + 2 * MARGIN;
  const svg = svgElement('svg', { viewBox: `${-MARGIN} ${-MARGIN} ${side} ${side}`, role: 'img', 'aria-label': text.share.qr });
  svg.append(svgElement('path', { d: path }));
  // Modules of whole pixels are read from further away.
  svg.style.setProperty('--step', `${side / devicePixelRatio}px`);
  return svg;
}
