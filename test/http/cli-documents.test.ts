import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Io } from '../../src/cli/io.ts';
import { runCommandLine } from '../../src/cli/run.ts';
import { fakeIo } from '../support/cli-page.ts';
import { startTestServer, type TestServer } from './test-server.ts';

/* The commands about documents, against a real gateway over a pretended model: what they say, where, and how they end. */

const FOLDER = mkdtempSync(join(tmpdir(), 'locallite-cli-documents-'));
const NOTES = join(FOLDER, 'notes');
const TERMINAL = { terminal: { input: false, out: true, err: false } };

let server: TestServer;
let slow: TestServer;
beforeAll(async () => {
  server = await startTestServer({ alsoModels: ['test/other'] });
  slow = await startTestServer({ millisecondsPerToken: 20 });
  mkdirSync(NOTES);
  writeFileSync(join(NOTES, 'one.md'), '# w1\n\nw2 w3 w4.\n');
  writeFileSync(join(NOTES, 'two.txt'), 'w20 w21 w22');
  writeFileSync(join(FOLDER, 'broken.bin'), Buffer.from([0, 1, 2, 0, 255]));
  writeFileSync(join(FOLDER, 'long.txt'), Array.from({ length: 900 }, (_, at) => `w${at}.`).join(' '));
  expect((await run(['ingest', 'notes', '--collection', 'notes'])).code).toBe(0);
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await slow[Symbol.asyncDispose]();
  rmSync(FOLDER, { recursive: true, force: true });
});

interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

async function run(argv: readonly string[], overrides: Partial<Io> = {}, url = server.url): Promise<Ran> {
  const env = { LOCALLITE_HOME: join(FOLDER, 'home') };
  const { io, written } = fakeIo({ folder: FOLDER, ...overrides, env: { ...env, ...overrides.env } });
  const code = await runCommandLine([...argv, '--url', url], io);
  return { code, ...written };
}

/** The one object that a command wrote, and that it said nothing else. */
async function json(argv: readonly string[], code = 0): Promise<Record<string, unknown>> {
  const ran = await run([...argv, '--json']);
  expect([ran.code, ran.err]).toEqual([code, '']);
  return JSON.parse(ran.out);
}

/** How a command refuses: nothing on the output, one line on the error output, and the same as JSON. */
async function refusal(argv: readonly string[], code: number, message: RegExp): Promise<Record<string, unknown>> {
  const plain = await run(argv);
  expect([plain.code, plain.out]).toEqual([code, '']);
  expect(plain.err).toMatch(message);
  expect(plain.err).toMatch(/^locallite: [^\n]+\n$/);
  const ran = await run([...argv, '--json']);
  expect([ran.code, ran.out]).toEqual([code, '']);
  return JSON.parse(ran.err).error;
}

describe('locallite ingest', () => {
  it('says what it did, and what it left out, with exit code 1', async () => {
    const ran = await run(['ingest', 'notes', 'broken.bin', '--collection', 'mixed']);
    expect(ran.code).toBe(1);
    expect(ran.out).toContain('2');
    expect(ran.out + ran.err).toContain('broken.bin');
    const again = await run(['ingest', 'notes', '--collection', 'mixed']);
    expect([again.code, again.out]).toEqual([0, expect.stringMatching(/unchanged/)]);
  });

  it('names a path that is not there', async () => {
    const error = await refusal(['ingest', 'nowhere', '--collection', 'nothing'], 3, /nowhere/);
    expect(error).toMatchObject({ code: 'not_found' });
  });
});

describe('locallite search', () => {
  it('shows hits with their place, and nothing else on the output', async () => {
    const { code, out, err } = await run(['search', 'w20 w21', '-c', 'notes', '-k', '1']);
    expect([code, err]).toEqual([0, '']);
    expect(out).toMatch(/^1\. two\.txt [\d.]+\n {3}w20 w21 w22\n\n$/);
    expect((await run(['search', 'w3', '-c', 'notes', '-k', '1'])).out).toContain('one.md › w1');
  });

  it('colours what it found on a terminal only, and never with NO_COLOR', async () => {
    const colour = '\u001b[';
    const argv = ['search', 'w20', '-c', 'notes', '-k', '1'];
    expect((await run(argv, TERMINAL)).out).toContain(`${colour}33mw20`);
    expect((await run(argv, { ...TERMINAL, env: { NO_COLOR: '1' } })).out).not.toContain(colour);
    expect((await run(argv)).out).not.toContain(colour);
  });

  it('writes the answer of the API with --json', async () => {
    const answer = await json(['search', 'w20 w21', '-c', 'notes', '--mode', 'text', '--limit', '1']);
    expect(answer).toMatchObject({ object: 'vector_store.search_results.page', data: [{ filename: 'two.txt' }] });
  });

  it('filters, and says so where nothing is left', async () => {
    const none = await run(['search', 'w20', '-c', 'notes', '--filter', 'year=2020']);
    expect(none).toEqual({ code: 0, out: '', err: 'nothing was found\n' });
  });

  it('refuses with what would be right', async () => {
    await refusal(['search', 'w1', '-c', 'nowhere'], 3, /nowhere is not there/);
    await refusal(['search', ' ', '-c', 'notes'], 2, /query/);
    await refusal(['search', 'w1', '-c', 'notes', '--rerank', 'nothing'], 3, /nothing/);
    for (const [argv, message] of [
      [['search'], /question/],
      [['search', 'w1', '-k', '0'], /1 to 1000/],
      [['search', 'w1', '--mode', 'magic'], /hybrid, dense, text/],
      [['search', 'w1', '--filter', 'year'], /key=value/],
    ] as const) {
      const ran = await run(argv);
      expect([ran.code, ran.out]).toEqual([2, '']);
      expect(ran.err).toMatch(message);
    }
  });
});

