import type { ChunkerSettings, CollectionDocument, CollectionFacts, Gateway, StoredFacts } from '../../gateway/gateway-types.ts';
import type { ChunkingStrategy, VectorStoreFileObject, VectorStoreObject } from '../../wire/vector-stores.ts';

const DAY_SECONDS = 86_400;

/** How soon to ask again for what is in progress; OpenAI's clients wait 5 s where they are not told. */
export const POLL_HEADERS = { 'openai-poll-after-ms': '250' };

/** A collection as OpenAI's vector store. */
export function toVectorStore({ collection, documents, chunks, bytes }: CollectionFacts): VectorStoreObject {
  const { edition, expiresAfterDays: days } = collection;
  const active = seconds(collection.lastActiveAt);
  return {
    id: collection.id,
    object: 'vector_store',
    created_at: seconds(collection.createdAt),
    name: collection.name,
    description: collection.description ?? null,
    usage_bytes: bytes,
    file_counts: { ...documents, total: Object.values(documents).reduce((sum, count) => sum + count, 0) },
    status: documents.in_progress > 0 ? 'in_progress' : 'completed',
    expires_after: days === undefined ? null : { anchor: 'last_active_at', days },
    expires_at: days === undefined ? null : active + days * DAY_SECONDS,
    last_active_at: active,
    metadata: collection.metadata,
    locallite: {
      model: edition.model,
      space: edition.space,
      variant: edition.variant,
      dimensions: edition.dimensions,
      chunks,
      chunker: JSON.parse(edition.chunker) as Record<string, unknown>,
      reindexing: collection.building !== undefined,
    },
  };
}

/** A document as OpenAI's vector store file. */
export function toVectorStoreFile(
  { document, file, duplicateOf }: CollectionDocument,
  { collection }: CollectionFacts,
): VectorStoreFileObject {
  const facts = (document.facts === '' ? {} : JSON.parse(document.facts)) as Partial<StoredFacts>;
  const chunker = JSON.parse(document.chunker ?? collection.edition.chunker) as ChunkerSettings;
  const { error } = document;
  return {
    id: file.id,
    object: 'vector_store.file',
    usage_bytes: document.usageBytes,
    created_at: seconds(document.createdAt),
    vector_store_id: collection.id,
    status: document.status,
    last_error: error === undefined ? null : { code: errorCode(error.code), message: error.message },
    chunking_strategy: {
      type: 'static',
      static: { max_chunk_size_tokens: chunker.maxTokens, chunk_overlap_tokens: chunker.overlapTokens },
    },
    attributes: Object.fromEntries(
      Object.entries(document.attributes).map(([key, value]) => [key, typeof value === 'object' ? [...value] : value]),
    ),
    locallite: {
      filename: file.name,
      sha256: document.contentSha256 ?? null,
      key: document.sourceKey ?? null,
      error_code: error?.code ?? null,
      title: facts.metadata?.title ?? facts.title ?? null,
      language: facts.language ?? facts.metadata?.language ?? null,
      pages: facts.metadata?.pages ?? null,
      media_type: facts.metadata?.mediaType ?? null,
      parser: facts.parser ?? null,
      keywords: [...(facts.keywords ?? [])],
      entities: [...(facts.entities ?? [])],
      pii: facts.pii === undefined ? null : [...facts.pii],
      summary: facts.chatSummary ?? facts.summary ?? null,
      duplicate_of: duplicateOf ?? null,
      enrichers: [...(facts.enrichers ?? [])],
      warnings: [...(facts.warnings ?? [])],
    },
  };
}

/** OpenAI's three kinds of errors of a file. */
function errorCode(code: string): 'server_error' | 'unsupported_file' | 'invalid_file' {
  if (code === 'document_unsupported') return 'unsupported_file';
  return code.startsWith('document_') || code === 'not_found' || code === 'payload_too_large' ? 'invalid_file' : 'server_error';
}

/** Refuses ids of files that are not there, before anything is written. @throws LocalLiteError not_found */
export async function assertFiles(ids: readonly string[], { files }: Pick<Gateway, 'files'>): Promise<void> {
  await Promise.all(ids.map((id) => files.get(id)));
}

/** Chunker settings that a strategy asks for; undefined for `auto`. */
export function chunkerOf(strategy: ChunkingStrategy | undefined): Pick<ChunkerSettings, 'maxTokens' | 'overlapTokens'> | undefined {
  if (strategy === undefined || strategy.type === 'auto') return undefined;
  return { maxTokens: strategy.static.max_chunk_size_tokens, overlapTokens: strategy.static.chunk_overlap_tokens };
}

function seconds(milliseconds: number): number {
  return Math.floor(milliseconds / 1000);
}
