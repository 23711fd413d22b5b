import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Batcher, type BatchRunner } from '../../src/engines/batcher.ts';
import { LocalLiteError } from '../../src/errors.ts';
import { CoreSlots, type Lane } from '../../src/runtime/slots.ts';

interface Call {
  readonly items: readonly number[];
  readonly finish: () => void;
  readonly fail: (error: Error) => void;
}

/** Workers that a test steps by hand: each batch waits in `calls` until the test ends it. */
function manualRunner(size: number): {
  runner: BatchRunner<number, string>;
  calls: Call[];
  attach: (batcher: Batcher<number, string>) => void;
} {
  const slots = new CoreSlots(size);
  const calls: Call[] = [];
  let idle = size;
  let batcher: Batcher<number, string> | undefined;
  const runner: BatchRunner<number, string> = {
    size,
    idle: () => idle,
    reserve: (lane, granted) =>
      slots.request(lane, (release) => {
        idle -= 1;
        granted(async (items) => {
          const giveBack = (): void => {
            idle += 1;
            release();
            batcher?.pump();
          };
          if (items.length === 0) {
            giveBack();
            return { results: [], inferMs: 0 };
          }
          const answer = new Promise<{ results: string[]; inferMs: number }>((resolve, reject) => {
            calls.push({ items, finish: () => resolve({ results: items.map(String), inferMs: 1 }), fail: reject });
          });
          return answer.finally(giveBack);
        });
      }),
  };
  return {
    runner,
    calls,
    attach: (attached) => {
      batcher = attached;
    },
  };
}

