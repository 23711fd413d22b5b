import type { z } from 'zod';
import { LocalLiteError } from '../../errors.ts';
import type { RerankResult } from '../../gateway/gateway-types.ts';
import { teiPredictionsSchema, teiPredictSchema, teiRanksSchema, teiRerankSchema } from '../../wire/tei.ts';
import { teiError, teiErrors } from '../../wire/tei-error.ts';
import { teiPredictFields, teiRerankFields } from '../../wire/tei-fields.ts';
import { listSequences } from '../../wire/tei-inputs.ts';
import { teiPredictionsText, teiRanksText } from '../../wire/tei-text.ts';
import { checkText } from '../inputs.ts';
import { type Call, defineRoute, nothing, type Reply, type Route, type RouteContext, required } from '../route.ts';
import { checkBatch, checkTeiInputs, inTeiWords, namesIn, readingOptions, teiReply } from '../tei-run.ts';

type RerankBody = z.infer<typeof teiRerankSchema>;
type PredictBody = z.infer<typeof teiPredictSchema>;

const facts = { method: 'POST', scope: 'inference', tag: 'TEI', query: nothing, errors: teiErrors } as const;

const rerank = defineRoute({
  ...facts,
  path: '/rerank',
  summary: 'Relevance of texts to a query, as TEI',
  description: "TEI's rerank call, by the model of the setting `default_models.rerank`.",
  body: required(teiRerankSchema, teiRerankFields),
  answers: [{ status: 200, description: 'The texts, the most relevant first.', schema: teiRanksSchema }],
  handle: answerTeiRerank,
});

const predict = defineRoute({
  ...facts,
  path: '/predict',
  summary: 'Scores of pairs of texts, as TEI',
  description:
    "TEI's predict call for a cross-encoder: the score of each pair, under its only label, by the model of the setting `default_models.rerank`.",
  body: required(teiPredictSchema, teiPredictFields),
  answers: [{ status: 200, description: 'The label of a lone pair, or of each of several.', schema: teiPredictionsSchema }],
  handle: answerTeiPredict,
});

/** Scores over TEI's API. */
export const teiRankRoutes: readonly Route[] = [rerank, predict];

/** Answers POST /rerank, and POST / with such a body. */
export async function answerTeiRerank(
  { body }: Pick<Call<RerankBody, unknown>, 'body'>,
  { gateway, signal }: RouteContext,
): Promise<Reply> {
  const { query, texts } = body;
  const { limits, wire } = gateway.config;
  if (texts.length === 0) throw teiError('empty', 'texts cannot be empty');
  checkText(query, limits, 'query');
  checkTeiInputs(texts, limits, 'texts');
  const request = { signal, query, documents: texts, ...readingOptions(body, wire.tei.auto_truncate) };
  const result = await inTeiWords(gateway.rerank(request), { reading: body, nameOf: namesIn('texts') });
  const told = { logits: result.logits, scores: body.raw_scores ? result.logits : result.scores };
  return teiReply(teiRanksText(told, body.return_text ? texts : undefined), result, [query, ...texts], signal);
}

/** Answers POST /predict, and POST / with such a body. */
export async function answerTeiPredict({ body }: Pick<Call<PredictBody, unknown>, 'body'>, context: RouteContext): Promise<Reply> {
  const { items, single } = listSequences(body.inputs);
  const { limits } = context.gateway.config;
  checkBatch(items.length, limits, 'inputs');
  const nameOf = namesIn('inputs', single);
  const pairs = items.map((item, index) => pairOf(item, nameOf(index)));
  for (const [index, pair] of pairs.entries()) {
    for (const text of pair) checkText(text, limits, nameOf(index));
  }
  const result = await scorePairs(pairs, { body, single }, context);
  const isRaw = body.raw_scores || body.parameters?.function_to_apply === 'none';
  const scores = isRaw ? result.logits : result.scores;
  return teiReply([teiPredictionsText(scores, single)], result, pairs.flat(), context.signal);
}

type Pair = readonly [query: string, text: string];

function pairOf([query, text]: readonly string[], at: string): Pair {
  if (query !== undefined && query !== '' && text !== undefined) return [query, text];
  const problem =
    text === undefined ? 'a lone text has no score: the rerank model compares two, so send [query, text]' : 'the query must not be empty';
  throw new LocalLiteError('invalid_request', `${at}: ${problem}`);
}

/** Pairs that run at once, but for those of one query: a request may not fill the queue by itself and be turned away for that. */
const PAIRS_AT_ONCE = 256;

/** The pairs' scores in their order. Pairs of one query run together; when one of the runs fails, the others are given up. */
async function scorePairs(
  pairs: readonly Pair[],
  { body, single }: { readonly body: PredictBody; readonly single: boolean },
  { gateway, signal }: RouteContext,
): Promise<RerankResult> {
  const places = new Map<string, number[]>();
  for (const [place, [query]] of pairs.entries()) {
    const own = places.get(query) ?? [];
    own.push(place);
    places.set(query, own);
  }
  const failed = new AbortController();
  const stop = AbortSignal.any([signal, failed.signal]);
  const { batch, wire } = gateway.config;
  const priority = pairs.length > batch.bulk_above ? 'bulk' : 'interactive';
  const options = { signal: stop, priority, ...readingOptions(body, wire.tei.auto_truncate) } as const;
  const run = async ([query, own]: QueryPlaces) => {
    const documents = own.map((place) => pairs[place]?.[1] ?? '');
    const nameOf = (index: number): string => namesIn('inputs', single)(own[index] ?? index);
    const result = await inTeiWords(gateway.rerank({ ...options, query, documents }), { reading: body, nameOf });
    return { own, result };
  };
  try {
    const runs: Awaited<ReturnType<typeof run>>[] = [];
    for (const group of groupsOf(places)) runs.push(...(await Promise.all(group.map(run))));
    return joined(runs, pairs.length);
  } finally {
    failed.abort();
  }
}

/** A query, and where its pairs stand in the request. */
type QueryPlaces = readonly [query: string, places: readonly number[]];

function* groupsOf(queries: Iterable<QueryPlaces>): Generator<readonly QueryPlaces[]> {
  let group: QueryPlaces[] = [];
  let pairs = 0;
  for (const one of queries) {
    if (pairs > 0 && pairs + one[1].length > PAIRS_AT_ONCE) {
      yield group;
      group = [];
      pairs = 0;
    }
    group.push(one);
    pairs += one[1].length;
  }
  yield group;
}

/** One result of several over the same model: tokens add up, times are the longest. */
function joined(runs: readonly { readonly own: readonly number[]; readonly result: RerankResult }[], count: number): RerankResult {
  const [first] = runs;
  if (first === undefined) throw teiError('empty', 'inputs cannot be empty');
  const logits = new Float32Array(count);
  const scores = new Float32Array(count);
  const truncatedTokens = new Array<number>(count).fill(0);
  for (const { own, result } of runs) {
    for (const [index, place] of own.entries()) {
      logits[place] = result.logits[index] ?? 0;
      scores[place] = result.scores[index] ?? 0;
      truncatedTokens[place] = result.truncatedTokens[index] ?? 0;
    }
  }
  const longest = (of: keyof RerankResult['timings']): number => Math.max(...runs.map(({ result }) => result.timings[of]));
  return {
    ...first.result,
    logits,
    scores,
    truncatedTokens,
    promptTokens: runs.reduce((sum, { result }) => sum + result.promptTokens, 0),
    timings: {
      tokenizeMs: longest('tokenizeMs'),
      queueMs: longest('queueMs'),
      inferMs: longest('inferMs'),
      totalMs: longest('totalMs'),
    },
  };
}
