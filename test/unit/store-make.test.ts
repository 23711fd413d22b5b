import { readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { LocalLiteError } from '../../src/errors.ts';
import { localDisk } from '../../src/models/disk.ts';
import type { Recipe } from '../../src/models/made.ts';
import type { MakeGraph } from '../../src/models/make.ts';
import type { InstalledModel, ModelStore } from '../../src/models/store-types.ts';
import { buildPullChild, runPullChild } from '../servers/child.ts';
import { startHubServer } from '../servers/hub-server.ts';
import { MADE_ID as ID, reportOf, testRecipe, weightsFolder } from '../servers/make-fixture.ts';
import { refusal, temporaryFolder, testStore } from '../servers/store-fixture.ts';

const cleanUps: (() => Promise<void>)[] = [];
let child: Awaited<ReturnType<typeof buildPullChild>>;
beforeAll(async () => {
  child = await buildPullChild('make-child');
});
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});
afterAll(() => child.remove());

async function setUp() {
  const home = await temporaryFolder(cleanUps);
  const folder = join(await temporaryFolder(cleanUps), 'published');
  const card = await weightsFolder(folder);
  const settings = { home, cards: [card], offline: true };
  const store = testStore(settings);
  const weights = await store.pull(`${ID}#weights`);
  return { home, folder, card, settings, store, weights, recipe: testRecipe(weights.card) };
}

/** Writes a graph that says which one it is, and counts how often it had to. */
function maker(recipe: Recipe, content = `${recipe.precision}-c${recipe.converter}`): MakeGraph & { count(): number } {
  let count = 0;
  const work: MakeGraph = async (folder) => {
    count += 1;
    await writeFile(join(folder, 'model.onnx'), content);
    return reportOf(recipe);
  };
  return Object.assign(work, { count: () => count });
}

const graphOf = async ({ directory, variant }: InstalledModel): Promise<string> => readFile(join(directory, variant.onnx), 'utf8');
const namesOf = async (store: ModelStore): Promise<readonly string[]> => (await store.variants(ID)).map(({ variant }) => variant.name);
const leftovers = (home: string): Promise<readonly string[]> => readdir(join(home, 'models', 'partial')).catch(() => []);

describe('weights', () => {
  it('are found when they are named or all there is, and never pinned', async () => {
    const { store, weights } = await setUp();
    expect(weights).toMatchObject({ variant: { name: 'weights', kind: 'weights' }, pinned: false });
    expect((await store.find(ID))?.variant.name).toBe('weights');
    expect(await store.find(ID, 'int8')).toBeUndefined();
    await store.pull(`${ID}#q4`);
    expect((await store.find(ID))?.variant.name).toBe('q4');
    expect((await store.find(ID, 'weights'))?.variant.name).toBe('weights');
    // Beside weights nothing is chosen by having been installed.
    expect((await store.variants(ID)).map(({ variant, pinned }) => [variant.name, pinned])).toEqual([
      ['q4', false],
      ['weights', false],
    ]);
  });

  it('are what a precision is pulled as, unless the card lists it', async () => {
    const { store, settings, card } = await setUp();
    expect((await store.pull(`${ID}#int8`)).variant.name).toBe('weights');
    expect((await store.pull(`${ID}#q4`)).variant.name).toBe('q4');
    const home = await temporaryFolder(cleanUps);
    expect((await testStore({ ...settings, home }).pull(`${ID}#fp16-gpu`)).variant.name).toBe('weights');
    expect((await refusal(store.pull(`${ID}#none`))).message).toContain(
      `has no variant "none"; it has ${card.variants.map(({ name }) => name).join(', ')}`,
    );
  });

  it('come first when no variant is named', async () => {
    const { settings } = await setUp();
    const home = await temporaryFolder(cleanUps);
    expect((await testStore({ ...settings, home }).pull(ID)).variant.name).toBe('weights');
  });
});