describe('locallite collections', () => {
  it('lists and shows them', async () => {
    const list = await run(['collections', 'list']);
    expect(list.err).toBe('');
    expect(list.out).toMatch(/^NAME +FILES +FAILED +PASSAGES +SIZE +MODEL +ID\n/);
    expect(list.out).toMatch(/\nnotes +2 +0 +\d+ +[\d.]+ \w+ +test\/words +vs_\w+\n/);
    expect(await json(['collections', 'list'])).toMatchObject({ object: 'list', data: expect.arrayContaining([]) });
    const show = await run(['collections', 'show', 'notes']);
    expect(show.out).toMatch(/name +notes\n/);
    expect(show.out).toContain(join(NOTES, 'two.txt'));
    expect(await json(['collections', 'show', 'notes'])).toMatchObject({ object: 'vector_store', name: 'notes' });
    expect(await refusal(['collections', 'show', 'nowhere'], 3, /nowhere is not there/)).toMatchObject({ code: 'not_found' });
  });

  it('checks, exports, imports and removes them', async () => {
    expect(await run(['collections', 'verify', 'notes'])).toEqual({ code: 0, out: 'sound\n', err: '' });
    expect(await json(['collections', 'verify', 'notes'])).toMatchObject({ sound: true, problems: [] });
    const file = join(FOLDER, 'notes.jsonl');
    expect(await run(['collections', 'export', 'notes', '--out', 'notes.jsonl'])).toEqual({ code: 0, out: `wrote ${file}\n`, err: '' });
    if (process.platform !== 'win32') expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(await run(['collections', 'import', 'notes.jsonl', '--name', 'copy'])).toMatchObject({
      code: 0,
      err: '',
      out: expect.stringMatching(/copy.* 2 files/),
    });
    expect(await refusal(['collections', 'import', 'notes.jsonl', '--name', 'copy'], 1, /./)).toMatchObject({ code: 'conflict' });
    writeFileSync(join(FOLDER, 'torn.jsonl'), readFileSync(file, 'utf8').slice(0, -100));
    await refusal(['collections', 'import', 'torn.jsonl', '--name', 'torn'], 2, /./);
    await refusal(['collections', 'import', 'nothing.jsonl'], 3, /nothing\.jsonl/);
    await refusal(['collections', 'export', 'nowhere', '--out', 'x.jsonl'], 3, /nowhere/);
    expect(await run(['collections', 'rm', 'copy'])).toEqual({ code: 0, out: 'removed copy\n', err: '' });
    await refusal(['collections', 'rm', 'copy'], 3, /copy is not there/);
    expect(await run(['collections', 'purge'])).toMatchObject({
      code: 0,
      err: '',
      out: expect.stringMatching(/^0 collections and 0 files/),
    });
    expect(await json(['collections', 'purge'])).toMatchObject({ object: 'collections.purge', freed_bytes: expect.any(Number) });
  });
});

describe('locallite reindex', () => {
  it('follows the job to its end', async () => {
    await run(['ingest', 'notes', '--collection', 'again']);
    const ran = await run(['reindex', 'again', '--model', 'test/other']);
    expect([ran.code, ran.out]).toEqual([0, 'again is indexed anew\n']);
    expect(await json(['collections', 'show', 'again'])).toMatchObject({ locallite: { model: 'test/other' } });
    const lines = (await run(['reindex', 'again', '--json'])).out.trimEnd().split('\n');
    expect(JSON.parse(lines.at(-1) ?? '')).toMatchObject({ object: 'job', kind: 'reindex', state: 'succeeded' });
    await refusal(['reindex', 'nowhere'], 3, /nowhere/);
    await refusal(['reindex', 'again', '--model', 'nothing'], 3, /nothing/);
  });
});

