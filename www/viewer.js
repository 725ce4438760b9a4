// The page of a share link: it names photos and the camera's picture by the link's classifier, and does nothing else. No
// training, no shots; it opens no saved project and keeps nothing.
// Page side. It wires the views that it needs of the ordinary page, as `controller.js` does there.

import { Camera } from './camera.js';
import { EngineClient } from './engine/client.js';
import { watchEngine } from './engine-watch.js';
import { EngineError } from './engine/protocol.js';
import { fromDrop, fromList } from './files.js';
import { fragmentOfNames } from './fragment.js';
import { Model } from './model.js';
import { soon } from './soon.js';
import { text } from './strings.js';
import { Trying } from './trying.js';
import { on } from './views/dom.js';
import { DropView } from './views/drop.js';
import { EngineView } from './views/engine.js';
import { LanguageView } from './views/language.js';
import { NoticeView } from './views/notice.js';
import { ProblemsView } from './views/problems.js';
import { SharedView } from './views/shared.js';
import { ShellView } from './views/shell.js';
import { ToastsView } from './views/toasts.js';

/** @import { SharedClassifier } from './engine/protocol.js' */
/** @import { Wishes } from './engine/client.js' */
/** @import { Picked } from './files.js' */

export class Viewer {
  #page;
  #link;
  #model = new Model(text.classes.defaultName);
  #client;
  #shell;
  #notice;
  #engine = new EngineView();
  #classes = new SharedView();
  #toasts = new ToastsView();
  #problems = new ProblemsView();
  #trying;
  /** @type {SharedClassifier | null} once the link was read */
  #shared = null;
  /** Whether the network that runs is the link's. */
  #fits = false;
  #refreshNow = () => this.#trying.refresh();

  /**
   * @param {Document} page
   * @param {Wishes} wishes of the address
   * @param {string} link the link's text
   */
  constructor(page, wishes, link) {
    this.#page = page;
    this.#link = link;
    this.#shell = new ShellView(page, 'viewer');
    this.#notice = new NoticeView(this.#shell.notice, text.viewer.intro);
    this.#client = new EngineClient(wishes, () => []);
    this.#trying = new Trying({
      model: this.#model,
      client: this.#client,
      camera: new Camera(),
      shell: this.#shell,
      engine: this.#engine,
      toasts: this.#toasts,
      problems: this.#problems,
      canPredict: () => this.#fits,
      canPredictLive: () => this.#fits && this.#client.info !== null,
      asksTruth: false,
    });
    this.#mount();
    this.#listen();
  }

  start() {
    this.#client.start();
    this.#open();
  }

  #mount() {
    const { top, steps, notices } = this.#shell;
    top.append(this.#engine.element, new LanguageView(this.#page).element);
    steps.show.append(this.#classes.element);
    steps.show.hidden = true;
    steps.try.append(...this.#trying.elements);
    steps.try.dataset.drop = 'test';
    notices.append(this.#problems.element, this.#toasts.element);
    notices.after(this.#trying.dialog);
  }

  /** Reads the link, once. What is wrong with it stays on the page; what is wrong with the engine is told by its event. */
  async #open() {
    if (this.#shared) return;
    try {
      const shared = await this.#client.openLink(this.#link);
      for (const own of shared.classes) this.#model.classes.push({ ...own, named: true, active: true, shots: [] });
      this.#classes.show(shared.classes, fragmentOfNames(shared.classes.map(({ name }) => name)));
      this.#shared = shared;
      this.#shell.steps.show.hidden = false;
      this.#check();
    } catch (error) {
      const known = /** @type {EngineError} */ (error);
      if (known.code.startsWith('link-')) this.#refuse(known);
    }
  }

  /** Once both are there: is the network that runs the link's? */
  #check() {
    const { info } = this.#client;
    if (!this.#shared || !info) return;
    this.#fits = info.network.identity.startsWith(this.#shared.network);
    this.#shell.steps.try.hidden = !this.#fits;
    if (!this.#fits) this.#refuse(new EngineError('link-network'));
    else if (info.network.trained) this.#notice.clear();
    else this.#notice.showUntrained();
    this.#refreshSoon();
  }

  /**
   * Nothing can be named by this link.
   * @param {EngineError} error
   */
  #refuse(error) {
    this.#notice.showBadLink(error);
    this.#shell.steps.try.hidden = true;
  }

  #listen() {
    const client = this.#client;
    watchEngine({ page: this.#page, client, engine: this.#engine, notice: this.#notice, toasts: this.#toasts }, () => this.#refreshSoon());
    on(client, 'ready', () => {
      this.#trying.embedMissing();
      this.#check();
    });
    on(this.#notice, 'retry', () => {
      this.#notice.clear();
      this.start();
    });
    on(this.#model, 'change', () => this.#refreshSoon());
    on(this.#trying, 'toggle', () => this.#refreshSoon());
    on(this.#trying, 'files', ({ files }) => this.#take(fromList(files)));
    const drop = new DropView(this.#page);
    on(drop, 'drop', async ({ transfer }) => this.#take(await fromDrop(transfer)));
    on(drop, 'paste', ({ files }) => this.#take(fromList(files)));
  }

  /** @param {Picked[]} picked */
  #take(picked) {
    for (const { file } of picked) this.#trying.add(file, file.name, null);
  }

  /** What follows from many changes is worked out once. */
  #refreshSoon() {
    soon(this.#refreshNow);
  }
}
