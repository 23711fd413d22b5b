import { randomUUID } from 'node:crypto';
import { LocalLiteError } from '../../errors.ts';
import type { Priority, RerankRequest, RerankResult } from '../../gateway/gateway-types.ts';
import { cohereErrors } from '../../wire/cohere-error.ts';
import {
  cohereRerankRequestSchema,
  cohereRerankResponseSchema,
  documentTexts,
  queryText,
  rerankRequestSchema,
  rerankResponseSchema,
} from '../../wire/rerank.ts';
import { cohereRerankFields, rerankFields } from '../../wire/rerank-fields.ts';
import { cohereRerankText, type Ranking, rerankText } from '../../wire/rerank-text.ts';
import { checkInputs, checkText } from '../inputs.ts';
import { type Call, defineRoute, nothing, type Reply, type Route, type RouteContext, required } from '../route.ts';
import { taskExtension, taskOptions, taskReply } from '../task-reply.ts';

type Body = ReturnType<typeof rerankRequestSchema.parse>;
type CohereBody = ReturnType<typeof cohereRerankRequestSchema.parse>;

const tag = 'Rerank';

const rerank = defineRoute({
  method: 'POST',
  path: '/v1/rerank',
  scope: 'inference',
  tag,
  summary: 'Documents by their relevance to a query',
  description:
    "Jina's and Cohere v1's rerank call. A document that is too long for the model is refused unless it is to be cut (`truncate`, `max_chunks_per_doc: 1`) or read in windows (`long`, `max_chunks_per_doc`).",
  query: nothing,
  body: required(rerankRequestSchema, rerankFields),
  answers: [{ status: 200, description: 'The documents, the most relevant first.', schema: rerankResponseSchema }],
  handle: answerRerank,
});

const cohereRerank = defineRoute({
  method: 'POST',
  path: '/v2/rerank',
  scope: 'inference',
  tag,
  summary: 'Documents by their relevance to a query, as Cohere v2',
  description: "Cohere v2's rerank call, for its clients: documents that are too long are cut, and errors have Cohere's shape.",
  query: nothing,
  body: required(cohereRerankRequestSchema, cohereRerankFields),
  answers: [{ status: 200, description: 'The documents, the most relevant first.', schema: cohereRerankResponseSchema }],
  errors: cohereErrors,
  handle: answerCohere,
});

/** Relevance of documents to a query. */
export const rerankRoutes: readonly Route[] = [rerank, cohereRerank];

async function answerRerank({ body, ignored }: Call<Body, unknown>, context: RouteContext): Promise<Reply> {
  const result = await run(toRequest(body, context.signal), context);
  const ranking = {
    ...rankingOf(result),
    documents: body.documents,
    scores: body.raw_scores ? result.logits : result.scores,
    topN: body.top_n,
    returnDocuments: body.return_documents,
  };
  const facts = { model: body.model ?? result.model, promptTokens: result.promptTokens, extension: taskExtension(result, ignored) };
  return taskReply(rerankText(ranking, facts), result, context.signal);
}

function toRequest(body: Body, signal: AbortSignal): RerankRequest {
  return {
    ...taskOptions(body, signal),
    query: queryText(body.query),
    documents: documentTexts(body.documents, body.rank_fields),
    ...readingOf(body),
    ...(body.max_tokens_per_doc === undefined ? {} : { maxDocumentTokens: body.max_tokens_per_doc }),
  };
}

/**
 * Cohere's chunks are our windows; a single one is a document that is cut.
 * @throws LocalLiteError invalid_request for several windows of a document that is to be cut
 */
function readingOf({ long, max_chunks_per_doc: chunks }: Body): Pick<RerankRequest, 'long' | 'truncate' | 'maxWindows'> {
  if (chunks === undefined) return long === undefined ? {} : { long };
  if (chunks === 1) return { long: 'cut', truncate: true };
  if (long !== 'cut') return { long: 'windows', maxWindows: chunks };
  throw new LocalLiteError('invalid_request', `max_chunks_per_doc: ${chunks} windows cannot be read where long is "cut"; leave one out`, {
    param: 'max_chunks_per_doc',
  });
}

async function answerCohere({ body }: Call<CohereBody, unknown>, context: RouteContext): Promise<Reply> {
  const { model, query, documents, priority } = body;
  const request = {
    ...taskOptions({ model, truncate: true, priority: priority === undefined ? undefined : laneOf(priority) }, context.signal),
    query,
    documents,
    maxDocumentTokens: body.max_tokens_per_doc,
  };
  const result = await run(request, context);
  const ranking = {
    ...rankingOf(result),
    documents,
    scores: result.scores,
    topN: body.top_n,
    returnDocuments: body.return_documents,
  };
  return taskReply(cohereRerankText(ranking), result, context.signal);
}

/** Cohere's lower numbers go first; ours are two. */
function laneOf(priority: number): Priority {
  return priority === 0 ? 'interactive' : 'bulk';
}

function run(request: RerankRequest, { gateway }: RouteContext): Promise<RerankResult> {
  checkText(request.query, gateway.config.limits, 'query');
  checkInputs(request.documents, gateway.config.limits, 'documents');
  return gateway.rerank(request);
}

function rankingOf({ logits, truncatedTokens }: RerankResult): Pick<Ranking, 'id' | 'logits' | 'cut'> {
  return { id: randomUUID(), logits, cut: truncatedTokens.filter((tokens) => tokens > 0).length };
}
