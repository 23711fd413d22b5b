import { z } from 'zod';
import { attributesSchema, metadataSchema } from './attributes.ts';
import { ENRICH, enrichSchema } from './enrich.ts';
import { type FieldTable, honoured, honouredWithNull } from './fields.ts';
import { pageSchema, pagingFields, pagingSchema } from './paging.ts';

/** OpenAI's bounds of a static strategy. */
const staticSchema = z
  .strictObject({
    max_chunk_size_tokens: z.int().min(100).max(4096),
    chunk_overlap_tokens: z.int().min(0),
  })
  .refine((value) => value.chunk_overlap_tokens * 2 <= value.max_chunk_size_tokens, {
    error: 'chunk_overlap_tokens must not exceed half of max_chunk_size_tokens',
    path: ['chunk_overlap_tokens'],
  });

/** How a file is cut: `auto` is the collection's own way. */
export const chunkingStrategySchema = z.union([
  z.strictObject({ type: z.literal('auto') }),
  z.strictObject({ type: z.literal('static'), static: staticSchema }),
]);
export type ChunkingStrategy = z.infer<typeof chunkingStrategySchema>;

const expiresAfterSchema = z.strictObject({ anchor: z.literal('last_active_at'), days: z.int().min(1).max(365) });

const STRATEGY =
  'How files are cut: `auto` (as the vector store is set up) or `static`. Chunks are never larger than the embedding model reads; the answer says what was done.';

/** Body of POST /v1/vector_stores. */
export const vectorStoreCreateSchema = z.strictObject({
  name: z.string().min(1).max(256).optional(),
  description: z.string().max(4096).optional(),
  file_ids: z.array(z.string()).max(500).optional(),
  chunking_strategy: chunkingStrategySchema.optional(),
  expires_after: expiresAfterSchema.optional(),
  metadata: metadataSchema.optional(),
  model: z.string().optional(),
});

export const vectorStoreCreateFields: FieldTable = {
  name: honoured('openai', 'Unique; the id when absent. Wherever an id goes, the name does too.'),
  description: honoured('openai', 'Kept with the vector store.'),
  file_ids: honoured('openai', 'Up to 500 files to ingest at once.'),
  chunking_strategy: honoured('openai', STRATEGY),
  expires_after: honoured('openai', 'Days after the last use when it goes by itself.'),
  metadata: honoured('openai', 'Up to 16 texts, kept with the vector store.'),
  model: honoured('locallite', 'Embedding model; the default one when absent.'),
};

/** Body of POST /v1/vector_stores/{vector_store_id}. */
export const vectorStoreUpdateSchema = z.strictObject({
  name: z.string().min(1).max(256).optional(),
  expires_after: expiresAfterSchema.nullish(),
  metadata: metadataSchema.nullish(),
});

export const vectorStoreUpdateFields: FieldTable = {
  name: honoured('openai', 'Another name; unique.'),
  expires_after: honouredWithNull('openai', 'Days after the last use when it goes by itself; null: never.'),
  metadata: honouredWithNull('openai', 'Takes the place of what was there; null: none.'),
};

const countsSchema = z.strictObject({
  in_progress: z.int(),
  completed: z.int(),
  failed: z.int(),
  cancelled: z.int(),
  total: z.int(),
});

/** A vector store as OpenAI has it. Times are Unix seconds. */
export const vectorStoreSchema = z
  .strictObject({
    id: z.string(),
    object: z.literal('vector_store'),
    created_at: z.int(),
    name: z.string(),
    description: z.string().nullable(),
    usage_bytes: z.int().meta({ description: 'Text and vectors.' }),
    file_counts: countsSchema,
    status: z.enum(['expired', 'in_progress', 'completed']),
    expires_after: expiresAfterSchema.nullable(),
    expires_at: z.int().nullable(),
    last_active_at: z.int().nullable(),
    metadata: z.record(z.string(), z.string()),
    locallite: z.strictObject({
      model: z.string(),
      space: z.string(),
      variant: z.string(),
      dimensions: z.int(),
      chunks: z.int(),
      chunker: z.record(z.string(), z.unknown()).meta({ description: 'How its files are cut.' }),
      reindexing: z.boolean().meta({ description: 'True while another index is built beside the one that is searched.' }),
    }),
  })
  .meta({ description: 'A collection: a vector store.' });
export type VectorStoreObject = z.infer<typeof vectorStoreSchema>;

export const vectorStoreListSchema = pageSchema(vectorStoreSchema).meta({ description: 'A page of vector stores.' });

export const vectorStoreDeletedSchema = z
  .strictObject({ id: z.string(), object: z.literal('vector_store.deleted'), deleted: z.literal(true) })
  .meta({ description: 'A deleted vector store.' });

/** Body of POST /v1/vector_stores/{vector_store_id}/files. */
export const vectorStoreFileCreateSchema = z.strictObject({
  file_id: z.string(),
  attributes: attributesSchema.optional(),
  chunking_strategy: chunkingStrategySchema.optional(),
  key: z.string().min(1).max(4096).optional(),
  enrich: enrichSchema.optional(),
});

export const vectorStoreFileCreateFields: FieldTable = {
  enrich: honoured('locallite', ENRICH),
  file_id: honoured('openai', 'An uploaded file.'),
  attributes: honoured('openai', 'Up to 16 texts, numbers, booleans or (ours) lists to filter by.'),
  chunking_strategy: honoured('openai', STRATEGY),
  key: honoured(
    'locallite',
    'Name of the source, e.g. its path: a later file of the same key takes its place, and one of the same content changes nothing.',
  ),
};

