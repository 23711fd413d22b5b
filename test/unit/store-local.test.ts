import { mkdir, readdir, readFile, stat, symlink, utimes, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import type { ModelSource } from '../../src/models/card.ts';
import { parseReference, referenceId } from '../../src/models/reference.ts';
import { startHubServer } from '../servers/hub-server.ts';
import { cardFiles, randomModel, refusal, sha256Of, temporaryFolder, testCard, testStore } from '../servers/store-fixture.ts';

const ID = 'test/model';
const COMMIT = 'e'.repeat(40);

const cleanUps: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

async function writeFiles(folder: string, files: Readonly<Record<string, Buffer>>): Promise<void> {
  for (const [path, bytes] of Object.entries(files)) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), bytes);
  }
}

/** A cache as the Hugging Face libraries lay it out: links in snapshots, content in blobs. */
async function writeCache(folder: string, id: string, files: Readonly<Record<string, Buffer>>): Promise<string> {
  const repository = join(folder, `models--${id.replace('/', '--')}`);
  const snapshot = join(repository, 'snapshots', COMMIT);
  await mkdir(join(repository, 'blobs'), { recursive: true });
  await writeFiles(join(repository, 'refs'), { main: Buffer.from(COMMIT) });
  for (const [path, bytes] of Object.entries(files)) {
    const blob = join(repository, 'blobs', sha256Of(bytes));
    await writeFile(blob, bytes);
    await mkdir(dirname(join(snapshot, path)), { recursive: true });
    await symlink(blob, join(snapshot, path));
  }
  return snapshot;
}

const hubSource = (files: Readonly<Record<string, Buffer>>, options?: { pinned?: boolean }): ModelSource => ({
  ref: `hub:${ID}@${COMMIT}`,
  files: cardFiles(files, options),
});

describe('an existing Hugging Face cache', () => {
  it('is used where it lies, without copying or connecting', async () => {
    const [home, cache] = [await temporaryFolder(cleanUps), await temporaryFolder(cleanUps)];
    const files = randomModel();
    const snapshot = await writeCache(cache, ID, files);
    const store = testStore({ home, cache, offline: true, cards: [testCard(ID, { fp32: [hubSource(files)] }, COMMIT)] });
    const model = await store.pull(ID);
    expect(model.directory).toBe(snapshot);
    expect(await readdir(join(home, 'models', 'blobs')).catch(() => [])).toEqual([]);
    expect(await store.verify()).toMatchObject([{ ok: true }]);
    expect((await store.remove(ID)).freedBytes).toBe(0);
    expect((await stat(join(snapshot, 'onnx/model.onnx'))).isFile()).toBe(true);
  });

  it('is passed over when a file in it is not the promised one', async () => {
    const [home, cache] = [await temporaryFolder(cleanUps), await temporaryFolder(cleanUps)];
    const files = randomModel();
    await writeCache(cache, ID, { ...files, 'onnx/model.onnx': Buffer.alloc(2000, 1) });
    const hub = await startHubServer({ [ID]: { commit: COMMIT, files } });
    cleanUps.push(hub.close);
    const cards = [testCard(ID, { fp32: [hubSource(files)] }, COMMIT)];
    const offline = await refusal(testStore({ home, cache, offline: true, cards }).pull(ID));
    expect(offline.message).toContain('Hugging Face cache');
    const model = await testStore({ home, cache, endpoint: hub.endpoint, cards }).pull(ID);
    expect(files['onnx/model.onnx']?.equals(await readFile(join(model.directory, 'onnx/model.onnx')))).toBe(true);
  });

  it('gives files under other names by links into the store', async () => {
    const [home, cache] = [await temporaryFolder(cleanUps), await temporaryFolder(cleanUps)];
    const files = randomModel();
    await writeCache(cache, ID, { ...files, 'graph.onnx': files['onnx/model.onnx'] ?? Buffer.alloc(0) });
    const source = { ref: `hub:${ID}@${COMMIT}`, files: [{ path: 'tokenizer.json' }, { path: 'graph.onnx', as: 'onnx/model.onnx' }] };
    const store = testStore({ home, cache, offline: true, cards: [testCard(ID, { fp32: [source] }, COMMIT)] });
    const model = await store.pull(ID);
    expect(model.directory.startsWith(home)).toBe(true);
    expect(files['onnx/model.onnx']?.equals(await readFile(join(model.directory, 'onnx/model.onnx')))).toBe(true);
  });
});

