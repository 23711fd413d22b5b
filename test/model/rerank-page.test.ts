import { execFile } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestServer, type TestServer } from '../http/test-server.ts';

/* The code of docs/rerank.md as printed, with the published SDK and Cohere's client; the models behind it are pretended. */

const ROOT = join(import.meta.dirname, '..', '..');
const SCRATCH = join(ROOT, '.setup', `rerank-page-${process.pid}`);
const PAGE = readFileSync(join(ROOT, 'docs', 'rerank.md'), 'utf8').replaceAll('\r\n', '\n');
const blocks = (language: string) =>
  [...PAGE.matchAll(/^```(\w+)\n([\s\S]*?)^```/gm)].filter(([, name]) => name === language).map(([, , code = '']) => code);

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer({ settings: { aliases: { 'ms-marco-MiniLM-L6-v2': 'test/reranker' } } });
  mkdirSync(SCRATCH, { recursive: true });
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
  rmSync(SCRATCH, { recursive: true, force: true });
});

describe('docs/rerank.md', () => {
  it('has code for each task', () => expect(blocks('js')).toHaveLength(4));

  it.each(blocks('js').map((code, index) => ({ code, index })))('block $index runs and prints numbers', async ({ code, index }) => {
    const file = join(SCRATCH, `${index}.mjs`);
    const pointed = code
      .replaceAll('new LocalLite()', `new LocalLite({ baseUrl: '${server.url}' })`)
      .replaceAll('http://127.0.0.1:11435', server.url)
      // A word that the pretended models know.
      .replaceAll('a cat meows', 'w1 cat meows');
    writeFileSync(file, pointed);
    const { stdout, stderr } = await promisify(execFile)(process.execPath, [file], { cwd: ROOT, timeout: 60_000 });
    expect(stderr).toBe('');
    expect(stdout).toMatch(/^-?\d/);
    expect(stdout).not.toMatch(/NaN|undefined/);
  });

  it('has calls with curl that are answered', async () => {
    const calls = blocks('sh').flatMap((code) => [...code.matchAll(/curl http:\/\/127\.0\.0\.1:11435(\S+)[\s\S]*?-d '(.+)'/g)]);
    expect(calls.map(([, path]) => path)).toEqual(['/v1/rerank', '/v1/embeddings/sparse', '/v1/embeddings/multi']);
    for (const [, path = '', body = ''] of calls) {
      const answer = await server.post(path, JSON.parse(body));
      expect(answer.status, await answer.text()).toBe(200);
    }
  });
});
