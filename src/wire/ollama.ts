import { z } from 'zod';
import { timestampSchema } from './common.ts';
import { modelNameSchema } from './embeddings.ts';

/*
 * Ollama's API, as far as embedding models go.
 * https://github.com/ollama/ollama/blob/main/docs/api.md
 */

/** The version of Ollama whose API is followed: clients decide by it what they may ask for. */
export const OLLAMA_VERSION = '0.13.0';

/** Seconds of each unit that Go's durations have. */
const UNITS: Readonly<Record<string, number>> = { ns: 1e-9, us: 1e-6, µs: 1e-6, μs: 1e-6, ms: 0.001, s: 1, m: 60, h: 3600 };
const GO_DURATION = /^[+-]?(?:(?:\d{1,12}(?:\.\d{0,9})?|\.\d{1,9})(?:ns|us|µs|μs|ms|s|m|h))+$/;
const PLAIN_NUMBER = /^[+-]?\d{1,12}$/;

const keepAliveProblem = 'must be seconds, or a duration such as "5m" or "1h30m"; negative = for ever';

/** How long a model stays loaded: a number of seconds, or a duration as Go writes it. */
const keep_alive = z
  .union([z.number(), z.string().refine((text) => GO_DURATION.test(text) || PLAIN_NUMBER.test(text), { error: keepAliveProblem })], {
    error: keepAliveProblem,
  })
  .optional()
  .meta({ description: 'How long the model stays in memory: seconds or "5m"; 0 = unload at once, negative = for ever.' });

/** Seconds of a `keep_alive`; undefined where there is none. */
export function keepAliveSeconds(value: z.infer<typeof keep_alive>): number | undefined {
  if (value === undefined || typeof value === 'number') return value;
  if (PLAIN_NUMBER.test(value)) return Number(value);
  const parts = [...value.matchAll(/([\d.]+)([a-zµμ]+)/g)];
  const seconds = parts.reduce((sum, [, amount, unit = '']) => sum + Number(amount) * (UNITS[unit] ?? 0), 0);
  return value.startsWith('-') ? -seconds : seconds;
}

const options = z.record(z.string(), z.unknown()).optional().meta({ description: 'Accepted without effect.' });

/** `model`, or its older name; one of them must be there. */
const named = { model: modelNameSchema.optional(), name: modelNameSchema.optional().meta({ description: 'The older name of `model`.' }) };

/** Body of POST /api/embed. */
export const ollamaEmbedSchema = z
  .strictObject({
    model: modelNameSchema,
    input: z
      .union([z.string(), z.array(z.string())], { error: 'must be a string or an array of strings' })
      .default([])
      .meta({ description: 'A text or several; none at all loads the model.' }),
    truncate: z.boolean().default(true).meta({ description: 'Cut what is too long instead of refusing it.' }),
    dimensions: z.int().min(0).default(0).meta({ description: 'Cuts and re-normalises the vectors, for models that allow it; 0 = all.' }),
    keep_alive,
    options,
  })
  .meta({ description: "Ollama's embed request." });

/** Body of POST /api/embeddings. */
export const ollamaEmbeddingsSchema = z
  .strictObject({
    model: modelNameSchema,
    prompt: z.string().default('').meta({ description: 'A text; none at all loads the model.' }),
    keep_alive,
    options,
  })
  .meta({ description: "Ollama's older embeddings request." });

/** Body of POST /api/show. */
export const ollamaShowSchema = z
  .strictObject({
    ...named,
    verbose: z.boolean().optional(),
    system: z.string().optional(),
    template: z.string().optional(),
    options,
  })
  .meta({ description: "Ollama's show request." });

/** Body of POST /api/pull. */
export const ollamaPullSchema = z
  .strictObject({
    ...named,
    stream: z.boolean().default(true).meta({ description: 'Answer with a line for each change.' }),
    insecure: z.boolean().optional(),
    username: z.string().optional(),
    password: z.string().optional(),
  })
  .meta({ description: "Ollama's pull request." });

