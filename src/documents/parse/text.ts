import type { DocumentParser, DraftBlock } from '../document-types.ts';
import { decodeText } from '../encoding.ts';

/** Plain text: a block for each paragraph. */
export const textParser: DocumentParser = {
  name: 'text',
  mediaTypes: ['text/plain'],
  async parse(bytes, context) {
    return { metadata: {}, blocks: paragraphs(decodeText(bytes, context)) };
  },
};

/** Paragraphs of a text as blocks: parts between blank lines. */
export function paragraphs(text: string): readonly DraftBlock[] {
  return text
    .replaceAll(/\r\n?/g, '\n')
    .split(/\n(?:[ \t]*\n)+/)
    .filter((part) => part.trim() !== '')
    .map((part) => ({ kind: 'text', text: part }));
}
