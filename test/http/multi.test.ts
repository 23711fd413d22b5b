import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { MultiRequest } from '../../src/gateway/gateway-types.ts';
import { TEST_ALL_IN_ONE, TEST_MODEL, TEST_MULTI } from '../../src/testing/index.ts';
import { decodeVector } from '../../src/wire/base64.ts';
import { type MultiResponse, multiResponseSchema } from '../../src/wire/multi.ts';
import { MAX_NUMBERS } from '../../src/wire/vectors-text.ts';
import { createStubApp, multiStub } from './stub-app.ts';
import { startTestServer, type TestServer, wordText } from './test-server.ts';

const PATH = '/v1/embeddings/multi';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server[Symbol.asyncDispose]());

async function ask(body: object): Promise<MultiResponse> {
  const answer = await server.post(PATH, body);
  expect(answer.status, await answer.clone().text()).toBe(200);
  return multiResponseSchema.parse(await answer.json());
}

/** An app that remembers what its gateway was asked. */
function recordingApp() {
  const asked: MultiRequest[] = [];
  const app = createStubApp({
    gateway: {
      embedMulti: async (request) => {
        asked.push(request);
        return multiStub(request);
      },
    },
  });
  return { app, asked };
}

describe('an answer', () => {
  it('has one vector of unit length a token, in exactly this shape', async () => {
    const answer = await server.post(PATH, { model: 'multi', input: ['w5 w1 .', 'w2'], user: 'someone' });
    const body = await answer.json();
    const vector = expect.any(Array);
    // [CLS] marker words [SEP], without punctuation
    expect(body).toEqual({
      object: 'list',
      data: [
        { object: 'embeddings', index: 0, embeddings: [vector, vector, vector, vector, vector] },
        { object: 'embeddings', index: 1, embeddings: [vector, vector, vector, vector] },
      ],
      model: 'multi',
      usage: { prompt_tokens: 10, total_tokens: 10 },
      locallite: {
        model: TEST_MULTI,
        variant: 'fp32',
        provider: 'cpu',
        space: expect.any(String),
        truncated_tokens: [0, 0],
        ignored: ['user'],
        timings: expect.objectContaining({ total_ms: expect.any(Number) }),
      },
    });
    const { data } = multiResponseSchema.parse(body);
    for (const { embeddings } of data) {
      if (typeof embeddings === 'string') throw new RangeError('numbers were asked for');
      for (const row of embeddings) expect([row.length, Math.hypot(...row)]).toEqual([8, expect.closeTo(1, 5)]);
    }
    expect(answer.headers.get('x-locallite-model')).toBe(TEST_MULTI);
  });

  it('carries exactly the same numbers as base64, with their shape', async () => {
    const input = ['w5 w1 w5', 'w2 w3'];
    const floats = await ask({ input });
    const coded = await ask({ input, encoding_format: 'base64' });
    expect(coded.data.map(({ shape }) => shape)).toEqual([
      [6, 8],
      [5, 8],
    ]);
    for (const [index, { embeddings }] of coded.data.entries()) {
      const rows = floats.data[index]?.embeddings;
      expect([...decodeVector(String(embeddings))]).toEqual(typeof rows === 'string' ? rows : rows?.flat());
    }
    expect(floats.data[0]).not.toHaveProperty('shape');
  });

  it('fills queries up; "document" and "passage" are the same, and what is meant where nothing is said', async () => {
    const count = async (fields: object) => (await ask({ input: 'w1', ...fields })).data[0]?.embeddings.length;
    expect(await count({ input_type: 'query' })).toBe(8);
    const [absent, document, passage] = await Promise.all([
      ask({ input: 'w1 w2' }),
      ask({ input: 'w1 w2', input_type: 'document' }),
      ask({ input: 'w1 w2', input_type: 'passage' }),
    ]);
    expect(document.data).toEqual(absent.data);
    expect(passage.data).toEqual(absent.data);
  });

  it('comes from a model that does several things, too', async () => {
    const { locallite, data } = await ask({ model: TEST_ALL_IN_ONE, input: 'w1 w2' });
    expect(locallite.model).toBe(TEST_ALL_IN_ONE);
    expect(data[0]?.embeddings).toHaveLength(3);
  });

  it.each(['float', 'base64'])('of many numbers (%s) comes in several slices as one valid body, in order', async (encoding_format) => {
    const tokens = 300;
    const dimensions = 64;
    const dataOf = (index: number) =>
      Float32Array.from({ length: tokens * dimensions }, (_unused, place) => Math.fround(index + place / 7));
    const embedMulti = async (request: MultiRequest) => ({
      ...multiStub(request),
      vectors: request.input.map((_input, index) => ({ tokens, dimensions, data: dataOf(index) })),
    });
    const input = Array.from({ length: 40 }, (_unused, index) => `text ${index}`);
    const answer = await createStubApp({ gateway: { embedMulti } }).call('POST', PATH, { input, encoding_format });
    const { data } = multiResponseSchema.parse(await answer.json());
    for (const [index, { embeddings }] of data.entries()) {
      const numbers = typeof embeddings === 'string' ? [...decodeVector(embeddings)] : embeddings.flat();
      expect(numbers).toEqual([...dataOf(index)]);
    }
    expect(data.map(({ index }) => index)).toEqual(input.map((_unused, index) => index));
  });

  it('that would be too large is refused, with advice, before any of it is written', async () => {
    const data = new Float32Array(MAX_NUMBERS.float / 2 + 8);
    const embedMulti = async (request: MultiRequest) => ({
      ...multiStub(request),
      vectors: request.input.map(() => ({ tokens: data.length / 8, dimensions: 8, data })),
    });
    const answer = await createStubApp({ gateway: { embedMulti } }).call('POST', PATH, { input: ['a', 'b'] });
    expect(answer.status).toBe(400);
    expect(await answer.json()).toMatchObject({ error: { param: 'input', message: expect.stringContaining('ask for base64') } });
  });
});

