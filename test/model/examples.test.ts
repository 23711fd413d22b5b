import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { defaultVariant, MODEL_HOME } from '../home.ts';

const ROOT = join(import.meta.dirname, '..', '..');
/** A copy, because a serving gateway holds its home for itself. */
const HOME = mkdtempSync(join(tmpdir(), 'locallite-examples-'));
const ENV = { ...process.env, LOCALLITE_HOME: HOME, LOCALLITE_OFFLINE: '1', LOCALLITE_THREADS: '2' };

let server: ChildProcess;
let url = '';
let scratch = '';

beforeAll(async () => {
  cpSync(MODEL_HOME, HOME, { recursive: true, filter: (path) => !/[\\/]run$/.test(path) });
  server = spawn(process.execPath, ['dist/cli.js', 'serve', '--port', '0', '--log-level', 'silent'], { cwd: ROOT, env: ENV });
  url = await new Promise((resolve, reject) => {
    let printed = '';
    server.on('exit', (code) => reject(new RangeError(`serve ended with ${code}`)));
    server.stdout?.on('data', (chunk: Buffer) => {
      printed += chunk.toString();
      const found = /API +(http:\S+)\/v1/.exec(printed)?.[1];
      if (found !== undefined && printed.includes('Ctrl-C')) resolve(found);
    });
  });
  // Inside the package, so that it finds itself by its own name, as an installed one is found.
  mkdirSync(join(ROOT, '.setup'), { recursive: true });
  scratch = mkdtempSync(join(ROOT, '.setup', 'examples-'));
});

afterAll(async () => {
  rmSync(scratch, { recursive: true, force: true });
  server.removeAllListeners('exit');
  const stopped = new Promise((resolve) => server.on('exit', resolve));
  server.kill('SIGTERM');
  await stopped;
  rmSync(HOME, { recursive: true, force: true });
});

function run(command: string, argv: readonly string[]): string {
  const { status, stdout, stderr } = spawnSync(command, argv, { cwd: ROOT, env: ENV, encoding: 'utf8', timeout: 60_000 });
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  return stdout;
}

describe('examples', () => {
  it('sdk.mjs finds the nearest sentence', () => {
    expect(run(process.execPath, ['examples/sdk.mjs', url])).toBe('The train leaves at nine.\n28 tokens on cpu, 384 numbers each\n');
  });

  it('openai-node.mjs works with the official client', () => {
    expect(run(process.execPath, ['examples/openai-node.mjs', url])).toBe('2 vectors of 384 numbers, 12 tokens\n');
  });

  it('in-process.mjs works without a server', () => {
    const printed = run(process.execPath, ['examples/in-process.mjs']);
    expect(printed).toBe(`2 vectors of 384 numbers, 12 tokens\nsentence-transformers/all-MiniLM-L6-v2 (${defaultVariant()}) on cpu\n`);
  });

  it.skipIf(spawnSync('curl', ['--version']).status !== 0 || process.platform === 'win32')('curl.sh gets vectors and tokens', () => {
    const [one, two, tokens] = run('sh', ['examples/curl.sh', url])
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(one.data[0].embedding).toHaveLength(384);
    expect(two.data.map((item: { embedding: string }) => item.embedding.length)).toEqual([2048, 2048]);
    expect(tokens.data[0].tokens).toEqual(['[CLS]', 'a', 'cat', 'me', '##ows', '[SEP]']);
  });
});

describe('the pages', () => {
  const blocks = ['sdk.md', 'from-fastembed.md', 'from-ollama.md'].flatMap((page) =>
    [...readFileSync(join(ROOT, 'docs', page), 'utf8').matchAll(/```js\n([\s\S]*?)```/g)].map(([, code = ''], index) => ({
      page,
      index,
      code,
    })),
  );

  it('have code', () => expect(blocks.length).toBeGreaterThanOrEqual(8));

  it.each(blocks)('$page, block $index runs and prints what its comments say', ({ page, index, code }) => {
    const pointed = code
      .replaceAll('new LocalLite()', `new LocalLite({ baseUrl: '${url}' })`)
      .replaceAll('new LocalLite({ model', `new LocalLite({ baseUrl: '${url}', model`);
    const file = join(scratch, `${page}-${index}.mjs`);
    writeFileSync(file, pointed);
    const printed = run(process.execPath, [file]);
    const promised = [...code.matchAll(/console\.log\(.*\/\/ ([\w ]+)$/gm)]
      .map(([, text = '']) => text)
      .filter((text) => /^[\d_a-z ]*\d|^true$|^model_not_found/.test(text));
    for (const text of promised) expect(printed).toContain(`${text}\n`);
    expect(printed).not.toBe('');
  });
});
