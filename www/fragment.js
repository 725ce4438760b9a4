// What the fragment of an address carries: a share link, or names of classes to begin with. No elements, no words.

/** What stands before a link's text. */
export const LINK = '#c=';
/** What stands before names. */
const NAMES = '#names=';
/** More classes are not begun with: a link holds no more either. */
const MOST_NAMES = 100;

/**
 * The text of the link in a fragment; null where there is none.
 * @param {string} hash
 */
export function linkOf(hash) {
  return hash.startsWith(LINK) ? hash.slice(LINK.length) : null;
}

/**
 * The text of the link in an address, a fragment, or what is that text already.
 * @param {string} written
 */
export function linkIn(written) {
  const place = written.indexOf(LINK);
  return place < 0 ? written.trim() : written.slice(place + LINK.length).trim();
}

/**
 * The fragment by which the page begins with classes of these names and no photos.
 * @param {string[]} names
 */
export function fragmentOfNames(names) {
  return NAMES + encodeURIComponent(JSON.stringify(names));
}

/** The names that the address asks to begin with, once: the address forgets them. */
export function takeNames() {
  if (!location.hash.startsWith(NAMES)) return null;
  const written = location.hash.slice(NAMES.length);
  history.replaceState(null, '', location.pathname + location.search);
  try {
    const names = JSON.parse(decodeURIComponent(written));
    return Array.isArray(names) && names.length > 0 ? names.map(String).slice(0, MOST_NAMES) : null;
  } catch {
    return null; // Whatever it was, it was no list of names.
  }
}
