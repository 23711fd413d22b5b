import { LocalLiteError } from '../../errors.ts';
import type { MultiResult, SparseResult } from '../../gateway/gateway-types.ts';
import { isSingleInput, listInputs } from '../../wire/embeddings.ts';
import { multiFields, multiRequestSchema, multiResponseSchema } from '../../wire/multi.ts';
import { inputTypeOf, sparseFields, sparseRequestSchema, sparseResponseSchema } from '../../wire/sparse.ts';
import { multiText, sparseText, type VectorsFacts } from '../../wire/vectors-text.ts';
import { checkInputs } from '../inputs.ts';
import { type Call, defineRoute, nothing, type Reply, type Route, type RouteContext, required } from '../route.ts';
import { namedAsSent, taskExtension, taskOptions, taskReply } from '../task-reply.ts';

type SparseBody = ReturnType<typeof sparseRequestSchema.parse>;
type MultiBody = ReturnType<typeof multiRequestSchema.parse>;

/** Characters (UTF-16 units) of all texts of one request for multi vectors; each becomes up to a vector. A token id counts as four. */
const MAX_CHARACTERS = 262_144;
const CHARACTERS_A_TOKEN = 4;

const tag = 'Embeddings';

const sparse = defineRoute({
  method: 'POST',
  path: '/v1/embeddings/sparse',
  scope: 'inference',
  tag,
  summary: 'Weights of vocabulary terms of texts',
  description:
    'Sparse vectors, as SPLADE makes them: ids of the vocabulary and their weights. An input that is too long is refused unless `truncate` is true.',
  query: nothing,
  body: required(sparseRequestSchema, sparseFields),
  answers: [{ status: 200, description: 'One sparse vector for each input, in the order of the inputs.', schema: sparseResponseSchema }],
  handle: answerSparse,
});

const multi = defineRoute({
  method: 'POST',
  path: '/v1/embeddings/multi',
  scope: 'inference',
  tag,
  summary: 'One vector a token of texts',
  description:
    "Vectors for late interaction, as ColBERT makes them, in Jina's shape. An input that is too long is refused unless `truncate` is true. At most 262,144 characters a request.",
  query: nothing,
  body: required(multiRequestSchema, multiFields),
  answers: [{ status: 200, description: 'The vectors of each input, in the order of the inputs.', schema: multiResponseSchema }],
  handle: answerMulti,
});

/** Vectors that are not one embedding a text. */
export const vectorRoutes: readonly Route[] = [sparse, multi];

async function answerSparse({ body, ignored }: Call<SparseBody, unknown>, context: RouteContext): Promise<Reply> {
  const input = listInputs(body.input);
  checkInputs(input, context.gateway.config.limits);
  const request = {
    ...taskOptions(body, context.signal),
    input,
    returnTerms: body.return_tokens,
    ...(body.input_type === undefined ? {} : { inputType: inputTypeOf(body.input_type) }),
  };
  const result = await named(context.gateway.embedSparse(request), body);
  const vectors = result.vectors.map((vector, index) => ({ ...vector, tokens: result.terms?.[index] }));
  return taskReply(sparseText(vectors, factsOf(body, result, ignored)), result, context.signal);
}

async function answerMulti({ body, ignored }: Call<MultiBody, unknown>, context: RouteContext): Promise<Reply> {
  const input = listInputs(body.input);
  checkInputs(input, context.gateway.config.limits);
  checkCharacters(input);
  const request = { ...taskOptions(body, context.signal), input, inputType: inputTypeOf(body.input_type) };
  const result = await named(context.gateway.embedMulti(request), body);
  return taskReply(multiText(result.vectors, factsOf(body, result, ignored)), result, context.signal);
}

function named<T>(result: Promise<T>, { input }: Pick<SparseBody, 'input'>): Promise<T> {
  return result.catch((error: unknown) => {
    throw namedAsSent(error, isSingleInput(input));
  });
}

function checkCharacters(input: readonly (string | readonly number[])[]): void {
  const characters = input.reduce((sum, one) => sum + one.length * (typeof one === 'string' ? 1 : CHARACTERS_A_TOKEN), 0);
  if (characters <= MAX_CHARACTERS) return;
  throw new LocalLiteError(
    'invalid_request',
    `input has ${characters} characters in all and at most ${MAX_CHARACTERS} become token vectors in one request; send it in parts`,
    { param: 'input' },
  );
}

function factsOf(
  { model, encoding_format: format }: Pick<SparseBody, 'model' | 'encoding_format'>,
  result: SparseResult | MultiResult,
  ignored: readonly string[],
): VectorsFacts {
  const extension = { ...taskExtension(result, ignored), space: result.space };
  return { model: model ?? result.model, format, promptTokens: result.promptTokens, extension };
}
