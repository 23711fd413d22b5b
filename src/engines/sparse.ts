import { LocalLiteError } from '../errors.ts';
import type { EncoderFacts } from '../models/card.ts';
import type { Tokenizer } from '../runtime/tokenizer-types.ts';
import type { Batcher } from './batcher.ts';
import type { SparseEmbedder, SparselyEmbedded, TermWeights, TextInput, TextOptions } from './embedder-types.ts';
import type { EncoderInput } from './encoder-input.ts';
import { type EncodedText, encodeInput, estimateTokens, promptFor, runTexts } from './text-run.ts';

/** What the sparse engines need to know of a model. */
export interface SparseParts<Out> {
  readonly facts: Pick<EncoderFacts, 'maxTokens' | 'prompts'>;
  readonly tokenizer: Tokenizer;
  readonly batcher: Batcher<EncoderInput, Out>;
}

/** Sparse vectors of a graph that weighs the whole vocabulary (SPLADE): the workers send the terms that are not zero. */
export function createVocabularyEmbedder(parts: SparseParts<TermWeights>): SparseEmbedder {
  return {
    async embed(inputs, options) {
      const { results, ...run } = await runTexts(inputs, sparseRun(inputs, options, parts));
      return { vectors: results, ...run };
    },
  };
}

/** Sparse vectors of a graph that weighs each token (bge-m3, bm42): of a term's tokens the heaviest counts, special tokens never. */
export function createTermEmbedder(parts: SparseParts<Float32Array>): SparseEmbedder {
  return {
    async embed(inputs, options): Promise<SparselyEmbedded> {
      const ids: Int32Array[] = [];
      const how = sparseRun(inputs, options, parts, (encoded, index) => {
        ids[index] = encoded.ids;
      });
      const { results, ...run } = await runTexts(inputs, how);
      const isTerm = (id: number): boolean => !parts.tokenizer.isSpecial(id);
      return { vectors: results.map((weights, index) => termWeights(ids[index] ?? new Int32Array(), weights, isTerm)), ...run };
    },
  };
}

function sparseRun<Out>(
  inputs: readonly TextInput[],
  { inputType, truncate, lane, signal }: TextOptions,
  { facts, tokenizer, batcher }: SparseParts<Out>,
  encoded: (text: EncodedText, index: number) => void = () => {},
): Parameters<typeof runTexts<TextInput, Out>>[1] {
  const { maxTokens } = facts;
  const rules = { tokenizer, maxTokens, prompt: promptFor(inputs, inputType, facts.prompts), truncate: truncate === true };
  return {
    batcher,
    lane,
    signal,
    expectedTokens: estimateTokens(inputs, maxTokens),
    encode: async (input, index) => {
      const text = await encodeInput(input, index, rules);
      encoded(text, index);
      return text;
    },
  };
}

/** The largest weight of each id, ascending by id; what is not above zero is left out. `isTerm` says which ids may count. */
export function termWeights(ids: Int32Array, weights: Float32Array, isTerm: (id: number) => boolean): TermWeights {
  if (ids.length !== weights.length) throw new LocalLiteError('internal', `${weights.length} weights for ${ids.length} tokens`);
  const best = new Map<number, number>();
  ids.forEach((id, at) => {
    const weight = weights[at] ?? 0;
    if (weight > (best.get(id) ?? 0) && isTerm(id)) best.set(id, weight);
  });
  const indices = Int32Array.from(best.keys()).sort();
  return { indices, values: Float32Array.from(indices, (id) => best.get(id) ?? 0) };
}
