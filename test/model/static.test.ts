import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadConfig } from '../../src/config/load.ts';
import { createGateway } from '../../src/gateway/create.ts';
import { distillToFolder } from '../../src/gateway/distill.ts';
import type { Gateway } from '../../src/gateway/gateway-types.ts';
import { openWeights } from '../../src/models/safetensors.ts';
import { loadTokenizer } from '../../src/runtime/tokenizer.ts';
import { refusal } from '../servers/store-fixture.ts';
import { writeTinyBert } from '../support/tiny-weights.ts';

const TEXTS = ['a small cat', 'The quick brown fox jumps over the lazy dog.', 'numbers 1 2 3 and words, the same the same', ''];
const DIMENSIONS = 32;

let root: string;
let gateway: Gateway;
let folder: string;
let reference: string;

const pull = async (name: string): Promise<void> => {
  for await (const { state, error } of gateway.jobs.watch(gateway.jobs.startPull(name).id)) {
    if (state === 'failed') throw new Error(error?.message);
  }
};

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'locallite-static-'));
  const teacher = join(root, 'teacher');
  await writeTinyBert(teacher);
  const home = join(root, 'home');
  const settings = { home, offline: true, threads: 1, convert: { precision: 'fp32' as const } };
  gateway = await createGateway({ settings });
  await pull(teacher);
  folder = join(root, 'student');
  const { config } = loadConfig({ options: settings, file: false, listens: false });
  await distillToFolder({
    config,
    reference: teacher,
    embed: async (ids) => (await gateway.embed({ model: teacher, input: ids, priority: 'bulk' })).vectors,
    dimensions: DIMENSIONS,
    folder,
    signal: new AbortController().signal,
    onProgress: () => {},
  });
  reference = `file:${folder}`;
  await pull(reference);
});

afterAll(async () => {
  await gateway.close({ graceMs: 0 });
  await rm(root, { recursive: true, force: true });
});

/** The mean of the rows of a text's tokens, of unit length, worked out the long way. */
async function expected(text: string): Promise<number[]> {
  const weights = openWeights(folder);
  const table = weights.read('embeddings');
  weights.close();
  const ids = await (await loadTokenizer(folder)).content(text);
  const rows = ids.map((id) => [...table.subarray(id * DIMENSIONS, (id + 1) * DIMENSIONS)]);
  const mean = Array.from({ length: DIMENSIONS }, (_, column) => rows.reduce((sum, row) => sum + (row[column] ?? 0), 0) / rows.length);
  const length = Math.hypot(...mean);
  return mean.map((value) => (length > 0 ? value / length : 0));
}

describe('a static model', () => {
  it('gives the mean of its tokens, of unit length; nothing has the vector of zeros', async () => {
    const { vectors, variant, provider, promptTokens, truncatedTokens } = await gateway.embed({ model: reference, input: TEXTS });
    expect({ variant, provider, truncatedTokens }).toEqual({ variant: 'static', provider: 'cpu', truncatedTokens: [0, 0, 0, 0] });
    expect(promptTokens).toBeGreaterThan(15);
    for (const [index, text] of TEXTS.slice(0, 3).entries()) {
      const wanted = await expected(text);
      const largest = Math.max(...wanted.map((value, column) => Math.abs(value - (vectors[index]?.[column] ?? 9))));
      expect(largest).toBeLessThan(1e-5);
    }
    expect([...(vectors[3] ?? [])]).toEqual(new Array(DIMENSIONS).fill(0));
  });

  it('takes token ids, refuses other sizes, wrong ids and tasks it has not', async () => {
    const ids = await (await loadTokenizer(folder)).content('a small cat');
    const { vectors } = await gateway.embed({ model: reference, input: ['a small cat', [...ids]] });
    expect(vectors[1]).toEqual(vectors[0]);
    expect(await refusal(gateway.embed({ model: reference, input: ['a'], dimensions: 8 }))).toMatchObject({ code: 'invalid_request' });
    expect(await refusal(gateway.embed({ model: reference, input: [[999_999]] }))).toMatchObject({ param: 'input[0]' });
    expect(await refusal(gateway.rerank({ model: reference, query: 'a', documents: ['b'] }))).toMatchObject({ code: 'model_wrong_task' });
  });

  it('has no processes, and says what its table takes', async () => {
    const loaded = gateway.models.loaded().find(({ variant }) => variant === 'static');
    const rows = (await loadTokenizer(folder)).vocabularySize;
    expect(loaded).toMatchObject({ workers: 0, provider: 'cpu', memoryBytes: 4 * rows * DIMENSIONS });
  });

  it('is refused when its table is not what its files say', async () => {
    const broken = join(root, 'broken');
    await rm(broken, { recursive: true, force: true });
    await cp(folder, broken, { recursive: true });
    const config = JSON.parse(await readFile(join(broken, 'config.json'), 'utf8')) as object;
    await writeFile(join(broken, 'config.json'), JSON.stringify({ ...config, hidden_dim: 31 }));
    await pull(`file:${broken}`);
    expect(await refusal(gateway.embed({ model: `file:${broken}`, input: ['a'] }))).toMatchObject({
      code: 'model_load_failed',
      message: expect.stringContaining('31'),
    });
  });

  it('is refused more dimensions than its teacher has, before the whole vocabulary has run', async () => {
    const { config } = loadConfig({ options: { home: join(root, 'home'), offline: true }, file: false, listens: false });
    let requests = 0;
    const tooLong = distillToFolder({
      config,
      reference: join(root, 'teacher'),
      embed: async (ids) => {
        requests += 1;
        return ids.map(() => new Float32Array(4));
      },
      dimensions: 8,
      folder: join(root, 'never'),
      signal: new AbortController().signal,
      onProgress: () => {},
    });
    expect(await refusal(tooLong)).toMatchObject({ code: 'invalid_request', param: 'dimensions' });
    expect(requests).toBe(1);
  });

  it('is not written over what is there', async () => {
    const { config } = loadConfig({ options: { home: join(root, 'home') }, file: false, listens: false });
    const again = distillToFolder({
      config,
      reference: join(root, 'teacher'),
      embed: async () => [],
      dimensions: 8,
      folder,
      signal: new AbortController().signal,
      onProgress: () => {},
    });
    expect(await refusal(again)).toMatchObject({ code: 'conflict' });
  });
});
