import { DOMParser, parseHTML } from 'linkedom';
import { LocalLiteError } from '../../errors.ts';

/** The part of the document object model that reading a page takes. */
export interface DomNode {
  readonly nodeType: number;
  readonly textContent: string | null;
  readonly childNodes: Iterable<DomNode>;
}

/** An element of a page. */
export interface DomElement extends DomNode {
  readonly tagName: string;
  readonly children: Iterable<DomElement>;
  getAttribute(name: string): string | null;
  hasAttribute(name: string): boolean;
  querySelector(selector: string): DomElement | null;
  querySelectorAll(selector: string): Iterable<DomElement>;
}

/** A page. */
export interface DomDocument {
  readonly documentElement: DomElement | null;
  querySelector(selector: string): DomElement | null;
  querySelectorAll(selector: string): Iterable<DomElement>;
}

/** Deeper nesting takes a tree builder more than linear time, and no document means anything by it. */
const MOST_DEPTH = 10_000;

/** Reads a page. Nothing in it runs, and nothing that it names is fetched. @throws LocalLiteError document_unreadable (nested too deep) */
export function parsePage(html: string): DomDocument {
  checkDepth(html);
  // The library takes the first element of a fragment for the whole page.
  const { document } = parseHTML(/<(?:html|body)\b/i.test(html) ? html : `<html>${html}</html>`) as { readonly document: DomDocument };
  return document;
}

/** What a page shows. A page with misplaced tags may come out with a second body; the one that says most is meant. */
export function bodyOf(document: DomDocument): DomElement | undefined {
  const bodies = [...document.querySelectorAll('body')];
  const length = (body: DomElement): number => (bodies.length === 1 ? 1 : (body.textContent?.length ?? 0));
  const longest = bodies.reduce<DomElement | undefined>((best, body) => (best && length(best) >= length(body) ? best : body), undefined);
  return longest ?? document.documentElement ?? undefined;
}

/** Reads XML. Entities of its own are not expanded, and none is fetched. @throws LocalLiteError document_unreadable (nested too deep) */
export function parseXml(xml: string): DomElement | undefined {
  checkDepth(xml);
  const document: unknown = new DOMParser().parseFromString(xml, 'text/xml');
  return (document as DomDocument).documentElement ?? undefined;
}

/** Elements that nobody closes do not nest. */
const UNCLOSED = /^(?:area|base|br|col|embed|hr|img|input|li|link|meta|option|p|param|source|td|th|tr|track|wbr|dd|dt)$/i;

function checkDepth(markup: string): void {
  let depth = 0;
  for (const [, slash, name = '', own] of markup.matchAll(/<(\/?)([a-z][\w:-]*)(?:[^<>"']|"[^"]*"|'[^']*')*?(\/?)>/gi)) {
    if (UNCLOSED.test(name) || own === '/') continue;
    depth = Math.max(0, depth + (slash === '/' ? -1 : 1));
    if (depth > MOST_DEPTH) throw new LocalLiteError('document_unreadable', `its elements are nested deeper than ${MOST_DEPTH} levels`);
  }
}
