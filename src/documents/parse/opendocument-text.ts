import type { Link } from '../document-types.ts';
import { numberText } from './docx-numbering.ts';
import { cellText, type LinkedText, type ListItem, listBlock, type OfficeBlock, textBlock } from './office-blocks.ts';
import { child, children, descendant, textOf, type XmlElement } from './office-xml.ts';
import { commentText, NOTE_PLACE, type OpenDocumentInline, readOpenDocumentInline } from './opendocument-inline.ts';
import type { OpenDocumentStyles } from './opendocument-styles.ts';
import { type GridCell, gridTable } from './table-grid.ts';

/** What the readers of one document share. */
export interface OpenDocumentStory {
  readonly styles: OpenDocumentStyles;
  /** Contents of embedded objects by the names of their folders. */
  readonly objects: ReadonlyMap<string, XmlElement>;
  /** Undefined where the document does not say where its pages end. */
  page: number | undefined;
  /** Notes seen so far. */
  notes: number;
  readonly endnotes: OfficeBlock[];
  title: string | undefined;
  /** A picture stands on another machine. */
  hasRemote: boolean;
}

/** Elements that only hold paragraphs, lists and tables. */
const HOLDERS: ReadonlySet<string> = new Set([
  'text:section',
  'text:bibliography',
  'text:index-body',
  'text:index-title',
  'text:list-header',
  'text:list-item',
  'text:numbered-paragraph',
  'text:soft-page-break',
  'office:forms',
]);
/** Shapes with text of their own. */
const SHAPES: ReadonlySet<string> = new Set([
  'draw:custom-shape',
  'draw:rect',
  'draw:ellipse',
  'draw:polygon',
  'draw:text-box',
  'draw:caption',
]);
/** Deeper lists are flattened. */
const MOST_LIST_DEPTH = 10;
/** A cell that says it is there more often is an empty place at the edge. */
const MOST_REPEATS = 1000;

/** Blocks of running text: of a document's body, a text box, a cell, a note. */
export function openDocumentBlocks(elements: readonly XmlElement[], story: OpenDocumentStory): readonly OfficeBlock[] {
  const reader = new TextReader(story);
  for (const element of elements) reader.element(element);
  return reader.done();
}

class TextReader {
  readonly #story: OpenDocumentStory;
  readonly #blocks: OfficeBlock[] = [];
  #items: ListItem[] = [];
  #code: string[] = [];
  /** What belongs to the list that is being read; it comes behind it. */
  #behind: OfficeBlock[] = [];
  readonly #counters = new Map<string, number>();
  /** Style of the list that is being read. */
  #style: string | undefined;

  constructor(story: OpenDocumentStory) {
    this.#story = story;
  }

  done(): readonly OfficeBlock[] {
    this.#flush();
    return this.#blocks;
  }

  element(element: XmlElement): void {
    if (element.name === 'text:soft-page-break') this.#turn(1);
    if (element.name === 'text:p') this.#paragraph(element);
    else if (element.name === 'text:h') this.#heading(element);
    else if (element.name === 'text:list') this.#list(element, element.attributes['text:style-name'], 1);
    else if (element.name === 'table:table') this.#table(element);
    else if (/^(?:draw|dr3d):/.test(element.name)) this.#drawing(element);
    else if (HOLDERS.has(element.name)) for (const one of children(element)) this.element(one);
  }

  #paragraph(paragraph: XmlElement): void {
    const inline = readOpenDocumentInline(paragraph);
    const names = this.#story.styles.names(paragraph.attributes['text:style-name']);
    const level = headingLevel(names);
    const behind = this.#beside(inline);
    if (level !== undefined) this.#push('heading', inline, { level });
    else if (names.some((name) => /^(?:Preformatted Text|Source Code|HTML Preformatted)$/i.test(name))) this.#line(inline.text);
    else this.#push('text', inline);
    if (names.includes('Title')) this.#story.title ??= inline.text.trim() || undefined;
    this.#behind.push(...behind);
    if (this.#code.length === 0) this.#flush();
    this.#turn(inline.breaks);
  }

