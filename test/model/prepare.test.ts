import { type ChildProcess, spawn } from 'node:child_process';
import { cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { loadConfig } from '../../src/config/load.ts';
import type { ConfigOptions } from '../../src/config/settings.ts';
import { cosine } from '../../src/engines/pooling.ts';
import { convertToFolder } from '../../src/gateway/convert-folder.ts';
import { createGateway } from '../../src/gateway/create.ts';
import type { Gateway, Job } from '../../src/gateway/gateway-types.ts';
import { LocalLite } from '../../src/sdk/index.ts';
import { createTelemetry } from '../../src/telemetry/create-telemetry.ts';
import { createTestGateway, TEST_MODEL } from '../../src/testing/index.ts';
import { refusal } from '../servers/store-fixture.ts';
import { TINY_DIMENSIONS, writeTinyBert } from '../support/tiny-weights.ts';
import { serve } from './serve.ts';

const CLI = fileURLToPath(new URL('../../dist/cli.js', import.meta.url));
const TEXTS = ['a small cat', 'The quick brown fox jumps over the lazy dog.', 'x', 'numbers 1 2 3 and words', 'the same the same the same'];

let root: string;
let model: string;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'locallite-prepare-'));
  model = join(root, 'tiny');
  await writeTinyBert(model);
});
afterAll(() => rm(root, { recursive: true, force: true }));

const open: Gateway[] = [];
afterEach(async () => {
  for (const gateway of open.splice(0)) await gateway.close({ graceMs: 0 });
});

const freshHome = (): Promise<string> => mkdtemp(join(root, 'home-'));

/** A gateway over a home; int8 is what it makes unless told otherwise, because the speed of so small a graph says nothing. */
async function gatewayAt(home: string, settings: ConfigOptions = {}): Promise<Gateway> {
  const gateway = await createGateway({
    settings: { home, offline: true, threads: 1, providers: ['cpu'], convert: { precision: 'int8' }, ...settings },
  });
  open.push(gateway);
  return gateway;
}

async function ended(gateway: Gateway, { id }: Job): Promise<Job> {
  let last: Job | undefined;
  for await (const job of gateway.jobs.watch(id)) last = job;
  if (last === undefined) throw new Error('the job was forgotten');
  return last;
}

/** A gateway whose home has the tiny model's weights. */
async function pulled(settings: ConfigOptions = {}, folder = model): Promise<{ gateway: Gateway; home: string }> {
  const home = await freshHome();
  const gateway = await gatewayAt(home, settings);
  expect((await ended(gateway, gateway.jobs.startPull(folder))).result).toMatchObject({ variant: 'weights' });
  return { gateway, home };
}

const conversions = (gateway: Gateway): readonly Job[] => gateway.jobs.list().filter(({ kind }) => kind === 'convert');

