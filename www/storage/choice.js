// Small choices of the visitor, kept in the browser: one word each. No project and no photo, which are `database.js`'s.

/** The page's path tells two pages of a host apart. @param {string} name */
const key = (name) => `${location.pathname}:${name}`;

/**
 * What was chosen; null where nothing was. Some private windows keep nothing, and say so by throwing.
 * @param {string} name
 */
export function chosen(name) {
  try {
    return localStorage.getItem(key(name));
  } catch {
    return null;
  }
}

/**
 * @param {string} name
 * @param {string} word
 * @returns {boolean} false where the browser keeps nothing: then it holds until the page is closed
 */
export function keepChoice(name, word) {
  try {
    localStorage.setItem(key(name), word);
    return true;
  } catch {
    return false;
  }
}
