import type { DraftBlock } from '../document-types.ts';
import type { LinkedText } from './office-blocks.ts';
import { type GridCell, gridTable } from './table-grid.ts';

/** A cell as a row's definition says: where it ends, in twips, and whether it goes on with its neighbour or the one above. */
interface CellForm {
  end: number;
  goesAcross: boolean;
  goesDown: boolean;
}

interface Row {
  readonly cells: readonly LinkedText[];
  readonly forms: readonly CellForm[];
  readonly isHeader: boolean;
}

/** Cells that are further apart than this stand in different columns; twips. */
const TOLERANCE = 30;

/** Puts a table together of the rows that a file has one after the other. */
export class RtfTable {
  #rows: Row[] = [];
  #cells: LinkedText[] = [];
  #forms: CellForm[] = [];
  #next: CellForm = { end: 0, goesAcross: false, goesDown: false };
  #isHeader = false;

  get isOpen(): boolean {
    return this.#rows.length > 0 || this.#cells.length > 0;
  }

  /** A control word that says how a row is formed. */
  word(word: string, value: number | undefined): void {
    if (word === 'trowd') {
      this.#forms = [];
      this.#isHeader = false;
    } else if (word === 'trhdr') this.#isHeader = value !== 0;
    else if (word === 'clmrg') this.#next.goesAcross = true;
    else if (word === 'clvmrg') this.#next.goesDown = true;
    else if (word === 'cellx') {
      this.#forms.push({ ...this.#next, end: value ?? 0 });
      this.#next = { end: 0, goesAcross: false, goesDown: false };
    }
  }

  cell(text: LinkedText): void {
    this.#cells.push(text);
  }

  row(): void {
    if (this.#cells.length > 0) this.#rows.push({ cells: this.#cells, forms: this.#forms, isHeader: this.#isHeader });
    this.#cells = [];
  }

  /** The table, which ends here; undefined where nothing is in it. */
  end(): DraftBlock | undefined {
    this.row();
    const rows = this.#rows;
    this.#rows = [];
    const columns = columnEnds(rows);
    const marked = rows.findIndex(({ isHeader }) => !isHeader);
    const headerRows = marked > 0 ? marked : rows.length > 1 ? 1 : 0;
    return gridTable(
      rows.map((row) => gridRow(row, columns)),
      headerRows,
    );
  }
}

/** Where columns end, of all rows together. */
function columnEnds(rows: readonly Row[]): readonly number[] {
  const ends = [...new Set(rows.flatMap(({ forms }) => forms.map(({ end }) => end)))].sort((a, b) => a - b);
  return ends.filter((end, index) => index === 0 || end - (ends[index - 1] ?? 0) > TOLERANCE);
}

function gridRow({ cells, forms }: Row, columns: readonly number[]): readonly GridCell[] {
  const out: GridCell[] = [];
  let before = 0;
  for (const [index, cell] of cells.entries()) {
    const form = forms[index];
    const covered = form === undefined ? before + 1 : columns.filter((end) => end <= form.end + TOLERANCE).length;
    const span = Math.max(1, covered - before);
    before = Math.max(before + 1, covered);
    const last = out.at(-1);
    if (form?.goesAcross === true && last !== undefined) out[out.length - 1] = { ...last, columns: last.columns + span };
    else out.push({ ...cell, columns: span, rows: 1, ...(form?.goesDown === true && { goesOn: true }) });
  }
  return out;
}
