import { setImmediate } from 'node:timers/promises';
import { LocalLiteError } from '../../errors.ts';
import type { EmbedRequest, EmbedResult, Timings } from '../../gateway/gateway-types.ts';
import { durationSeconds } from '../../wire/duration.ts';
import {
  type EmbeddingInput,
  embeddingsFields,
  embeddingsRequestSchema,
  embeddingsResponseSchema,
  isSingleInput,
  listInputs,
} from '../../wire/embeddings.ts';
import { type EmbeddingsAnswer, embeddingsText } from '../../wire/embeddings-text.ts';
import { checkInputs } from '../inputs.ts';
import { type Call, defineRoute, nothing, type Reply, type RouteContext, required, text } from '../route.ts';

type Body = ReturnType<typeof embeddingsRequestSchema.parse>;

/** POST /v1/embeddings. */
export const embeddingsRoute = defineRoute({
  method: 'POST',
  path: '/v1/embeddings',
  scope: 'inference',
  tag: 'Embeddings',
  summary: 'Vectors of texts',
  description:
    "OpenAI's embeddings call. An input that is too long for the model is refused unless `truncate` is true. What ran, and how, stands under `locallite`.",
  query: nothing,
  body: required(embeddingsRequestSchema, embeddingsFields),
  answers: [{ status: 200, description: 'One vector for each input, in the order of the inputs.', schema: embeddingsResponseSchema }],
  handle: createEmbeddings,
});

async function createEmbeddings(call: Call<Body, unknown>, context: RouteContext): Promise<Reply> {
  const { body } = call;
  const inputs = listInputs(body.input);
  checkInputs(inputs, context.gateway.config.limits);
  const result = await context.gateway.embed(toEmbedRequest(body, inputs, context.signal)).catch((error: unknown) => {
    throw namedAsSent(error, body.input);
  });
  const answer = toAnswer(body, result, call.ignored);
  const truncated = result.truncatedTokens.reduce((sum, tokens) => sum + tokens, 0);
  return text(await joinSlices(embeddingsText(answer), context.signal), 'application/json', {
    headers: {
      'x-locallite-model': result.model,
      'x-locallite-variant': result.variant,
      'x-locallite-provider': result.provider,
      ...(truncated === 0 ? {} : { 'x-locallite-truncated-tokens': String(truncated) }),
    },
    report: {
      model: result.model,
      inputs: inputs.length,
      promptTokens: result.promptTokens,
      truncatedTokens: truncated,
      timings: result.timings,
    },
  });
}

function toEmbedRequest(body: Body, input: EmbedRequest['input'], signal: AbortSignal): EmbedRequest {
  const keepAlive = body.keep_alive === undefined ? undefined : durationSeconds(body.keep_alive);
  return {
    model: body.model,
    input,
    truncate: body.truncate,
    signal,
    ...(body.input_type === undefined ? {} : { inputType: body.input_type }),
    ...(body.dimensions === undefined ? {} : { dimensions: body.dimensions }),
    ...(body.priority === undefined ? {} : { priority: body.priority }),
    ...(keepAlive === undefined ? {} : { keepAlive }),
  };
}

function toAnswer(body: Body, result: EmbedResult, ignored: readonly string[]): EmbeddingsAnswer {
  return {
    model: body.model,
    format: body.encoding_format,
    vectors: result.vectors,
    promptTokens: result.promptTokens,
    extension: {
      model: result.model,
      space: result.space,
      variant: result.variant,
      provider: result.provider,
      truncated_tokens: [...result.truncatedTokens],
      ignored: [...ignored],
      timings: toWireTimings(result.timings),
    },
  };
}

function toWireTimings(timings: Timings) {
  return {
    tokenize_ms: round(timings.tokenizeMs),
    queue_ms: round(timings.queueMs),
    infer_ms: round(timings.inferMs),
    total_ms: round(timings.totalMs),
  };
}

function round(milliseconds: number): number {
  return Math.round(milliseconds * 1000) / 1000;
}

/** The gateway counts inputs from 0; a client that sent a lone text never wrote an array. */
function namedAsSent(error: unknown, input: EmbeddingInput): unknown {
  if (!LocalLiteError.is(error) || error.param === undefined || !isSingleInput(input)) return error;
  return new LocalLiteError(error.code, error.message.replaceAll('input[0]', 'input'), {
    param: error.param.replace(/^input\[0\]/, 'input'),
    cause: error,
    ...(error.retryAfterSeconds === undefined ? {} : { retryAfterSeconds: error.retryAfterSeconds }),
  });
}

async function joinSlices(slices: Iterable<string>, signal: AbortSignal): Promise<string> {
  let joined = '';
  for (const slice of slices) {
    // Other requests get a turn between two slices; a lone slice, the common case, waits for nobody.
    if (joined !== '') await setImmediate();
    if (signal.aborted) throw new LocalLiteError('cancelled', 'the client hung up');
    joined += slice;
  }
  return joined;
}