  #heading(heading: XmlElement): void {
    const inline = readOpenDocumentInline(heading);
    const behind = this.#beside(inline);
    const level = Math.min(6, Math.max(1, Number(heading.attributes['text:outline-level'] ?? 1) || 1));
    this.#push('heading', inline, { level });
    this.#blocks.push(...behind);
    this.#turn(inline.breaks);
  }

  #line(text: string): void {
    if (this.#items.length > 0) this.#flush();
    this.#code.push(text.trimEnd());
  }

  #push(kind: 'heading' | 'text', text: LinkedText, more: Partial<OfficeBlock> = {}): void {
    this.#flush();
    if (text.text.trim() !== '') this.#blocks.push(textBlock(kind, text, { ...more, ...this.#page() }));
  }

  #list(list: XmlElement, style: string | undefined, depth: number): void {
    if (depth === 1) this.#startList(list, style);
    const level = this.#story.styles.list(style, depth);
    const key = `${style ?? ''}/${depth}`;
    const goesOn = list.attributes['text:continue-numbering'] === 'true' || list.attributes['text:continue-list'] !== undefined;
    if (!goesOn) this.#counters.delete(key);
    for (const item of children(list)) {
      if (item.name !== 'text:list-item' && item.name !== 'text:list-header') continue;
      const started = Number(item.attributes['text:start-value']);
      const number = started || (this.#counters.get(key) ?? (level?.start ?? 1) - 1) + 1;
      const isMarked = item.name === 'text:list-item' && children(item).some(({ name }) => name === 'text:p');
      if (isMarked) this.#counters.set(key, number);
      const mark =
        level?.format === undefined
          ? '-'
          : `${level.prefix}${numberText(number, level.format)}${level.suffix || (level.prefix ? '' : '.')}`;
      this.#item(item, mark, style, depth);
    }
  }

  /** Some programs write each item as a list of its own; those of one style are one list. A list that begins further in goes on, too. */
  #startList(list: XmlElement, style: string | undefined): void {
    const first = children(list)[0];
    const isInner = children(first)[0]?.name === 'text:list';
    if (style !== this.#style && !isInner) this.#flush();
    this.#style = style;
  }

  #item(item: XmlElement, mark: string, style: string | undefined, depth: number): void {
    let isFirst = true;
    for (const one of children(item)) {
      if (one.name === 'text:list') this.#list(one, one.attributes['text:style-name'] ?? style, Math.min(depth + 1, MOST_LIST_DEPTH));
      else if (one.name !== 'text:p') this.element(one);
      else {
        const inline = readOpenDocumentInline(one);
        this.#behind.push(...this.#beside(inline));
        const last = this.#items.at(-1);
        if (isFirst || last === undefined) {
          if (inline.text.trim() !== '') this.#items.push({ text: inline.text, links: inline.links, level: depth - 1, mark });
        } else this.#items.splice(-1, 1, { ...last, text: `${last.text}\n${inline.text}`, links: [...last.links, ...inline.links] });
        isFirst = false;
        this.#turn(inline.breaks);
      }
    }
  }

  /** What a paragraph holds that is no text of it; its notes are numbered. */
  #beside(inline: OpenDocumentInline): readonly OfficeBlock[] {
    const blocks: OfficeBlock[] = [];
    for (const note of inline.notes) {
      const mark = `[${++this.#story.notes}]`;
      inline.text = inline.text.replace(NOTE_PLACE, mark);
      const { text, links } = this.#apart(child(note, 'text:note-body'));
      if (text === '') continue;
      const isEndnote = note.attributes['text:note-class'] === 'endnote';
      (isEndnote ? this.#story.endnotes : blocks).push(textBlock('footnote', { text: `${mark} ${text}`, links }, this.#page()));
    }
    for (const comment of inline.comments) {
      const text = commentText(comment);
      if (text !== '') blocks.push({ kind: 'footnote', text, ...this.#page() });
    }
    for (const drawing of inline.drawings) blocks.push(...openDocumentBlocks([drawing], this.#story));
    return blocks;
  }

  /** A note on one line. Notes of notes do not exist in the format, so that they cannot go in circles. */
  #apart(body: XmlElement | undefined): { readonly text: string; readonly links: readonly Link[] } {
    return cellText(openDocumentBlocks(children(body), { ...this.#story, notes: 0, endnotes: [], page: undefined }));
  }

  #drawing(drawing: XmlElement): void {
    this.#flush();
    if (drawing.name === 'draw:frame') this.#frame(drawing);
    else if (drawing.name === 'draw:a' || drawing.name === 'draw:g') for (const one of children(drawing)) this.element(one);
    else if (SHAPES.has(drawing.name)) for (const one of children(drawing)) this.element(one);
    else if (/^draw:(?:line|connector|path|polyline|circle|regular-polygon)$/.test(drawing.name)) {
      for (const one of children(drawing)) if (/^text:/.test(one.name)) this.element(one);
    }
  }

  /** A frame offers the same content in several forms; the first that can be read is taken. */
  #frame(frame: XmlElement): void {
    const box = child(frame, 'draw:text-box');
    const table = child(frame, 'table:table');
    const object = child(frame, 'draw:object');
    const content = this.#story.objects.get(partName(object?.attributes['xlink:href']));
    if (box !== undefined) for (const one of children(box)) this.element(one);
    else if (table !== undefined) this.#table(table);
    else if (content !== undefined) this.#blocks.push(...this.#object(content));
    else this.#image(frame);
  }

  #image(frame: XmlElement): void {
    const pictures = children(frame, 'draw:image');
    const href = pictures.at(-1)?.attributes['xlink:href'];
    if (href === undefined) return;
    const alt = [child(frame, 'svg:desc'), child(frame, 'svg:title')].map(textOf).find((text) => text.trim() !== '') ?? '';
    const isRemote = /^[a-z][a-z0-9+.-]+:/i.test(href);
    if (isRemote) this.#story.hasRemote = true;
    const text = alt.replaceAll(/\s+/g, ' ').trim();
    this.#blocks.push({ kind: 'image', text, ...this.#page(), ...(!isRemote && { part: partName(href) }) });
  }

  /** A chart as its titles and the table of its values, an equation as it was typed. */
  #object(content: XmlElement): readonly OfficeBlock[] {
    if (content.name === 'math:math') {
      const typed = textOf(descendant(content, 'math:annotation')).trim() || textOf(content).replaceAll(/\s+/g, ' ').trim();
      return typed === '' ? [] : [{ kind: 'text', text: typed, ...this.#page() }];
    }
    const chart = descendant(content, 'chart:chart');
    const titles = children(chart).filter(({ name }) => name === 'chart:title' || name === 'chart:subtitle');
    const body = child(content, 'office:body');
    const texts =
      chart === undefined ? children(body).flatMap((one) => [...children(one)]) : [...titles.flatMap((title) => [...children(title)])];
    const table = child(chart, 'table:table');
    return openDocumentBlocks(table === undefined ? texts : [...texts, table], this.#story);
  }

  #table(table: XmlElement): void {
    this.#flush();
    const page = this.#page();
    const { rows, headerRows } = rowsOf(table);
    const [only, second] = rows.length === 1 ? cellsOf(rows[0]) : [];
    if (only !== undefined && second === undefined) {
      // A table of one cell is a frame around what is in it.
      for (const one of children(only)) this.element(one);
      return;
    }
    const aside: OfficeBlock[] = [];
    const grid = rows.map((row) => cellsOf(row).flatMap((cell) => this.#cell(cell, aside)));
    const isTitled = headerRows > 0 || rows.length > 1;
    const block = gridTable(grid, isTitled ? Math.max(1, headerRows) : 0, page);
    if (block !== undefined) this.#blocks.push(block);
    this.#blocks.push(...aside);
  }

  #cell(cell: XmlElement, aside: OfficeBlock[]): readonly GridCell[] {
    const blocks = openDocumentBlocks(children(cell), this.#story);
    aside.push(
      ...blocks.flatMap((block) => (block.kind === 'footnote' ? [block] : block.part !== undefined ? [{ ...block, text: '' }] : [])),
    );
    const one: GridCell = {
      ...cellText(blocks.filter(({ kind }) => kind !== 'footnote')),
      columns: positive(cell.attributes['table:number-columns-spanned']),
      rows: positive(cell.attributes['table:number-rows-spanned']),
    };
    return new Array<GridCell>(Math.min(MOST_REPEATS, positive(cell.attributes['table:number-columns-repeated']))).fill(one);
  }

  #turn(pages: number): void {
    if (this.#story.page !== undefined) this.#story.page += pages;
  }

  #page(): { readonly page?: number } {
    return this.#story.page === undefined ? {} : { page: this.#story.page };
  }

  #flush(): void {
    if (this.#items.length > 0) this.#blocks.push(listBlock(this.#items, this.#page()));
    if (this.#code.length > 0) this.#blocks.push({ kind: 'code', text: this.#code.join('\n'), ...this.#page() });
    this.#blocks.push(...this.#behind);
    this.#items = [];
    this.#code = [];
    this.#behind = [];
  }
}

function positive(text: string | undefined): number {
  return Math.max(1, Math.floor(Number(text ?? 1)) || 1);
}

/** Name of the part that an address inside the package means. */
function partName(href = ''): string {
  return href.replace(/^\.\//, '').replace(/\/$/, '');
}

function headingLevel(names: readonly string[]): number | undefined {
  if (names.includes('Title')) return 1;
  const level = names.map((name) => /^Heading ([1-9])$/i.exec(name)?.[1]).find((found) => found !== undefined);
  return level === undefined ? undefined : Math.min(6, Number(level));
}

/** Rows of a table, those in groups among them; rows that are marked as header are counted. */
export function rowsOf(table: XmlElement): { readonly rows: readonly XmlElement[]; readonly headerRows: number } {
  const rows: XmlElement[] = [];
  let headerRows = 0;
  for (const one of children(table)) {
    if (one.name === 'table:table-row') rows.push(one);
    else if (/^table:table-(?:header-rows|rows|row-group)$/.test(one.name)) {
      const inner = rowsOf(one);
      if (one.name === 'table:table-header-rows' && rows.length === headerRows) headerRows += inner.rows.length;
      else headerRows += rows.length === headerRows ? inner.headerRows : 0;
      rows.push(...inner.rows);
    }
  }
  return { rows, headerRows };
}

/** Covered cells stand where a merged one lies over them and say nothing. */
function cellsOf(row: XmlElement | undefined): readonly XmlElement[] {
  return children(row, 'table:table-cell');
}