describe('a model of the hub without any graph', () => {
  const config = { model_type: 'bert', hidden_size: 8, max_position_embeddings: 16 };
  const pooling = { word_embedding_dimension: 8, pooling_mode_mean_tokens: true };
  const json = (value: unknown) => Buffer.from(JSON.stringify(value));
  const shared = { 'tokenizer.json': json({ model: { type: 'WordPiece' } }), '1_Pooling/config.json': json(pooling) };

  async function pulled(files: Readonly<Record<string, Buffer>>): Promise<InstalledModel> {
    const hub = await startHubServer({ 'someone/bare': { commit: 'c'.repeat(40), files: { ...shared, ...files } } });
    cleanUps.push(hub.close);
    return testStore({ home: await temporaryFolder(cleanUps), endpoint: hub.endpoint }).pull('someone/bare');
  }

  it('is pulled as its weights, whole or in shards', async () => {
    const whole = await pulled({ 'config.json': json(config), 'model.safetensors': Buffer.from('all') });
    expect(whole).toMatchObject({ variant: { name: 'weights', kind: 'weights', onnx: 'model.safetensors' }, card: { dimensions: 8 } });
    const shards = ['model.safetensors.index.json', 'model-00001-of-00002.safetensors', 'model-00002-of-00002.safetensors'];
    const parts = Object.fromEntries(shards.map((name) => [name, Buffer.from(name)]));
    const split = await pulled({ 'config.json': json(config), ...parts });
    expect(split.files.map(({ path }) => path)).toEqual(expect.arrayContaining(shards));
    expect(split.variant.onnx).toBe(shards[0]);
  });

  it('lies as the converter wants it, also where its transformer has a folder of its own', async () => {
    const step = (kind: string, path: string) => ({ type: `sentence_transformers.models.${kind}`, path });
    const model = await pulled({
      'modules.json': json([step('Transformer', '0_Transformer'), step('Pooling', '1_Pooling'), step('Dense', '2_Dense')]),
      '0_Transformer/config.json': json(config),
      '0_Transformer/model.safetensors': Buffer.from('all'),
      '2_Dense/config.json': json({ out_features: 4 }),
      '2_Dense/model.safetensors': Buffer.from('dense'),
    });
    expect(model).toMatchObject({ card: { dimensions: 4, normalize: false }, variant: { onnx: 'model.safetensors' } });
    for (const path of ['config.json', 'model.safetensors', 'modules.json', '2_Dense/config.json', '2_Dense/model.safetensors']) {
      expect((await stat(join(model.directory, path))).isFile()).toBe(true);
    }
  });
});

