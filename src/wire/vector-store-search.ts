import { z } from 'zod';
import { attributesSchema, filterSchema } from './attributes.ts';
import { type FieldTable, honoured } from './fields.ts';

const share = z.number().min(0).max(1);

/** Body of POST /v1/vector_stores/{vector_store_id}/search. */
export const searchRequestSchema = z.strictObject({
  query: z.union([z.string().min(1), z.array(z.string().min(1)).min(1).max(16)]),
  rewrite_query: z.literal(false, { error: 'must be false: no query is rewritten; send several phrasings as a list instead' }).optional(),
  max_num_results: z.int().min(1).max(1000).default(10),
  filters: filterSchema.optional(),
  ranking_options: z
    .strictObject({
      ranker: z.string().optional(),
      score_threshold: share.optional(),
      hybrid_search: z
        .strictObject({ embedding_weight: z.number().min(0), text_weight: z.number().min(0) })
        .refine((weights) => weights.embedding_weight + weights.text_weight > 0, {
          error: 'embedding_weight and text_weight must not both be 0',
        })
        .optional(),
    })
    .optional(),
  mode: z.enum(['hybrid', 'dense', 'text']).optional(),
  fusion: z.enum(['weighted', 'rrf']).optional(),
  dense_weight: share.optional(),
  rerank: z.string().optional(),
  diversity: share.optional(),
  per_document: z.int().min(1).max(1000).optional(),
  offset: z.int().min(0).max(10_000).optional(),
  window: z.int().min(0).max(20).optional(),
  context_tokens: z.int().min(1).max(1_000_000).optional(),
  fuzzy: z.boolean().optional(),
  exact: z.boolean().optional(),
  collapse_duplicates: z.boolean().optional(),
});

export type SearchRequestObject = z.input<typeof searchRequestSchema>;

export const searchRequestFields: FieldTable = {
  query: honoured('openai', 'A question, or up to 16 phrasings of one. Words in double quotes must be there word for word.'),
  rewrite_query: honoured('openai', 'Only false; true is refused.'),
  max_num_results: honoured('openai', "Hits: 1 to 50 in OpenAI's API, up to 1,000 here; 10 when absent."),
  filters: honoured(
    'openai',
    'On attributes, and on what is known of each file (language, keywords, pii, media_type): eq, ne, gt, gte, lt, lte, in, nin; and, or; contains and not_contains for lists.',
  ),
  ranking_options: honoured(
    'openai',
    'score_threshold; hybrid_search weights; ranker: `none` (no reranker), `auto` or `default-2024-11-15` (the setting search.rerank), or the name of a rerank model.',
  ),
  mode: honoured('locallite', 'hybrid, dense (meaning) or text (words); the setting search.mode when absent.'),
  fusion: honoured('locallite', 'weighted (scores) or rrf (ranks); the setting search.fusion when absent.'),
  dense_weight: honoured('locallite', 'Share of meaning in a hybrid search, 0 to 1.'),
  rerank: honoured('locallite', 'Rerank model for the best candidates; `none` for none.'),
  diversity: honoured('locallite', '0 (relevance alone) to 1: hits that say the same give way.'),
  per_document: honoured('locallite', 'Most hits of one file.'),
  offset: honoured('locallite', 'Hits to leave out before the first.'),
  window: honoured('locallite', 'Neighbouring passages to show around each hit.'),
  context_tokens: honoured('locallite', 'Also make numbered blocks for a prompt, of at most so many tokens.'),
  fuzzy: honoured('locallite', 'Whether misspelt words may be found; true when absent.'),
  collapse_duplicates: honoured('locallite', 'Passages that say nearly the same as a better hit give way to it; the hit names them.'),
  exact: honoured('locallite', 'Compare with every vector instead of using the graph of a large collection.'),
};

const offsetsSchema = z.strictObject({ start: z.int(), end: z.int() });

const hitExtensionSchema = z.strictObject({
  chunk_id: z.int(),
  ordinal: z.int().meta({ description: 'Of the passage in its file, from 0.' }),
  title: z.string().nullable(),
  page: z.int().nullable(),
  last_page: z.int().nullable(),
  path: z.array(z.string()).meta({ description: 'Headings above it.' }),
  start: z.int().meta({ description: "Place in the file's text, UTF-16 units." }),
  end: z.int(),
  scores: z
    .strictObject({
      dense: z.number().optional(),
      dense_rank: z.int().optional(),
      text: z.number().optional(),
      text_rank: z.int().optional(),
      rerank: z.number().optional(),
    })
    .meta({ description: 'Cosine, BM25 and what the reranker gave, where each found it.' }),
  snippet: z.strictObject({ text: z.string(), highlights: z.array(offsetsSchema) }),
  window_text: z.string().nullable(),
  meta: z.record(z.string(), z.unknown()).meta({ description: 'What enrichers found.' }),
  duplicates: z
    .array(z.strictObject({ chunk_id: z.int(), file_id: z.string() }))
    .optional()
    .meta({ description: 'Passages that gave way to it (`collapse_duplicates`).' }),
});

/** One hit. */
const searchHitSchema = z.strictObject({
  file_id: z.string(),
  filename: z.string(),
  score: z.number(),
  attributes: attributesSchema,
  content: z.array(z.strictObject({ type: z.literal('text'), text: z.string() })),
  locallite: hitExtensionSchema,
});

export type SearchHitObject = z.infer<typeof searchHitSchema>;

/** Answer of a search. */
export const searchResponseSchema = z
  .strictObject({
    object: z.literal('vector_store.search_results.page'),
    search_query: z.array(z.string()),
    data: z.array(searchHitSchema),
    has_more: z.boolean(),
    next_page: z.string().nullable(),
    locallite: z.strictObject({
      model: z.string(),
      space: z.string(),
      variant: z.string(),
      prompt_tokens: z.int(),
      context: z.array(
        z.strictObject({
          number: z.int(),
          text: z.string(),
          tokens: z.int(),
          source: z.string(),
          file_id: z.string(),
          start: z.int(),
          end: z.int(),
          hits: z.array(z.int()),
        }),
      ),
      warnings: z.array(z.string()),
      ignored: z.array(z.string()),
      timings: z.strictObject({ embed_ms: z.number(), search_ms: z.number(), rerank_ms: z.number(), total_ms: z.number() }),
    }),
  })
  .meta({ description: 'Passages that answer, the best first.' });
export type SearchResponse = z.infer<typeof searchResponseSchema>;
