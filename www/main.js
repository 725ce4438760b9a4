// Starts the page. Reads the address, makes the controller, and shows what nobody else caught.

import { Controller } from './controller.js';

const parameters = new URLSearchParams(location.search);
const wanted = parameters.get('backend');
const backend = wanted === 'cpu' || wanted === 'candle' || wanted === 'webgpu' ? wanted : 'auto';
const oneView = parameters.get('views') === '1';
const oneWorker = parameters.get('workers') === '1';

document.documentElement.dataset.engine = 'loading';
new Controller(document, { backend, oneView, oneWorker }).start();
