import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { startHubServer } from '../servers/hub-server.ts';
import { serveBytes, startServer } from '../servers/serve-bytes.ts';
import { randomModel, refusal, temporaryFolder, testStore } from '../servers/store-fixture.ts';

const COMMIT = 'a'.repeat(40);
const cleanUps: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

const CONFIG = {
  'config.json': Buffer.from('{"model_type":"bert","hidden_size":8,"max_position_embeddings":32}'),
  'modules.json': Buffer.from(
    '[{"type":"sentence_transformers.models.Transformer","path":""},{"type":"sentence_transformers.models.Pooling","path":"1_Pooling"}]',
  ),
  '1_Pooling/config.json': Buffer.from('{"pooling_mode_cls_token":true,"pooling_mode_mean_tokens":false,"word_embedding_dimension":8}'),
};

describe('a repository of the hub that no card describes', () => {
  async function setUp() {
    const files: Record<string, Buffer> = {
      ...randomModel(),
      ...CONFIG,
      'onnx/model_quantized.onnx': Buffer.from('int8'),
      'pytorch_model.bin': Buffer.from('pickle'),
    };
    const hub = await startHubServer({ 'someone/encoder': { commit: COMMIT, files } });
    cleanUps.push(hub.close);
    return { files, hub, store: testStore({ home: await temporaryFolder(cleanUps), endpoint: hub.endpoint }) };
  }

  it('is described by its own files and installed at its commit', async () => {
    const { store, files, hub } = await setUp();
    const model = await store.pull('hub:someone/encoder');
    expect(model).toMatchObject({
      source: `hub:someone/encoder@${COMMIT}`,
      card: { id: 'someone/encoder', revision: COMMIT, pooling: 'cls' },
      variant: { name: 'fp32' },
    });
    expect(model.files.map(({ path }) => path)).toContain('onnx/model.onnx_data');
    expect(model.files.map(({ path }) => path)).not.toContain('pytorch_model.bin');
    expect(files['onnx/model.onnx_data']?.equals(await readFile(join(model.directory, 'onnx/model.onnx_data')))).toBe(true);
    const asked = hub.requests.length;
    await store.pull('someone/encoder');
    await store.pull(`someone/encoder@${COMMIT}`);
    expect(hub.requests.length).toBe(asked);
  });

  it('gives the variant that is named', async () => {
    const { store } = await setUp();
    const model = await store.pull('someone/encoder#quantized');
    expect(model.variant).toMatchObject({ onnx: 'onnx/model_quantized.onnx', batchInvariant: false });
    expect((await refusal(store.pull('someone/encoder#q9'))).message).toContain('has no variant');
  });

  it('is not found where repository or revision do not exist', async () => {
    const { store } = await setUp();
    expect((await refusal(store.pull('someone/encoder@nothing'))).code).toBe('model_not_found');
    expect((await refusal(store.pull('someone/else'))).code).toBe('model_fetch_failed');
    expect((await refusal(store.pull('unknown-alias'))).code).toBe('model_not_found');
  });
});

describe('a model on a plain web server', () => {
  it.each(['', 'onnx/model.onnx'])('is found from its address (%s)', async (path) => {
    const files: Record<string, Buffer> = { ...randomModel(), ...CONFIG };
    const server = await startServer(async (request, response, seen) => {
      const body = files[(request.url ?? '').replace('/models/mine/', '')];
      if (body === undefined) response.writeHead(404).end();
      else await serveBytes(request, response, seen, body, { etag: '"x"' });
    });
    cleanUps.push(server.close);
    const model = await testStore({ home: await temporaryFolder(cleanUps) }).pull(`${server.url}/models/mine/${path}`);
    expect(model.card).toMatchObject({ pooling: 'cls', dimensions: 8 });
    expect(files['onnx/model.onnx_data']?.equals(await readFile(join(model.directory, 'onnx/model.onnx_data')))).toBe(true);
  });
});