describe('a model of which only weights are installed', () => {
  it('is converted when it is first used, once for all who ask, and stays as it was chosen', async () => {
    const { gateway, home } = await pulled();
    const [first, second] = await Promise.all([
      gateway.embed({ model, input: TEXTS }),
      gateway.embed({ model: `${model}#int8`, input: TEXTS }),
    ]);
    expect(first).toMatchObject({ variant: 'int8-c1', provider: 'cpu' });
    expect(first.vectors[0]).toHaveLength(TINY_DIMENSIONS);
    expect(second.vectors).toEqual(first.vectors);
    const shown = await gateway.models.show(model);
    expect(shown.installed).toMatchObject({ pinned: true, made: { report: { family: 'bert', converter: 1 } } });
    expect(shown.installed?.variant.fidelity?.meanCosine).toBeGreaterThan(0.99);
    expect(shown.variants?.map(({ variant }) => variant.name)).toEqual(['int8-c1', 'weights']);
    expect((await gateway.models.list()).map(({ id }) => id)).toEqual([shown.id]);
    const [job] = conversions(gateway);
    expect(job).toMatchObject({ kind: 'convert', state: 'succeeded', result: { variant: 'int8-c1' } });
    await gateway.close();
    const later = await gatewayAt(home, { convert: { precision: 'fp32' } });
    expect((await later.embed({ model, input: TEXTS })).variant).toBe('int8-c1');
    expect(conversions(later)).toEqual([]);
  });

  it('runs in full precision where int8 is under the floor; the refused one runs when it is named', async () => {
    const { gateway } = await pulled({ convert: { precision: 'int8', fidelity_floor: 1 } });
    const full = await gateway.embed({ model, input: TEXTS });
    expect(full.variant).toBe('fp32-c1');
    const named = await gateway.embed({ model: `${model}#int8`, input: TEXTS });
    expect(named.variant).toBe('int8-c1');
    expect(named.space).toBe(full.space);
    for (const [index, vector] of named.vectors.entries()) expect(cosine(vector, full.vectors[index] ?? vector)).toBeGreaterThan(0.98);
    expect((await gateway.models.show(model)).installed).toMatchObject({ variant: { name: 'fp32-c1' }, pinned: true });
  });

  it('is made in the precision that is named, which changes nothing for those who name none', async () => {
    const { gateway } = await pulled();
    expect((await gateway.embed({ model: `${model}#q4`, input: TEXTS })).variant).toBe('q4-c1');
    expect((await gateway.embed({ model, input: TEXTS })).variant).toBe('int8-c1');
    await gateway.models.pin(model, 'q4');
    expect((await gateway.embed({ model, input: TEXTS })).variant).toBe('q4-c1');
    expect((await refusal(gateway.models.pin(model, 'fp32'))).code).toBe('model_not_found');
    expect(await refusal(gateway.embed({ model: `${model}#fp16-gpu`, input: TEXTS }))).toMatchObject({
      code: 'model_not_found',
      message: expect.stringContaining('--precision fp16 --target gpu'),
    });
  });

  it('is unloaded and removed under the name of its precision, too', async () => {
    const { gateway } = await pulled();
    const loaded = (): readonly string[] => gateway.models.loaded().map(({ variant }) => variant);
    await gateway.embed({ model: `${model}#int8`, input: TEXTS });
    await gateway.models.unload(`${model}#q4`).catch(() => undefined);
    expect(loaded()).toEqual(['int8-c1']);
    await gateway.models.unload(`${model}#int8`);
    expect(loaded()).toEqual([]);
    await gateway.embed({ model: `${model}#int8`, input: TEXTS });
    await gateway.models.remove(`${model}#int8`);
    expect(loaded()).toEqual([]);
  });

  it('can be removed whatever variant the settings name', async () => {
    const { gateway } = await pulled({ models: { [model]: { variant: 'q4' } } });
    expect((await gateway.models.remove(model)).freedBytes).toBe(0);
    expect(await gateway.models.list()).toEqual([]);
  });

  it('runs what a conversion pins from the next request on', async () => {
    const { gateway } = await pulled();
    expect((await gateway.embed({ model, input: TEXTS })).variant).toBe('int8-c1');
    await ended(gateway, gateway.jobs.startConvert({ reference: model, precision: 'fp32', target: 'cpu', pin: true }));
    expect((await gateway.embed({ model, input: TEXTS })).variant).toBe('fp32-c1');
  });

  it('does not run unasked what was made for another device', async () => {
    const { gateway } = await pulled();
    const job = await ended(gateway, gateway.jobs.startConvert({ reference: model, precision: 'auto', target: 'gpu', pin: false }));
    expect(job.result).toMatchObject({ variant: 'fp32-gpu-c1' });
    expect((await gateway.embed({ model, input: TEXTS })).variant).toBe('int8-c1');
  });

  it('is made anew where the settings pool otherwise, beside the usual one', async () => {
    const { gateway, home } = await pulled();
    const usual = await gateway.embed({ model, input: TEXTS });
    await gateway.close();
    const other = await gatewayAt(home, { models: { [model]: { pooling: 'cls' } } });
    const pooled = await other.embed({ model, input: TEXTS });
    expect(pooled.variant).toMatch(/^int8-c1-[0-9a-f]{6}$/);
    expect(pooled.space).not.toBe(usual.space);
    expect(cosine(pooled.vectors[1] ?? new Float32Array(), usual.vectors[1] ?? new Float32Array())).toBeLessThan(0.99);
    await other.close();
    const again = await gatewayAt(home);
    expect((await again.embed({ model, input: TEXTS })).vectors).toEqual(usual.vectors);
    expect(conversions(again)).toEqual([]);
  });

  it('is made again when its weights are other ones, and stays pinned', async () => {
    const { gateway, home } = await pulled();
    const { variant } = await gateway.embed({ model, input: TEXTS });
    await gateway.close();
    const [folder = ''] = await readdir(join(home, 'models', 'manifests'));
    const path = join(home, 'models', 'manifests', folder, `${variant}.json`);
    const manifest = JSON.parse(await readFile(path, 'utf8'));
    await writeFile(path, JSON.stringify({ ...manifest, made: { ...manifest.made, weights: '0'.repeat(64) } }));
    const later = await gatewayAt(home);
    expect((await later.embed({ model, input: TEXTS })).variant).toBe(variant);
    expect(conversions(later)).toMatchObject([{ state: 'succeeded' }]);
    expect(JSON.parse(await readFile(path, 'utf8'))).toMatchObject({ pinned: true, made: { weights: manifest.made.weights } });
  });

  it('takes the settings’ variant for granted', async () => {
    const { gateway } = await pulled({ models: { [model]: { variant: 'fp32' } } });
    expect((await gateway.models.show(model)).installed?.variant.name).toBe('weights');
    expect((await gateway.embed({ model, input: TEXTS })).variant).toBe('fp32-c1');
  });

  it('gives the same bytes every time', async () => {
    const graphs: Buffer[] = [];
    for (let round = 0; round < 2; round++) {
      const { gateway } = await pulled();
      await ended(gateway, gateway.jobs.startConvert({ reference: model, precision: 'fp32', target: 'cpu', pin: false }));
      const made = (await gateway.models.show(`${model}#fp32`)).installed;
      graphs.push(await readFile(join(made?.directory ?? '', 'model.onnx')));
    }
    expect(graphs[0]?.equals(graphs[1] ?? Buffer.alloc(0))).toBe(true);
  });
});

