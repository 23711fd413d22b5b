import { LocalLiteError } from '../errors.ts';
import type { HealReport, NewChunk, NewContent } from './state-types.ts';
import type { StateMethod } from './store.ts';

/** What the thread starts with. */
export interface StateStart {
  readonly path: string;
}

/** A content on its way into the thread: its vectors in one block that changes hands, row-major [chunks, dimensions]. */
export interface PackedContent {
  readonly content: Omit<NewContent, 'chunks'>;
  readonly chunks: readonly Omit<NewChunk, 'vector'>[];
  readonly vectors: Float32Array<ArrayBuffer>;
}

/** One call, or the wish to end. A `putContent` has a {@link PackedContent} as its parameter. */
export type StateRequest = { readonly id: number; readonly method: StateMethod; readonly parameters: readonly unknown[] } | 'close';

/** An error as it crosses the border of a thread. */
export interface Fault {
  readonly code: string;
  readonly message: string;
}

/** What comes back: that the database is open, or why not; then an answer for each call. */
export type StateReply =
  | { readonly opened: HealReport }
  | { readonly refused: Fault }
  | { readonly id: number; readonly value: unknown }
  | { readonly id: number; readonly fault: Fault };

/** Takes a content apart. The vectors are copied, so the caller keeps its own. @throws LocalLiteError index_mismatch (lengths differ) */
export function packContent({ chunks, ...content }: NewContent): PackedContent {
  const dimensions = chunks[0]?.vector.length ?? 0;
  const vectors = new Float32Array(chunks.length * dimensions);
  const rest = chunks.map(({ vector, ...chunk }, row) => {
    if (vector.length !== dimensions) {
      throw new LocalLiteError('index_mismatch', `vectors of one document have ${dimensions} and ${vector.length} dimensions`);
    }
    vectors.set(vector, row * dimensions);
    return chunk;
  });
  return { content, chunks: rest, vectors };
}

/** The counterpart of {@link packContent} for vectors of equal length. */
export function unpackContent({ content, chunks, vectors }: PackedContent): NewContent {
  const dimensions = vectors.length / Math.max(1, chunks.length);
  return {
    ...content,
    chunks: chunks.map((chunk, row) => ({ ...chunk, vector: vectors.subarray(row * dimensions, (row + 1) * dimensions) })),
  };
}
