import { z } from 'zod';
import { DURATION_PATTERN } from './duration.ts';
import { acceptedWithoutEffect, type FieldTable, honoured, refused } from './fields.ts';
import { kindOf } from './parse.ts';

/** One text, several, the token ids of one, or of several: the four shapes of OpenAI's `input`. */
export type EmbeddingInput = string | readonly string[] | readonly number[] | readonly (readonly number[])[];

// Ids are int32 in the runtime; whether the model has the id is checked where the model is known.
const MAX_TOKEN_ID = 2 ** 31 - 1;

const tokenIdsJson = { type: 'array', minItems: 1, items: { type: 'integer', minimum: 0, maximum: MAX_TOKEN_ID } };
const textJson = { type: 'string', minLength: 1 };

/** `input` of every request for vectors; what is wrong with it is said by hand, because it may hold half a million ids. */
export const inputSchema = z
  .custom<EmbeddingInput>()
  .superRefine((value, context) => {
    const problem = inputProblem(value);
    if (problem !== undefined) context.addIssue({ code: 'custom', message: problem.message, path: [...problem.path] });
  })
  .meta({
    description: 'One text, an array of texts, the token ids of one text, or an array of such id arrays. Never empty.',
    oneOf: [
      { title: 'text', ...textJson },
      { title: 'texts', type: 'array', minItems: 1, items: textJson },
      { title: 'token ids of one text', ...tokenIdsJson },
      { title: 'token ids of several texts', type: 'array', minItems: 1, items: tokenIdsJson },
    ],
    examples: ['The food was delicious and the waiter very friendly.'],
  });

const keepAliveProblem = 'must be seconds, or a number with a unit such as "5m"; negative = for ever';

/** How long a model stays loaded: see `Duration`. */
export const keepAliveSchema = z
  .union([z.number(), z.string().regex(DURATION_PATTERN, { error: keepAliveProblem })], { error: keepAliveProblem })
  .meta({ description: 'How long the model stays in memory after this: seconds or "5m"; 0 = unload at once, negative = for ever.' });

/** Name of a model in a request: an id, an alias or a reference such as `owner/name#variant`. */
export const modelNameSchema = z
  .string()
  .min(1)
  .max(512)
  .meta({
    description: 'An id (`owner/name`), a short alias, an alias of yours, or a reference (`owner/name#variant`).',
    examples: ['all-MiniLM-L6-v2'],
  });

/** Body of POST /v1/embeddings: OpenAI's fields and ours. */
export const embeddingsRequestSchema = z
  .strictObject({
    input: inputSchema,
    model: modelNameSchema,
    encoding_format: z.enum(['float', 'base64']).default('float').meta({ description: 'base64 = little-endian float32.' }),
    dimensions: z.int().min(1).optional().meta({ description: 'Cuts and re-normalises the vector, for models that allow it.' }),
    user: z.string().optional().meta({ description: 'Accepted without effect.' }),
    input_type: z
      .enum(['query', 'passage'])
      .optional()
      .meta({ description: "Adds the model's own prompt for queries or passages. Absent: none." }),
    truncate: z.boolean().default(false).meta({
      description: 'Cut inputs that are too long for the model instead of refusing them; `locallite.truncated_tokens` says by how much.',
    }),
    keep_alive: keepAliveSchema.optional(),
    priority: z
      .enum(['interactive', 'bulk'])
      .optional()
      .meta({ description: 'Interactive work goes first. Absent: bulk for many inputs, interactive otherwise.' }),
  })
  .meta({ description: "OpenAI's embeddings request, with LocalLite's extra fields." });
/** A request as it is sent: fields with a default may be left out. */
export type EmbeddingsRequest = z.input<typeof embeddingsRequestSchema>;

const useInput = refused('other', 'use "input"');
const useInputType = refused('other', 'use "input_type": "query" or "passage"');

/** The class of every field of POST /v1/embeddings. */
export const embeddingsFields: FieldTable = {
  input: honoured('openai', 'string, string[], number[] (token ids) or number[][]; never empty; at most `limits.inputs` inputs'),
  model: honoured('openai', "an id, alias or reference; the answer's `model` repeats it, `locallite.model` says what ran"),
  encoding_format: honoured('openai', '"float" (default) or "base64"; both carry the same numbers'),
  dimensions: honoured('openai', 'models with Matryoshka sizes cut and re-normalise; others refuse it and name what is allowed'),
  user: acceptedWithoutEffect('openai', 'nobody is tracked; named in `locallite.ignored`'),
  input_type: honoured('locallite', '"query" or "passage" adds the prompt that the model was trained with'),
  truncate: honoured('locallite', 'false (default) refuses an input that is too long, true cuts it and reports by how much'),
  keep_alive: honoured('locallite', 'seconds or "5m"; 0 = unload at once, negative = for ever'),
  priority: honoured('locallite', '"interactive" or "bulk"'),
  inputs: useInput,
  texts: useInput,
  text: useInput,
  prompt: useInput,
  prompt_name: useInputType,
  task: useInputType,
  task_type: useInputType,
  truncate_prompt_tokens: refused('other', 'use "truncate": true, which cuts to what the model can read'),
  normalize: refused('other', "a vector is normalised as the model's own files say; change it in settings under models"),
  options: refused('other', 'put the options beside "input", or in settings'),
};

