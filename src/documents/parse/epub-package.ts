import { LocalLiteError } from '../../errors.ts';
import type { OutlineEntry, ParsedContent } from '../document-types.ts';
import { type OfficePackage, officeMetadata, resolvePart } from './office-package.ts';
import { child, children, descendant, descendants, textOf, type XmlElement } from './office-xml.ts';

/** What a book's package document says. */
export interface EpubBook {
  /** Names of the files with text, in reading order, each once. */
  readonly spine: readonly string[];
  readonly metadata: ParsedContent['metadata'];
  /** Table of contents; `file` is the part in which the entry begins. */
  readonly contents: readonly (OutlineEntry & { readonly file: string })[];
}

interface Item {
  readonly file: string;
  readonly type: string;
  readonly properties: string;
}

/** Ways of hiding fonts, which are no encryption of the text. */
const FONTS_ONLY = /idpf\.org\/2008\/embedding|ns\.adobe\.com\/pdf\/enc#RC/;
const MOST_ENTRIES = 10_000;
const MOST_LEVELS = 20;

/** @throws LocalLiteError document_unreadable, document_encrypted */
export async function readEpub(file: OfficePackage): Promise<EpubBook> {
  const container = await file.xml('META-INF/container.xml');
  const main = descendant(container, 'ocf:rootfile')?.attributes['full-path'];
  if (main === undefined) throw new LocalLiteError('document_unreadable', 'the book does not say where its package document is');
  const root = await file.xml(main);
  const items = itemsOf(root, main);
  const spine = spineOf(root, items);
  await refuseEncrypted(file, spine);
  return { spine, metadata: metadataOf(root), contents: await contentsOf(file, root, items) };
}

function itemsOf(root: XmlElement, main: string): ReadonlyMap<string, Item> {
  return new Map(
    children(child(root, 'opf:manifest'), 'opf:item').map(({ attributes }) => [
      attributes['id'] ?? '',
      {
        file: resolvePart(main, (attributes['href'] ?? '').replace(/#.*$/, '')),
        type: attributes['media-type'] ?? '',
        properties: attributes['properties'] ?? '',
      },
    ]),
  );
}

/** Each file once: a spine may name one again, and is no longer for it. */
function spineOf(root: XmlElement, items: ReadonlyMap<string, Item>): readonly string[] {
  const files = children(child(root, 'opf:spine'), 'opf:itemref')
    .map(({ attributes }) => items.get(attributes['idref'] ?? ''))
    .filter((item): item is Item => item !== undefined && !/(?:^|\s)nav(?:\s|$)/.test(item.properties))
    .filter(({ type }) => /x?html|xml$/.test(type) && !/svg|ncx/.test(type));
  return [...new Set(files.map((item) => item.file))];
}

async function refuseEncrypted(file: OfficePackage, spine: readonly string[]): Promise<void> {
  const encryption = await file.optionalXml('META-INF/encryption.xml');
  for (const data of descendants(encryption, 'enc:EncryptedData')) {
    const method = child(data, 'enc:EncryptionMethod')?.attributes['Algorithm'] ?? '';
    const part = descendant(data, 'enc:CipherReference')?.attributes['URI'] ?? '';
    if (!FONTS_ONLY.test(method) && spine.includes(resolvePart('', part))) {
      throw new LocalLiteError('document_encrypted', 'the book is protected by its seller (DRM) and cannot be read');
    }
  }
}

function metadataOf(root: XmlElement): ParsedContent['metadata'] {
  const metadata = child(root, 'opf:metadata');
  const meta = (property: string): string =>
    textOf(children(metadata, 'opf:meta').find(({ attributes }) => attributes['property'] === property));
  return officeMetadata((name) => {
    if (name === 'dcterms:created') return textOf(child(metadata, 'dc:date'));
    if (name === 'dcterms:modified') return meta('dcterms:modified');
    const texts = children(metadata, name).map(textOf);
    if (name === 'dc:title') return texts[0] ?? '';
    if (name === 'dc:description') return (texts[0] ?? '').replaceAll(/<[^>]*>/g, ' ');
    return texts.filter((text) => text.trim() !== '').join(', ');
  });
}

async function contentsOf(file: OfficePackage, root: XmlElement, items: ReadonlyMap<string, Item>): Promise<EpubBook['contents']> {
  const all = [...items.values()];
  const nav = all.find(({ properties }) => /(?:^|\s)nav(?:\s|$)/.test(properties))?.file;
  const toc = descendants(await file.optionalXml(nav), 'h:nav').find(({ attributes }) => attributes['ops:type'] === 'toc');
  const entries: (OutlineEntry & { readonly file: string })[] = [];
  if (toc !== undefined && nav !== undefined) addList(entries, child(toc, 'h:ol'), nav, 1);
  if (entries.length > 0) return entries;
  const named = items.get(child(root, 'opf:spine')?.attributes['toc'] ?? '') ?? all.find(({ type }) => type === 'application/x-dtbncx+xml');
  const ncx = await file.optionalXml(named?.file);
  if (named !== undefined) addPoints(entries, child(ncx, 'ncx:navMap'), named.file, 1);
  return entries;
}

function addList(entries: (OutlineEntry & { readonly file: string })[], list: XmlElement | undefined, nav: string, level: number): void {
  for (const item of children(list, 'h:li')) {
    const label = child(item, 'h:a') ?? child(item, 'h:span');
    addEntry(entries, textOf(label), label?.attributes['href'], nav, level);
    if (level < MOST_LEVELS) addList(entries, child(item, 'h:ol'), nav, level + 1);
  }
}

function addPoints(
  entries: (OutlineEntry & { readonly file: string })[],
  parent: XmlElement | undefined,
  ncx: string,
  level: number,
): void {
  for (const point of children(parent, 'ncx:navPoint')) {
    addEntry(entries, textOf(child(point, 'ncx:navLabel')), child(point, 'ncx:content')?.attributes['src'], ncx, level);
    if (level < MOST_LEVELS) addPoints(entries, point, ncx, level + 1);
  }
}

function addEntry(
  entries: (OutlineEntry & { readonly file: string })[],
  label: string,
  href: string | undefined,
  from: string,
  level: number,
): void {
  const title = label.replaceAll(/\s+/g, ' ').trim();
  const [path = ''] = (href ?? '').split('#');
  if (title !== '' && entries.length < MOST_ENTRIES) entries.push({ title, level, file: path === '' ? '' : resolvePart(from, path) });
}
