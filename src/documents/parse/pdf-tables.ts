import type { Graphics, Rule } from './pdf-graphics.ts';
import { type Column, isRightToLeft, joinLines, type Run, type TableCells, toRows, toRuns, wordsText } from './pdf-lines.ts';
import type { Word } from './pdf-words.ts';

/** Points within which lines meet and edges are the same. */
const NEAR = 3;
const MOST_RULES = 1500;
const LIST_MARK = /^(?:[•‣◦▪●○■□–—*-]|\(?(?:\d{1,3}|[a-zA-Z]|[ivxIVX]{1,4})[.)])$/;

/** Tables whose cells are parted by drawn lines. The words in them are no longer among `rest`. */
export function ruledTables(
  words: readonly Word[],
  graphics: Graphics,
): { readonly tables: readonly Run[]; readonly rest: readonly Word[] } {
  const { horizontal, vertical } = graphics;
  if (horizontal.length < 2 || vertical.length < 2 || horizontal.length + vertical.length > MOST_RULES) return { tables: [], rest: words };
  const tables: Run[] = [];
  let rest = words;
  for (const grid of gridsOf(horizontal, vertical)) {
    const inside = rest.filter((word) => isInside(word, grid));
    const table = gridTable(inside, grid);
    if (table === undefined) continue;
    tables.push(table);
    const taken = new Set(inside);
    rest = rest.filter((word) => !taken.has(word));
  }
  return { tables, rest };
}

interface Grid {
  /** Places of the vertical lines from the left. */
  readonly xs: readonly number[];
  /** Places of the horizontal lines from the top. */
  readonly ys: readonly number[];
}

/** Groups of lines that meet, as far as they make at least two rows and two columns. */
function gridsOf(horizontal: readonly Rule[], vertical: readonly Rule[]): readonly Grid[] {
  const group = [...horizontal, ...vertical].map((_, index) => index);
  const root = (index: number): number => {
    let place = index;
    while (group[place] !== place) {
      const next = group[place] ?? place;
      // Halving the way keeps the next search short.
      group[place] = group[next] ?? next;
      place = next;
    }
    return place;
  };
  const sorted = vertical.map((down, index) => ({ down, index })).sort((one, other) => one.down.at - other.down.at);
  horizontal.forEach((across, first) => {
    for (const { down, index } of sorted) {
      if (down.at > across.end + NEAR) break;
      if (meets(across, down)) group[root(first)] = root(horizontal.length + index);
    }
  });
  const grids = new Map<number, { across: Rule[]; down: Rule[] }>();
  group.forEach((_, index) => {
    const key = root(index);
    const grid = grids.get(key) ?? { across: [], down: [] };
    grids.set(key, grid);
    const [across, down] = [horizontal[index], vertical[index - horizontal.length]];
    if (across !== undefined) grid.across.push(across);
    else if (down !== undefined) grid.down.push(down);
  });
  return [...grids.values()].map(({ across, down }) => toGrid(across, down)).filter((grid) => grid.xs.length > 2 && grid.ys.length > 2);
}

function meets(across: Rule, down: Rule): boolean {
  return down.at >= across.start - NEAR && down.at <= across.end + NEAR && across.at >= down.start - NEAR && across.at <= down.end + NEAR;
}

function toGrid(across: readonly Rule[], down: readonly Rule[]): Grid {
  const width = Math.max(...across.map(({ end }) => end)) - Math.min(...across.map(({ start }) => start));
  const height = Math.max(...down.map(({ end }) => end)) - Math.min(...down.map(({ start }) => start));
  return { xs: places(down, 0.45 * height), ys: places(across, 0.45 * width) };
}

/** Places at which lines cover at least so much altogether: the boxes of a drawing do not line up like this. */
function places(rules: readonly Rule[], least: number): readonly number[] {
  const found: { at: number; covered: number; end: number }[] = [];
  for (const { at, start, end } of [...rules].sort((one, other) => one.at - other.at || one.start - other.start)) {
    const last = found.at(-1);
    if (last === undefined || at - last.at > NEAR) found.push({ at, covered: end - start, end });
    else {
      last.covered += Math.max(0, end - Math.max(start, last.end));
      last.end = Math.max(last.end, end);
    }
  }
  return found.filter(({ covered }) => covered >= least).map(({ at }) => at);
}

function isInside(word: Word, { xs, ys }: Grid): boolean {
  const [x, y] = [(word.left + word.right) / 2, (word.top + word.bottom) / 2];
  return x >= (xs[0] ?? 0) && x <= (xs.at(-1) ?? 0) && y >= (ys[0] ?? 0) && y <= (ys.at(-1) ?? 0);
}

