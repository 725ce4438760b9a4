// The visitor's projects: which one is open, how it is kept, files in and out, what another tab does with it.
// Page side. It owns the model's contents as a whole and touches no single photo; drawing is the views'.

import { release } from './engine/bytes.js';
import { Autosave } from './storage/autosave.js';
import { OWN } from './storage/database.js';
import { ProjectStore } from './storage/project-store.js';
import { explain, text } from './strings.js';
import { download, on, releaseAddress } from './views/dom.js';
import { ImportView } from './views/import.js';
import { KeepingView } from './views/keeping.js';
import { ProjectsView } from './views/projects.js';

/** @import { EngineClient } from './engine/client.js' */
/** @import { Model } from './model.js' */
/** @import { Extras, Photos, Project } from './storage/project-store.js' */
/** @import { ToastsView } from './views/toasts.js' */

/** By which this tab finds its project again after a reload. */
const TAB_KEY = `${OWN}:project`;
/** What a project that has just begun knows besides its photos. @type {Extras} */
const NOTHING = { network: '', settings: null, threshold: null, head: null, metric: null };

/**
 * What the page does for its projects: `extras` tells what is to be kept besides photos, `restore` takes it back once the
 * model is filled; `begin` gives the model what a new project starts with; `samples` adds photos by the names of their classes.
 * @typedef {{extras: () => Extras, restore: (extras: Extras) => void, begin: (names?: string[]) => void, samples: (samples: any[]) => void}} Page
 */

export class Projects {
  menu = new ProjectsView();
  alert = new KeepingView();
  question = new ImportView();
  #model;
  #client;
  #toasts;
  #page;
  #store = new ProjectStore();
  #autosave;
  /** Tells other tabs of this browser which project was taken. */
  #channel = new BroadcastChannel(`${OWN}:projects`);
  /** Whether the browser was asked to keep what is here for good. */
  #askedToPersist = false;

  /**
   * @param {{model: Model, client: EngineClient, toasts: ToastsView, page: Page}} parts
   */
  constructor({ model, client, toasts, page }) {
    this.#model = model;
    this.#client = client;
    this.#toasts = toasts;
    this.#page = page;
    this.#autosave = new Autosave(this.#store, model, { name: text.projects.untitled, extras: page.extras });
    this.#autosave.addEventListener('state', () => this.#showState());
    this.#listen();
    this.#showState();
  }

