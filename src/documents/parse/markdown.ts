import { Marked, type Token, type Tokens } from 'marked';
import { parseDocument } from 'yaml';
import type { DocumentParser, DraftBlock, Link, ParsedContent } from '../document-types.ts';
import { decodeText } from '../encoding.ts';
import { htmlBlocks } from './html-blocks.ts';

/** Markdown with tables and front matter (CommonMark and GitHub's additions). */
export const markdownParser: DocumentParser = {
  name: 'markdown',
  mediaTypes: ['text/markdown'],
  async parse(bytes, context) {
    return readMarkdown(decodeText(bytes, context));
  },
};

/** Marks of emphasis in one paragraph above which they are characters: to pair them takes time that grows with their square. */
const MOST_MARKS = 1000;

/** Characters of a paragraph above which nothing is looked for that is struck out. */
const LONGEST_PARAGRAPH = 50_000;

const reader = new Marked({
  tokenizer: {
    emStrong: (_source, masked) => (hasTooManyMarks(masked) ? undefined : false),
    del: (source) => (source.length > LONGEST_PARAGRAPH ? undefined : false),
  },
});

/** The text is the same one for all marks of a paragraph. */
let lastCounted = { text: '', isOver: false };

function hasTooManyMarks(text: string): boolean {
  if (text.length <= MOST_MARKS) return false;
  if (lastCounted.text !== text) lastCounted = { text, isOver: (text.match(/[*_~]/g)?.length ?? 0) > MOST_MARKS };
  return lastCounted.isOver;
}

/** Blocks of Markdown text; the first heading of level 1 is the title where front matter names none. */
export function readMarkdown(source: string): ParsedContent {
  const { metadata, body } = frontMatter(source.replace(/^\ufeff/, ''));
  const blocks = markdownBlocks(body);
  const title = metadata.title ?? blocks.find(({ kind, level }) => kind === 'heading' && level === 1)?.text;
  return { metadata: { ...metadata, ...(title !== undefined && { title }) }, blocks };
}

/** Blocks of Markdown without front matter. */
export function markdownBlocks(source: string): readonly DraftBlock[] {
  return reader.lexer(source).flatMap(blocksOf);
}

function blocksOf(token: Token): readonly DraftBlock[] {
  switch (token.type) {
    case 'heading': {
      const { depth, tokens } = token as Tokens.Heading;
      return [{ kind: 'heading', level: depth, text: plain(tokens), ...linksOf(tokens) }];
    }
    case 'paragraph':
    case 'text':
      return paragraphBlocks(token);
    case 'code': {
      const { lang, text } = token as Tokens.Code;
      return [{ kind: 'code', text, ...(lang ? { language: lang.split(/\s/, 1)[0] ?? lang } : {}) }];
    }
    case 'list':
      return [listBlock(token as Tokens.List)];
    case 'table':
      return [tableBlock(token as Tokens.Table)];
    case 'blockquote':
      return ((token as Tokens.Blockquote).tokens ?? []).flatMap(blocksOf);
    case 'html':
      return htmlBlocks(token.raw);
    default:
      return [];
  }
}

function paragraphBlocks(token: Token): readonly DraftBlock[] {
  const tokens = 'tokens' in token ? (token.tokens ?? []) : [];
  const images = tokens.filter(({ type }) => type === 'image');
  if (images.length > 0 && images.length === tokens.filter(({ raw }) => raw.trim() !== '').length) {
    return images.map((image) => ({ kind: 'image', text: (image as Tokens.Image).text }));
  }
  return [{ kind: 'text', text: tokens.length === 0 ? token.raw : plain(tokens), ...linksOf(tokens) }];
}

function listBlock(list: Tokens.List): DraftBlock {
  const lines = list.items.flatMap((item, index) => itemLines(item, list.ordered ? `${Number(list.start || 1) + index}. ` : '- '));
  return { kind: 'list', ordered: list.ordered, text: lines.join('\n'), ...linksOf(list.items.flatMap(({ tokens }) => tokens)) };
}

/** An item and what is nested in it, further in. */
function itemLines(item: Tokens.ListItem, mark: string): readonly string[] {
  const own: string[] = [];
  const nested: string[] = [];
  for (const token of item.tokens) {
    if (token.type === 'list') nested.push(...listBlock(token as Tokens.List).text.split('\n'));
    else own.push('tokens' in token && token.tokens !== undefined ? plain(token.tokens) : 'text' in token ? String(token.text) : '');
  }
  const text = own.join(' ').replaceAll(/\s*\n\s*/g, ' ');
  return [`${mark}${text}`, ...nested.map((line) => `  ${line}`)];
}

function tableBlock(table: Tokens.Table): DraftBlock {
  const cells = (row: readonly Tokens.TableCell[]): readonly string[] => row.map(({ tokens }) => plain(tokens));
  const rows = [cells(table.header), ...table.rows.map(cells)];
  const tokens = [table.header, ...table.rows].flatMap((row) => row.flatMap((cell) => cell.tokens));
  return { kind: 'table', rows, headerRows: 1, text: rows.map((row) => row.join(' | ')).join('\n'), ...linksOf(tokens) };
}

/** Text of inline tokens without its marks. */
function plain(tokens: readonly Token[]): string {
  return tokens.map(plainOf).join('');
}

function plainOf(token: Token): string {
  switch (token.type) {
    case 'br':
      return '\n';
    case 'image':
      return (token as Tokens.Image).text;
    case 'html':
      return '';
    case 'codespan':
    case 'escape':
      return withoutEntities(String('text' in token ? token.text : ''));
    default:
      if ('tokens' in token && token.tokens !== undefined) return plain(token.tokens);
      return withoutEntities('text' in token ? String(token.text) : '');
  }
}

const ENTITIES: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', nbsp: ' ', '#39': "'", apos: "'" };

function withoutEntities(text: string): string {
  return text.replaceAll(/&(amp|lt|gt|quot|nbsp|apos|#39);/g, (_whole, name: string) => ENTITIES[name] ?? '');
}

function linksOf(tokens: readonly Token[]): { readonly links?: readonly Link[] } {
  const links: Link[] = [];
  const collect = (list: readonly Token[]): void => {
    for (const token of list) {
      if (token.type === 'link') links.push({ text: plain((token as Tokens.Link).tokens), url: (token as Tokens.Link).href });
      else if ('tokens' in token && token.tokens !== undefined) collect(token.tokens);
    }
  };
  collect(tokens);
  return links.length === 0 ? {} : { links };
}

function frontMatter(source: string): { readonly metadata: ParsedContent['metadata']; readonly body: string } {
  const found = /^---[ \t]*\r?\n([\s\S]{0,20000}?)\r?\n---[ \t]*(?:\r?\n|$)/.exec(source);
  if (found === null) return { metadata: {}, body: source };
  const document = parseDocument(found[1] ?? '', { maxAliasCount: 0 } as object);
  const value: unknown = document.errors.length > 0 ? undefined : document.toJS({ maxAliasCount: 0 });
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return { metadata: {}, body: source };
  const entries = Object.entries(value).filter(([, one]) => ['string', 'number', 'boolean'].includes(typeof one) || one instanceof Date);
  const properties = Object.fromEntries(entries.map(([key, one]) => [key, one instanceof Date ? one.toISOString() : String(one)]));
  const { title, author, lang, language = lang, date } = properties;
  const metadata = {
    properties,
    ...(title !== undefined && { title }),
    ...(author !== undefined && { author }),
    ...(language !== undefined && { language }),
    ...(date !== undefined && { createdAt: date }),
  };
  return { metadata, body: source.slice(found[0].length) };
}
