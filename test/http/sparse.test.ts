import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { SparseRequest } from '../../src/gateway/gateway-types.ts';
import { TEST_ALL_IN_ONE, TEST_MODEL, TEST_SPARSE } from '../../src/testing/index.ts';
import { decodeIntegers, decodeVector } from '../../src/wire/base64.ts';
import { type SparseResponse, sparseResponseSchema } from '../../src/wire/sparse.ts';
import { MAX_NUMBERS } from '../../src/wire/vectors-text.ts';
import { createStubApp, sparseStub } from './stub-app.ts';
import { startTestServer, type TestServer, wordText } from './test-server.ts';

const PATH = '/v1/embeddings/sparse';
/** Ids of the pretended vocabulary: `w0` is 8. */
const idOf = (word: number): number => 8 + word;
const weightOf = (times: number): number => Math.fround(Math.log1p(times));

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server[Symbol.asyncDispose]());

async function ask(body: object): Promise<SparseResponse> {
  const answer = await server.post(PATH, body);
  expect(answer.status, await answer.clone().text()).toBe(200);
  return sparseResponseSchema.parse(await answer.json());
}

/** An app that remembers what its gateway was asked. */
function recordingApp() {
  const asked: SparseRequest[] = [];
  const app = createStubApp({
    gateway: {
      embedSparse: async (request) => {
        asked.push(request);
        return sparseStub(request);
      },
    },
  });
  return { app, asked };
}

describe('an answer', () => {
  it('has ids in ascending order and their weights, in exactly this shape', async () => {
    const answer = await server.post(PATH, { model: 'sparse', input: ['w5 w1 w5', 'w2'], user: 'someone' });
    expect(await answer.json()).toEqual({
      object: 'list',
      data: [
        { object: 'sparse_embedding', index: 0, indices: [idOf(1), idOf(5)], values: [weightOf(1), weightOf(2)] },
        { object: 'sparse_embedding', index: 1, indices: [idOf(2)], values: [weightOf(1)] },
      ],
      model: 'sparse',
      usage: { prompt_tokens: 8, total_tokens: 8 },
      locallite: {
        model: TEST_SPARSE,
        variant: 'fp32',
        provider: 'cpu',
        space: expect.any(String),
        truncated_tokens: [0, 0],
        ignored: ['user'],
        timings: expect.objectContaining({ total_ms: expect.any(Number) }),
      },
    });
    expect(answer.headers.get('x-locallite-model')).toBe(TEST_SPARSE);
    expect(answer.headers.get('server-timing')).toMatch(/^tokenize;dur=/);
  });

  it('tells what the ids stand for when asked', async () => {
    const { data } = await ask({ input: ['w5 w1', 'w1'], return_tokens: true });
    expect(data.map(({ tokens }) => tokens)).toEqual([['w1', 'w5'], ['w1']]);
  });

  it('carries exactly the same numbers as base64', async () => {
    const input = ['w5 w1 w5', 'w2 w3 w4'];
    const floats = await ask({ input });
    const coded = await ask({ input, encoding_format: 'base64' });
    for (const [index, { indices, values }] of coded.data.entries()) {
      expect([...decodeIntegers(String(indices))]).toEqual(floats.data[index]?.indices);
      expect([...decodeVector(String(values))]).toEqual(floats.data[index]?.values);
    }
  });

  it('comes from a model that does several things, too', async () => {
    const { data, model, locallite } = await ask({ model: TEST_ALL_IN_ONE, input: [[2, idOf(3), 3]] });
    expect([model, locallite.model]).toEqual([TEST_ALL_IN_ONE, TEST_ALL_IN_ONE]);
    expect(data[0]).toMatchObject({ indices: [idOf(3)], values: [0.5] });
  });

  it('of many inputs comes in several slices as one valid body, in order', async () => {
    const input = Array.from({ length: 2048 }, (_unused, index) => `text ${index}`);
    const long = {
      indices: Int32Array.from({ length: 300 }, (_unused, index) => index),
      values: new Float32Array(300).fill(0.5),
    };
    const embedSparse = async (request: SparseRequest) => ({ ...sparseStub(request), vectors: request.input.map(() => long) });
    const answer = await createStubApp({ gateway: { embedSparse } }).call('POST', PATH, { input });
    const { data } = sparseResponseSchema.parse(await answer.json());
    expect(data.map(({ index }) => index)).toEqual(input.map((_unused, index) => index));
    expect(data.at(-1)?.values).toHaveLength(300);
  });

  it('that would be too large is refused, with advice', async () => {
    const dense = { indices: new Int32Array(MAX_NUMBERS.float / 2), values: new Float32Array(MAX_NUMBERS.float / 2) };
    const embedSparse = async (request: SparseRequest) => ({ ...sparseStub(request), vectors: request.input.map(() => dense) });
    const answer = await createStubApp({ gateway: { embedSparse } }).call('POST', PATH, { input: ['a', 'b'] });
    expect(answer.status).toBe(400);
    expect(await answer.json()).toMatchObject({ error: { param: 'input', message: expect.stringContaining('base64') } });
  });
});

