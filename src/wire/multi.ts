import { z } from 'zod';
import { embeddingsUsageSchema } from './embeddings.ts';
import { type FieldTable, honoured, refused } from './fields.ts';
import { inputTypeSchema, vectorRequestFields, vectorRequestShape } from './sparse.ts';
import { vectorExtensionSchema } from './task-extension.ts';

/** Body of POST /v1/embeddings/multi. */
export const multiRequestSchema = z
  .strictObject({
    ...vectorRequestShape,
    input_type: inputTypeSchema.default('passage').meta({ description: 'Queries and passages are marked and filled differently.' }),
    encoding_format: z.enum(['float', 'base64']).default('float').meta({ description: 'base64 = little-endian float32, row by row.' }),
  })
  .meta({ description: 'Asks for one vector a token.' });
/** A request as it is sent: fields with a default may be left out. */
export type MultiRequest = z.input<typeof multiRequestSchema>;

/** The class of every field of POST /v1/embeddings/multi. */
export const multiFields: FieldTable = {
  ...vectorRequestFields,
  model: honoured('jina', 'an id, alias or reference; absent: the setting `default_models.multi`'),
  input_type: honoured('jina', '"query", or "document" (default; "passage" is the same)'),
  encoding_format: honoured('jina', '"float" (default) or "base64": little-endian float32, row by row, with `shape`; the same numbers'),
  dimensions: refused('jina', 'the vectors of a model have one size'),
};

/** The vectors of one text. */
export const multiEmbeddingSchema = z.strictObject({
  object: z.literal('embeddings'),
  index: z.int().min(0),
  embeddings: z.union([z.array(z.array(z.number())), z.string()]).meta({
    description: 'One vector a token, each of unit length; or base64 of little-endian float32, row by row, when that was asked for.',
  }),
  shape: z.tuple([z.int(), z.int()]).optional().meta({ description: 'Tokens and dimensions, beside base64.' }),
});

/** Answer of POST /v1/embeddings/multi. */
export const multiResponseSchema = z.strictObject({
  object: z.literal('list'),
  data: z.array(multiEmbeddingSchema),
  model: z.string().meta({ description: 'The model as it was asked for; the id of the one that ran where none was.' }),
  usage: embeddingsUsageSchema,
  locallite: vectorExtensionSchema,
});
export type MultiResponse = z.infer<typeof multiResponseSchema>;
