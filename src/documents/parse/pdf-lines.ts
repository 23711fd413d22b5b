import type { Word } from './pdf-words.ts';

/** Words that stand side by side without a gap that could part columns. */
export interface Run {
  readonly words: readonly Word[];
  readonly left: number;
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
  readonly baseline: number;
  readonly size: number;
  /** Cells of a table that stands in the place of this run. */
  readonly table?: TableCells;
}

/** A table as it stands on a page. */
export interface TableCells {
  readonly rows: readonly (readonly string[])[];
  readonly headerRows: number;
}

/** A line of a column of text, or a table. */
export interface Line extends Run {
  readonly text: string;
  readonly bold: boolean;
  readonly fixed: boolean;
  /** The column it stands in. */
  readonly column: Column;
  /** Where it was recognised in an image. */
  readonly confidence?: number;
}

/** Left and right end of a column of text. */
export interface Column {
  readonly left: number;
  readonly right: number;
}

const RIGHT_TO_LEFT = /[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]/g;
const LETTERS = /\p{L}/gu;

/** A gap wider than this, in font sizes, may part columns. */
const COLUMN_GAP = 1;

/** Words in the order of the file as runs. */
export function toRuns(words: readonly Word[]): readonly Run[] {
  const runs: Run[] = [];
  let open: Word[] = [];
  for (const word of words) {
    const last = open.at(-1);
    if (last !== undefined && !follows(last, word)) {
      runs.push(toRun(open));
      open = [];
    }
    open.push(word);
  }
  if (open.length > 0) runs.push(toRun(open));
  return runs;
}

function follows(last: Word, word: Word): boolean {
  const size = Math.max(last.size, word.size);
  if (Math.abs(last.baseline - word.baseline) > 0.4 * size) return false;
  const after = word.left - last.right;
  const before = last.left - word.right;
  return (after > -0.3 * size && after < COLUMN_GAP * size) || (before > -0.3 * size && before < COLUMN_GAP * size);
}

/** One run of words, which are not none. */
function toRun(words: readonly Word[]): Run {
  let [left, top, right, bottom, baseline, size, longest] = [Infinity, Infinity, -Infinity, -Infinity, 0, 1, -1];
  for (const word of words) {
    if (word.left < left) left = word.left;
    if (word.top < top) top = word.top;
    if (word.right > right) right = word.right;
    if (word.bottom > bottom) bottom = word.bottom;
    if (word.text.length > longest) {
      longest = word.text.length;
      baseline = word.baseline;
      size = word.size;
    }
  }
  return { words, left, top, right, bottom, baseline, size };
}

/** Runs by the line they stand on, from the top; in a line from its start. */
export function toRows(runs: readonly Run[], rightToLeft: boolean): readonly (readonly Run[])[] {
  const rows: Run[][] = [];
  for (const run of [...runs].sort((one, other) => one.baseline - other.baseline)) {
    const row = rows.at(-1);
    if (row?.some((one) => isBeside(one, run))) row.push(run);
    else rows.push([run]);
  }
  for (const row of rows) row.sort((one, other) => (rightToLeft ? other.right - one.right : one.left - other.left));
  return rows;
}

function isBeside(one: Run, other: Run): boolean {
  if (one.table !== undefined || other.table !== undefined) return false;
  const [small, large] = one.size < other.size ? [one, other] : [other, one];
  // A raised or lowered sign belongs to the line of the larger text that it stands in.
  const reach = small.size < 0.8 * large.size ? 0.6 : 0.35;
  return Math.abs(one.baseline - other.baseline) <= reach * large.size;
}

/** Runs of one line without the gaps between them that are too small to part columns. */
export function toCells(row: readonly Run[]): readonly Run[] {
  const cells: Run[] = [];
  for (const run of row) {
    const last = cells.at(-1);
    const gap = last === undefined ? Infinity : Math.max(run.left - last.right, last.left - run.right);
    if (last !== undefined && last.table === undefined && gap < COLUMN_GAP * Math.max(last.size, run.size)) {
      cells[cells.length - 1] = toRun([...last.words, ...run.words]);
    } else cells.push(run);
  }
  return cells;
}

/** A line of all runs of a row. */
export function toLine(row: readonly Run[], column: Column): Line {
  const [only] = row;
  const run = row.length === 1 && only !== undefined ? only : toRun(row.flatMap(({ words }) => words));
  const { words } = run;
  return { ...run, text: wordsText(words), bold: words.every(({ bold }) => bold), fixed: words.every(({ fixed }) => fixed), column };
}

/** Words as text: a space wherever the file or the page has one. */
export function wordsText(words: readonly Word[]): string {
  let text = '';
  let last: Word | undefined;
  for (const word of words) {
    if (last !== undefined && isApart(last, word)) text += ' ';
    text += word.text;
    last = word;
  }
  // A mark of a hyphen within a line is a hyphen that the line happened to have before a gap.
  return text.replaceAll(/\u00ad(?=.)/g, '-');
}

function isApart(last: Word, word: Word): boolean {
  if (word.spaced) return true;
  const size = Math.max(last.size, word.size);
  return Math.max(word.left - last.right, last.left - word.right) > 0.1 * size || Math.abs(word.baseline - last.baseline) > 0.1 * size;
}

/** Whether most letters of these texts are of a script that is written from right to left. */
export function isRightToLeft(words: readonly Word[]): boolean {
  let [all, turned] = [0, 0];
  for (const { text } of words) {
    if (text.charCodeAt(0) < 0x0590 && !/[^\0-\u058f]/.test(text)) {
      all += text.length;
      continue;
    }
    all += text.match(LETTERS)?.length ?? 0;
    turned += text.match(RIGHT_TO_LEFT)?.length ?? 0;
  }
  return turned > 0.5 * all;
}

/**
 * Lines as one text. A word that was divided at the end of a line is put together, unless `hasHyphen` says of its two halves that the
 * hyphen is its own.
 */
export function joinLines(lines: readonly string[], hasHyphen: (start: string, end: string) => boolean = () => false): string {
  let text = '';
  for (const line of lines) text = text === '' ? line : joinTwo(text, line, hasHyphen);
  return text.replace(/\u00ad$/, '-');
}

/** Signs of Chinese and Japanese, which are written without spaces. */
const UNSPACED_END = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\u3000-\u303f\uff00-\uff60]$/u;
const UNSPACED_START = /^[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\u3000-\u303f\uff00-\uff60]/u;
const DIVIDED = /([\p{L}\p{M}]+)[\u00ad\u2010-]$/u;

function joinTwo(text: string, line: string, hasHyphen: (start: string, end: string) => boolean): string {
  const start = text.endsWith('-') || text.endsWith('\u00ad') || text.endsWith('\u2010') ? DIVIDED.exec(text.slice(-60))?.[1] : undefined;
  if (start === undefined)
    return `${text.replace(/\u00ad$/, '-')}${UNSPACED_END.test(text) && UNSPACED_START.test(line) ? '' : ' '}${line}`;
  const end = /^[\p{L}\p{M}]+/u.exec(line)?.[0];
  const keeps = end === undefined || !/^\p{Ll}/u.test(end) || hasHyphen(start, end);
  return text.slice(0, -1) + (keeps ? '-' : '') + line;
}
