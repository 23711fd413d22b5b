import type { ParseContext } from '../document-types.ts';
import { linkTarget } from './link-target.ts';
import type { OfficeBlock } from './office-blocks.ts';
import { child, children, descendants, type XmlElement } from './office-xml.ts';
import { commentText, paragraphLines } from './opendocument-inline.ts';
import { type OpenDocumentStory, openDocumentBlocks, rowsOf } from './opendocument-text.ts';
import { type MergedRange, MOST_SHEET_CELLS, type SheetCell, type SheetRow, sheetBlocks } from './sheet-tables.ts';

/** Most columns and rows that a sheet of any program has. */
const MOST_COLUMNS = 16_384;
const MOST_ROWS = 2 ** 20;
/** A filled row or cell that says it is there more often fills up the sheet to its edge. */
const MOST_REPEATS = 10_000;

/** Blocks of a workbook: a sheet is a page under its name. */
export function openSheetBlocks(spreadsheet: XmlElement, story: OpenDocumentStory, context: ParseContext): readonly OfficeBlock[] {
  const sheets = children(spreadsheet, 'table:table');
  const { maxPages } = context.limits;
  if (sheets.length > maxPages) {
    context.warn({ code: 'limit_reached', message: `only the first ${maxPages} sheets were read (documents.max_pages)` });
  }
  const reader = new OpenSheetReader(story, context);
  return sheets.slice(0, maxPages).flatMap((sheet, index) => reader.read(sheet, index + 1));
}

/** Number of sheets. */
export function sheetCount(spreadsheet: XmlElement): number {
  return children(spreadsheet, 'table:table').length;
}

/** Reads the sheets of one workbook, which share its bounds. */
class OpenSheetReader {
  readonly #story: OpenDocumentStory;
  readonly #context: ParseContext;
  #left = MOST_SHEET_CELLS;
  #merges: MergedRange[] = [];
  #aside: OfficeBlock[] = [];

  constructor(story: OpenDocumentStory, context: ParseContext) {
    this.#story = story;
    this.#context = context;
  }

  read(sheet: XmlElement, page: number): readonly OfficeBlock[] {
    const name = sheet.attributes['table:name'] ?? `Sheet ${page}`;
    this.#merges = [];
    this.#aside = [];
    this.#story.page = page;
    this.#tellHidden(sheet, name, page);
    const wasLeft = this.#left;
    const rows = this.#rows(sheet, page);
    if (wasLeft > 0 && this.#left <= 0) {
      const message = `only the first ${MOST_SHEET_CELLS} cells of the workbook were read`;
      this.#context.warn({ code: 'limit_reached', message, part: name, page });
    }
    return [
      { kind: 'heading', level: 1, text: name, page },
      ...sheetBlocks(rows, this.#merges, page),
      ...openDocumentBlocks(children(child(sheet, 'table:shapes')), this.#story),
      ...this.#aside,
    ];
  }

  #tellHidden({ attributes }: XmlElement, name: string, page: number): void {
    const shown = this.#story.styles.property(attributes['table:style-name'], 'table', 'style:table-properties', 'table:display');
    if (shown !== 'false') return;
    this.#context.warn({ code: 'hidden_sheet', message: `the sheet "${name}" is hidden; it was read like the others`, part: name, page });
  }

  #rows(sheet: XmlElement, page: number): readonly SheetRow[] {
    const rows: SheetRow[] = [];
    let row = 0;
    for (const element of rowsOf(sheet).rows) {
      const repeated = repeats(element.attributes['table:number-rows-repeated']);
      const cells = row < MOST_ROWS ? this.#cells(element, row, page) : [];
      const times = cells.length === 0 ? 0 : Math.min(repeated, MOST_REPEATS, MOST_ROWS - row);
      for (let more = 0; more < times && (more === 0 || this.#left > 0); more++) {
        rows.push({ row: row + more, cells });
        if (more > 0) for (const { text } of cells) this.#spend(text);
      }
      row += repeated;
    }
    return rows;
  }

  #cells(element: XmlElement, row: number, page: number): readonly SheetCell[] {
    const cells: SheetCell[] = [];
    let column = 0;
    for (const cell of children(element)) {
      const repeated = repeats(cell.attributes['table:number-columns-repeated']);
      const isCell = cell.name === 'table:table-cell' && column < MOST_COLUMNS;
      const text = isCell && this.#left > 0 ? this.#content(cell, page) : '';
      if (text !== '') {
        this.#merge(cell, row, column);
        const times = Math.min(repeated, MOST_COLUMNS - column);
        for (let more = 0; more < times && this.#left > 0; more++) {
          this.#spend(text);
          cells.push({ column: column + more, text, isText: isText(cell), ...linkOf(cell) });
        }
      }
      column += repeated;
    }
    return cells;
  }

  #content(cell: XmlElement, page: number): string {
    for (const comment of children(cell, 'office:annotation')) {
      const text = commentText(comment);
      if (text !== '') this.#aside.push({ kind: 'footnote', text, page });
    }
    const paragraphs = children(cell, 'text:p');
    const drawings = children(cell).filter(({ name }) => name.startsWith('draw:'));
    this.#aside.push(...openDocumentBlocks(drawings, this.#story));
    return paragraphLines({ ...cell, children: paragraphs })
      .replaceAll(/\s+/g, ' ')
      .trim();
  }

  #merge({ attributes }: XmlElement, top: number, left: number): void {
    const columns = repeats(attributes['table:number-columns-spanned']);
    const rows = repeats(attributes['table:number-rows-spanned']);
    if (columns > 1 || rows > 1) this.#merges.push({ top, left, bottom: top + rows - 1, right: left + columns - 1 });
  }

  #spend(text: string): void {
    this.#left--;
    this.#context.spend(text.length);
  }
}

function repeats(text: string | undefined): number {
  return Math.max(1, Math.floor(Number(text ?? 1)) || 1);
}

function isText({ attributes }: XmlElement): boolean {
  const type = attributes['office:value-type'];
  return type === undefined || type === 'string';
}

function linkOf(cell: XmlElement): Pick<SheetCell, 'link'> {
  const [link] = descendants(cell, 'text:a');
  const url = linkTarget(link?.attributes['xlink:href'] ?? null);
  const text = link === undefined ? '' : paragraphLines({ name: '', attributes: {}, children: [{ ...link, name: 'text:p' }] });
  return url === undefined || text === '' ? {} : { link: { text, url } };
}