function gridTable(words: readonly Word[], { xs, ys }: Grid): Run | undefined {
  const cells = ys.slice(1).map(() => xs.slice(1).map((): Word[] => []));
  for (const word of words) {
    const column = xs.findIndex((x, index) => index > 0 && (word.left + word.right) / 2 <= x) - 1;
    const row = ys.findIndex((y, index) => index > 0 && (word.top + word.bottom) / 2 <= y) - 1;
    cells[row]?.[column]?.push(word);
  }
  const filled = cells.filter((row) => row.some((cell) => cell.length > 0));
  const columns = xs.slice(1).map((_, index) => filled.some((row) => (row[index]?.length ?? 0) > 0));
  const kept = filled.map((row) => row.filter((_, index) => columns[index]));
  const many = kept.filter((row) => row.filter((cell) => cell.length > 0).length > 1).length;
  const count = kept.reduce((sum, row) => sum + row.filter((cell) => cell.length > 0).length, 0);
  // Boxes that frame whole paragraphs are layout, not a table.
  if (many < 2 || columns.filter(Boolean).length < 2 || words.length > 60 * count) return undefined;
  const turned = isRightToLeft(words);
  const rows = kept.map((row) => (turned ? row.toReversed() : row).map((cell) => cellText(cell)));
  const bold = kept.map((row) => row.flat().every((word) => word.bold));
  const [left, right, top, bottom] = [xs[0] ?? 0, xs.at(-1) ?? 0, ys[0] ?? 0, ys.at(-1) ?? 0];
  const size = words[0]?.size ?? 1;
  const table = { rows, headerRows: headerRows(rows, bold) };
  return { words: [...words], left, right, top, bottom, baseline: top + size, size, table };
}

function cellText(words: readonly Word[]): string {
  if (words.length === 0) return '';
  const lines = toRows(toRuns(words), isRightToLeft(words)).map((row) => wordsText(row.flatMap((run) => run.words)));
  return joinLines(lines);
}

/** Rows of a region with every stretch of them that makes a table in place of these rows. */
export function findTables(rows: readonly (readonly Run[])[], column: Column, rightToLeft: boolean): readonly (readonly Run[])[] {
  const result: (readonly Run[])[] = [];
  let index = 0;
  while (index < rows.length) {
    const end = (rows[index]?.length ?? 0) > 1 ? stretchEnd(rows, index, column) : index;
    const table = end - index > 1 ? toTable(rows.slice(index, end), rightToLeft) : undefined;
    if (table === undefined) {
      result.push(rows[index] ?? []);
      index++;
    } else {
      result.push([table]);
      index = end;
    }
  }
  return result;
}

/** The first row after `start` that is no row of the same table. */
function stretchEnd(rows: readonly (readonly Run[])[], start: number, column: Column): number {
  let end = start;
  let last = start;
  for (let index = start; index < rows.length; index++) {
    const row = rows[index] ?? [];
    const [only] = row;
    if (only === undefined || only.table !== undefined) break;
    const above = rows[index - 1]?.[0];
    if (index > start && above !== undefined && only.top - above.bottom > 2.5 * Math.max(only.size, above.size)) break;
    if (row.length > 1) {
      end = index + 1;
      last = index;
    } else if (index - last > 2 || only.right - only.left > 0.6 * (column.right - column.left)) break;
  }
  // A line that follows a last row closely and starts where its second cell does goes on with it.
  const [next] = rows[end] ?? [];
  const above = rows[end - 1];
  const under = next !== undefined && above?.slice(1).some((cell) => Math.abs(cell.left - next.left) < NEAR);
  const close = next !== undefined && above?.[0] !== undefined && next.top - above[0].bottom < 0.4 * next.size;
  return rows[end]?.length === 1 && under && close ? end + 1 : end;
}

interface Span {
  left: number;
  right: number;
}

