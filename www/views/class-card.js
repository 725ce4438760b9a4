// One class: its name, its switch, its photos, and the ways to add more.
// Events: `rename`, `switch`, `remove`, `files`, `camera`, `open-shot`, `remove-shot`, `touched`.

import { shotCount } from '../model.js';
import { text } from '../strings.js';
import { colour, dropHint, el, emit, fileButton, icon } from './dom.js';
import { showThumbnail, thumbnail } from './thumbnail.js';

/** @import { PhotoClass, Shot } from '../model.js' */

export class ClassCardView extends EventTarget {
  #class;
  #name = el('input.class-name', { type: 'text', maxLength: 60, autocomplete: 'off', spellcheck: false, aria: { label: text.classes.nameLabel } });
  #nameError = el('p.name-error', { role: 'alert', hidden: true });
  #count = el('span.class-count');
  #switch = el('input.switch', { type: 'checkbox', role: 'switch' });
  #remove = el('button.icon-button', { data: { action: 'remove-class' } }, icon('bin'));
  #shots = el('ul.shots');
  #empty = dropHint(text.classes.empty);
  #camera = el('button.button', { data: { action: 'camera' } }, icon('camera'), el('span'));
  #add;
  #slot = el('div.capture-slot');
  /** @type {Map<number, HTMLElement>} */
  #thumbnails = new Map();
  #refreshTimer = 0;
  /** A photo has come at the end, which is to be seen. */
  #toEnd = false;

