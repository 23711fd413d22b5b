import { LocalLiteError } from '../../errors.ts';
import type { DocumentParser, DraftBlock, ParseContext } from '../document-types.ts';
import { decodeText } from '../encoding.ts';
import { type EpubBook, readEpub } from './epub-package.ts';
import { elementBlocks } from './html-blocks.ts';
import { bodyOf, parsePage } from './html-dom.ts';
import { OfficePackage } from './office-package.ts';

/** Electronic books (EPUB 2 and 3): chapters in reading order, the table of contents as outline. A flowing text has no pages. */
export const epubParser: DocumentParser = {
  name: 'epub',
  mediaTypes: ['application/epub+zip'],
  async parse(bytes, context) {
    const file = await OfficePackage.open(bytes, context);
    const book = await readEpub(file);
    const chapters = await chaptersOf(file, book, context);
    const outline = book.contents.map(({ title, level }) => ({ title, level }));
    return { metadata: book.metadata, blocks: [...frontBlocks(book, chapters), ...chapters], outline };
  },
};

async function chaptersOf(file: OfficePackage, book: EpubBook, context: ParseContext): Promise<readonly DraftBlock[]> {
  const { maxParts } = context.limits;
  if (book.spine.length > maxParts) {
    context.warn({ code: 'limit_reached', message: `only the first ${maxParts} chapters were read (documents.max_parts)` });
  }
  const blocks: DraftBlock[] = [];
  for (const name of book.spine.slice(0, maxParts)) blocks.push(...(await chapterBlocks(file, name, book, context)));
  return blocks;
}

/** A chapter that is damaged or not there is left out with a warning. */
async function chapterBlocks(file: OfficePackage, name: string, book: EpubBook, context: ParseContext): Promise<readonly DraftBlock[]> {
  let blocks: readonly DraftBlock[];
  try {
    const body = bodyOf(parsePage(asHtml(decodeText(await file.bytes(name), context))));
    blocks = body === undefined ? [] : elementBlocks(body);
  } catch (error) {
    const { code, message } = LocalLiteError.from(error, 'document_unreadable');
    if (code === 'document_too_large') throw error;
    context.warn({ code: 'part_unreadable', message, part: name });
    return [];
  }
  const entry = book.contents.find((one) => one.file === name);
  const hasText = blocks.some(({ kind }) => kind !== 'image');
  if (entry === undefined || !hasText || blocks.some(({ kind }) => kind === 'heading')) return blocks;
  return [{ kind: 'heading', level: Math.min(6, entry.level), text: entry.title }, ...blocks];
}

/** XHTML for a parser of HTML, which would take an empty element that is closed at once for one that is open. */
function asHtml(xhtml: string): string {
  return xhtml
    .replace(/^\s*<\?xml[^>]*\?>/, '')
    .replaceAll(
      /<(?!(?:area|base|br|col|embed|hr|img|input|link|meta|param|source|track|wbr)\b)([a-z][\w:-]*)((?:\s[^<>]*?)?)\s*\/>/gi,
      '<$1$2></$1>',
    );
}

/** Title, authors and what the publisher says of the book, where its text does not begin with them. */
function frontBlocks({ metadata }: EpubBook, chapters: readonly DraftBlock[]): readonly DraftBlock[] {
  const { title, author, properties } = metadata;
  const isTitled = title === undefined || chapters.find(({ kind }) => kind === 'heading')?.text.toLowerCase() === title.toLowerCase();
  const description = properties?.['description'];
  return [
    ...(isTitled ? [] : [{ kind: 'heading', level: 1, text: title } as const]),
    ...(author === undefined ? [] : [{ kind: 'text', text: `Authors: ${author}` } as const]),
    ...(description === undefined ? [] : [{ kind: 'text', text: description } as const]),
  ];
}
