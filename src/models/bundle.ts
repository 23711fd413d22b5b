import { type CardOverrides, encoderFacts, isPlain, isStatic, staticFacts, taskFacts } from './bundle-facts.ts';
import { type BundleFiles, checkTokenizer, moduleKind, type ReadModelFile, readBundleFiles, unsupported } from './bundle-files.ts';
import { variantsOf } from './bundle-variants.ts';
import { cardSchema, type ModelCard, type ModelFile, type ModelVariant } from './card.ts';
import { CONVERTIBLE_MODEL_TYPES, type WeightFiles, weightFilesIn } from './convertible.ts';

export type { CardOverrides } from './bundle-facts.ts';

/** Facts about the place a model comes from that its files do not hold. */
export interface CardOrigin {
  /** Where the files are taken from, e.g. `npm:package@1.0.0`; default `hub:<id>@<revision>`. */
  readonly source?: string | undefined;
  /** As the hub states it; default `unknown`. */
  readonly license?: string | undefined;
}

/** Files that the runtime or a later look at the card needs, where a model has them. */
const SUPPORT_FILES = ['config.json', 'tokenizer_config.json', 'special_tokens_map.json', 'sentence_bert_config.json'];
const ROOT_FILES = ['modules.json', 'config_sentence_transformers.json'];

/**
 * Makes the card of a model that the catalogue does not know, from its own files (modules.json, the pooling module's config.json,
 * sentence_bert_config.json, config_sentence_transformers.json, tokenizer_config.json, config.json) and the user's settings, which win.
 * Truncation and padding written into tokenizer.json play no part.
 * @param id `owner/name`; @param read gives a file's text, or undefined when it is not there; @param paths every file of the model
 * @throws LocalLiteError model_unsupported when something is missing or cannot be done, with the settings to add where that helps
 */
export async function cardFromFiles(
  id: string,
  revision: string,
  read: ReadModelFile,
  paths: readonly string[],
  overrides: CardOverrides & CardOrigin = {},
): Promise<ModelCard> {
  const files = await readBundleFiles(id, read);
  const tokenizer = tokenizerFile(id, paths, files.folder);
  await checkTokenizer(id, tokenizer.path, read);
  if (isStatic(files)) return staticCard(id, revision, { files, paths, tokenizer, overrides });
  const weights = convertibleWeights(files, paths);
  const facts = encoderFacts(id, files, overrides, weights !== undefined);
  const stepConfigs = (files.modules ?? []).filter(({ path }) => path !== '').map(({ path }) => `${path}/config.json`);
  const supporting = new Set([...SUPPORT_FILES.map((name) => `${files.folder}${name}`), ...ROOT_FILES, files.poolingPath, ...stepConfigs]);
  const shared = [tokenizer, ...[...supporting].filter((path) => paths.includes(path)).map((path) => installed(path, files.folder))];
  const variants = variantsOf(id, paths, {
    source: overrides.source ?? `hub:${id}@${revision}`,
    shared,
    weights: weights && { ...weights, installed: (path) => installed(path, files.folder) },
    graphs: isPlain(files),
    modelType: files.config?.model_type,
  });
  return checkedCard(id, { ...namesOf(id, revision, overrides), ...taskFacts(files), ...facts, variants });
}

/** A model without a transformer: a table of token vectors, a tokenizer and, where there is one, a configuration. */
function staticCard(
  id: string,
  revision: string,
  {
    files,
    paths,
    tokenizer,
    overrides,
  }: {
    readonly files: BundleFiles;
    readonly paths: readonly string[];
    readonly tokenizer: ModelFile;
    readonly overrides: CardOverrides & CardOrigin;
  },
): ModelCard {
  const main = `${files.folder}model.safetensors`;
  if (!paths.includes(main)) throw unsupported(id, `it is a static model without ${main}`);
  const config = `${files.folder}config.json`;
  const all = [tokenizer, installed(main, files.folder), ...(paths.includes(config) ? [installed(config, files.folder)] : [])];
  const variant: ModelVariant = {
    name: 'static',
    kind: 'static',
    dtype: 'fp32',
    onnx: 'model.safetensors',
    batchInvariant: true,
    sources: [{ ref: overrides.source ?? `hub:${id}@${revision}`, files: all }],
    golden: [],
  };
  const facts = { task: 'embed' as const, ...staticFacts(id, files, overrides) };
  return checkedCard(id, { ...namesOf(id, revision, overrides), ...facts, variants: [variant] });
}

function namesOf(id: string, revision: string, { license }: CardOrigin) {
  return { id, alias: id.slice(id.indexOf('/') + 1), modality: 'text', license: license ?? 'unknown', revision };
}

/** @throws LocalLiteError model_unsupported where what was read makes no card */
function checkedCard(id: string, parts: object): ModelCard {
  const card = cardSchema.safeParse(parts);
  if (card.success) return card.data;
  throw unsupported(
    id,
    `no card can be made of it (${card.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`).join('; ')})`,
  );
}

/** The weights of the transformer and of the steps behind it, where graphs can be made of them. */
function convertibleWeights({ folder, config, modules }: BundleFiles, paths: readonly string[]): WeightFiles | undefined {
  const own = weightFilesIn(folder, paths);
  if (own === undefined || !CONVERTIBLE_MODEL_TYPES.includes(config?.model_type ?? '')) return undefined;
  const dense = (modules ?? []).filter((module) => moduleKind(module) === 'Dense');
  const steps = dense.map(({ path }) => weightFilesIn(`${path}/`, paths));
  const found = steps.filter((step) => step !== undefined);
  return found.length < steps.length ? undefined : { main: own.main, all: [...own.all, ...found.flatMap(({ all }) => all)] };
}

function tokenizerFile(id: string, paths: readonly string[], folder: string): ModelFile {
  const path = [`${folder}tokenizer.json`, 'tokenizer.json', 'onnx/tokenizer.json'].find((candidate) => paths.includes(candidate));
  if (path !== undefined) return path === 'tokenizer.json' ? { path } : { path, as: 'tokenizer.json' };
  const older = paths.filter((candidate) =>
    /(^|\/)(vocab\.txt|vocab\.json|spiece\.model|tokenizer\.model|sentencepiece\.bpe\.model)$/.test(candidate),
  );
  const found = older.length > 0 ? ` (found ${older.join(', ')})` : '';
  throw unsupported(
    id,
    `it has no tokenizer.json${found}; save it with a fast tokenizer: AutoTokenizer.from_pretrained(…).save_pretrained(…)`,
  );
}

/** The transformer's files stand at the top of an installed model, wherever its repository keeps them. */
function installed(path: string, folder: string): ModelFile {
  return folder !== '' && path.startsWith(folder) ? { path, as: path.slice(folder.length) } : { path };
}
