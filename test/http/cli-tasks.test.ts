import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Io } from '../../src/cli/io.ts';
import { runCommandLine } from '../../src/cli/run.ts';
import { TEST_MULTI, TEST_RERANKER, TEST_SPARSE } from '../../src/testing/index.ts';
import { fakeIo } from '../support/cli-page.ts';
import { startTestServer, type TestServer, wordText } from './test-server.ts';

/* The commands themselves, against a gateway whose models are pretended. */

const FOLDER = mkdtempSync(join(tmpdir(), 'locallite-cli-tasks-'));
const MODELS = ['--default-models-rerank', TEST_RERANKER, '--default-models-sparse', TEST_SPARSE, '--default-models-multi', TEST_MULTI];
const BEST_FIRST = ['w9 w9', 'w1 w9', 'w9 w2', 'w2 w1'];

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
  writeFileSync(join(FOLDER, 'lines.txt'), `${BEST_FIRST.join('\n')}\n\n`);
  writeFileSync(join(FOLDER, 'more.txt'), 'w1 w2\n');
  writeFileSync(join(FOLDER, 'records.jsonl'), '{"id": 7, "body": "w9"}\n{"id": 8, "body": "w1"}\n');
  writeFileSync(join(FOLDER, 'many.txt'), Array.from({ length: 300 }, (_unused, index) => `w${500 + index} w${index % 7}`).join('\n'));
  writeFileSync(join(FOLDER, 'long.txt'), `w1\n${wordText(100, 500)} w1\n`);
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
  rmSync(FOLDER, { recursive: true, force: true });
});

async function run(argv: readonly string[], input = '', overrides: Partial<Io> = {}) {
  const stream = new PassThrough();
  stream.end(input);
  const { io, written } = fakeIo({ folder: FOLDER, env: { LOCALLITE_HOME: join(FOLDER, 'home') }, input: stream, ...overrides });
  const code = await runCommandLine([...argv, '--url', server.url, ...MODELS], io);
  return { code, ...written };
}

const lines = (text: string): Record<string, unknown>[] =>
  text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);

describe('locallite rerank', () => {
  it('shows a table of files, the most relevant first', async () => {
    expect(await run(['rerank', 'w1 w2', 'lines.txt', 'more.txt'])).toEqual({
      code: 0,
      err: '',
      out: [
        ' SCORE  INDEX  DOCUMENT',
        '0.6225      3  w2 w1',
        '0.6225      4  w1 w2',
        '0.5000      1  w1 w9',
        '0.3775      2  w9 w2',
        '0.2689      0  w9 w9',
        '',
      ].join('\n'),
    });
  });

  it('reads the standard input, also where it is named, and gives raw scores', async () => {
    const piped = await run(['rerank', 'w1 w2', '--raw', '--top-n', '2'], `${BEST_FIRST.join('\n')}\n`);
    expect(piped.out.split('\n').slice(1)).toEqual(['0.5000      3  w2 w1', '0.0000      1  w1 w9', '']);
    expect((await run(['rerank', 'w1 w2', '--raw', '-n', '2', '-'], BEST_FIRST.join('\n'))).out).toBe(piped.out);
    expect((await run(['rerank', 'w1 w2', '--top-n', '1', 'more.txt', '-'], 'w9\n')).out).toContain('0.6225      0  w1 w2');
  });

  it('writes JSON lines with the fields of each record', async () => {
    const { code, out } = await run(['rerank', 'w1', 'records.jsonl', '--field', 'body', '--json', '--raw']);
    expect(code).toBe(0);
    expect(lines(out)).toEqual([
      { index: 1, relevance_score: 0, id: 8, body: 'w1' },
      { index: 0, relevance_score: -1, id: 7, body: 'w9' },
    ]);
    expect(lines((await run(['rerank', 'w1', 'more.txt', '--json', '--raw'])).out)).toEqual([
      { index: 0, relevance_score: 0, text: 'w1 w2' },
    ]);
  });

  it('puts many batches together in one order', async () => {
    const all = lines((await run(['rerank', 'w3', 'many.txt', '--json', '--raw'])).out);
    const shared = Array.from({ length: 300 }, (_unused, index) => index).filter((index) => index % 7 === 3);
    const others = Array.from({ length: 300 }, (_unused, index) => index).filter((index) => index % 7 !== 3);
    expect(all.map(({ index }) => index)).toEqual([...shared, ...others]);
    const best = lines((await run(['rerank', 'w3', 'many.txt', '--json', '--raw', '-n', '5'])).out);
    expect(best).toEqual(all.slice(0, 5));
  });

  it('tells which document is too long, cuts it or reads it in windows', async () => {
    const refused = await run(['rerank', 'w1 w2', 'long.txt']);
    expect([refused.code, refused.out]).toEqual([1, '']);
    expect(refused.err).toMatch(/^locallite: document 1 has 101 tokens.*\(here: --truncate or --long windows\)\n$/);
    const cut = await run(['rerank', 'w1 w2', 'long.txt', '--truncate']);
    expect([cut.code, cut.err]).toEqual([0, '1 of these documents was too long and was cut\n']);
    expect(lines((await run(['rerank', 'w1 w2', 'long.txt', '--truncate', '--json', '--raw'])).out)).toEqual([
      { index: 0, relevance_score: 0, text: 'w1' },
      { index: 1, relevance_score: -1, text: `${wordText(100, 500)} w1`, truncated_tokens: 42 },
    ]);
    const windows = await run(['rerank', 'w1 w2', 'long.txt', '--long', 'windows', '--raw']);
    expect(windows).toMatchObject({ code: 0, err: '' });
    expect(windows.out).toContain('-0.9831      1  w500');
  });

  it('keeps to the width, one line a document, and colours nothing but for a terminal', async () => {
    const terminal = { input: false, out: true, err: true };
    const long = `w1 ${'w9\t'.repeat(50)}`;
    const narrow = await run(['rerank', 'w1'], long, { width: 40 });
    expect(narrow.out.split('\n')[1]).toBe(`0.5000      0  w1 ${'w9 '.repeat(7)}…`);
    const coloured = await run(['rerank', 'w1'], 'w1', { terminal });
    expect(coloured.out).toContain('\u001b[');
    const plain = await run(['rerank', 'w1'], 'w1', { terminal, env: { LOCALLITE_HOME: join(FOLDER, 'home'), NO_COLOR: '1' } });
    expect(plain.out).not.toContain('\u001b[');
  });

  it.each([
    [['rerank'], 2, "missing required argument 'query'"],
    [['rerank', 'w1', 'lines.txt', '--top-n', '0'], 2, 'It must be a whole number, 1 or more.'],
    [['rerank', 'w1', 'lines.txt', '--long', 'tail'], 2, 'Allowed choices are cut, windows'],
    [['rerank', 'w1', 'nowhere.txt'], 2, 'nowhere.txt cannot be read'],
    [['rerank', 'w1'], 2, 'there are no documents to rerank'],
    [['rerank', 'w1', 'records.jsonl'], 2, 'line 1: expected an object with a "text" that is a string'],
    [['rerank', 'w1', 'lines.txt', '-m', 'no/such'], 3, 'no/such'],
    [['rerank', 'w1', 'lines.txt', '-m', 'test/words'], 2, 'test/words makes embeddings'],
  ])('%j ends with %i', async (argv, code, message) => {
    const ended = await run(argv);
    expect([ended.code, ended.out]).toEqual([code, '']);
    expect(ended.err).toContain(message);
  });

  it('waits for nobody who sits at the terminal without having sent documents', async () => {
    const ended = await run(['rerank', 'w1'], '', { terminal: { input: true, out: false, err: false } });
    expect([ended.code, ended.err]).toEqual([2, expect.stringContaining('no documents')]);
  });

  it('does the work itself where no gateway runs', async () => {
    const { io, written } = fakeIo({ folder: FOLDER, env: { LOCALLITE_HOME: join(FOLDER, 'empty'), LOCALLITE_OFFLINE: '1' } });
    // There is no model at home; that it is looked for there shows who does the work.
    expect(await runCommandLine(['rerank', 'w1', 'lines.txt'], io)).toBe(3);
    expect(written.err).toMatch(/ms-marco-MiniLM-L6-v2.*not installed/i);
  });
});

