import type { TokenizeResult } from '../../gateway/gateway-types.ts';
import {
  detokenizeFields,
  detokenizeRequestSchema,
  detokenizeResponseSchema,
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
  description: "Ids, tokens and their places in the text, by the model's own tokenizer. Nothing is cut.",
  body: required(tokenizeRequestSchema, tokenizeFields),
  query: nothing,
  answers: [{ status: 200, description: 'The tokens of each text.', schema: tokenizeResponseSchema }],
  async handle({ body }, { gateway }) {
    const input = typeof body.input === 'string' ? [body.input] : body.input;
    checkInputs(input, gateway.config.limits);
    const result = await gateway.tokenize({
      input,
      addSpecialTokens: body.add_special_tokens,
      ...(body.model === undefined ? {} : { model: body.model }),
    });
    return json({ object: 'list', model: result.model, exact: result.exact, data: result.tokens.map(toTokenized) });
  },
});

function toTokenized(spans: TokenizeResult['tokens'][number], index: number): TokenizeResponse['data'][number] {
  return {
    object: 'tokens',
    index,
    count: spans.length,
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
