// Small helpers that every view uses: elements, icons, picture addresses, class colours. No words, no state of the page.

/**
 * Makes an element. Properties are set as such; `data`, `aria` and `on` hold data attributes, ARIA attributes and listeners.
 * @param {string} tag with classes: `button.quiet`
 * @param {Record<string, any>} [properties]
 * @param {...(Node | string)} children strings become text, never markup
 * @returns {any}
 */
export function el(tag, properties = {}, ...children) {
  const [name, ...classes] = tag.split('.');
  const element = document.createElement(name);
  if (classes.length) element.className = classes.join(' ');
  const { data = {}, aria = {}, on = {}, ...rest } = properties;
  if (name === 'button') element.setAttribute('type', 'button');
  Object.assign(element, rest);
  Object.assign(element.dataset, data);
  for (const [key, value] of Object.entries(aria)) element.setAttribute(`aria-${key}`, value);
  for (const [type, listener] of Object.entries(on)) element.addEventListener(type, listener);
  element.append(...children);
  return element;
}

/**
 * Says it where it is not said yet: the same words once more would have the browser lay out the page once more.
 * @param {Element} element
 * @param {string} words
 */
export function write(element, words) {
  if (element.textContent !== words) element.textContent = words;
}

/** Outlines on a 24 × 24 grid. */
const ICONS = {
  camera: 'M4 8h3l1.6-2.5h6.8L17 8h3v11H4zM12 16.5a3.2 3.2 0 1 0 0-6.4 3.2 3.2 0 0 0 0 6.4z',
  photos: 'M4 5h13v11H4zM4 13l4-4 4 4 2-2 3 3M20 8v11H7',
  folder: 'M3.5 18.5v-12h6l2 2.5h9v9.5z',
  bin: 'M5 7h14M10 7V4.5h4V7M7 7l.8 12.5h8.4L17 7M10.5 10.5v6M13.5 10.5v6',
  plus: 'M12 5v14M5 12h14',
  close: 'M6 6l12 12M18 6L6 18',
  previous: 'M15 5l-7 7 7 7',
  next: 'M9 5l7 7-7 7',
  stop: 'M6.5 6.5h11v11h-11z',
  pause: 'M8 5.5v13M16 5.5v13',
  play: 'M8 5.5v13l10-6.5z',
  cards: 'M4 7.5l9-2.5 4 13-9 2.5zM15 6l5 1-2.5 9',
  settings: 'M4 8h9M17 8h3M4 16h3M11 16h9M15 5.5v5M9 13.5v5',
  chevron: 'M6 9l6 6 6-6',
  load: 'M12 15.5v-10M8 9.5l4-4 4 4M5 15v4h14v-4',
  save: 'M12 5.5v10M8 11.5l4 4 4-4M5 15v4h14v-4',
  share: 'M12 14.5v-10M8.5 8L12 4.5 15.5 8M7 11H5v8.5h14V11h-2',
  warning: 'M12 4l9 16H3zM12 10v4.5M12 17v.5',
};

/** @param {keyof typeof ICONS} name */
export function icon(name) {
  const svg = svgElement('svg', { viewBox: '0 0 24 24', class: 'icon', 'aria-hidden': 'true' });
  svg.append(svgElement('path', { d: ICONS[name] }));
  return svg;
}

/**
 * Offers classes by their names, and before them none.
 * @param {HTMLSelectElement} select
 * @param {string} none the words for none, whose value is empty
 * @param {{id: number, name: string}[]} classes
 */
export function offerClasses(select, none, classes) {
  select.replaceChildren(el('option', { value: '' }, none), ...classes.map(({ id, name }) => el('option', { value: id }, name)));
}

/**
 * What stands where there is no photo yet. Nothing can be dropped by a finger: the style sheet shows the words that are true.
 * @param {{mouse: string, touch: string}} words
 */
export function dropHint({ mouse, touch }) {
  return el('p.drop-hint', {}, el('span.by-mouse', {}, mouse), el('span.by-touch', {}, touch));
}

/**
 * A heading of a table, whole in its title where it is cut.
 * @param {'row' | 'col'} scope
 * @param {string} name
 */
export function tableHeading(scope, name) {
  return el('th', { scope, title: name }, el('span', {}, name));
}

/**
 * @param {string} tag
 * @param {Record<string, string | number>} attributes
 */
export function svgElement(tag, attributes) {
  const element = document.createElementNS('http://www.w3.org/2000/svg', tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, String(value));
  return element;
}

/** @type {Map<Blob, string>} */
const addresses = new Map();

/**
 * One address for each picture, until it is released.
 * @param {Blob} picture
 */
export function addressOf(picture) {
  const address = addresses.get(picture) ?? URL.createObjectURL(picture);
  addresses.set(picture, address);
  return address;
}

/** @param {Blob | null} picture */
export function releaseAddress(picture) {
  if (!picture || !addresses.has(picture)) return;
  URL.revokeObjectURL(/** @type {string} */ (addresses.get(picture)));
  addresses.delete(picture);
}

/** Well apart, and apart from the accent's yellow; later ones follow by the golden angle. */
const HUES = [255, 25, 150, 310, 195, 50, 345, 125, 285, 220];

/**
 * Gives an element the colour of a class.
 * @param {HTMLElement | SVGElement} element
 * @param {number} hue
 */
export function colour(element, hue) {
  element.classList.add('coloured');
  element.style.setProperty('--hue', String(HUES[hue] ?? Math.round((hue * 137.5) % 360)));
}

/** What a picker offers where photos are wanted. */
const PHOTOS = 'image/*,.heic,.heif,.avif';

/**
 * A button that opens a file picker; the input itself stays reachable by keyboard and by tests.
 * @param {string} classes
 * @param {{label: string, hint: string, picture: keyof typeof ICONS, id?: string, folder?: boolean, accept?: string, multiple?: boolean, pick: (files: File[]) => void}} options
 */
export function fileButton(classes, { label, hint, picture, id = '', folder = false, accept = PHOTOS, multiple = true, pick }) {
  const input = el('input.visually-hidden', { type: 'file', multiple, id, webkitdirectory: folder, aria: { label: hint } });
  if (!folder) input.accept = accept;
  input.addEventListener('change', () => {
    const files = [...input.files];
    input.value = '';
    pick(files);
  });
  return el(`label.${classes}`, { title: hint }, input, icon(picture), el('span', {}, label));
}

/**
 * Hands a file to the browser's downloads.
 * @param {Blob} file
 * @param {string} name
 */
export function download(file, name) {
  const address = URL.createObjectURL(file);
  el('a', { href: address, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(address), 60_000); // Some browsers read it a moment later.
}

/**
 * Remembers from where the focus came into an element, for when that goes and would take the focus with it.
 * @param {HTMLElement} element
 * @returns {() => void} gives the focus back, where the element has it
 */
export function focusKeeper(element) {
  /** @type {HTMLElement | null} */
  let origin = null;
  element.addEventListener('focusin', ({ relatedTarget }) => {
    const from = /** @type {HTMLElement | null} */ (relatedTarget);
    if (!element.contains(from)) origin = from;
  });
  return () => element.contains(document.activeElement) && origin?.focus();
}

/**
 * @param {EventTarget} target
 * @param {string} type
 * @param {(detail: any) => void} listener
 */
export function on(target, type, listener) {
  target.addEventListener(type, (event) => listener(/** @type {CustomEvent} */ (event).detail));
}

/**
 * @param {EventTarget} target
 * @param {string} type
 * @param {any} [detail]
 */
export function emit(target, type, detail) {
  target.dispatchEvent(new CustomEvent(type, { detail }));
}
