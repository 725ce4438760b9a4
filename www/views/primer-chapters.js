// The primer's chapters: one for each idea, with figure, formula and papers. Loaded with the primer's words, when it is first opened.

import { el } from './dom.js';
import { formula, fraction, math, mi, mn, mo, row, sub, sup } from './math.js';
import { FIGURES } from './primer-figures.js';

/** @import { Material } from './primer-figures.js' */
/** @typedef {typeof import('../primer/en.js').primer} Words */

/** @typedef {{cite: string, address?: string}} Paper */

/** The papers, as the field cites them: in every language the same. @type {Record<string, Paper>} */
const PAPERS = {
  oneShot: { cite: 'Fei-Fei, Fergus, Perona: One-Shot Learning of Object Categories. IEEE TPAMI 28(4), 2006' },
  matching: { cite: 'Vinyals et al.: Matching Networks for One Shot Learning. NeurIPS 2016', address: 'https://arxiv.org/abs/1606.04080' },
  simpleShot: { cite: 'Wang et al.: SimpleShot. arXiv, 2019', address: 'https://arxiv.org/abs/1911.04623' },
  bromley: { cite: 'Bromley et al.: Signature Verification Using a “Siamese” Time Delay Neural Network. NIPS 1993' },
  koch: { cite: 'Koch, Zemel, Salakhutdinov: Siamese Neural Networks for One-Shot Image Recognition. ICML Deep Learning Workshop, 2015' },
  faceNet: { cite: 'Schroff, Kalenichenko, Philbin: FaceNet. CVPR 2015', address: 'https://arxiv.org/abs/1503.03832' },
  metaBaseline: { cite: 'Chen et al.: A New Meta-Baseline for Few-Shot Learning. arXiv, 2020', address: 'https://arxiv.org/abs/2003.04390' },
  prototypical: { cite: 'Snell, Swersky, Zemel: Prototypical Networks for Few-Shot Learning. NeurIPS 2017', address: 'https://arxiv.org/abs/1703.05175' },
  closerLook: { cite: 'Chen et al.: A Closer Look at Few-Shot Classification. ICLR 2019', address: 'https://arxiv.org/abs/1904.04232' },
  baseline: { cite: 'Dhillon et al.: A Baseline for Few-Shot Image Classification. ICLR 2020', address: 'https://arxiv.org/abs/1909.02729' },
};

/** @type {{key: keyof Words['chapters'], papers: (keyof typeof PAPERS)[], formulas: () => Element[]}[]} */
const CHAPTERS = [
  { key: 'few', papers: ['oneShot'], formulas: () => [formula(mi('x'), mo('='), mi('f'), parens(mi('photo')), mo('∈'), sup(mi('ℝ'), mn('512')))] },
  { key: 'meta', papers: ['matching'], formulas: meta },
  { key: 'sets', papers: ['simpleShot'], formulas: () => [formula(mi('S'), mo('='), mo('{'), sub(mi('x'), mn('1')), mo(','), mo('…'), mo(','), sub(mi('x'), row(mi('k'), mi('n'))), mo('}'))] },
  { key: 'ways', papers: ['closerLook'], formulas: () => [formula(sub(mi('p'), mi('chance')), mo('='), fraction(mn('1'), mi('k')))] },
  { key: 'siamese', papers: ['bromley', 'koch'], formulas: siamese },
  { key: 'triplet', papers: ['faceNet'], formulas: triplet },
  { key: 'pretraining', papers: ['metaBaseline'], formulas: pretraining },
  { key: 'prototypes', papers: ['prototypical'], formulas: prototypes },
  { key: 'finetuning', papers: ['closerLook', 'baseline'], formulas: finetuning },
];

/** @param {...Node} parts */
const parens = (...parts) => row(mo('('), ...parts, mo(')'));
/** @param {Node} part */
const norm = (part) => row(mo('‖'), part, mo('‖'));
const softmax = () => mi('softmax');
/** With the little space that belongs after a function's name. */
const ln = () => {
  const space = math('mspace');
  space.setAttribute('width', '0.17em');
  return row(mi('ln'), space);
};

/** min over θ of the mean, over episodes of S and Q, of Σ − ln p_θ(y | x, S) */
function meta() {
  const probability = row(sub(mi('p'), mi('θ')), parens(mi('y'), mo('|'), mi('x'), mo(','), mi('S')));
  const sum = math('munder', mo('∑'), row(parens(mi('x'), mo(','), mi('y')), mo('∈'), mi('Q')));
  return [formula(math('munder', mi('min'), mi('θ')), math('munder', mi('𝔼'), row(mi('S'), mo(','), mi('Q'))), sum, mo('−'), ln(), probability)];
}

