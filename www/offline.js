// Keeps the page for visits without a network, through the service worker sw.js, and learns of new versions of the page.
// Page side. It does nothing in a page that is not packed: `cargo xtask dist` writes the version into the folder's name.
// Events: `update`, once, when there is a new version.

import { emit } from './views/dom.js';

/** How often, in milliseconds, a page that stays open asks for a new version. */
const LOOK_EVERY = 3_600_000;

export class Offline extends EventTarget {
  #version = /\/www-(\w+)\/offline\.js$/.exec(import.meta.url)?.[1];
  /** Insecure pages have none. @type {ServiceWorkerContainer | undefined} */
  #container = this.#version ? navigator.serviceWorker : undefined;
  /** @type {Promise<void> | null} */
  #registered = null;
  #told = false;

  constructor() {
    super();
    const container = this.#container;
    if (!container) return;
    let kept = container.controller !== null;
    container.addEventListener('controllerchange', () => {
      // Another version has taken over: the visitor asked for it here or in another tab.
      if (kept) location.reload();
      kept = true;
    });
    container.addEventListener('message', ({ data }) => data.version !== this.#version && this.#tell());
    container.startMessages();
    if (kept) this.#register();
  }

  /**
   * The page works, with this module: from now on it works without a network too.
   * @param {import('./engine/module.js').ModuleName} module
   */
  async keep(module) {
    if (!this.#container) return;
    await this.#register();
    const { active } = await this.#container.ready;
    active?.postMessage({ version: this.#version, module });
  }

  /** Changes to the new version, in all tabs. */
  async reload() {
    const registration = await this.#container?.getRegistration();
    const waiting = registration?.waiting;
    if (!waiting) return location.reload();
    waiting.addEventListener('statechange', () => waiting.state !== 'activating' && location.reload());
    waiting.postMessage({ takeOver: true });
  }

  #register() {
    return (this.#registered ??= this.#start().catch(() => {})); // Some private modes refuse: the page does without.
  }

  async #start() {
    const container = /** @type {ServiceWorkerContainer} */ (this.#container);
    const registration = await container.register('./sw.js', { updateViaCache: 'none' });
    const look = () => registration.waiting && registration.active && this.#tell();
    const watch = () => registration.installing?.addEventListener('statechange', look);
    registration.addEventListener('updatefound', watch);
    watch();
    look();
    setInterval(() => registration.update().catch(() => {}), LOOK_EVERY);
  }

  #tell() {
    if (!this.#told) emit(this, 'update');
    this.#told = true;
  }
}