describe('locallite parse', () => {
  it('writes Markdown, text or blocks', async () => {
    expect(await run(['parse', 'notes/one.md'])).toEqual({ code: 0, out: '# w1\n\nw2 w3 w4.\n', err: '' });
    expect(await run(['parse', 'notes/one.md', '--format', 'text'])).toEqual({ code: 0, out: 'w1\n\nw2 w3 w4.\n', err: '' });
    expect(await json(['parse', 'notes/one.md'])).toMatchObject({ object: 'document', blocks: [{ kind: 'heading' }, { kind: 'text' }] });
    const data = await run(['parse', 'notes/one.md', '--format', 'json']);
    expect(JSON.parse(data.out)).toMatchObject({ object: 'document' });
  });

  it('refuses by name', async () => {
    expect(await refusal(['parse', 'nothing.pdf'], 3, /there is no file nothing\.pdf/)).toMatchObject({ code: 'not_found' });
    expect(await refusal(['parse', 'broken.bin'], 1, /./)).toMatchObject({ code: 'document_unsupported' });
    writeFileSync(join(FOLDER, 'locked.pdf'), readFileSync(new URL('../fixtures/documents/encrypted.pdf', import.meta.url)));
    expect(await refusal(['parse', 'locked.pdf'], 1, /password/)).toMatchObject({ code: 'document_encrypted' });
    expect((await run(['parse', 'locked.pdf', '--password', 'open sesame'])).out).toContain('golden keys');
    await refusal(['parse', 'notes'], 2, /notes is not a file/);
    expect((await run(['parse', 'notes/one.md', '--format', 'html'])).err).toMatch(/markdown, text, json/);
  });
});

describe('locallite jobs', () => {
  it('lists and shows what was done', async () => {
    const list = await run(['jobs', 'list']);
    expect(list.out).toMatch(/^JOB +KIND +SUBJECT +STATE +DONE +UPDATED\n/);
    const { data } = (await json(['jobs', 'list'])) as { data: { id: string; kind: string; subject: string }[] };
    const one = data.find(({ kind, subject }) => kind === 'ingest' && subject === 'notes');
    const show = await run(['jobs', 'show', one?.id ?? '']);
    expect(show.out).toMatch(/state +succeeded\n/);
    expect(await json(['jobs', 'show', one?.id ?? ''])).toMatchObject({ id: one?.id, state: 'succeeded' });
    expect(await run(['jobs', 'watch', one?.id ?? ''])).toMatchObject({ code: 0, out: `${one?.id} is succeeded\n` });
    for (const verb of ['show', 'cancel', 'watch']) {
      expect(await refusal(['jobs', verb, 'job_none'], 3, /no such job/)).toMatchObject({ code: 'job_not_found' });
    }
  });

  it('cancels one that runs, and tells whoever watches it', async () => {
    const upload = await slow.gateway.files.add({ name: 'long.txt', bytes: readFileSync(join(FOLDER, 'long.txt')) });
    await slow.gateway.collections.create({ name: 'slow' });
    const { id } = await slow.gateway.collections.ingest({ collection: 'slow', sources: [{ kind: 'file', fileId: upload.id }] });
    const watching = run(['jobs', 'watch', id], {}, slow.url);
    const cancelled = await run(['jobs', 'cancel', id], {}, slow.url);
    expect(cancelled.code).toBe(0);
    expect(await watching).toMatchObject({ code: 1, out: expect.stringContaining(`${id} is cancelled`) });
  });

  it('is empty where nothing was done', async () => {
    const fresh = await startTestServer();
    try {
      expect(await run(['jobs', 'list'], {}, fresh.url)).toEqual({ code: 0, out: '', err: 'no job\n' });
      expect((await run(['collections', 'list'], {}, fresh.url)).err).toMatch(/^no collection; /);
    } finally {
      await fresh[Symbol.asyncDispose]();
    }
  });
});

describe('every one of these commands', () => {
  const commands = [
    ['search', 'w1'],
    ['ingest', 'notes'],
    ['parse', 'notes/one.md'],
    ['reindex', 'notes'],
    ['jobs', 'list'],
    ...['list', 'purge'].map((verb) => ['collections', verb]),
    ...['show', 'rm', 'verify'].map((verb) => ['collections', verb, 'notes']),
    ['collections', 'export', 'notes', '--out', 'never.jsonl'],
    ['collections', 'import', 'notes/one.md'],
  ];

  it.each(commands.map((argv) => [argv.join(' '), argv] as const))('says where it looked when no gateway is there: %s', async (_, argv) => {
    const { code, out, err } = await run(argv, {}, 'http://127.0.0.1:9');
    expect([code, out]).toEqual([4, '']);
    expect(err).toMatch(/^locallite: .*127\.0\.0\.1:9.*\n$/);
  });

  it.each(commands.map((argv) => [argv.join(' '), argv] as const))('ends with 130 when it is interrupted: %s', async (_, argv) => {
    const { code, err } = await run(argv, { signal: AbortSignal.abort() });
    expect([code, err]).toEqual([130, 'locallite: interrupted\n']);
  });
});
