import { type Inline, NOTE_MARK, readInline, type Story } from './docx-inline.ts';
import { type DocxNumbering, numberText } from './docx-numbering.ts';
import { type DocxStyles, headingLevel, isCodeStyle, type ParagraphStyle } from './docx-styles.ts';
import { cellText, type LinkedText, type ListItem, listBlock, type OfficeBlock, textBlock } from './office-blocks.ts';
import { child, children, descendants, isOn, type XmlElement } from './office-xml.ts';
import { type GridCell, gridTable } from './table-grid.ts';

/** Parts of a document that its body refers to. */
export interface DocxParts {
  readonly styles: DocxStyles;
  readonly numbering: DocxNumbering;
  readonly notes: { readonly [kind in 'footnote' | 'endnote']: ReadonlyMap<string, readonly XmlElement[]> };
  readonly noteStories: { readonly [kind in 'footnote' | 'endnote']: Story };
  readonly comments: ReadonlyMap<string, { readonly author: string; readonly content: readonly XmlElement[] }>;
  /** Blocks of charts and diagrams by the names of their parts. */
  readonly drawings: ReadonlyMap<string, readonly OfficeBlock[]>;
}

/** Numbers that notes have been given. */
interface Notes {
  footnote: number;
  endnote: number;
  readonly endnotes: OfficeBlock[];
}

/** Blocks of a part with running text. */
export function docxBlocks(body: XmlElement, parts: DocxParts, story: Story): { readonly blocks: OfficeBlock[]; readonly title?: string } {
  const notes: Notes = { footnote: 0, endnote: 0, endnotes: [] };
  const reader = new BodyReader(parts, story, notes);
  const blocks = [...reader.read(children(body)), ...notes.endnotes];
  return { blocks, ...(reader.title !== undefined && { title: reader.title }) };
}

/** Elements that only hold paragraphs and tables. */
const HOLDERS: ReadonlySet<string> = new Set(['w:sdtContent', 'w:customXml', 'w:ins', 'w:moveTo', 'w:smartTag']);
const SOURCE_SIGNS = /[{}();=<>[\]]/;

class BodyReader {
  title: string | undefined;
  readonly #parts: DocxParts;
  readonly #story: Story;
  readonly #notes: Notes;
  #blocks: OfficeBlock[] = [];
  #items: ListItem[] = [];
  #list = '';
  #code: string[] = [];
  /** Notes and comments of the list that is being read; they come behind it. */
  #behind: OfficeBlock[] = [];

  constructor(parts: DocxParts, story: Story, notes: Notes) {
    this.#parts = parts;
    this.#story = story;
    this.#notes = notes;
  }

  read(elements: readonly XmlElement[]): readonly OfficeBlock[] {
    for (const element of elements) this.#element(element);
    this.#flush();
    return this.#blocks;
  }

