import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { runCommandLine } from '../../src/cli/run.ts';
import { LocalLite } from '../../src/sdk/index.ts';
import { fakeIo } from '../support/cli-page.ts';
import { startTestServer, type TestServer, wordText } from './test-server.ts';

/* The program itself, as a process of its own, against a gateway whose model is pretended. */

const CLI = join(import.meta.dirname, '..', '..', 'dist', 'cli.js');
const FOLDER = mkdtempSync(join(tmpdir(), 'locallite-cli-ingest-'));
// What the tests themselves read is no setting.
const { LOCALLITE_TEST_LONG: _long, ...OUTSIDE } = process.env;
const ENV = { ...OUTSIDE, LOCALLITE_HOME: join(FOLDER, 'home'), LOCALLITE_OFFLINE: '1', NO_COLOR: '1' };
const LONG = 40_000;
const children = new Set<ChildProcess>();

let server: TestServer;
let client: LocalLite;
beforeAll(async () => {
  server = await startTestServer({ settings: { limits: { upload_bytes: 8_000_000 }, search: { mode: 'text' } } });
  client = new LocalLite({ baseUrl: server.url });
});
afterAll(async () => {
  for (const child of children) child.kill('SIGKILL');
  await server[Symbol.asyncDispose]();
  rmSync(FOLDER, { recursive: true, force: true });
});

function tree(name: string, files: Readonly<Record<string, string>>): string {
  const root = join(FOLDER, name);
  mkdirSync(root, { recursive: true });
  for (const [path, text] of Object.entries(files)) put(root, path, text);
  return root;
}

function put(root: string, path: string, text: string): void {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), text);
}

function start(argv: readonly string[], folder = FOLDER) {
  const child = spawn(process.execPath, [CLI, ...argv, '--url', server.url], { env: ENV, cwd: folder, stdio: ['pipe', 'pipe', 'pipe'] });
  children.add(child);
  const written = { out: '', err: '' };
  child.stdout.on('data', (chunk: Buffer) => {
    written.out += chunk.toString();
  });
  child.stderr.on('data', (chunk: Buffer) => {
    written.err += chunk.toString();
  });
  const ended = new Promise<{ code: number | null; out: string; err: string }>((resolve) =>
    child.on('close', (code) => {
      children.delete(child);
      resolve({ code, ...written });
    }),
  );
  return { child, written, ended };
}

function run(argv: readonly string[], folder = FOLDER, input = '') {
  const { child, ended } = start(argv, folder);
  child.stdin.end(input);
  return ended;
}

/** Names of the files that a collection holds, without their folder. */
async function held(collection: string, root: string): Promise<string[]> {
  const keys: string[] = [];
  for await (const { locallite } of client.collections.files(collection)) keys.push(locallite.key ?? '');
  return keys.map((key) => key.slice(root.length + 1).replaceAll('\\', '/')).sort();
}

async function uploads(): Promise<number> {
  let count = 0;
  for await (const _file of client.files.list()) count++;
  return count;
}

async function finds(collection: string, query: string): Promise<string[]> {
  const { data } = await client.collections.search(collection, { query, mode: 'text', max_num_results: 10 });
  return data.map(({ filename }) => filename).sort();
}

const lines = (text: string): Record<string, unknown>[] =>
  text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);

