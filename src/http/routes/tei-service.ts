import type { Config } from '../../config/settings.ts';
import type { ModelSummary } from '../../gateway/gateway-types.ts';
import { parseBody } from '../../wire/parse.ts';
import {
  type TeiInfo,
  teiEmbedSchema,
  teiInfoSchema,
  teiPredictSchema,
  teiRerankSchema,
  teiRootSchema,
  teiSimilaritySchema,
} from '../../wire/tei.ts';
import { teiError, teiErrors } from '../../wire/tei-error.ts';
import { teiEmbedFields, teiPredictFields, teiRerankFields, teiRootFields, teiSimilarityFields } from '../../wire/tei-fields.ts';
import { teiTaskOf } from '../../wire/tei-inputs.ts';
import { type Call, defineRoute, json, nothing, type Reply, type Route, type RouteContext, required, text } from '../route.ts';
import { answerTeiPredict, answerTeiRerank } from './tei-rank.ts';
import { answerTeiEmbed, answerTeiSimilarity } from './tei-vectors.ts';

const tag = 'TEI';

/** Names that TEI has for precisions. */
const DTYPES: Readonly<Record<string, string>> = { fp32: 'float32', fp16: 'float16' };

const root = defineRoute({
  method: 'POST',
  path: '/',
  scope: 'inference',
  tag,
  summary: "What Hugging Face's clients send to an endpoint",
  description:
    'Texts or ids under `inputs` are embedded, `source_sentence` and `sentences` are compared, `query` and `texts` are ranked, pairs are scored: as POST /embed, /similarity, /rerank and /predict.',
  body: required(teiRootSchema, teiRootFields),
  query: nothing,
  answers: [{ status: 200, description: 'The answer of that call.' }],
  errors: teiErrors,
  handle: answerRoot,
});

const info = defineRoute({
  method: 'GET',
  path: '/info',
  scope: 'inference',
  tag,
  summary: 'The default embedding model and the limits, as TEI',
  body: nothing,
  query: nothing,
  answers: [{ status: 200, description: 'The facts.', schema: teiInfoSchema }],
  errors: teiErrors,
  async handle(_call, { gateway, version }) {
    return json(toInfo(await gateway.models.show(gateway.config.default_models.embed), gateway.config, version));
  },
});

const health = defineRoute({
  method: 'GET',
  path: '/health',
  scope: 'public',
  tag,
  summary: 'Whether the default model is loaded, as TEI',
  description: 'GET /readyz says the same in JSON.',
  body: nothing,
  query: nothing,
  answers: [{ status: 200, description: 'It is; the body is empty.', contentType: 'text/plain' }],
  errors: teiErrors,
  handle(_call, { gateway }) {
    const { ready, reason } = gateway.ready();
    if (!ready) throw teiError('unhealthy', reason ?? 'the gateway is not ready');
    return text('', 'text/plain; charset=utf-8');
  },
});

/** What TEI's API has besides inference, and the one address of Hugging Face's clients. */
export const teiServiceRoutes: readonly Route[] = [root, info, health];

/** A field that belongs to another of the calls is refused, whatever the setting `unknown_fields` says: it would change what is meant. */
function answerRoot({ body }: Call<Readonly<Record<string, unknown>>, unknown>, context: RouteContext): Promise<Reply> {
  const task = teiTaskOf(body);
  switch (task) {
    case 'embed':
      return answerTeiEmbed({ body: parseBody(teiEmbedSchema, teiEmbedFields, body, 'refuse').value }, context);
    case 'similarity':
      return answerTeiSimilarity({ body: parseBody(teiSimilaritySchema, teiSimilarityFields, body, 'refuse').value }, context);
    case 'rerank':
      return answerTeiRerank({ body: parseBody(teiRerankSchema, teiRerankFields, body, 'refuse').value }, context);
    case 'predict':
      return answerTeiPredict({ body: parseBody(teiPredictSchema, teiPredictFields, body, 'refuse').value }, context);
    default:
      return task satisfies never;
  }
}

function toInfo({ id, card, installed, loaded }: ModelSummary, config: Config, version: string): TeiInfo {
  const known = card ?? installed?.card;
  const variant = known?.variants.find(({ name }) => name === loaded?.variant) ?? installed?.variant ?? known?.variants[0];
  const dtype = variant?.dtype ?? 'fp32';
  return {
    model_id: id,
    model_sha: known?.revision ?? null,
    model_dtype: DTYPES[dtype] ?? dtype,
    served_model_name: config.default_models.embed,
    model_type: { embedding: { pooling: known?.pooling ?? 'mean' } },
    max_concurrent_requests: config.limits.connections,
    max_input_length: known?.maxTokens ?? 0,
    max_batch_tokens: config.batch.max_padded_tokens,
    max_batch_requests: null,
    max_client_batch_size: config.limits.inputs,
    auto_truncate: config.wire.tei.auto_truncate,
    tokenization_workers: 1,
    version,
    sha: null,
    docker_label: null,
  };
}
