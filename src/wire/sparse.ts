import { z } from 'zod';
import { embeddingsUsageSchema, inputSchema, keepAliveSchema, modelNameSchema } from './embeddings.ts';
import { acceptedWithoutEffect, type FieldTable, honoured, refused } from './fields.ts';
import { vectorExtensionSchema } from './task-extension.ts';

/** What a text is for, in the words of several APIs; `document` is `passage`. */
export const inputTypeSchema = z.enum(['query', 'passage', 'document']);
export type InputTypeWord = z.infer<typeof inputTypeSchema>;

/** Our word for what a text is for. */
export function inputTypeOf(word: InputTypeWord): 'query' | 'passage' {
  return word === 'query' ? 'query' : 'passage';
}

/** Fields that requests for sparse and for multi vectors have in common. */
export const vectorRequestShape = {
  input: inputSchema,
  model: modelNameSchema.optional(),
  user: z.string().optional().meta({ description: 'Accepted without effect.' }),
  truncate: z.boolean().default(false).meta({ description: 'Cut inputs that are too long for the model instead of refusing them.' }),
  keep_alive: keepAliveSchema.optional(),
  priority: z.enum(['interactive', 'bulk']).optional().meta({ description: 'Interactive work goes first.' }),
};

const useInput = refused('other', 'use "input"');

/** Classes of the fields that both have in common. */
export const vectorRequestFields: FieldTable = {
  input: honoured('openai', 'string, string[], number[] (token ids) or number[][]; never empty; at most `limits.inputs` inputs'),
  user: acceptedWithoutEffect('openai', 'nobody is tracked; named in `locallite.ignored`'),
  truncate: honoured('locallite', 'false (default) refuses an input that is too long, true cuts it and reports by how much'),
  keep_alive: honoured('locallite', 'seconds or "5m"; 0 = unload at once, negative = for ever'),
  priority: honoured('locallite', '"interactive" or "bulk"'),
  inputs: useInput,
  texts: useInput,
  embedding_type: refused('other', 'use "encoding_format": "float" or "base64"'),
};

/** Body of POST /v1/embeddings/sparse. */
export const sparseRequestSchema = z
  .strictObject({
    ...vectorRequestShape,
    input_type: inputTypeSchema.optional().meta({ description: "Adds the model's own prompt for queries or passages. Absent: none." }),
    encoding_format: z
      .enum(['float', 'base64'])
      .default('float')
      .meta({ description: 'base64 = little-endian int32 ids and float32 weights.' }),
    return_tokens: z.boolean().default(false).meta({ description: 'Also tell what each id stands for.' }),
  })
  .meta({ description: 'Asks for the weights of vocabulary terms.' });
/** A request as it is sent: fields with a default may be left out. */
export type SparseRequest = z.input<typeof sparseRequestSchema>;

/** The class of every field of POST /v1/embeddings/sparse. */
export const sparseFields: FieldTable = {
  ...vectorRequestFields,
  model: honoured('openai', 'an id, alias or reference; absent: the setting `default_models.sparse`'),
  input_type: honoured('locallite', '"query" or "passage" (or "document") adds the prompt that the model was trained with; absent: none'),
  encoding_format: honoured('openai', '"float" (default) or "base64": int32 ids and float32 weights, little-endian; the same numbers'),
  return_tokens: honoured('locallite', 'true adds `tokens`: what each id stands for'),
  dimensions: refused('other', 'a sparse vector has as many dimensions as the vocabulary has terms'),
};

const numbers = (kind: string) => `${kind}, or base64 of little-endian values when that was asked for.`;

/** One sparse vector of an answer. */
export const sparseEmbeddingSchema = z.strictObject({
  object: z.literal('sparse_embedding'),
  index: z.int().min(0),
  indices: z.union([z.array(z.int()), z.string()]).meta({ description: numbers('Vocabulary ids, ascending') }),
  values: z.union([z.array(z.number()), z.string()]).meta({ description: numbers('Their weights, all above 0') }),
  tokens: z.array(z.string()).optional().meta({ description: 'What the ids stand for, where it was asked for.' }),
});

/** Answer of POST /v1/embeddings/sparse. */
export const sparseResponseSchema = z.strictObject({
  object: z.literal('list'),
  data: z.array(sparseEmbeddingSchema),
  model: z.string().meta({ description: 'The model as it was asked for; the id of the one that ran where none was.' }),
  usage: embeddingsUsageSchema,
  locallite: vectorExtensionSchema,
});
export type SparseResponse = z.infer<typeof sparseResponseSchema>;
