import { z } from 'zod';
import { modelNameSchema } from './embeddings.ts';
import { type FieldTable, honoured } from './fields.ts';

const optionalModel = modelNameSchema.optional().meta({ description: 'Absent: the default embedding model.' });

/** Characters (UTF-16 units) of all texts of one request together. */
export const MAX_TOKENIZED_CHARACTERS = 262_144;
/** Ids of one request that become text. */
export const MAX_DETOKENIZED_IDS = 65_536;

/** Body of POST /v1/tokenize. */
export const tokenizeRequestSchema = z.strictObject({
  model: optionalModel,
  input: z
    .union([z.string(), z.array(z.string()).min(1)], { error: 'must be a string or a non-empty array of strings' })
    .meta({ description: 'One text or several. An empty text is allowed: it has the special tokens only.' }),
  add_special_tokens: z.boolean().default(true).meta({ description: 'Whether the tokens that the model puts around a text are shown.' }),
});
export type TokenizeRequest = z.input<typeof tokenizeRequestSchema>;
export const tokenizeFields: FieldTable = {
  model: honoured('locallite', 'absent: the default embedding model'),
  input: honoured('locallite', 'a text or an array of texts'),
  add_special_tokens: honoured('locallite', 'true (default) includes the tokens that the model puts around a text'),
};

/** Tokens of one text. */
export const tokenizedSchema = z
  .strictObject({
    object: z.literal('tokens'),
    index: z.int().min(0),
    count: z.int().min(0),
    ids: z.array(z.int()),
    tokens: z.array(z.string()),
    offsets: z
      .array(z.tuple([z.int(), z.int()]))
      .meta({ description: 'UTF-16 [start, end) of each token in the text; [0, 0] for tokens that are not in it.' }),
  })
  .meta({ description: 'Tokens of one text.' });

/** Answer of POST /v1/tokenize. */
export const tokenizeResponseSchema = z.strictObject({
  object: z.literal('list'),
  model: z.string().meta({ description: 'Id of the model whose tokenizer ran.' }),
  exact: z.boolean().meta({ description: "False while the model's own tokenizer is not installed: counts are estimates then." }),
  data: z.array(tokenizedSchema),
});
export type TokenizeResponse = z.infer<typeof tokenizeResponseSchema>;

/** Body of POST /v1/detokenize. */
export const detokenizeRequestSchema = z.strictObject({
  model: optionalModel,
  tokens: z.array(z.int().min(0)).max(MAX_DETOKENIZED_IDS).meta({ description: 'Token ids.' }),
  skip_special_tokens: z.boolean().default(true),
});
export type DetokenizeRequest = z.input<typeof detokenizeRequestSchema>;
export const detokenizeFields: FieldTable = {
  model: honoured('locallite', 'absent: the default embedding model'),
  tokens: honoured('locallite', 'token ids'),
  skip_special_tokens: honoured('locallite', 'true (default) leaves out the tokens that the model puts around a text'),
};

/** Answer of POST /v1/detokenize. */
export const detokenizeResponseSchema = z.strictObject({ object: z.literal('text'), model: z.string(), text: z.string() });
export type DetokenizeResponse = z.infer<typeof detokenizeResponseSchema>;
