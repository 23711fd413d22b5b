import type { DraftBlock, Link } from '../document-types.ts';
import { type DomElement, type DomNode, parsePage } from './html-dom.ts';

/** Elements whose content is not text of the page. */
const SKIPPED: ReadonlySet<string> = new Set([
  'SCRIPT',
  'STYLE',
  'NOSCRIPT',
  'TEMPLATE',
  'SVG',
  'IFRAME',
  'OBJECT',
  'HEAD',
  'NAV',
  'SELECT',
  'BUTTON',
]);
const BLOCKS: ReadonlySet<string> = new Set(
  'ADDRESS ARTICLE ASIDE BLOCKQUOTE BODY CAPTION CENTER DD DETAILS DIV DL DT FIELDSET FIGCAPTION FIGURE FOOTER FORM H1 H2 H3 H4 H5 H6 HEADER HR HTML LI MAIN OL P PRE SECTION SUMMARY TABLE TBODY TD TFOOT TH THEAD TR UL'.split(
    ' ',
  ),
);
/** Deeper nesting is flattened: pages that have it mean nothing by it, and recursion has an end. */
const MOST_DEPTH = 400;

/** Blocks of a piece of HTML, in document order. Nothing that it refers to is fetched. */
export function htmlBlocks(html: string): readonly DraftBlock[] {
  const { body } = parsePage(`<!doctype html><html><body>${html}</body></html>`);
  return body === null ? [] : elementBlocks(body);
}

/** Blocks of an element. */
export function elementBlocks(root: DomElement): readonly DraftBlock[] {
  const walker = new Walker();
  walker.walk(root, 0);
  walker.flush();
  return walker.blocks;
}

class Walker {
  readonly blocks: DraftBlock[] = [];
  #text = '';
  #links: Link[] = [];

  walk(node: DomNode, depth: number): void {
    if (node.nodeType === 3) {
      this.#text += node.textContent ?? '';
      return;
    }
    if (node.nodeType !== 1 && node.nodeType !== 11) return;
    const element = node as DomElement;
    const tag = element.tagName?.toUpperCase() ?? '';
    if (SKIPPED.has(tag) || isHidden(element)) return;
    if (depth > MOST_DEPTH) this.#text += ` ${element.textContent ?? ''}`;
    else this.#element(element, tag, depth);
  }

  #element(element: DomElement, tag: string, depth: number): void {
    switch (tag) {
      case 'BR':
        this.#text += '\n';
        return;
      case 'IMG':
        this.#image(element);
        return;
      case 'A':
        this.#link(element, depth);
        return;
      case 'PRE':
        this.#add({ kind: 'code', text: element.textContent ?? '', ...codeLanguage(element) });
        return;
      case 'TABLE':
        if (isDataTable(element)) this.#add(tableBlock(element));
        else this.#children(element, depth);
        return;
      case 'UL':
      case 'OL':
        this.#add(listBlock(element, tag === 'OL'));
        return;
      default:
        if (/^H[1-6]$/.test(tag)) this.#add({ kind: 'heading', level: Number(tag[1]), text: inline(element), ...linksIn(element) });
        else this.#children(element, depth);
    }
  }

  #children(element: DomElement, depth: number): void {
    const isBlock = BLOCKS.has(element.tagName?.toUpperCase() ?? '');
    if (isBlock) this.flush();
    for (const child of element.childNodes) this.walk(child, depth + 1);
    if (isBlock) this.flush();
  }

  #link(element: DomElement, depth: number): void {
    const url = element.getAttribute('href');
    const text = inline(element);
    if (url !== null && text !== '' && /^https?:|^mailto:/.test(url)) this.#links.push({ text, url });
    this.#children(element, depth);
  }

  #image(element: DomElement): void {
    const text = element.getAttribute('alt')?.trim() ?? '';
    if (text !== '') this.#add({ kind: 'image', text });
  }

  #add(block: DraftBlock): void {
    this.flush();
    if (block.text.trim() !== '') this.blocks.push(block);
  }

  flush(): void {
    const text = collapse(this.#text);
    if (text !== '') this.blocks.push({ kind: 'text', text, ...(this.#links.length > 0 && { links: this.#links }) });
    this.#text = '';
    this.#links = [];
  }
}

function isHidden(element: DomElement): boolean {
  return element.hasAttribute?.('hidden') === true || element.getAttribute?.('aria-hidden') === 'true';
}

/** A text on one line but for its `<br>`. */
function collapse(text: string): string {
  return text
    .split('\n')
    .map((line) => line.replaceAll(/[\s\u00a0]+/g, ' ').trim())
    .join(' ')
    .replaceAll(/ +/g, ' ')
    .trim();
}

function inline(element: DomElement): string {
  return collapse(element.textContent ?? '');
}

function linksIn(element: DomElement): { readonly links?: readonly Link[] } {
  const links = Array.from(element.querySelectorAll('a[href]')).map((link) => ({
    text: inline(link),
    url: link.getAttribute('href') ?? '',
  }));
  return links.length === 0 ? {} : { links };
}

function codeLanguage(element: DomElement): { readonly language?: string } {
  const names = `${element.getAttribute('class') ?? ''} ${element.querySelector('code')?.getAttribute('class') ?? ''}`;
  const language = /(?:language|lang|highlight-source)-([\w+#-]+)/.exec(names)?.[1];
  return language === undefined ? {} : { language };
}

/** A table that lays out a page has other tables in it, or a single cell. */
function isDataTable(table: DomElement): boolean {
  return table.querySelector('table') === null && Array.from(table.querySelectorAll('td, th')).length > 1;
}

function tableBlock(table: DomElement): DraftBlock {
  const lines = [...table.querySelectorAll('tr')];
  const rows = lines.map(cellsOf).filter((row) => row.some((cell) => cell !== ''));
  const headerRows = lines.findIndex((row) => row.querySelector('td') !== null);
  const text = rows.map((row) => row.join(' | ')).join('\n');
  return { kind: 'table', rows, headerRows: Math.max(0, Math.min(headerRows, rows.length)), text, ...linksIn(table) };
}

function cellsOf(row: DomElement): readonly string[] {
  const cells: string[] = [];
  for (const cell of row.querySelectorAll('td, th')) {
    cells.push(inline(cell));
    // Columns stay under each other where a cell spans several.
    const span = Math.min(50, Number(cell.getAttribute('colspan') ?? 1) || 1);
    for (let more = 1; more < span; more++) cells.push('');
  }
  return cells;
}

function listBlock(list: DomElement, ordered: boolean): DraftBlock {
  return { kind: 'list', ordered, text: listLines(list, 0).join('\n'), ...linksIn(list) };
}

function listLines(list: DomElement, depth: number): readonly string[] {
  if (depth > 20) return [inline(list)];
  const isOrdered = list.tagName?.toUpperCase() === 'OL';
  let number = Number(list.getAttribute('start') ?? 1) || 1;
  const lines: string[] = [];
  for (const item of list.children) {
    const own = [...item.childNodes]
      .filter((node) => !isList(node))
      .map((node) => node.textContent ?? '')
      .join(' ');
    const nested = [...item.children].filter(isList);
    const text = collapse(own);
    const mark = isOrdered ? `${number++}. ` : '- ';
    if (text !== '') lines.push(`${'  '.repeat(depth)}${mark}${text}`);
    for (const one of nested) lines.push(...listLines(one, depth + 1));
  }
  return lines;
}

function isList(node: DomNode): boolean {
  const tag = 'tagName' in node ? String(node.tagName).toUpperCase() : '';
  return tag === 'UL' || tag === 'OL';
}
