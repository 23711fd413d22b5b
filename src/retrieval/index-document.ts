import type { Chunk, ChunkerSettings, ParsedDocument, TokenCounter } from '../documents/document-types.ts';
import { chunkerFor } from '../documents/enrich/enrich.ts';
import { meetingPoints } from '../documents/enrich/minhash.ts';
import type { NewChunk } from '../state/state-types.ts';
import type { EmbedFeeder } from './embed-feeder.ts';
import type { DocumentStages } from './ingest-parts.ts';
import type { StoredFacts } from './retrieval-types.ts';

/** What becomes of a parsed document in an edition. */
export interface IndexedDocument {
  readonly chunks: readonly NewChunk[];
  readonly facts: string;
  /** Numbers under which near copies of it meet. */
  readonly meetingPoints: readonly number[];
}

/** Chunk -> enrich -> embed, for one document. @throws LocalLiteError what the stages throw */
export async function indexDocument(
  document: ParsedDocument,
  work: {
    readonly stages: DocumentStages;
    readonly counter: TokenCounter;
    readonly chunker: ChunkerSettings;
    /** Names of the enrichers that are to run. */
    readonly enrich: readonly string[];
    readonly feeder: EmbedFeeder;
    readonly signal: AbortSignal;
  },
): Promise<IndexedDocument> {
  const { stages, counter, chunker, feeder, enrich: names, signal } = work;
  const cut = await stages.chunk(document, counter, chunkerFor(names, chunker));
  const help = { counter, maxTokens: chunker.maxTokens, embed: (texts: readonly string[]) => feeder.embed(texts), signal };
  const { chunks, facts, warnings } = await stages.enrich(document, cut, { names, ...help });
  const vectors = await feeder.embed(chunks.map(({ lead, text }) => lead + text));
  const stored: StoredFacts = {
    metadata: document.metadata,
    outline: document.outline,
    warnings: [...document.warnings, ...warnings],
    parser: document.parser,
    enrichers: names,
    ...facts,
  };
  return {
    chunks: chunks.map((chunk, index) => newChunk(chunk, vectors[index] ?? new Float32Array())),
    facts: JSON.stringify(stored),
    meetingPoints: facts.signature === undefined ? [] : meetingPoints(facts.signature),
  };
}

function newChunk(chunk: Chunk, vector: Float32Array): NewChunk {
  const { ordinal, text, start, end, lead, tokens, path, page, lastPage, kinds, meta } = chunk;
  return { ordinal, text, start, end, lead, tokens, path, page, lastPage, meta: JSON.stringify({ kinds, meta }), vector };
}