describe('a request', () => {
  it('reaches the gateway with its fields, and nothing is made up', async () => {
    const { app, asked } = recordingApp();
    const body = { model: 'mini', input: 'a', input_type: 'query', truncate: true, keep_alive: 0, priority: 'interactive' };
    expect((await app.call('POST', PATH, body)).status).toBe(200);
    expect((await app.call('POST', PATH, { input: [1, 2] })).status).toBe(200);
    expect(asked.map(({ signal: _signal, ...rest }) => rest)).toEqual([
      { model: 'mini', input: ['a'], inputType: 'query', truncate: true, keepAlive: 0, priority: 'interactive' },
      { input: [[1, 2]], inputType: 'passage', truncate: false },
    ]);
  });

  it('with a text that is too long is refused unless it is to be cut, which is counted', async () => {
    const lone = await server.post(PATH, { input: wordText(100) });
    expect([lone.status, await lone.json()]).toEqual([400, { error: expect.objectContaining({ code: 'input_too_long', param: 'input' }) }]);
    const cut = await server.post(PATH, { input: ['w1', wordText(100)], truncate: true });
    expect(cut.headers.get('x-locallite-truncated-tokens')).toBe('39');
    expect(multiResponseSchema.parse(await cut.json()).locallite.truncated_tokens).toEqual([0, 39]);
  });

  it.each([
    [{}, 'input', 'input: is required'],
    [{ input: [] }, 'input', 'input: must not be empty'],
    [{ input: 'a', input_type: 'text' }, 'input_type', 'input_type: must be "query" or "passage" or "document", not "text"'],
    [{ input: 'a', dimensions: 4 }, 'dimensions', 'the field "dimensions" is not supported: the vectors of a model have one size'],
    [
      { input: 'a', embedding_type: 'float' },
      'embedding_type',
      'the field "embedding_type" is not supported: use "encoding_format": "float" or "base64"',
    ],
    [
      { input: ['x'.repeat(262_140), 'x'.repeat(5)] },
      'input',
      'input has 262145 characters in all and at most 262144 become token vectors in one request; send it in parts',
    ],
  ])('%# is refused by name', async (body, param, message) => {
    const answer = await createStubApp().call('POST', PATH, body);
    expect(answer.status).toBe(400);
    expect(await answer.json()).toEqual({ error: { message, type: 'invalid_request_error', param, code: 'invalid_request' } });
  });

  it('for a model that does something else, or with too many inputs, is refused', async () => {
    const wrong = await server.post(PATH, { model: TEST_MODEL, input: 'w1' });
    expect([wrong.status, await wrong.json()]).toEqual([400, { error: expect.objectContaining({ code: 'model_wrong_task' }) }]);
    const app = createStubApp({ settings: { limits: { inputs: 2 } } });
    expect(await (await app.call('POST', PATH, { input: ['a', 'b', 'c'] })).json()).toMatchObject({ error: { param: 'input' } });
  });
});
