import { extname } from 'node:path';
import { decodeWide, wideEncoding } from './encoding.ts';
import { languageOf } from './source-languages.ts';

/** Kinds of text that their content does not always give away. */
const BY_EXTENSION: Readonly<Record<string, string>> = {
  '.md': 'text/markdown',
  '.markdown': 'text/markdown',
  '.mdx': 'text/markdown',
  '.csv': 'text/csv',
  '.tsv': 'text/tab-separated-values',
  '.tab': 'text/tab-separated-values',
  '.jsonl': 'application/x-ndjson',
  '.ndjson': 'application/x-ndjson',
  '.html': 'text/html',
  '.htm': 'text/html',
  '.xhtml': 'text/html',
  '.eml': 'message/rfc822',
  '.mbox': 'application/mbox',
  '.srt': 'application/x-subrip',
  '.log': 'text/plain',
};
const HINTS: ReadonlySet<string> = new Set(Object.values(BY_EXTENSION));
/** Larger JSON is believed by its first character and its name: it is not read twice. */
const LARGEST_CHECKED = 16 * 2 ** 20;

/** A text whose kind is asked for: its first characters, all of its bytes, and what the sender says of it. */
export interface TextToTell {
  readonly start: string;
  readonly bytes: Uint8Array;
  readonly name: string | undefined;
  readonly hint: string | undefined;
}

/** Media type of a text: by its content where that is plain, by its name and the sender's word where it is not. */
export function textKind(told: TextToTell): string {
  const text = told.start.replace(/^\ufeff/, '').trimStart();
  return markedKind(text) ?? jsonKind(text, told) ?? namedKind(text, told) ?? likelyKind(text) ?? 'text/plain';
}

/** Kinds that begin with a mark of their own. */
function markedKind(text: string): string | undefined {
  if (/^(?:<\?xml[^>]*>\s*)?(?:<!--[\s\S]{0,2000}?-->\s*)*(?:<!doctype html|<html[\s>])/i.test(text)) return 'text/html';
  if (/^WEBVTT(?:[ \t\r\n]|$)/.test(text)) return 'text/vtt';
  if (/^\d+\r?\n\d\d:\d\d:\d\d,\d{3} --> /.test(text)) return 'application/x-subrip';
  if (/^From \S+.*\d{4}\r?\n[\w-]+:/.test(text)) return 'application/mbox';
  if (isMail(text)) return 'message/rfc822';
  if (isFeed(text)) return 'application/rss+xml';
  return /^<\?xml\s/.test(text) ? 'application/xml' : undefined;
}

const MAIL_HEADERS = /^(?:from|to|subject|date|received|return-path|message-id|mime-version|content-type|delivered-to|x-[\w-]+):/i;

/** Header lines, at least three of those that mails have, up to the first empty line. */
function isMail(text: string): boolean {
  const head = text.split(/\r?\n\r?\n/, 1)[0] ?? '';
  const lines = head.replaceAll(/\r?\n[ \t]+/g, ' ').split(/\r?\n/);
  const isHeader = (line: string): boolean => /^[!-9;-~]+:/.test(line);
  // The head of a long one may be cut off in a line.
  const isAllHeaders = lines.slice(0, 30).every((line, index, all) => isHeader(line) || index === all.length - 1);
  return isAllHeaders && lines.filter((line) => MAIL_HEADERS.test(line)).length >= 3;
}

function isFeed(text: string): boolean {
  const root = text.replace(/^(?:<\?[^>]*\?>|<!--[\s\S]*?-->|<!doctype[^>[]*(?:\[[\s\S]*?\])?>|\s)+/i, '');
  return /^<rss[\s>]/i.test(root) || /^<feed[\s>]/i.test(root) || /^<rdf:RDF[^>]+purl\.org\/rss/i.test(root);
}

function jsonKind(text: string, { bytes, name }: TextToTell): string | undefined {
  if (!/^[[{]/.test(text)) return undefined;
  const isNamed = /\.(?:json|geojson|ipynb|webmanifest)$/i.test(name ?? '');
  if (bytes.length > LARGEST_CHECKED ? !isNamed : !isJson(bytes)) return isJsonLines(text) ? 'application/x-ndjson' : undefined;
  return isNotebook(bytes) ? 'application/x-ipynb+json' : 'application/json';
}

function isJson(bytes: Uint8Array): boolean {
  try {
    JSON.parse(decodeWide(bytes, wideEncoding(bytes) ?? 'utf-8'));
    return true;
  } catch {
    return false;
  }
}

/** The first two lines are JSON objects. */
function isJsonLines(text: string): boolean {
  const [first = '', second = ''] = text.split(/\r?\n/, 2);
  return [first, second].every((line) => /^\{.*\}\s*$/.test(line) && isJson(Buffer.from(line)));
}

function isNotebook(bytes: Uint8Array): boolean {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  return text.includes('"nbformat"') && text.includes('"cells"');
}

function namedKind(text: string, { name, hint }: TextToTell): string | undefined {
  const named = BY_EXTENSION[extname(name ?? '').toLowerCase()];
  if (named !== undefined) return named;
  if (languageOf(name, text) !== undefined) return 'text/x-source';
  const base = hint?.split(';', 1)[0]?.trim().toLowerCase();
  return base !== undefined && HINTS.has(base) ? base : undefined;
}

/** Kinds that can only be presumed. */
function likelyKind(text: string): string | undefined {
  if (/^<(?:head|body|div|p|table|h[1-6]|ul|ol|article|main|section|meta|title)[\s>]/i.test(text)) return 'text/html';
  if (isTable(text, '\t')) return 'text/tab-separated-values';
  if (isTable(text, ',') || isTable(text, ';')) return 'text/csv';
  const hasHeading = /^#{1,6} \S/m.test(text);
  return hasHeading && /^```|\]\(\S+\)|^[-*] \S|^\|.*\|$/m.test(text) ? 'text/markdown' : undefined;
}

/** At least four lines that all have the delimiter equally often, twice or more. Prose does not. */
function isTable(text: string, delimiter: string): boolean {
  const lines = text.split(/\r?\n/).slice(0, 12);
  const whole = lines.slice(0, -1).filter((line) => line !== '');
  const counts = new Set(whole.map((line) => line.split(delimiter).length - 1));
  return whole.length >= 4 && counts.size === 1 && !counts.has(0) && !counts.has(1);
}
