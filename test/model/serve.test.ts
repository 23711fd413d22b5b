import { cp, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DEFAULT_MODEL, MODEL_HOME } from '../home.ts';
import { type Served, serve } from './serve.ts';

let home: string;
beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'locallite-serve-'));
  await cp(join(MODEL_HOME, 'models'), join(home, 'models'), { recursive: true });
});
afterAll(() => rm(home, { recursive: true, force: true }));

const embed = (served: Served, input: unknown): Promise<Response> =>
  fetch(`${served.url}/v1/embeddings`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ model: DEFAULT_MODEL, input }),
  });

const metrics = async (served: Served): Promise<string> => (await fetch(`${served.url}/metrics`)).text();

/** Whether a process still runs. */
async function isAlive(pid: number): Promise<boolean> {
  try {
    process.kill(pid, 0);
    // A zombie answers the signal: it has ended all the same.
    const status = process.platform === 'linux' ? await readFile(`/proc/${pid}/stat`, 'utf8') : '';
    return !/\) Z /.test(status);
  } catch {
    return false;
  }
}

/** Children of a process, from the system's process table. */
async function workersOf(pid: number): Promise<number[]> {
  const children = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8').catch(() => '');
  return children.trim().split(/\s+/).filter(Boolean).map(Number);
}

describe('locallite serve', () => {
  it('lets running requests finish on SIGTERM, refuses new ones and exits with 0', async () => {
    const served = await serve(home);
    const running = embed(
      served,
      Array.from({ length: 200 }, (_, index) => `a sentence with the number ${index}`),
    );
    while (!(await metrics(served)).includes('locallite_core_slots_busy 2')) await new Promise((resolve) => setTimeout(resolve, 10));
    served.child.kill('SIGTERM');
    const answer = await running;
    expect(answer.status).toBe(200);
    expect(((await answer.json()) as { data: unknown[] }).data).toHaveLength(200);
    expect(await served.exited).toBe(0);
    await expect(embed(served, 'too late')).rejects.toThrow();
  });

  it.runIf(process.platform === 'linux')('leaves no worker behind when it is killed, and the next one starts', async () => {
    const killed = await serve(home);
    expect((await embed(killed, 'hello')).status).toBe(200);
    const workers = await workersOf(killed.child.pid ?? 0);
    expect(workers.length).toBe(2);
    void embed(
      killed,
      Array.from({ length: 300 }, (_, index) => `text ${index}`),
    ).catch(() => {});
    await new Promise((resolve) => setTimeout(resolve, 100));
    killed.child.kill('SIGKILL');
    await killed.exited;
    while ((await Promise.all(workers.map(isAlive))).some(Boolean)) await new Promise((resolve) => setTimeout(resolve, 50));
    const next = await serve(home);
    expect((await embed(next, 'hello')).status).toBe(200);
    await next.stop();
  });

  it.runIf(process.platform === 'linux')('replaces a worker that is killed, and only its own requests fail', async () => {
    const served = await serve(home);
    const [victim] = await workersOf(served.child.pid ?? 0);
    const requests = Array.from({ length: 40 }, (_, index) => embed(served, `request number ${index}`));
    process.kill(victim ?? 0, 'SIGKILL');
    const statuses = (await Promise.all(requests)).map((answer) => answer.status);
    expect(statuses.filter((status) => status === 200).length).toBeGreaterThan(20);
    for (const status of statuses) expect([200, 503]).toContain(status);
    for (;;) {
      if ((await workersOf(served.child.pid ?? 0)).length === 2) break;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    expect((await embed(served, 'after')).status).toBe(200);
    await served.stop();
  });

  it('lets one gateway own a home', async () => {
    const first = await serve(home);
    await expect(serve(home)).rejects.toThrow(/serve ended with/);
    await first.stop();
  });
});
