import type { z } from 'zod';
import type { EmbedRequest, EmbedResult, Timings } from '../../gateway/gateway-types.ts';
import {
  keepAliveSeconds,
  OLLAMA_VERSION,
  ollamaEmbeddingsResponseSchema,
  ollamaEmbeddingsSchema,
  ollamaEmbedResponseSchema,
  ollamaEmbedSchema,
  ollamaVersionSchema,
} from '../../wire/ollama.ts';
import { ollamaErrors } from '../../wire/ollama-error.ts';
import { ollamaEmbeddingsFields, ollamaEmbedFields } from '../../wire/ollama-fields.ts';
import { ollamaEmbedText } from '../../wire/ollama-text.ts';
import { checkInputs } from '../inputs.ts';
import { type Call, defineRoute, json, nothing, type Reply, type Route, type RouteContext, required } from '../route.ts';
import { namedAsSent, taskReply } from '../task-reply.ts';
import { unitVector } from '../vector-length.ts';

type EmbedBody = z.infer<typeof ollamaEmbedSchema>;
type EmbeddingsBody = z.infer<typeof ollamaEmbeddingsSchema>;

const NANOSECONDS_A_MILLISECOND = 1e6;

const facts = { tag: 'Ollama', query: nothing, errors: ollamaErrors } as const;

const embed = defineRoute({
  ...facts,
  method: 'POST',
  path: '/api/embed',
  scope: 'inference',
  summary: 'Vectors of texts, as Ollama',
  description: "Ollama's embed call, for its clients: texts that are too long are cut unless `truncate` is false.",
  body: required(ollamaEmbedSchema, ollamaEmbedFields),
  answers: [{ status: 200, description: 'One vector for each text, in their order.', schema: ollamaEmbedResponseSchema }],
  handle: answerEmbed,
});

const embeddings = defineRoute({
  ...facts,
  method: 'POST',
  path: '/api/embeddings',
  scope: 'inference',
  summary: 'Vector of one text, as older clients of Ollama ask for it',
  body: required(ollamaEmbeddingsSchema, ollamaEmbeddingsFields),
  answers: [{ status: 200, description: 'The vector.', schema: ollamaEmbeddingsResponseSchema }],
  handle: answerEmbeddings,
});

const version = defineRoute({
  ...facts,
  method: 'GET',
  path: '/api/version',
  scope: 'public',
  summary: 'Version of Ollama whose API is followed',
  body: nothing,
  answers: [{ status: 200, description: 'The version.', schema: ollamaVersionSchema }],
  handle: () => json({ version: OLLAMA_VERSION }),
});

/** Inference over Ollama's API. */
export const ollamaRoutes: readonly Route[] = [embed, embeddings, version];

async function answerEmbed({ body }: Call<EmbedBody, unknown>, context: RouteContext): Promise<Reply> {
  const single = typeof body.input === 'string';
  const input = typeof body.input === 'string' ? [body.input].filter((text) => text !== '') : body.input;
  if (input.length === 0) {
    await load(body, context);
    return json({ model: body.model, embeddings: [] });
  }
  const dimensions = body.dimensions === 0 ? {} : { dimensions: body.dimensions };
  const result = await run({ input, truncate: body.truncate, ...dimensions }, body, single, context);
  const times = durations(result.timings);
  const slices = ollamaEmbedText(result.vectors.map(unitVector), { model: body.model, ...times, prompt_eval_count: result.promptTokens });
  return taskReply(slices, result, context.signal);
}

async function answerEmbeddings({ body }: Call<EmbeddingsBody, unknown>, context: RouteContext): Promise<Reply> {
  if (body.prompt === '') {
    await load(body, context);
    return json({ embedding: [] });
  }
  const result = await run({ input: [body.prompt], truncate: true }, body, true, context);
  return taskReply([JSON.stringify({ embedding: Array.from(result.vectors[0] ?? []) })], result, context.signal);
}

async function run(
  request: Pick<EmbedRequest, 'input' | 'truncate' | 'dimensions'>,
  body: Pick<EmbedBody, 'model' | 'keep_alive'>,
  single: boolean,
  { gateway, signal }: RouteContext,
): Promise<EmbedResult> {
  checkInputs(request.input, gateway.config.limits);
  return gateway.embed({ ...request, model: body.model, signal, ...stay(body) }).catch((error: unknown) => {
    throw namedAsSent(error, single);
  });
}

/** A request without a text asks for the model alone; with a `keep_alive` of 0 it lets go of it. */
async function load(body: Pick<EmbedBody, 'model' | 'keep_alive'>, { gateway, signal }: RouteContext): Promise<void> {
  await gateway.models.load(body.model, { signal, ...stay(body) });
}

function stay({ keep_alive: value }: Pick<EmbedBody, 'keep_alive'>): { keepAlive?: number } {
  const keepAlive = keepAliveSeconds(value);
  return keepAlive === undefined ? {} : { keepAlive };
}

/** What is left of a request's time beside its stages is what it took to get hold of the model. */
function durations({ tokenizeMs, queueMs, inferMs, totalMs }: Timings): { total_duration: number; load_duration: number } {
  const nanoseconds = (milliseconds: number): number => Math.round(Math.max(0, milliseconds) * NANOSECONDS_A_MILLISECOND);
  return { total_duration: nanoseconds(totalMs), load_duration: nanoseconds(totalMs - tokenizeMs - queueMs - inferMs) };
}
