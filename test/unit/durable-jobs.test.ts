import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, it, vi } from 'vitest';
import { LocalLiteError } from '../../src/errors.ts';
import { DurableJobs } from '../../src/gateway/durable-jobs.ts';
import { createJobs } from '../../src/gateway/jobs.ts';
import { openState } from '../../src/state/open.ts';
import type { State } from '../../src/state/state-types.ts';
import { silentTelemetry } from '../../src/telemetry/create-telemetry.ts';
import { TestStore } from '../../src/testing/test-gateway.ts';

const cleanUps: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

interface Attempt {
  readonly id: string;
  readonly signal: AbortSignal;
  readonly report: (done: number) => void;
  readonly succeed: () => void;
  readonly fail: (error: Error) => void;
}

/** One run of a gateway over a database: jobs whose work a test ends by hand. */
async function run(path: string) {
  const state = await openState({ path });
  const telemetry = silentTelemetry();
  const attempts: Attempt[] = [];
  const jobs = createJobs({ store: new TestStore([]), telemetry, referenceOf: (name) => name, convert: () => Promise.reject(new Error()) });
  const durable = new DurableJobs({
    state,
    jobs,
    telemetry,
    workOf: ({ id, kind }) =>
      kind === 'unknown'
        ? undefined
        : ({ signal, onProgress }) =>
            new Promise((resolve, reject) => {
              const progress = { phase: 'ingesting', total: 9, unchanged: 0, failed: 0, chunks: 0, current: [] } as const;
              const report = (done: number): void => onProgress({ ...progress, done });
              attempts.push({ id, signal, report, succeed: () => resolve({ done: 9 }), fail: reject });
              signal.addEventListener('abort', () => reject(new LocalLiteError('cancelled', 'stopped')));
            }),
  });
  const stop = async (): Promise<void> => {
    await jobs.close();
    await durable.settled();
    await state.close();
  };
  cleanUps.push(stop);
  return { state, jobs, durable, attempts, stop };
}

function newPath(): string {
  const folder = mkdtempSync(join(tmpdir(), 'locallite-jobs-'));
  cleanUps.push(() => rmSync(folder, { recursive: true, force: true }));
  return join(folder, 'locallite.db');
}

const ORDER = {
  kind: 'ingest',
  subject: 'notes',
  payload: { collectionId: 'vs_1', options: { password: 'hunter2' } },
  items: [{ source: '"a"' }, { source: '"b"' }],
} as const;

const stored = (state: State, id: string, expected: object): Promise<void> =>
  vi.waitFor(async () => expect(await state.findJob(id)).toMatchObject(expected));

it('a job that ran when its process ended goes on under the same id, with what was settled', async () => {
  const path = newPath();
  const first = await run(path);
  const { id } = await first.durable.start(ORDER);
  await vi.waitFor(() => expect(first.attempts).toHaveLength(1));
  await first.state.settleItem(id, 0, { state: 'done' });
  await first.stop();
  expect(first.attempts[0]?.signal.aborted).toBe(true);

  const second = await run(path);
  expect(second.state.healed.requeuedJobs).toBe(1);
  await second.durable.resume();
  await vi.waitFor(() => expect(second.attempts.map((attempt) => attempt.id)).toEqual([id]));
  expect(second.jobs.get(id)).toMatchObject({ id, kind: 'ingest', subject: 'notes', state: 'running' });
  expect(await second.state.itemCounts(id)).toMatchObject({ done: 1, waiting: 1 });
  second.attempts[0]?.succeed();
  await stored(second.state, id, { state: 'succeeded', result: '{"done":9}' });
  await second.stop();

  const third = await run(path);
  await third.durable.resume();
  expect(third.jobs.get(id)).toMatchObject({ state: 'succeeded', result: { done: 9 } });
  expect(third.attempts).toEqual([]);
});

it('what users stop stays stopped over a start; what waited is cancelled with its job', async () => {
  const path = newPath();
  const first = await run(path);
  const [paused, cancelled, failed] = [
    await first.durable.start(ORDER),
    await first.durable.start(ORDER),
    await first.durable.start(ORDER),
  ];
  await vi.waitFor(() => expect(first.attempts).toHaveLength(3));
  await first.state.settleItem(cancelled.id, 1, { state: 'done' });
  first.jobs.pause(paused.id);
  first.jobs.cancel(cancelled.id);
  first.attempts[2]?.fail(new LocalLiteError('disk_full', 'no room'));
  await stored(first.state, failed.id, { state: 'failed', error: { code: 'disk_full', message: 'no room' } });
  await first.stop();

  const second = await run(path);
  await second.durable.resume();
  expect([paused, cancelled, failed].map(({ id }) => second.jobs.get(id)?.state)).toEqual(['paused', 'cancelled', 'failed']);
  expect(await second.state.itemCounts(cancelled.id)).toMatchObject({ cancelled: 1, done: 1, waiting: 0 });
  expect(second.attempts).toEqual([]);
  second.jobs.resume(paused.id);
  second.jobs.resume(failed.id);
  await vi.waitFor(() => expect(second.attempts).toHaveLength(2));
  await stored(second.state, failed.id, { state: 'running', error: undefined });
});

it('progress is written now and then, the last one with the end', async () => {
  const { durable, state, attempts } = await run(newPath());
  const { id } = await durable.start(ORDER);
  await vi.waitFor(() => expect(attempts).toHaveLength(1));
  const written = vi.spyOn(state, 'updateJob');
  for (let done = 0; done < 200; done++) attempts[0]?.report(done);
  expect(written.mock.calls.length).toBeLessThan(5);
  attempts[0]?.succeed();
  await stored(state, id, { state: 'succeeded', progress: expect.stringContaining('"done":199') });
});

it('the password of documents is forgotten when the job needs it no more', async () => {
  const { durable, state, attempts } = await run(newPath());
  const { id } = await durable.start(ORDER);
  await vi.waitFor(() => expect(attempts).toHaveLength(1));
  expect((await state.findJob(id))?.payload).toContain('hunter2');
  attempts[0]?.succeed();
  await stored(state, id, { state: 'succeeded', payload: '{"collectionId":"vs_1","options":{}}' });
});

it('a job of a kind that this version does not know is left alone', async () => {
  const path = newPath();
  const first = await run(path);
  const row = { ...ORDER, id: 'job_x', kind: 'unknown', payload: '{}', state: 'queued', createdAt: 1, updatedAt: 1 } as const;
  await first.state.addJob({ ...row, progress: undefined, error: undefined, result: undefined }, []);
  await first.durable.resume();
  expect(first.jobs.get('job_x')).toBeUndefined();
  await stored(first.state, 'job_x', { state: 'queued' });
});
