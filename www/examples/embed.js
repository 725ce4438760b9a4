// Asks an embedded Glimpse by messages: a request with an id, and the answer that carries the same id.

const frame = /** @type {HTMLIFrameElement} */ (document.getElementById('glimpse'));
const link = /** @type {HTMLInputElement} */ (document.getElementById('link'));
const photo = /** @type {HTMLInputElement} */ (document.getElementById('photo'));
const answer = /** @type {HTMLElement} */ (document.getElementById('answer'));
const home = new URL(frame.src).origin;

/** @type {Map<number, (message: any) => void>} */
const waiting = new Map();
let next = 0;

addEventListener('message', (event) => {
  if (event.source !== frame.contentWindow || event.origin !== home || event.data?.glimpse !== 1) return;
  waiting.get(event.data.id)?.(event.data);
  waiting.delete(event.data.id);
});

/** @param {Record<string, unknown>} request */
async function ask(request) {
  const id = next++;
  const answered = new Promise((resolve) => waiting.set(id, resolve));
  frame.contentWindow?.postMessage({ glimpse: 1, id, ...request }, home);
  const { ok, error } = await answered;
  if (error) throw new Error(`${error.code}: ${error.message}`);
  return ok;
}

photo.addEventListener('change', async () => {
  answer.textContent = '…';
  try {
    await ask({ op: 'load', link: link.value });
    answer.textContent = JSON.stringify(await ask({ op: 'classify', image: photo.files?.[0] }), null, 2);
  } catch (error) {
    answer.textContent = String(error);
  }
});
