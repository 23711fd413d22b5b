import { type BundleFiles, moduleKind, type PoolingConfig, type PromptsConfig, unsupported } from './bundle-files.ts';
import type { EncoderFacts, ModelCard, Pooling } from './card.ts';

/** What the user's settings say of a model (`models."<id>"`); wins over the model's own files. */
export interface CardOverrides {
  readonly pooling?: Pooling | undefined;
  readonly normalize?: boolean | undefined;
  readonly maxTokens?: number | undefined;
  /** For models whose files do not say how long their vectors are. */
  readonly dimensions?: number | undefined;
  readonly queryPrompt?: string | undefined;
  readonly passagePrompt?: string | undefined;
}

/** Steps that a plain graph plus our pooling does: the rest of a sentence-transformers model would be lost. */
const PLAIN_MODULES = new Set(['Transformer', 'Pooling', 'Normalize', 'Dropout']);
/** Steps that are built into graphs that LocalLite makes of a model's weights. */
const MADE_MODULES = new Set([...PLAIN_MODULES, 'MLMTransformer', 'Dense', 'SpladePooling']);

/** Families whose position table starts after the padding id (RoBERTa's rule): `padding id + 1` rows are not for tokens. */
const OFFSET_POSITIONS = new Set([
  'roberta',
  'xlm-roberta',
  'camembert',
  'mpnet',
  'xlm-roberta-xl',
  'roberta-prelayernorm',
  'data2vec-text',
  'longformer',
]);

/** Above this a `model_max_length` is transformers' way of saying that nobody set it (1e30). */
const NO_LIMIT = 10_000_000;

const QUERY_NAMES = ['query', 'search_query', 'retrieval.query', 's2p_query', 'web_search_query'];
const PASSAGE_NAMES = ['passage', 'document', 'search_document', 'retrieval.passage', 'corpus'];

/** True where published graphs of a model hold all of its steps; otherwise only graphs that are made of its weights do. */
export function isPlain({ modules }: BundleFiles): boolean {
  return modules?.every((module) => PLAIN_MODULES.has(moduleKind(module))) ?? true;
}

/** What a model does by its own files: a classifier without sentence-transformers' steps judges pairs. */
export function taskFacts({ modules, config }: BundleFiles): Pick<ModelCard, 'task' | 'rerank' | 'sparse'> {
  if (modules?.some((module) => moduleKind(module) === 'SpladePooling')) return { task: 'sparse', sparse: { from: 'vocabulary' } };
  const classifies = config?.architectures?.some((name) => name.endsWith('ForSequenceClassification')) === true;
  if (modules !== undefined || !classifies) return { task: 'embed' };
  const last = config?.sentence_transformers?.activation_fn ?? config?.sbert_ce_default_activation_function;
  return { task: 'rerank', rerank: { activation: last?.endsWith('Identity') === true ? 'none' : 'sigmoid' } };
}

/** True for a table of token vectors without a transformer: Model2Vec's layout, or sentence-transformers' StaticEmbedding. */
export function isStatic({ modules, config }: BundleFiles): boolean {
  return config?.model_type === 'model2vec' || modules?.some((module) => moduleKind(module) === 'StaticEmbedding') === true;
}

/** Every token of a text counts; more than this is no text any more. */
const STATIC_TOKENS = 65_536;

/** What a static embedder must know. Model2Vec leaves the unknown token out of the mean. @throws LocalLiteError model_unsupported */
export function staticFacts(
  id: string,
  files: BundleFiles,
  overrides: CardOverrides,
): EncoderFacts & { readonly static: { readonly dropUnknown: boolean } } {
  const { config } = files;
  const matryoshka = matryoshkaOf(files);
  return {
    pooling: 'mean',
    prompts: promptsOf(files.prompts, overrides),
    dimensions: overrides.dimensions ?? config?.hidden_dim ?? dimensionsOf(id, files),
    maxTokens: overrides.maxTokens ?? Math.min(config?.seq_length ?? STATIC_TOKENS, STATIC_TOKENS),
    normalize: overrides.normalize ?? config?.normalize ?? normalizeOf(files),
    static: { dropUnknown: config?.model_type === 'model2vec' },
    ...(matryoshka === undefined ? {} : { matryoshka }),
  };
}

/**
 * What an encoder must know of a model, from the model's own files and the user's settings. `converts`: whether graphs can be made of
 * its weights.
 * @throws LocalLiteError model_unsupported with the settings to add where the files do not say it
 */
export function encoderFacts(id: string, files: BundleFiles, overrides: CardOverrides, converts: boolean): EncoderFacts {
  refuseUnknownModules(id, files, converts);
  const pooling = overrides.pooling ?? (taskFacts(files).task === 'embed' ? poolingOf(id, files) : 'cls');
  const prompts = promptsOf(files.prompts, overrides);
  refuseExcludedPrompt(id, files, prompts);
  const matryoshka = matryoshkaOf(files);
  return {
    pooling,
    prompts,
    dimensions: overrides.dimensions ?? dimensionsOf(id, files),
    maxTokens: overrides.maxTokens ?? maxTokensOf(id, files),
    normalize: overrides.normalize ?? normalizeOf(files),
    ...(matryoshka === undefined ? {} : { matryoshka }),
  };
}