describe('a variant that is made', () => {
  it('is installed whole, with its report and its own tokenizer', async () => {
    const { store, weights, recipe, home } = await setUp();
    const made = await store.make(weights, recipe, maker(recipe));
    expect(made).toMatchObject({
      variant: { name: 'int8-c1', dtype: 'int8', batchInvariant: true, memoryBytes: 150_000_000, fidelity: { meanCosine: 0.9985 } },
      made: { recipe, report: { converter: 1, seconds: 2 } },
      source: weights.source,
      pinned: false,
    });
    expect(await graphOf(made)).toBe('int8-c1');
    expect((await readdir(made.directory)).sort()).toEqual(['config.json', 'model.onnx', 'tokenizer.json']);
    expect((await stat(join(made.directory, 'tokenizer.json'))).mode & 0o077).toBe(0);
    expect(await store.verify(ID)).toMatchObject([{ ok: true }, { ok: true }]);
    expect(await leftovers(home)).toEqual([]);
    // A later process reads the same from the manifest.
    expect(await testStore({ home, cards: [weights.card], offline: true }).find(ID, 'int8')).toEqual(made);
  });

  it('is not made again while weights, recipe and converter are the same', async () => {
    const { store, weights, recipe } = await setUp();
    const work = maker(recipe);
    const first = await store.make(weights, recipe, work);
    expect(await store.make(weights, recipe, work)).toEqual(first);
    expect(await store.make(weights, { ...recipe, maxTokens: 8 }, work)).toEqual(first);
    expect(work.count()).toBe(1);
    await store.make(weights, recipe, maker(recipe, 'other bytes'), { again: true });
    expect(await graphOf((await store.find(ID, 'int8')) ?? first)).toBe('other bytes');
  });

  it('of a newer converter takes the place of the older one, and its pin', async () => {
    const { store, weights, recipe } = await setUp();
    await store.make(weights, recipe, maker(recipe));
    const full = testRecipe(weights.card, { precision: 'fp32' });
    await store.make(weights, full, maker(full));
    await store.pin(ID, 'int8');
    const newer = { ...recipe, converter: 2 };
    const made = await store.make(weights, newer, maker(newer));
    expect(made).toMatchObject({ variant: { name: 'int8-c2' }, pinned: true });
    expect(await namesOf(store)).toEqual(['int8-c2', 'fp32-c1', 'weights']);
    expect((await store.find(ID))?.variant.name).toBe('int8-c2');
    // A name of the older one still means its kind.
    expect((await store.find(ID, 'int8-c1'))?.variant.name).toBe('int8-c2');
    expect(await store.make(weights, recipe, maker(recipe))).toEqual(made);
  });

  it('stays until the newer one is there: one that cannot be made costs nothing', async () => {
    const { store, weights, recipe, home } = await setUp();
    const first = await store.make(weights, recipe, maker(recipe));
    const newer = { ...recipe, converter: 2 };
    const broken = async (folder: string): Promise<never> => {
      await writeFile(join(folder, 'model.onnx'), 'half');
      throw new LocalLiteError('worker_crashed', 'it broke');
    };
    expect((await refusal(store.make(weights, newer, broken))).code).toBe('worker_crashed');
    expect(await store.find(ID, 'int8')).toEqual(first);
    expect(await leftovers(home)).toEqual([]);
  });

  it('with other facts than the card’s stands beside the usual one, under a name of its own', async () => {
    const { store, weights, recipe } = await setUp();
    await store.make(weights, recipe, maker(recipe));
    const other = { ...recipe, pooling: 'cls' as const };
    const made = await store.make(weights, other, maker(other, 'cls'));
    expect(made.variant.name).toMatch(/^int8-c1-[0-9a-f]{6}$/);
    expect(await graphOf((await store.find(ID, 'int8')) ?? made)).toBe('int8-c1');
    expect(await graphOf((await store.find(ID, made.variant.name)) ?? weights)).toBe('cls');
  });

  it('depends on its batch where its report says so', async () => {
    const { store, weights, recipe } = await setUp();
    const work: MakeGraph = async (folder) => {
      await maker(recipe)(folder, new AbortController().signal);
      return reportOf(recipe, { batchInvariance: 0.98 });
    };
    expect((await store.make(weights, recipe, work)).variant.batchInvariant).toBe(false);
  });

  it('is refused without its graph, and where the disk is too small', async () => {
    const { store, weights, recipe, settings, home } = await setUp();
    const empty = async () => reportOf(recipe);
    expect((await refusal(store.make(weights, recipe, empty))).message).toContain('ended without model.onnx');
    const full = testStore({ ...settings, disk: { ...localDisk, freeBytes: async () => 1000 } });
    const work = maker(recipe);
    expect((await refusal(full.make(weights, recipe, work))).code).toBe('disk_full');
    expect(work.count()).toBe(0);
    expect(await namesOf(store)).toEqual(['weights']);
    expect(await leftovers(home)).toEqual([]);
  });

  it('is never made of weights that are not what was installed', async () => {
    const { store, weights, recipe, folder } = await setUp();
    await writeFile(join(folder, 'model.safetensors'), 'WEIGHTS');
    const work = maker(recipe);
    const error = await refusal(store.make(weights, recipe, work));
    expect(error.code).toBe('store_corrupt');
    expect(error.message).toMatch(/model\.safetensors has sha256 .* locallite rm test\/made && locallite pull test\/made/);
    expect(work.count()).toBe(0);
  });

  it('goes with its model, also when that is removed while it is made', async () => {
    const { store, weights, recipe } = await setUp();
    await store.make(weights, recipe, maker(recipe));
    expect((await store.remove(ID, 'int8')).freedBytes).toBeGreaterThan(0);
    expect(await namesOf(store)).toEqual(['weights']);
    const removing: MakeGraph = async (folder, signal) => {
      await store.remove(ID);
      return maker(recipe)(folder, signal);
    };
    expect((await refusal(store.make(weights, recipe, removing))).message).toContain('was removed while it was converted');
    expect(await namesOf(store)).toEqual([]);
  });

  it('can be pinned, and the choice left open again', async () => {
    const { store, weights, recipe } = await setUp();
    await store.make(weights, recipe, maker(recipe));
    await store.pull(`${ID}#q4`);
    const pins = async () => (await store.variants(ID)).filter(({ pinned }) => pinned).map(({ variant }) => variant.name);
    expect(await pins()).toEqual([]);
    await store.pin(ID.toUpperCase(), 'q4');
    expect([await pins(), (await store.find(ID))?.variant.name]).toEqual([['q4'], 'q4']);
    await store.pin(ID, 'int8');
    expect([await pins(), (await store.find(ID))?.variant.name]).toEqual([['int8-c1'], 'int8-c1']);
    await store.pin(ID, undefined);
    expect(await pins()).toEqual([]);
    for (const name of ['fp32', 'weights']) expect((await refusal(store.pin(ID, name))).code).toBe('model_not_found');
  });
});

