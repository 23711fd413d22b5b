import { LocalLiteError } from '../../errors.ts';
import type { DocumentParser, DraftBlock } from '../document-types.ts';
import { decodeText } from '../encoding.ts';

/** JSON as code, indented so that it can be cut between lines; JSON lines a block each. */
export const jsonParser: DocumentParser = {
  name: 'json',
  mediaTypes: ['application/json', 'application/x-ndjson'],
  async parse(bytes, context) {
    const text = decodeText(bytes, context.warn);
    if (context.mediaType === 'application/x-ndjson') return { metadata: {}, blocks: lines(text, context.warn) };
    try {
      return { metadata: {}, blocks: [{ kind: 'code', language: 'json', text: JSON.stringify(JSON.parse(text), undefined, 2) }] };
    } catch (cause) {
      throw new LocalLiteError('document_unreadable', 'the file is not valid JSON', { cause });
    }
  },
};

function lines(text: string, warn: Parameters<typeof decodeText>[1]): readonly DraftBlock[] {
  const blocks: DraftBlock[] = [];
  let bad = 0;
  for (const line of text.split(/\r?\n/)) {
    if (line.trim() === '') continue;
    try {
      const value: unknown = JSON.parse(line);
      blocks.push({ kind: 'code', language: 'json', text: JSON.stringify(value, undefined, 1) });
    } catch {
      bad++;
      blocks.push({ kind: 'text', text: line });
    }
  }
  if (bad > 0) warn({ code: 'line_unreadable', message: `${bad} lines are not JSON and were taken as text` });
  return blocks;
}