  /** @param {PhotoClass} photoClass */
  constructor(photoClass) {
    super();
    this.#class = photoClass;
    this.#add = fileButton('button', { label: text.classes.upload, hint: '', picture: 'photos', pick: (files) => emit(this, 'files', { files }) });
    this.element = el(
      'article.class-card',
      { data: { classId: photoClass.id, drop: 'class' } },
      el('header.class-head', {}, this.#name, this.#count, this.#switch, this.#remove),
      this.#nameError,
      this.#shots,
      this.#empty,
      this.#slot,
      el('div.class-actions', {}, this.#camera, this.#add, el('span.paste-hint', {}, text.classes.pasteTarget)),
    );
    colour(this.element, photoClass.hue);
    this.#listen();
    for (const shot of photoClass.shots) this.addShot(shot);
    this.refreshName();
  }

  #listen() {
    this.#name.addEventListener('change', () => emit(this, 'rename', { name: this.#name.value }));
    this.#name.addEventListener('keydown', (/** @type {KeyboardEvent} */ event) => {
      if (event.key === 'Enter') this.#name.blur();
      if (event.key === 'Escape') this.refreshName();
    });
    this.#name.addEventListener('focus', () => this.#name.select());
    this.#switch.addEventListener('change', () => emit(this, 'switch', { active: this.#switch.checked }));
    this.#remove.addEventListener('click', () => emit(this, 'remove'));
    this.#camera.addEventListener('click', () => emit(this, 'camera'));
    this.element.addEventListener('pointerdown', () => emit(this, 'touched'));
    this.element.addEventListener('focusin', () => emit(this, 'touched'));
    this.#shots.addEventListener('click', (/** @type {any} */ event) => this.#shotClicked(event.target));
    this.#shots.addEventListener('keydown', (/** @type {any} */ event) => {
      const item = event.target.closest('li');
      if (item && (event.key === 'Delete' || event.key === 'Backspace')) emit(this, 'remove-shot', { shotId: Number(item.dataset.shotId) });
    });
  }

  /** @param {HTMLElement} target */
  #shotClicked(target) {
    const item = /** @type {HTMLElement | null} */ (target.closest('li'));
    if (!item) return;
    const type = target.closest('.shot-remove') ? 'remove-shot' : 'open-shot';
    emit(this, type, { shotId: Number(item.dataset.shotId) });
  }

  focusName() {
    this.#name.focus();
  }

  /** @param {Shot} shot */
  focusShot(shot) {
    (this.#thumbnails.get(shot.id)?.querySelector('button') ?? this.#name).focus();
  }

  /** Shows the name as it is, in place of what is being typed. */
  refreshName() {
    this.#name.value = this.#class.name;
    this.#name.removeAttribute('aria-invalid');
    this.#nameError.hidden = true;
    this.refresh();
  }

  /** The same in a moment, once for many changes. */
  refreshSoon() {
    this.#refreshTimer ||= setTimeout(() => this.refresh(), 20);
  }

  /** Counts and labels; name and thumbnails are left as they are. */
  refresh() {
    clearTimeout(this.#refreshTimer);
    this.#refreshTimer = 0;
    const { name, active, shots } = this.#class;
    const count = shotCount(this.#class);
    this.#count.textContent = active ? text.classes.count(count) : text.classes.off;
    this.#count.title = active ? '' : text.classes.offHint;
    this.#switch.checked = active;
    this.#switch.setAttribute('aria-label', text.classes.on(name));
    this.#remove.setAttribute('aria-label', text.classes.remove(name));
    this.#remove.title = text.classes.remove(name);
    this.#add.title = text.classes.uploadFor(name);
    this.#add.firstChild.setAttribute('aria-label', text.classes.uploadFor(name));
    this.#shots.setAttribute('aria-label', text.classes.shots(name));
    this.element.dataset.active = String(active);
    this.#empty.hidden = shots.length > 0;
    this.#shots.hidden = shots.length === 0;
    shots.forEach((shot, index) => this.#labelShot(shot, index + 1));
    if (this.#toEnd) this.#shots.scrollTop = this.#shots.scrollHeight;
    this.#toEnd = false;
    this.showCamera(null);
  }

  /** @param {string} message */
  showNameError(message) {
    this.#nameError.textContent = message;
    this.#nameError.hidden = false;
    this.#name.setAttribute('aria-invalid', 'true');
  }

  /** @param {boolean} selected whether pasted photos come here */
  showSelected(selected) {
    this.element.dataset.selected = String(selected);
  }

  /**
   * Puts the camera into this card; null leaves it as it is and only words the button.
   * @param {HTMLElement | null} panel
   */
  showCamera(panel) {
    if (panel) this.#slot.replaceChildren(panel);
    const open = this.#slot.childElementCount > 0;
    this.#camera.lastChild.textContent = open ? text.classes.closeCamera : text.classes.camera;
    const label = open ? text.classes.closeCameraFor : text.classes.cameraFor;
    this.#camera.setAttribute('aria-label', label(this.#class.name));
    this.#camera.setAttribute('aria-expanded', String(open));
  }

  /** @param {Shot} shot */
  addShot(shot) {
    const open = el('button.shot-open', {}, thumbnail());
    const remove = el('button.shot-remove', {}, icon('close'));
    const item = el('li.shot', { data: { shotId: shot.id } }, open, remove);
    const next = this.#class.shots[this.#class.shots.indexOf(shot) + 1];
    this.#shots.insertBefore(item, (next && this.#thumbnails.get(next.id)) ?? null);
    this.#thumbnails.set(shot.id, item);
    this.updateShot(shot);
    if (!next) this.#toEnd = true;
  }

  /** @param {Shot} shot */
  updateShot(shot) {
    const item = this.#thumbnails.get(shot.id);
    if (!item) return;
    item.dataset.status = shot.status;
    if (shot.picture) showThumbnail(/** @type {HTMLImageElement} */ (item.querySelector('img')), shot.picture);
  }

  /** @param {Shot} shot */
  removeShot(shot) {
    const item = this.#thumbnails.get(shot.id);
    if (!item) return;
    const neighbour = /** @type {HTMLElement | null} */ (item.nextElementSibling ?? item.previousElementSibling);
    if (item.contains(document.activeElement)) (neighbour?.querySelector('button') ?? this.#name).focus();
    item.remove();
    this.#thumbnails.delete(shot.id);
  }

  /**
   * @param {Shot} shot
   * @param {number} number
   */
  #labelShot(shot, number) {
    const item = this.#thumbnails.get(shot.id);
    if (!item) return;
    const words = { ready: text.shot.open, pending: text.shot.pending, failed: text.shot.failed }[shot.status];
    item.children[0].setAttribute('aria-label', words(number, this.#class.name));
    item.children[1].setAttribute('aria-label', text.shot.remove(number));
  }
}
