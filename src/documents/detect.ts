import { extname } from 'node:path';
import { LocalLiteError } from '../errors.ts';
import { languageOf } from './source-languages.ts';

const MAGIC: readonly (readonly [mediaType: string, offset: number, bytes: string])[] = [
  ['application/pdf', 0, '%PDF-'],
  ['image/png', 0, '\x89PNG\r\n\x1a\n'],
  ['image/jpeg', 0, '\xff\xd8\xff'],
  ['image/gif', 0, 'GIF8'],
  ['image/tiff', 0, 'II*\0'],
  ['image/tiff', 0, 'MM\0*'],
  ['image/webp', 8, 'WEBP'],
  ['application/rtf', 0, '{\\rtf'],
  ['application/x-ole-storage', 0, '\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1'],
  ['application/zip', 0, 'PK\x03\x04'],
  ['application/zip', 0, 'PK\x05\x06'],
  ['application/gzip', 0, '\x1f\x8b'],
  ['application/x-7z-compressed', 0, '7z\xbc\xaf\x27\x1c'],
  ['application/vnd.rar', 0, 'Rar!\x1a\x07'],
  ['audio/mpeg', 0, 'ID3'],
  ['audio/wav', 8, 'WAVE'],
  ['video/mp4', 4, 'ftyp'],
  ['application/x-executable', 0, '\x7fELF'],
  ['application/x-executable', 0, 'MZ'],
  ['text/vtt', 0, 'WEBVTT'],
];
/** PDF readers allow some bytes before the header. */
const PDF_SEARCH = 1024;

/** Kinds of text that their content does not give away. */
const BY_NAME: Readonly<Record<string, string>> = {
  '.md': 'text/markdown',
  '.markdown': 'text/markdown',
  '.mdx': 'text/markdown',
  '.csv': 'text/csv',
  '.tsv': 'text/tab-separated-values',
  '.tab': 'text/tab-separated-values',
  '.json': 'application/json',
  '.jsonl': 'application/x-ndjson',
  '.ndjson': 'application/x-ndjson',
  '.ipynb': 'application/x-ipynb+json',
  '.html': 'text/html',
  '.htm': 'text/html',
  '.xhtml': 'text/html',
  '.srt': 'application/x-subrip',
  '.vtt': 'text/vtt',
  '.txt': 'text/plain',
  '.text': 'text/plain',
  '.log': 'text/plain',
};

/**
 * Media type of a document by its content; the name decides only between kinds of text.
 * @throws LocalLiteError document_unsupported for bytes that are no text and no known format
 */
export function detect(bytes: Uint8Array, name: string | undefined, hint: string | undefined): string {
  const magic = magicOf(bytes);
  if (magic !== undefined) return magic;
  const start = textStart(bytes);
  if (start === undefined) {
    throw new LocalLiteError('document_unsupported', `${name ?? 'the document'} is neither text nor a format that can be read`);
  }
  return textKind(start, bytes, name, hint);
}

function magicOf(bytes: Uint8Array): string | undefined {
  const head = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.length, PDF_SEARCH)).toString('latin1');
  const found = MAGIC.find(([, offset, mark]) => head.startsWith(mark, offset));
  return found?.[0] ?? (head.includes('%PDF-') ? 'application/pdf' : undefined);
}

/** The first characters of a text; undefined for bytes that are none: they hold zeros without being UTF-16 or UTF-32. */
function textStart(bytes: Uint8Array): string | undefined {
  const head = bytes.subarray(0, 4096);
  const isWide = (head[0] === 0xff && head[1] === 0xfe) || (head[0] === 0xfe && head[1] === 0xff);
  if (isWide) return new TextDecoder(head[0] === 0xff ? 'utf-16le' : 'utf-16be').decode(head);
  const odd = head.reduce((count, byte) => count + (byte < 9 || (byte > 13 && byte < 27) ? 1 : 0), 0);
  if (head.includes(0) || odd > head.length / 20) return undefined;
  return new TextDecoder().decode(head);
}

function textKind(start: string, bytes: Uint8Array, name: string | undefined, hint: string | undefined): string {
  const text = start.replace(/^\ufeff/, '').trimStart();
  if (/^<!doctype html|^<html[\s>]/i.test(text) || /^<\?xml[^>]*>\s*<!doctype html/i.test(text)) return 'text/html';
  if (/^\d+\r?\n\d\d:\d\d:\d\d,\d{3} --> /.test(text)) return 'application/x-subrip';
  const extension = extname(name ?? '').toLowerCase();
  const named = BY_NAME[extension];
  if (isJson(text, bytes))
    return named === 'application/x-ipynb+json' || isNotebook(bytes) ? 'application/x-ipynb+json' : 'application/json';
  if (named !== undefined && named !== 'application/json' && named !== 'application/x-ipynb+json') return named;
  if (languageOf(name, text) !== undefined) return 'text/x-source';
  const isKnownHint = hint !== undefined && Object.values(BY_NAME).includes(hint) && hint !== 'application/json';
  return isKnownHint ? hint : 'text/plain';
}

/** Large JSON is not read twice to be sure. */
const LARGEST_CHECKED = 16 * 2 ** 20;

function isJson(text: string, bytes: Uint8Array): boolean {
  if (!/^[[{]/.test(text) || bytes.length > LARGEST_CHECKED) return false;
  try {
    JSON.parse(new TextDecoder().decode(bytes));
    return true;
  } catch {
    return false;
  }
}

function isNotebook(bytes: Uint8Array): boolean {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  return text.includes('"nbformat"') && text.includes('"cells"');
}