describe('a folder', () => {
  it('stays where it is, and its card is made from its own files', async () => {
    const [home, folder] = [await temporaryFolder(cleanUps), join(await temporaryFolder(cleanUps), 'my-model')];
    await writeFiles(folder, {
      ...randomModel(),
      '1_Pooling/config.json': Buffer.from('{"pooling_mode_mean_tokens":true,"word_embedding_dimension":8}'),
      'modules.json': Buffer.from(
        '[{"type":"sentence_transformers.models.Transformer","path":""},{"type":"sentence_transformers.models.Pooling","path":"1_Pooling"}]',
      ),
      'config.json': Buffer.from('{"model_type":"bert","hidden_size":8,"max_position_embeddings":32}'),
    });
    const store = testStore({ home, offline: true });
    const model = await store.pull(`file:${folder}`);
    const id = referenceId(parseReference(folder));
    expect(id).toMatch(/^file\/my-model-[0-9a-f]{8}$/);
    expect(model).toMatchObject({ directory: folder, card: { id, pooling: 'mean', dimensions: 8 } });
    expect((await store.pull(folder)).installedAt).toBe(model.installedAt);
    await writeFile(join(folder, 'tokenizer.json'), '{}');
    expect(await store.find(id)).toBeUndefined();
    expect(await store.verify(id)).toMatchObject([{ ok: false, problems: [{ path: 'tokenizer.json', problem: 'size' }] }]);
    expect((await store.remove(id.toUpperCase())).freedBytes).toBe(0);
    expect((await stat(join(folder, 'onnx/model.onnx'))).isFile()).toBe(true);
  });

  it('that is not there is model_not_found', async () => {
    const error = await refusal(testStore({ home: await temporaryFolder(cleanUps) }).pull('file:/nowhere/model'));
    expect(error.code).toBe('model_not_found');
  });
});

describe('installed models', () => {
  const other = 'test/other';
  async function twoModels() {
    const home = await temporaryFolder(cleanUps);
    const files = randomModel();
    const more = {
      ...randomModel(),
      'tokenizer.json': files['tokenizer.json'] ?? Buffer.alloc(0),
      'onnx/model.onnx_data': files['onnx/model.onnx_data'] ?? Buffer.alloc(0),
    };
    const hub = await startHubServer({ [ID]: { commit: COMMIT, files }, [other]: { commit: COMMIT, files: more } });
    cleanUps.push(hub.close);
    const cards = [
      testCard(ID, { fp32: [hubSource(files)] }, COMMIT),
      testCard(other, { fp32: [{ ref: `hub:${other}@${COMMIT}`, files: cardFiles(more) }] }, COMMIT),
    ];
    const store = testStore({ home, cards, endpoint: hub.endpoint });
    await store.pull(ID);
    await store.pull(other);
    return { store, hub, home, files };
  }

  it('share files, and removing one leaves what the other needs', async () => {
    const { store, hub, files } = await twoModels();
    const weights = files['onnx/model.onnx_data']?.length ?? 0;
    expect(hub.sentFor('onnx/model.onnx_data')).toBe(weights);
    const first = await store.remove(ID);
    expect(first.freedBytes).toBeLessThan(weights);
    expect(await store.verify()).toEqual([{ id: other, variant: 'fp32', ok: true, problems: [] }]);
    expect((await store.remove(other)).freedBytes).toBeGreaterThan(weights);
    expect(await store.list()).toEqual([]);
    expect((await refusal(store.remove(ID))).code).toBe('model_not_found');
  });

  it('show a flipped byte, a missing file and a wrong length to verify', async () => {
    const { store } = await twoModels();
    const model = await store.find(ID);
    const directory = model?.directory ?? '';
    const tokenizer = await readFile(join(directory, 'tokenizer.json'));
    tokenizer[0] = (tokenizer[0] ?? 0) ^ 1;
    await writeFile(join(directory, 'tokenizer.json'), tokenizer);
    const [report, shared] = [await store.verify(ID), await store.verify(other)];
    expect(report).toEqual([{ id: ID, variant: 'fp32', ok: false, problems: [{ path: 'tokenizer.json', problem: 'sha256' }] }]);
    expect(shared[0]?.ok).toBe(false);
  });

  it('are made whole again by a fresh pull, even where the damaged file is shared', async () => {
    const { store, files } = await twoModels();
    const directory = (await store.find(ID))?.directory ?? '';
    const weights = Buffer.from(files['onnx/model.onnx_data'] ?? Buffer.alloc(0));
    weights[7] = (weights[7] ?? 0) ^ 1;
    await writeFile(join(directory, 'onnx/model.onnx_data'), weights);
    await store.remove(ID);
    await store.pull(ID);
    expect(await store.verify(ID)).toMatchObject([{ ok: true }]);
  });

  it('keep to the owner alone', async () => {
    if (process.platform === 'win32') return;
    const { home } = await twoModels();
    const names = await readdir(join(home, 'models'), { recursive: true, withFileTypes: true });
    for (const entry of names) {
      const { mode } = await stat(join(entry.parentPath, entry.name));
      expect(mode & 0o077).toBe(0);
    }
  });

  it('lose what a crash or a given-up pull left behind', async () => {
    const { store, home } = await twoModels();
    const models = join(home, 'models');
    const stray = join(models, 'blobs', 'sha256', 'f'.repeat(64));
    const half = join(models, 'installed', 'test--model', 'q4.half.tmp');
    const old = join(models, 'partial', 'test--forgotten');
    await writeFile(stray, 'left by a crash');
    await writeFiles(half, { 'a.txt': Buffer.from('half') });
    await writeFiles(old, { part: Buffer.from('part') });
    await writeFiles(join(models, 'partial', 'test--recent'), { part: Buffer.from('part') });
    await utimes(old, new Date(0), new Date(0));
    await store.remove(other);
    await store.pull(other);
    expect(await stat(stray).catch(() => undefined)).toBeUndefined();
    expect(await stat(half).catch(() => undefined)).toBeUndefined();
    expect(await readdir(join(models, 'partial'))).toEqual(['test--recent']);
  });

  it('with an unreadable manifest do not disturb the others', async () => {
    const { store, home } = await twoModels();
    await writeFile(join(home, 'models', 'manifests', 'test--model', 'fp32.json'), '{"version":1,');
    expect((await store.list()).map(({ card }) => card.id)).toEqual([other]);
    expect((await store.pull(ID)).card.id).toBe(ID);
  });
});