describe('a conversion that fails', () => {
  async function brokenWeights(): Promise<string> {
    const folder = await mkdtemp(join(root, 'broken-'));
    await cp(model, folder, { recursive: true });
    const bytes = await readFile(join(folder, 'model.safetensors'));
    await writeFile(join(folder, 'model.safetensors'), bytes.subarray(0, bytes.length - 100));
    return folder;
  }

  it('is named, again and again, and hurts no other model', async () => {
    const { gateway } = await pulled({}, await brokenWeights());
    const broken = (await gateway.models.list())[0]?.id ?? '';
    for (let round = 0; round < 2; round++) {
      expect(await refusal(gateway.embed({ model: broken, input: TEXTS }))).toMatchObject({
        code: 'model_load_failed',
        message: expect.stringContaining('model.safetensors'),
      });
    }
    await ended(gateway, gateway.jobs.startPull(model));
    expect((await gateway.embed({ model, input: TEXTS })).variant).toBe('int8-c1');
  });

  it('gives way to a published graph, where one is installed', async () => {
    const folder = await brokenWeights();
    const { gateway, home } = await pulled({}, model);
    await ended(gateway, gateway.jobs.startConvert({ reference: model, precision: 'fp32', target: 'cpu', pin: false }));
    const made = (await gateway.models.show(`${model}#fp32`)).installed;
    await cp(join(made?.directory ?? '', 'model.onnx'), join(folder, 'model.onnx'));
    for (const variant of ['weights', 'fp32']) await ended(gateway, gateway.jobs.startPull(`${folder}#${variant}`));
    await gateway.close();
    const lines: string[] = [];
    const telemetry = createTelemetry({ level: 'warn', format: 'json', destination: { write: (line: string) => void lines.push(line) } });
    const other = await createGateway({ settings: { home, offline: true, threads: 1, providers: ['cpu'] }, telemetry });
    open.push(other);
    expect((await other.embed({ model: folder, input: TEXTS })).variant).toBe('fp32');
    expect(lines.join('')).toContain('variant_not_made');
  });

  it('because it was cancelled is told as such; the next use makes it', async () => {
    const { gateway, home } = await pulled();
    const asked = refusal(gateway.embed({ model, input: TEXTS }));
    while (conversions(gateway).length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    for (const { id } of conversions(gateway)) gateway.jobs.cancel(id);
    expect((await asked).code).toBe('cancelled');
    expect((await gateway.embed({ model, input: TEXTS })).variant).toBe('int8-c1');
    expect(await readdir(join(home, 'models', 'partial'))).toEqual([]);
  });

  it('because the model has no weights says so', async () => {
    const gateway = await gatewayAt(await freshHome());
    const folder = await mkdtemp(join(root, 'published-'));
    await cp(model, folder, { recursive: true });
    await rm(join(folder, 'model.safetensors'));
    await writeFile(join(folder, 'model.onnx'), 'a graph');
    const job = await ended(gateway, gateway.jobs.startConvert({ reference: folder, precision: 'auto', target: 'cpu', pin: false }));
    expect(job.error).toMatchObject({ code: 'model_unsupported', message: expect.stringContaining('no weights that LocalLite reads') });
  });
});

describe('a variant under the floor', () => {
  it('that runs because nothing else is installed is told of in the log and in its description', async () => {
    const home = await freshHome();
    const lines: string[] = [];
    const telemetry = createTelemetry({ level: 'warn', format: 'json', destination: { write: (line: string) => void lines.push(line) } });
    const gateway = await createTestGateway({ home, telemetry, settings: { convert: { fidelity_floor: 0.995 } } });
    open.push(gateway);
    const { installed } = await gateway.models.show(TEST_MODEL);
    Object.assign(installed?.variant ?? {}, { fidelity: { meanCosine: 0.96, worstCosine: 0.9, on: 'texts' } });
    await gateway.embed({ model: TEST_MODEL, input: ['w1'] });
    expect(lines.join('')).toMatch(/0\.9600.*floor of 0\.995.*variant_under_floor/);
    expect((await gateway.models.show(TEST_MODEL)).warning).toContain('0.9600');
  });
});

interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

function start(args: readonly string[], home: string): { child: ChildProcess; ended: Promise<Ended> } {
  const env = { ...process.env, LOCALLITE_HOME: home, LOCALLITE_OFFLINE: '1', LOCALLITE_THREADS: '1' };
  const child = spawn(process.execPath, [CLI, ...args], { stdio: ['ignore', 'pipe', 'pipe'], env });
  let [out, err] = ['', ''];
  child.stdout.on('data', (chunk: Buffer) => {
    out += chunk.toString();
  });
  child.stderr.on('data', (chunk: Buffer) => {
    err += chunk.toString();
  });
  return { child, ended: new Promise((resolve) => child.once('close', (code) => resolve({ code, out, err }))) };
}

const run = (args: readonly string[], home: string): Promise<Ended> => start(args, home).ended;

describe('locallite convert', () => {
  it('makes a variant, says how good it is, and pins it when told to', async () => {
    const home = await freshHome();
    const made = await run(['convert', model, '--precision', 'int8', '--report'], home);
    expect(made).toMatchObject({ code: 0, out: expect.stringMatching(/is there as int8-c1\n/) });
    expect(made.out).toMatch(/^family +bert$/m);
    expect(made.out).toMatch(/^fidelity +mean [01]\.\d{4}, worst/m);
    expect(made.err).toMatch(/: reading/);
    const pinned = await run(['convert', model, '--precision', 'fp32', '--pin', '--json'], home);
    const jobs = pinned.out
      .trim()
      .split('\n')
      .map((line): Record<string, unknown> => JSON.parse(line));
    expect(jobs.at(-1)).toMatchObject({ kind: 'convert', state: 'succeeded', result: { variant: 'fp32-c1' } });
    expect((await run(['list'], home)).out).toMatch(/fp32-c1 .* runs\n.*int8-c1 .* [01]\.\d{4} .* installed\n.*weights .* weights/);
    const shown = (await run(['show', model], home)).out;
    expect(shown).toMatch(/^installed int8-c1 +.*cosine to full precision: mean/m);
    expect(shown).toMatch(/^runs +fp32-c1$/m);
    expect((await run(['pin', `${model}#int8`], home)).out).toContain('runs int8-c1');
    expect((await run(['pin', model], home)).code).toBe(2);
  }, 60_000);

  it('writes a plain folder instead, whole or not at all', async () => {
    const home = await freshHome();
    const out = join(root, 'out');
    const made = await run(['convert', model, '--precision', 'int8', '--out', out, '--json'], home);
    expect(made.code).toBe(0);
    expect(JSON.parse(made.out.trim().split('\n').at(-1) ?? '')).toMatchObject({
      folder: out,
      kind: 'int8',
      report: { precision: 'int8' },
    });
    expect(await readdir(out)).toEqual(expect.arrayContaining(['model.onnx', 'tokenizer.json', 'config.json']));
    expect(JSON.parse((await run(['list', '--json'], home)).out)).toMatchObject({
      data: [{ locallite: { installed: { variant: 'weights' } } }],
    });
    const again = await run(['convert', model, '--out', out], home);
    expect(again).toMatchObject({ code: 1, err: expect.stringContaining('is not empty') });
    expect((await readdir(root)).filter((name) => name.endsWith('.tmp'))).toEqual([]);
  }, 60_000);

  it('writes a plain folder of the kind that the name asks for', async () => {
    const { gateway, home } = await pulled();
    await gateway.close();
    const { config } = loadConfig({ options: { home, offline: true }, file: false, listens: false });
    const write = (reference: string) =>
      convertToFolder({
        config,
        order: { reference, precision: 'auto', target: 'cpu', pin: false },
        folder: join(home, 'out'),
        signal: new AbortController().signal,
        onProgress: () => {},
      });
    expect((await refusal(write(`${model}#in8`))).code).toBe('invalid_request');
    expect(await write(`${model}#fp32-gpu`)).toMatchObject({ kind: 'fp32-gpu', report: { target: 'gpu' } });
  });

  it('that is killed leaves a home in which the next one succeeds', async () => {
    const home = await freshHome();
    const { child, ended: gone } = start(['convert', model, '--precision', 'int8'], home);
    await new Promise<void>((resolve) => {
      child.stderr?.on('data', (chunk: Buffer) => chunk.toString().includes('reading') && resolve());
    });
    child.kill('SIGKILL');
    await gone;
    expect((await run(['convert', model, '--precision', 'int8'], home)).out).toContain('is there as int8-c1');
    expect(await readdir(join(home, 'models', 'partial'))).toEqual([]);
    expect((await run(['list', '--json'], home)).out).toContain('int8-c1');
  }, 60_000);
});

describe('a serving gateway', () => {
  it('prepares its default model, and converts over HTTP as a job', async () => {
    const home = await freshHome();
    const server = await serve(home, ['--default-models-embed', model, '--threads', '1', '--convert-precision', 'int8']);
    try {
      expect(server.log.map(({ event }) => event)).toEqual(
        expect.arrayContaining(['default_model_conversion', 'variant_chosen', 'model_made']),
      );
      expect(server.log.at(-1)).toMatchObject({ event: 'ready', variant: 'int8-c1' });
      const client = new LocalLite({ baseUrl: server.url });
      const phases = new Set<string | undefined>();
      let last: Awaited<ReturnType<typeof client.jobs.retrieve>> | undefined;
      for await (const job of client.convert(model, { precision: 'fp32' })) {
        last = job;
        phases.add(job.progress?.phase);
      }
      expect(last).toMatchObject({ kind: 'convert', state: 'succeeded', progress: { share: 1 }, result: { variant: 'fp32-c1' } });
      expect([...phases]).toContain('checking');
      const [entry] = await client.models.list();
      expect(entry?.locallite).toMatchObject({
        installed: { variant: 'int8-c1', pinned: true, report: { family: 'bert' } },
        installed_variants: [{ variant: 'int8-c1' }, { variant: 'fp32-c1' }, { variant: 'weights', kind: 'weights' }],
        loaded: { variant: 'int8-c1', provider: 'cpu' },
        warning: null,
      });
      await client.models.pin(model, 'fp32');
      expect((await client.embeddings.create({ model, input: 'x' })).locallite?.variant).toBe('fp32-c1');
      expect((await client.jobs.list()).map(({ kind }) => kind)).toContain('convert');
      expect((await run(['convert', model, '--precision', 'q4'], home)).out).toContain('is there as q4-c1');
      expect((await run(['ps'], home)).out).toMatch(/PROVIDER +FIDELITY +TOKENS\/S[\s\S]*int8-c1 +cpu +[01]\.\d{4}/);
    } finally {
      await server.stop();
    }
  }, 60_000);
});
