import type { DraftBlock, Link } from '../document-types.ts';

/** A filled cell of a sheet; columns and rows count from 0. */
export interface SheetCell {
  readonly column: number;
  /** As the sheet shows it, on one line. */
  readonly text: string;
  /** False for numbers, dates and truth values. */
  readonly isText: boolean;
  readonly link?: Link;
  /** It only repeats a merged cell. */
  readonly isCopy?: boolean;
}

/** A row with its filled cells, by column. */
export interface SheetRow {
  readonly row: number;
  readonly cells: readonly SheetCell[];
}

/** A merged range, first and last row and column of it included. */
export interface MergedRange {
  readonly top: number;
  readonly left: number;
  readonly bottom: number;
  readonly right: number;
}

/** Cells of one document that are read; what comes after them is left out and told. */
export const MOST_SHEET_CELLS = 2_000_000;
/** Places that all merged cells of a sheet are repeated into. */
const MOST_COPIES = 200_000;
/** Regions inside of regions: a sheet that is cut further is a drawing, not tables. */
const MOST_CUTS = 8;
/** A table this thinly filled is written row by row, without its empty places. */
const LEAST_FILLED = 1 / 20;
/** Smaller tables are written in full however empty they are. */
const SMALL_AREA = 5000;
/** Of a column of texts this long on average each is a paragraph. */
const LONG_TEXT = 80;
/** A header has shorter texts. */
const LONGEST_HEADER = 120;

/**
 * What a sheet holds: each region of filled cells that empty rows or columns set apart is a table, a region of one cell a text. A line with
 * one cell above a table is its title. What a merged cell says stands in each place that it covers.
 */
export function sheetBlocks(rows: readonly SheetRow[], merges: readonly MergedRange[], page: number): readonly DraftBlock[] {
  const filled = withMerges(rows, merges);
  return joined(regionsOf(filled, 0)).flatMap((region) => regionBlocks(region, page));
}

function withMerges(rows: readonly SheetRow[], merges: readonly MergedRange[]): readonly SheetRow[] {
  if (merges.length === 0) return rows;
  const lastColumn = rows.reduce((most, { cells }) => Math.max(most, cells.at(-1)?.column ?? 0), 0);
  const byRow = new Map(rows.map((row) => [row.row, new Map(row.cells.map((cell) => [cell.column, cell]))]));
  let left = MOST_COPIES;
  for (const merge of merges) {
    const origin = byRow.get(merge.top)?.get(merge.left);
    if (origin === undefined) continue;
    for (let row = merge.top; row <= merge.bottom && left > 0; row++) {
      // A row of which nothing else is filled has nothing to be labelled.
      const cells = byRow.get(row);
      for (let column = merge.left; cells !== undefined && column <= Math.min(merge.right, lastColumn) && left > 0; column++, left--) {
        if (!cells.has(column)) cells.set(column, { ...origin, column, isCopy: true });
      }
      left--;
    }
  }
  return Array.from(byRow, ([row, cells]) => ({ row, cells: [...cells.values()].sort((a, b) => a.column - b.column) }));
}

/** Regions that empty rows and columns cut out, from top to bottom and from left to right. */
function regionsOf(rows: readonly SheetRow[], depth: number): readonly (readonly SheetRow[])[] {
  return bandsOf(rows).flatMap((band) => {
    const parts = depth < MOST_CUTS ? columnParts(band) : [band];
    return parts.length === 1 ? [band] : parts.flatMap((part) => regionsOf(part, depth + 1));
  });
}

function bandsOf(rows: readonly SheetRow[]): readonly (readonly SheetRow[])[] {
  const bands: SheetRow[][] = [];
  let last = Number.NEGATIVE_INFINITY;
  for (const row of rows) {
    if (row.row > last + 1) bands.push([]);
    bands.at(-1)?.push(row);
    last = row.row;
  }
  return bands;
}

function columnParts(band: readonly SheetRow[]): readonly (readonly SheetRow[])[] {
  const columns = columnsOf(band);
  const starts = columns.filter((column, index) => index === 0 || column > (columns[index - 1] ?? 0) + 1);
  if (starts.length < 2) return [band];
  const parts = starts.map((start, index) => within(band, start, starts[index + 1] ?? Number.POSITIVE_INFINITY));
  // Labels with their values some columns on belong together.
  const isForm = parts.some((part) => columnsOf(part).length === 1 && part.length > 1 && part.length * 2 >= band.length);
  return isForm ? [band] : parts;
}

