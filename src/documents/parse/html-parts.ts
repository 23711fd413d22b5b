import type { DraftBlock, Link } from '../document-types.ts';
import type { DomElement, DomNode } from './html-dom.ts';
import { linkTarget } from './link-target.ts';

/** Deeper lists are flattened. */
const MOST_LIST_DEPTH = 20;
/** A cell that spans more columns spans only these. */
const MOST_SPAN = 50;
/** Longer texts are not put into cells. */
const LONGEST_CELL = 2000;
/** Elements whose content is not text of the page. */
const SILENT = new Set(['SCRIPT', 'STYLE', 'NOSCRIPT', 'TEMPLATE', 'SVG']);

/** A text as it is shown: white space is one space, but for a `\v`, which stands for `<br>`. */
export function tidyInline(text: string): string {
  return text
    .replaceAll(/[ \t\n\r\f\u00a0]+/g, ' ')
    .split('\v')
    .map((line) => trimmed(line))
    .join('\n')
    .trim();
}

/** Text of an element on one line. */
export function inline(element: DomElement): string {
  return textOf(element)
    .replaceAll(/[\s\u00a0]+/g, ' ')
    .trim();
}

/** Without the space around it, also such as has no width. */
function trimmed(line: string): string {
  return line.replace(/^[\s\u200b\ufeff]+/, '').replace(/[\s\u200b\ufeff]+$/, '');
}

/** Text without scripts and styles; blocks inside are set apart by a space. */
function textOf(node: DomNode, depth = 0): string {
  if (node.nodeType === 3 || depth > MOST_SPAN) return node.textContent ?? '';
  const tag = 'tagName' in node ? String(node.tagName).toUpperCase() : '';
  if (node.nodeType !== 1 || SILENT.has(tag)) return '';
  const inner = Array.from(node.childNodes, (child) => textOf(child, depth + 1)).join('');
  return /^(?:BR|P|DIV|LI|TR|TD|TH|DT|DD|H[1-6])$/.test(tag) ? ` ${inner} ` : inner;
}

/** Links below an element, as a part of its block. */
export function linksIn(element: DomElement): { readonly links?: readonly Link[] } {
  const links: Link[] = [];
  for (const link of element.querySelectorAll('a[href]')) {
    const url = linkTarget(link.getAttribute('href'));
    const text = inline(link);
    if (url !== undefined && text !== '') links.push({ text, url });
  }
  return links.length === 0 ? {} : { links };
}

/** Language of a `<pre>`, by the class names that highlighters go by. */
export function codeLanguage(element: DomElement): { readonly language?: string } {
  const names = `${element.getAttribute('class') ?? ''} ${element.querySelector('code')?.getAttribute('class') ?? ''}`;
  const language = /(?:language|lang|highlight-source)-([\w+#-]+)/.exec(names)?.[1];
  return language === undefined ? {} : { language };
}

/** A table that lays out a page has other tables, headings or code in it, long texts, or a single cell. */
export function isDataTable(table: DomElement): boolean {
  if (table.querySelector('table, h1, h2, h3, pre') !== null) return false;
  const cells = Array.from(table.querySelectorAll('td, th'));
  return cells.length > 1 && cells.every((cell) => (cell.textContent?.length ?? 0) <= LONGEST_CELL);
}

/** A table with its caption as the text before its rows. */
export function tableBlock(table: DomElement): DraftBlock {
  const lines = [...table.querySelectorAll('tr')];
  const rows = lines.map(cellsOf).filter((row) => row.some((cell) => cell !== ''));
  const headerRows = Math.max(
    0,
    Math.min(
      lines.findIndex((row) => row.querySelector('td') !== null),
      rows.length,
    ),
  );
  const text = rows.map((row) => row.join(' | ')).join('\n');
  return { kind: 'table', rows, headerRows, text, ...linksIn(table) };
}

function cellsOf(row: DomElement): readonly string[] {
  const cells: string[] = [];
  for (const cell of row.querySelectorAll('td, th')) {
    cells.push(inline(cell));
    // Columns stay under each other where a cell spans several.
    const span = Math.min(MOST_SPAN, Number(cell.getAttribute('colspan') ?? 1) || 1);
    for (let more = 1; more < span; more++) cells.push('');
  }
  return cells;
}

/** A list, one item a line with its mark; lists inside it stand further in. */
export function listBlock(list: DomElement, ordered: boolean): DraftBlock {
  return { kind: 'list', ordered, text: listLines(list, 0).join('\n'), ...linksIn(list) };
}

function listLines(list: DomElement, depth: number): readonly string[] {
  if (depth > MOST_LIST_DEPTH) return [inline(list)];
  const isOrdered = list.tagName?.toUpperCase() === 'OL';
  let number = Number(list.getAttribute('start') ?? 1) || 1;
  const lines: string[] = [];
  for (const item of list.children) {
    const own = Array.from(item.childNodes, (node) => (isList(node) ? '' : textOf(node))).join('');
    const text = own.replaceAll(/[\s\u00a0]+/g, ' ').trim();
    const mark = isOrdered ? `${number++}. ` : '- ';
    if (isList(item)) lines.push(...listLines(item, depth + 1));
    else if (text !== '') lines.push(`${'  '.repeat(depth)}${mark}${text}`);
    for (const inner of item.children) if (isList(inner)) lines.push(...listLines(inner, depth + 1));
  }
  return lines;
}

function isList(node: DomNode): node is DomElement {
  const tag = 'tagName' in node ? String(node.tagName).toUpperCase() : '';
  return tag === 'UL' || tag === 'OL';
}
