import { Readability } from '@mozilla/readability';
import type { DocumentParser, DraftBlock, ParseContext, ParsedContent } from '../document-types.ts';
import { decodeAs, decodeText, knownEncoding, wideEncoding } from '../encoding.ts';
import { elementBlocks } from './html-blocks.ts';
import { bodyOf, type DomDocument, type DomElement, parsePage } from './html-dom.ts';

/** A page: its main content without navigation and the like. */
export const htmlParser: DocumentParser = {
  name: 'html',
  mediaTypes: ['text/html'],
  async parse(bytes, context) {
    return readHtml(decodeHtml(bytes, context));
  },
};

/** Main content that is less of the page than this is distrusted, and the whole page is taken. */
const LEAST_SHARE = 0.35;

/** Main content of a page and what its head says of it. */
export function readHtml(html: string): ParsedContent {
  const document = parsePage(html);
  const metadata = metadataOf(document);
  const body = bodyOf(document);
  const whole = body === undefined ? [] : elementBlocks(body);
  const main = mainBlocks(html);
  const blocks = lengthOf(main) >= lengthOf(whole) * LEAST_SHARE ? main : whole;
  const hasTitle = metadata.title === undefined || blocks.some(({ kind, level }) => kind === 'heading' && level === 1);
  const heading: readonly DraftBlock[] = hasTitle ? [] : [{ kind: 'heading', level: 1, text: metadata.title ?? '' }];
  return { metadata, blocks: [...heading, ...blocks] };
}

function mainBlocks(html: string): readonly DraftBlock[] {
  // Readability takes the document apart.
  const document = parsePage(html) as ConstructorParameters<typeof Readability>[0];
  try {
    const article = new Readability(document, { maxElemsToParse: 200_000, keepClasses: true, serializer: (element) => element }).parse();
    return article?.content instanceof Object ? elementBlocks(article.content as DomElement) : [];
  } catch {
    return [];
  }
}

function lengthOf(blocks: readonly DraftBlock[]): number {
  return blocks.reduce((sum, { text }) => sum + text.length, 0);
}

function metadataOf(document: DomDocument): ParsedContent['metadata'] {
  const meta = (name: string): string | undefined =>
    document.querySelector(`meta[name="${name}"], meta[property="${name}"]`)?.getAttribute('content')?.trim() || undefined;
  const title = document.querySelector('title')?.textContent?.trim() || meta('og:title');
  const author = [meta('author'), meta('article:author')].find((name) => name !== undefined && !/^https?:/.test(name));
  const createdAt = meta('article:published_time') ?? meta('date');
  const language = document.documentElement?.getAttribute('lang') || undefined;
  const description = meta('description') ?? meta('og:description');
  return {
    ...(title && { title: title.replaceAll(/\s+/g, ' ') }),
    ...(author !== undefined && { author }),
    ...(createdAt !== undefined && { createdAt }),
    ...(language !== undefined && { language }),
    ...(description !== undefined && { properties: { description } }),
  };
}

/** Bytes of a page by the encoding that its own head names, where it names one. */
function decodeHtml(bytes: Uint8Array, context: ParseContext): string {
  const head = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.length, 2048)).toString('latin1');
  const named = /<meta[^>]+charset\s*=\s*["']?\s*([\w-]+)/i.exec(head)?.[1];
  const encoding = named === undefined ? undefined : knownEncoding(named);
  const isOther = encoding !== undefined && encoding !== 'utf-8' && wideEncoding(bytes) === undefined;
  return isOther ? decodeAs(bytes, encoding) : decodeText(bytes, context);
}