function within(rows: readonly SheetRow[], from: number, to: number): readonly SheetRow[] {
  return rows
    .map(({ row, cells }) => ({ row, cells: cells.filter(({ column }) => column >= from && column < to) }))
    .filter(({ cells }) => cells.length > 0);
}

function columnsOf(rows: readonly SheetRow[]): readonly number[] {
  const columns = new Set<number>();
  for (const { cells } of rows) for (const { column } of cells) columns.add(column);
  return [...columns].sort((a, b) => a - b);
}

/** A region with the columns of the one above and without a header of its own goes on with its table behind an empty row. */
function joined(regions: readonly (readonly SheetRow[])[]): readonly (readonly SheetRow[])[] {
  const out: (readonly SheetRow[])[] = [];
  let above = '';
  for (const region of regions) {
    const columns = columnsOf(region);
    const place = columns.length < 2 ? '' : columns.join();
    const last = out.at(-1);
    const goesOn = last !== undefined && place !== '' && place === above && headerRowsOf(region) === 0 && headerRowsOf(last) > 0;
    if (goesOn) out[out.length - 1] = [...last, ...region];
    else out.push(region);
    above = place;
  }
  return out;
}

function regionBlocks(region: readonly SheetRow[], page: number): readonly DraftBlock[] {
  const isWide = columnsOf(region).length > 1;
  const first = isWide ? region.findIndex(({ cells }) => ownCells(cells).length > 1) : 0;
  const titles = region.slice(0, first === -1 ? region.length : first);
  const rows = region.slice(titles.length);
  const blocks = titles.flatMap(({ cells }) => textBlocks(cells, page));
  const texts = rows.flatMap(({ cells }) => ownCells(cells));
  const isProse = !isWide && texts.reduce((sum, { text }) => sum + text.length, 0) >= texts.length * LONG_TEXT;
  if (rows.length === 0) return blocks;
  if (isProse || texts.length === 1) return [...blocks, ...rows.flatMap(({ cells }) => textBlocks(cells, page))];
  return [...blocks, tableBlock(rows, page)];
}

function ownCells(cells: readonly SheetCell[]): readonly SheetCell[] {
  return cells.filter(({ isCopy }) => isCopy !== true);
}

function textBlocks(cells: readonly SheetCell[], page: number): readonly DraftBlock[] {
  return ownCells(cells).map(({ text, link }) => ({ kind: 'text', text, page, ...(link !== undefined && { links: [link] }) }));
}

function tableBlock(region: readonly SheetRow[], page: number): DraftBlock {
  const columns = columnsOf(region);
  const count = region.reduce((sum, { cells }) => sum + cells.length, 0);
  const area = columns.length * region.length;
  const isThin = area > SMALL_AREA && count < area * LEAST_FILLED;
  const places = new Map(columns.map((column, index) => [column, index]));
  const rows = region.map(({ cells }) => {
    if (isThin) return cells.map(({ text }) => text);
    const row = new Array<string>(columns.length).fill('');
    for (const { column, text } of cells) row[places.get(column) ?? 0] = text;
    return row;
  });
  const headerRows = headerRowsOf(region);
  const links = region.flatMap(({ cells }) => cells.flatMap(({ link, isCopy }) => (link === undefined || isCopy === true ? [] : [link])));
  return {
    kind: 'table',
    text: rows.map((row) => row.join(' | ')).join('\n'),
    rows,
    ...(headerRows > 0 && { headerRows }),
    ...(links.length > 0 && { links }),
    page,
  };
}

/** How many of the first rows are a header by their look: short texts in nearly all columns, the first row's merged ones with a row of parts below. */
function headerRowsOf(region: readonly SheetRow[]): number {
  const [first, second] = region;
  const width = columnsOf(region).length;
  if (first === undefined || second === undefined || !isHeader(first, width)) return 0;
  const isGrouped = first.cells.some(({ isCopy }, index) => isCopy === true && index > 0) && region.length > 2;
  return isGrouped && isHeader(second, width) ? 2 : 1;
}

function isHeader({ cells }: SheetRow, width: number): boolean {
  return cells.length >= Math.max(1, width * 0.6) && cells.every(({ isText, text }) => isText && text.length <= LONGEST_HEADER);
}
