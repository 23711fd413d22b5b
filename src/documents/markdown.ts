import type { Block, Link, ParsedDocument } from './document-types.ts';

/** A document as Markdown: its headings, tables, lists, code and links; the form in which a language model reads it best. */
export function toMarkdown({ blocks }: Pick<ParsedDocument, 'blocks'>): string {
  const parts = blocks.map(blockText).filter((part) => part !== '');
  return parts.length === 0 ? '' : `${parts.join('\n\n')}\n`;
}

function blockText(block: Block): string {
  const { kind, text, links = [] } = block;
  switch (kind) {
    case 'heading':
      return `${'#'.repeat(Math.min(6, Math.max(1, block.level ?? 1)))} ${new Linker(links).link(text.replaceAll(/\s*\n\s*/g, ' '))}`;
    case 'code':
      return fenced(block);
    case 'table':
      return block.rows === undefined ? text : table(block.rows, block.headerRows ?? 0, new Linker(links));
    case 'image':
      return `![${text.replaceAll(/\s+/g, ' ').replaceAll(/[[\]]/g, '\\$&')}]()`;
    case 'list':
      return new Linker(links).link(listLines(text, block.ordered === true));
    case 'text':
    case 'footnote':
      return new Linker(links).link(unmarked(text));
    default:
      return kind satisfies never;
  }
}

/** Puts the links of a block back where their texts stand. They come in order, so that each is looked for behind the last. */
class Linker {
  readonly #links: readonly Link[];
  #next = 0;

  constructor(links: readonly Link[]) {
    this.#links = links;
  }

  link(text: string): string {
    let out = '';
    let at = 0;
    for (let link = this.#links[this.#next]; link !== undefined; link = this.#links[this.#next]) {
      const found = text.indexOf(link.text, at);
      if (found === -1 && this.#isLater(text, at)) break;
      this.#next++;
      if (found === -1 || link.text === '') continue;
      out += `${text.slice(at, found)}[${link.text.replaceAll(/[[\]]/g, '\\$&')}](${destination(link.url)})`;
      at = found + link.text.length;
    }
    return out + text.slice(at);
  }

  /** None of the links that come next stands here: they belong to a cell that is still to come. */
  #isLater(text: string, at: number): boolean {
    return !this.#links.slice(this.#next + 1, this.#next + 4).some((link) => link.text !== '' && text.includes(link.text, at));
  }
}

/** Blanks and round brackets would end an address. */
function destination(url: string): string {
  return /[\s()<>]/.test(url) ? `<${url.replaceAll(/\s/g, '%20').replaceAll(/[<>]/g, (mark) => (mark === '<' ? '%3C' : '%3E'))}>` : url;
}

/** A line that only looks like a mark of Markdown is kept from being one. */
function unmarked(text: string): string {
  return text
    .replaceAll(/^(\s{0,3})(#{1,6}(?=\s)|>|[-+*](?=\s)|```|~~~)/gm, '$1\\$2')
    .replaceAll(/^(\s{0,3}\d{1,9})([.)])(?=\s)/gm, '$1\\$2');
}

/** Items with their marks, which parsers may have left out. */
function listLines(text: string, ordered: boolean): string {
  const lines = text.split('\n');
  if (lines.some((line) => /^\s*(?:[-+*•]|\d+[.)]|[a-z][.)])\s/i.test(line)))
    return lines.map((line) => line.replace(/^(\s*)•\s*/, '$1- ')).join('\n');
  return lines.map((line, index) => `${ordered ? `${index + 1}.` : '-'} ${line}`).join('\n');
}

/** With a fence that is longer than any inside. */
function fenced({ text, language = '' }: Block): string {
  const longest = [...text.matchAll(/`{3,}/g)].reduce((most, [ticks]) => Math.max(most, ticks.length), 2);
  const fence = '`'.repeat(longest + 1);
  return `${fence}${language}\n${text}\n${fence}`;
}

/** Markdown's tables have one header row always; a table without one gets an empty row there. */
function table(rows: readonly (readonly string[])[], headerRows: number, linker: Linker): string {
  const width = rows.reduce((most, row) => Math.max(most, row.length), 1);
  const cell = (text: string): string =>
    linker
      .link(text)
      .replaceAll('|', '\\|')
      .replaceAll(/\s*\n\s*/g, ' ');
  const line = (row: readonly string[]): string => `| ${Array.from({ length: width }, (_, index) => cell(row[index] ?? '')).join(' | ')} |`;
  const [header, ...others] = headerRows > 0 ? rows : [[], ...rows];
  return [line(header ?? []), `|${' --- |'.repeat(width)}`, ...others.map(line)].join('\n');
}