function refuseUnknownModules(id: string, files: BundleFiles, converts: boolean): void {
  const known = converts ? MADE_MODULES : PLAIN_MODULES;
  const unknown = files.modules?.find((module) => !known.has(moduleKind(module)));
  if (unknown === undefined) return;
  const name = `${moduleKind(unknown)}${unknown.path === '' ? '' : ` (${unknown.path})`}`;
  throw unsupported(
    id,
    `its modules.json has a step ${name} behind the transformer, which a plain ONNX graph does not contain: vectors without it would be wrong. ` +
      'Use an export whose graph returns finished sentence vectors, through a card of the catalogue',
  );
}

function poolingOf(id: string, files: BundleFiles): Pooling {
  if (files.pooling === undefined)
    throw unsupported(
      id,
      `nothing in its files says how token states become one vector (no ${files.poolingPath}). ${settingLines(id, ['pooling: mean   # or cls, last: see the model card'])}`,
    );
  const modes = poolingModes(files.pooling);
  const [mode] = modes;
  if (modes.length !== 1 || mode === undefined) {
    throw unsupported(
      id,
      `its ${files.poolingPath} joins several pooling modes (${modes.join(', ') || 'none'}); LocalLite does one of mean, cls, last`,
    );
  }
  if (mode === 'mean' || mode === 'cls') return mode;
  if (mode === 'lasttoken' || mode === 'last') return 'last';
  throw unsupported(id, `its pooling is ${mode} (${files.poolingPath}); LocalLite does mean, cls and last`);
}

/** Names of the modes that are on. An absent flag has sentence-transformers' default: mean on, the others off. */
function poolingModes(config: PoolingConfig): readonly string[] {
  if (config.pooling_mode !== undefined)
    return typeof config.pooling_mode === 'string' ? config.pooling_mode.split('+') : config.pooling_mode;
  const flags: readonly (readonly [string, boolean])[] = [
    ['cls', config.pooling_mode_cls_token ?? false],
    ['mean', config.pooling_mode_mean_tokens ?? true],
    ['max', config.pooling_mode_max_tokens ?? false],
    ['mean_sqrt_len', config.pooling_mode_mean_sqrt_len_tokens ?? false],
    ['weightedmean', config.pooling_mode_weightedmean_tokens ?? false],
    ['lasttoken', config.pooling_mode_lasttoken ?? false],
  ];
  return flags.filter(([, on]) => on).map(([mode]) => mode);
}

/** Without a module list the files promise no length; then vectors are made unit vectors, as embedding APIs return them. */
function normalizeOf(files: BundleFiles): boolean {
  return files.modules === undefined || files.modules.some((module) => moduleKind(module) === 'Normalize');
}

function promptsOf(config: PromptsConfig | undefined, overrides: CardOverrides): EncoderFacts['prompts'] {
  const fallback = named(config, [config?.default_prompt_name ?? '']) ?? '';
  return {
    query: overrides.queryPrompt ?? named(config, QUERY_NAMES) ?? fallback,
    passage: overrides.passagePrompt ?? named(config, PASSAGE_NAMES) ?? fallback,
  };
}

function named(config: PromptsConfig | undefined, names: readonly string[]): string | undefined {
  for (const name of names) {
    const prompt = config?.prompts?.[name];
    if (prompt !== undefined && prompt !== null) return prompt;
  }
  return undefined;
}

function refuseExcludedPrompt(id: string, files: BundleFiles, prompts: EncoderFacts['prompts']): void {
  const hasPrompt = prompts.query !== '' || prompts.passage !== '';
  if (files.pooling?.include_prompt !== false || !hasPrompt) return;
  throw unsupported(
    id,
    `its ${files.poolingPath} leaves the prompt's tokens out of the mean (include_prompt: false), which LocalLite does not do`,
  );
}

function dimensionsOf(id: string, files: BundleFiles): number {
  const { config, pooling } = files;
  const size =
    files.denseSize ??
    pooling?.word_embedding_dimension ??
    pooling?.embedding_dimension ??
    config?.hidden_size ??
    config?.d_model ??
    config?.dim ??
    config?.n_embd ??
    config?.text_config?.hidden_size;
  if (size === undefined)
    throw unsupported(id, `nothing in its files says how long its vectors are (hidden_size in ${files.folder}config.json)`);
  return size;
}

/** The smaller of the declared length and the position table: a token beyond the table would crash the graph. */
function maxTokensOf(id: string, files: BundleFiles): number {
  const declared = files.modelMaxLength !== undefined && files.modelMaxLength < NO_LIMIT ? Math.floor(files.modelMaxLength) : undefined;
  const limits = [files.maxSeqLength ?? declared, positionsOf(files)].filter((limit) => limit !== undefined);
  if (limits.length > 0) return Math.min(...limits);
  throw unsupported(
    id,
    `nothing in its files says how many tokens it takes. ${settingLines(id, ['max_tokens: 512   # see the model card'])}`,
  );
}

function positionsOf({ config }: BundleFiles): number | undefined {
  const rows = config?.max_position_embeddings ?? config?.n_positions ?? config?.text_config?.max_position_embeddings;
  if (rows === undefined || config?.model_type === undefined || !OFFSET_POSITIONS.has(config.model_type)) return rows;
  return rows - ((config.pad_token_id ?? 1) + 1);
}

function matryoshkaOf({ config }: BundleFiles): EncoderFacts['matryoshka'] {
  if (config?.matryoshka_dimensions !== undefined) return [...config.matryoshka_dimensions].sort((a, b) => b - a);
  return config?.is_matryoshka === true ? 'any' : undefined;
}

function settingLines(id: string, lines: readonly string[]): string {
  return `Add to locallite.yaml:\nmodels:\n  "${id}":\n${lines.map((line) => `    ${line}`).join('\n')}`;
}
