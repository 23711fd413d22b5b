import type { SearchHit, SearchRequest, SearchResult } from '../../gateway/gateway-types.ts';
import { type SearchResponse, searchRequestFields, searchRequestSchema, searchResponseSchema } from '../../wire/vector-store-search.ts';
import { defineRoute, json, nothing, type Route, required } from '../route.ts';

type Body = ReturnType<typeof searchRequestSchema.parse>;

const search = defineRoute({
  method: 'POST',
  path: '/v1/vector_stores/{vector_store_id}/search',
  scope: 'documents',
  tag: 'Vector stores',
  summary: 'Search a vector store',
  description: 'Passages that answer a question, by meaning and by words. `next_page` is the `offset` of the next page.',
  body: required(searchRequestSchema, searchRequestFields),
  query: nothing,
  answers: [{ status: 200, description: 'The hits, the best first.', schema: searchResponseSchema }],
  async handle({ id, body, ignored }, { gateway, signal }) {
    const result = await gateway.collections.search(id, { ...toRequest(body), signal });
    return json(toResponse(result, body, ignored));
  },
});

/** OpenAI's search of a vector store. */
export const vectorStoreSearchRoutes: readonly Route[] = [search];

function toRequest(body: Body): SearchRequest {
  const { query, filters, mode, fusion, diversity, offset, window, fuzzy, exact, collapse_duplicates: collapse } = body;
  const minScore = body.ranking_options?.score_threshold;
  const rerank = body.rerank ?? rerankerOf(body.ranking_options?.ranker);
  const denseWeight = body.dense_weight ?? weightOf(body.ranking_options?.hybrid_search);
  return {
    query,
    k: body.max_num_results,
    ...(filters !== undefined && { filter: filters }),
    ...(mode !== undefined && { mode }),
    ...(fusion !== undefined && { fusion }),
    ...(denseWeight !== undefined && { denseWeight }),
    ...(minScore !== undefined && { minScore }),
    ...(rerank !== undefined && { rerank }),
    ...(diversity !== undefined && { diversity }),
    ...(body.per_document !== undefined && { perDocument: body.per_document }),
    ...(offset !== undefined && { offset }),
    ...(window !== undefined && { window }),
    ...(body.context_tokens !== undefined && { contextTokens: body.context_tokens }),
    ...(fuzzy !== undefined && { fuzzy }),
    ...(exact !== undefined && { exact }),
    ...(collapse !== undefined && { collapseDuplicates: collapse }),
  };
}

/** OpenAI's own names mean whatever reranker is set up here. */
function rerankerOf(ranker: string | undefined): string | undefined {
  return ranker === 'auto' || ranker === 'default-2024-11-15' ? undefined : ranker;
}

function weightOf(weights: { readonly embedding_weight: number; readonly text_weight: number } | undefined): number | undefined {
  if (weights === undefined) return undefined;
  return weights.embedding_weight / (weights.embedding_weight + weights.text_weight);
}

function toResponse(result: SearchResult, { query, offset = 0, max_num_results: k }: Body, ignored: readonly string[]): SearchResponse {
  const { model, space, variant, timings } = result;
  return {
    object: 'vector_store.search_results.page',
    search_query: typeof query === 'string' ? [query] : query,
    data: result.hits.map(toHit),
    has_more: result.hasMore,
    next_page: result.hasMore ? String(offset + k) : null,
    locallite: {
      model,
      space,
      variant,
      prompt_tokens: result.promptTokens,
      context: result.context.map(({ fileId, hits, ...block }) => ({ ...block, file_id: fileId, hits: [...hits] })),
      warnings: [...result.warnings],
      ignored: [...ignored],
      timings: {
        embed_ms: round(timings.embedMs),
        search_ms: round(timings.searchMs),
        rerank_ms: round(timings.rerankMs),
        total_ms: round(timings.totalMs),
      },
    },
  };
}

function toHit(hit: SearchHit): SearchResponse['data'][number] {
  const { dense, denseRank, text, textRank, rerank } = hit.parts;
  return {
    file_id: hit.fileId,
    filename: hit.fileName,
    score: hit.score,
    attributes: Object.fromEntries(
      Object.entries(hit.attributes).map(([key, value]) => [key, typeof value === 'object' ? [...value] : value]),
    ),
    content: [{ type: 'text', text: hit.text }],
    locallite: {
      chunk_id: hit.chunkId,
      ordinal: hit.ordinal,
      title: hit.title ?? null,
      page: hit.page ?? null,
      last_page: hit.lastPage ?? null,
      path: [...hit.path],
      start: hit.start,
      end: hit.end,
      scores: {
        ...(dense !== undefined && { dense }),
        ...(denseRank !== undefined && { dense_rank: denseRank }),
        ...(text !== undefined && { text }),
        ...(textRank !== undefined && { text_rank: textRank }),
        ...(rerank !== undefined && { rerank }),
      },
      snippet: { text: hit.snippet.text, highlights: hit.snippet.highlights.map((place) => ({ ...place })) },
      window_text: hit.windowText ?? null,
      meta: toMeta(hit.meta),
      ...(hit.duplicates !== undefined && {
        duplicates: hit.duplicates.map(({ chunkId, fileId }) => ({ chunk_id: chunkId, file_id: fileId })),
      }),
    },
  };
}

function round(milliseconds: number): number {
  return Math.round(milliseconds * 1000) / 1000;
}

function toMeta({ duplicateOf, ...meta }: SearchHit['meta']): Record<string, unknown> {
  return { ...meta, ...(duplicateOf !== undefined && { duplicate_of: duplicateOf }) };
}
