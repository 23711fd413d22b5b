import { LocalLiteError } from '../errors.ts';
import type { Lane } from '../runtime/slots.ts';
import { LaneQueue, type Waiting } from './lane-queue.ts';
import { type BatchLimits, chooseLane, planBatch } from './plan.ts';

/** What became of a batch, for metrics. */
export interface BatchReport {
  readonly rows: number;
  readonly realTokens: number;
  readonly paddedTokens: number;
  readonly inferMs: number;
}

/** How the batcher reaches what runs batches; a group of workers behind core slots in the gateway, anything in a test. */
export interface BatchRunner<In, Out> {
  /** Workers that could take a batch this instant. */
  idle(): number;
  /** How many workers there are at all. */
  readonly size: number;
  /**
   * Asks for a core in `lane`; `granted` is called at once or later with a function that runs one batch on an idle worker, or with
   * undefined when no worker was left by then. Returns a function that withdraws the request.
   */
  reserve(lane: Lane, granted: (run: BatchRun<In, Out> | undefined) => void): () => void;
}

/** Runs one batch; with no items it only gives the core and the worker back. */
export type BatchRun<In, Out> = (items: readonly In[]) => Promise<{ readonly results: readonly Out[]; readonly inferMs: number }>;

export interface BatcherSettings {
  readonly maxPaddedTokens: number;
  /** Tokens that may wait, all lanes together. */
  readonly maxQueuedTokens: number;
  /** Milliseconds a bulk text may be overtaken by interactive ones. */
  readonly maxBulkWaitMs: number;
}

/** A settled text: its result, when it was taken from the queue and how long its batch ran. */
export interface Settled<Out> {
  readonly result: Out;
  readonly queueMs: number;
  readonly inferMs: number;
}

interface Entry<In, Out> extends Waiting {
  readonly item: In;
  readonly resolve: (settled: Settled<Out>) => void;
  readonly reject: (error: LocalLiteError) => void;
}

/** Room that was promised to a request before its texts were counted. */
export interface Admission {
  /** A text of `length` tokens is in the queue now: so much less is reserved beside it. */
  readonly queued: (length: number) => void;
  /** Gives back what is left; to be called once all texts are queued or the request has failed. */
  readonly end: () => void;
}

/** A queued item. */
export interface Ticket<Out> {
  /** Rejects with `cancelled` after `leave`, and with what its batch failed of. */
  readonly settled: Promise<Settled<Out>>;
  /** The caller has gone: frees the place. Without effect once the item's batch has begun. */
  readonly leave: () => void;
}

/** A batch should keep a worker busy for about this long: short enough for whoever waits behind it, long enough to hide the hand-over. */
const TARGET_BATCH_MS = 30;
const MAX_PADDING_SHARE = 0.06;
const FIRST_GUESS_TOKENS_PER_MS = 4;
/** Share of the queue that bulk work may fill. */
const BULK_SHARE = 0.875;

/**
 * Packs waiting texts into batches by padded-token cost. Runs at once when a worker is idle, gathers while all are busy, and decides what
 * to run only when a core is granted, so an interactive text waits for at most one running batch. A caller who leaves frees the place;
 * a failing run rejects exactly its batch.
 */
export class Batcher<In, Out> {
  readonly #runner: BatchRunner<In, Out>;
  readonly #settings: BatcherSettings;
  readonly #onBatch: (report: BatchReport) => void;
  readonly #lanes: Readonly<Record<Lane, LaneQueue<Entry<In, Out>>>> = { interactive: new LaneQueue(), bulk: new LaneQueue() };
  #sequence = 0;
  #streak = 0;
  #running = 0;
  #reservedTokens = 0;
  #pumpIsDue = false;
  #reservations = new Map<Lane, () => void>();
  #tokensPerMs = FIRST_GUESS_TOKENS_PER_MS;
  #closed: LocalLiteError | undefined;
  #drained: (() => void)[] = [];

