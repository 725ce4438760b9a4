// Step 3, "same or different?": two photos, one answer, by a Siamese network.
// Events: `files` ({place, files}), `remove` ({place}), `snap`, `train`. It reads the model and changes nothing.

import { text } from '../strings.js';
import { addressOf, el, emit, fileButton, icon, write } from './dom.js';

/** @import { Model } from '../model.js' */

const words = text.pair;
/** What is shown while there is no answer, by how many photos are there. */
const COUNTED = /** @type {const} */ (['empty', 'one', 'waiting']);

/**
 * Whether two photos can be compared: by which network, or why not yet. `reason` says why no network can be trained now.
 * @typedef {{network: 'trained' | 'loaded' | 'training' | 'none', name: string, reason: string | null}} Means
 */

export class PairView extends EventTarget {
  #model;
  #places = [0, 1].map((place) => new PlaceView(this, place));
  #sign = el('span.pair-sign', { aria: { hidden: 'true' } });
  #snap = el('button.button', { id: 'pair-snap', hidden: true, on: { click: () => emit(this, 'snap') } }, icon('camera'), el('span', {}, words.snap));
  #answer = el('strong.pair-answer');
  #note = el('span.pair-note');
  #train = el('button.button', { id: 'pair-train', hidden: true, on: { click: () => emit(this, 'train') } }, words.train);
  #reason = el('p.pair-reason', { id: 'pair-reason', hidden: true });
  /** @param {Model} model */
  constructor(model) {
    super();
    this.#model = model;
    const head = el('div.tests-head', {}, el('h3', { id: 'pair-title' }, words.title), this.#snap);
    const photos = el('div.pair-photos', {}, this.#places[0].element, this.#sign, this.#places[1].element);
    const said = el('output.pair-said', { id: 'pair-said' }, this.#answer, this.#note);
    this.element = el('section.pair', { id: 'pair', aria: { labelledby: 'pair-title' } }, head, photos, said, this.#train, this.#reason);
    this.show({ network: 'none', name: '', reason: null }, null);
  }

  /** @param {boolean} on whether the live camera is on, so that a photo can be taken */
  showCamera(on) {
    this.#snap.hidden = !on;
  }

  /**
   * Shows the photos as they are, and the answer where there is one.
   * @param {Means} means
   * @param {number | null} probability that both photos show the same thing
   */
  show(means, probability) {
    const { network, reason } = means;
    this.#model.pair.forEach((photo, place) => this.#places[place].show(photo?.picture ?? null, photo !== null));
    if (network !== 'none' && document.activeElement === this.#train) this.#places[0].focus();
    this.#train.hidden = network !== 'none';
    this.#train.disabled = reason !== null;
    this.#reason.hidden = network !== 'none' || reason === null;
    write(this.#reason, reason ?? '');
    if (probability === null) return this.#showNoAnswer(network);
    const answer = probability >= 0.5 ? 'same' : 'different';
    this.element.dataset.state = answer;
    this.element.dataset.probability = String(probability);
    write(this.#sign, words.signs[answer]);
    this.#say(words.answers[answer](Math.max(probability, 1 - probability)), network === 'loaded' ? words.byLoaded(means.name) : words.byTrained);
  }

  /** @param {Means['network']} network */
  #showNoAnswer(network) {
    const compares = network === 'trained' || network === 'loaded';
    const count = this.#model.pair.filter((photo) => photo !== null).length;
    const state = compares ? COUNTED[count] : network;
    this.element.dataset.state = state;
    delete this.element.dataset.probability;
    write(this.#sign, words.signs.open);
    this.#say('', words.states[state]);
  }

  /**
   * @param {string} answer
   * @param {string} note
   */
  #say(answer, note) {
    write(this.#answer, answer);
    write(this.#note, note);
  }
}

/** The place of one photo. */
class PlaceView {
  #picture = el('img', { width: 224, height: 224, hidden: true });
  #remove;
  #place;
  /** @type {{picture: Blob | null, taken: boolean} | null} */
  #shown = null;

  /**
   * @param {PairView} owner
   * @param {number} place 0 or 1
   */
  constructor(owner, place) {
    this.#place = place;
    const choose = fileButton('pair-choose', {
      label: words.places[place],
      hint: words.choose[place],
      picture: 'photos',
      id: `pair-input-${place}`,
      pick: (files) => emit(owner, 'files', { place, files }),
    });
    choose.append(this.#picture);
    this.focus = () => choose.querySelector('input').focus();
    this.#remove = el('button.icon-button', { aria: { label: words.remove[place] }, hidden: true }, icon('close'));
    this.#remove.addEventListener('click', () => {
      emit(owner, 'remove', { place });
      this.focus();
    });
    this.element = el('div.pair-photo', { data: { drop: 'pair', pairPlace: place, status: 'empty' } }, choose, this.#remove);
  }

  /**
   * @param {Blob | null} picture
   * @param {boolean} taken whether a photo is there, be its picture still to come
   */
  show(picture, taken) {
    if (this.#shown?.picture === picture && this.#shown.taken === taken) return;
    this.#shown = { picture, taken };
    this.element.dataset.status = picture ? 'ready' : taken ? 'pending' : 'empty';
    this.#remove.hidden = !taken;
    this.#picture.hidden = picture === null;
    this.#picture.alt = words.places[this.#place];
    if (picture && this.#picture.src !== addressOf(picture)) this.#picture.src = addressOf(picture);
  }
}
