// An answer: the winner, or that it is none of these, with the most similar shot beside it, and a bar for each class.
// Rows keep their place while numbers change, so that a live answer can be read, and words are written where they change alone,
// since the camera brings twenty answers a second. It reads the model and changes nothing.

import { USUAL_THRESHOLD } from '../engine/protocol.js';
import { percent, text } from '../strings.js';
import { addressOf, colour, el, write } from './dom.js';

/** @import { Familiarity, Prediction } from '../engine/protocol.js' */
/** @import { Model } from '../model.js' */

export class PredictionView {
  #model;
  #most;
  #name = el('strong.winner-name');
  #share = el('span.winner-share');
  #picture = el('img', { alt: '', width: 224, height: 224, hidden: true });
  #caption = el('figcaption');
  #bars = el('ol.bars', { aria: { label: text.prediction.probabilities } });
  #more = el('p.bars-more', { hidden: true });
  #familiarity = el('p.familiarity');
  #threshold = USUAL_THRESHOLD;
  /** @type {Prediction | null} */
  #shown = null;
  /** @type {Map<number, HTMLElement>} */
  #rows = new Map();

  /**
   * @param {Model} model
   * @param {{most?: number}} [options] the highest number of bars; with it the likeliest come first
   */
  constructor(model, { most = Infinity } = {}) {
    this.#model = model;
    this.#most = most;
    const nearest = el('figure.nearest', {}, this.#picture, this.#caption);
    const winner = el('div.winner', {}, el('div.winner-words', {}, this.#name, this.#share), nearest);
    this.element = el('div.prediction', { data: { prediction: '' } }, winner, this.#bars, this.#more, this.#familiarity);
    this.clear(text.prediction.noneYet);
  }

  /** The likeliest class; null where there is no answer. */
  get winnerId() {
    const { winnerId } = this.element.dataset;
    return winnerId === undefined ? null : Number(winnerId);
  }

  /** @param {string} words */
  clear(words) {
    if (!this.#shown && this.element.dataset.empty && this.#name.textContent === words) return;
    this.#shown = null;
    this.element.dataset.empty = 'true';
    delete this.element.dataset.familiar;
    delete this.element.dataset.familiarity;
    delete this.element.dataset.winnerId;
    delete this.element.dataset.method;
    this.#name.textContent = words;
    this.#share.textContent = '';
    this.#caption.textContent = '';
    this.#picture.hidden = true;
    this.#picture.removeAttribute('src');
    this.#more.hidden = true;
    this.#familiarity.textContent = '';
    this.#bars.replaceChildren();
    this.#rows.clear();
  }

  /**
   * Shows the answer anew with another threshold.
   * @param {number} threshold how sure it must be that a photo is one of the classes, 0 to 1
   */
  setThreshold(threshold) {
    this.#threshold = threshold;
    return this.#shown && this.show(this.#shown);
  }

  /**
   * @param {Prediction} prediction
   * @returns {{name: string, share: string} | null} the answer in words
   */
  show(prediction) {
    const { method, scores, nearest, familiarity } = prediction;
    this.#shown = prediction;
    const known = scores.flatMap(({ classId, probability }) => {
      const photoClass = this.#model.findClass(classId);
      return photoClass ? [{ photoClass, probability }] : [];
    });
    if (known.length === 0) return null;
    const winner = known.reduce((best, score) => (score.probability > best.probability ? score : best));
    this.element.dataset.empty = 'false';
    this.element.dataset.method = method;
    this.element.dataset.winnerId = String(winner.photoClass.id);
    colour(this.element, winner.photoClass.hue);
    const answer = this.#answer(winner.photoClass.name, winner.probability, familiarity);
    write(this.#name, answer.name);
    write(this.#share, answer.share);
    this.#showNearest(nearest);
    this.#showBars(this.#chosen(known), winner.photoClass.id);
    this.#more.hidden = known.length <= this.#most;
    write(this.#more, text.prediction.more(known.length - this.#most));
    return answer;
  }

  /**
   * @param {string} name of the likeliest class
   * @param {number} probability
   * @param {Familiarity} familiarity
   */
  #answer(name, probability, familiarity) {
    const words = text.prediction;
    const familiar = familiarity.probability >= this.#threshold;
    this.element.dataset.familiar = String(familiar);
    this.element.dataset.familiarity = String(familiarity.probability);
    const say = familiarity.certain ? words.familiarity : words.roughFamiliarity;
    write(this.#familiarity, say(familiarity.probability));
    return familiar ? { name, share: percent(probability) } : { name: words.noneOfThese, share: words.closest(name) };
  }

  /**
   * In the page's order, or the likeliest where there is room for a few.
   * @param {{photoClass: import('../model.js').PhotoClass, probability: number}[]} scores
   */
  #chosen(scores) {
    if (this.#most !== Infinity) return [...scores].sort((a, b) => b.probability - a.probability).slice(0, this.#most);
    const place = (/** @type {typeof scores[number]} */ score) => this.#model.classes.indexOf(score.photoClass);
    return [...scores].sort((a, b) => place(a) - place(b));
  }

  /** @param {Prediction['nearest']} nearest */
  #showNearest(nearest) {
    if (!nearest) return;
    const { shotId, similarity } = nearest;
    const found = this.#model.findShot(shotId);
    const picture = found?.shot.picture ?? null;
    if (found) colour(this.#picture, found.photoClass.hue);
    const words = similarity.toFixed(2);
    this.#picture.hidden = picture === null;
    if (picture && this.#picture.src !== addressOf(picture)) this.#picture.src = addressOf(picture);
    this.#picture.alt = text.prediction.nearest(words);
    write(this.#caption, text.prediction.nearestShort(words));
    this.element.dataset.nearestShotId = String(shotId);
    this.element.dataset.similarity = String(similarity);
  }

  /**
   * @param {{photoClass: import('../model.js').PhotoClass, probability: number}[]} scores
   * @param {number} winnerId
   */
  #showBars(scores, winnerId) {
    const rows = scores.map(({ photoClass, probability }) => {
      const row = this.#rows.get(photoClass.id) ?? this.#newRow(photoClass.id);
      row.dataset.probability = String(probability);
      row.dataset.winner = String(photoClass.id === winnerId);
      row.style.setProperty('--share', probability.toFixed(4));
      colour(row, photoClass.hue);
      write(row.children[0], photoClass.name);
      write(row.children[2], percent(probability));
      return row;
    });
    const inPlace = rows.length === this.#bars.childElementCount && rows.every((row, index) => row === this.#bars.children[index]);
    if (!inPlace) this.#bars.replaceChildren(...rows);
  }

  /** @param {number} classId */
  #newRow(classId) {
    const row = el('li.bar', { data: { classId } }, el('span.bar-name'), el('span.bar-track', { aria: { hidden: 'true' } }, el('span.bar-fill')), el('span.bar-share'));
    this.#rows.set(classId, row);
    return row;
  }
}