  /**
   * Opens what this tab had open, else the project that was open last, else nothing.
   * @param {string[] | null} names of classes with which a new project is to begin
   */
  async start(names) {
    if (names) return this.#page.begin(names);
    let open = false;
    try {
      await this.#store.purge();
      const last = sessionStorage.getItem(TAB_KEY) ?? (await this.#store.list())[0]?.id;
      open = last !== undefined && (await this.#load(last));
    } catch (error) {
      // That nothing can be kept is told once there is something to keep.
      if (/** @type {any} */ (error).code === 'storage-newer') this.alert.showFailed(error);
    }
    if (!open) this.#page.begin();
  }

  /** Something that `extras` tells has changed. */
  touch() {
    this.#autosave.touch();
  }

  /**
   * Names the project where it has no name of its own.
   * @param {string} name
   */
  suggestName(name) {
    if (this.#autosave.name === text.projects.untitled) this.#autosave.rename(name);
  }

  /** @param {File} file a project file, or samples from elsewhere */
  async takeFile(file) {
    const read = await this.#client.readProject(file);
    if (read.samples) return this.#page.samples(read.samples);
    const { project, head, metric } = read;
    const photos = project.classes.reduce((/** @type {number} */ sum, /** @type {any} */ own) => sum + own.shots.length, project.tests.length);
    const empty = this.#autosave.state === 'empty';
    const choice = empty ? 'open' : await this.question.ask(project.name, project.classes.length, photos);
    if (choice === 'open') await this.#openFile(project, head, metric);
    if (choice === 'add') this.#addFile(project);
  }

  #listen() {
    on(this.menu, 'opened', () => this.#refreshList());
    on(this.menu, 'rename', ({ name }) => this.#rename(name));
    on(this.menu, 'create', () => this.create());
    on(this.menu, 'open', ({ id }) => this.#open(id));
    on(this.menu, 'remove', ({ id }) => this.#remove(id));
    on(this.menu, 'save-file', () => this.saveFile());
    on(this.menu, 'file', ({ file }) => this.takeFile(file).catch((error) => this.#toasts.show(explain(error))));
    on(this.alert, 'retry', () => this.touch());
    on(this.alert, 'save-file', () => this.saveFile());
    on(this.alert, 'claim', () => this.#claim());
    this.#channel.addEventListener('message', ({ data }) => {
      if (data.taken === this.#autosave.id) this.touch(); // The next save finds out whether that still holds.
    });
    document.addEventListener('visibilitychange', () => document.visibilityState === 'hidden' && this.#autosave.flush());
    addEventListener('pagehide', ({ persisted }) => this.#leave(persisted));
  }

  /**
   * Writes what waits. A page that is gone for good, with all of it kept, gives its embeddings back: the next page has its own
   * before the browser's collector comes for these.
   * @param {boolean} returns whether it may be shown again as it is
   */
  #leave(returns) {
    this.#autosave.flush();
    if (returns || this.#autosave.state !== 'saved') return;
    for (const { embedding } of this.#model.photos) if (embedding) release(/** @type {ArrayBuffer} */ (embedding.buffer));
  }

  #showState() {
    const { state, error, name, id } = this.#autosave;
    this.menu.showProject(name, state);
    document.documentElement.dataset.kept = state;
    if (state === 'failed') this.alert.showFailed(error);
    else if (state === 'taken') this.alert.showTaken();
    else if (state !== 'unsaved') this.alert.clear();
    if (state !== 'saved' || id === null) return;
    sessionStorage.setItem(TAB_KEY, id);
    if (this.#model.classes.some(({ shots }) => shots.length > 0)) this.#persist();
  }

  /** Asked once there is something to lose. */
  async #persist() {
    if (this.#askedToPersist || !navigator.storage?.persist) return;
    this.#askedToPersist = true;
    if (!(await navigator.storage.persisted())) await navigator.storage.persist();
  }

  /**
   * Reads a project from the browser and shows it.
   * @param {string} id
   */
  async #load(id) {
    const found = await this.#store.open(id, this.#autosave.owner);
    if (!found) return false;
    this.#show(found.project, found.photos);
    this.#autosave.attach(found.project, found.photos);
    this.#channel.postMessage({ taken: id });
    return true;
  }

  /**
   * Puts a project in the place of what the page shows.
   * @param {Project} project
   * @param {Photos} photos
   */
  #show(project, { pictures, embeddings }) {
    const photo = (/** @type {{id: number, name: string}} */ { id, name }) => {
      return { id, name, picture: pictures.get(id) ?? null, embedding: embeddings.get(id) ?? null };
    };
    this.#replace({
      classes: project.classes.map((own) => ({ ...own, shots: own.shots.map(photo) })),
      tests: project.tests.map((test) => ({ ...photo(test), classId: test.classId })),
    });
    this.#page.restore(project);
  }

  /**
   * What was shown before is let go.
   * @param {import('./model.js').Contents} contents
   */
  #replace(contents) {
    this.#toasts.clear();
    const photos = [...this.#model.photos, ...this.#model.pair];
    this.#model.replace(contents);
    for (const photo of photos) releaseAddress(photo?.picture ?? null);
  }

  /** @param {string} name */
  #rename(name) {
    const tidied = name.replace(/\s+/g, ' ').trim();
    if (tidied) this.#autosave.rename(tidied);
    this.#showState();
  }

  /**
   * Begins a project; the one that was open stays in the browser.
   * @param {string[]} [names] of its classes
   */
  async create(names) {
    await this.#autosave.flush();
    this.#autosave.detach();
    sessionStorage.removeItem(TAB_KEY);
    this.#replace({ classes: [], tests: [] });
    this.#page.restore(NOTHING);
    this.#page.begin(names);
  }

  /** @param {string} id */
  #open(id) {
    return this.#attempt(async () => {
      await this.#autosave.flush();
      if (!(await this.#load(id))) this.#toasts.show(text.projects.gone);
    });
  }

  /** Takes the project back from another tab, as that one left it. */
  #claim() {
    return this.#attempt(async () => {
      const id = this.#autosave.id;
      if (id === null || !(await this.#load(id))) this.#autosave.writeAnew();
    });
  }

  /** @param {string} id */
  #remove(id) {
    return this.#attempt(async () => {
      const name = (await this.#store.list()).find((one) => one.id === id)?.name ?? '';
      await this.#store.mark(id, true);
      const undo = () => this.#attempt(async () => {
        await this.#store.mark(id, false);
        await this.#refreshList();
      });
      const gone = () => this.#attempt(() => this.#store.purge());
      this.#toasts.show(text.projects.removed(name), { undo, gone });
      await this.#refreshList();
    });
  }

