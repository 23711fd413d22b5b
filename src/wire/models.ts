import { z } from 'zod';
import { timestampSchema } from './common.ts';
import { keepAliveSchema, modelNameSchema } from './embeddings.ts';
import { type FieldTable, honoured } from './fields.ts';

/** A model on disk. */
const installedModelSchema = z
  .strictObject({
    variant: z.string(),
    source: z.string().meta({ description: 'Reference it was taken from.' }),
    bytes: z.int(),
    installed_at: timestampSchema,
  })
  .meta({ description: 'The model on disk.' });

/** A model in memory. */
export const loadedModelSchema = z
  .strictObject({
    id: z.string(),
    variant: z.string(),
    space: z.string(),
    provider: z.string().meta({ description: 'Execution provider that really runs.' }),
    rejected: z
      .array(z.strictObject({ provider: z.string(), reason: z.string() }))
      .meta({ description: 'Providers that were wanted and do not run, with the reason.' }),
    nodes_by_provider: z
      .record(z.string(), z.int())
      .nullable()
      .meta({ description: 'Graph nodes by the provider that ran them; null where the runtime does not tell.' }),
    workers: z.int(),
    memory_bytes: z.int(),
    users: z.int().meta({ description: 'Requests that hold it now.' }),
    idle_ms: z.number(),
    expires_in_ms: z.number().nullable().meta({ description: 'Until it is unloaded when nobody asks; null = never.' }),
    pinned: z.boolean(),
    load_ms: z.number(),
    self_test: z
      .strictObject({ texts: z.int(), worst_cosine: z.number() })
      .nullable()
      .meta({ description: 'Null where the card has no golden vectors.' }),
  })
  .meta({ description: 'The model in memory.' });
export type LoadedModelObject = z.infer<typeof loadedModelSchema>;

/** What LocalLite knows of a model beyond OpenAI's fields. */
export const modelExtensionSchema = z
  .strictObject({
    alias: z.string().nullable(),
    task: z.string().nullable(),
    modality: z.string().nullable(),
    dimensions: z.int().nullable(),
    matryoshka: z
      .union([z.literal('any'), z.array(z.int())])
      .nullable()
      .meta({ description: 'Sizes that `dimensions` may ask for; null = the full size only.' }),
    max_tokens: z.int().nullable(),
    pooling: z.string().nullable(),
    normalize: z.boolean().nullable(),
    prompts: z.strictObject({ query: z.string(), passage: z.string() }).nullable(),
    license: z.string().nullable(),
    languages: z.string().nullable(),
    variants: z.array(z.string()),
    scores: z.record(z.string(), z.number()),
    verified: z
      .strictObject({ date: z.string(), how: z.string() })
      .nullable()
      .meta({ description: 'When and how LocalLite itself ran it; null = nobody did.' }),
    installed: installedModelSchema.nullable(),
    loaded: loadedModelSchema.nullable(),
  })
  .meta({ description: 'What LocalLite knows of the model.' });

/** OpenAI's model object. */
export const modelSchema = z
  .strictObject({
    id: z.string(),
    object: z.literal('model'),
    created: z.int().meta({ description: 'Unix seconds of its installation; 0 when it is not installed.' }),
    owned_by: z.string(),
    locallite: modelExtensionSchema,
  })
  .meta({ description: "OpenAI's model object, with LocalLite's extension." });
export type ModelObject = z.infer<typeof modelSchema>;

/** Answer of GET /v1/models. */
export const modelListSchema = z.strictObject({ object: z.literal('list'), data: z.array(modelSchema) });
export type ModelList = z.infer<typeof modelListSchema>;

/** Query of GET /v1/models and GET /v1/models/{id}. */
export const modelQuerySchema = z.strictObject({
  scope: z.enum(['installed', 'catalog']).default('installed').meta({ description: '`catalog` also shows what could be pulled.' }),
});
export const modelQueryFields: FieldTable = { scope: honoured('locallite', '"installed" (default) or "catalog"') };

/** Answer of DELETE /v1/models/{id}. */
export const modelDeletedSchema = z.strictObject({
  id: z.string(),
  object: z.literal('model'),
  deleted: z.literal(true),
  locallite: z.strictObject({ freed_bytes: z.int() }),
});
export type ModelDeleted = z.infer<typeof modelDeletedSchema>;

/** Body of POST /v1/models/{id}/load. */
export const modelLoadSchema = z.strictObject({ keep_alive: keepAliveSchema.optional() });
export type ModelLoadRequest = z.input<typeof modelLoadSchema>;
export const modelLoadFields: FieldTable = { keep_alive: honoured('locallite', 'seconds or "5m"; negative = for ever') };

/** Answer of POST /v1/models/{id}/unload. */
export const modelUnloadedSchema = z.strictObject({ id: z.string(), object: z.literal('model'), unloaded: z.literal(true) });
export type ModelUnloaded = z.infer<typeof modelUnloadedSchema>;

/** Body of POST /v1/models/pull. */
export const modelPullSchema = z.strictObject({
  model: modelNameSchema.meta({ description: 'Reference: `[source:]id[@revision][#variant]`, or an alias of the catalogue.' }),
  stream: z.boolean().default(false).meta({ description: 'Answer with server-sent events of the job instead of the job.' }),
});
export const modelPullFields: FieldTable = {
  model: honoured('locallite', '`[source:]id[@revision][#variant]`, or an alias of the catalogue'),
  stream: honoured('locallite', 'true answers with server-sent events of the job'),
};
