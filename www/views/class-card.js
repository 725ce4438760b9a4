// One class: its name, its switch, its photos, and the ways to add more.
// Events: `rename`, `switch`, `remove`, `files`, `camera`, `open-shot`, `remove-shot`, `touched`.

import { shotCount } from '../model.js';
import { soon } from '../soon.js';
import { text } from '../strings.js';
import { colour, dropHint, el, emit, fileButton, icon, write } from './dom.js';
import { ShotListView } from './shot-list.js';

/** @import { PhotoClass, Shot } from '../model.js' */

export class ClassCardView extends EventTarget {
  #class;
  #name = el('input.class-name', { type: 'text', maxLength: 60, autocomplete: 'off', spellcheck: false, aria: { label: text.classes.nameLabel } });
  #nameError = el('p.name-error', { role: 'alert', hidden: true });
  #count = el('span.class-count');
  #switch = el('input.switch', { type: 'checkbox', role: 'switch' });
  #remove = el('button.icon-button', { data: { action: 'remove-class' } }, icon('bin'));
  #shots;
  #empty = dropHint(text.classes.empty);
  #camera = el('button.button', { data: { action: 'camera' } }, icon('camera'), el('span'));
  #add;
  #slot = el('div.capture-slot');
  #refreshNow = () => this.refresh();
  /** A photo has come at the end, which is to be seen. */
  #toEnd = false;

  /** @param {PhotoClass} photoClass */
  constructor(photoClass) {
    super();
    this.#class = photoClass;
    this.#shots = new ShotListView(photoClass);
    this.#add = fileButton('button', { label: text.classes.upload, hint: '', picture: 'photos', pick: (files) => emit(this, 'files', { files }) });
    this.element = el(
      'article.class-card',
      { data: { classId: photoClass.id, drop: 'class' } },
      el('header.class-head', {}, this.#name, this.#count, this.#switch, this.#remove),
      this.#nameError,
      this.#shots.element,
      this.#empty,
      this.#slot,
      el('div.class-actions', {}, this.#camera, this.#add, el('span.paste-hint', {}, text.classes.pasteTarget)),
    );
    colour(this.element, photoClass.hue);
    this.#listen();
    this.#toEnd = photoClass.shots.length > 0;
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
    for (const type of ['open-shot', 'remove-shot']) {
      this.#shots.addEventListener(type, (/** @type {any} */ event) => emit(this, type, event.detail));
    }
  }

  focusName() {
    this.#name.focus();
  }

  /** @param {Shot} shot */
  focusShot(shot) {
    if (!this.#shots.focusShot(shot)) this.#name.focus();
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
    soon(this.#refreshNow);
  }

  /** Counts, labels and photos; the name is left as it is. */
  refresh() {
    const { name, active, shots } = this.#class;
    const count = shotCount(this.#class);
    write(this.#count, active ? text.classes.count(count) : text.classes.off);
    this.#count.title = active ? '' : text.classes.offHint;
    this.#switch.checked = active;
    this.#switch.setAttribute('aria-label', text.classes.on(name));
    this.#remove.setAttribute('aria-label', text.classes.remove(name));
    this.#remove.title = text.classes.remove(name);
    this.#add.title = text.classes.uploadFor(name);
    this.#add.firstChild.setAttribute('aria-label', text.classes.uploadFor(name));
    this.element.dataset.active = String(active);
    this.element.dataset.ready = String(shots.filter(({ status }) => status === 'ready').length);
    this.#empty.hidden = shots.length > 0;
    this.#shots.refresh(this.#toEnd);
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
    write(this.#camera.lastElementChild, open ? text.classes.closeCamera : text.classes.camera);
    const label = open ? text.classes.closeCameraFor : text.classes.cameraFor;
    this.#camera.setAttribute('aria-label', label(this.#class.name));
    this.#camera.setAttribute('aria-expanded', String(open));
  }

  /** @param {Shot} shot */
  addShot(shot) {
    if (this.#class.shots.at(-1) === shot) this.#toEnd = true;
  }

  /** @param {Shot} shot */
  removeShot(shot) {
    if (!this.#shots.removeShot(shot)) this.#name.focus();
  }
}