describe('a request', () => {
  it('reaches the gateway with its fields, and nothing is made up', async () => {
    const { app, asked } = recordingApp();
    const body = {
      model: 'mini',
      input: 'a',
      input_type: 'query',
      truncate: true,
      keep_alive: '5m',
      priority: 'bulk',
      return_tokens: true,
    };
    expect((await app.call('POST', PATH, body)).status).toBe(200);
    expect((await app.call('POST', PATH, { input: [1, 2], input_type: 'document' })).status).toBe(200);
    expect((await app.call('POST', PATH, { input: ['a'], input_type: null })).status).toBe(200);
    expect(asked.map(({ signal: _signal, ...rest }) => rest)).toEqual([
      { model: 'mini', input: ['a'], inputType: 'query', truncate: true, keepAlive: 300, priority: 'bulk', returnTerms: true },
      { input: [[1, 2]], inputType: 'passage', truncate: false, returnTerms: false },
      { input: ['a'], truncate: false, returnTerms: false },
    ]);
  });

  it('with a text that is too long is refused unless it is to be cut, which is counted', async () => {
    const lone = await server.post(PATH, { input: wordText(100) });
    expect(await lone.json()).toMatchObject({
      error: { code: 'input_too_long', param: 'input', message: expect.stringMatching(/^input has/) },
    });
    const listed = await server.post(PATH, { input: ['w1', wordText(100)] });
    expect(await listed.json()).toMatchObject({ error: { param: 'input[1]' } });
    const cut = await server.post(PATH, { input: ['w1', wordText(100)], truncate: true });
    expect(cut.headers.get('x-locallite-truncated-tokens')).toBe('38');
    expect(sparseResponseSchema.parse(await cut.json()).locallite.truncated_tokens).toEqual([0, 38]);
  });

  it.each([
    [{}, 'input', 'input: is required'],
    [{ input: ['a', ''] }, 'input[1]', 'input[1]: must not be empty'],
    [{ input: 'a', input_type: 'text' }, 'input_type', 'input_type: must be "query" or "passage" or "document", not "text"'],
    [{ input: 'a', encoding_format: 'hex' }, 'encoding_format', 'encoding_format: must be "float" or "base64", not "hex"'],
    [{ input: 'a', return_tokens: 'yes' }, 'return_tokens', 'return_tokens: must be a boolean, not a string'],
    [
      { input: 'a', dimensions: 4 },
      'dimensions',
      'the field "dimensions" is not supported: a sparse vector has as many dimensions as the vocabulary has terms',
    ],
    [{ inputs: 'a' }, 'inputs', 'the field "inputs" is not supported: use "input"'],
  ])('%j is refused', async (body, param, message) => {
    const answer = await createStubApp().call('POST', PATH, body);
    expect(answer.status).toBe(400);
    expect(await answer.json()).toEqual({ error: { message, type: 'invalid_request_error', param, code: 'invalid_request' } });
  });

  it('for a model that does something else, or with too many inputs, is refused', async () => {
    const wrong = await server.post(PATH, { model: TEST_MODEL, input: 'w1' });
    expect([wrong.status, await wrong.json()]).toEqual([400, { error: expect.objectContaining({ code: 'model_wrong_task' }) }]);
    const app = createStubApp({ settings: { limits: { inputs: 2, input_bytes: 10 } } });
    expect(await (await app.call('POST', PATH, { input: ['a', 'b', 'c'] })).json()).toMatchObject({ error: { param: 'input' } });
    expect(await (await app.call('POST', PATH, { input: ['a', '01234567890'] })).json()).toMatchObject({ error: { param: 'input[1]' } });
  });
});
