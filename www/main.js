// Starts the page: the whole of it, what a share link in the address opens, or what another page embeds.

import { Controller } from './controller.js';
import { Embed } from './embed.js';
import { linkOf } from './fragment.js';
import { language, LANGUAGES } from './strings.js';
import { Viewer } from './viewer.js';

const parameters = new URLSearchParams(location.search);
const wanted = parameters.get('backend');
const backend = wanted === 'cpu' || wanted === 'candle' || wanted === 'webgpu' || wanted === 'wgpu' ? wanted : 'auto';
const oneView = parameters.get('views') === '1';
const oneWorker = parameters.get('workers') === '1';

/** @type {import('./engine/client.js').Wishes} */
const wishes = { backend, oneView, oneWorker };
const link = linkOf(location.hash);

document.documentElement.lang = LANGUAGES[language].tag;
if (parameters.get('embed') === '1') new Embed(document, wishes).start();
else if (link === null) new Controller(document, wishes).start();
else new Viewer(document, wishes, link).start();

// A link that is pasted into the page's own address, or left, is another page.
window.addEventListener('hashchange', () => linkOf(location.hash) !== link && location.reload());
