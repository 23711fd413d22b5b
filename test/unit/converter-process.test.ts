import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { ConvertRequest } from '../../src/convert/convert-types.ts';
import { type ConverterOptions, runConverter } from '../../src/gateway/converter-process.ts';
import { reportOf } from '../servers/make-fixture.ts';
import { refusal } from '../servers/store-fixture.ts';

/*
 * Programs that stand in for the converter, to force its faults. Each reads the request from its standard input and says what it likes on
 * descriptor 3.
 */

const REQUEST: ConvertRequest = {
  id: 'test/model',
  directory: '/nowhere',
  output: '/nowhere',
  precision: 'int8',
  target: 'cpu',
  tasks: ['embed'],
  pooling: 'mean',
  normalize: true,
  dimensions: 8,
  maxTokens: 16,
};
const FACTS = { tasks: ['embed' as const], pooling: 'mean' as const, normalize: true, dimensions: 8, maxTokens: 16 };
const REPORT = reportOf({ converter: 1, precision: 'int8', target: 'cpu', ...FACTS });

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'locallite-converter-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

let programs = 0;
async function program(body: string): Promise<string> {
  const path = join(folder, `${programs++}.mjs`);
  await writeFile(
    path,
    `import { writeSync, writeFileSync } from 'node:fs';
     const say = (message) => writeSync(3, JSON.stringify(message) + '\\n');
     process.stdin.once('data', async (data) => { const request = JSON.parse(data); ${body} });`,
  );
  return path;
}

async function run(body: string, options: Partial<ConverterOptions> = {}) {
  const entry = await program(body);
  return runConverter(REQUEST, { signal: new AbortController().signal, onProgress: () => undefined, silenceMs: 20_000, entry, ...options });
}

describe('the converter’s process', () => {
  it('is given the request, tells how far it is, and ends with a report', async () => {
    const heard: unknown[] = [];
    const body = `say({ progress: { phase: 'reading', done: request.id === 'test/model' ? 1 : 0 } }); writeSync(3, 'chatter\\n');
      say({ report: ${JSON.stringify(REPORT)} }); process.exit(0);`;
    expect(await run(body, { onProgress: (progress) => heard.push(progress) })).toEqual(REPORT);
    expect(heard).toEqual([{ phase: 'reading', done: 1 }]);
  });

  it('names what it refuses', async () => {
    const body = `say({ failure: { code: 'model_unsupported', message: 'of a kind that nobody knows' } }); process.exit(0);`;
    expect(await refusal(run(body))).toMatchObject({ code: 'model_unsupported', message: 'of a kind that nobody knows' });
    expect((await refusal(run(`say({ failure: { code: 'ENOENT', message: 'x' } }); process.exit(0);`))).code).toBe('internal');
  });

  it('that crashes is named, with its last words', async () => {
    const crashed = await refusal(run(`console.error('the sky fell'); process.exit(3);`));
    expect(crashed).toMatchObject({
      code: 'worker_crashed',
      message: expect.stringMatching(/test\/model ended with exit code 3: the sky fell/),
    });
    expect((await refusal(run('process.abort();'))).code).toBe('worker_crashed');
    expect((await refusal(run('process.exit(0);'))).code).toBe('worker_crashed');
  });

  it('that runs out of memory is named so', async () => {
    const killed = await refusal(run(`process.kill(process.pid, 'SIGKILL');`));
    expect(killed).toMatchObject({ code: 'insufficient_memory', message: expect.stringContaining('want of memory') });
    expect((await refusal(run(`throw new RangeError('Array buffer allocation failed');`))).code).toBe('insufficient_memory');
  });

  it('that goes silent is stopped, one that speaks is not', async () => {
    const hung = await refusal(run('setInterval(() => {}, 1000);', { silenceMs: 400 }));
    expect(hung).toMatchObject({ code: 'timed_out', message: expect.stringContaining('no progress for 0.4 s') });
    const talks = `let n = 0; setInterval(() => { say({ progress: { phase: 'checking', done: n / 10 } });
      if (++n > 12) { say({ report: ${JSON.stringify(REPORT)} }); process.exit(0); } }, 100);`;
    expect(await run(talks, { silenceMs: 1_200 })).toEqual(REPORT);
  });

  it('is killed when the conversion is cancelled, and gone when that is told', async () => {
    const stop = new AbortController();
    const alive = join(folder, 'alive');
    const body = `setInterval(() => writeFileSync(${JSON.stringify(alive)}, 'x'), 20);`;
    const cancelled = refusal(run(body, { signal: stop.signal }));
    await vi.waitFor(() => expect(existsSync(alive)).toBe(true), { timeout: 10_000 });
    stop.abort();
    expect((await cancelled).code).toBe('cancelled');
    await rm(alive);
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(existsSync(alive)).toBe(false);
    expect((await refusal(run('', { signal: stop.signal }))).code).toBe('cancelled');
  });

  it('that reports nonsense is not believed', async () => {
    const error = await refusal(run(`say({ report: { precision: 'int8', seconds: 'two' } }); process.exit(0);`));
    expect(error).toMatchObject({ code: 'internal', message: expect.stringMatching(/not of the known form.*seconds/) });
  });
});
