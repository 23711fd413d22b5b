import { LocalLiteError } from '../errors.ts';
import type { ModelGraph, Pooling } from '../models/card.ts';
import type { FakeGraph } from '../runtime/fake.ts';
import type { ProviderName } from '../runtime/providers.ts';

/** First message to an encoder worker: what to open and how to turn token states into vectors. */
export interface EncoderLoad {
  /** Absolute path of the ONNX graph. */
  readonly path: string;
  readonly pooling: Pooling;
  readonly normalize: boolean;
  readonly dimensions: number;
  /** How the graph departs from the ordinary. */
  readonly graph: ModelGraph | undefined;
  readonly provider: ProviderName;
  readonly threads: number;
  readonly runtimePackage: string | undefined;
  readonly providerLibrary: string | undefined;
  /** A pretend graph instead of the one at `path`, for tests. */
  readonly fake?: FakeGraph;
}

/** The worker's answer to {@link EncoderLoad}. */
export interface EncoderLoaded {
  readonly provider: ProviderName;
  readonly loadMs: number;
  /** Graph nodes by the provider that ran them; undefined where the runtime does not tell. */
  readonly nodesByProvider: Readonly<Record<string, number>> | undefined;
}

/** What the texts of a batch are, for graphs that are told so. */
export type TextKind = 'query' | 'passage';

/** Token ids of the rows of one batch, laid end to end; `typeIds` undefined = all zero. */
export interface EncoderBatch {
  readonly kind: TextKind;
  readonly lengths: Int32Array;
  readonly ids: Int32Array;
  readonly typeIds: Int32Array | undefined;
}

/** Vectors of one batch, row-major [rows, dimensions], and what the run took. */
export interface EncoderVectors {
  readonly vectors: Float32Array;
  readonly inferMs: number;
  /** Resident bytes of the worker after the run; 0 where the system tells others. */
  readonly residentBytes: number;
}

const HAS_TYPE_IDS = 1;
const IS_QUERY = 2;

/** Frame payload of a batch: i32 rows, i32 flags (1: type ids follow, 2: queries), i32 lengths[rows], i32 ids[sum], i32 typeIds[sum]?. */
export function packBatch(batch: EncoderBatch): readonly Uint8Array[] {
  const flags = (batch.typeIds === undefined ? 0 : HAS_TYPE_IDS) | (batch.kind === 'query' ? IS_QUERY : 0);
  const head = Int32Array.of(batch.lengths.length, flags);
  return [head, batch.lengths, batch.ids, ...(batch.typeIds === undefined ? [] : [batch.typeIds])].map(bytesOf);
}

/** Reads what {@link packBatch} wrote, without copying. */
export function unpackBatch(payload: Uint8Array<ArrayBuffer>): EncoderBatch {
  const words = new Int32Array(payload.buffer, payload.byteOffset, payload.byteLength / 4);
  const rows = words[0] ?? 0;
  const lengths = words.subarray(2, 2 + rows);
  const total = lengths.reduce((sum, length) => sum + length, 0);
  const ids = words.subarray(2 + rows, 2 + rows + total);
  const flags = words[1] ?? 0;
  const typeIds = flags & HAS_TYPE_IDS ? words.subarray(2 + rows + total, 2 + rows + 2 * total) : undefined;
  if (ids.length !== total) throw new LocalLiteError('internal', 'a batch frame is shorter than its lengths say');
  return { kind: flags & IS_QUERY ? 'query' : 'passage', lengths, ids, typeIds };
}

/** Frame payload of a result: f64 inferMs, f64 residentBytes, f32 vectors. */
export function packVectors(result: EncoderVectors): readonly Uint8Array[] {
  return [Float64Array.of(result.inferMs, result.residentBytes), result.vectors].map(bytesOf);
}

/** Reads what {@link packVectors} wrote, without copying. */
export function unpackVectors(payload: Uint8Array<ArrayBuffer>): EncoderVectors {
  const head = new Float64Array(payload.buffer, payload.byteOffset, 2);
  const vectors = new Float32Array(payload.buffer, payload.byteOffset + 16, (payload.byteLength - 16) / 4);
  return { vectors, inferMs: head[0] ?? 0, residentBytes: head[1] ?? 0 };
}

function bytesOf(array: Int32Array | Float32Array | Float64Array): Uint8Array {
  return new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
}
