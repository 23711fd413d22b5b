import { z } from 'zod';
import { modelNameSchema } from './embeddings.ts';
import { type FieldTable, honoured } from './fields.ts';

/** A name of the user's own for a model. */
export const aliasSchema = z
  .strictObject({
    object: z.literal('alias'),
    alias: z.string(),
    model: z.string().meta({ description: 'What it stands for.' }),
    from: z.enum(['settings', 'file']).meta({ description: 'Who gave it: the settings (which win) or this API.' }),
  })
  .meta({ description: "A name of the user's own for a model." });
export type AliasObject = z.infer<typeof aliasSchema>;

/** Answer of GET /v1/aliases. */
export const aliasListSchema = z.strictObject({ object: z.literal('list'), data: z.array(aliasSchema) });
export type AliasList = z.infer<typeof aliasListSchema>;

/** Body of PUT /v1/aliases/{alias}. */
export const aliasSetSchema = z.strictObject({ model: modelNameSchema });
export const aliasSetFields: FieldTable = { model: honoured('locallite', 'id, alias or reference of the model') };

/** Answer of DELETE /v1/aliases/{alias}. */
export const aliasDeletedSchema = z.strictObject({ object: z.literal('alias'), alias: z.string(), deleted: z.literal(true) });
export type AliasDeleted = z.infer<typeof aliasDeletedSchema>;