/** Body of DELETE /api/delete. */
export const ollamaDeleteSchema = z.strictObject(named).meta({ description: "Ollama's delete request." });

/** Nanoseconds, as Go counts. */
const nanoseconds = (description: string) =>
  z
    .int()
    .min(0)
    .meta({ description: `Nanoseconds ${description}.` });

/** Answer of POST /api/embed. */
export const ollamaEmbedResponseSchema = z
  .strictObject({
    model: z.string().meta({ description: 'The model as it was asked for.' }),
    embeddings: z.array(z.array(z.number())).meta({ description: 'One vector of unit length for each text.' }),
    total_duration: nanoseconds('in all').optional(),
    load_duration: nanoseconds('until the model was ready').optional(),
    prompt_eval_count: z.int().optional().meta({ description: 'Tokens that ran, special tokens included.' }),
  })
  .meta({ description: "Ollama's embed answer." });

/** Answer of POST /api/embeddings. */
export const ollamaEmbeddingsResponseSchema = z.strictObject({ embedding: z.array(z.number()) });

const detailsSchema = z
  .strictObject({
    parent_model: z.string(),
    format: z.string(),
    family: z.string(),
    families: z.array(z.string()),
    parameter_size: z.string().meta({ description: 'Empty: it is not known.' }),
    quantization_level: z.string(),
  })
  .meta({ description: 'What a model is made of.' });
export type OllamaDetails = z.infer<typeof detailsSchema>;

const capabilities = z.array(z.string()).meta({ description: '`embedding`, or what else the model does: `rerank`, `sparse`, `multi`.' });
const digest = z.string().meta({ description: 'sha256 over the names and sums of its files.' });

const tagSchema = z.strictObject({
  name: z.string(),
  model: z.string(),
  modified_at: timestampSchema,
  size: z.int(),
  digest,
  details: detailsSchema,
  capabilities,
});
export type OllamaTag = z.infer<typeof tagSchema>;

/** Answer of GET /api/tags. */
export const ollamaTagsSchema = z.strictObject({ models: z.array(tagSchema) }).meta({ description: 'The installed models.' });

const runningSchema = z.strictObject({
  name: z.string(),
  model: z.string(),
  size: z.int().meta({ description: 'Bytes of memory.' }),
  digest,
  details: detailsSchema,
  expires_at: timestampSchema,
  size_vram: z.int().meta({ description: 'The same for a model that runs on another device than the processor, else 0.' }),
  context_length: z.int(),
});
export type OllamaRunning = z.infer<typeof runningSchema>;

/** Answer of GET /api/ps. */
export const ollamaPsSchema = z.strictObject({ models: z.array(runningSchema) }).meta({ description: 'The models in memory.' });

/** Answer of POST /api/show. */
export const ollamaShowResponseSchema = z
  .strictObject({
    license: z.string(),
    modelfile: z.string(),
    parameters: z.string(),
    template: z.string(),
    details: detailsSchema,
    model_info: z.record(z.string(), z.union([z.string(), z.number()])),
    capabilities,
    modified_at: timestampSchema,
  })
  .meta({ description: 'One installed model.' });
export type OllamaShow = z.infer<typeof ollamaShowResponseSchema>;

/** A line of POST /api/pull, or all of its answer without `stream`. */
export const ollamaProgressSchema = z
  .strictObject({
    status: z.string().optional().meta({ description: '`success` when the pull has ended well.' }),
    digest: z.string().optional().meta({ description: 'Names the download; it is no sum of what is downloaded.' }),
    total: z.int().optional().meta({ description: 'Bytes.' }),
    completed: z.int().optional(),
    error: z.string().optional().meta({ description: 'Why the pull has failed; the last line then.' }),
  })
  .meta({ description: 'How far a pull is.' });
export type OllamaProgress = z.infer<typeof ollamaProgressSchema>;

/** Answer of GET /api/version. */
export const ollamaVersionSchema = z.strictObject({
  version: z.string().meta({ description: 'Of the Ollama whose API is followed, because clients decide by it.' }),
});
