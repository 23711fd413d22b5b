import { LocalLiteError } from '../errors.ts';
import type { Tensor, TensorShape } from '../runtime/session.ts';
import type { EncoderBatch, EncoderSettings, Head, HeadValues } from './encoder-protocol.ts';
import { normalizeRows, pool } from './pooling.ts';
import { floatsOf, shapeError } from './tensor-values.ts';

/** One head of an open graph: the output it reads, and what of that output travels to the gateway. */
export interface HeadReader {
  readonly output: string;
  /** @throws LocalLiteError model_unsupported when the output has not the head's shape */
  read(tensor: Tensor | undefined, batch: EncoderBatch): HeadValues;
}

/**
 * Outputs by which a head is known, ours first, then those of published graphs; a graph's only output is taken whatever its name.
 * `embed`: finished sentence vectors, preferred over the token states of {@link STATE_OUTPUTS}.
 */
const OUTPUTS = {
  embed: ['sentence_embedding', 'sentence_embeddings', 'pooled_embedding', 'dense_vecs'],
  rerank: ['logits', 'scores'],
  vocabulary: ['vocabulary_weights', 'logits', 'output'],
  tokens: ['token_weights', 'sparse_vecs'],
  multi: ['token_vectors', 'colbert_vecs', 'contextual'],
} as const;
const STATE_OUTPUTS = ['last_hidden_state', 'token_embeddings', 'hidden_states', 'output_0'];

/** The reader of a head; undefined when the graph does not have it. */
export function openHead(head: Head, outputs: readonly TensorShape[], settings: EncoderSettings): HeadReader | undefined {
  const names = outputs.map(({ name }) => name);
  const isMain = head === settings.heads[0];
  const named = isMain && settings.graph?.output !== undefined && names.includes(settings.graph.output) ? settings.graph.output : undefined;
  const only = isMain && names.length === 1 ? names[0] : undefined;
  const known = (candidates: readonly string[]): string | undefined => named ?? candidates.find((name) => names.includes(name));
  const find = (candidates: readonly string[]): string | undefined => known(candidates) ?? only;
  const reader = (output: string | undefined, read: HeadReader['read']): HeadReader | undefined =>
    output === undefined ? undefined : { output, read };
  switch (head) {
    case 'embed': {
      const pooled = known(OUTPUTS.embed);
      if (pooled !== undefined) return reader(pooled, (tensor, batch) => finishVectors(floatsOf(tensor), batch, settings));
      const states = STATE_OUTPUTS.find((name) => names.includes(name)) ?? only;
      return reader(states, (tensor, batch) => finishVectors(poolStates(tensor, batch, settings), batch, settings));
    }
    case 'rerank':
      return reader(find(OUTPUTS.rerank), readLogits);
    case 'sparse':
      return settings.sparseFrom === 'tokens'
        ? reader(find(OUTPUTS.tokens), readTokenWeights)
        : reader(find(OUTPUTS.vocabulary), readVocabularyWeights);
    case 'multi':
      return reader(find([...OUTPUTS.multi, 'last_hidden_state']), (tensor, batch) => readTokenVectors(tensor, batch, settings));
  }
}

/** f32 [rows, dimensions]. */
function finishVectors(vectors: Float32Array, batch: EncoderBatch, settings: EncoderSettings): HeadValues {
  const rows = batch.lengths.length;
  if (vectors.length !== rows * settings.dimensions) {
    throw new LocalLiteError(
      'model_unsupported',
      `the graph gives ${vectors.length / rows} values a text where the model's card says ${settings.dimensions}`,
    );
  }
  if (settings.normalize) normalizeRows(vectors, settings.dimensions);
  return [vectors];
}

function poolStates(tensor: Tensor | undefined, batch: EncoderBatch, settings: EncoderSettings): Float32Array {
  const [rows, width, dimensions] = tensor?.dims ?? [];
  if (rows !== batch.lengths.length || width === undefined || dimensions === undefined) {
    throw shapeError('token states', tensor, '[rows, tokens, dimensions]');
  }
  return pool({ data: floatsOf(tensor), width, dimensions, lengths: batch.lengths }, settings.pooling);
}

/** f32 [rows]. */
function readLogits(tensor: Tensor | undefined, batch: EncoderBatch): HeadValues {
  const logits = floatsOf(tensor);
  if (logits.length !== batch.lengths.length) throw shapeError('logits', tensor, '[rows, 1]: a reranker gives one a pair');
  return [logits];
}

