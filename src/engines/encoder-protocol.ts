import { LocalLiteError } from '../errors.ts';
import type { ModelGraph, Pooling, Task } from '../models/card.ts';
import type { FakeGraph } from '../runtime/fake.ts';
import type { ProviderName } from '../runtime/providers.ts';

/** What an encoder graph can be asked for: the tasks of a card that run in encoder workers. */
export type Head = Exclude<Task, 'chat' | 'ocr'>;

/** What a worker makes of the graph's outputs. */
export interface EncoderSettings {
  /** Heads to serve, the model's own task first; those after it may be missing from the graph. */
  readonly heads: readonly Head[];
  readonly pooling: Pooling;
  readonly normalize: boolean;
  readonly dimensions: number;
  /** Where sparse weights come from; undefined for models without them. */
  readonly sparseFrom: 'vocabulary' | 'tokens' | undefined;
  /** Size of one token's vector; undefined for models without them. */
  readonly tokenDimensions: number | undefined;
  /** How the graph departs from the ordinary. */
  readonly graph: ModelGraph | undefined;
}

/** First message to an encoder worker: what to open and how to read its outputs. */
export interface EncoderLoad extends EncoderSettings {
  /** Absolute path of the ONNX graph. */
  readonly path: string;
  readonly provider: ProviderName;
  readonly threads: number;
  readonly runtimePackage: string | undefined;
  readonly providerLibrary: string | undefined;
  /** A pretended graph instead of the one at `path`, for tests. */
  readonly fake?: FakeGraph;
}

/** The worker's answer to {@link EncoderLoad}. */
export interface EncoderLoaded {
  readonly provider: ProviderName;
  readonly loadMs: number;
  /** Heads that the graph has. */
  readonly heads: readonly Head[];
  /** Graph nodes by the provider that ran them; undefined where the runtime does not tell. */
  readonly nodesByProvider: Readonly<Record<string, number>> | undefined;
}

/** What the texts of a batch are, for graphs that are told so. */
export type TextKind = 'query' | 'passage';

/** Token ids of the rows of one batch, laid end to end. A batch is for one head. */
export interface EncoderBatch {
  readonly head: Head;
  readonly kind: TextKind;
  readonly lengths: Int32Array;
  readonly ids: Int32Array;
  /** Undefined = all zero. */
  readonly typeIds: Int32Array | undefined;
  /** Of each row so many tokens are attended to, the others only filled in; undefined = all. */
  readonly attended: Int32Array | undefined;
}

/** Numbers that travel back: their layout belongs to the head (see `heads.ts` and `results.ts`). */
export type HeadValues = readonly (Float32Array | Int32Array)[];

/** What a worker answers to a batch. */
export interface EncoderResult {
  /** 32-bit words. */
  readonly values: HeadValues;
  readonly inferMs: number;
  /** Resident bytes of the worker after the run; 0 where the system tells others. */
  readonly residentBytes: number;
}

const HEADS: readonly Head[] = ['embed', 'rerank', 'sparse', 'multi'];
const HAS_TYPE_IDS = 1;
const IS_QUERY = 2;
const HAS_ATTENDED = 4;
/** The head's place in {@link HEADS} stands above the flags. */
const HEAD_SHIFT = 3;

/**
 * Frame payload of a batch: i32 rows, i32 flags (1: type ids follow, 2: queries, 4: attended lengths follow, from 8: the head),
 * i32 lengths[rows], i32 ids[sum], i32 typeIds[sum]?, i32 attended[rows]?.
 */
export function packBatch(batch: EncoderBatch): readonly Uint8Array[] {
  const has = (batch.typeIds === undefined ? 0 : HAS_TYPE_IDS) | (batch.attended === undefined ? 0 : HAS_ATTENDED);
  const flags = has | (batch.kind === 'query' ? IS_QUERY : 0) | (HEADS.indexOf(batch.head) << HEAD_SHIFT);
  const parts = [Int32Array.of(batch.lengths.length, flags), batch.lengths, batch.ids];
  if (batch.typeIds !== undefined) parts.push(batch.typeIds);
  if (batch.attended !== undefined) parts.push(batch.attended);
  return parts.map(bytesOf);
}

/** Reads what {@link packBatch} wrote, without copying. @throws LocalLiteError internal for a frame that is none */
export function unpackBatch(payload: Uint8Array<ArrayBuffer>): EncoderBatch {
  const words = new Int32Array(payload.buffer, payload.byteOffset, payload.byteLength / 4);
  const rows = words[0] ?? 0;
  const flags = words[1] ?? 0;
  let at = 2;
  const take = (count: number): Int32Array => {
    at += count;
    return words.subarray(at - count, at);
  };
  const lengths = take(rows);
  const total = lengths.reduce((sum, length) => sum + length, 0);
  const ids = take(total);
  const typeIds = flags & HAS_TYPE_IDS ? take(total) : undefined;
  const attended = flags & HAS_ATTENDED ? take(rows) : undefined;
  const head = HEADS[flags >> HEAD_SHIFT];
  if (at !== words.length || head === undefined) throw new LocalLiteError('internal', 'a batch frame is not as long as its lengths say');
  return { head, kind: flags & IS_QUERY ? 'query' : 'passage', lengths, ids, typeIds, attended };
}

/** Frame payload of a result: f64 inferMs, f64 residentBytes, then the head's own values in 32-bit words. */
export function packResult({ values, inferMs, residentBytes }: EncoderResult): readonly Uint8Array[] {
  return [bytesOf(Float64Array.of(inferMs, residentBytes)), ...values.map(bytesOf)];
}

/** Reads what {@link packResult} wrote, without copying; integers among the values share the floats' memory. */
export function unpackResult(payload: Uint8Array<ArrayBuffer>): {
  readonly values: Float32Array<ArrayBuffer>;
  readonly inferMs: number;
  readonly residentBytes: number;
} {
  const head = new Float64Array(payload.buffer, payload.byteOffset, 2);
  const values = new Float32Array(payload.buffer, payload.byteOffset + 16, (payload.byteLength - 16) / 4);
  return { values, inferMs: head[0] ?? 0, residentBytes: head[1] ?? 0 };
}

function bytesOf(array: Int32Array | Float32Array | Float64Array): Uint8Array {
  return new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
}
