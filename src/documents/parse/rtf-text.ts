import type { DraftBlock, Link } from '../document-types.ts';
import { cellText, type ListItem, listBlock, textBlock } from './office-blocks.ts';
import type { RtfHeader } from './rtf-header.ts';
import { RtfTable } from './rtf-table.ts';

/** What a paragraph is by its control words. */
export interface ParagraphForm {
  readonly style: number;
  readonly outline: number | undefined;
  readonly isInTable: boolean;
  readonly level: number;
}

/** Text between two links of a field: where it begins in the paragraph. */
export interface LinkStart {
  readonly paragraph: number;
  readonly at: number;
}

/** Puts blocks together of the paragraphs, cells and rows of one text: a document's body or a note. */
export class RtfText {
  /** Of the paragraph with the style of a title. */
  title: string | undefined;
  readonly #header: RtfHeader;
  readonly #blocks: DraftBlock[] = [];
  readonly #table = new RtfTable();
  #text = '';
  #links: Link[] = [];
  #items: ListItem[] = [];
  #cell: DraftBlock[] = [];
  /** Notes of the paragraph that is being read; and of the list or table, which come behind the whole of it. */
  #behind: DraftBlock[] = [];
  #later: DraftBlock[] = [];
  #mark = '';
  #paragraphs = 0;

  constructor(header: RtfHeader) {
    this.#header = header;
  }

  add(text: string): void {
    this.#text += text;
  }

  /** What stands before an item of a list, as the program wrote it. */
  mark(text: string): void {
    this.#mark += text;
  }

  note(block: DraftBlock): void {
    this.#behind.push(block);
  }

  here(): LinkStart {
    return { paragraph: this.#paragraphs, at: this.#text.length };
  }

  link(start: LinkStart, url: string): void {
    const text = start.paragraph === this.#paragraphs ? this.#text.slice(start.at).replaceAll(/\s+/g, ' ').trim() : '';
    if (text !== '') this.#links.push({ text, url });
  }

  endParagraph(form: ParagraphForm): void {
    if (form.isInTable) {
      this.#cell.push(...this.#paragraph());
      this.#putOff();
    } else {
      this.#endTable();
      this.#place(form);
    }
    this.#reset();
  }

  endCell(): void {
    this.#flushList();
    const blocks = [...this.#cell, ...this.#paragraph()];
    this.#cell = [];
    this.#putOff();
    this.#reset();
    this.#table.cell(cellText(blocks));
  }

  tableWord(word: string, value: number | undefined): void {
    if (word === 'row') this.#table.row();
    else this.#table.word(word, value);
  }

  end(form: ParagraphForm): readonly DraftBlock[] {
    if (this.#table.isOpen && form.isInTable && (this.#text.trim() !== '' || this.#cell.length > 0)) this.endCell();
    this.#endTable();
    this.#place(form);
    this.#flushList();
    return this.#blocks;
  }

  #place(form: ParagraphForm): void {
    const level = this.#header.headingLevel(form.style, form.outline);
    const mark = this.#mark.trim();
    const [block] = this.#paragraph();
    if (block === undefined) this.#flushNotes();
    else if (level !== undefined) {
      this.#flushList();
      if (this.#header.isTitle(form.style)) this.title ??= block.text;
      this.#blocks.push({ ...block, kind: 'heading', level, text: `${mark === '' ? '' : `${mark} `}${block.text.replaceAll('\n', ' ')}` });
    } else if (mark === '') {
      this.#flushList();
      this.#blocks.push(block);
    } else this.#item(block, form.level, /[\p{L}\p{N}]/u.test(mark) ? mark : '-');
    if (this.#items.length === 0) this.#flushNotes();
  }

  /** Bullets behind numbers are another list. */
  #item({ text, links = [] }: DraftBlock, level: number, mark: string): void {
    const [first] = this.#items;
    if (first !== undefined && level <= first.level && (mark === '-') !== (first.mark === '-')) this.#flushList();
    this.#items.push({ text, links, level, mark });
    this.#putOff();
  }

  #paragraph(): readonly DraftBlock[] {
    const mark = this.#table.isOpen && this.#mark.trim() !== '' ? `${this.#mark.trim()} ` : '';
    const text = this.#text.replaceAll(/[ \u00a0]{2,}/g, ' ').trim();
    return text === '' ? [] : [textBlock('text', { text: mark + text, links: this.#links })];
  }

  #reset(): void {
    this.#paragraphs++;
    this.#text = '';
    this.#links = [];
    this.#mark = '';
  }

  #endTable(): void {
    if (!this.#table.isOpen && this.#cell.length === 0) return;
    this.#flushList();
    const table = this.#table.end();
    if (table !== undefined) this.#blocks.push(table);
    // Paragraphs that say they stand in a table of which there is no cell.
    this.#blocks.push(...this.#cell, ...this.#later);
    this.#cell = [];
    this.#later = [];
  }

  #flushList(): void {
    if (this.#items.length === 0) return;
    this.#blocks.push(listBlock(this.#items), ...this.#later);
    this.#items = [];
    this.#later = [];
  }

  #putOff(): void {
    this.#later.push(...this.#behind);
    this.#behind = [];
  }

  #flushNotes(): void {
    this.#blocks.push(...this.#behind);
    this.#behind = [];
  }
}
