// Formulas in MathML, which browsers draw and read out. Elements only: what the formulas say is their users' business.

const NAMESPACE = 'http://www.w3.org/1998/Math/MathML';

/**
 * @param {string} tag
 * @param {...(Node | string)} children
 * @returns {MathMLElement}
 */
export function math(tag, ...children) {
  const element = /** @type {MathMLElement} */ (document.createElementNS(NAMESPACE, tag));
  element.append(...children);
  return element;
}

/** A variable. @param {string} name */
export const mi = (name) => math('mi', name);
/** A number. @param {string} value */
export const mn = (value) => math('mn', value);
/** An operator. @param {string} sign */
export const mo = (sign) => math('mo', sign);
/** Parts in a row. @param {...Node} parts */
export const row = (...parts) => math('mrow', ...parts);
/** @param {Node} base @param {Node} index */
export const sub = (base, index) => math('msub', base, index);
/** @param {Node} base @param {Node} exponent */
export const sup = (base, exponent) => math('msup', base, exponent);
/** @param {Node} above @param {Node} below */
export const fraction = (above, below) => math('mfrac', above, below);

/**
 * A formula on a line of its own.
 * @param {...Node} parts
 */
export function formula(...parts) {
  const element = math('math', row(...parts));
  element.setAttribute('display', 'block');
  return element;
}
