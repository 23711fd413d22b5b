import type { ChunkRow } from '../state/state-types.ts';

/** Text of neighbouring chunks of one document, in their order: what they share stands once, what lies between them is a blank line. */
export function stitch(chunks: readonly Pick<ChunkRow, 'text' | 'start' | 'end'>[]): string {
  let text = '';
  let end = Number.NEGATIVE_INFINITY;
  for (const chunk of chunks) {
    if (chunk.end <= end) continue;
    if (text === '') text = chunk.text;
    else text += chunk.start <= end ? chunk.text.slice(end - chunk.start) : `\n\n${chunk.text}`;
    end = chunk.end;
  }
  return text;
}
