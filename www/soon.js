// What follows from many changes is worked out once for all of them, and by all who show them together: a browser lays out,
// paints and composes a page for every moment in which anything of it changes, and while photos are embedded each of those takes
// its time from them. Page side; it knows nothing of what is worked out.

/** From a change until what follows from it is shown, in milliseconds: what comes together is shown together. */
const PAUSE = 30;
/** From one time to the next, in milliseconds, while changes go on. */
const REST = 200;

/** @type {Set<() => void>} */
const waiting = new Set();
let timer = 0;
/** When it was done last. */
let last = -REST;

/**
 * Does it in a moment, once however often it is asked for.
 * @param {() => void} task the same function each time
 */
export function soon(task) {
  waiting.add(task);
  timer ||= setTimeout(now, Math.max(PAUSE, last + REST - performance.now()));
}

/** Does at once what would be done in a moment, where nothing more comes. */
export function now() {
  clearTimeout(timer);
  timer = 0;
  last = performance.now();
  // One by one: an error in one of them is no business of the others.
  for (const task of waiting) queueMicrotask(task);
  waiting.clear();
}
