import { parseHTML } from 'linkedom';

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
  readonly body: DomElement | null;
  readonly documentElement: DomElement | null;
  querySelector(selector: string): DomElement | null;
}

/** Reads a page. Nothing in it runs, and nothing that it names is fetched. */
export function parsePage(html: string): DomDocument {
  const { document } = parseHTML(html) as { readonly document: DomDocument };
  return document;
}
