import { LocalLiteError } from '../errors.ts';
import type { ModelGraph, Pooling } from '../models/card.ts';
import type { InferenceSession, Tensor, TensorShape, Tensors } from '../runtime/session.ts';
import type { EncoderBatch } from './encoder-protocol.ts';
import { normalizeRows, pool } from './pooling.ts';

/** Inside a worker: ids in, pooled vectors out. */
export interface Encoder {
  /** Row-major [rows, dimensions]. */
  encode(batch: EncoderBatch): Promise<Float32Array>;
}

/** What the encoder does with the token states. */
export interface EncoderSettings {
  readonly pooling: Pooling;
  readonly normalize: boolean;
  readonly dimensions: number;
  readonly graph: ModelGraph | undefined;
}

/** Outputs that hold finished sentence vectors (pooling and any dense layers inside the graph), preferred over token states. */
const POOLED_OUTPUTS = ['sentence_embedding', 'sentence_embeddings', 'pooled_embedding'];
const STATE_OUTPUTS = ['last_hidden_state', 'token_embeddings', 'hidden_states', 'output_0'];

/**
 * Wraps an open graph. Input names come from the graph itself.
 * @throws LocalLiteError model_unsupported when the graph has inputs or outputs that an encoder cannot serve.
 */
export function createEncoder(session: InferenceSession, settings: EncoderSettings): Encoder {
  const output = chooseOutput(session.outputs, settings.graph);
  const scratch = new Map<string, BigInt64Array>();
  for (const input of session.inputs) assertKnown(input, settings.graph);

  const longs = (name: string, size: number): BigInt64Array => {
    const held = scratch.get(name);
    const buffer = held !== undefined && held.length >= size ? held : new BigInt64Array(Math.ceil(size * 1.25));
    scratch.set(name, buffer);
    return buffer.subarray(0, size).fill(0n);
  };

  return {
    async encode(batch) {
      const feeds = feedsFor(session.inputs, batch, { graph: settings.graph, longs });
      const result = (await session.run(feeds, [output.name]))[output.name];
      const data = toFloat32(result);
      const vectors = output.pooled ? data : poolStates(data, result, batch, settings);
      assertShape(vectors, batch.lengths.length, settings.dimensions);
      if (settings.normalize) normalizeRows(vectors, settings.dimensions);
      return vectors;
    },
  };
}

function chooseOutput(outputs: readonly TensorShape[], graph: ModelGraph | undefined): { name: string; pooled: boolean } {
  const names = outputs.map((output) => output.name);
  if (graph?.output !== undefined && names.includes(graph.output)) return { name: graph.output, pooled: true };
  const pooled = POOLED_OUTPUTS.find((name) => names.includes(name));
  if (pooled !== undefined) return { name: pooled, pooled: true };
  const states = STATE_OUTPUTS.find((name) => names.includes(name)) ?? (names.length === 1 ? names[0] : undefined);
  if (states === undefined) {
    throw new LocalLiteError(
      'model_unsupported',
      `none of the graph's outputs (${names.join(', ')}) holds token states or sentence vectors`,
    );
  }
  return { name: states, pooled: false };
}

function assertKnown({ name }: TensorShape, graph: ModelGraph | undefined): void {
  if (/^(input_ids|attention_mask|token_type_ids|position_ids)$/.test(name) || name.startsWith('past_key_values')) return;
  if (graph?.scalars?.[name] !== undefined) return;
  throw new LocalLiteError('model_unsupported', `the graph wants an input named ${name}, which an embedding model does not have`);
}

type Longs = (name: string, size: number) => BigInt64Array;

interface FeedContext {
  readonly graph: ModelGraph | undefined;
  readonly longs: Longs;
}

function feedsFor(inputs: readonly TensorShape[], batch: EncoderBatch, { graph, longs }: FeedContext): Tensors {
  const rows = batch.lengths.length;
  const width = batch.lengths.reduce((longest, length) => Math.max(longest, length), graph?.padTo ?? 0);
  const feed = (input: TensorShape): Tensor => {
    const scalar = graph?.scalars?.[input.name];
    if (scalar !== undefined) return { type: 'int64', dims: [], data: BigInt64Array.of(BigInt(scalar[batch.kind])) };
    if (input.name.startsWith('past_key_values')) return emptyPast(input, rows);
    return idsTensor(input.name, batch, { rows, width, longs });
  };
  return Object.fromEntries(inputs.map((input) => [input.name, feed(input)]));
}

/** Right-padded int64 [rows, width]. */
function idsTensor(name: string, batch: EncoderBatch, shape: { rows: number; width: number; longs: Longs }): Tensor {
  const data = shape.longs(name, shape.rows * shape.width);
  // Little-endian low words: writing them spares a BigInt for every token.
  const low = new Int32Array(data.buffer, data.byteOffset, data.length * 2);
  let from = 0;
  batch.lengths.forEach((length, row) => {
    const start = row * shape.width * 2;
    for (let token = 0; token < length; token++) low[start + token * 2] = wordAt(name, batch, token, from + token);
    from += length;
  });
  return { type: 'int64', dims: [shape.rows, shape.width], data };
}

function wordAt(name: string, batch: EncoderBatch, position: number, at: number): number {
  if (name === 'input_ids') return batch.ids[at] ?? 0;
  if (name === 'attention_mask') return 1;
  return name === 'position_ids' ? position : (batch.typeIds?.[at] ?? 0);
}

/** A decoder exported with a cache takes an empty one: its symbolic dimensions are the batch (first) and the past length (zero). */
function emptyPast(input: TensorShape, rows: number): Tensor {
  const dims = input.shape.map((size, axis) => (typeof size === 'number' ? size : axis === 0 ? rows : 0));
  return input.type === 'float16'
    ? { type: 'float16', dims, data: new Uint16Array(0) }
    : { type: 'float32', dims, data: new Float32Array(0) };
}

function poolStates(data: Float32Array, result: Tensor | undefined, batch: EncoderBatch, settings: EncoderSettings): Float32Array {
  const [rows, width, dimensions] = result?.dims ?? [];
  if (rows !== batch.lengths.length || width === undefined || dimensions === undefined) {
    throw new LocalLiteError('model_unsupported', `token states of shape [${result?.dims.join(', ')}] are not [rows, tokens, dimensions]`);
  }
  return pool({ data, width, dimensions, lengths: batch.lengths }, settings.pooling);
}

function assertShape(vectors: Float32Array, rows: number, dimensions: number): void {
  if (vectors.length === rows * dimensions) return;
  throw new LocalLiteError(
    'model_unsupported',
    `the graph gives ${vectors.length / rows} values a text where the model's card says ${dimensions}`,
  );
}

function toFloat32(tensor: Tensor | undefined): Float32Array {
  if (tensor?.data instanceof Float32Array) return tensor.data;
  if (tensor?.data instanceof Uint16Array) return Float32Array.from(tensor.data, halfToFloat);
  throw new LocalLiteError('inference_failed', 'the runtime gave no floating-point output');
}

/** IEEE 754 binary16 bits to a number. */
export function halfToFloat(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}
