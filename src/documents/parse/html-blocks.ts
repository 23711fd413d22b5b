import type { DraftBlock, Link } from '../document-types.ts';
import { bodyOf, type DomElement, type DomNode, parsePage } from './html-dom.ts';
import { codeLanguage, inline, isDataTable, linksIn, listBlock, tableBlock, tidyInline } from './html-parts.ts';
import { linkTarget } from './link-target.ts';

const words = (names: string): ReadonlySet<string> => new Set(names.split(' '));

/** Elements whose content is not text of the page. */
const SKIPPED = words('SCRIPT STYLE NOSCRIPT TEMPLATE SVG IFRAME OBJECT HEAD NAV SELECT BUTTON TEXTAREA CANVAS DIALOG METER PROGRESS');
const BLOCKS = words(
  'ADDRESS ARTICLE ASIDE BLOCKQUOTE BODY CAPTION CENTER DD DETAILS DIV DL DT FIELDSET FIGCAPTION FIGURE FOOTER FORM HEADER HR HTML LI MAIN OL P SECTION SUMMARY TABLE TBODY TD TFOOT TH THEAD TR UL',
);
/** Parts of a page that say nothing of its subject, where a page marks them. */
const FURNITURE_ROLES = words('navigation search banner menu menubar toolbar dialog alertdialog');
/** Deeper nesting is flattened: pages that have it mean nothing by it, and recursion has an end. */
const MOST_DEPTH = 400;

/** Blocks of a piece of HTML, in document order. Nothing that it refers to is fetched. */
export function htmlBlocks(html: string): readonly DraftBlock[] {
  const body = bodyOf(parsePage(`<!doctype html><html><body>${html}</body></html>`));
  return body === undefined ? [] : elementBlocks(body);
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
    // Of the outermost element it is asked: a page may be hidden until its script has run.
    if (depth > 0 && (SKIPPED.has(tag) || isHidden(element))) return;
    if (depth > MOST_DEPTH) this.#text += ` ${element.textContent ?? ''}`;
    else this.#element(element, tag, depth);
  }

  #element(element: DomElement, tag: string, depth: number): void {
    switch (tag) {
      case 'BR':
        this.#text += '\v';
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
        if (isPlainList(element)) this.#add(listBlock(element, tag === 'OL'));
        else this.#children(element, depth);
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
    const url = linkTarget(element.getAttribute('href'));
    const text = inline(element);
    // A link around whole blocks is no part of one text.
    const isInline = element.querySelector('h1, h2, h3, h4, h5, h6, p, div, table, ul, ol') === null;
    if (url !== undefined && text !== '' && isInline) this.#links.push({ text, url });
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
    const text = tidyInline(this.#text);
    if (text !== '') this.blocks.push({ kind: 'text', text, ...(this.#links.length > 0 && { links: this.#links }) });
    this.#text = '';
    this.#links = [];
  }
}

/** Items that hold headings, tables or code are read as what they hold. */
function isPlainList(list: DomElement): boolean {
  return list.querySelector('h1, h2, h3, h4, h5, h6, pre, table') === null;
}

function isHidden(element: DomElement): boolean {
  if (element.hasAttribute?.('hidden') === true || element.getAttribute?.('aria-hidden') === 'true') return true;
  if (FURNITURE_ROLES.has(element.getAttribute?.('role')?.toLowerCase() ?? '')) return true;
  return /(?:display\s*:\s*none|visibility\s*:\s*hidden)/i.test(element.getAttribute?.('style') ?? '');
}
