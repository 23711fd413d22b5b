/**
 * Values of config.json's `model_type` whose weights LocalLite converts itself. The families in convert/ are the truth; a test holds
 * this list to them.
 */
export const CONVERTIBLE_MODEL_TYPES: readonly string[] = [
  'bert',
  'roberta',
  'xlm-roberta',
  'camembert',
  'distilbert',
  'mpnet',
  'modernbert',
  'nomic_bert',
  'deberta-v2',
  'qwen3',
  'gemma3_text',
];

/** What the weights of one folder are called, whole or in shards (https://huggingface.co/docs/safetensors). */
const WHOLE = 'model.safetensors';
const INDEX = 'model.safetensors.index.json';
const SHARD = /^model-\d+-of-\d+\.safetensors$/;

/** The weights among a model's files: the file that stands for them, and all that belong to it. Paths as in `paths`. */
export interface WeightFiles {
  readonly main: string;
  readonly all: readonly string[];
}

/** The safetensors of a folder (`''`, or a path with a slash at its end); undefined where it has none. */
export function weightFilesIn(folder: string, paths: readonly string[]): WeightFiles | undefined {
  const whole = `${folder}${WHOLE}`;
  if (paths.includes(whole)) return { main: whole, all: [whole] };
  const index = `${folder}${INDEX}`;
  const shards = paths.filter((path) => path.startsWith(folder) && SHARD.test(path.slice(folder.length)));
  return paths.includes(index) && shards.length > 0 ? { main: index, all: [index, ...shards] } : undefined;
}

/** True for a file that holds numbers of the model, which its made graphs hold in their own form. */
export function isWeightFile(path: string): boolean {
  return path.endsWith('.safetensors') || path.endsWith('.safetensors.index.json');
}