describe('making at the same time', () => {
  it('in one process happens once', async () => {
    const { store, weights, recipe } = await setUp();
    const work = maker(recipe);
    const all = await Promise.all([1, 2, 3].map(() => store.make(weights, recipe, work)));
    expect(work.count()).toBe(1);
    expect(new Set(all.map(({ installedAt }) => installedAt)).size).toBe(1);
  });

  it('in two processes happens once', async () => {
    const { settings, store } = await setUp();
    const job = { store: settings, id: ID, takes: 300 };
    const both = await Promise.all([runPullChild(child.path, job).lines, runPullChild(child.path, job).lines]);
    for (const lines of both) expect(lines.at(-1)?.installed).toBeDefined();
    expect(both.flat().filter(({ phase }) => phase === 'made')).toHaveLength(1);
    expect(await store.verify(ID)).toMatchObject([{ ok: true }, { ok: true }]);
  });

  it('leaves nothing behind when it is killed, and the next one makes it', async () => {
    const { settings, store, weights, recipe, home } = await setUp();
    const job = { store: settings, id: ID, takes: 60_000 };
    const { child: running, lines } = runPullChild(child.path, job, ({ phase }) => phase === 'making' && running.kill('SIGKILL'));
    expect((await lines).map(({ phase }) => phase)).toEqual(['making']);
    expect(await namesOf(store)).toEqual(['weights']);
    expect(await leftovers(home)).toEqual(['test--made.int8-c1.making']);
    const made = await store.make(weights, recipe, maker(recipe));
    expect(await graphOf(made)).toBe('int8-c1');
    expect(await leftovers(home)).toEqual([]);
    expect(await store.verify(ID)).toMatchObject([{ ok: true }, { ok: true }]);
  }, 60_000);

  it('waits no longer than its caller', async () => {
    const { store, weights, recipe } = await setUp();
    const stop = new AbortController();
    const waiting: MakeGraph = async (_folder, signal) => {
      await new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(new LocalLiteError('cancelled', 'gone'))));
      return reportOf(recipe);
    };
    const first = refusal(store.make(weights, recipe, waiting, { signal: stop.signal }));
    const second = refusal(store.make(weights, recipe, waiting, { signal: stop.signal }));
    setTimeout(() => stop.abort(), 50);
    expect([(await first).code, (await second).code]).toEqual(['cancelled', 'cancelled']);
    expect(await namesOf(store)).toEqual(['weights']);
  });
});
