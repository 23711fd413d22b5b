import type { z } from 'zod';
import { LocalLiteError } from '../../errors.ts';
import type { TokenizeResult } from '../../gateway/gateway-types.ts';
import { inputTypeOf } from '../../wire/sparse.ts';
import { type TeiTokens, teiDecodeSchema, teiTextsSchema, teiTokenizeSchema, teiTokensSchema } from '../../wire/tei.ts';
import { teiError, teiErrors } from '../../wire/tei-error.ts';
import { teiDecodeFields, teiTokenizeFields } from '../../wire/tei-fields.ts';
import { listIds } from '../../wire/tei-inputs.ts';
import { MAX_DETOKENIZED_IDS, MAX_TOKENIZED_CHARACTERS } from '../../wire/tokenize.ts';
import { type Call, defineRoute, json, nothing, type Reply, type Route, type RouteContext, required } from '../route.ts';
import { checkTeiInputs } from '../tei-run.ts';

type TokenizeBody = z.infer<typeof teiTokenizeSchema>;
type DecodeBody = z.infer<typeof teiDecodeSchema>;

const facts = { method: 'POST', scope: 'inference', tag: 'TEI', query: nothing, errors: teiErrors } as const;

const tokenize = defineRoute({
  ...facts,
  path: '/tokenize',
  summary: 'Tokens of texts, as TEI',
  description: 'By the tokenizer of the model of the setting `default_models.embed`. At most 262,144 characters a request.',
  body: required(teiTokenizeSchema, teiTokenizeFields),
  answers: [{ status: 200, description: 'The tokens of each text.', schema: teiTokensSchema }],
  handle: answerTokenize,
});

const decode = defineRoute({
  ...facts,
  path: '/decode',
  summary: 'Texts of token ids, as TEI',
  description: 'By the tokenizer of the model of the setting `default_models.embed`. At most 65,536 ids a request.',
  body: required(teiDecodeSchema, teiDecodeFields),
  answers: [{ status: 200, description: 'The text of each list of ids.', schema: teiTextsSchema }],
  handle: answerDecode,
});

/** Tokens over TEI's API. */
export const teiTokenRoutes: readonly Route[] = [tokenize, decode];

async function answerTokenize({ body }: Call<TokenizeBody, unknown>, { gateway, signal }: RouteContext): Promise<Reply> {
  const texts = typeof body.inputs === 'string' ? [body.inputs] : body.inputs;
  if (texts.length === 0) throw teiError('empty', 'inputs cannot be empty');
  checkTeiInputs(texts, gateway.config.limits, 'inputs');
  checkCharacters(texts);
  const prompt = body.prompt_name === undefined ? '' : await promptOf(gateway, inputTypeOf(body.prompt_name));
  const input = texts.map((text) => prompt + text);
  const { exact, model, tokens } = await gateway.tokenize({ input, addSpecialTokens: body.add_special_tokens, signal });
  if (!exact) throw new LocalLiteError('model_not_found', `the model ${model} is not installed. Pull it with: locallite pull ${model}`);
  return json(input.map((text, index) => toTokens(text, tokens[index] ?? [])));
}

async function promptOf({ config, models }: RouteContext['gateway'], type: 'query' | 'passage'): Promise<string> {
  return (await models.show(config.default_models.embed)).card?.prompts[type] ?? '';
}

function checkCharacters(texts: readonly string[]): void {
  const characters = texts.reduce((sum, text) => sum + text.length, 0);
  if (characters <= MAX_TOKENIZED_CHARACTERS) return;
  throw teiError(
    'too_many',
    `inputs: ${characters} characters in all and at most ${MAX_TOKENIZED_CHARACTERS} are tokenised in one request`,
  );
}

/** A special token that the model puts around a text has no place in it. */
function toTokens(text: string, spans: TokenizeResult['tokens'][number]): TeiTokens[number] {
  const offsets = byteOffsets(text);
  return spans.map(({ id, token, start, end }) =>
    start === end
      ? { id, text: token, special: true, start: null, stop: null }
      : { id, text: text.slice(start, end), special: false, start: offsets[start] ?? 0, stop: offsets[end] ?? 0 },
  );
}

/** For each UTF-16 unit of a text, and for its end, how many bytes of UTF-8 are before it. */
function byteOffsets(text: string): Uint32Array {
  const offsets = new Uint32Array(text.length + 1);
  for (let at = 0; at < text.length; at++) offsets[at + 1] = (offsets[at] ?? 0) + bytesOf(text, at);
  return offsets;
}

/** Bytes that a unit adds; a pair of surrogates is four, which count for the first of them. */
function bytesOf(text: string, at: number): number {
  const code = text.charCodeAt(at);
  if (code < 0x80) return 1;
  if (code < 0x800) return 2;
  const isLow = code >= 0xdc00 && code <= 0xdfff;
  if (isLow && at > 0 && text.charCodeAt(at - 1) >= 0xd800 && text.charCodeAt(at - 1) <= 0xdbff) return 0;
  return (text.codePointAt(at) ?? 0) > 0xffff ? 4 : 3;
}

async function answerDecode({ body }: Call<DecodeBody, unknown>, { gateway }: RouteContext): Promise<Reply> {
  const lists = listIds(body.ids);
  checkTeiInputs(lists, gateway.config.limits, 'ids');
  checkIds(lists);
  const texts: string[] = [];
  for (const tokens of lists) texts.push(await decodeOne(gateway, tokens, body.skip_special_tokens));
  return json(texts);
}

function checkIds(lists: readonly (readonly number[])[]): void {
  const ids = lists.reduce((sum, list) => sum + list.length, 0);
  if (ids > MAX_DETOKENIZED_IDS)
    throw teiError('too_many', `ids: ${ids} in all and at most ${MAX_DETOKENIZED_IDS} become text in one request`);
}

async function decodeOne(gateway: RouteContext['gateway'], tokens: readonly number[], skipSpecialTokens: boolean): Promise<string> {
  try {
    return (await gateway.detokenize({ tokens, skipSpecialTokens })).text;
  } catch (error) {
    if (LocalLiteError.is(error) && error.code === 'invalid_request') throw teiError('tokenizer', `ids: ${error.message}`);
    throw error;
  }
}