  #refreshList() {
    return this.#attempt(async () => {
      const others = (await this.#store.list()).filter(({ id }) => id !== this.#autosave.id);
      const { usage = 0, quota = 0 } = (await navigator.storage?.estimate?.()) ?? {};
      const persisted = (await navigator.storage?.persisted?.()) ?? false;
      this.menu.showOthers(others, quota > 0 ? text.projects.space(usage, quota, persisted) : '');
    });
  }

  // ---- files

  /** Gives the project to the browser's downloads, as a file. */
  async saveFile() {
    const { classes, tests } = this.#model;
    const { network, settings, threshold, head } = this.#page.extras();
    const place = new Map(classes.map(({ id }, index) => [id, index]));
    const photo = (/** @type {any} */ { name, picture, embedding }) => ({ name, picture, embedding });
    const withPicture = (/** @type {{picture: Blob | null}} */ { picture }) => picture !== null;
    const project = {
      name: this.#autosave.name,
      created: new Date(this.#autosave.created).toISOString(),
      updated: new Date().toISOString(),
      network,
      options: settings,
      method: head?.method ?? null,
      threshold,
      classes: classes.map(({ name, named, hue, active, shots }) => ({ name, named, hue, active, shots: shots.filter(withPicture).map(photo) })),
      tests: tests.filter(withPicture).map((test) => ({ ...photo(test), class: test.classId === null ? null : (place.get(test.classId) ?? null) })),
    };
    const written = await this.#client.writeProject(project, head?.bytes ?? null).catch((error) => this.#toasts.show(explain(error)));
    if (written) download(written.file, text.projects.file(project.name));
  }

  /**
   * @param {import('./engine/protocol.js').Project} project as a file has it
   * @param {Uint8Array | null} bytes of the trained head
   * @param {Uint8Array<ArrayBuffer> | null} metric that was loaded when it was trained
   */
  async #openFile(project, bytes, metric) {
    await this.#autosave.flush();
    this.#autosave.detach();
    const { network, options: settings, threshold, method } = project;
    this.#replace(this.#model.numbered(project, network !== ''));
    const head = bytes && method && { method, bytes };
    this.#page.restore({ network, settings, threshold, head, metric: metric && new File([metric], text.projects.metric) });
    this.#autosave.rename(project.name);
  }

  /**
   * Adds a file's photos to those that are here; what another network saw in them is not taken.
   * @param {any} project
   */
  #addFile(project) {
    const same = project.network === this.#page.extras().network;
    this.#model.merge(this.#model.numbered(project, same));
    this.#toasts.show(text.projects.added(project.name));
  }

  /**
   * What the browser's storage refuses is said, and the page goes on.
   * @param {() => Promise<void>} work
   */
  async #attempt(work) {
    try {
      await work();
    } catch (error) {
      this.#toasts.show(explain(error));
    }
  }
}
