import { SaxesParser, type SaxesTagNS } from 'saxes';
import { LocalLiteError } from '../../errors.ts';
import { decodeWide, wideEncoding } from '../encoding.ts';

/**
 * An element of an office file. Names have the usual prefix of their namespace whatever prefix the file itself uses (`w:p`, `a:t`,
 * `text:h`); attributes without a namespace have none.
 */
export interface XmlElement {
  readonly name: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly children: readonly (XmlElement | string)[];
}

/** Deeper nesting is refused: no office program writes it, and who walks the tree walks it by recursion. */
const MOST_DEPTH = 400;

const OFFICE = 'http://schemas.openxmlformats.org/';
/** Files of the form that ISO 29500 calls strict have names of their own for the same things. */
const STRICT = 'http://purl.oclc.org/ooxml/';
const ODF = 'urn:oasis:names:tc:opendocument:xmlns:';

const PREFIXES: Readonly<Record<string, string>> = {
  [`${OFFICE}wordprocessingml/2006/main`]: 'w',
  [`${STRICT}wordprocessingml/main`]: 'w',
  [`${OFFICE}drawingml/2006/main`]: 'a',
  [`${STRICT}drawingml/main`]: 'a',
  [`${OFFICE}drawingml/2006/wordprocessingDrawing`]: 'wp',
  [`${STRICT}drawingml/wordprocessingDrawing`]: 'wp',
  [`${OFFICE}drawingml/2006/spreadsheetDrawing`]: 'xdr',
  [`${STRICT}drawingml/spreadsheetDrawing`]: 'xdr',
  [`${OFFICE}drawingml/2006/picture`]: 'pic',
  [`${STRICT}drawingml/picture`]: 'pic',
  [`${OFFICE}drawingml/2006/chart`]: 'c',
  [`${STRICT}drawingml/chart`]: 'c',
  [`${OFFICE}drawingml/2006/diagram`]: 'dgm',
  [`${STRICT}drawingml/diagram`]: 'dgm',
  [`${OFFICE}presentationml/2006/main`]: 'p',
  [`${STRICT}presentationml/main`]: 'p',
  [`${OFFICE}spreadsheetml/2006/main`]: 's',
  [`${STRICT}spreadsheetml/main`]: 's',
  [`${OFFICE}officeDocument/2006/math`]: 'm',
  [`${STRICT}officeDocument/math`]: 'm',
  [`${OFFICE}officeDocument/2006/relationships`]: 'r',
  [`${STRICT}officeDocument/relationships`]: 'r',
  [`${OFFICE}officeDocument/2006/extended-properties`]: 'ep',
  [`${STRICT}officeDocument/extendedProperties`]: 'ep',
  [`${OFFICE}package/2006/relationships`]: 'rel',
  [`${OFFICE}package/2006/metadata/core-properties`]: 'cp',
  [`${OFFICE}markup-compatibility/2006`]: 'mc',
  'http://schemas.microsoft.com/office/powerpoint/2018/8/main': 'p188',
  'http://schemas.microsoft.com/office/drawing/2014/chartex': 'cx',
  'urn:schemas-microsoft-com:vml': 'v',
  'http://purl.org/dc/elements/1.1/': 'dc',
  'http://purl.org/dc/terms/': 'dcterms',
  [`${ODF}svg-compatible:1.0`]: 'svg',
  [`${ODF}xsl-fo-compatible:1.0`]: 'fo',
  [`${ODF}datastyle:1.0`]: 'number',
  [`${ODF}drawing:1.0`]: 'draw',
  [`${ODF}container`]: 'ocf',
  'http://www.w3.org/1999/xlink': 'xlink',
  'http://www.w3.org/XML/1998/namespace': 'xml',
  'http://www.w3.org/1998/Math/MathML': 'math',
  'http://www.w3.org/1999/xhtml': 'h',
  'http://www.idpf.org/2007/opf': 'opf',
  'http://www.idpf.org/2007/ops': 'ops',
  'http://www.daisy.org/z3986/2005/ncx/': 'ncx',
  'http://www.w3.org/2001/04/xmlenc#': 'enc',
};

/** The names of OpenDocument that have a regular form: `urn:oasis:names:tc:opendocument:xmlns:text:1.0`. */
const ODF_NAME = /^urn:oasis:names:tc:opendocument:xmlns:([a-z]+)(?::1\.\d)?$/;

/**
 * Reads a part of an office file. Entities that it declares are refused and none is fetched, so that nothing in it can grow.
 * @param part its name, for errors
 * @throws LocalLiteError document_unreadable: not well formed, cut off, entities, nested too deep
 */