/** i32 terms[rows], then all ids i32 [sum of terms] and all weights f32 [sum of terms]: most of a vocabulary is zero and stays here. */
function readVocabularyWeights(tensor: Tensor | undefined, batch: EncoderBatch): HeadValues {
  const rows = batch.lengths.length;
  const [first, middle, last] = tensor?.dims ?? [];
  const size = last ?? middle;
  if (first !== rows || size === undefined)
    throw shapeError('vocabulary weights', tensor, '[rows, vocabulary] or [rows, tokens, vocabulary]');
  const data = floatsOf(tensor);
  const weights = last === undefined ? data : spladeWeights(data, { width: middle ?? 0, size }, batch.lengths);
  const terms = new Int32Array(rows);
  let total = 0;
  for (let row = 0; row < rows; row++) {
    let count = 0;
    for (let at = row * size; at < (row + 1) * size; at++) if ((weights[at] ?? 0) > 0) count += 1;
    terms[row] = count;
    total += count;
  }
  const indices = new Int32Array(total);
  const values = new Float32Array(total);
  let next = 0;
  for (let at = 0; at < rows * size; at++) {
    const weight = weights[at] ?? 0;
    if (!(weight > 0)) continue;
    indices[next] = at % size;
    values[next++] = weight;
  }
  return [terms, indices, values];
}

/** SPLADE's weights of a masked language model's logits: the largest log(1 + relu(logit)) over the real tokens, [rows, vocabulary]. */
function spladeWeights(data: Float32Array, { width, size }: { width: number; size: number }, lengths: Int32Array): Float32Array {
  const weights = new Float32Array(lengths.length * size);
  lengths.forEach((length, row) => {
    const target = weights.subarray(row * size, (row + 1) * size);
    for (let token = 0; token < length; token++) {
      const start = (row * width + token) * size;
      for (let term = 0; term < size; term++) {
        const logit = data[start + term] ?? 0;
        if (logit > (target[term] ?? 0)) target[term] = logit;
      }
    }
  });
  // log(1 + x) grows with x: one logarithm for the largest does for all.
  for (let at = 0; at < weights.length; at++) if (weights[at] !== 0) weights[at] = Math.log1p(weights[at] ?? 0);
  return weights;
}

/** f32 weight of every real token, row after row. */
function readTokenWeights(tensor: Tensor | undefined, batch: EncoderBatch): HeadValues {
  const [rows, width, rest = 1, keys] = tensor?.dims ?? [];
  const isAttention = keys !== undefined && rest === keys;
  if (rows !== batch.lengths.length || width === undefined || (rest !== 1 && !isAttention)) {
    throw shapeError('token weights', tensor, '[rows, tokens] or attention [rows, heads, tokens, tokens]');
  }
  const data = floatsOf(tensor);
  return [
    isAttention
      ? firstTokensAttention(data, { heads: width, width: keys }, batch.lengths)
      : realTokens(data, { width, dimensions: 1 }, batch.lengths),
  ];
}

/** How much the first token attends to each token, averaged over the heads (bm42). */
function firstTokensAttention(data: Float32Array, { heads, width }: { heads: number; width: number }, lengths: Int32Array): Float32Array {
  const weights = new Float32Array(lengths.reduce((sum, length) => sum + length, 0));
  let at = 0;
  lengths.forEach((length, row) => {
    for (let token = 0; token < length; token++) {
      let sum = 0;
      for (let head = 0; head < heads; head++) sum += data[(row * heads + head) * width * width + token] ?? 0;
      weights[at++] = sum / heads;
    }
  });
  return weights;
}

/** i32 tokens[rows], then f32 [sum of tokens, dimensions], each of unit length; graphs that leave the first token out give one less a row. */
function readTokenVectors(tensor: Tensor | undefined, batch: EncoderBatch, settings: EncoderSettings): HeadValues {
  const [rows, width, dimensions] = tensor?.dims ?? [];
  const { lengths } = batch;
  if (rows !== lengths.length || width === undefined || dimensions === undefined || dimensions !== settings.tokenDimensions) {
    throw shapeError('token vectors', tensor, `[rows, tokens, ${settings.tokenDimensions}]`);
  }
  const longest = lengths.reduce((most, length) => Math.max(most, length), settings.graph?.padTo ?? 0);
  const missing = longest - width;
  if (missing !== 0 && missing !== 1) throw shapeError('token vectors', tensor, `[rows, ${longest} tokens, ${dimensions}]`);
  const tokens = lengths.map((length) => length - missing);
  const vectors = realTokens(floatsOf(tensor), { width, dimensions }, tokens);
  normalizeRows(vectors, dimensions);
  return [tokens, vectors];
}

/** What stands for padding is left out: [rows, width, dimensions] becomes [sum of lengths, dimensions]. */
function realTokens(data: Float32Array, { width, dimensions }: { width: number; dimensions: number }, lengths: Int32Array): Float32Array {
  const kept = new Float32Array(lengths.reduce((sum, length) => sum + length, 0) * dimensions);
  let at = 0;
  lengths.forEach((length, row) => {
    const start = row * width * dimensions;
    kept.set(data.subarray(start, start + length * dimensions), at);
    at += length * dimensions;
  });
  return kept;
}
