import { type Column, isRightToLeft, type Line, type Run, toCells, toLine, toRows, toRuns } from './pdf-lines.ts';
import { findTables } from './pdf-tables.ts';
import type { Word } from './pdf-words.ts';

const DEEPEST = 12;
const FEWEST_LINES = 3;
/** Least width of the white strip between columns, in font sizes. */
const GUTTER = 0.6;

/** The words of a page, and tables found already, as lines in reading order. */
export function readingOrder(words: readonly Word[], tables: readonly Run[]): readonly Line[] {
  const rightToLeft = isRightToLeft(words);
  const runs = [...toRuns(words), ...tables].sort((one, other) => one.top - other.top);
  return orderRegion(runs, rightToLeft, 0);
}

/** Cuts a part of a page where it has columns of prose; runs are sorted by their top. */
function orderRegion(runs: readonly Run[], rightToLeft: boolean, depth: number): readonly Line[] {
  if (runs.length === 0) return [];
  const cut = depth < DEEPEST ? findColumns(runs) : undefined;
  if (cut === undefined) return regionLines(runs, rightToLeft);
  const { x, from, to } = cut;
  const left = runs.slice(from, to).filter((run) => run.left < x);
  const right = runs.slice(from, to).filter((run) => run.left >= x);
  const columns = rightToLeft ? [right, left] : [left, right];
  return [runs.slice(0, from), ...columns, runs.slice(to)].flatMap((part) => orderRegion(part, rightToLeft, depth + 1));
}

interface Cut {
  readonly x: number;
  /** The runs beside the cut: from this one up to that one. */
  readonly from: number;
  readonly to: number;
  readonly score: number;
}

/** The white strip with prose on both sides that parts most lines. */
function findColumns(runs: readonly Run[]): Cut | undefined {
  if (runs.length < 2 * FEWEST_LINES) return undefined;
  let best: Cut | undefined;
  for (const x of leftEdges(runs)) {
    let from = 0;
    for (let index = 0; index <= runs.length; index++) {
      const run = runs[index];
      if (run !== undefined && !(run.left < x - 1 && run.right > x + 1)) continue;
      const score = index - from < 2 * FEWEST_LINES ? 0 : columnScore(runs.slice(from, index), x);
      if (score > (best?.score ?? 0)) best = { x, from, to: index, score };
      from = index + 1;
    }
  }
  return best;
}

/** Where several runs begin: a little left of each of these places a gutter may end. */
function leftEdges(runs: readonly Run[]): readonly number[] {
  const counts = new Map<number, number>();
  for (const { left } of runs) {
    const place = Math.round(left / 4);
    counts.set(place, (counts.get(place) ?? 0) + 1);
  }
  const most = [...counts].filter(([, count]) => count >= 2).sort((one, other) => other[1] - one[1]);
  return most.slice(0, 24).map(([place]) => place * 4 - 3);
}

/** How many lines stand beside each other left and right of `x`; 0 where it does not part columns of prose. */
function columnScore(runs: readonly Run[], x: number): number {
  const left = runs.filter((run) => run.left < x);
  const right = runs.filter((run) => run.left >= x);
  if (left.length < FEWEST_LINES || right.length < FEWEST_LINES) return 0;
  const size = median(runs.map((run) => run.size));
  const gutter = Math.min(...right.map((run) => run.left)) - Math.max(...left.map((run) => run.right));
  const overlap = Math.min(bottomOf(left), bottomOf(right)) - Math.max(topOf(left), topOf(right));
  if (gutter < GUTTER * size || overlap < 2 * size) return 0;
  const apart = (isProse(left) && isProse(right)) || isUnaligned(left, right);
  return apart ? Math.min(left.length, right.length) : 0;
}

/** Whether most letters stand in lines that fill most of the column. */
function isProse(runs: readonly Run[]): boolean {
  const width = Math.max(...runs.map(({ right }) => right)) - Math.min(...runs.map(({ left }) => left));
  let [all, long] = [0, 0];
  for (const { words, table, left, right } of runs) {
    if (table !== undefined) continue;
    const letters = words.reduce((sum, { text }) => sum + text.length, words.length);
    all += letters;
    if (right - left > 0.55 * width && letters >= 14) long += letters;
  }
  return all > 0 && long >= 0.5 * all;
}

/** Whether lines on the two sides stand at heights of their own, which rows of a table do not. */
function isUnaligned(left: readonly Run[], right: readonly Run[]): boolean {
  if (Math.min(left.length, right.length) < 6) return false;
  const [few, many] = left.length < right.length ? [left, right] : [right, left];
  const aligned = few.filter((run) => many.some((other) => Math.abs(run.baseline - other.baseline) < 0.2 * run.size)).length;
  return aligned < 0.5 * few.length;
}

/** A part of a page without columns of prose: its lines, and tables where cells stand under each other. */
function regionLines(runs: readonly Run[], rightToLeft: boolean): readonly Line[] {
  const column: Column = {
    left: Math.min(...runs.map(({ left }) => left)),
    right: Math.max(...runs.map(({ right }) => right)),
  };
  const rows = toRows(runs, rightToLeft).map(toCells);
  return findTables(rows, column, rightToLeft).map((row) => toLine(row, column));
}

function topOf(runs: readonly Run[]): number {
  return Math.min(...runs.map(({ top }) => top));
}

function bottomOf(runs: readonly Run[]): number {
  return Math.max(...runs.map(({ bottom }) => bottom));
}

/** The middle one; 0 of none. */
export function median(numbers: readonly number[]): number {
  const sorted = [...numbers].sort((one, other) => one - other);
  return sorted[sorted.length >> 1] ?? 0;
}
