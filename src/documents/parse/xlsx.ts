import { type CellObject, read, SSF, type WorkBook, type WorkSheet } from '@e965/xlsx';
import { LocalLiteError } from '../../errors.ts';
import type { DocumentParser, DraftBlock, ParseContext, ParsedContent } from '../document-types.ts';
import { openLegacyOffice } from './legacy-encryption.ts';
import { linkTarget } from './link-target.ts';
import type { OfficeBlock } from './office-blocks.ts';
import { OfficePackage, officeMetadata } from './office-package.ts';
import { MOST_SHEET_CELLS, type SheetCell, type SheetRow, sheetBlocks } from './sheet-tables.ts';
import { workbookDrawings } from './xlsx-drawings.ts';
import { unpackedWorkbook } from './xlsx-package.ts';

const LEGACY = 'application/vnd.ms-excel';

/** Workbooks of Excel of all ages: each sheet under its name, with its tables and comments; values as the sheet shows them. */
export const xlsxParser: DocumentParser = {
  name: 'xlsx',
  mediaTypes: [
    'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet',
    'application/vnd.ms-excel.sheet.macroEnabled.12',
    'application/vnd.ms-excel.sheet.binary.macroEnabled.12',
    LEGACY,
  ],
  async parse(bytes, context) {
    const file = context.mediaType === LEGACY ? undefined : await OfficePackage.open(bytes, context);
    const book = file === undefined ? await readLegacy(bytes, context) : readBook(await unpackedWorkbook(file));
    const drawings = file === undefined ? [] : await workbookDrawings(file);
    const metadata = file === undefined ? legacyMetadata(book) : await file.metadata();
    return { metadata: { ...metadata, pages: book.SheetNames.length }, blocks: bookBlocks(book, drawings, context) };
  },
};

async function readLegacy(bytes: Uint8Array, context: ParseContext): Promise<WorkBook> {
  // Workbooks of before 1997 have code pages.
  const { set_cptable } = await import('@e965/xlsx');
  set_cptable(await import('@e965/xlsx/dist/cpexcel.full.mjs'));
  return readBook(await openLegacyOffice(bytes, context.options.password, 'the workbook'));
}

function readBook(bytes: Uint8Array): WorkBook {
  try {
    return read(bytes, { type: 'array', dense: true, cellHTML: false, cellFormula: false, cellNF: true, dateNF: 'yyyy-mm-dd' });
  } catch (cause) {
    if (cause instanceof RangeError) throw cause;
    const message = cause instanceof Error ? cause.message : String(cause);
    const isLocked = /password|encrypt/i.test(message);
    throw new LocalLiteError(isLocked ? 'document_encrypted' : 'document_unreadable', `the workbook cannot be read (${message})`, {
      cause,
    });
  }
}

function legacyMetadata({ Props = {} }: WorkBook): ParsedContent['metadata'] {
  const names: Readonly<Record<string, unknown>> = {
    'dc:title': Props.Title,
    'dc:creator': Props.Author,
    'dc:subject': Props.Subject,
    'dc:description': Props.Comments,
    'cp:keywords': Props.Keywords,
    'cp:category': Props.Category,
    'cp:lastModifiedBy': Props.LastAuthor,
    'ep:Company': Props.Company,
    'dcterms:created': Props.CreatedDate,
    'dcterms:modified': Props.ModifiedDate,
  };
  return officeMetadata((name) => {
    const value = names[name];
    if (value instanceof Date) return Number.isNaN(value.getTime()) ? '' : value.toISOString();
    return typeof value === 'string' ? value : '';
  });
}