describe('locallite ingest', () => {
  it('takes patterns and obeys ignore files', { timeout: LONG }, async () => {
    const root = tree('patterns', {
      'a.md': 'w1 w2',
      'b.txt': 'w3 w4',
      'sub/c.md': 'w5 w6',
      'sub/skip.md': 'w7',
      'sub/.localliteignore': 'skip.md\n',
      'node_modules/x.md': 'w8',
    });
    const first = await run(['ingest', '**/*.md', '-c', 'patterns'], root);
    expect(first).toMatchObject({
      code: 0,
      out: '2 files: 2 ingested (2 passages), 0 unchanged. Ask them: locallite search "…" -c patterns\n',
    });
    expect(await held('patterns', root)).toEqual(['a.md', 'sub/c.md']);
    expect(await run(['ingest', '*.pdf', '-c', 'patterns'], root)).toMatchObject({ code: 3, err: 'locallite: nothing matches *.pdf\n' });
  });

  it('skips what has not changed unless it is forced, and deletes only when that is asked for', { timeout: LONG }, async () => {
    const root = tree('again', { 'a.md': 'w1 w2', 'b.md': 'w3 w4' });
    await run(['ingest', root, '-c', 'again']);
    put(root, 'a.md', 'w1 w9');
    rmSync(join(root, 'b.md'));
    expect((await run(['ingest', root, '-c', 'again'])).out).toMatch(/^1 file: 1 ingested \(1 passage\), 0 unchanged\./);
    expect(await held('again', root)).toEqual(['a.md', 'b.md']);
    expect((await run(['ingest', root, '-c', 'again', '--delete'])).out).toMatch(
      /^1 file: 0 ingested \(0 passages\), 1 unchanged, 1 removed\./,
    );
    expect(await held('again', root)).toEqual(['a.md']);
    expect((await run(['ingest', root, '-c', 'again', '--force'])).out).toMatch(/^1 file: 1 ingested \(1 passage\), 0 unchanged\./);
    expect(await finds('again', 'w9')).toEqual(['a.md']);
  });

  it('says as JSON what became of each file, and keeps nothing of what failed', { timeout: LONG }, async () => {
    const root = tree('json', {
      'a.md': 'w1 w2',
      'large.txt': wordText(50) + '\n'.repeat(1_500_000),
      'torn.pdf': '%PDF-1.7\nnothing else',
    });
    const before = await uploads();
    const { code, out, err } = await run(['ingest', root, '-c', 'json', '--json']);
    const events = lines(out);
    expect(err).not.toContain('{');
    expect(code).toBe(1);
    expect(
      events.filter(({ object }) => object === 'ingest.file').map(({ key, state }) => [String(key).slice(root.length + 1), state]),
    ).toEqual([
      ['a.md', 'ingested'],
      ['large.txt', 'ingested'],
      ['torn.pdf', 'failed'],
    ]);
    const shares = events.filter(({ object }) => object === 'ingest.upload').map((event) => Number(event['bytes_done']));
    expect(shares.length).toBeGreaterThan(2);
    expect(shares).toEqual([...shares].sort((a, b) => a - b));
    expect(shares.at(-1)).toBe(events.find(({ object }) => object === 'ingest.upload')?.['bytes_total']);
    expect(events.at(-1)).toMatchObject({ object: 'ingest', collection: 'json', files: 3, ingested: 2, failed: 1, unchanged: 0 });
    expect(await uploads()).toBe(before + 2);
  });

  it('names a file that is too large and goes on with the others', { timeout: LONG }, async () => {
    const root = tree('large', { 'a.md': 'w1 w2', 'b.txt': 'w3 '.repeat(3_000_000) });
    const { code, out, err } = await run(['ingest', root, '-c', 'large']);
    expect({ code, out }).toEqual({
      code: 1,
      out: expect.stringMatching(/^2 files: 1 ingested \(1 passage\), 0 unchanged, 1 could not be read\./),
    });
    expect(err).toContain('b.txt: ');
    expect(await held('large', root)).toEqual(['a.md']);
  });

  it('refuses another model than the collection has, and a watch of addresses', { timeout: LONG }, async () => {
    const root = tree('model', { 'a.md': 'w1' });
    await run(['ingest', root, '-c', 'model']);
    expect(await run(['ingest', root, '-c', 'model', '-m', 'test/reranker'])).toMatchObject({
      code: 2,
      err: expect.stringContaining('locallite reindex model'),
    });
    expect(await run(['ingest', 'https://example.com/', '--watch'])).toMatchObject({
      code: 2,
      err: expect.stringContaining('cannot be watched'),
    });
  });

  it.skipIf(process.platform === 'win32')(
    'ends with 130 on Ctrl-C, and leaves no upload behind that nothing is made of',
    { timeout: LONG },
    async () => {
      const files = Object.fromEntries(Array.from({ length: 250 }, (_unused, index) => [`f${index}.md`, wordText(900, index)]));
      const root = tree('interrupted', files);
      const { child, written, ended } = start(['ingest', root, '-c', 'interrupted']);
      await vi.waitFor(() => expect(written.err).toMatch(/interrupted: \d+ %/), { timeout: 20_000, interval: 5 });
      child.kill('SIGINT');
      expect(await ended).toMatchObject({ code: 130, err: expect.stringMatching(/locallite: interrupted\n$/) });
      await vi.waitFor(async () => expect((await client.jobs.list()).filter(({ state }) => state === 'running')).toEqual([]), {
        timeout: 10_000,
      });
      expect(await client.collections.verify('interrupted')).toMatchObject({ sound: true });
      // What the job had begun to work on is the job's; of the rest nothing stays.
      expect((await run(['ingest', root, '-c', 'interrupted'])).code).toBe(0);
      expect(await held('interrupted', root)).toHaveLength(250);
    },
  );
});

