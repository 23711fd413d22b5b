import { EventEmitter } from 'node:events';
import { describe, expect, it, vi } from 'vitest';
import { LocalLiteError } from '../../src/errors.ts';
import type { ConvertOrder } from '../../src/gateway/gateway-types.ts';
import { createJobs } from '../../src/gateway/jobs.ts';
import type { InstalledModel } from '../../src/models/store-types.ts';
import { silentTelemetry } from '../../src/telemetry/create-telemetry.ts';
import { TestStore } from '../../src/testing/test-gateway.ts';

interface Pull {
  readonly reference: string;
  readonly signal: AbortSignal | undefined;
  readonly succeed: () => void;
  readonly fail: (error: Error) => void;
}

/** A store whose pulls a test ends by hand; an aborted one takes a moment to let go, as a real one does. */
class ManualStore extends TestStore {
  readonly pulls: Pull[] = [];
  readonly given: readonly InstalledModel[];
  /** Whether an aborted pull ends at once. */
  obeys = true;

  constructor(given: readonly InstalledModel[]) {
    super(given);
    this.given = given;
  }

  override pull(reference: string, options?: { signal?: AbortSignal }): Promise<InstalledModel> {
    return new Promise((resolve, reject) => {
      const [model] = this.given;
      this.pulls.push({ reference, signal: options?.signal, succeed: () => model && resolve(model), fail: reject });
      const gaveUp = (): void => void setTimeout(() => reject(new LocalLiteError('cancelled', 'the pull was cancelled')), 5);
      if (this.obeys) options?.signal?.addEventListener('abort', gaveUp);
    });
  }
}

interface Order {
  readonly order: ConvertOrder;
  readonly onProgress: (progress: { phase: 'calibrating'; done: number }) => void;
  readonly succeed: () => void;
  readonly signal: AbortSignal;
}

const installed = { card: { id: 'test/m' }, variant: { name: 'fp32' }, source: 'hub:test/m', bytes: 1 } as InstalledModel;

function setUp() {
  const store = new ManualStore([installed]);
  const orders: Order[] = [];
  const jobs = createJobs({
    store,
    telemetry: silentTelemetry(),
    referenceOf: (name) => (name === 'mine' ? 'test/m' : name),
    convert: (order, { signal, onProgress }) =>
      new Promise((resolve, reject) => {
        orders.push({ order, onProgress, succeed: () => resolve(installed), signal });
        const gaveUp = (): void => reject(new LocalLiteError('cancelled', 'the conversion was cancelled'));
        if (signal.aborted) gaveUp();
        signal.addEventListener('abort', gaveUp);
      }),
  });
  const watch = (id: string): { states: string[]; ended: Promise<void> } => {
    const states: string[] = [];
    const follow = async (): Promise<void> => {
      for await (const job of jobs.watch(id)) if (states.at(-1) !== job.state) states.push(job.state);
    };
    return { states, ended: follow() };
  };
  return { store, jobs, watch, orders };
}

const started = (store: ManualStore, count: number): Promise<void> => vi.waitFor(() => expect(store.pulls).toHaveLength(count));

