// The words that the page says, in the visitor's language: `strings/` has a file for each. Which language it is, is decided here, and
// its file alone is loaded. No element and no word.

import { chosen, keepChoice } from './storage/choice.js';

/** @typedef {'en' | 'zh'} Language */

/**
 * The languages by their codes: each one's name in its own words, the same where there is little room, and its tag in HTML.
 * @type {Record<Language, {name: string, short: string, tag: string}>}
 */
export const LANGUAGES = { en: { name: 'English', short: 'EN', tag: 'en' }, zh: { name: '简体中文', short: '中文', tag: 'zh-Hans' } };

/** Under which name the visitor's choice is kept. */
const CHOICE = 'language';

/** What the address asks for, else what the visitor chose, else the first of the browser's languages that there is. */
export const language = /** @type {Language} */ (
  [new URLSearchParams(location.search).get('lang'), chosen(CHOICE), ...navigator.languages.map((tag) => tag.slice(0, 2))].find((code) => code !== null && Object.hasOwn(LANGUAGES, code)) ?? 'en'
);

/** @type {typeof import('./strings/en.js')} */
const words = await (language === 'zh' ? import('./strings/zh.js') : import('./strings/en.js'));
export const { text, percent } = words;

/**
 * From the next load on the page speaks it.
 * @param {Language} code
 * @returns {boolean} false where the browser keeps nothing
 */
export function choose(code) {
  return keepChoice(CHOICE, code);
}

/**
 * An error in the visitor's words.
 * @param {any} error
 */
export function explain(error) {
  const known = /** @type {Record<string, string>} */ (text.errors)[error?.code];
  return known ?? text.unknownError(String(error?.message ?? error));
}
