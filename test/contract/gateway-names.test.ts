import { mkdir, mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { ConfigOptions } from '../../src/config/settings.ts';
import { createGateway } from '../../src/gateway/create.ts';
import { createTestGateway, TEST_MODEL } from '../../src/testing/index.ts';

const FAKE = { dimensions: 8, millisecondsPerToken: 0, faults: {} };

describe('a model outside the catalogue', () => {
  it('is usable under the reference that installed it, however it is written', async () => {
    await using words = await createTestGateway();
    const folder = join(await mkdtemp(join(tmpdir(), 'locallite-folder-')), 'mini');
    await mkdir(join(folder, '1_Pooling'), { recursive: true });
    const tokenizer = await import('node:fs/promises').then((fs) =>
      fs.readFile(join(words.config.home, 'models', TEST_MODEL, 'tokenizer.json')),
    );
    await Promise.all([
      writeFile(join(folder, 'tokenizer.json'), tokenizer),
      writeFile(join(folder, 'model.onnx'), 'pretended'),
      writeFile(join(folder, 'config.json'), JSON.stringify({ model_type: 'bert', hidden_size: 8, max_position_embeddings: 32 })),
      writeFile(join(folder, '1_Pooling', 'config.json'), JSON.stringify({ pooling_mode_mean_tokens: true, word_embedding_dimension: 8 })),
    ]);
    const reference = `file:${folder}`;
    const { referenceId, parseReference } = await import('../../src/models/reference.ts');
    const id = referenceId(parseReference(reference));
    const settings: ConfigOptions = {
      home: words.config.home,
      offline: true,
      threads: 1,
      providers: ['cpu'],
      default_models: { embed: reference },
    };
    await using gateway = await createGateway({ settings, fakes: new Map([[id, FAKE]]) });
    const { id: job } = gateway.jobs.startPull(reference);
    for await (const change of gateway.jobs.watch(job)) expect(change.error).toBeUndefined();
    for (const model of [reference, folder, id]) expect((await gateway.embed({ model, input: ['w1'] })).model).toBe(id);
    expect((await gateway.embed({ input: ['w1'] })).model).toBe(id);
    expect(gateway.ready()).toEqual({ ready: true, reason: undefined });
    expect((await gateway.models.show(reference)).installed?.directory).toBe(folder);
    await gateway.models.remove(reference);
    expect(gateway.ready().ready).toBe(false);
    await expect(gateway.embed({ model: reference, input: ['w1'] })).rejects.toMatchObject({ code: 'model_not_found' });
  });

  it.each(['https://192.0.2.1/model.onnx', 'file:/etc/ssl', 'npm:some-package', 'pypi:some-package'])(
    'is not pulled because a request names it, even with auto_pull: %s',
    async (model) => {
      await using gateway = await createTestGateway({ settings: { auto_pull: true } });
      await expect(gateway.embed({ model, input: ['w1'] })).rejects.toMatchObject({ code: 'model_not_found' });
      expect(gateway.jobs.list()).toEqual([]);
      // What the hub or the catalogue has is tried.
      await expect(gateway.embed({ model: 'some/model', input: ['w1'] })).rejects.toMatchObject({ code: 'model_fetch_failed' });
      expect(gateway.jobs.list()).toHaveLength(1);
    },
  );
});

describe('settings of one model', () => {
  it.each(['words', 'WORDS', TEST_MODEL, 'Test/Words', 'mine'])('count under every name it has: %s', async (name) => {
    await using gateway = await createTestGateway({ settings: { aliases: { mine: TEST_MODEL }, models: { [name]: { max_tokens: 4 } } } });
    await expect(gateway.embed({ input: ['w1 w2 w3'] })).rejects.toMatchObject({
      code: 'input_too_long',
      message: expect.stringMatching(/5 tokens.*4/),
    });
  });

  it('are refused twice for one model', async () => {
    const twice = createTestGateway({ settings: { models: { words: { max_tokens: 4 }, [TEST_MODEL]: { workers: 1 } } } });
    await expect(twice).rejects.toMatchObject({ code: 'invalid_config', message: expect.stringContaining('words and test/words') });
  });

  it('win over aliases.json, whatever the case', async () => {
    await using gateway = await createTestGateway({ settings: { aliases: { my: TEST_MODEL } } });
    await expect(gateway.aliases.set('MY', 'other/model')).rejects.toMatchObject({ code: 'conflict' });
    expect((await gateway.embed({ model: 'MY', input: ['w1'] })).model).toBe(TEST_MODEL);
  });
});

describe('ids', () => {
  it('are the same in every case, for loading, unloading and removing', async () => {
    await using gateway = await createTestGateway({ settings: { default_models: { embed: 'TEST/Words' } } });
    await gateway.models.load('TEST/WORDS');
    expect(gateway.ready().ready).toBe(true);
    await gateway.models.unload('Test/Words');
    expect(gateway.models.loaded()).toEqual([]);
    await expect(gateway.models.unload('no/such')).rejects.toMatchObject({ code: 'model_not_found' });
    await gateway.models.unload(TEST_MODEL); // installed and not loaded: nothing to do
  });

  it('have a space of their own for each size of vector', async () => {
    await using gateway = await createTestGateway();
    const [full, same, cut] = await Promise.all(
      [undefined, 8, 4].map((dimensions) => gateway.embed({ input: ['w1'], ...(dimensions && { dimensions }) })),
    );
    expect(full?.space).toMatch(/^[0-9a-f]{64}$/);
    expect(same?.space).toBe(full?.space);
    expect(cut?.space).not.toBe(full?.space);
  });
});

describe('tokens', () => {
  it('are counted roughly for a model that is known and not installed, and refused for one that is not known', async () => {
    await using words = await createTestGateway();
    await using gateway = await createGateway({ settings: { home: join(words.config.home, 'empty'), offline: true } });
    const { exact, counts, tokens } = await gateway.tokenize({ model: 'all-MiniLM-L6-v2', input: ['a cat sat on the mat', ''] });
    expect({ exact, tokens }).toEqual({ exact: false, tokens: [] });
    expect(counts[0]).toBeGreaterThan(3);
    await expect(gateway.tokenize({ model: 'no/such', input: ['a'] })).rejects.toMatchObject({ code: 'model_not_found' });
    await expect(gateway.embed({ model: 'all-MiniLM-L6-v2', input: ['a'] })).rejects.toMatchObject({ code: 'model_not_found' });
  });

  it('that are none give no vector', async () => {
    await using gateway = await createTestGateway();
    await expect(gateway.embed({ input: [[]] })).rejects.toMatchObject({ code: 'invalid_request', param: 'input[0]' });
  });
});

describe('closing', () => {
  it('ends though the only worker is gone and a text waits', async () => {
    const gateway = await createTestGateway({ settings: { threads: 1 } });
    await gateway.embed({ input: ['w1'] });
    const crashed = gateway.embed({ input: ['crash'] }).catch((error: unknown) => error);
    await crashed;
    const waiting = gateway.embed({ input: ['w1'] }).catch((error: unknown) => error);
    await gateway.close({ graceMs: 0 });
    await waiting;
  });
});
