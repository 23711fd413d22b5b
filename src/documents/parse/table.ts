import { parse } from 'csv-parse/sync';
import { LocalLiteError } from '../../errors.ts';
import type { DocumentParser } from '../document-types.ts';
import { decodeText } from '../encoding.ts';

const DELIMITERS = [',', ';', '\t', '|'] as const;
/** Lines that the delimiter is found by. */
const SAMPLE_LINES = 20;

/** CSV and TSV: one table whose first row is its header. */
export const tableParser: DocumentParser = {
  name: 'table',
  mediaTypes: ['text/csv', 'text/tab-separated-values'],
  async parse(bytes, context) {
    const text = decodeText(bytes, context);
    const delimiter = context.mediaType === 'text/tab-separated-values' ? '\t' : delimiterOf(text);
    const rows = readRows(text, delimiter);
    return { metadata: {}, blocks: [{ kind: 'table', rows, headerRows: 1, text: rows.map((row) => row.join(' | ')).join('\n') }] };
  },
};

function readRows(text: string, delimiter: string): readonly (readonly string[])[] {
  const options = { delimiter, bom: true, relax_column_count: true, relax_quotes: true, skip_empty_lines: true, trim: true } as const;
  try {
    const rows = parse(text, options) as string[][];
    return rows.map((row) => row.map((cell) => cell.replaceAll(/\s*\n\s*/g, ' ')));
  } catch (cause) {
    throw new LocalLiteError('document_unreadable', `the table cannot be read: ${cause instanceof Error ? cause.message : String(cause)}`, {
      cause,
    });
  }
}

/** The one that most lines have, and have equally often. */
function delimiterOf(text: string): string {
  const lines = text.split(/\r?\n/, SAMPLE_LINES).filter((line) => line !== '');
  const scored = DELIMITERS.map((delimiter) => {
    const counts = lines.map((line) => line.split(delimiter).length - 1);
    const [first = 0] = counts;
    return { delimiter, score: first * counts.filter((count) => count === first).length };
  });
  return scored.reduce((best, one) => (one.score > best.score ? one : best)).delimiter;
}
