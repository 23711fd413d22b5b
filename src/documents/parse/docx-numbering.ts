import type { DocxStyles } from './docx-styles.ts';
import { child, children, isOn, type XmlElement } from './office-xml.ts';

interface Level {
  readonly format: string;
  readonly text: string;
  readonly start: number;
  readonly isLegal: boolean;
}

interface List {
  readonly abstractId: string;
  readonly levels: ReadonlyMap<number, Level>;
  /** Levels that this list begins anew, with their first numbers. */
  readonly restarts: ReadonlyMap<number, number>;
}

/** What stands before a numbered paragraph. */
export interface NumberMark {
  readonly isBullet: boolean;
  /** `1.`, `(a)`, `2.1`; '' for bullets and for numbers that are not shown. */
  readonly label: string;
}

const LEVELS = 9;

/** Lists of a document, with the numbers that have been given so far. */
export class DocxNumbering {
  readonly #lists = new Map<string, List>();
  readonly #counters = new Map<string, (number | undefined)[]>();
  readonly #started = new Set<string>();

  constructor(numbering: XmlElement | undefined, styles: DocxStyles) {
    const abstracts = new Map(children(numbering, 'w:abstractNum').map((one) => [one.attributes['w:abstractNumId'] ?? '', one]));
    const abstractOf = new Map(
      children(numbering, 'w:num').map((num) => [
        num.attributes['w:numId'] ?? '',
        child(num, 'w:abstractNumId')?.attributes['w:val'] ?? '',
      ]),
    );
    for (const num of children(numbering, 'w:num')) {
      const named = child(num, 'w:abstractNumId')?.attributes['w:val'] ?? '';
      const link = child(abstracts.get(named), 'w:numStyleLink')?.attributes['w:val'];
      const linked = link === undefined ? undefined : abstractOf.get(styles.numbering(link) ?? '');
      const abstractId = linked ?? named;
      this.#lists.set(num.attributes['w:numId'] ?? '', listOf(num, abstractId, abstracts.get(abstractId)));
    }
  }

  /** Gives the next number of a list; undefined where there is no such list. `level` is from 0. */
  next(numId: string, level: number): NumberMark | undefined {
    const list = this.#lists.get(numId);
    const own = list?.levels.get(level);
    if (list === undefined || own === undefined || level < 0 || level >= LEVELS) return undefined;
    const counters = this.#counters.get(list.abstractId) ?? [];
    this.#counters.set(list.abstractId, counters);
    if (!this.#started.has(numId)) {
      this.#started.add(numId);
      for (const [at, start] of list.restarts) counters[at] = start - 1;
    }
    counters[level] = (counters[level] ?? own.start - 1) + 1;
    for (let below = level + 1; below < LEVELS; below++) counters[below] = undefined;
    if (own.format === 'bullet') return { isBullet: true, label: '' };
    return { isBullet: false, label: labelOf(own, list, counters) };
  }
}

function listOf(num: XmlElement, abstractId: string, abstract: XmlElement | undefined): List {
  const levels = new Map(children(abstract, 'w:lvl').map((level) => [Number(level.attributes['w:ilvl']), levelOf(level)]));
  const restarts = new Map<number, number>();
  for (const override of children(num, 'w:lvlOverride')) {
    const at = Number(override.attributes['w:ilvl']);
    const level = child(override, 'w:lvl');
    if (level !== undefined) levels.set(at, levelOf(level));
    const start = child(override, 'w:startOverride')?.attributes['w:val'];
    if (start !== undefined) restarts.set(at, Number(start));
  }
  return { abstractId, levels, restarts };
}

function levelOf(level: XmlElement): Level {
  const value = (name: string): string | undefined => child(level, name)?.attributes['w:val'];
  return {
    format: value('w:numFmt') ?? 'decimal',
    text: value('w:lvlText') ?? '',
    start: Number(value('w:start') ?? 1) || 0,
    isLegal: isOn(child(level, 'w:isLgl')) === true,
  };
}

function labelOf({ text, isLegal }: Level, { levels }: List, counters: readonly (number | undefined)[]): string {
  return text.replaceAll(/%(\d)/g, (_, digit: string) => {
    const level = levels.get(Number(digit) - 1);
    const number = counters[Number(digit) - 1] ?? level?.start ?? 1;
    return numberText(number, isLegal ? 'decimal' : (level?.format ?? 'decimal'));
  });
}

/** A number in the formats that labels and notes use; those that are not known as decimals. */
export function numberText(number: number, format: string): string {
  switch (format) {
    case 'none':
      return '';
    case 'decimalZero':
      return String(number).padStart(2, '0');
    case 'lowerLetter':
      return letters(number);
    case 'upperLetter':
      return letters(number).toUpperCase();
    case 'lowerRoman':
      return roman(number);
    case 'upperRoman':
      return roman(number).toUpperCase();
    default:
      return String(number);
  }
}

/** a to z, then aa, bb, as Word has it. */
function letters(number: number): string {
  if (number < 1 || number > 780) return String(number);
  return String.fromCharCode(97 + ((number - 1) % 26)).repeat(Math.ceil(number / 26));
}

const ROMAN: readonly (readonly [number, string])[] = [
  [1000, 'm'],
  [900, 'cm'],
  [500, 'd'],
  [400, 'cd'],
  [100, 'c'],
  [90, 'xc'],
  [50, 'l'],
  [40, 'xl'],
  [10, 'x'],
  [9, 'ix'],
  [5, 'v'],
  [4, 'iv'],
  [1, 'i'],
];

function roman(number: number): string {
  if (number < 1 || number > 3999) return String(number);
  let left = number;
  let text = '';
  for (const [value, sign] of ROMAN) for (; left >= value; left -= value) text += sign;
  return text;
}
