import { LocalLiteError } from '../../errors.ts';
import type { TokenizeResult } from '../../gateway/gateway-types.ts';
import {
  detokenizeFields,
  detokenizeRequestSchema,
  detokenizeResponseSchema,
  MAX_TOKENIZED_CHARACTERS,
  type TokenizeResponse,
  tokenizeFields,
  tokenizeRequestSchema,
  tokenizeResponseSchema,
} from '../../wire/tokenize.ts';
import { checkInputs } from '../inputs.ts';
import { defineRoute, json, nothing, type Route, required } from '../route.ts';

const tag = 'Tokens';

const tokenize = defineRoute({
  method: 'POST',
  path: '/v1/tokenize',
  scope: 'inference',
  tag,
  summary: 'Tokens of texts',
  description:
    "Ids, tokens and their places in the text, by the model's own tokenizer. Nothing is cut; at most 262,144 characters a request. For a model of the catalogue that is not installed there are estimated counts alone (`exact: false`).",
  body: required(tokenizeRequestSchema, tokenizeFields),
  query: nothing,
  answers: [{ status: 200, description: 'The tokens of each text.', schema: tokenizeResponseSchema }],
  async handle({ body }, { gateway, signal }) {
    const input = typeof body.input === 'string' ? [body.input] : body.input;
    checkInputs(input, gateway.config.limits);
    checkCharacters(input);
    const result = await gateway.tokenize({
      input,
      addSpecialTokens: body.add_special_tokens,
      signal,
      ...(body.model === undefined ? {} : { model: body.model }),
    });
    return json({
      object: 'list',
      model: result.model,
      exact: result.exact,
      data: result.counts.map((count, index) => toTokenized(count, result.tokens[index] ?? [], index)),
    });
  },
});

/** Each token is a line of its own in the answer: more of them at once would hold everybody up. */
function checkCharacters(input: readonly string[]): void {
  const characters = input.reduce((sum, text) => sum + text.length, 0);
  if (characters <= MAX_TOKENIZED_CHARACTERS) return;
  throw new LocalLiteError(
    'invalid_request',
    `input has ${characters} characters in all and at most ${MAX_TOKENIZED_CHARACTERS} are tokenised in one request; send it in parts`,
    { param: 'input' },
  );
}

function toTokenized(count: number, spans: TokenizeResult['tokens'][number], index: number): TokenizeResponse['data'][number] {
  return {
    object: 'tokens',
    index,
    count,
    ids: spans.map((span) => span.id),
    tokens: spans.map((span) => span.token),
    offsets: spans.map((span) => [span.start, span.end]),
  };
}

const detokenize = defineRoute({
  method: 'POST',
  path: '/v1/detokenize',
  scope: 'inference',
  tag,
  summary: 'Text of token ids',
  body: required(detokenizeRequestSchema, detokenizeFields),
  query: nothing,
  answers: [{ status: 200, description: 'The text.', schema: detokenizeResponseSchema }],
  async handle({ body }, { gateway }) {
    const { model, text } = await gateway.detokenize({
      tokens: body.tokens,
      skipSpecialTokens: body.skip_special_tokens,
      ...(body.model === undefined ? {} : { model: body.model }),
    });
    return json({ object: 'text', model, text });
  },
});

/** Texts to token ids and back. */
export const tokenRoutes: readonly Route[] = [tokenize, detokenize];
