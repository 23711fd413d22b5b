import { z } from 'zod';
import { timestampSchema } from './common.ts';
import { keepAliveSchema, modelNameSchema } from './embeddings.ts';
import { type FieldTable, honoured } from './fields.ts';

/** How a made variant holds to full precision, and how fast it is, as the converter measured. */
const conversionReportSchema = z
  .strictObject({
    converter: z.int(),
    precision: z.string(),
    target: z.string(),
    family: z.string(),
    batch_invariance: z.number().nullable().meta({ description: 'Worst cosine between a text alone and in a batch.' }),
    kept_in_float: z.array(z.string()),
    worst_layers: z.array(z.strictObject({ layer: z.string(), relative_error: z.number() })),
    seconds: z.number(),
  })
  .meta({ description: 'How it was made.' });

/** A model on disk. */
const installedModelSchema = z
  .strictObject({
    variant: z.string(),
    kind: z.enum(['graph', 'weights', 'static']).meta({ description: '`weights` do not run themselves: graphs are made of them.' }),
    pinned: z.boolean().meta({ description: 'It runs when no variant is named.' }),
    fidelity: z
      .strictObject({ mean_cosine: z.number(), worst_cosine: z.number(), on: z.string() })
      .nullable()
      .meta({ description: 'Cosine to full precision; null where nobody measured it, and for full precision itself.' }),
    tokens_per_second: z
      .strictObject({ this: z.number(), fp32: z.number().nullable() })
      .nullable()
      .meta({ description: 'Of one core, in turns with full precision; null for what was not made here.' }),
    memory_bytes: z.int().nullable().meta({ description: 'Of one worker that holds it, as far as known.' }),
    report: conversionReportSchema.nullable().meta({ description: 'Null for what was not made here.' }),
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
    installed: installedModelSchema.nullable().meta({ description: 'What runs when no variant is named.' }),
    installed_variants: z.array(installedModelSchema).meta({ description: 'Everything of it that is on the disk.' }),
    warning: z.string().nullable().meta({ description: 'Why what runs may not be good enough.' }),
    loaded: loadedModelSchema.nullable(),
    loaded_variants: z.array(loadedModelSchema).meta({ description: 'All of its variants that are in memory.' }),
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

/** Body of POST /v1/models/{id}/convert. */
export const modelConvertSchema = z.strictObject({
  precision: z.enum(['auto', 'fp32', 'fp16', 'int8', 'q4']).default('auto').meta({ description: '`auto` makes what is chosen.' }),
  target: z.enum(['cpu', 'gpu', 'npu']).default('cpu').meta({ description: 'What the graph is laid out for.' }),
  pin: z.boolean().default(false).meta({ description: 'Let it run whenever no variant is named.' }),
  stream: z.boolean().default(false).meta({ description: 'Answer with server-sent events of the job instead of the job.' }),
});
export type ModelConvertRequest = z.input<typeof modelConvertSchema>;
export const modelConvertFields: FieldTable = {
  precision: honoured('locallite', '"auto" (default), "fp32", "fp16", "int8" or "q4"'),
  target: honoured('locallite', '"cpu" (default), "gpu" or "npu"'),
  pin: honoured('locallite', 'true lets it run whenever no variant is named'),
  stream: honoured('locallite', 'true answers with server-sent events of the job'),
};

/** Body of POST /v1/models/{id}/pin. */
export const modelPinSchema = z.strictObject({
  variant: z
    .string()
    .min(1)
    .meta({ description: 'An installed variant, by its name or precision; `auto` leaves the choice to the next load.' }),
});
export type ModelPinRequest = z.input<typeof modelPinSchema>;
export const modelPinFields: FieldTable = {
  variant: honoured('locallite', 'an installed variant; "auto" leaves the choice to the next load'),
};

/** Body of POST /v1/models/pull. */
export const modelPullSchema = z.strictObject({
  model: modelNameSchema.meta({ description: 'Reference: `[source:]id[@revision][#variant]`, or an alias of the catalogue.' }),
  stream: z.boolean().default(false).meta({ description: 'Answer with server-sent events of the job instead of the job.' }),
});
export const modelPullFields: FieldTable = {
  model: honoured('locallite', '`[source:]id[@revision][#variant]`, or an alias of the catalogue'),
  stream: honoured('locallite', 'true answers with server-sent events of the job'),
};
