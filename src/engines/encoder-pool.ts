import type { CoreSlots } from '../runtime/slots.ts';
import type { WorkerProcess } from '../runtime/worker.ts';
import type { WorkerGroup } from '../runtime/worker-group.ts';
import type { BatchRunner } from './batcher.ts';
import type { EncoderInput } from './encoder-input.ts';
import { type EncoderBatch, type Head, packBatch, type TextKind, unpackResult } from './encoder-protocol.ts';
import type { SplitValues } from './results.ts';

/** What the batches of one queue are for. */
export interface BatchPurpose<Out> {
  readonly head: Head;
  /** What the texts of this queue are; one runner a kind where the graph is told. */
  readonly kind: TextKind;
  readonly split: SplitValues<Out>;
  readonly timeoutMs: number;
}

/** Runs encoder batches on a group of workers, one core slot each. */
export function encoderRunner<Out>(
  options: { readonly group: WorkerGroup<WorkerProcess>; readonly slots: CoreSlots } & BatchPurpose<Out>,
): BatchRunner<EncoderInput, Out> {
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

async function runBatch<Out>(
  worker: WorkerProcess,
  items: readonly EncoderInput[],
  purpose: BatchPurpose<Out>,
): Promise<{ results: readonly Out[]; inferMs: number }> {
  if (items.length === 0) return { results: [], inferMs: 0 };
  const { values, inferMs, residentBytes } = unpackResult(await worker.job(packBatch(joinRows(items, purpose)), purpose.timeoutMs));
  worker.noteResidentBytes(residentBytes);
  return { results: purpose.split(values, items), inferMs };
}

function joinRows(items: readonly EncoderInput[], { head, kind }: { readonly head: Head; readonly kind: TextKind }): EncoderBatch {
  const lengths = Int32Array.from(items, (item) => item.ids.length);
  const total = lengths.reduce((sum, length) => sum + length, 0);
  const ids = new Int32Array(total);
  const typeIds = items.some((item) => item.typeIds.some((id) => id !== 0)) ? new Int32Array(total) : undefined;
  const isFilled = items.some((item) => item.attended !== undefined);
  const attended = isFilled ? Int32Array.from(items, (item) => item.attended ?? item.ids.length) : undefined;
  let at = 0;
  for (const item of items) {
    ids.set(item.ids, at);
    typeIds?.set(item.typeIds, at);
    at += item.ids.length;
  }
  return { head, kind, lengths, ids, typeIds, attended };
}