/** p = σ(wᵀ |f(x₁) − f(x₂)| + b) */
function siamese() {
  const f = (/** @type {string} */ index) => row(mi('f'), parens(sub(mi('x'), mn(index))));
  return [formula(mi('p'), mo('='), mi('σ'), parens(sup(mi('w'), mi('⊤')), mo('|'), f('1'), mo('−'), f('2'), mo('|'), mo('+'), mi('b')))];
}

/** L = max(0, d⁺ + α − d⁻) */
function triplet() {
  const loss = formula(mi('L'), mo('='), mi('max'), parens(mn('0'), mo(','), sup(mi('d'), mo('+')), mo('+'), mi('α'), mo('−'), sup(mi('d'), mo('−'))));
  return [loss];
}

/** L = − ln softmax(W f(x) + b)ᵧ */
function pretraining() {
  return [formula(mi('L'), mo('='), mo('−'), ln(), sub(row(softmax(), parens(mi('W'), mi('f'), parens(mi('x')), mo('+'), mi('b'))), mi('y')))];
}

/** Mᵢ = x̄ᵢ / ‖x̄ᵢ‖, p = softmax(s M q) */
function prototypes() {
  const mean = () => sub(math('mover', mi('x'), mo('¯')), mi('i'));
  return [
    formula(sub(mi('M'), mi('i')), mo('='), fraction(mean(), norm(mean()))),
    formula(mi('p'), mo('='), softmax(), parens(mi('s'), mi('M'), mi('q'))),
  ];
}

/** p = softmax(s W q + b), L = − ln pᵧ + λ H(p) */
function finetuning() {
  return [
    formula(mi('p'), mo('='), softmax(), parens(mi('s'), mi('W'), mi('q'), mo('+'), mi('b'))),
    formula(mi('L'), mo('='), mo('−'), ln(), sub(mi('p'), mi('y')), mo('+'), mi('λ'), mi('H'), parens(mi('p'))),
    formula(mi('H'), parens(mi('p')), mo('='), mo('−'), sub(mo('∑'), mi('i')), sub(mi('p'), mi('i')), ln(), sub(mi('p'), mi('i'))),
  ];
}

export class ChaptersView {
  #words;
  /** @type {Map<string, HTMLElement>} where each chapter's figure goes */
  #places = new Map();

  /** @param {Words} words */
  constructor(words) {
    this.#words = words;
    const links = CHAPTERS.map(({ key }) => el('li', {}, el('a', { href: `#primer-${key}`, on: { click: (/** @type {Event} */ event) => this.#jump(event) } }, words.chapters[key].title)));
    const contents = el('nav.primer-contents', { aria: { label: words.contents } }, el('ol', {}, ...links));
    /** The contents, and the chapters. */
    this.elements = [contents, el('div.primer-chapters', {}, ...CHAPTERS.map((chapter) => this.#chapter(chapter)))];
  }

  /** The address keeps its fragment, which may be a link's. @param {Event} event */
  #jump(event) {
    event.preventDefault();
    const chapter = document.querySelector(/** @type {HTMLAnchorElement} */ (event.currentTarget).hash);
    chapter?.scrollIntoView({ block: 'start' });
    /** @type {HTMLElement | null} */ (chapter?.querySelector('h3'))?.focus({ preventScroll: true });
  }

  /** @param {typeof CHAPTERS[number]} chapter */
  #chapter({ key, papers, formulas }) {
    const words = this.#words;
    const { title, words: paragraphs } = words.chapters[key];
    const place = el('div.primer-place');
    this.#places.set(key, place);
    const read = papers.map((paper) => {
      const { cite, address } = PAPERS[paper];
      return el('li', {}, el('cite', { lang: 'en' }, address ? el('a', { href: address, rel: 'noreferrer', target: '_blank' }, cite) : cite));
    });
    return el(
      'section.primer-chapter',
      { id: `primer-${key}`, aria: { labelledby: `primer-${key}-title` } },
      el('h3', { id: `primer-${key}-title`, tabIndex: -1 }, title),
      ...paragraphs.map((paragraph) => el('p', {}, paragraph)),
      place,
      el('div.primer-formula', { role: 'group', tabIndex: 0, aria: { label: words.formula } }, ...formulas()),
      el('ul.primer-papers', { aria: { label: words.read } }, ...read),
    );
  }

  /** @param {Material} material */
  draw(material) {
    for (const [key, place] of this.#places) {
      const drawing = FIGURES[key];
      place.replaceChildren(...(drawing ? [drawing(material, this.#words.figures)] : []));
    }
  }
}