function setUp(size = 1, maxQueuedTokens = 1000): { batcher: Batcher<number, string>; calls: Call[] } {
  const { runner, calls, attach } = manualRunner(size);
  const batcher = new Batcher({ runner, settings: { maxPaddedTokens: 64, maxQueuedTokens, maxBulkWaitMs: 60_000 } });
  attach(batcher);
  return { batcher, calls };
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const submit = (batcher: Batcher<number, string>, item: number, length = 4, lane: Lane = 'interactive') =>
  batcher.submit(item, { length, lane });

/** Ends every batch that is running or starts, until nothing is left. */
async function finishAll(calls: Call[]): Promise<void> {
  for (await turn(); calls.length > 0; await turn()) for (const call of calls.splice(0)) call.finish();
}

describe('Batcher', () => {
  it('gives every caller its own result, whatever the order of running', async () => {
    const lengths = fc.array(fc.tuple(fc.integer({ min: 1, max: 40 }), fc.constantFrom<Lane>('interactive', 'bulk')), { maxLength: 60 });
    await fc.assert(
      fc.asyncProperty(lengths, fc.integer({ min: 1, max: 3 }), async (texts, workers) => {
        const { batcher, calls } = setUp(workers, 1e9);
        const tickets = texts.map(([length, lane], index) => submit(batcher, index, length, lane));
        await finishAll(calls);
        const results = await Promise.all(tickets.map((ticket) => ticket.settled));
        expect(results.map(({ result }) => result)).toEqual(texts.map((_, index) => String(index)));
      }),
      { numRuns: 50 },
    );
  });

  it('runs at once when a worker is idle and gathers while all are busy', async () => {
    const { batcher, calls } = setUp();
    submit(batcher, 0);
    await turn();
    expect(calls.map((call) => call.items)).toEqual([[0]]);
    for (const item of [1, 2, 3]) submit(batcher, item);
    await turn();
    expect(calls).toHaveLength(1);
    calls[0]?.finish();
    await turn();
    expect(calls[1]?.items.toSorted()).toEqual([1, 2, 3]);
    await finishAll(calls);
  });

  it('lets interactive work pass bulk work that was ready before it', async () => {
    const { batcher, calls } = setUp();
    submit(batcher, 0, 4, 'bulk');
    await turn();
    submit(batcher, 1, 4, 'bulk');
    submit(batcher, 2, 4, 'interactive');
    calls[0]?.finish();
    await turn();
    expect(calls[1]?.items).toEqual([2]);
    await finishAll(calls);
  });

  it('does not starve bulk work under a flood of interactive work', async () => {
    const { runner, calls, attach } = manualRunner(1);
    const batcher = new Batcher({ runner, settings: { maxPaddedTokens: 4, maxQueuedTokens: 1e6, maxBulkWaitMs: 0 } });
    attach(batcher);
    submit(batcher, -1, 4, 'bulk');
    for (let item = 0; item < 20; item++) submit(batcher, item, 4, 'interactive');
    const order: number[] = [];
    for (await turn(); calls.length > 0; await turn()) {
      const [call] = calls.splice(0, 1);
      order.push(...(call?.items ?? []));
      call?.finish();
    }
    expect(order.indexOf(-1)).toBeLessThanOrEqual(5);
    expect(order).toHaveLength(21);
  });

  it('rejects exactly the batch that failed, and lives on', async () => {
    const { batcher, calls } = setUp();
    const first = submit(batcher, 0);
    await turn();
    const second = submit(batcher, 1);
    calls[0]?.fail(new LocalLiteError('worker_crashed', 'gone'));
    await expect(first.settled).rejects.toMatchObject({ code: 'worker_crashed' });
    calls.splice(0, 1);
    await finishAll(calls);
    await expect(second.settled).resolves.toMatchObject({ result: '1' });
  });

  it('frees the place of a caller who left', async () => {
    const { batcher, calls } = setUp();
    submit(batcher, 0);
    await turn();
    const left = submit(batcher, 1, 30);
    expect(batcher.queuedTokens).toBe(30);
    left.leave();
    expect(batcher.queuedTokens).toBe(0);
    await expect(left.settled).rejects.toMatchObject({ code: 'cancelled' });
    calls[0]?.finish();
    await turn();
    expect(calls).toHaveLength(1);
  });

  it('refuses at the door when the queue is full, and says when to come back', async () => {
    const { batcher, calls } = setUp(1, 100);
    submit(batcher, 0);
    await turn();
    batcher.admit(5000, 'interactive').end(); // an empty queue has room for any one request
    submit(batcher, 1, 60);
    const refusal = expect.objectContaining({ code: 'overloaded', retryAfterSeconds: expect.any(Number) });
    expect(() => batcher.admit(41, 'interactive')).toThrow(refusal);
    const admission = batcher.admit(40, 'interactive');
    expect(() => batcher.admit(1, 'interactive')).toThrow(/100 tokens are waiting/);
    admission.end();
    admission.end();
    batcher.admit(1, 'interactive').end();
    await finishAll(calls);
  });

  it('counts what a request reserved and what of it is queued once, not twice', async () => {
    const { batcher, calls } = setUp(1, 100);
    submit(batcher, 0);
    await turn();
    const admission = batcher.admit(60, 'interactive');
    submit(batcher, 1, 50);
    admission.queued(50);
    batcher.admit(40, 'interactive').end();
    expect(() => batcher.admit(41, 'interactive')).toThrow(/waiting/);
    await finishAll(calls);
  });

  it('keeps room for interactive work that bulk work cannot take', async () => {
    const { batcher, calls } = setUp(1, 100);
    submit(batcher, 0);
    await turn();
    submit(batcher, 1, 87, 'bulk');
    expect(() => batcher.admit(1, 'bulk')).toThrow(/room for 87.5/);
    batcher.admit(13, 'interactive').end();
    await finishAll(calls);
  });

  it.each(['leave', 'rejectWaiting'] as const)('ends closing when the last waiting text goes by %s', async (way) => {
    const { batcher, calls } = setUp();
    submit(batcher, 0);
    await turn();
    const waiting = submit(batcher, 1);
    calls[0]?.fail(new LocalLiteError('worker_crashed', 'gone'));
    const blocked = setUp(0);
    const stuck = submit(blocked.batcher, 2);
    const closed = blocked.batcher.close();
    if (way === 'leave') stuck.leave();
    else blocked.batcher.rejectWaiting(new LocalLiteError('worker_crashed', 'gone'));
    await closed;
    await expect(stuck.settled).rejects.toMatchObject({ code: way === 'leave' ? 'cancelled' : 'worker_crashed' });
    calls.splice(0, 1);
    await finishAll(calls);
    await waiting.settled;
  });

  it('drains on close: accepted work ends, new work is refused, no promise is left open', async () => {
    const { batcher, calls } = setUp();
    const tickets = [0, 1, 2].map((item) => submit(batcher, item));
    await turn();
    const closed = batcher.close();
    await expect(submit(batcher, 3).settled).rejects.toMatchObject({ code: 'shutting_down' });
    await finishAll(calls);
    await closed;
    expect((await Promise.allSettled(tickets.map((ticket) => ticket.settled))).map((end) => end.status)).toEqual(
      Array(3).fill('fulfilled'),
    );
  });

  it('rejects what waits when the workers are gone for good', async () => {
    const { batcher, calls } = setUp();
    submit(batcher, 0);
    await turn();
    const waiting = submit(batcher, 1);
    batcher.rejectWaiting(new LocalLiteError('worker_crashed', 'circuit open'));
    await expect(waiting.settled).rejects.toMatchObject({ code: 'worker_crashed' });
    await finishAll(calls);
  });
});
