import type { Box } from '../document-types.ts';
import type { Pdfium, PdfLibrary } from './pdf-library.ts';

/** A word on a page in points, origin at the top left of the page turned so that its text stands upright. */
export interface Word {
  readonly text: string;
  readonly left: number;
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
  readonly baseline: number;
  /** Font size in points. */
  readonly size: number;
  readonly bold: boolean;
  /** Set in a font whose letters are equally wide. */
  readonly fixed: boolean;
  /** Whether something that is not a letter of it, such as a space, stands before it in the file. */
  readonly spaced: boolean;
}

/** A page as its text is laid out; boxes of words are turned by `quadrant`. */
export interface PageText {
  readonly words: readonly Word[];
  /** Quarter turns, counter-clockwise, of the text in the coordinates of the file. */
  readonly quadrant: number;
}

/** The visible part of a page in the coordinates of the file and how it is turned when shown. */
export interface Frame {
  readonly left: number;
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
  /** Quarter turns, clockwise. */
  readonly rotation: number;
}

/** What was counted while reading the letters of a page: tells whether its text layer is of use. */
export interface TextFacts {
  letters: number;
  /** Without a meaning in Unicode. */
  unmapped: number;
  /** Drawn so that they cannot be seen: the text layer of a scan. */
  invisible: number;
}

interface Style {
  readonly quadrant: number;
  readonly baseline: number;
  readonly size: number;
  readonly bold: boolean;
  readonly fixed: boolean;
  readonly invisible: boolean;
}

interface OpenWord {
  text: string;
  left: number;
  right: number;
  top: number;
  bottom: number;
  /** Left end of the letter read last. */
  last: number;
  readonly turned: boolean;
  readonly style: Style;
  readonly spaced: boolean;
}

/** Left, top, right, bottom. */
type Bounds = [number, number, number, number];

const FIXED_PITCH = 1;
const FORCE_BOLD = 0x40000;
const BOLD_WEIGHT = 600;
const INVISIBLE = 3;
/** PDFium's own mark of a hyphen at the end of a line. */
const HYPHEN_MARK = 2;
const LAM = 0x644;
const ALEF = /[\u0622\u0623\u0625\u0627]$/;
const MOST_LETTERS = 400_000;

/** The words of an open page in the order of the file, grouped by the direction they run in; the group with most words first. */
export function readWords(library: PdfLibrary, text: number, frame: Frame, facts: TextFacts): readonly PageText[] {
  const reader = new WordReader(library, text, frame, facts);
  const count = Math.min(library.pdfium._FPDFText_CountChars(text), MOST_LETTERS);
  for (let index = 0; index < count; index++) reader.take(index);
  reader.close();
  return reader.groups
    .map((words, quadrant) => ({ words, quadrant }))
    .filter(({ words }) => words.length > 0)
    .sort((one, other) => other.words.length - one.words.length);
}

/** A rectangle of the file's coordinates as it lies on the page turned by `quadrant`. */
export function turn(
  frame: Frame,
  quadrant: number,
  box: readonly [number, number, number, number],
): readonly [number, number, number, number] {
  const [left, top, right, bottom] = box;
  if (quadrant === 0) return [left - frame.left, frame.top - top, right - frame.left, frame.top - bottom];
  if (quadrant === 1) return [bottom - frame.bottom, left - frame.left, top - frame.bottom, right - frame.left];
  if (quadrant === 2) return [frame.right - right, bottom - frame.bottom, frame.right - left, top - frame.bottom];
  return [frame.top - top, frame.right - right, frame.top - bottom, frame.right - left];
}

/** A box of text turned by `quadrant` as a box of the page as it is shown. */
export function shownBox(frame: Frame, quadrant: number, box: Box): Box {
  if (quadrant === frame.rotation) return box;
  const { x, y, width, height } = box;
  const [left, top, right, bottom] = turn(frame, frame.rotation, turnBack(frame, quadrant, [x, y, x + width, y + height]));
  return { x: left, y: top, width: right - left, height: bottom - top };
}

function turnBack(
  frame: Frame,
  quadrant: number,
  box: readonly [number, number, number, number],
): readonly [number, number, number, number] {
  const [x0, y0, x1, y1] = box;
  if (quadrant === 0) return [x0 + frame.left, frame.top - y0, x1 + frame.left, frame.top - y1];
  if (quadrant === 1) return [y0 + frame.left, x1 + frame.bottom, y1 + frame.left, x0 + frame.bottom];
  if (quadrant === 2) return [frame.right - x1, y1 + frame.bottom, frame.right - x0, y0 + frame.bottom];
  return [frame.right - y1, frame.top - x0, frame.right - y0, frame.top - x1];
}

