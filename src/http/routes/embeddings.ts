import type { EmbedRequest, EmbedResult } from '../../gateway/gateway-types.ts';
import { embeddingsFields, embeddingsRequestSchema, embeddingsResponseSchema, isSingleInput, listInputs } from '../../wire/embeddings.ts';
import { type EmbeddingsAnswer, embeddingsText } from '../../wire/embeddings-text.ts';
import { checkInputs } from '../inputs.ts';
import { type Call, defineRoute, nothing, type Reply, type RouteContext, required } from '../route.ts';
import { namedAsSent, taskExtension, taskOptions, taskReply } from '../task-reply.ts';

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
    throw namedAsSent(error, isSingleInput(body.input));
  });
  return taskReply(embeddingsText(toAnswer(body, result, call.ignored)), result, context.signal);
}

function toEmbedRequest(body: Body, input: EmbedRequest['input'], signal: AbortSignal): EmbedRequest {
  return {
    ...taskOptions(body, signal),
    input,
    ...(body.input_type === undefined ? {} : { inputType: body.input_type }),
    ...(body.dimensions === undefined ? {} : { dimensions: body.dimensions }),
  };
}

function toAnswer(body: Body, result: EmbedResult, ignored: readonly string[]): EmbeddingsAnswer {
  return {
    model: body.model,
    format: body.encoding_format,
    vectors: result.vectors,
    promptTokens: result.promptTokens,
    extension: { ...taskExtension(result, ignored), space: result.space },
  };
}
