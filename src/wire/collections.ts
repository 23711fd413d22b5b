import { z } from 'zod';
import { attributesSchema } from './attributes.ts';
import { ENRICH, enrichSchema } from './enrich.ts';
import { type FieldTable, honoured } from './fields.ts';

const chunkerSchema = z.strictObject({
  max_tokens: z.int().min(16).optional(),
  overlap_tokens: z.int().min(0).optional(),
  min_tokens: z.int().min(0).optional(),
  context_header: z.boolean().optional(),
});
export type ChunkerObject = z.infer<typeof chunkerSchema>;

/** Body of POST /v1/collections/{vector_store_id}/ingest. */
export const collectionIngestSchema = z
  .strictObject({
    paths: z.array(z.string().min(1)).max(10_000).optional(),
    urls: z.array(z.string().min(1)).max(10_000).optional(),
    attributes: attributesSchema.optional(),
    chunker: chunkerSchema.optional(),
    password: z.string().optional(),
    force: z.boolean().optional(),
    enrich: enrichSchema.optional(),
  })
  .refine((value) => (value.paths?.length ?? 0) + (value.urls?.length ?? 0) > 0, { error: 'paths or urls is required', path: ['paths'] });

export const collectionIngestFields: FieldTable = {
  paths: honoured('locallite', "Absolute paths of files on the gateway's machine, below a folder of the setting ingest.roots."),
  urls: honoured('locallite', 'Addresses to fetch; none of a private network unless ingest.allow_private_addresses is set.'),
  attributes: honoured('locallite', 'Of every document, to filter by.'),
  chunker: honoured('locallite', 'How these documents are cut: max_tokens, overlap_tokens, min_tokens, context_header.'),
  password: honoured('locallite', 'Of encrypted documents.'),
  force: honoured('locallite', 'Index again what has not changed.'),
  enrich: honoured('locallite', ENRICH),
};

/** Body of POST /v1/collections/{vector_store_id}/reindex. */
export const collectionReindexSchema = z.strictObject({ model: z.string().optional(), chunker: chunkerSchema.optional() });

export const collectionReindexFields: FieldTable = {
  model: honoured('locallite', 'Another embedding model; the same one, as it is now, when absent.'),
  chunker: honoured('locallite', 'Another way to cut: max_tokens, overlap_tokens, min_tokens, context_header.'),
};

/** What a collection's check found. */
export const collectionVerifySchema = z
  .strictObject({
    object: z.literal('collection.verify'),
    collection: z.string(),
    sound: z.boolean(),
    problems: z.array(z.string()),
    healed: z
      .strictObject({ requeued_jobs: z.int(), abandoned_editions: z.int(), torn_chunks: z.int() })
      .meta({ description: 'What the last start put right.' }),
  })
  .meta({ description: "Whether everything of a collection's is there, and only that." });

/** What a purge freed. */
export const collectionPurgeSchema = z
  .strictObject({ object: z.literal('collections.purge'), collections: z.int(), files: z.int(), freed_bytes: z.int() })
  .meta({ description: 'What had expired and is gone, and the space that went back to the disk.' });

/** Query of POST /v1/collections/import. */
export const collectionImportQuerySchema = z.strictObject({ name: z.string().min(1).max(256).optional() });
export const collectionImportFields: FieldTable = { name: honoured('locallite', 'Another name than the exported one.') };