describe('locallite embed', () => {
  it('writes sparse vectors, with their terms when asked', async () => {
    const { code, out } = await run(['embed', '--sparse', '--tokens', 'w5 w1', 'w2']);
    expect(code).toBe(0);
    const weight = Math.fround(Math.log1p(1));
    expect(lines(out)).toEqual([
      { index: 0, text: 'w5 w1', indices: [9, 13], values: [weight, weight], tokens: ['w1', 'w5'] },
      { index: 1, text: 'w2', indices: [10], values: [weight], tokens: ['w2'] },
    ]);
    const coded = lines((await run(['embed', '--sparse', '--encoding', 'base64', 'w5 w1'])).out);
    expect(coded).toEqual([{ index: 0, text: 'w5 w1', indices: 'CQAAAA0AAAA=', values: expect.any(String) }]);
  });

  it('writes one vector a token, in the order of the lines', async () => {
    const { code, out } = await run(['embed', '--multi'], Array.from({ length: 20 }, (_unused, index) => `w${index}`).join('\n'));
    expect(code).toBe(0);
    const records = lines(out);
    expect(records.map(({ index, text }) => [index, text])).toEqual(records.map((_record, index) => [index, `w${index}`]));
    for (const { embeddings } of records) expect(embeddings).toHaveLength(4);
    expect(lines((await run(['embed', '--multi', '-t', 'query', '--encoding', 'base64', 'w1'])).out)[0]).toMatchObject({ shape: [8, 8] });
  });

  it('tells which text is too long, and cuts it on demand', async () => {
    const refused = await run(['embed', '--sparse'], `w1\n${wordText(100)}\n`);
    expect([refused.code, refused.err]).toEqual([1, expect.stringMatching(/text 1 has 102 tokens.*\(here: --truncate\)/)]);
    expect(lines((await run(['embed', '--sparse', '--truncate'], `w1\n${wordText(100)}\n`)).out)[1]).toMatchObject({
      truncated_tokens: 38,
    });
  });

  it.each([
    [['embed', '--sparse', '--multi', 'w1'], "option '--sparse' cannot be used with option '--multi'"],
    [['embed', '--sparse', '--dimensions', '4', 'w1'], 'cannot be used with option'],
    [['embed', '--tokens', 'w1'], '--tokens needs --sparse'],
  ])('%j ends with 2', async (argv, message) => {
    const ended = await run(argv);
    expect([ended.code, ended.out]).toEqual([2, '']);
    expect(ended.err).toContain(message);
  });
});
