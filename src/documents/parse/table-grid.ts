import type { DraftBlock } from '../document-types.ts';
import type { LinkedText } from './office-blocks.ts';

/** A cell as it stands in the mark-up of a table. */
export interface GridCell extends LinkedText {
  /** Columns and rows that it covers. */
  readonly columns: number;
  readonly rows: number;
  /** It only goes on with the cell above, as Word's `w:vMerge` says. */
  readonly goesOn?: boolean;
  /** Columns left empty before it. */
  readonly skip?: number;
}

/** A cell cannot cover more: what a file says beyond it is an attack or a mistake. */
const MOST_COLUMNS = 1000;
const MOST_ROWS = 10_000;
/** Cells of one table, those that merged ones are repeated into among them. */
const MOST_CELLS = 2_000_000;
/** Longer text is not repeated: a label is meant, not a page. */
const MOST_REPEATED = 500;

/**
 * A table of cells that may be merged. What a merged cell says stands in each place that it covers, so that every row and column can be
 * understood alone; one that covers a whole row says it once.
 */
export function gridTable(
  rows: readonly (readonly GridCell[])[],
  headerRows: number,
  more: Partial<DraftBlock> = {},
): DraftBlock | undefined {
  const filled = trimmed(fill(rows));
  if (filled.every((row) => row.every((cell) => cell === ''))) return undefined;
  const links = rows.flatMap((row) => row.flatMap((cell) => cell.links));
  return {
    kind: 'table',
    text: filled.map((row) => row.join(' | ')).join('\n'),
    rows: filled,
    ...(headerRows > 0 && { headerRows: Math.min(headerRows, filled.length) }),
    ...(links.length > 0 && { links }),
    ...more,
  };
}

function fill(rows: readonly (readonly GridCell[])[]): string[][] {
  const grid: (string | undefined)[][] = rows.map(() => []);
  const width = Math.min(
    MOST_COLUMNS,
    Math.max(1, ...rows.map((row) => row.reduce((sum, cell) => sum + cell.columns + (cell.skip ?? 0), 0))),
  );
  let left = MOST_CELLS;
  for (const [top, row] of rows.entries()) {
    let column = 0;
    for (const cell of row) {
      column += cell.skip ?? 0;
      while (grid[top]?.[column] !== undefined) column++;
      if (column >= MOST_COLUMNS) break;
      const columns = Math.min(cell.columns, MOST_COLUMNS - column);
      const text = cell.goesOn === true ? (grid[top - 1]?.[column] ?? '') : cell.text;
      for (let down = 0; down < Math.min(cell.rows, MOST_ROWS, rows.length - top); down++) {
        for (let across = 0; across < columns && left > 0; across++, left--) {
          const target = grid[top + down];
          const isOnce = across > 0 && columns >= width;
          const isCopy = across > 0 || down > 0 || cell.goesOn === true;
          if (target !== undefined) target[column + across] ??= isOnce || (isCopy && text.length > MOST_REPEATED) ? '' : text;
        }
      }
      column += columns;
    }
  }
  return grid.map((row) => Array.from(row, (cell) => cell ?? ''));
}

/** Empty rows and columns at the end, and rows of unequal length, say nothing. */
function trimmed(grid: readonly (readonly string[])[]): string[][] {
  const used = grid.map((row) => row.findLastIndex((cell) => cell !== '') + 1);
  const width = used.reduce((most, count) => Math.max(most, count), 0);
  const height = used.findLastIndex((count) => count > 0) + 1;
  return grid.slice(0, height).map((row) => Array.from({ length: width }, (_, index) => row[index] ?? ''));
}