export function readXml(bytes: Uint8Array, part: string): XmlElement {
  const builder = new TreeBuilder(part);
  const parser = new SaxesParser({ xmlns: true, position: true, fragment: false });
  const unreadable = (why: string): LocalLiteError => new LocalLiteError('document_unreadable', `${part}: ${why}`);
  parser.on('doctype', (text) => {
    if (/<!ENTITY/i.test(text)) throw unreadable('it declares entities, which are not expanded');
  });
  parser.on('error', (error) => {
    // A prefix that is not declared harms nobody: its elements are only not known.
    if (!/unbound namespace prefix/.test(error.message)) throw unreadable(error.message);
  });
  parser.on('opentag', (tag) => builder.open(tag));
  parser.on('closetag', () => builder.close());
  parser.on('text', (text) => builder.text(text));
  parser.on('cdata', (text) => builder.text(text));
  parser.write(decode(bytes)).close();
  return builder.root();
}

function decode(bytes: Uint8Array): string {
  const wide = wideEncoding(bytes);
  if (wide !== undefined) return decodeWide(bytes, wide);
  const head = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.length, 200)).toString('latin1');
  const named = /^\s*<\?xml[^>]*encoding\s*=\s*["']([\w.:-]+)/.exec(head)?.[1] ?? 'utf-8';
  try {
    return new TextDecoder(named).decode(bytes);
  } catch {
    return new TextDecoder().decode(bytes);
  }
}

interface Open {
  readonly name: string;
  readonly attributes: Record<string, string>;
  readonly children: (XmlElement | string)[];
}

class TreeBuilder {
  readonly #part: string;
  readonly #stack: Open[] = [{ name: '', attributes: {}, children: [] }];

  constructor(part: string) {
    this.#part = part;
  }

  open(tag: SaxesTagNS): void {
    if (this.#stack.length > MOST_DEPTH) {
      throw new LocalLiteError('document_unreadable', `${this.#part}: its elements are nested deeper than ${MOST_DEPTH} levels`);
    }
    const attributes: Record<string, string> = {};
    for (const { uri, prefix, local, value } of Object.values(tag.attributes)) attributes[canonical(uri, prefix, local)] = value;
    this.#stack.push({ name: canonical(tag.uri, tag.prefix, tag.local), attributes, children: [] });
  }

  close(): void {
    const closed = this.#stack.pop();
    const parent = this.#stack.at(-1);
    if (closed === undefined || parent === undefined) return;
    if (closed.name === 'mc:AlternateContent') parent.children.push(...chosen(closed));
    else parent.children.push(closed);
  }

  text(text: string): void {
    this.#stack.at(-1)?.children.push(text);
  }

  root(): XmlElement {
    const root = this.#stack[0]?.children.find((child) => typeof child !== 'string');
    if (root === undefined || typeof root === 'string') throw new LocalLiteError('document_unreadable', `${this.#part}: it is empty`);
    return root;
  }
}

/** The same content is there in several forms for programs of several ages; the first is the newest. */
function chosen(alternatives: XmlElement): readonly (XmlElement | string)[] {
  return (child(alternatives, 'mc:Choice') ?? child(alternatives, 'mc:Fallback'))?.children ?? [];
}

function canonical(uri: string, own: string, local: string): string {
  if (uri === '') return own === '' ? local : `${own}:${local}`;
  const prefix = PREFIXES[uri] ?? ODF_NAME.exec(uri)?.[1] ?? own;
  return prefix === '' ? local : `${prefix}:${local}`;
}

/** Elements among the children, those of one name where it is given. */
export function children(element: XmlElement | undefined, name?: string): readonly XmlElement[] {
  const found = element?.children.filter((one): one is XmlElement => typeof one !== 'string') ?? [];
  return name === undefined ? found : found.filter((one) => one.name === name);
}

/** The first child of that name; with several names, the grandchild that they lead to. */
export function child(element: XmlElement | undefined, ...names: readonly string[]): XmlElement | undefined {
  let at = element;
  for (const name of names) at = at?.children.find((one): one is XmlElement => typeof one !== 'string' && one.name === name);
  return at;
}

/** All elements of that name below, in document order; those inside of one that was found are not looked for. */
export function descendants(element: XmlElement | undefined, name: string): readonly XmlElement[] {
  return children(element).flatMap((one) => (one.name === name ? [one] : descendants(one, name)));
}

/** The first element of that name below. */
export function descendant(element: XmlElement | undefined, name: string): XmlElement | undefined {
  for (const one of children(element)) {
    const found = one.name === name ? one : descendant(one, name);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** All text in an element, mark-up left out. */
export function textOf(element: XmlElement | undefined): string {
  return element?.children.map((one) => (typeof one === 'string' ? one : textOf(one))).join('') ?? '';
}

/** A switch as Word writes it: `<w:b/>` is on, `<w:b w:val="0"/>` is off; an element that is not there leaves it open. */
export function isOn(element: XmlElement | undefined): boolean | undefined {
  if (element === undefined) return undefined;
  return !/^(?:0|false|off|none)$/.test(element.attributes['w:val'] ?? element.attributes['val'] ?? '1');
}
