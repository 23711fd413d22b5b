import { z } from 'zod';
import { kindOf } from './parse.ts';
import { teiError } from './tei-error.ts';

/** One input: a text, or the token ids of one. */
export type TeiInput = string | readonly number[];
/** `inputs` as it is sent. */
export type TeiInputs = TeiInput | readonly TeiInput[];
/** `inputs` of POST /predict: a text, a pair, or an array of arrays of one or two texts. */
export type TeiSequences = string | readonly string[] | readonly (readonly string[])[];

/** The inputs one by one, and whether they were sent without an array around them. */
export interface Listed<T> {
  readonly items: readonly T[];
  readonly single: boolean;
}

// Ids are int32 in the runtime; whether the model has the id is checked where the model is known.
const MAX_TOKEN_ID = 2 ** 31 - 1;

interface Problem {
  readonly message: string;
  readonly path: number[];
}

const problem = (message: string, ...path: number[]): Problem => ({ message, path });

/** A schema of values that are checked by hand, because they may hold half a million ids. */
function checked<T>(find: (value: unknown) => Problem | undefined) {
  return z.custom<T>().superRefine((value, context) => {
    const found = find(value);
    if (found !== undefined) context.addIssue({ code: 'custom', ...found });
  });
}

const textJson = { type: 'string' } as const;
const idsJson = { type: 'array', items: { type: 'integer', minimum: 0, maximum: MAX_TOKEN_ID } } as const;
const pairJson = { type: 'array', items: textJson, minItems: 2, maxItems: 2 } as const;

/** `inputs` of every TEI request for vectors. */
export const teiInputsSchema = checked<TeiInputs>(inputsProblem).meta({
  description: 'A text, the token ids of one, or an array of texts and ids.',
  oneOf: [textJson, idsJson, { type: 'array', items: { oneOf: [textJson, idsJson] } }],
  examples: ['What is Deep Learning?'],
});

/** `inputs` of POST /predict. */
export const teiSequencesSchema = checked<TeiSequences>(sequencesProblem).meta({
  description: 'A pair of texts, or an array of pairs.',
  oneOf: [textJson, pairJson, { type: 'array', items: pairJson }],
  examples: [['What is Deep Learning?', 'Deep Learning is a kind of machine learning.']],
});

/** `ids` of POST /decode. */
export const teiIdsSchema = checked<readonly number[] | readonly (readonly number[])[]>(idsProblem).meta({
  description: 'The token ids of one text, or an array of such arrays.',
  oneOf: [idsJson, { type: 'array', items: idsJson }],
  examples: [[101, 7592, 102]],
});

/** @throws LocalLiteError an {@link teiError} when there is none */
export function listInputs(inputs: TeiInputs): Listed<TeiInput> {
  if (typeof inputs === 'string') return { items: [inputs], single: true };
  if (inputs.length === 0) throw teiError('empty', 'inputs cannot be empty');
  return isIds(inputs) ? { items: [inputs], single: true } : { items: inputs, single: false };
}

/** @throws LocalLiteError as {@link listInputs} */
export function listIds(ids: z.infer<typeof teiIdsSchema>): readonly (readonly number[])[] {
  if (ids.length === 0) throw teiError('empty', 'ids cannot be empty');
  return isIds(ids) ? [ids] : ids;
}

/** The inputs of POST /predict, each of one or two texts. @throws LocalLiteError as {@link listInputs} */
export function listSequences(inputs: TeiSequences): Listed<readonly string[]> {
  if (typeof inputs === 'string') return { items: [[inputs]], single: true };
  if (inputs.length === 0) throw teiError('empty', 'inputs cannot be empty');
  return isTexts(inputs) ? { items: [inputs], single: true } : { items: inputs, single: false };
}

/** What a body of POST / asks for. */
export function teiTaskOf({ inputs, query, texts }: Readonly<Record<string, unknown>>): 'embed' | 'similarity' | 'rerank' | 'predict' {
  if (query !== undefined || texts !== undefined) return 'rerank';
  if (typeof inputs === 'object' && inputs !== null && !Array.isArray(inputs)) return 'similarity';
  const [first]: unknown[] = Array.isArray(inputs) ? inputs : [];
  return Array.isArray(first) && typeof first[0] === 'string' ? 'predict' : 'embed';
}

function isIds<T>(items: readonly T[] | readonly number[]): items is readonly number[] {
  return typeof items[0] === 'number';
}

function isTexts(items: readonly string[] | readonly (readonly string[])[]): items is readonly string[] {
  return typeof items[0] === 'string';
}

function inputsProblem(value: unknown): Problem | undefined {
  if (typeof value === 'string') return undefined;
  if (!Array.isArray(value)) return notAnArray(value, 'a string or an array');
  return within(value, typeof value[0] === 'number' ? idProblem : inputProblem);
}

function inputProblem(value: unknown): Problem | undefined {
  if (typeof value === 'string') return undefined;
  if (!Array.isArray(value)) return notAnArray(value, 'a string or an array of token ids');
  return value.length === 0 ? problem('must not be empty') : within(value, idProblem);
}

function idsProblem(value: unknown): Problem | undefined {
  if (!Array.isArray(value)) return notAnArray(value, 'an array');
  return within(value, Array.isArray(value[0]) ? idListProblem : idProblem);
}

function idListProblem(value: unknown): Problem | undefined {
  return Array.isArray(value) ? within(value, idProblem) : notAnArray(value, 'an array of token ids');
}

function idProblem(value: unknown): Problem | undefined {
  if (typeof value !== 'number') return problem(`must be a token id, not ${kindOf(value)}`);
  return Number.isInteger(value) && value >= 0 && value <= MAX_TOKEN_ID ? undefined : problem(`${value} is not a token id`);
}

function sequencesProblem(value: unknown): Problem | undefined {
  if (typeof value === 'string') return undefined;
  if (!Array.isArray(value)) return notAnArray(value, 'a string or an array');
  return Array.isArray(value[0]) ? within(value, sequenceProblem) : textsProblem(value);
}

function sequenceProblem(value: unknown): Problem | undefined {
  if (!Array.isArray(value)) return notAnArray(value, 'an array of one or two texts');
  return value.length === 0 ? problem('must not be empty') : textsProblem(value);
}

function textsProblem(items: readonly unknown[]): Problem | undefined {
  if (items.length > 2) return problem(`must be one or two texts, not ${items.length}; several pairs are [[text, text], …]`);
  return within(items, (item) => (typeof item === 'string' ? undefined : problem(`must be a string, not ${kindOf(item)}`)));
}

/** The first problem of an item, and where it is. */
function within(items: readonly unknown[], find: (item: unknown) => Problem | undefined): Problem | undefined {
  for (let index = 0; index < items.length; index += 1) {
    const found = find(items[index]);
    if (found !== undefined) return problem(found.message, index, ...found.path);
  }
  return undefined;
}

function notAnArray(value: unknown, wanted: string): Problem {
  return problem(value === undefined ? 'is required' : `must be ${wanted}, not ${kindOf(value)}`);
}
