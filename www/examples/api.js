// Classifies a photo by a share link, with nothing but the API.

import { Classifier } from '../api.js';

const link = /** @type {HTMLInputElement} */ (document.getElementById('link'));
const photo = /** @type {HTMLInputElement} */ (document.getElementById('photo'));
const answer = /** @type {HTMLElement} */ (document.getElementById('answer'));

photo.addEventListener('change', async () => {
  answer.textContent = '…';
  try {
    const classifier = await Classifier.fromLink(link.value);
    const result = await classifier.classify(/** @type {FileList} */ (photo.files)[0]);
    answer.textContent = JSON.stringify(result, null, 2);
    classifier.close();
  } catch (error) {
    answer.textContent = String(error);
  }
});
