import type { Chunk, ChunkerSettings, ParsedDocument, TokenCounter } from '../documents/document-types.ts';
import type { NewChunk } from '../state/state-types.ts';
import type { EmbedFeeder } from './embed-feeder.ts';
import type { DocumentStages } from './ingest-parts.ts';
import type { StoredFacts } from './retrieval-types.ts';

/** What becomes of a parsed document in an edition. */
export interface IndexedDocument {
  readonly chunks: readonly NewChunk[];
  readonly facts: string;
}

/** Chunk -> enrich -> embed, for one document. @throws LocalLiteError what the stages throw */
export async function indexDocument(
  document: ParsedDocument,
  work: {
    readonly stages: DocumentStages;
    readonly counter: TokenCounter;
    readonly chunker: ChunkerSettings;
    readonly feeder: EmbedFeeder;
    readonly signal: AbortSignal;
  },
): Promise<IndexedDocument> {
  const cut = await work.stages.chunk(document, work.counter, work.chunker);
  const { chunks, facts, warnings } = await work.stages.enrich(document, cut, work.signal);
  const vectors = await work.feeder.embed(chunks.map(({ lead, text }) => lead + text));
  const stored: StoredFacts = {
    metadata: document.metadata,
    outline: document.outline,
    warnings: [...document.warnings, ...warnings],
    parser: document.parser,
    ...facts,
  };
  return { chunks: chunks.map((chunk, index) => newChunk(chunk, vectors[index] ?? new Float32Array())), facts: JSON.stringify(stored) };
}

function newChunk(chunk: Chunk, vector: Float32Array): NewChunk {
  const { ordinal, text, start, end, lead, tokens, path, page, lastPage, kinds, meta } = chunk;
  return { ordinal, text, start, end, lead, tokens, path, page, lastPage, meta: JSON.stringify({ kinds, meta }), vector };
}
