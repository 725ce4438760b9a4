// The network that the visitor brought: one file, kept until another one comes or the page's own is wanted again.
// Page side: no DOM. A word beside the database says whether there is one, so that nobody else's engine waits for the database.

import { chosen, keepChoice } from './choice.js';
import { answer, Database, ownCopy } from './database.js';

const CHOICE = 'network';
/** The only network that is kept, and the word for it. */
const OWN = 'own';

export class OwnNetwork {
  #database = new Database();

  /** Null where there is none, or it can no longer be had. @returns {Promise<File | null>} */
  async read() {
    if (chosen(CHOICE) !== OWN) return null;
    const file = await this.#database.transact('readonly', ['networks'], ({ networks }) => answer(networks.get(OWN))).catch(() => null);
    return file ?? null;
  }

  /**
   * @param {File} file
   * @returns {Promise<boolean>} false where the browser has no room for it
   */
  async keep(file) {
    try {
      const copy = await ownCopy(file);
      await this.#database.transact('readwrite', ['networks'], ({ networks }) => answer(networks.put(copy, OWN)));
      return keepChoice(CHOICE, OWN);
    } catch {
      return false;
    }
  }

  async forget() {
    keepChoice(CHOICE, '');
    await this.#database.transact('readwrite', ['networks'], ({ networks }) => answer(networks.delete(OWN))).catch(() => {}); // No longer asked for.
  }
}
