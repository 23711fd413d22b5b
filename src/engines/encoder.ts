import { LocalLiteError } from '../errors.ts';
import type { ModelGraph } from '../models/card.ts';
import type { InferenceSession, Tensor, TensorShape, Tensors } from '../runtime/session.ts';
import type { EncoderBatch, EncoderSettings, Head, HeadValues } from './encoder-protocol.ts';
import { type HeadReader, openHead } from './heads.ts';

/** Inside a worker: ids in, the values of one head out. */
export interface Encoder {
  /** Heads that the graph has. */
  readonly heads: readonly Head[];
  run(batch: EncoderBatch): Promise<HeadValues>;
}

/**
 * Wraps an open graph. Input and output names come from the graph itself.
 * @throws LocalLiteError model_unsupported when the graph has inputs that an encoder cannot serve, or lacks the model's own head.
 */
export function createEncoder(session: InferenceSession, settings: EncoderSettings): Encoder {
  const readers = openHeads(session.outputs, settings);
  const scratch = new Map<string, BigInt64Array>();
  for (const input of session.inputs) assertKnown(input, settings.graph);

  const longs = (name: string, size: number): BigInt64Array => {
    const held = scratch.get(name);
    const buffer = held !== undefined && held.length >= size ? held : new BigInt64Array(Math.ceil(size * 1.25));
    scratch.set(name, buffer);
    return buffer.subarray(0, size).fill(0n);
  };

  return {
    heads: [...readers.keys()],
    async run(batch) {
      const reader = readers.get(batch.head);
      if (reader === undefined) throw new LocalLiteError('internal', `the graph has no head for ${batch.head}`);
      const feeds = feedsFor(session.inputs, batch, { graph: settings.graph, longs });
      return reader.read((await session.run(feeds, [reader.output]))[reader.output], batch);
    },
  };
}

/** What a head needs, for the message of a graph that lacks it. */
const WANTED: Readonly<Record<Head, string>> = {
  embed: 'token states or sentence vectors',
  rerank: 'logits',
  sparse: 'term weights',
  multi: 'token vectors',
};

function openHeads(outputs: readonly TensorShape[], settings: EncoderSettings): ReadonlyMap<Head, HeadReader> {
  const readers = new Map<Head, HeadReader>();
  for (const head of settings.heads) {
    const reader = openHead(head, outputs, settings);
    if (reader !== undefined) readers.set(head, reader);
  }
  const [own = 'embed'] = settings.heads;
  if (readers.has(own)) return readers;
  const names = outputs.map(({ name }) => name).join(', ');
  throw new LocalLiteError('model_unsupported', `none of the graph's outputs (${names}) holds ${WANTED[own]}`);
}

function assertKnown({ name }: TensorShape, graph: ModelGraph | undefined): void {
  if (/^(input_ids|attention_mask|token_type_ids|position_ids)$/.test(name) || name.startsWith('past_key_values')) return;
  if (graph?.scalars?.[name] !== undefined) return;
  throw new LocalLiteError('model_unsupported', `the graph wants an input named ${name}, which an encoder does not have`);
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
    const filled = name === 'attention_mask' ? (batch.attended?.[row] ?? length) : length;
    for (let token = 0; token < filled; token++) low[start + token * 2] = wordAt(name, batch, token, from + token);
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