describe('jobs', () => {
  it('pull what a name stands for, once for everybody who asks', async () => {
    const { store, jobs } = setUp();
    const first = jobs.startPull('mine');
    expect(jobs.startPull('test/m').id).toBe(first.id);
    await started(store, 1);
    expect(store.pulls[0]?.reference).toBe('test/m');
    store.pulls[0]?.succeed();
    await vi.waitFor(() => expect(jobs.get(first.id)?.state).toBe('succeeded'));
    expect(jobs.startPull('mine').id).not.toBe(first.id);
  });

  it('that are paused and resumed at once never look failed', async () => {
    const { store, jobs, watch } = setUp();
    const { id } = jobs.startPull('test/m');
    const { states, ended } = watch(id);
    await started(store, 1);
    jobs.pause(id);
    jobs.resume(id);
    await started(store, 2);
    expect(store.pulls[0]?.signal?.aborted).toBe(true);
    store.pulls[1]?.succeed();
    await ended;
    expect(states).toEqual(['running', 'paused', 'running', 'succeeded']);
  });

  it('that are paused go on when somebody asks for the same again', async () => {
    const { store, jobs } = setUp();
    const { id } = jobs.startPull('test/m');
    await started(store, 1);
    jobs.pause(id);
    expect(jobs.startPull('test/m')).toMatchObject({ id, state: 'running' });
    await started(store, 2);
  });

  it('stay cancelled though their pull ends well after all', async () => {
    const { store, jobs } = setUp();
    store.obeys = false;
    const { id } = jobs.startPull('test/m');
    await started(store, 1);
    jobs.cancel(id);
    store.pulls[0]?.succeed();
    await new Promise((resolve) => setTimeout(resolve, 10));
    expect(jobs.get(id)?.state).toBe('cancelled');
    expect(() => jobs.resume(id)).toThrow(/cancelled/);
  });

  it('say what they failed of, and try again when resumed', async () => {
    const { store, jobs } = setUp();
    const { id } = jobs.startPull('test/m');
    await started(store, 1);
    store.pulls[0]?.fail(new LocalLiteError('disk_full', 'no room'));
    await vi.waitFor(() => expect(jobs.get(id)).toMatchObject({ state: 'failed', error: { code: 'disk_full', message: 'no room' } }));
    jobs.resume(id);
    await started(store, 2);
  });

  it('can be watched after their end without leaving a listener', async () => {
    const { store, jobs, watch } = setUp();
    const { id } = jobs.startPull('test/m');
    await started(store, 1);
    store.pulls[0]?.succeed();
    await vi.waitFor(() => expect(jobs.get(id)?.state).toBe('succeeded'));
    const added = vi.spyOn(EventEmitter.prototype, 'on');
    const { states, ended } = watch(id);
    await ended;
    expect(states).toEqual(['succeeded']);
    expect(added.mock.calls.filter(([event]) => event === id)).toEqual([]);
    added.mockRestore();
  });

  it('stop being watched when the watcher leaves', async () => {
    const { store, jobs } = setUp();
    const { id } = jobs.startPull('test/m');
    await started(store, 1);
    const abort = new AbortController();
    const seen: string[] = [];
    for await (const job of jobs.watch(id, abort.signal)) {
      seen.push(job.state);
      abort.abort();
    }
    expect(seen).toEqual(['running']);
    const late: unknown[] = [];
    for await (const job of jobs.watch(id, abort.signal)) late.push(job);
    expect(late).toEqual([]);
    await expect(jobs.watch('job_none')[Symbol.asyncIterator]().next()).rejects.toMatchObject({ code: 'job_not_found' });
    await jobs.close();
    expect(jobs.get(id)?.state).toBe('cancelled');
  });
});

describe('conversions as jobs', () => {
  const order = { reference: 'mine', precision: 'auto', target: 'cpu', pin: false } as const;

  it('run once for everybody who asks for the same, beside a pull of the same model', async () => {
    const { jobs, store, orders } = setUp();
    const pull = jobs.startPull('mine');
    const first = jobs.startConvert(order);
    expect(first).toMatchObject({ kind: 'convert', subject: 'test/m' });
    expect(jobs.startConvert({ ...order, reference: 'test/m' }).id).toBe(first.id);
    expect(jobs.startConvert({ ...order, precision: 'int8' })).toMatchObject({ subject: 'test/m#int8' });
    expect(new Set([pull.id, first.id]).size).toBe(2);
    await started(store, 1);
    await vi.waitFor(() => expect(orders).toHaveLength(2));
    orders[0]?.onProgress({ phase: 'calibrating', done: 0.5 });
    expect(jobs.get(first.id)?.progress).toEqual({ phase: 'calibrating', done: 0.5 });
    orders[0]?.succeed();
    await vi.waitFor(() => expect(jobs.get(first.id)).toMatchObject({ state: 'succeeded', result: { model: 'test/m', variant: 'fp32' } }));
    expect(jobs.startConvert(order).id).not.toBe(first.id);
    await jobs.close();
  });

  it('for other devices are other jobs, and a variant that is none that is made is refused', async () => {
    const { jobs } = setUp();
    expect(jobs.startConvert({ ...order, target: 'gpu' }).id).not.toBe(jobs.startConvert(order).id);
    expect(() => jobs.startConvert({ ...order, reference: 'test/m#in8' })).toThrow(/#in8 is nothing that LocalLite makes/);
    expect(jobs.startConvert({ ...order, reference: 'test/m#weights' }).subject).toBe('test/m');
    await jobs.close();
  });

  it('take the precision that a name asks for', async () => {
    const { jobs, orders } = setUp();
    expect(jobs.startConvert({ ...order, reference: 'test/m#fp16-gpu' }).subject).toBe('test/m#fp16-gpu');
    expect(jobs.startConvert({ ...order, reference: 'test/m#int8', precision: 'fp32' }).subject).toBe('test/m#fp32');
    await vi.waitFor(() => expect(orders).toHaveLength(2));
    expect(orders.map(({ order: { reference, precision, target } }) => [reference, precision, target])).toEqual([
      ['test/m', 'fp16', 'gpu'],
      ['test/m', 'fp32', 'cpu'],
    ]);
    await jobs.close();
  });

  it('end when they are cancelled', async () => {
    const { jobs, orders } = setUp();
    const { id } = jobs.startConvert(order);
    await vi.waitFor(() => expect(orders).toHaveLength(1));
    expect(jobs.cancel(id).state).toBe('cancelled');
    expect(orders[0]?.signal.aborted).toBe(true);
  });
});
