import { type ChildProcess, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LocalLite } from '../../src/sdk/index.ts';
import { DEFAULT_MODEL, defaultVariant, MODEL_HOME } from '../home.ts';

const CLI = join(import.meta.dirname, '..', '..', 'dist', 'cli.js');
const HOME = mkdtempSync(join(tmpdir(), 'locallite-home-'));
const ENV = { ...process.env, LOCALLITE_HOME: HOME, LOCALLITE_OFFLINE: '1', LOCALLITE_THREADS: '2', NO_COLOR: '1' };

interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

function start(argv: readonly string[], env: NodeJS.ProcessEnv = ENV): ChildProcess {
  return spawn(process.execPath, [CLI, ...argv], { env, cwd: HOME, stdio: ['pipe', 'pipe', 'pipe'] });
}

async function ended(child: ChildProcess): Promise<Ended> {
  let out = '';
  let err = '';
  child.stdout?.on('data', (chunk: Buffer) => {
    out += chunk.toString();
  });
  child.stderr?.on('data', (chunk: Buffer) => {
    err += chunk.toString();
  });
  const code = await new Promise<number | null>((resolve) => child.on('close', resolve));
  return { code, out, err };
}

function run(argv: readonly string[], input = '', env: NodeJS.ProcessEnv = ENV): Promise<Ended> {
  const child = start(argv, env);
  child.stdin?.on('error', () => undefined);
  child.stdin?.end(input);
  return ended(child);
}

const lines = (text: string): Record<string, unknown>[] =>
  text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
const digest = (text: string): string => createHash('sha256').update(text).digest('hex');

beforeAll(() => cpSync(MODEL_HOME, HOME, { recursive: true, filter: (path) => !/[\\/]run$/.test(path) }));
afterAll(() => rmSync(HOME, { recursive: true, force: true }));