/** Body of POST /v1/vector_stores/{vector_store_id}/files/{file_id}. */
export const vectorStoreFileUpdateSchema = z.strictObject({ attributes: attributesSchema.nullable() });
export const vectorStoreFileUpdateFields: FieldTable = {
  attributes: honouredWithNull('openai', 'Take the place of those that were there; null: none.'),
};

/** Query of the lists of files of a vector store. */
export const vectorStoreFileListQuerySchema = pagingSchema.extend({
  filter: z.enum(['in_progress', 'completed', 'failed', 'cancelled']).optional(),
});
export const vectorStoreFileListFields: FieldTable = { ...pagingFields, filter: honoured('openai', 'Only files of this status.') };

/** A file in a vector store, as OpenAI has it. */
export const vectorStoreFileSchema = z
  .strictObject({
    id: z.string(),
    object: z.literal('vector_store.file'),
    usage_bytes: z.int(),
    created_at: z.int(),
    vector_store_id: z.string(),
    status: z.enum(['in_progress', 'completed', 'cancelled', 'failed']),
    last_error: z.strictObject({ code: z.enum(['server_error', 'unsupported_file', 'invalid_file']), message: z.string() }).nullable(),
    chunking_strategy: z.strictObject({
      type: z.literal('static'),
      static: z.strictObject({ max_chunk_size_tokens: z.int(), chunk_overlap_tokens: z.int() }),
    }),
    attributes: attributesSchema,
    locallite: z.strictObject({
      filename: z.string(),
      sha256: z.string().nullable().meta({ description: 'Of the content that is indexed.' }),
      key: z.string().nullable(),
      error_code: z.string().nullable(),
      title: z.string().nullable(),
      language: z.string().nullable(),
      pages: z.int().nullable(),
      media_type: z.string().nullable(),
      parser: z.string().nullable(),
      keywords: z.array(z.string()).meta({ description: 'Phrases that tell what it is about, the best first.' }),
      entities: z
        .array(z.strictObject({ type: z.string(), value: z.string(), count: z.int(), personal: z.boolean() }))
        .meta({ description: 'Dates, amounts, addresses, numbers and identifiers in it, the most frequent first; card numbers masked.' }),
      pii: z.array(z.string()).nullable().meta({ description: 'Types of entities that tell of a person; null where nobody looked.' }),
      summary: z.string().nullable().meta({ description: 'Its most central sentences, or what a chat model wrote.' }),
      duplicate_of: z.string().nullable().meta({ description: 'Id of an earlier file here of which it is a near copy.' }),
      enrichers: z.array(z.string()).meta({ description: 'What looked at it.' }),
      warnings: z.array(z.strictObject({ code: z.string(), message: z.string(), page: z.int().optional(), part: z.string().optional() })),
    }),
  })
  .meta({ description: 'A document: a file in a vector store.' });
export type VectorStoreFileObject = z.infer<typeof vectorStoreFileSchema>;

export const vectorStoreFileListSchema = pageSchema(vectorStoreFileSchema).meta({ description: 'A page of files of a vector store.' });

export const vectorStoreFileDeletedSchema = z
  .strictObject({ id: z.string(), object: z.literal('vector_store.file.deleted'), deleted: z.literal(true) })
  .meta({ description: 'A file that is not in the vector store any more.' });

/** Text of a file as it is indexed. */
export const vectorStoreFileContentSchema = z
  .strictObject({
    object: z.literal('vector_store.file_content.page'),
    data: z.array(z.strictObject({ type: z.literal('text'), text: z.string() })),
    has_more: z.boolean(),
    next_page: z.string().nullable(),
  })
  .meta({ description: 'The text of a file, a part for each passage.' });

/** Body of POST /v1/vector_stores/{vector_store_id}/file_batches. */
export const fileBatchCreateSchema = z
  .strictObject({
    file_ids: z.array(z.string()).min(1).max(2000).optional(),
    files: z.array(vectorStoreFileCreateSchema).min(1).max(2000).optional(),
    attributes: attributesSchema.optional(),
    chunking_strategy: chunkingStrategySchema.optional(),
    enrich: enrichSchema.optional(),
    force: z.boolean().optional(),
  })
  .refine((value) => (value.file_ids === undefined) !== (value.files === undefined), {
    error: 'file_ids or files is required, and not both',
    path: ['file_ids'],
  });

export const fileBatchCreateFields: FieldTable = {
  file_ids: honoured('openai', 'Up to 2,000 uploaded files.'),
  files: honoured('openai', 'The same, each with attributes and a strategy of its own.'),
  attributes: honoured('openai', 'Of every file in file_ids.'),
  chunking_strategy: honoured('openai', STRATEGY),
  enrich: honoured('locallite', ENRICH),
  force: honoured('locallite', 'Index again what has not changed.'),
};

/** Several files that are ingested together, as OpenAI has it. */
export const fileBatchSchema = z
  .strictObject({
    id: z.string().meta({ description: 'Also the id of its job.' }),
    object: z.literal('vector_store.files_batch'),
    created_at: z.int(),
    vector_store_id: z.string(),
    status: z.enum(['in_progress', 'completed', 'cancelled', 'failed']),
    file_counts: countsSchema,
  })
  .meta({ description: 'Several files that are ingested together.' });
export type FileBatchObject = z.infer<typeof fileBatchSchema>;