describe('the variant', () => {
  async function variants(models?: Record<string, { variant: string }>) {
    const home = await temporaryFolder(cleanUps);
    const [full, small] = [randomModel(1000), randomModel(500)];
    const hub = await startHubServer({ 'test/full': { commit: COMMIT, files: full }, 'test/small': { commit: COMMIT, files: small } });
    cleanUps.push(hub.close);
    const source = (id: string, files: Record<string, Buffer>): ModelSource => ({ ref: `hub:${id}@${COMMIT}`, files: cardFiles(files) });
    const cards = [testCard(ID, { fp32: [source('test/full', full)], q4: [source('test/small', small)] })];
    return { hub, cards, store: testStore({ home, cards, endpoint: hub.endpoint, models }) };
  }

  it('that a machine took first stays its own until another is named', async () => {
    const { store } = await variants();
    expect((await store.pull(`${ID}#q4`)).variant.name).toBe('q4');
    expect((await store.pull(ID)).variant.name).toBe('q4');
    expect((await store.pull(`${ID}#fp32`)).variant.name).toBe('fp32');
    expect((await store.find(ID))?.variant.name).toBe('q4');
    expect((await store.find(ID, 'fp32'))?.variant.name).toBe('fp32');
    await store.remove(ID, 'q4');
    expect((await store.find(ID))?.variant.name).toBe('fp32');
  });

  it('of the settings wins over the order of the card', async () => {
    const { store } = await variants({ [ID.toUpperCase()]: { variant: 'q4' } });
    expect((await store.pull(ID)).variant.name).toBe('q4');
  });

  it('that does not exist is refused with those that do', async () => {
    const { store } = await variants();
    const error = await refusal(store.pull(`${ID}#int9`));
    expect(error).toMatchObject({ code: 'model_not_found', message: expect.stringContaining('fp32, q4') });
  });

  it('falls to the next source, and to the next variant, and all refusals are told', async () => {
    const { store, hub } = await variants();
    hub.fault('onnx/model.onnx', { status: 404 });
    expect((await store.pull(ID)).variant.name).toBe('q4');
    await store.remove(ID);
    hub.fault('tokenizer.json', { status: 410 }, { status: 410 });
    const error = await refusal(store.pull(ID));
    expect(error.message).toMatch(/test\/full@.*\(fp32\).*test\/small@.*\(q4\)/);
  });
});

describe('what a card must not bring', () => {
  it.each([
    ['../../outside.json', 'is not one inside a model'],
    ['pytorch_model.bin', 'can run code'],
    ['model.py', 'can run code'],
  ])('%s is refused', async (path, reason) => {
    const source = { ref: `hub:${ID}@${COMMIT}`, files: [{ path }] };
    const hub = await startHubServer({ [ID]: { commit: COMMIT, files: {} } });
    cleanUps.push(hub.close);
    const store = testStore({
      home: await temporaryFolder(cleanUps),
      endpoint: hub.endpoint,
      cards: [testCard(ID, { fp32: [source] }, COMMIT)],
    });
    expect((await refusal(store.pull(ID))).message).toContain(reason);
  });
});
