import type { Golden, ModelCard, ModelFile, ModelSource, ModelVariant } from '../card.ts';
import goldenVectors from './golden.json' with { type: 'json' };
import { PUBLISHED_SCORES } from './scores.ts';

/*
 * Rules for the data in this folder:
 * - A commit, size or hash stands here only if we read the file ourselves, or if two public lock files that do not draw on
 *   each other agree on it. Where no commit is known that way the revision is `main`: then what the hub serves is checked
 *   against the hash the hub itself states for it, and pinned in the store's manifest.
 * - Pooling, normalisation, prompts and limits are those of the model's own configuration and model card.
 * - `verified` is set only for what LocalLite's own tests run.
 */

/** What every repository of an encoder has beside its graph: configuration and tokenizer. */
export const TOKENIZER_FILES = ['config.json', 'tokenizer.json', 'tokenizer_config.json', 'special_tokens_map.json'] as const;

/** What a sentence-transformers repository has besides: order of modules, limits, pooling. */
export const SENTENCE_FILES = [...TOKENIZER_FILES, 'modules.json', 'sentence_bert_config.json', '1_Pooling/config.json'] as const;

/** A card as its family file writes it: an English text encoder of unit vectors without prompts, unless it says otherwise. */
export type EncoderInput = Omit<ModelCard, 'task' | 'modality' | 'normalize' | 'prompts' | 'scores' | 'languages'> & {
  readonly task?: ModelCard['task'];
  readonly normalize?: boolean;
  readonly prompts?: ModelCard['prompts'];
  readonly languages?: string;
};

/**
 * Completes a text encoder's card with published scores and recorded vectors. A test holds every card to the schema;
 * checking them here would cost every start of the program some 30 ms.
 */
export function encoder(input: EncoderInput): ModelCard {
  return {
    task: 'embed',
    modality: 'text',
    normalize: true,
    prompts: { query: '', passage: '' },
    languages: 'English',
    scores: { ...PUBLISHED_SCORES[input.id] },
    ...input,
    // What is made of the weights is held to the same vectors as the published graph in full precision.
    variants: input.variants.map((variant) => ({
      ...variant,
      golden: goldenOf(input.id, variant.kind === 'weights' ? 'fp32' : variant.name),
    })),
  };
}

/** As JSON comes in: the schema test holds `inputType` to its two words. */
type RecordedVector = Pick<Golden, 'text' | 'vector'> & { readonly inputType?: string };

/** Recorded vectors of a variant (golden.json, written by scripts/golden-vectors.mjs). */
function goldenOf(id: string, variant: string): Golden[] {
  const recorded = RECORDED[`${id}#${variant}`] ?? [];
  return recorded.map(({ text, vector, inputType }) => ({
    text,
    vector,
    ...(inputType === undefined ? {} : { inputType: inputType === 'query' ? 'query' : 'passage' }),
  }));
}

const RECORDED: Readonly<Record<string, readonly RecordedVector[]>> = goldenVectors.vectors;

/** A repository on the hub at a commit, or at `main` where none is known. */
export function hub(repository: string, revision: string, files: readonly (string | ModelFile)[]): ModelSource {
  return { ref: `hub:${repository}@${revision}`, files: files.map((file) => (typeof file === 'string' ? { path: file } : file)) };
}

/** What a known file must be. */
export function pinned(path: string, bytes: number, sha256: string): ModelFile {
  return { path, bytes, sha256 };
}

/** Puts what is known of some files into a list of paths; a pinned file that is not in the list is added at its end. */
export function withPins(paths: readonly string[], pins: readonly ModelFile[]): ModelFile[] {
  const known = new Map(pins.map((pin) => [pin.path, pin]));
  const listed = paths.map((path) => known.get(path) ?? { path });
  return [...listed, ...pins.filter((pin) => !paths.includes(pin.path))];
}

/** Uncertain parts of a variant, all optional. */
type Extra = Pick<Partial<ModelVariant>, 'graph' | 'fidelity'>;

/** The model's numbers as published, 32-bit floats. `megabytes`: size of the weights, for the memory estimate. */
export function fp32(megabytes: number, onnx: string, sources: readonly ModelSource[], extra: Extra = {}): ModelVariant {
  return variant('fp32', 'fp32', true, megabytes, onnx, sources, extra);
}

/**
 * Published per-tensor dynamic int8: a text's vector then depends on its batch, so it runs only when it is named, and `#int8` does not name
 * it: that is what LocalLite makes of the weights.
 */
export function int8(megabytes: number, onnx: string, sources: readonly ModelSource[], extra: Extra = {}): ModelVariant {
  return variant('int8-dynamic', 'int8', false, megabytes, onnx, sources, extra);
}

/** 8-bit weights in blocks; a vector does not depend on its batch. */
export function q8(megabytes: number, onnx: string, sources: readonly ModelSource[], extra: Extra = {}): ModelVariant {
  return variant('q8', 'q8', true, megabytes, onnx, sources, extra);
}

/** The weights as published (safetensors), of which LocalLite makes its own graphs. `megabytes`: their size. */
export function weights(megabytes: number, sources: readonly ModelSource[], main = 'model.safetensors'): ModelVariant {
  return { ...variant('weights', 'fp32', true, megabytes, main, sources, {}), kind: 'weights' };
}

/** The weights in the authors' own repository, one file; `more`: further files, such as those of dense steps. */
export function ownWeights(id: string, revision: string, megabytes: number, more: readonly (string | ModelFile)[] = []): ModelVariant {
  return weights(megabytes, [hub(id, revision, [...SENTENCE_FILES, 'model.safetensors', ...more])]);
}

/** 4-bit weights in blocks; a vector does not depend on its batch. */
export function q4(megabytes: number, onnx: string, sources: readonly ModelSource[], extra: Extra = {}): ModelVariant {
  return variant('q4', 'q4', true, megabytes, onnx, sources, extra);
}

/** Resident bytes of a worker beyond the weights: the runtime, its arena and one batch. An estimate, measured on MiniLM. */
const WORKER_MEGABYTES = 100;

function variant(
  name: string,
  dtype: ModelVariant['dtype'],
  batchInvariant: boolean,
  megabytes: number,
  onnx: string,
  sources: readonly ModelSource[],
  extra: Extra,
): ModelVariant {
  const memoryBytes = Math.round((megabytes + WORKER_MEGABYTES) * 1e6);
  return { name, dtype, onnx, batchInvariant, sources: [...sources], memoryBytes, golden: [], ...extra };
}
