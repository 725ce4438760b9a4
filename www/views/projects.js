// The header's project menu: the project's name, whether it is kept, its file, and the other projects of this browser.
// Events: `opened`, `rename` ({name}), `create`, `open` ({id}), `remove` ({id}), `save-file`, `file` ({file}). It shows what it is told.

import { text } from '../strings.js';
import { el, emit, fileButton, icon, write } from './dom.js';

/** @import { Summary } from '../storage/project-store.js' */
/** @import { SaveState } from '../storage/autosave.js' */

const words = text.projects;

export class ProjectsView extends EventTarget {
  #name = el('span.project-label');
  #mark = el('span.project-mark', { aria: { hidden: 'true' } });
  #state = el('span.visually-hidden');
  #input = el('input.project-name', { id: 'project-name', maxLength: 120, autocomplete: 'off' });
  #kept = el('p.project-kept', { id: 'project-kept' });
  #saveFile = el('button.button', { id: 'save-project', title: words.saveHint, on: { click: () => emit(this, 'save-file') } }, icon('save'), el('span', {}, words.save));
  #list = el('ul.project-list');
  #others = el('h2.project-heading', { id: 'projects-title' }, words.others);
  #space = el('p.project-space', { id: 'project-space' });

  constructor() {
    super();
    const summary = el('summary.project-summary', {}, this.#mark, this.#name, this.#state, icon('chevron'));
    const load = fileButton('button', { label: words.load, hint: words.loadHint, picture: 'load', id: 'project-input', accept: '.glimpse,.zip,.tm', multiple: false, pick: ([file]) => this.#leave('file', { file }) });
    const create = el('button.button', { id: 'new-project', on: { click: () => this.#leave('create') } }, icon('plus'), el('span', {}, words.create));
    const name = el('label.project-field', {}, el('span', {}, words.name), this.#input);
    const panel = el('div.project-panel', {}, name, this.#kept, el('div.project-tools', {}, this.#saveFile, load, create), this.#others, this.#list, this.#space);
    this.element = el('details.projects', { id: 'projects' }, summary, panel);
    this.#input.addEventListener('change', () => emit(this, 'rename', { name: this.#input.value }));
    this.#input.addEventListener('keydown', (/** @type {KeyboardEvent} */ event) => event.key === 'Enter' && this.#input.blur());
    this.element.addEventListener('toggle', () => this.element.open && emit(this, 'opened'));
    this.element.addEventListener('keydown', (/** @type {KeyboardEvent} */ event) => event.key === 'Escape' && this.#close());
    document.addEventListener('pointerdown', (event) => {
      if (this.element.open && !this.element.contains(/** @type {Node} */ (event.target))) this.element.open = false;
    });
  }

  /**
   * @param {string} name
   * @param {SaveState} state
   */
  showProject(name, state) {
    write(this.#name, name);
    if (document.activeElement !== this.#input) this.#input.value = name;
    this.element.dataset.state = state;
    write(this.#state, words.states[state]);
    write(this.#kept, words.states[state]);
  }

  /**
   * @param {Summary[]} others
   * @param {string} space what the browser says of the room it gives
   */
  showOthers(others, space) {
    this.#others.hidden = others.length === 0;
    if (this.#list.contains(document.activeElement)) this.#input.focus();
    this.#list.replaceChildren(...others.map((one) => this.#item(one)));
    this.#space.textContent = space;
  }

  /** @param {Summary} project */
  #item({ id, name, classes, photos, bytes, updated }) {
    const about = words.about(classes, photos, bytes, updated);
    const open = el('button.project-open', { on: { click: () => this.#leave('open', { id }) } }, el('strong', {}, name), el('small', {}, about));
    const remove = el('button.icon-button', { aria: { label: words.remove(name) }, on: { click: () => emit(this, 'remove', { id }) } }, icon('bin'));
    return el('li.project-item', { data: { project: id } }, open, remove);
  }

  /**
   * @param {string} type
   * @param {any} [detail]
   */
  #leave(type, detail) {
    this.#close();
    emit(this, type, detail);
  }

  #close() {
    if (!this.element.open) return;
    this.element.open = false;
    this.element.firstChild.focus();
  }
}
