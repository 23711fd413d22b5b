import { LocalLiteError } from '../../errors.ts';
import type { DocumentParser, DraftBlock, ParseContext } from '../document-types.ts';
import { decodeText } from '../encoding.ts';
import { parseExactly, readable, scalar } from './json-text.ts';

/** JSON and JSON lines as text to read: records as a table, everything else as keys and values; strings stay as they are. */
export const jsonParser: DocumentParser = {
  name: 'json',
  mediaTypes: ['application/json', 'application/x-ndjson'],
  async parse(bytes, context) {
    const text = decodeText(bytes, context);
    if (context.mediaType === 'application/x-ndjson') return { metadata: {}, blocks: lines(text, context) };
    try {
      return { metadata: {}, blocks: valueBlocks(parseExactly(text), context) };
    } catch (cause) {
      throw new LocalLiteError('document_unreadable', 'the file is not valid JSON', { cause });
    }
  },
};

function lines(text: string, context: ParseContext): readonly DraftBlock[] {
  const values: unknown[] = [];
  let bad = 0;
  for (const line of text.split(/\r?\n/)) {
    if (line.trim() === '') continue;
    try {
      values.push(parseExactly(line));
    } catch {
      bad++;
      values.push(line);
    }
  }
  if (bad > 0) context.warn({ code: 'line_unreadable', message: `${bad} lines are not JSON and were taken as text` });
  return valueBlocks(values, context);
}

/** A block for each entry of the whole, so that a passage does not run from one into the next. */
function valueBlocks(value: unknown, context: ParseContext): readonly DraftBlock[] {
  if (Array.isArray(value)) return recordTable(value) ?? value.flatMap((one) => textBlock(one, context));
  if (typeof value !== 'object' || value === null) return textBlock(value, context);
  const blocks: DraftBlock[] = [];
  let plain: Record<string, unknown> = {};
  const flush = (): void => {
    if (Object.keys(plain).length > 0) blocks.push(...textBlock(plain, context));
    plain = {};
  };
  for (const [key, inner] of Object.entries(value)) {
    const table = Array.isArray(inner) ? recordTable(inner) : undefined;
    if (table === undefined && !isLarge(inner)) plain[key] = inner;
    else {
      flush();
      blocks.push(...(table === undefined ? textBlock({ [key]: inner }, context) : [{ kind: 'code', text: `${key}:` } as const, ...table]));
    }
  }
  flush();
  return blocks;
}

function isLarge(value: unknown): boolean {
  return typeof value === 'object' && value !== null && Object.keys(value).length > 0;
}

function textBlock(value: unknown, context: ParseContext): readonly DraftBlock[] {
  const { text, isCut } = readable(value);
  if (isCut) context.warn({ code: 'limit_reached', message: 'values that are nested very deep were left out' });
  // Code, since what is nested in what is told by how far in it stands.
  return text === '' ? [] : [{ kind: 'code', text }];
}

/** At least two records with the same keys and no nested values; undefined for anything else. */
function recordTable(values: readonly unknown[]): readonly DraftBlock[] | undefined {
  const [first] = values;
  if (values.length < 2 || typeof first !== 'object' || first === null || Array.isArray(first)) return undefined;
  const keys = Object.keys(first);
  const rows: (readonly string[])[] = [keys];
  for (const value of values) {
    const row = recordRow(value, keys);
    if (row === undefined) return undefined;
    rows.push(row);
  }
  return [{ kind: 'table', rows, headerRows: 1, text: rows.map((row) => row.join(' | ')).join('\n') }];
}

/** Longer values are read better as text. */
const LONGEST_CELL = 200;

function recordRow(value: unknown, keys: readonly string[]): readonly string[] | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
  const entries = new Map<string, unknown>(Object.entries(value));
  if (entries.size !== keys.length || !keys.every((key) => entries.has(key))) return undefined;
  const cells = keys.map((key) => entries.get(key));
  const isPlain = (cell: unknown): boolean =>
    typeof cell === 'string' ? cell.length <= LONGEST_CELL && !/[\n\r]/.test(cell) : typeof cell !== 'object' || cell === null;
  return keys.length > 0 && cells.every(isPlain) ? cells.map((cell) => (cell === null ? '' : scalar(cell))) : undefined;
}