describe('locallite ingest --watch', () => {
  it.skipIf(process.platform === 'win32')(
    'follows what is added, changed, renamed, ignored and deleted, and ends with 130',
    { timeout: 60_000 },
    async () => {
      const root = tree('watched', { 'a.md': 'w1 w2', 'b.md': 'w3 w4', 'sub/c.md': 'w5 w6' });
      await run(['ingest', root, '-c', 'watched']);
      // While nobody watched.
      rmSync(join(root, 'b.md'));
      put(root, 'a.md', 'w1 w10');
      const { child, written, ended } = start(['ingest', root, '-c', 'watched', '--watch', '--json']);
      const settled = (files: readonly string[]) =>
        vi.waitFor(async () => expect(await held('watched', root)).toEqual(files), { timeout: 15_000, interval: 50 });
      await vi.waitFor(() => expect(written.err).toContain('watching for changes'), { timeout: 15_000, interval: 20 });
      expect(lines(written.out).at(-1)).toMatchObject({ object: 'ingest', files: 2, ingested: 1, unchanged: 1, removed: 1 });
      expect(await held('watched', root)).toEqual(['a.md', 'sub/c.md']);
      expect(await finds('watched', 'w10')).toEqual(['a.md']);

      put(root, 'new/d.md', 'w11 w12');
      await settled(['a.md', 'new/d.md', 'sub/c.md']);
      put(root, 'a.md', 'w13 w14');
      await vi.waitFor(async () => expect(await finds('watched', 'w13')).toEqual(['a.md']), { timeout: 15_000, interval: 50 });
      expect(await finds('watched', 'w10')).toEqual([]);
      renameSync(join(root, 'sub', 'c.md'), join(root, 'sub', 'e.md'));
      await settled(['a.md', 'new/d.md', 'sub/e.md']);
      renameSync(join(root, 'new'), join(root, 'old'));
      await settled(['a.md', 'old/d.md', 'sub/e.md']);
      put(root, '.localliteignore', 'old/\n');
      await settled(['a.md', 'sub/e.md']);
      put(root, '.localliteignore', '# nothing\n');
      await settled(['a.md', 'old/d.md', 'sub/e.md']);
      rmSync(join(root, 'old'), { recursive: true });
      await settled(['a.md', 'sub/e.md']);
      put(root, 'sub/.hidden.md', 'w1');
      put(root, 'last.md', 'w15');
      await settled(['a.md', 'last.md', 'sub/e.md']);

      child.kill('SIGINT');
      const { code, err } = await ended;
      expect({ code, err: err.split('\n').slice(-2) }).toEqual({
        code: 130,
        err: ['{"error":{"code":"cancelled","message":"interrupted"}}', ''],
      });
      expect(await client.collections.verify('watched')).toMatchObject({ sound: true, problems: [] });
    },
  );

  it.skipIf(process.platform === 'win32')('finishes on Ctrl-C what the gateway has', { timeout: LONG }, async () => {
    const files = Object.fromEntries(Array.from({ length: 60 }, (_unused, index) => [`f${index}.md`, wordText(900, index)]));
    const root = tree('finished', files);
    const { child, ended } = start(['ingest', root, '-c', 'finished', '--watch']);
    await vi.waitFor(
      async () => expect((await client.jobs.list()).some(({ subject, state }) => subject === 'finished' && state === 'running')).toBe(true),
      {
        timeout: 20_000,
        interval: 5,
      },
    );
    child.kill('SIGINT');
    expect((await ended).code).toBe(130);
    expect((await client.jobs.list()).find(({ subject }) => subject === 'finished')).toMatchObject({ state: 'succeeded' });
    expect(await held('finished', root)).toHaveLength(60);
  });
});

describe('locallite demo', () => {
  it('asks documents of a folder, reads them once, and answers lines of the input', { timeout: LONG }, async () => {
    const root = tree('demo', { 'cats.md': '# w1\n\nw2 w3 w4', 'dogs.md': '# w5\n\nw6 w7' });
    const one = await run(['demo', root, '--query', 'w6 w7', '--json', '-k', '1']);
    expect(one).toMatchObject({ code: 0, err: expect.stringContaining('2 files: 2 ingested') });
    expect(JSON.parse(one.out)).toMatchObject({ data: [{ filename: 'dogs.md' }] });
    const piped = await run(['demo', root, '-k', '1'], FOLDER, '"w2 w3"\n\n"w6"\n');
    expect(piped).toMatchObject({ code: 0, err: '' });
    expect(piped.out).toMatch(/1\. cats\.md[\s\S]*1\. dogs\.md/);
    const { data } = JSON.parse((await run(['collections', 'list', '--json'])).out) as { data: { name: string }[] };
    expect(data.filter(({ name }) => /^demo-demo-[0-9a-f]{6}$/.test(name))).toHaveLength(1);
    expect(await run(['demo', join(root, 'nothing')])).toMatchObject({ code: 3 });
  });
});

describe('what a newcomer is told', () => {
  const told = async (argv: readonly string[], url = server.url) => {
    const { io, written } = fakeIo({ env: { LOCALLITE_HOME: join(FOLDER, 'home') }, folder: FOLDER });
    return { code: await runCommandLine([...argv, '--url', url], io), ...written };
  };

  it('names the command that lists what there is', async () => {
    expect(await told(['search', 'a', '-c', 'nope'])).toEqual({
      code: 3,
      out: '',
      err: 'locallite: the collection nope is not there; `locallite collections list` shows those that are\n',
    });
    expect((await told(['collections'])).out).toBe((await told(['collections', 'list'])).out);
    expect((await told(['jobs'])).out).toBe((await told(['jobs', 'list'])).out);
  });

  it('names what says where the gateway is, to programs and to people', async () => {
    await expect(new LocalLite({ baseUrl: 'http://127.0.0.1:1', retries: 0 }).health()).rejects.toThrow('give its address as baseUrl');
    expect((await told(['list'], 'http://127.0.0.1:1')).err).toContain('give its address with --url');
  });
});
