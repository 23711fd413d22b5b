import { z } from 'zod';
import { LocalLiteError } from '../errors.ts';
import { embeddingsUsageSchema, keepAliveSchema, modelNameSchema } from './embeddings.ts';
import { kindOf } from './parse.ts';
import { taskExtensionShape } from './task-extension.ts';

/** A text, or an object that has one, beside fields of the caller's own. */
export type RerankDocument = string | Readonly<Record<string, unknown>>;

const queryProblem = 'must be a string, or an object with a "text" and nothing else';
const documentJson = { oneOf: [{ type: 'string', minLength: 1 }, { type: 'object' }] };

/** `documents` of a rerank request, checked by hand because there may be thousands. `kinds`: what each of them may be. */
function documentsSchema<Document extends RerankDocument>(kinds: 'texts' | 'texts or objects') {
  return z.custom<readonly Document[]>().superRefine((value, context) => {
    const problem = documentsProblem(value, kinds);
    if (problem !== undefined) context.addIssue({ code: 'custom', ...problem });
  });
}

function documentsProblem(value: unknown, kinds: 'texts' | 'texts or objects'): { message: string; path: number[] } | undefined {
  if (value === undefined) return { message: 'is required', path: [] };
  if (!Array.isArray(value)) return { message: `must be an array, not ${kindOf(value)}`, path: [] };
  if (value.length === 0) return { message: 'must not be empty', path: [] };
  const objects = kinds === 'texts or objects';
  for (const [index, document] of value.entries()) {
    if (document === '') return { message: 'must not be empty', path: [index] };
    if (typeof document === 'string') continue;
    if (objects && typeof document === 'object' && document !== null && !Array.isArray(document)) continue;
    return { message: `must be a string${objects ? ' or an object' : ''}, not ${kindOf(document)}`, path: [index] };
  }
  return undefined;
}

/** Each document is searched for each of them. */
const MAX_RANK_FIELDS = 64;
const rankFields = z
  .array(z.string().min(1))
  .min(1)
  .max(MAX_RANK_FIELDS)
  .refine((names) => new Set(names).size === names.length, { error: 'must not name a field twice' });

const topN = z.int().min(1).optional().meta({ description: 'The best n alone. Absent: all.' });

/** Body of POST /v1/rerank: the fields of Jina and of Cohere v1, which share the path, and ours. */
export const rerankRequestSchema = z
  .strictObject({
    model: modelNameSchema.optional(),
    query: z
      .union([z.string().min(1), z.strictObject({ text: z.string().min(1) }, { error: queryProblem })], { error: queryProblem })
      .meta({
        description: 'What the documents are compared with.',
        examples: ['how do cats talk?'],
      }),
    documents: documentsSchema<RerankDocument>('texts or objects').meta({
      description: 'Texts, or objects with a `text` (or with `rank_fields`).',
      type: 'array',
      minItems: 1,
      items: documentJson,
      examples: [['a cat meows', 'a dog barks']],
    }),
    top_n: topN,
    rank_fields: rankFields.optional().meta({ description: 'Fields of object documents that are ranked.' }),
    return_documents: z.boolean().default(true).meta({ description: 'Give each document back.' }),
    max_chunks_per_doc: z.int().min(1).optional().meta({ description: 'Read long documents in at most so many windows; 1 cuts them.' }),
    max_tokens_per_doc: z.int().min(1).optional().meta({ description: 'Tokens of each document that are read at most.' }),
    user: z.string().optional().meta({ description: 'Accepted without effect.' }),
    truncate: z.boolean().default(false).meta({ description: 'Cut documents that are too long instead of refusing them.' }),
    long: z.enum(['cut', 'windows']).optional().meta({ description: 'How documents that are too long are read.' }),
    raw_scores: z.boolean().default(false).meta({ description: "The model's own scores instead of relevance between 0 and 1." }),
    keep_alive: keepAliveSchema.optional(),
    priority: z.enum(['interactive', 'bulk']).optional().meta({ description: 'Interactive work goes first.' }),
  })
  .meta({ description: "Jina's and Cohere v1's rerank request, with LocalLite's extra fields." });
/** A request as it is sent: fields with a default may be left out. */
export type RerankRequest = z.input<typeof rerankRequestSchema>;