/** Milliseconds each stage took. */
export const timingsSchema = z
  .strictObject({ tokenize_ms: z.number(), queue_ms: z.number(), infer_ms: z.number(), total_ms: z.number() })
  .meta({ description: 'Milliseconds each stage took.' });

/** What LocalLite adds to an embeddings answer. */
export const embeddingsExtensionSchema = z
  .strictObject({
    model: z.string().meta({ description: 'Id of the model that ran.' }),
    space: z.string().meta({ description: 'Fingerprint of the vector space; vectors of different spaces must not be compared.' }),
    variant: z.string().meta({ description: 'Precision that ran, e.g. fp32 or q4.' }),
    provider: z.string().meta({ description: 'Execution provider that ran, e.g. cpu.' }),
    truncated_tokens: z.array(z.int()).meta({ description: 'Tokens cut from each input, 0 where none.' }),
    ignored: z.array(z.string()).meta({ description: 'Fields of the request that had no effect.' }),
    timings: timingsSchema,
  })
  .meta({ description: 'What ran, and how.' });
export type EmbeddingsExtension = z.infer<typeof embeddingsExtensionSchema>;

/** One vector of an answer. */
export const embeddingSchema = z.strictObject({
  object: z.literal('embedding'),
  index: z.int().min(0),
  embedding: z
    .union([z.array(z.number()), z.string()])
    .meta({ description: 'Numbers, or base64 of little-endian float32 when that was asked for.' }),
});

/** Tokens that ran, special tokens and prompts included, after truncation. */
export const embeddingsUsageSchema = z
  .strictObject({ prompt_tokens: z.int(), total_tokens: z.int() })
  .meta({ description: 'Tokens that ran, special tokens included.' });

/** Answer of POST /v1/embeddings. */
export const embeddingsResponseSchema = z.strictObject({
  object: z.literal('list'),
  data: z.array(embeddingSchema),
  model: z.string().meta({ description: 'The model as it was asked for.' }),
  usage: embeddingsUsageSchema,
  locallite: embeddingsExtensionSchema,
});
export type EmbeddingsResponse = z.infer<typeof embeddingsResponseSchema>;

/** The inputs of a request one by one: each a text or the token ids of one. */
export function listInputs(input: EmbeddingInput): readonly (string | readonly number[])[] {
  if (typeof input === 'string') return [input];
  return isTokenIds(input) ? [input] : input;
}

/** True when `input` stands for one text rather than for a list, so that `input[0]` in a message means the whole of it. */
export function isSingleInput(input: EmbeddingInput): boolean {
  return typeof input === 'string' || isTokenIds(input);
}

function isTokenIds(input: Exclude<EmbeddingInput, string>): input is readonly number[] {
  return typeof input[0] === 'number';
}

interface InputProblem {
  readonly path: readonly number[];
  readonly message: string;
}

const problem = (message: string, ...path: number[]): InputProblem => ({ message, path });

/** What is wrong with `input`, and where in it. Written by hand because a request may hold half a million ids. */
function inputProblem(input: unknown): InputProblem | undefined {
  if (input === undefined) return problem('is required');
  if (typeof input === 'string') return input === '' ? problem('must not be empty') : undefined;
  if (!Array.isArray(input)) return problem(`must be a string or an array, not ${kindOf(input)}`);
  const items: readonly unknown[] = input;
  if (items.length === 0) return problem('must not be empty');
  if (typeof items[0] === 'number') return idsProblem(items);
  return Array.isArray(items[0]) ? idListsProblem(items) : textsProblem(items);
}

function textsProblem(items: readonly unknown[]): InputProblem | undefined {
  for (const [index, item] of items.entries()) {
    if (typeof item !== 'string') return problem(`must be a string, not ${kindOf(item)}`, index);
    if (item === '') return problem('must not be empty', index);
  }
  return undefined;
}

function idListsProblem(items: readonly unknown[]): InputProblem | undefined {
  for (const [index, item] of items.entries()) {
    if (!Array.isArray(item)) return problem(`must be an array of token ids, not ${kindOf(item)}`, index);
    if (item.length === 0) return problem('must not be empty', index);
    const inside = idsProblem(item);
    if (inside !== undefined) return problem(inside.message, index, ...inside.path);
  }
  return undefined;
}

function idsProblem(items: readonly unknown[]): InputProblem | undefined {
  for (let index = 0; index < items.length; index += 1) {
    const id = items[index];
    if (typeof id !== 'number') return problem(`must be a token id, not ${kindOf(id)}`, index);
    if (!Number.isInteger(id) || id < 0 || id > MAX_TOKEN_ID) return problem(`${id} is not a token id`, index);
  }
  return undefined;
}
