import { weightedMedian } from './geometry.ts';
import type { ReadLine, TurnedRect } from './ocr-types.ts';

/** A gap between pieces of one row, in heights of the row, from which they are lines of their own. */
const GAP = 1.6;
/** Width of a typical line, in heights, below which a page is a table or a form: it is read by rows. */
const SHORT_LINE = 8;
/** More lines than this are read by rows: finding columns takes the cube of their number at worst. */
const MOST_LINES = 800;

/** A line without the skew of its page. */
interface Flat {
  readonly line: ReadLine;
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly bottom: number;
}

/**
 * Puts lines into the order they are read in: pieces of one row are joined, and a line comes before another when it stands above it, or
 * left of it with nothing between that spans both (Breuel 2003, "High Performance Document Layout Analysis").
 */
export function readingOrder(lines: readonly ReadLine[]): readonly ReadLine[] {
  const skew = skewOf(lines.map(({ rect }) => rect));
  const flat = joinRows(lines.map((line) => flatten(line, skew)));
  const isTabular = typicalLength(flat) < SHORT_LINE || flat.length > MOST_LINES;
  return (isTabular ? byRows(flat) : byColumns(flat)).map(({ line }) => line);
}

/** Angle of the page's lines, radians. */
export function skewOf(rects: readonly TurnedRect[]): number {
  const long = rects.filter(({ width, height }) => width > 3 * height);
  return weightedMedian(long.map(({ angle, width }) => ({ value: angle, weight: width })));
}

function flatten(line: ReadLine, skew: number): Flat {
  const { x, y, width, height } = line.rect;
  const u = x * Math.cos(skew) + y * Math.sin(skew);
  const v = y * Math.cos(skew) - x * Math.sin(skew);
  return { line, left: u - width / 2, right: u + width / 2, top: v - height / 2, bottom: v + height / 2 };
}

/** Pieces of a row that stand as near as words do are one line. */
function joinRows(pieces: readonly Flat[]): readonly Flat[] {
  const joined: Flat[] = [];
  for (const piece of [...pieces].sort((a, b) => a.left - b.left)) {
    const at = joined.findIndex((other) => isSameRow(other, piece) && isNear(other, piece));
    const before = joined[at];
    if (before === undefined) joined.push(piece);
    else joined[at] = join(before, piece);
  }
  return joined;
}

function isSameRow(a: Flat, b: Flat): boolean {
  const [heightA, heightB] = [a.bottom - a.top, b.bottom - b.top];
  const overlap = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
  return overlap > 0.6 * Math.min(heightA, heightB) && Math.max(heightA, heightB) < 1.8 * Math.min(heightA, heightB);
}

function isNear(before: Flat, after: Flat): boolean {
  const height = Math.min(before.bottom - before.top, after.bottom - after.top);
  const gap = after.left - before.right;
  return gap < GAP * height && gap > -0.6 * Math.min(before.right - before.left, after.right - after.left);
}

function join(a: Flat, b: Flat): Flat {
  const [left, right, top, bottom] = [a.left, Math.max(a.right, b.right), Math.min(a.top, b.top), Math.max(a.bottom, b.bottom)];
  const { line: first } = a;
  const { line: second } = b;
  const length = first.text.length + second.text.length;
  const { angle } = first.rect;
  const [u, v] = [(left + right) / 2, (top + bottom) / 2];
  const rect = {
    x: u * Math.cos(angle) - v * Math.sin(angle),
    y: u * Math.sin(angle) + v * Math.cos(angle),
    width: right - left,
    height: bottom - top,
    angle,
  };
  return {
    ...{ left, right, top, bottom },
    line: {
      text: `${first.text} ${second.text}`.trim(),
      confidence: (first.confidence * first.text.length + second.confidence * second.text.length) / Math.max(1, length),
      rect,
    },
  };
}

function typicalLength(lines: readonly Flat[]): number {
  const lengths = lines.map(({ left, right, top, bottom }) => (right - left) / Math.max(1, bottom - top)).sort((a, b) => a - b);
  return lengths[Math.floor(lengths.length / 2)] ?? 0;
}

/** Rows from the top, each from the left. */
function byRows(lines: readonly Flat[]): readonly Flat[] {
  const rows: Flat[][] = [];
  for (const line of [...lines].sort((a, b) => a.top + a.bottom - b.top - b.bottom)) {
    const row = rows.at(-1);
    const middle = (line.top + line.bottom) / 2;
    if (row?.some(({ top, bottom }) => middle > top && middle < bottom) === true) row.push(line);
    else rows.push([line]);
  }
  return rows.flatMap((row) => row.sort((a, b) => a.left - b.left));
}

function byColumns(lines: readonly Flat[]): readonly Flat[] {
  const downwards = [...lines].sort((a, b) => a.top + a.bottom - b.top - b.bottom);
  const before = downwards.map((line) => downwards.filter((other) => other !== line && comesBefore(other, line, downwards)));
  const done = new Set<Flat>();
  const order: Flat[] = [];
  while (order.length < downwards.length) {
    const next =
      downwards.find((line, index) => !done.has(line) && (before[index] ?? []).every((other) => done.has(other))) ??
      // A knot of boxes that overlap: the highest of them goes first.
      downwards.find((line) => !done.has(line));
    if (next === undefined) break;
    done.add(next);
    order.push(next);
  }
  return order;
}

function comesBefore(a: Flat, b: Flat, all: readonly Flat[]): boolean {
  if (overlapsAcross(a, b)) return a.top + a.bottom < b.top + b.bottom;
  if (a.left > b.left) return false;
  const [high, low] = [Math.min(a.top, b.top), Math.max(a.bottom, b.bottom)];
  return !all.some(
    (c) =>
      c !== a &&
      c !== b &&
      c.top + c.bottom > 2 * high &&
      c.top + c.bottom < 2 * low &&
      isBetween(c, a, b) &&
      overlapsAcross(c, a) &&
      overlapsAcross(c, b),
  );
}

/** Its middle lies between theirs from top to bottom. */
function isBetween(c: Flat, a: Flat, b: Flat): boolean {
  const [first, second] = [a.top + a.bottom, b.top + b.bottom].sort((x, y) => x - y);
  const middle = c.top + c.bottom;
  return first !== undefined && second !== undefined && middle > first && middle < second;
}

/** A common share of their widths; pieces that only touch do not count. */
function overlapsAcross(a: Flat, b: Flat): boolean {
  return Math.min(a.right, b.right) - Math.max(a.left, b.left) > 0.1 * Math.min(a.right - a.left, b.right - b.left);
}
