import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { LocalLiteError } from '../errors.ts';
import { openWeights } from '../models/safetensors.ts';
import type { Weights } from '../models/weights.ts';
import { type ModelConfig, modelConfig } from './model-config.ts';

/** A step of sentence-transformers behind the transformer and its pooling. */
export type SentenceModule =
  | { readonly kind: 'normalize' }
  | {
      readonly kind: 'dense';
      /** As in modules.json, e.g. `2_Dense`. */
      readonly folder: string;
      readonly weights: Weights;
      /** Layer inside `weights`. */
      readonly name: string;
      /** As transformers names it. */
      readonly activation: string;
    };

/** Class names of PyTorch's activations, and ours. */
const ACTIVATIONS: Readonly<Record<string, string>> = {
  Identity: 'linear',
  Tanh: 'tanh',
  ReLU: 'relu',
  GELU: 'gelu',
  SiLU: 'silu',
  Sigmoid: 'sigmoid',
};

const MAX_JSON_BYTES = 1_000_000;

/**
 * Dense and Normalize steps that a model's modules.json names, in its order; none where there is no such file. Weights stay open: close them
 * with {@link closeModules}.
 * @throws LocalLiteError model_unsupported for a step that LocalLite does not know, model_load_failed for broken files
 */
export function readModules(directory: string): readonly SentenceModule[] {
  const path = join(directory, 'modules.json');
  if (!existsSync(path)) return [];
  const list = readJson(path, 'modules.json');
  if (!Array.isArray(list)) throw new LocalLiteError('model_load_failed', 'modules.json is not a list');
  const modules: SentenceModule[] = [];
  try {
    for (const entry of list) modules.push(...readModule(directory, modelConfig(entry, 'modules.json')));
    return modules;
  } catch (error) {
    closeModules(modules);
    throw error;
  }
}

/** Closes the weights of all steps. */
export function closeModules(modules: readonly SentenceModule[]): void {
  for (const module of modules) if (module.kind === 'dense') module.weights.close();
}

function readModule(directory: string, entry: ModelConfig): readonly SentenceModule[] {
  const kind = entry.text('type').split('.').at(-1) ?? '';
  if (['Transformer', 'MLMTransformer', 'Pooling', 'Dropout'].includes(kind)) return [];
  if (kind === 'SpladePooling') return assertSplade(directory, entry.text('path'));
  if (kind === 'Normalize') return [{ kind: 'normalize' }];
  if (kind === 'Dense') return [readDense(directory, entry.text('path'))];
  throw new LocalLiteError(
    'model_unsupported',
    `modules.json has a step ${kind} behind the transformer; LocalLite converts Pooling, Dense and Normalize`,
  );
}

/** The one way of pooling logits that there is a head for: the largest log(1 + relu(logit)). */
function assertSplade(directory: string, folder: string): readonly SentenceModule[] {
  const config = stepConfig(directory, folder);
  const pooling = config.text('pooling_strategy', 'max');
  const activation = config.text('activation_function', 'relu');
  if (pooling === 'max' && activation === 'relu') return [];
  throw new LocalLiteError(
    'model_unsupported',
    `${folder}/config.json asks for ${pooling} of ${activation}; LocalLite converts max of relu`,
  );
}

/** config.json of a step's own folder. */
function stepConfig(directory: string, folder: string): ModelConfig {
  if (!/^[\w][\w.-]*$/.test(folder)) {
    throw new LocalLiteError(
      'model_load_failed',
      `modules.json has the path ${JSON.stringify(folder.slice(0, 80))}, which is no folder of the model`,
    );
  }
  return modelConfig(readJson(join(directory, folder, 'config.json'), `${folder}/config.json`), `${folder}/config.json`);
}

function readDense(directory: string, folder: string): SentenceModule {
  const named = stepConfig(directory, folder).text('activation_function', 'torch.nn.modules.activation.Tanh').split('.').at(-1) ?? '';
  const activation = Object.hasOwn(ACTIVATIONS, named) ? ACTIVATIONS[named] : undefined;
  if (activation === undefined) {
    throw new LocalLiteError(
      'model_unsupported',
      `${folder}/config.json has the activation ${named}; LocalLite converts ${Object.keys(ACTIVATIONS).join(', ')}`,
    );
  }
  return { kind: 'dense', folder, weights: openWeights(join(directory, folder)), name: 'linear', activation };
}

/**
 * Parses a small JSON file of a model.
 * @param name for messages
 * @throws LocalLiteError model_load_failed when it is missing, too large or no JSON
 */
export function readJson(path: string, name: string): unknown {
  try {
    if (statSync(path).size > MAX_JSON_BYTES)
      throw new LocalLiteError('model_load_failed', `${name} is larger than ${MAX_JSON_BYTES} bytes`);
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch (cause) {
    if (LocalLiteError.is(cause)) throw cause;
    const missing = cause instanceof Error && 'code' in cause && cause.code === 'ENOENT';
    throw new LocalLiteError('model_load_failed', missing ? `the model has no ${name}` : `${name} cannot be read as JSON`, { cause });
  }
}