function bookBlocks(book: WorkBook, drawings: readonly (readonly OfficeBlock[])[], context: ParseContext): readonly DraftBlock[] {
  const { maxPages } = context.limits;
  if (book.SheetNames.length > maxPages) {
    context.warn({ code: 'limit_reached', message: `only the first ${maxPages} sheets were read (documents.max_pages)` });
  }
  const reader = new SheetReader(book.Workbook?.WBProps?.date1904 === true, context);
  return book.SheetNames.slice(0, maxPages).flatMap((name, index) => {
    const page = index + 1;
    if ((book.Workbook?.Sheets?.[index]?.Hidden ?? 0) !== 0) {
      context.warn({ code: 'hidden_sheet', message: `the sheet "${name}" is hidden; it was read like the others`, part: name, page });
    }
    const heading: DraftBlock = { kind: 'heading', level: 1, text: name, page };
    const sheet = book.Sheets[name];
    const drawn = (drawings[index] ?? []).map((block) => ({ ...block, page }));
    return [heading, ...(sheet === undefined ? [] : reader.read(sheet, name, page)), ...drawn];
  });
}

/** Reads the sheets of one workbook, which share its bounds. */
class SheetReader {
  readonly #date1904: boolean;
  readonly #context: ParseContext;
  #left = MOST_SHEET_CELLS;

  constructor(date1904: boolean, context: ParseContext) {
    this.#date1904 = date1904;
    this.#context = context;
  }

  read(sheet: WorkSheet, name: string, page: number): readonly DraftBlock[] {
    const rows: SheetRow[] = [];
    const notes: DraftBlock[] = [];
    const wasLeft = this.#left;
    // Rows and cells that are not there are not visited, whatever the number of the last.
    for (const [row, cells] of entriesOf(sheet['!data'] ?? [])) {
      const filled: SheetCell[] = [];
      for (const [column, cell] of entriesOf(cells)) {
        notes.push(...commentsOf(cell, page));
        const text = this.#left > 0 ? this.#text(cell) : '';
        if (text !== '') filled.push({ column, text, isText: cell.t === 's', ...linkOf(cell, text) });
      }
      if (filled.length > 0) rows.push({ row, cells: filled });
    }
    if (wasLeft > 0 && this.#left <= 0) {
      const message = `only the first ${MOST_SHEET_CELLS} cells of the workbook were read`;
      this.#context.warn({ code: 'limit_reached', message, part: name, page });
    }
    const merges = (sheet['!merges'] ?? []).map(({ s, e }) => ({ top: s.r, left: s.c, bottom: e.r, right: e.c }));
    return [...sheetBlocks(rows, merges, page), ...notes];
  }

  #text(cell: CellObject): string {
    const text = this.#shown(cell).replaceAll(/\s+/g, ' ').trim();
    if (text === '') return '';
    this.#left--;
    // A text that cells share is written once in the file and many times here.
    this.#context.spend(text.length);
    return text;
  }

  #shown({ t, v, w, z }: CellObject): string {
    // The built-in form of date and time is that of the reader's country.
    if (t === 'n' && typeof v === 'number' && z === 'm/d/yy h:mm') {
      return String(SSF.format('yyyy-mm-dd hh:mm', v, { date1904: this.#date1904 }));
    }
    return w ?? (v === undefined ? '' : String(v));
  }
}

/** Entries of an array with holes; `Object.keys` passes over them. */
function* entriesOf<Item>(items: readonly (Item | undefined)[]): Generator<readonly [number, Item]> {
  for (const key of Object.keys(items)) {
    const item = items[Number(key)];
    if (item !== undefined && item !== null) yield [Number(key), item];
  }
}

function linkOf({ l }: CellObject, text: string): Pick<SheetCell, 'link'> {
  const url = linkTarget(l?.Target ?? null);
  return url === undefined ? {} : { link: { text, url } };
}

function commentsOf({ c }: CellObject, page: number): readonly DraftBlock[] {
  return (c ?? []).flatMap(({ a, t }) => {
    const by = a?.trim() ? ` by ${a.trim()}` : '';
    const text = t.replaceAll(/\s+/g, ' ').trim();
    return text === '' ? [] : [{ kind: 'footnote' as const, text: `Comment${by}: ${text}`, page }];
  });
}