/** Body of POST /v2/rerank, as Cohere v2 has it. */
export const cohereRerankRequestSchema = z
  .strictObject({
    model: modelNameSchema,
    query: z
      .string()
      .min(1)
      .meta({ description: 'What the documents are compared with.', examples: ['how do cats talk?'] }),
    documents: documentsSchema<string>('texts').meta({
      description: 'Texts.',
      type: 'array',
      minItems: 1,
      items: { type: 'string', minLength: 1 },
      examples: [['a cat meows', 'a dog barks']],
    }),
    top_n: topN,
    max_tokens_per_doc: z.int().min(1).default(4096).meta({ description: 'Longer documents are cut to so many tokens.' }),
    priority: z.int().min(0).max(999).optional().meta({ description: '0 goes first.' }),
    return_documents: z.boolean().default(false).meta({ description: 'Give each document back.' }),
  })
  .meta({ description: "Cohere v2's rerank request." });

/** One document of an answer, the most relevant first. */
export const rerankResultSchema = z.strictObject({
  index: z.int().min(0).meta({ description: 'Place of the document in the request.' }),
  relevance_score: z.number().meta({ description: 'Relevance, or the raw score where that was asked for.' }),
  document: z
    .looseObject({ text: z.string().optional() })
    .optional()
    .meta({ description: 'The document as it was sent, a text as {"text": …}.' }),
});
export type RerankResultObject = z.infer<typeof rerankResultSchema>;

const metaSchema = (version: '1' | '2') =>
  z
    .strictObject({
      api_version: z.strictObject({ version: z.literal(version) }),
      billed_units: z
        .strictObject({ search_units: z.int() })
        .meta({ description: 'What Cohere would count: one for every hundred documents begun. Nothing is billed here.' }),
      warnings: z.array(z.string()).optional().meta({ description: 'Says so when documents were cut.' }),
    })
    .meta({ description: "Cohere's facts about a request." });

/** What LocalLite adds to the answer of POST /v1/rerank. */
export const rerankExtensionSchema = z.strictObject(taskExtensionShape).meta({ description: 'What ran, and how.' });
export type RerankExtension = z.infer<typeof rerankExtensionSchema>;

/** Answer of POST /v1/rerank: Jina's, with Cohere v1's `id` and `meta`. */
export const rerankResponseSchema = z.strictObject({
  id: z.string(),
  model: z.string().meta({ description: 'The model as it was asked for; the id of the one that ran where none was.' }),
  usage: embeddingsUsageSchema,
  meta: metaSchema('1'),
  locallite: rerankExtensionSchema,
  results: z.array(rerankResultSchema).meta({ description: 'The most relevant first; equal scores in the order of the documents.' }),
});
export type RerankResponse = z.infer<typeof rerankResponseSchema>;

/** Answer of POST /v2/rerank, as Cohere v2 has it. */
export const cohereRerankResponseSchema = z.strictObject({
  id: z.string(),
  meta: metaSchema('2'),
  results: z.array(rerankResultSchema).meta({ description: 'The most relevant first; equal scores in the order of the documents.' }),
});

/** The text of `query`, however it was sent. */
export function queryText(query: RerankRequest['query']): string {
  return typeof query === 'string' ? query : query.text;
}

/**
 * The text of each document that is ranked.
 * @throws LocalLiteError invalid_request when an object has none of the fields, or one that is not a text
 */
export function documentTexts(documents: readonly RerankDocument[], rankFields: readonly string[] = ['text']): readonly string[] {
  return documents.map((document, index) =>
    typeof document === 'string' ? document : rankedText(document, rankFields, `documents[${index}]`),
  );
}

function rankedText(document: Readonly<Record<string, unknown>>, rankFields: readonly string[], at: string): string {
  const texts: string[] = [];
  for (const name of rankFields) {
    const value = Object.hasOwn(document, name) ? document[name] : undefined;
    if (value === undefined || value === null || value === '') continue;
    if (typeof value !== 'string') throw wrongDocument(`${at}.${name}`, `must be a string, not ${kindOf(value)}`);
    texts.push(value);
  }
  if (texts.length > 0) return texts.join('\n');
  const names = rankFields.map((name) => JSON.stringify(name)).join(', ');
  throw wrongDocument(at, rankFields.length === 1 ? `has no text in the field ${names}` : `has no text in any of the fields ${names}`);
}

function wrongDocument(param: string, problem: string): LocalLiteError {
  return new LocalLiteError('invalid_request', `${param}: ${problem}`, { param });
}

/** Places of the documents, the highest score first, equal scores by place; at most `topN`. */
export function rankedPlaces(scores: Float32Array, topN = scores.length): readonly number[] {
  const places = Array.from(scores.keys());
  return places.sort((a, b) => (scores[b] ?? 0) - (scores[a] ?? 0) || a - b).slice(0, topN);
}
