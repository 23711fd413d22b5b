import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Ollama } from 'ollama';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createGateway } from '../../src/gateway/create.ts';
import { createCatalog } from '../../src/models/catalog.ts';
import { OLLAMA_VERSION } from '../../src/wire/ollama.ts';
import { type HubServer, startHubServer } from '../servers/hub-server.ts';
import { cardFiles, randomModel, testCard, testStore } from '../servers/store-fixture.ts';
import { serveGateway, startTestServer, type TestServer, wordText } from './test-server.ts';

/* The official client, as it is published, against the real API. */

async function refusal(work: Promise<unknown>): Promise<{ status: unknown; message: string }> {
  const error: unknown = await work.catch((reason: unknown) => reason);
  if (!(error instanceof Error)) throw new RangeError('it should have failed');
  return { status: Reflect.get(error, 'status_code'), message: error.message };
}

describe('with models', () => {
  let server: TestServer;
  let client: Ollama;
  beforeAll(async () => {
    server = await startTestServer();
    client = new Ollama({ host: server.url });
  });
  afterAll(() => server[Symbol.asyncDispose]());

  it('embed', async () => {
    const input = ['w1 w2', 'w3'];
    const { vectors, promptTokens } = await server.gateway.embed({ input });
    const answer = await client.embed({ model: 'words:latest', input, keep_alive: '1h30m', options: { num_ctx: 512 } });
    expect(answer).toEqual({
      model: 'words:latest',
      embeddings: vectors.map((vector) => [...vector]),
      total_duration: expect.any(Number),
      load_duration: expect.any(Number),
      prompt_eval_count: promptTokens,
    });
    expect(Number.isInteger(answer.total_duration)).toBe(true);
    expect(answer.total_duration).toBeGreaterThanOrEqual(answer.load_duration);
    const long = await client.embed({ model: 'words', input: wordText(90) });
    expect(long.prompt_eval_count).toBe(64);
    const refused = await refusal(client.embed({ model: 'words', input: wordText(90), truncate: false }));
    expect(refused).toEqual({ status: 400, message: expect.stringMatching(/^input has 92 tokens/) });
  });

  it('embeddings', async () => {
    const [vector] = (await server.gateway.embed({ input: ['w1'] })).vectors;
    expect(await client.embeddings({ model: 'words', prompt: 'w1' })).toEqual({ embedding: [...(vector ?? [])] });
  });

  it('a model that is not there', async () => {
    expect(await refusal(client.embed({ model: 'nothing', input: 'w1' }))).toEqual({
      status: 404,
      message: expect.stringContaining('not found'),
    });
    expect(await refusal(client.show({ model: 'nothing' }))).toEqual({ status: 404, message: expect.stringContaining('not found') });
    expect(await refusal(client.delete({ model: 'nothing' }))).toEqual({ status: 404, message: expect.stringContaining('not found') });
  });

  it('list, show and version', async () => {
    const { models } = await client.list();
    expect(models.map(({ name }) => name)).toEqual(['words', 'reranker', 'sparse', 'multi', 'all-in-one'].map((name) => `${name}:latest`));
    for (const { name, details } of models) expect((await client.show({ model: name })).details).toEqual(details);
    expect(await client.show({ model: 'words' })).toMatchObject({
      license: 'Apache-2.0',
      model_info: { 'general.architecture': 'encoder', 'encoder.context_length': 64, 'encoder.embedding_length': 8 },
      capabilities: ['embedding'],
    });
    expect(await client.version()).toEqual({ version: OLLAMA_VERSION });
  });

  it('ps, and a keep_alive of 0', async () => {
    await client.embed({ model: 'words', input: 'w1', keep_alive: -1 });
    const loaded = (await client.ps()).models.find(({ name }) => name === 'words:latest');
    expect(loaded).toMatchObject({ model: 'words:latest', size_vram: 0, details: { format: 'onnx', quantization_level: 'FP32' } });
    expect(new Date(loaded?.expires_at ?? 0).getFullYear()).toBe(9999);
    await client.embed({ model: 'words', input: [], keep_alive: 0 });
    await expect.poll(async () => (await client.ps()).models.map(({ name }) => name), { timeout: 10_000 }).not.toContain('words:latest');
  });

  it('what is not served', async () => {
    expect(await refusal(client.chat({ model: 'words', messages: [] }))).toEqual({
      status: 404,
      message: expect.stringMatching(/^there is nothing at POST \/api\/chat; of Ollama's API there are \/api\/embed, /),
    });
  });
});

describe('with a hub', () => {
  const id = 'test/pulled';
  let hub: HubServer;
  let server: TestServer;
  let client: Ollama;
  beforeAll(async () => {
    const files = randomModel();
    hub = await startHubServer({ [id]: { commit: 'c'.repeat(40), files } });
    const home = await mkdtemp(join(tmpdir(), 'locallite-ollama-'));
    const cards = [testCard(id, { fp32: [{ ref: `hub:${id}@${'c'.repeat(40)}`, files: cardFiles(files) }] })];
    const store = testStore({ home, cards, endpoint: hub.endpoint });
    server = await serveGateway(await createGateway({ settings: { home, port: 0 }, catalog: createCatalog(cards, []), store }), home);
    client = new Ollama({ host: server.url });
  });
  afterAll(async () => {
    await server[Symbol.asyncDispose]();
    await hub.close();
  });

  it('pull with progress, list, pull again, delete', async () => {
    const lines = [];
    for await (const line of await client.pull({ model: 'pulled', stream: true, insecure: true })) lines.push(line);
    expect(lines[0]).toEqual({ status: 'pulling manifest' });
    expect(lines.at(-1)).toEqual({ status: 'success' });
    const bytes = lines.filter(({ digest }) => digest !== undefined);
    expect(bytes.length).toBeGreaterThan(0);
    for (const { status, digest, total, completed } of bytes) {
      expect(digest).toMatch(/^sha256:[0-9a-f]{64}$/);
      expect(status).toBe(`pulling ${digest.slice(7, 19)}`);
      expect(completed).toBeLessThanOrEqual(total);
    }
    const [model] = (await client.list()).models;
    expect(model).toMatchObject({ name: 'pulled:latest', digest: expect.stringMatching(/^[0-9a-f]{64}$/) });
    expect(model?.size).toBeGreaterThan(300_000);
    expect(await client.pull({ model: 'pulled:latest' })).toEqual({ status: 'success' });
    expect(await client.delete({ model: 'pulled' })).toEqual({ status: 'success' });
    expect((await client.list()).models).toEqual([]);
  });

  it('a pull that fails, as a stream and at once', async () => {
    const drain = async (): Promise<void> => {
      for await (const line of await client.pull({ model: 'test/none', stream: true })) expect(line.status).toBe('pulling manifest');
    };
    expect((await refusal(drain())).message).toContain('test/none');
    const { status, message } = await refusal(client.pull({ model: 'test/none' }));
    expect(message).toContain('test/none');
    expect(status).toBeGreaterThanOrEqual(400);
  });
});