  constructor(options: { runner: BatchRunner<In, Out>; settings: BatcherSettings; onBatch?: (report: BatchReport) => void }) {
    this.#runner = options.runner;
    this.#settings = options.settings;
    this.#onBatch = options.onBatch ?? (() => {});
  }

  /** Tokens that wait. */
  get queuedTokens(): number {
    return this.#lanes.interactive.tokens + this.#lanes.bulk.tokens;
  }

  /**
   * Refuses at the door when `tokens` more would not fit; an empty queue always has room, so that no request is impossible. Bulk work may
   * fill only most of the queue: whoever waits for an answer finds a place behind it.
   * @throws LocalLiteError overloaded with the seconds after which the queue will have room, shutting_down.
   */
  admit(tokens: number, lane: Lane): Admission {
    if (this.#closed !== undefined) throw this.#closed;
    const taken = this.queuedTokens + this.#reservedTokens;
    const limit = this.#settings.maxQueuedTokens * (lane === 'bulk' ? BULK_SHARE : 1);
    if (taken > 0 && taken + tokens > limit) throw this.#overloaded(taken, tokens, limit);
    let left = 0;
    const reserve = (wanted: number): void => {
      this.#reservedTokens += wanted - left;
      left = wanted;
    };
    reserve(tokens);
    return { queued: (length) => reserve(Math.max(0, left - length)), end: () => reserve(0) };
  }

  #overloaded(taken: number, tokens: number, limit: number): LocalLiteError {
    const seconds = (taken + tokens - limit) / (this.#tokensPerMs * 1000 * this.#runner.size);
    return new LocalLiteError('overloaded', `${taken} tokens are waiting and there is room for ${limit} (queue.max_tokens)`, {
      retryAfterSeconds: Math.max(1, Math.ceil(seconds)),
    });
  }

  /** Queues one item of `length` tokens. */
  submit(item: In, options: { readonly length: number; readonly lane: Lane }): Ticket<Out> {
    const { promise, resolve, reject } = promiseParts<Settled<Out>>();
    // The caller may still be tokenising its other texts when this one fails; it looks at `settled` only afterwards.
    promise.catch(() => {});
    if (this.#closed !== undefined) {
      reject(this.#closed);
      return { settled: promise, leave: () => {} };
    }
    const { length, lane } = options;
    const entry: Entry<In, Out> = { item, length, sequence: this.#sequence++, enqueuedAt: performance.now(), resolve, reject };
    this.#lanes[lane].add(entry);
    this.#pumpSoon();
    return {
      settled: promise,
      leave: () => {
        if (!this.#lanes[lane].remove(entry)) return;
        reject(new LocalLiteError('cancelled', 'the caller left before the text was run'));
        this.#settleIfDrained();
      },
    };
  }

  /** To be called when a worker has become idle. */
  pump(): void {
    for (const lane of ['interactive', 'bulk'] as const) {
      const wanted = this.#lanes[lane].size > 0 && this.#runner.idle() > 0;
      if (wanted && !this.#reservations.has(lane)) this.#reserve(lane);
    }
  }

  /** Texts that are submitted together are packed together. */
  #pumpSoon(): void {
    if (this.#pumpIsDue) return;
    this.#pumpIsDue = true;
    queueMicrotask(() => {
      this.#pumpIsDue = false;
      this.pump();
    });
  }

  /** Rejects everything that waits, e.g. because the model's workers keep dying. */
  rejectWaiting(error: LocalLiteError): void {
    for (const queue of Object.values(this.#lanes)) {
      for (const entry of queue.take(0, queue.size)) entry.reject(error);
    }
    this.#settleIfDrained();
  }

  /** Refuses new work and resolves when all that was accepted has been settled. */
  close(): Promise<void> {
    this.#closed ??= new LocalLiteError('shutting_down', 'the model is being unloaded');
    const drained = new Promise<void>((resolve) => this.#drained.push(resolve));
    this.#settleIfDrained();
    return drained;
  }

  #settleIfDrained(): void {
    if (this.#closed === undefined || !this.#isEmpty()) return;
    for (const withdraw of this.#reservations.values()) withdraw();
    this.#reservations.clear();
    for (const resolve of this.#drained.splice(0)) resolve();
  }

  #reserve(lane: Lane): void {
    let answered = false;
    const withdraw = this.#runner.reserve(lane, (run) => {
      answered = true;
      this.#reservations.delete(lane);
      if (run !== undefined) void this.#runNext(run);
      // More may be waiting and another worker idle.
      if (this.#runner.idle() > 0) this.#pumpSoon();
    });
    if (!answered) this.#reservations.set(lane, withdraw);
  }

  async #runNext(run: BatchRun<In, Out>): Promise<void> {
    const entries = this.#takeBatch();
    if (entries.length === 0) {
      await run([]);
      return;
    }
    this.#running += 1;
    const startedAt = performance.now();
    try {
      const { results, inferMs } = await run(entries.map((entry) => entry.item));
      this.#account(entries, inferMs);
      entries.forEach((entry, index) => {
        const result = results[index];
        if (result === undefined) entry.reject(new LocalLiteError('internal', 'a batch gave fewer results than it had rows'));
        else entry.resolve({ result, queueMs: startedAt - entry.enqueuedAt, inferMs });
      });
    } catch (cause) {
      const error = LocalLiteError.from(cause, 'inference_failed');
      for (const entry of entries) entry.reject(error);
    } finally {
      this.#running -= 1;
      this.pump();
      this.#settleIfDrained();
    }
  }

  #takeBatch(): readonly Entry<In, Out>[] {
    const oldestBulk = this.#lanes.bulk.oldest();
    const state = {
      interactiveWaiting: this.#lanes.interactive.size > 0,
      oldestBulkMs: oldestBulk === undefined ? undefined : performance.now() - oldestBulk.enqueuedAt,
      interactiveStreak: this.#streak,
    };
    const lane = chooseLane(state, this.#settings.maxBulkWaitMs);
    const anchor = lane === undefined ? undefined : this.#lanes[lane].oldest();
    if (lane === undefined || anchor === undefined) return [];
    this.#streak = lane === 'interactive' ? this.#streak + 1 : 0;
    const queue = this.#lanes[lane];
    const { from, to } = planBatch(queue.lengths(), queue.indexOf(anchor), this.#limits(queue.tokens));
    return queue.take(from, to);
  }

  /** A share of what waits for every idle worker, so that one request of many texts keeps them all busy to its end. */
  #limits(waitingTokens: number): BatchLimits {
    const share = Math.ceil(waitingTokens / Math.max(1, this.#runner.idle() + 1));
    const target = Math.max(1, Math.min(TARGET_BATCH_MS * this.#tokensPerMs, share));
    return { maxPaddedTokens: this.#settings.maxPaddedTokens, targetPaddedTokens: target, maxPaddingShare: MAX_PADDING_SHARE };
  }

  #account(entries: readonly Entry<In, Out>[], inferMs: number): void {
    const realTokens = entries.reduce((sum, entry) => sum + entry.length, 0);
    const paddedTokens = entries.reduce((longest, entry) => Math.max(longest, entry.length), 0) * entries.length;
    if (inferMs > 0) this.#tokensPerMs = this.#tokensPerMs * 0.8 + (paddedTokens / inferMs) * 0.2;
    this.#onBatch({ rows: entries.length, realTokens, paddedTokens, inferMs });
  }

  #isEmpty(): boolean {
    return this.#running === 0 && this.#lanes.interactive.size === 0 && this.#lanes.bulk.size === 0;
  }
}

/** Promise.withResolvers, which Node 20 does not have. */
function promiseParts<T>(): { promise: Promise<T>; resolve: (value: T) => void; reject: (error: LocalLiteError) => void } {
  let resolve: (value: T) => void = () => {};
  let reject: (error: LocalLiteError) => void = () => {};
  const promise = new Promise<T>((onResolve, onReject) => {
    resolve = onResolve;
    reject = onReject;
  });
  return { promise, resolve, reject };
}