it('tells its version without reading anything else', () => {
  const entry = readFileSync(CLI, 'utf8');
  const imports = [...entry.matchAll(/^import .* from ["'](.+)["']/gm)].map(([, specifier = '']) => specifier);
  expect(entry.startsWith('#!/usr/bin/env node')).toBe(true);
  expect(imports.filter((specifier) => !specifier.includes('version'))).toEqual([]);
});

/** Every command in both worlds: the answers must not depend on who does the work. */
function commands(name: string, hasGateway: boolean): void {
  describe(name, () => {
    it('lists, shows and completes names of the installed model', async () => {
      const list = await run(['list', '--json']);
      expect(list).toMatchObject({ code: 0, err: '' });
      expect(JSON.parse(list.out)).toMatchObject({
        object: 'list',
        data: [{ id: DEFAULT_MODEL, locallite: { installed: { variant: defaultVariant() } } }],
      });
      expect((await run(['list', '--names'])).out).toBe('all-MiniLM-L6-v2\n');
      expect((await run(['show', 'all-minilm-l6-v2'])).out).toMatch(/^dimensions +384$/m);
    });

    it('embeds lines in order, passes fields through and gives unit vectors', async () => {
      const input = Array.from({ length: 70 }, (_, index) => JSON.stringify({ text: `note number ${index}`, id: `n${index}` })).join('\n');
      const { code, out } = await run(['embed'], input);
      const records = lines(out);
      expect(code).toBe(0);
      expect(records.map(({ index, id, text }) => [index, id, text])).toEqual(
        Array.from({ length: 70 }, (_, index) => [index, `n${index}`, `note number ${index}`]),
      );
      for (const { embedding } of records) expect(Math.hypot(...(embedding as number[]))).toBeCloseTo(1, 5);
    });

    it('tells which of many texts is too long, and cuts it on demand', async () => {
      const input = [...Array.from({ length: 40 }, () => 'short'), 'word '.repeat(400)].join('\n');
      const refused = await run(['embed', '--encoding', 'base64'], input);
      expect(refused.code).toBe(1);
      expect(refused.err).toMatch(/text 40 has 402 tokens.*--truncate/);
      const { code, out } = await run(['embed', '--truncate'], input);
      expect([code, lines(out).at(-1)?.['truncated_tokens']]).toEqual([0, 146]);
    });

    it('counts and shows tokens', async () => {
      expect((await run(['tokenize', 'a cat meows'])).out).toBe('6\t[CLS]:101 a:1037 cat:4937 me:2033 ##ows:15568 [SEP]:102\n');
      expect((await run(['tokenize', '--count'], 'a cat\nhello\n')).out).toBe('4\n3\n');
    });

    it('sets, uses, lists and removes a name', async () => {
      expect(await run(['alias', 'set', 'text-embedding-3-small', 'all-MiniLM-L6-v2'])).toMatchObject({ code: 0 });
      const own = await run(['embed', '-m', 'text-embedding-3-small', 'a cat']);
      expect(digest(own.out)).toBe(digest((await run(['embed', 'a cat'])).out));
      expect((await run(['alias', 'list'])).out).toContain('text-embedding-3-small');
      expect(await run(['alias', 'rm', 'text-embedding-3-small'])).toMatchObject({ code: 0 });
      expect(await run(['alias', 'rm', 'text-embedding-3-small'])).toMatchObject({ code: 3 });
    });

    it('explains a name that is nearly right', async () => {
      const { code, err } = await run(['show', 'all-MiniLM-L6-v3']);
      expect(code).toBe(3);
      expect(err).toMatch(/did you mean all-minilm-l6-v2/i);
    });

    it('measures the model', async () => {
      const { code, out } = await run(['bench', '--seconds', '1', '--json']);
      const result = JSON.parse(out) as {
        single: { p50_ms: number; p95_ms: number };
        batch: { texts_per_second: number };
        through: string;
      };
      expect(code).toBe(0);
      expect(result).toMatchObject({
        model: DEFAULT_MODEL,
        variant: defaultVariant(),
        provider: 'cpu',
        dimensions: 384,
        workers: 2,
        through: hasGateway ? 'gateway' : 'in-process',
      });
      expect(result.single.p95_ms).toBeGreaterThanOrEqual(result.single.p50_ms);
      expect(result.batch.texts_per_second).toBeGreaterThan(0);
    });

    it('shows what is in memory', async () => {
      const { code, out } = await run(['ps', '--json']);
      const { data } = JSON.parse(out) as { data: { id: string; provider: string }[] };
      expect(code).toBe(0);
      expect(data.map(({ id, provider }) => [id, provider])).toEqual(hasGateway ? [[DEFAULT_MODEL, 'cpu']] : []);
    });

    it('passes its own check-up', async () => {
      const { code, out } = await run(['doctor', '--json', '--port', '0']);
      const { ok, checks } = JSON.parse(out) as { ok: boolean; checks: { name: string; status: string; detail: string }[] };
      expect([code, ok]).toEqual([0, true]);
      expect(checks).toContainEqual({ name: 'model', status: 'ok', detail: `${DEFAULT_MODEL} (${defaultVariant()}) is complete` });
      expect(checks.find(({ name }) => name === 'gateway')?.detail).toMatch(hasGateway ? /^runs at/ : /^not running/);
      expect(checks.find(({ name }) => name === 'sources')?.detail).toContain('offline');
    });
  });
}

commands('without a gateway', false);

describe('pipes and signals', () => {
  it('stops without a word when its reader has had enough', async () => {
    const child = start(['embed', '--encoding', 'base64']);
    child.stdin?.on('error', () => undefined);
    const feed = setInterval(() => child.stdin?.write('one more line\n'.repeat(50)), 5);
    const stopped = ended(child);
    child.stdout?.once('data', () => child.stdout?.destroy());
    const { code, err } = await stopped;
    clearInterval(feed);
    expect({ code, err }).toEqual({ code: 0, err: '' });
  });

  it('hands results on before the input has ended', async () => {
    const child = start(['embed', '--encoding', 'base64']);
    child.stdin?.write('first line\n');
    const first = await new Promise<string>((resolve) => child.stdout?.once('data', (chunk: Buffer) => resolve(chunk.toString())));
    expect(JSON.parse(first)).toMatchObject({ index: 0, text: 'first line' });
    child.stdin?.end();
    expect((await ended(child)).code).toBe(0);
  });

  it.skipIf(process.platform === 'win32')('ends with 130 on Ctrl-C while it waits for input', async () => {
    const child = start(['embed', '--encoding', 'base64']);
    child.stdin?.write('first line\n');
    await new Promise((resolve) => child.stdout?.once('data', resolve));
    child.kill('SIGINT');
    const { code, err } = await ended(child);
    expect(code).toBe(130);
    expect(err).toBe('locallite: interrupted\n');
  });

  it('prints no call that would fail where the default model is missing', async () => {
    const child = start(['serve', '--port', '0'], { ...ENV, LOCALLITE_HOME: join(HOME, 'empty') });
    const stopped = ended(child);
    const told = await new Promise<string>((resolve) => {
      let text = '';
      child.stderr?.on('data', (chunk: Buffer) => {
        text += chunk.toString();
        if (text.includes('the default model is missing')) resolve(text);
      });
    });
    child.kill('SIGTERM');
    expect(told).toContain('offline');
    expect((await stopped).out).not.toContain('curl');
  });

  it('tells how a variant that is not there is made, and which there are', async () => {
    const missing = await run(['pin', 'all-MiniLM-L6-v2#fp32']);
    expect(missing).toMatchObject({ code: 3, err: expect.stringContaining('locallite convert all-MiniLM-L6-v2 --precision fp32 --pin') });
    const unknown = await run(['pin', 'all-MiniLM-L6-v2#banana']);
    expect(unknown).toMatchObject({ code: 2, err: expect.stringContaining('fp32, fp16, int8, q4 can be made') });
  });

  it('does not distill over a model that is there, and says how else', async () => {
    mkdirSync(join(HOME, 'distilled', 'all-MiniLM-L6-v2-static', 'some'), { recursive: true });
    const stranger = await run(['distill', 'all-MiniLM-L6-v2']);
    expect(stranger).toMatchObject({
      code: 1,
      err: expect.stringMatching(/all-MiniLM-L6-v2-static is not empty\. --out writes another folder/),
    });
    await run(['alias', 'set', 'all-MiniLM-L6-v2-static', 'all-MiniLM-L6-v2']);
    expect((await run(['distill', 'all-MiniLM-L6-v2'])).err).toMatch(
      /all-MiniLM-L6-v2-static is there already, in .*: use it by that name\. --out/,
    );
    await run(['alias', 'rm', 'all-MiniLM-L6-v2-static']);
  });

  it('refuses to pull while offline: code 4', async () => {
    const { code, err } = await run(['pull', 'bge-small-en-v1.5']);
    expect(code).toBe(4);
    expect(err).toContain('offline');
  });
});

describe.skipIf(process.platform === 'win32')('serve', () => {
  let server: ChildProcess;
  let stopped: Promise<Ended>;
  let printed = '';
  let url = '';

  beforeAll(async () => {
    server = start(['serve', '--port', '0']);
    stopped = ended(server);
    await new Promise<void>((resolve, reject) => {
      server.on('exit', () => reject(new RangeError('serve ended too early')));
      server.stdout?.on('data', (chunk: Buffer) => {
        printed += chunk.toString();
        if (printed.includes('Ctrl-C')) resolve();
      });
    });
    url = /API +(http:\S+)\/v1/.exec(printed)?.[1] ?? '';
  });
  afterAll(() => server.kill('SIGKILL'));

  it('prints where it is, what runs, and a curl line that works', async () => {
    expect(printed).toMatch(/is ready after \d+ ms/);
    expect(printed).toMatch(/model +sentence-transformers\/all-MiniLM-L6-v2 \([\w-]+, 384 dimensions\)\n +provider +cpu, 2 workers/);
    expect(printed).toContain(`(${defaultVariant()}, 384`);
    const curl = /curl (\S+) -H '([^:]+): ([^']+)' -d '(.+)'/.exec(printed);
    const answer = await fetch(curl?.[1] ?? '', { method: 'POST', headers: { [curl?.[2] ?? '']: curl?.[3] ?? '' }, body: curl?.[4] ?? '' });
    const { data } = (await answer.json()) as { data: { embedding: number[] }[] };
    expect(data[0]?.embedding).toHaveLength(384);
  });

  it('is the only one for its home', async () => {
    const { code, err } = await run(['serve', '--port', '0']);
    expect(code).toBe(1);
    expect(err).toContain(`in use by process ${server.pid}`);
    expect(err).toContain(`a gateway serves this folder already, at ${url}`);
  });

  commands('with the gateway', true);

  it('makes keys that work at once and stop working when revoked', async () => {
    const created = await run(['keys', 'create', 'laptop', '--scope', 'inference']);
    const key = created.out.trim();
    expect(key).toMatch(/^ll_/);
    expect((await run(['keys', 'list'])).out).not.toContain(key);
    expect((await new LocalLite({ baseUrl: url, apiKey: key }).embed('a cat')).length).toBe(384);
    await expect(new LocalLite({ baseUrl: url }).embed('a cat')).rejects.toMatchObject({ code: 'unauthorized', status: 401 });
    await expect(new LocalLite({ baseUrl: url, apiKey: key }).keys.list()).rejects.toMatchObject({ status: 403 });
    expect((await run(['list', '--names', '--url', url], '', { ...ENV, LOCALLITE_API_KEY: key })).out).toBe('all-MiniLM-L6-v2\n');
    expect(await run(['keys', 'revoke', 'laptop'])).toMatchObject({ code: 0 });
    expect(await run(['keys', 'revoke', 'laptop'])).toMatchObject({ code: 3 });
    await expect(new LocalLite({ baseUrl: url, apiKey: key }).embed('a cat')).resolves.toHaveLength(384);
  });

  it('stops on SIGTERM and leaves nothing behind', async () => {
    server.removeAllListeners('exit');
    server.kill('SIGTERM');
    expect((await stopped).code).toBe(0);
    expect(existsSync(join(HOME, 'run', 'gateway.json'))).toBe(false);
    expect(await run(['serve', '--port', '0', '--host', '0.0.0.0'])).toMatchObject({ code: 2, out: '' });
  });
});
