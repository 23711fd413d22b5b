import { setTimeout as sleep } from 'node:timers/promises';
import { LocalLiteError } from '../errors.ts';

/** A producer that is slower than this between two items is not waited for any longer: what is there goes on. */
const LINGER_MS = 20;

/** Items in groups of at most `size`; a smaller group goes out when the next item takes its time, so that a slow input still streams. */
export async function* inBatches<T>(items: AsyncIterable<T>, size: number): AsyncGenerator<readonly T[]> {
  const iterator = items[Symbol.asyncIterator]();
  let batch: T[] = [];
  let upcoming = iterator.next();
  for (;;) {
    const result = batch.length === 0 ? await upcoming : await soonest(upcoming);
    if (result === undefined || result.done || batch.length === size) {
      if (batch.length > 0) yield batch;
      batch = [];
      if (result?.done) return;
    }
    if (result === undefined || result.done) continue;
    batch.push(result.value);
    upcoming = iterator.next();
    // The failure is noticed when it is awaited.
    upcoming.catch(() => undefined);
  }
}

async function soonest<T>(upcoming: Promise<T>): Promise<T | undefined> {
  const stop = new AbortController();
  try {
    return await Promise.race([upcoming, sleep(LINGER_MS, undefined, { signal: stop.signal })]);
  } finally {
    stop.abort();
  }
}

/** A group of items, and the place of its first one among all of them. */
export interface Numbered<T> {
  readonly start: number;
  readonly records: readonly T[];
}

/** Groups with their places, counted from 0. */
export async function* numbered<T>(batches: AsyncIterable<readonly T[]>): AsyncGenerator<Numbered<T>> {
  let start = 0;
  for await (const records of batches) {
    yield { start, records };
    start += records.length;
  }
}

/** How {@link inOrder} runs. */
export interface PipelineOptions<In, Out> {
  /** Most batches under way at a time. */
  readonly ahead: number;
  readonly signal: AbortSignal;
  /** Handles one batch; its signal aborts when the results are no longer wanted. */
  readonly work: (batch: In, signal: AbortSignal) => Promise<Out>;
}

/**
 * Results of `work` in the order of the batches. Input is read no faster than results are taken, so memory stays constant however long
 * the input is; a result is handed on as soon as it is the next one. The first failure ends the others.
 * @throws LocalLiteError cancelled when the signal aborts, also while the input is silent
 */
export async function* inOrder<In, Out>(batches: AsyncIterable<In>, options: PipelineOptions<In, Out>): AsyncGenerator<Out> {
  const stop = new AbortController();
  const signal = AbortSignal.any([options.signal, stop.signal]);
  const running: Promise<Out>[] = [];
  const iterator = batches[Symbol.asyncIterator]();
  let upcoming: Promise<IteratorResult<In>> | undefined;
  let ended = false;
  try {
    while (!ended || running.length > 0) {
      if (!ended && running.length < options.ahead) upcoming ??= iterator.next();
      const [first] = running;
      const sources = [upcoming, first?.then(() => undefined)].filter((source) => source !== undefined);
      const input = await firstOf(sources, options.signal);
      if (input === undefined) {
        running.splice(0, 1);
        if (first !== undefined) yield await first;
        continue;
      }
      upcoming = undefined;
      if (input.done) ended = true;
      else running.push(started(options.work(input.value, signal)));
    }
  } finally {
    stop.abort();
    await Promise.allSettled(running);
    // An input that is silent now may be so for ever: nobody waits for it.
    upcoming?.catch(() => undefined);
    iterator.return?.(undefined).catch(() => undefined);
  }
}

/** A failure is noticed when its turn comes; until then it must not count as unhandled. */
function started<T>(work: Promise<T>): Promise<T> {
  work.catch(() => undefined);
  return work;
}

/** Like `Promise.race`, but ends with the signal, and leaves nothing behind on it: it is used once for every batch of a long input. */
function firstOf<T>(sources: readonly Promise<T>[], signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const fail = (): void => reject(new LocalLiteError('cancelled', 'interrupted', { cause: signal.reason }));
    if (signal.aborted) return fail();
    signal.addEventListener('abort', fail, { once: true });
    for (const source of sources) source.then(resolve, reject).finally(() => signal.removeEventListener('abort', fail));
  });
}
