import { LocalLiteError } from '../errors.ts';
import type { CoreSlots } from '../runtime/slots.ts';
import type { WorkerProcess } from '../runtime/worker.ts';
import type { WorkerGroup } from '../runtime/worker-group.ts';
import type { BatchRunner } from './batcher.ts';
import { type EncoderBatch, packBatch, type TextKind, unpackVectors } from './encoder-protocol.ts';

/** What one text looks like to a worker. */
export interface EncoderInput {
  readonly ids: Int32Array;
  readonly typeIds: Int32Array;
}

/** Runs encoder batches on a group of workers, one core slot each. */
export function encoderRunner(options: {
  readonly group: WorkerGroup<WorkerProcess>;
  readonly slots: CoreSlots;
  /** What the texts of this queue are; one runner a kind where the graph is told. */
  readonly kind: TextKind;
  readonly dimensions: number;
  readonly timeoutMs: number;
}): BatchRunner<EncoderInput, Float32Array> {
  const { group, slots } = options;
  return {
    size: group.size,
    idle: () => group.idleCount,
    reserve: (lane, granted) =>
      slots.request(lane, (release) => {
        const worker = group.take();
        if (worker === undefined) {
          release();
          granted(undefined);
          return;
        }
        const giveBack = (): void => {
          release();
          group.release(worker);
        };
        granted((items) => runBatch(worker, items, options).finally(giveBack));
      }),
  };
}

async function runBatch(
  worker: WorkerProcess,
  items: readonly EncoderInput[],
  options: { readonly kind: TextKind; readonly dimensions: number; readonly timeoutMs: number },
): Promise<{ results: readonly Float32Array[]; inferMs: number }> {
  if (items.length === 0) return { results: [], inferMs: 0 };
  const { vectors, inferMs, residentBytes } = unpackVectors(await worker.job(packBatch(joinRows(items, options.kind)), options.timeoutMs));
  worker.noteResidentBytes(residentBytes);
  if (vectors.length !== items.length * options.dimensions) {
    throw new LocalLiteError('inference_failed', `the worker gave ${vectors.length} values for ${items.length} texts`);
  }
  return { results: items.map((_, row) => vectors.subarray(row * options.dimensions, (row + 1) * options.dimensions)), inferMs };
}

function joinRows(items: readonly EncoderInput[], kind: TextKind): EncoderBatch {
  const lengths = Int32Array.from(items, (item) => item.ids.length);
  const total = lengths.reduce((sum, length) => sum + length, 0);
  const ids = new Int32Array(total);
  const typeIds = items.some((item) => item.typeIds.some((id) => id !== 0)) ? new Int32Array(total) : undefined;
  let at = 0;
  for (const item of items) {
    ids.set(item.ids, at);
    typeIds?.set(item.typeIds, at);
    at += item.ids.length;
  }
  return { kind, lengths, ids, typeIds };
}
