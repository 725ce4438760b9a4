// Starts the page. Reads the address, makes the controller, and shows what nobody else caught.

import { Controller } from './controller.js';

const wanted = new URLSearchParams(location.search).get('backend');
const backend = wanted === 'cpu' || wanted === 'webgpu' ? wanted : 'auto';

document.documentElement.dataset.engine = 'loading';
new Controller(document, backend).start();