class WordReader {
  readonly groups: [Word[], Word[], Word[], Word[]] = [[], [], [], []];
  readonly #library: PdfLibrary;
  readonly #text: number;
  readonly #frame: Frame;
  readonly #facts: TextFacts;
  readonly #functions: Pdfium['wasmExports'];
  readonly #scratch: number;
  readonly #box: Bounds = [0, 0, 0, 0];
  #floats: Float32Array;
  #object = 0;
  #style: Style | undefined;
  readonly #styles = new Map<number, Style>();
  readonly #fonts = new Map<number, { bold: boolean; fixed: boolean }>();
  #open: OpenWord | undefined;
  #spaced = true;

  constructor(library: PdfLibrary, text: number, frame: Frame, facts: TextFacts) {
    this.#library = library;
    this.#text = text;
    this.#frame = frame;
    this.#facts = facts;
    this.#functions = library.pdfium.wasmExports;
    this.#floats = library.pdfium.HEAPF32;
    this.#scratch = library.scratch;
  }

  take(index: number): void {
    const unicode = this.#functions.FPDFText_GetUnicode(this.#text, index);
    const object = isSpace(unicode) ? 0 : this.#functions.FPDFText_GetTextObject(this.#text, index);
    if (object === 0) {
      this.close();
      this.#spaced = true;
      return;
    }
    const style = this.#style !== undefined && object === this.#object ? this.#style : this.#changeStyle(object, index);
    this.#count(unicode, style, index);
    this.#functions.FPDFText_GetLooseCharBox(this.#text, index, this.#scratch);
    this.#readBox(style.quadrant);
    const open = this.#open;
    if (open === undefined || !continues(open, style, this.#box, unicode)) this.#begin(unicode, style);
    else extend(open, unicode, this.#box);
  }

  #readBox(quadrant: number): void {
    // The view is empty when PDFium's memory has grown since.
    if (this.#floats.length === 0) this.#floats = this.#library.pdfium.HEAPF32;
    const at = this.#scratch >> 2;
    const [box, floats, frame] = [this.#box, this.#floats, this.#frame];
    box[0] = floats[at] ?? 0;
    box[1] = floats[at + 1] ?? 0;
    box[2] = floats[at + 2] ?? 0;
    box[3] = floats[at + 3] ?? 0;
    if (quadrant !== 0) {
      [box[0], box[1], box[2], box[3]] = turn(frame, quadrant, box);
      return;
    }
    box[0] -= frame.left;
    box[1] = frame.top - box[1];
    box[2] -= frame.left;
    box[3] = frame.top - box[3];
  }

  close(): void {
    const open = this.#open;
    if (open === undefined) return;
    this.#open = undefined;
    const { baseline, size, bold, fixed } = open.style;
    const { left, right, top, bottom, spaced } = open;
    // A damaged file may place letters anywhere.
    const isPlaced = Number.isFinite(left + right + top + bottom + baseline);
    const text = isPlaced ? normalised(open.text) : '';
    if (text !== '')
      this.groups[open.style.quadrant as 0 | 1 | 2 | 3].push({ text, left, top, right, bottom, baseline, size, bold, fixed, spaced });
  }

  #begin(unicode: number, style: Style): void {
    this.close();
    const [left, top, right, bottom] = this.#box;
    this.#open = { text: letter(unicode), left, top, right, bottom, last: left, turned: isTurned(unicode), style, spaced: this.#spaced };
    this.#spaced = false;
  }

  #count(unicode: number, style: Style, index: number): void {
    const facts = this.#facts;
    facts.letters++;
    if (style.invisible) facts.invisible++;
    // Asking for every letter of a long page would cost more than it tells.
    const unmapped =
      isMeaningless(unicode) || (facts.letters < 100 && this.#functions.FPDFText_HasUnicodeMapError(this.#text, index) === 1);
    if (unmapped) facts.unmapped++;
  }

  #changeStyle(object: number, index: number): Style {
    const style = this.#styles.get(object) ?? this.#readStyle(index, object);
    this.#object = object;
    this.#style = style;
    return style;
  }

  #readStyle(index: number, object: number): Style {
    const { pdfium, scratch } = this.#library;
    pdfium._FPDFText_GetMatrix(this.#text, index, scratch);
    const [a, b, c, d, e, f] = [0, 1, 2, 3, 4, 5].map((place) => this.#library.float(place)) as [
      number,
      number,
      number,
      number,
      number,
      number,
    ];
    const quadrant = Number.isFinite(a + b) ? ((Math.round(Math.atan2(b, a) / (Math.PI / 2)) % 4) + 4) % 4 : 0;
    const size = pdfium._FPDFText_GetFontSize(this.#text, index) * Math.hypot(c, d);
    const style = {
      quadrant,
      baseline: turn(this.#frame, quadrant, [e, f, e, f])[1],
      size: Number.isFinite(size) && size > 0 ? size : 1,
      ...this.#font(pdfium._FPDFTextObj_GetFont(object)),
      invisible: pdfium._FPDFTextObj_GetTextRenderMode(object) === INVISIBLE,
    };
    this.#styles.set(object, style);
    return style;
  }

  #font(font: number): { bold: boolean; fixed: boolean } {
    const known = this.#fonts.get(font);
    if (known !== undefined) return known;
    const { pdfium } = this.#library;
    const name = this.#library.utf8((buffer, length) => pdfium._FPDFFont_GetBaseFontName(font, buffer, length));
    const flags = Math.max(0, pdfium._FPDFFont_GetFlags(font));
    const bold =
      /bold|black|heavy|demi|medi$|CMB|CMSSBX/i.test(name) || (flags & FORCE_BOLD) !== 0 || pdfium._FPDFFont_GetWeight(font) >= BOLD_WEIGHT;
    const facts = {
      bold,
      fixed: (flags & FIXED_PITCH) !== 0 || /courier|mono|consol|menlo|typewriter|^(?:[A-Z]{6}\+)?(?:CM|SF|EC)TT/i.test(name),
    };
    this.#fonts.set(font, facts);
    return facts;
  }
}

/** Whether a letter belongs to the open word: it stands on its line and right beside it (of a right-to-left word on its left side). */
function continues(open: OpenWord, style: Style, box: Bounds, unicode: number): boolean {
  const size = Math.max(style.size, open.style.size);
  if (style !== open.style) {
    if (style.quadrant !== open.style.quadrant) return false;
    const raised = Math.abs(style.baseline - open.style.baseline);
    if (raised > 0.5 * size || (raised > 0.05 * open.style.size && isRaised(open, style))) return false;
  }
  // Between words of different direction the file has its space elsewhere than the page.
  const near = (isTurned(unicode) !== open.turned ? 0.12 : 0.5) * size;
  const after = box[0] - open.right;
  const before = open.left - box[2];
  return (
    (after < near && after > -near) || (before < near && before > -near) || (box[0] >= open.left - near && box[2] <= open.right + near)
  );
}

/** A letter of a script that is written from right to left. */
function isTurned(unicode: number): boolean {
  return unicode >= 0x0590 && (unicode <= 0x08ff || (unicode >= 0xfb1d && unicode <= 0xfdff) || (unicode >= 0xfe70 && unicode <= 0xfefc));
}

/** A small raised sign after a word (a note's number) is not part of the word. */
function isRaised(open: OpenWord, style: Style): boolean {
  return style.size < 0.85 * open.style.size && style.baseline < open.style.baseline && open.text.length > 2;
}

function extend(open: OpenWord, unicode: number, box: Bounds): void {
  const added = letter(unicode);
  // One glyph of lam and alef comes as alef and lam where PDFium has turned the line round.
  const isLigature = unicode === LAM && box[0] === open.last && ALEF.test(open.text);
  open.text = isLigature ? `${open.text.slice(0, -1)}${added}${open.text.slice(-1)}` : open.text + added;
  open.last = box[0];
  if (box[0] < open.left) open.left = box[0];
  if (box[2] > open.right) open.right = box[2];
  if (box[1] < open.top) open.top = box[1];
  if (box[3] > open.bottom) open.bottom = box[3];
}

function isSpace(unicode: number): boolean {
  return unicode === 32 || unicode === 13 || unicode === 10 || unicode === 160 || unicode === 9 || unicode === 0 || unicode === 0x3000;
}

function letter(unicode: number): string {
  if (unicode === HYPHEN_MARK || unicode === 0xfffe) return '\u00ad';
  // Other control characters are left out; a half of a pair stays as it is and meets its other half.
  return unicode < 32 || (unicode >= 0x7f && unicode < 0xa0) ? '' : String.fromCodePoint(unicode);
}

function isMeaningless(unicode: number): boolean {
  return (
    unicode === 0xfffd ||
    (unicode >= 0xe000 && unicode <= 0xf8ff && unicode !== 0xf0b7) ||
    (unicode < 32 && unicode !== HYPHEN_MARK) ||
    unicode >= 0xf0000
  );
}

/** Ligatures as letters, bullets of symbol fonts as bullets. */
function normalised(text: string): string {
  let result = text;
  if (/[\u0080-\uffff]/.test(text)) {
    result = text.replaceAll(/[\ufb00-\ufb06\ufb13-\ufb17\ufb50-\ufdfb\ufe70-\ufefc]/g, (sign) => sign.normalize('NFKC'));
    result = result.replaceAll(/[\uf0b7\uf0a7\uf06c\uf06e\uf0d8\uf0fc]/g, '•').replaceAll('\ufeff', '');
    result = result.replaceAll('\ufffe', '');
  }
  return result;
}
