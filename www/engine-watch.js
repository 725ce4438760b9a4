// What both pages show of the engine: its start and speed in the header, failures in the notice, a restart in a toast.
// Page side: it wires the client to views. What follows from it for photos and answers is the owner's.

import { text } from './strings.js';
import { on } from './views/dom.js';

/** @import { EngineClient } from './engine/client.js' */
/** @import { EngineView } from './views/engine.js' */
/** @import { NoticeView } from './views/notice.js' */
/** @import { ToastsView } from './views/toasts.js' */

/**
 * @param {{page: Document, client: EngineClient, engine: EngineView, notice: NoticeView, toasts: ToastsView}} parts
 * @param {() => void} changed called when the engine has failed or was restarted
 */
export function watchEngine({ page, client, engine, notice, toasts }, changed) {
  const { dataset } = page.documentElement;
  const report = (/** @type {'loading' | 'ready' | 'failed'} */ state) => {
    dataset.engine = state;
    if (state === 'ready') dataset.backend = client.info?.backend;
    else delete dataset.backend;
  };
  on(client, 'progress', (progress) => {
    report('loading');
    engine.showProgress(progress);
  });
  on(client, 'ready', (info) => {
    report('ready');
    engine.showReady(info);
  });
  on(client, 'failed', (error) => {
    report('failed');
    engine.showFailed();
    notice.showFailure(error);
    changed();
  });
  on(client, 'restarted', ({ quiet }) => {
    report('loading');
    if (!quiet) toasts.show(text.engine.restarted);
    changed();
  });
}
