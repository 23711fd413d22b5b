import { z } from 'zod';
import { LocalLiteError } from '../errors.ts';

/** Reads one text file of a model by its path; undefined when there is none. */
export type ReadModelFile = (path: string) => Promise<string | undefined>;

const count = z.number().int().positive();

/** config.json: only what the embedder needs, under the names that the model families use. */
const configSchema = z.looseObject({
  model_type: z.string().optional(),
  architectures: z.array(z.string()).nullish(),
  /** Last step of a cross-encoder, by its Python name: of sentence-transformers before and since version 4. */
  sbert_ce_default_activation_function: z.string().nullish(),
  sentence_transformers: z.looseObject({ activation_fn: z.string().nullish() }).nullish(),
  hidden_size: count.optional(),
  d_model: count.optional(),
  dim: count.optional(),
  n_embd: count.optional(),
  /** Of static models as Model2Vec writes them, with their own word on unit length and the tokens that count. */
  hidden_dim: count.optional(),
  normalize: z.boolean().optional(),
  seq_length: count.optional(),
  max_position_embeddings: count.optional(),
  n_positions: count.optional(),
  pad_token_id: z.number().int().nullish(),
  is_matryoshka: z.boolean().optional(),
  matryoshka_dimensions: z.array(count).optional(),
  text_config: z.looseObject({ hidden_size: count.optional(), max_position_embeddings: count.optional() }).optional(),
});
export type ModelConfig = z.infer<typeof configSchema>;

/** A path that a model's own file names: inside the model, so that nothing else of this machine is read. */
const innerPath = z
  .string()
  .refine((path) => !/^([/\\]|[A-Za-z]:)/.test(path) && !path.split(/[/\\]/).includes('..'), 'must stay inside the model');

/** modules.json: the steps of a sentence-transformers model, in order. */
const modulesSchema = z.array(z.looseObject({ type: z.string(), path: innerPath.default('') }));
export type Module = z.infer<typeof modulesSchema>[number];

/** 1_Pooling/config.json: flags of the older form, `pooling_mode` of the newer. */
const poolingSchema = z.looseObject({
  word_embedding_dimension: count.optional(),
  embedding_dimension: count.optional(),
  pooling_mode: z.union([z.string(), z.array(z.string())]).optional(),
  pooling_mode_cls_token: z.boolean().optional(),
  pooling_mode_mean_tokens: z.boolean().optional(),
  pooling_mode_max_tokens: z.boolean().optional(),
  pooling_mode_mean_sqrt_len_tokens: z.boolean().optional(),
  pooling_mode_weightedmean_tokens: z.boolean().optional(),
  pooling_mode_lasttoken: z.boolean().optional(),
  include_prompt: z.boolean().optional(),
});
export type PoolingConfig = z.infer<typeof poolingSchema>;

/** config_sentence_transformers.json: prompts by name, and the one used when none is named. */
const promptsSchema = z.looseObject({
  prompts: z.record(z.string(), z.string().nullable()).nullish(),
  default_prompt_name: z.string().nullish(),
});
export type PromptsConfig = z.infer<typeof promptsSchema>;

/** config.json of a Dense step. */
const denseSchema = z.looseObject({ out_features: count });

const limitsSchema = z.looseObject({ max_seq_length: count.nullish() });
const tokenizerSchema = z.looseObject({ model_max_length: z.number().positive().nullish() });
const tokenizerJsonSchema = z.looseObject({ model: z.looseObject({}) });

/** A model's own configuration files as far as they are there. Paths of the transformer's files are below `folder`. */
export interface BundleFiles {
  /** Folder of the transformer's files: empty, or `0_Transformer` and the like with a slash at its end. */
  readonly folder: string;
  readonly config: ModelConfig | undefined;
  readonly modules: readonly Module[] | undefined;
  readonly poolingPath: string;
  readonly pooling: PoolingConfig | undefined;
  readonly prompts: PromptsConfig | undefined;
  /** Length of a vector behind the last Dense step; undefined where there is none. */
  readonly denseSize: number | undefined;
  readonly maxSeqLength: number | undefined;
  readonly modelMaxLength: number | undefined;
}

/**
 * Reads and checks a model's configuration files.
 * @throws LocalLiteError model_unsupported when a file is not JSON or not of the known form, naming file and field
 */
export async function readBundleFiles(id: string, read: ReadModelFile): Promise<BundleFiles> {
  const load = <T>(path: string, schema: z.ZodType<T>): Promise<T | undefined> => readJson(id, path, schema, read);
  const modules = await load('modules.json', modulesSchema);
  const first = modules?.find((module) => ['Transformer', 'StaticEmbedding'].includes(moduleKind(module)))?.path ?? '';
  const folder = first === '' || first === '.' ? '' : `${first.replace(/\/+$/, '')}/`;
  const poolingFolder = modules?.find((module) => moduleKind(module) === 'Pooling')?.path ?? '1_Pooling';
  const poolingPath = `${poolingFolder}/config.json`;
  const dense = modules?.findLast((module) => moduleKind(module) === 'Dense');
  return {
    folder,
    modules,
    poolingPath,
    config: await load(`${folder}config.json`, configSchema),
    pooling: await load(poolingPath, poolingSchema),
    prompts: await load('config_sentence_transformers.json', promptsSchema),
    denseSize: dense && (await load(`${dense.path}/config.json`, denseSchema))?.out_features,
    maxSeqLength: (await load(`${folder}sentence_bert_config.json`, limitsSchema))?.max_seq_length ?? undefined,
    modelMaxLength: (await load(`${folder}tokenizer_config.json`, tokenizerSchema))?.model_max_length ?? undefined,
  };
}

/** The last part of a module's Python name, e.g. `Pooling` of `sentence_transformers.models.Pooling`. */
export function moduleKind(module: Module): string {
  return module.type.split('.').at(-1) ?? module.type;
}

/**
 * Checks that a tokenizer.json is one.
 * @throws LocalLiteError model_unsupported
 */
export async function checkTokenizer(id: string, path: string, read: ReadModelFile): Promise<void> {
  if ((await readJson(id, path, tokenizerJsonSchema, read)) === undefined) throw unsupported(id, `its ${path} cannot be read`);
}

async function readJson<T>(id: string, path: string, schema: z.ZodType<T>, read: ReadModelFile): Promise<T | undefined> {
  const text = await read(path);
  if (text === undefined) return undefined;
  const parsed = schema.safeParse(parseJson(id, path, text));
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map((issue) => `${issue.path.join('.') || 'the whole'}: ${issue.message}`);
  throw unsupported(id, `its ${path} is not of the known form (${problems.slice(0, 3).join('; ')})`);
}

function parseJson(id: string, path: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw unsupported(id, `its ${path} is not valid JSON`, cause);
  }
}

/** A model that LocalLite cannot run, and why. */
export function unsupported(id: string, why: string, cause?: unknown): LocalLiteError {
  return new LocalLiteError('model_unsupported', `model ${id}: ${why}`, cause === undefined ? {} : { cause });
}