function toTable(rows: readonly (readonly Run[])[], rightToLeft: boolean): Run | undefined {
  const spans = columnSpans(rows);
  const many = rows.filter((row) => row.length > 1);
  if (spans.length < 2 || many.length < (spans.length === 2 ? 3 : 2) || 2 * many.length < rows.length) return undefined;
  const runs = rows.flat();
  const words = runs.flatMap((run) => run.words);
  if (words.length > 9 * runs.length || !areAligned(many, spans)) return undefined;
  if (many.every(([first]) => first !== undefined && LIST_MARK.test(wordsText(first.words)))) return undefined;
  const cells = tableRows(rows, spans);
  const ordered = rightToLeft ? cells.map((row) => row.toReversed()) : cells;
  const bold = rows.map((row) => row.every((run) => run.words.every((word) => word.bold)));
  const table: TableCells = { rows: ordered, headerRows: headerRows(ordered, bold) };
  const left = Math.min(...runs.map((run) => run.left));
  const right = Math.max(...runs.map((run) => run.right));
  const top = Math.min(...runs.map((run) => run.top));
  const bottom = Math.max(...runs.map((run) => run.bottom));
  return { words, left, right, top, bottom, baseline: top + (runs[0]?.size ?? 1), size: runs[0]?.size ?? 1, table };
}

/** Columns: strips that cells stand in, a cell over several columns not counted. */
function columnSpans(rows: readonly (readonly Run[])[]): readonly Span[] {
  const cells = rows.filter((row) => row.length > 1).flat();
  const narrow = cells.filter(
    (cell) => !rows.some((row) => row.filter((other) => other.left < cell.right && other.right > cell.left).length > 1),
  );
  const spans: Span[] = [];
  for (const { left, right } of [...narrow].sort((one, other) => one.left - other.left)) {
    const last = spans.at(-1);
    if (last !== undefined && left < last.right + 1) last.right = Math.max(last.right, right);
    else spans.push({ left, right });
  }
  return spans;
}

/** Whether the cells of all columns but one share their left ends, right ends or middles. */
function areAligned(rows: readonly (readonly Run[])[], spans: readonly Span[]): boolean {
  const aligned = spans.filter((span) => {
    const cells = rows.flat().filter((cell) => cell.left >= span.left - 1 && cell.right <= span.right + 1);
    const sharing = (place: (cell: Run) => number) => mostShared(cells.map(place)) >= 0.6 * cells.length;
    return (
      cells.length > 1 && (sharing(({ left }) => left) || sharing(({ right }) => right) || sharing(({ left, right }) => (left + right) / 2))
    );
  });
  return aligned.length >= Math.max(2, spans.length - 1);
}

function mostShared(numbers: readonly number[]): number {
  return Math.max(0, ...numbers.map((one) => numbers.filter((other) => Math.abs(one - other) < NEAR).length));
}

function tableRows(rows: readonly (readonly Run[])[], spans: readonly Span[]): readonly (readonly string[])[] {
  const result: string[][] = [];
  rows.forEach((row, index) => {
    const cells = spans.map(() => '');
    for (const run of row) {
      const column = columnOf(run, spans);
      cells[column] = joinLines([cells[column] ?? '', wordsText(run.words)].filter(Boolean));
    }
    const last = result.at(-1);
    if (last !== undefined && goesOn(rows[index - 1], row, cells))
      cells.forEach((cell, place) => {
        last[place] = joinLines([last[place] ?? '', cell].filter(Boolean));
      });
    else result.push(cells);
  });
  return result;
}

/** A row that leaves the first column empty and stands close below goes on with the row above. */
function goesOn(above: readonly Run[] | undefined, row: readonly Run[], cells: readonly string[]): boolean {
  const [first] = row;
  if (above?.[0] === undefined || first === undefined || cells[0] !== '' || row.length >= above.length) return false;
  return first.top - Math.max(...above.map(({ bottom }) => bottom)) < 0.35 * first.size;
}

function columnOf(run: Run, spans: readonly Span[]): number {
  let [best, most] = [0, -Infinity];
  spans.forEach((span, index) => {
    const overlap = Math.min(run.right, span.right) - Math.max(run.left, span.left);
    if (overlap > most + 0.5) [best, most] = [index, overlap];
  });
  return best;
}

/** A first row of words over rows that have figures, or in bold over rows that are not, is a header. */
function headerRows(rows: readonly (readonly string[])[], bold: readonly boolean[]): number {
  const [first = [], ...others] = rows;
  if (others.length === 0 || first.some((cell) => isFigure(cell)) || first.filter(Boolean).length < 2) return 0;
  if (bold[0] && bold.slice(1).some((one) => !one)) return 1;
  return first.some((_, column) => others.filter((row) => isFigure(row[column] ?? '')).length > 0.6 * others.length) ? 1 : 0;
}

function isFigure(cell: string): boolean {
  return /\d/.test(cell) && (cell.match(/\p{L}/gu)?.length ?? 0) <= 3;
}