  #element(element: XmlElement): void {
    if (element.name === 'w:p') this.#paragraph(element);
    else if (element.name === 'w:tbl') this.#table(element);
    else if (element.name === 'w:altChunk') this.#foreign(element);
    else if (element.name === 'w:sdt') {
      if (!isContents(element)) for (const one of children(child(element, 'w:sdtContent'))) this.#element(one);
    } else if (HOLDERS.has(element.name)) for (const one of children(element)) this.#element(one);
  }

  #paragraph(paragraph: XmlElement): void {
    const properties = child(paragraph, 'w:pPr');
    const style = this.#parts.styles.paragraph(child(properties, 'w:pStyle')?.attributes['w:val']);
    const inline = readInline(paragraph, this.#story, style.font);
    // The table of contents says again what the headings say.
    if (/^toc \d$/.test(style.name)) return;
    const behind = this.#beside(inline);
    const text: LinkedText = { text: inline.text, links: inline.links };
    if (inline.text.trim() === '') {
      if (behind.length > 0) this.#flush();
    } else if (isCodeStyle(style) || (inline.isMonospaced && SOURCE_SIGNS.test(inline.text))) {
      if (this.#code.length === 0) this.#flush();
      this.#code.push(inline.text.replace(/\n$/, ''));
    } else this.#prose(text, properties, style);
    this.#behind.push(...behind);
    if (this.#items.length === 0 && this.#code.length === 0) this.#flush();
  }

  #prose(text: LinkedText, properties: XmlElement | undefined, style: ParagraphStyle): void {
    const level = headingLevel(properties, style);
    const { numId, at } = numbered(properties, style);
    const mark = numId === undefined ? undefined : this.#parts.numbering.next(numId, at);
    if (level !== undefined) {
      this.#flush();
      if (style.name === 'title') this.title ??= text.text.trim();
      const label = mark === undefined || mark.label === '' ? '' : `${mark.label} `;
      this.#blocks.push(textBlock('heading', { ...text, text: label + text.text.trim() }, { level, ...this.#page() }));
    } else if (mark !== undefined && (mark.isBullet || mark.label !== '')) {
      if (this.#code.length > 0 || (this.#list !== numId && at === 0)) this.#flush();
      this.#list = numId ?? '';
      this.#items.push({ ...text, level: at, mark: mark.isBullet ? '-' : mark.label });
    } else {
      this.#flush();
      this.#blocks.push(textBlock('text', text, this.#page()));
    }
  }

  /** What a paragraph holds that is no text of it; its notes are numbered. */
  #beside(inline: Inline): readonly OfficeBlock[] {
    const blocks: OfficeBlock[] = [];
    for (const { alt, part } of inline.pictures)
      blocks.push({ kind: 'image', text: alt, ...this.#page(), ...(part !== undefined && { part }) });
    for (const name of [...inline.charts, ...inline.diagrams]) {
      for (const block of this.#parts.drawings.get(name) ?? []) blocks.push({ ...block, ...this.#page() });
    }
    for (const box of inline.boxes) blocks.push(...this.#inner(box));
    for (const { kind, id } of inline.notes) {
      // A note that is not there gets no number.
      const isThere = this.#parts.notes[kind].has(id);
      if (isThere) this.#notes[kind]++;
      const number = this.#notes[kind];
      const mark = kind === 'footnote' ? String(number) : numberText(number, 'lowerRoman');
      inline.text = inline.text.replace(NOTE_MARK, isThere ? `[${mark}]` : '');
      const note = this.#note(kind, id, mark);
      if (note !== undefined) (kind === 'footnote' ? blocks : this.#notes.endnotes).push(note);
    }
    for (const id of inline.comments) {
      const comment = this.#parts.comments.get(id);
      const { text, links } = cellText(comment === undefined ? [] : this.#apart(comment.content, this.#story));
      const by = comment?.author ? ` by ${comment.author}` : '';
      if (text !== '') blocks.push(textBlock('footnote', { text: `Comment${by}: ${text}`, links }, this.#page()));
    }
    return blocks;
  }

  #note(kind: 'footnote' | 'endnote', id: string, mark: string): OfficeBlock | undefined {
    const content = this.#parts.notes[kind].get(id);
    const { text, links } = cellText(content === undefined ? [] : this.#apart(content, this.#parts.noteStories[kind]));
    return text === '' ? undefined : textBlock('footnote', { text: `[${mark}] ${text}`, links }, this.#page());
  }

  /** Notes and comments: what they themselves refer to is not followed, so that they cannot go in circles. */
  #apart(content: readonly XmlElement[], story: Story): readonly OfficeBlock[] {
    const parts = { ...this.#parts, notes: { footnote: new Map(), endnote: new Map() }, comments: new Map() };
    const bare = { ...story, page: undefined, fields: [] };
    const blocks = new BodyReader(parts, bare, { footnote: 0, endnote: 0, endnotes: [] }).read(content);
    return blocks.map((block) => ({ ...block, text: block.text.replaceAll(NOTE_MARK, '') }));
  }

  #inner(holder: XmlElement): readonly OfficeBlock[] {
    return new BodyReader(this.#parts, this.#story, this.#notes).read(children(holder));
  }

  #table(table: XmlElement): void {
    this.#flush();
    const page = this.#page();
    const rows = rowsOf(table, 'w:tr');
    const [only] = rows.length === 1 ? rowsOf(rows[0], 'w:tc') : [];
    if (only !== undefined && rows[0] !== undefined && rowsOf(rows[0], 'w:tc').length === 1) {
      // A table of one cell is a frame around what is in it.
      this.#blocks.push(...this.#inner(only));
      return;
    }
    const aside: OfficeBlock[] = [];
    const grid = rows.map((row) => this.#row(row, aside));
    const block = gridTable(grid, headerRowsOf(table, rows), page);
    if (block !== undefined) this.#blocks.push(block);
    this.#blocks.push(...aside);
  }

  #row(row: XmlElement, aside: OfficeBlock[]): readonly GridCell[] {
    const skip = Number(child(row, 'w:trPr', 'w:gridBefore')?.attributes['w:val'] ?? 0) || 0;
    return rowsOf(row, 'w:tc').map((cell, index) => {
      const properties = child(cell, 'w:tcPr');
      const blocks = this.#inner(cell);
      // Notes stand below the table, and pictures may still have to be read.
      aside.push(
        ...blocks.flatMap((block) => (block.kind === 'footnote' ? [block] : block.part !== undefined ? [{ ...block, text: '' }] : [])),
      );
      const merge = child(properties, 'w:vMerge');
      return {
        ...cellText(blocks.filter(({ kind }) => kind !== 'footnote')),
        columns: Math.max(1, Number(child(properties, 'w:gridSpan')?.attributes['w:val'] ?? 1) || 1),
        rows: 1,
        ...(merge !== undefined && merge.attributes['w:val'] !== 'restart' && { goesOn: true }),
        ...(index === 0 && skip > 0 && { skip: Math.min(skip, 100) }),
      };
    });
  }

  /** A page of another format inside of this document. */
  #foreign(element: XmlElement): void {
    const target = this.#story.relationships.get(element.attributes['r:id'] ?? '');
    this.#flush();
    if (target !== undefined && !target.isExternal) this.#blocks.push({ kind: 'text', text: '', part: target.target });
  }

  #flush(): void {
    if (this.#items.length > 0) this.#blocks.push(listBlock(this.#items, this.#page()));
    if (this.#code.length > 0) this.#blocks.push({ kind: 'code', text: this.#code.join('\n'), ...this.#page() });
    this.#blocks.push(...this.#behind);
    this.#items = [];
    this.#code = [];
    this.#behind = [];
  }

  #page(): { readonly page?: number } {
    return this.#story.page === undefined ? {} : { page: this.#story.page };
  }
}

/** List and level of a paragraph; the number 0 takes away what its style gives. */
function numbered(properties: XmlElement | undefined, style: ParagraphStyle): { readonly numId: string | undefined; readonly at: number } {
  const own = child(properties, 'w:numPr');
  const numId = child(own, 'w:numId')?.attributes['w:val'] ?? style.numId;
  const at = Number(child(own, 'w:ilvl')?.attributes['w:val'] ?? style.numLevel ?? 0) || 0;
  return { numId: numId === '0' ? undefined : numId, at };
}

/** Rows of a table or cells of a row, also inside of content controls and insertions. */
function rowsOf(element: XmlElement | undefined, name: 'w:tr' | 'w:tc'): readonly XmlElement[] {
  return children(element).flatMap((one) => {
    if (one.name === name) return [one];
    return HOLDERS.has(one.name) || one.name === 'w:sdt' ? rowsOf(one, name) : [];
  });
}

function headerRowsOf(table: XmlElement, rows: readonly XmlElement[]): number {
  const marked = rows.findIndex((row) => isOn(child(row, 'w:trPr', 'w:tblHeader')) !== true);
  if (marked > 0) return marked;
  const look = child(table, 'w:tblPr', 'w:tblLook')?.attributes;
  return rows.length > 1 && look?.['w:firstRow'] !== '0' ? 1 : 0;
}

function isContents(control: XmlElement): boolean {
  return descendants(child(control, 'w:sdtPr'), 'w:docPartGallery').some(({ attributes }) => attributes['w:val'] === 'Table of Contents');
}
