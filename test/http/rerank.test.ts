import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { z } from 'zod';
import type { RerankRequest } from '../../src/gateway/gateway-types.ts';
import { TEST_ALL_IN_ONE, TEST_MODEL, TEST_MULTI, TEST_RERANKER } from '../../src/testing/index.ts';
import { cohereRerankResponseSchema, rerankResponseSchema } from '../../src/wire/rerank.ts';
import { createStubApp, keyInfo, rerankStub } from './stub-app.ts';
import { startTestServer, type TestServer, wordText } from './test-server.ts';

const V1 = '/v1/rerank';
const V2 = '/v2/rerank';
const sigmoid = (value: number): number => 1 / (1 + Math.exp(-value));

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server[Symbol.asyncDispose]());

/** The answer, in the shape that the schema says and no other. */
async function ask<T>(path: string, schema: z.ZodType<T>, body: object): Promise<T> {
  const answer = await server.post(path, body);
  expect(answer.status, await answer.clone().text()).toBe(200);
  return schema.parse(await answer.json());
}

/** An app that remembers what its gateway was asked. */
function recordingApp() {
  const asked: RerankRequest[] = [];
  const app = createStubApp({
    gateway: {
      rerank: async (request) => {
        asked.push(request);
        return rerankStub(request);
      },
    },
  });
  const request = async (path: string, body: object) => {
    const answer = await app.call('POST', path, body);
    expect(answer.status, await answer.clone().text()).toBe(200);
    const { signal, ...rest } = asked.at(-1) ?? {};
    expect(signal).toBeInstanceOf(AbortSignal);
    return rest;
  };
  return { app, request };
}

// Words that query and document share count 1 / their place in the document; minus 1.
const QUERY = 'w1 w2';
const DOCUMENTS = ['w9 w9', 'w1 w9', 'w9 w2', 'w2 w1', 'w7 w8', 'w9 w1'];
const LOGITS = [-1, 0, -0.5, 0.5, -1, -0.5];
const ORDER = [3, 1, 2, 5, 0, 4];

describe('POST /v1/rerank', () => {
  it('answers in the shape of Jina, with what Cohere v1 and LocalLite add', async () => {
    const answer = await server.post(V1, { model: 'reranker', query: QUERY, documents: ['w9', 'w1'], user: 'someone' });
    const body = await answer.json();
    expect(body).toEqual({
      id: expect.stringMatching(/^[0-9a-f-]{36}$/),
      model: 'reranker',
      usage: { prompt_tokens: 12, total_tokens: 12 },
      meta: { api_version: { version: '1' }, billed_units: { search_units: 1 } },
      locallite: {
        model: TEST_RERANKER,
        variant: 'fp32',
        provider: 'cpu',
        truncated_tokens: [0, 0],
        ignored: ['user'],
        timings: expect.objectContaining({ total_ms: expect.any(Number) }),
      },
      results: [
        { index: 1, relevance_score: 0.5, document: { text: 'w1' } },
        { index: 0, relevance_score: Math.fround(sigmoid(-1)), document: { text: 'w9' } },
      ],
    });
    rerankResponseSchema.parse(body);
    expect(answer.headers.get('x-locallite-model')).toBe(TEST_RERANKER);
    expect(answer.headers.get('x-locallite-ignored')).toBe('user');
    expect(answer.headers.get('server-timing')).toMatch(/^tokenize;dur=/);
  });

  it('orders by score, equal ones as they were sent; the model is the default one', async () => {
    const { results, model } = await ask(V1, rerankResponseSchema, { query: QUERY, documents: DOCUMENTS });
    expect(model).toBe(TEST_RERANKER);
    expect(results.map(({ index }) => index)).toEqual(ORDER);
    expect(results.map(({ relevance_score }) => relevance_score)).toEqual(ORDER.map((index) => Math.fround(sigmoid(LOGITS[index] ?? 0))));
  });

  it('keeps the true order where relevance is too close to 1 to show it', async () => {
    const logits = Float32Array.of(40, 30, 60, 30);
    const rerank = async (request: RerankRequest) => ({ ...rerankStub(request), logits, scores: logits.map(sigmoid) });
    const app = createStubApp({ gateway: { rerank } });
    const { results } = rerankResponseSchema.parse(
      await (await app.call('POST', V1, { query: 'a', documents: ['a', 'b', 'c', 'd'] })).json(),
    );
    expect(results.map(({ index, relevance_score }) => [index, relevance_score])).toEqual([2, 0, 1, 3].map((index) => [index, 1]));
  });

  it('gives the best n, without documents, with raw scores', async () => {
    const { results } = await ask(V1, rerankResponseSchema, {
      query: { text: QUERY },
      documents: DOCUMENTS,
      top_n: 2,
      return_documents: false,
      raw_scores: true,
    });
    expect(results).toEqual([
      { index: 3, relevance_score: 0.5 },
      { index: 1, relevance_score: 0 },
    ]);
    expect((await ask(V1, rerankResponseSchema, { query: QUERY, documents: DOCUMENTS, top_n: 100 })).results).toHaveLength(6);
  });

  it('takes objects, gives them back whole, and ranks the fields that are named', async () => {
    const documents = [{ text: 'w9', title: 'w1', id: 7, tags: ['a'] }, 'w1 w2', { text: 'w2', title: 'w8' }];
    const byText = await ask(V1, rerankResponseSchema, { query: QUERY, documents, raw_scores: true });
    expect(byText.results).toEqual([
      { index: 1, relevance_score: 0.5, document: { text: 'w1 w2' } },
      { index: 2, relevance_score: 0, document: documents[2] },
      { index: 0, relevance_score: -1, document: documents[0] },
    ]);
    const byFields = await ask(V1, rerankResponseSchema, { query: QUERY, documents, rank_fields: ['title', 'text'], raw_scores: true });
    expect(byFields.results.map(({ index, relevance_score }) => [index, relevance_score])).toEqual([
      [1, 0.5],
      [0, 0],
      [2, -0.5],
    ]);
  });

  it('reranks by late interaction, whose scores are as they are', async () => {
    for (const model of [TEST_MULTI, TEST_ALL_IN_ONE]) {
      const { results, locallite } = await ask(V1, rerankResponseSchema, { model, query: 'w1 w2', documents: ['w7', 'w1 w2'] });
      expect(locallite.model).toBe(model);
      expect(results[0]?.index).toBe(1);
      expect(results[0]?.relevance_score).toBeGreaterThan(1);
      const raw = await ask(V1, rerankResponseSchema, { model, query: 'w1 w2', documents: ['w7', 'w1 w2'], raw_scores: true });
      expect(raw.results).toEqual(results);
    }
  });

  it('counts searches as Cohere does', async () => {
    const documents = Array.from({ length: 101 }, () => 'w1');
    const { meta, results } = await ask(V1, rerankResponseSchema, { query: 'w1', documents });
    expect(meta.billed_units.search_units).toBe(2);
    expect(results.map(({ index }) => index)).toEqual(documents.map((_document, index) => index));
  });
});

describe('long documents', () => {
  // The model takes 64 tokens: beside [CLS] query [SEP] and [SEP] 59 are left.
  const long = `${wordText(100, 500)} w1`;

  it('are refused by their place unless they are to be cut, which is counted', async () => {
    const refused = await server.post(V1, { query: QUERY, documents: ['w1', long] });
    expect(refused.status).toBe(400);
    expect(await refused.json()).toMatchObject({
      error: { code: 'input_too_long', param: 'documents[1]', message: expect.stringContaining('101 tokens') },
    });
    const answer = await server.post(V1, { query: QUERY, documents: ['w1', long], truncate: true });
    const { locallite, meta, results } = rerankResponseSchema.parse(await answer.json());
    expect(locallite.truncated_tokens).toEqual([0, 42]);
    expect(meta.warnings).toEqual(['1 of 2 documents were too long and have been cut']);
    expect(answer.headers.get('x-locallite-truncated-tokens')).toBe('42');
    expect(results[1]).toMatchObject({ index: 1, document: { text: long } });
  });

  it('are read in windows, all of them or so many', async () => {
    const score = async (fields: object) => {
      const { results, locallite } = await ask(V1, rerankResponseSchema, { query: QUERY, documents: [long], raw_scores: true, ...fields });
      return [results[0]?.relevance_score, locallite.truncated_tokens[0]];
    };
    // The shared word is the last of its window.
    const found = Math.fround(1 / 59 - 1);
    expect(await score({ long: 'windows' })).toEqual([found, 0]);
    expect(await score({ max_chunks_per_doc: 10 })).toEqual([found, 0]);
    expect(await score({ max_chunks_per_doc: 2, long: 'windows' })).toEqual([found, 0]);
    expect(await score({ max_chunks_per_doc: 1 })).toEqual([-1, 42]);
    expect(await score({ max_tokens_per_doc: 20 })).toEqual([-1, 81]);
    expect(await score({ max_tokens_per_doc: 100, long: 'windows' })).toEqual([-1, 1]);
    const longer = `${wordText(200, 300)} w1`;
    // Two windows of 59, the second of which begins 44 behind the first.
    expect(await score({ documents: [longer], max_chunks_per_doc: 2 })).toEqual([-1, 201 - (44 + 59)]);
    expect(await score({ model: TEST_MULTI, documents: [long], max_tokens_per_doc: 10 })).toEqual([expect.any(Number), 91]);
    expect(await score({ model: TEST_MULTI, documents: [longer], max_chunks_per_doc: 2 })).toEqual([
      expect.any(Number),
      expect.any(Number),
    ]);
  });

  it('do not excuse a query that leaves no room', async () => {
    const answer = await server.post(V1, { query: wordText(64), documents: ['w1'], truncate: true });
    expect(answer.status).toBe(400);
    expect(await answer.json()).toMatchObject({ error: { code: 'input_too_long', param: 'query' } });
  });
});

describe('fields reach the gateway', () => {
  it('of /v1/rerank', async () => {
    const { request } = recordingApp();
    const base = { query: 'q', documents: ['a', { text: 'b' }] };
    expect(await request(V1, base)).toEqual({ query: 'q', documents: ['a', 'b'], truncate: false });
    expect(await request(V1, { ...base, model: null, top_n: null, long: null })).toEqual({
      query: 'q',
      documents: ['a', 'b'],
      truncate: false,
    });
    expect(
      await request(V1, {
        ...base,
        model: 'mini',
        truncate: true,
        long: 'windows',
        max_tokens_per_doc: 7,
        keep_alive: '5m',
        priority: 'bulk',
      }),
    ).toEqual({
      query: 'q',
      documents: ['a', 'b'],
      model: 'mini',
      truncate: true,
      long: 'windows',
      maxDocumentTokens: 7,
      keepAlive: 300,
      priority: 'bulk',
    });
    expect(await request(V1, { ...base, max_chunks_per_doc: 3 })).toMatchObject({ long: 'windows', maxWindows: 3 });
    expect(await request(V1, { ...base, max_chunks_per_doc: 1 })).toMatchObject({ long: 'cut', truncate: true });
  });

  it('of /v2/rerank', async () => {
    const { request } = recordingApp();
    const base = { model: 'mini', query: 'q', documents: ['a'] };
    const always = { model: 'mini', query: 'q', documents: ['a'], truncate: true };
    expect(await request(V2, base)).toEqual({ ...always, maxDocumentTokens: 4096 });
    expect(await request(V2, { ...base, max_tokens_per_doc: 9, priority: 0 })).toEqual({
      ...always,
      maxDocumentTokens: 9,
      priority: 'interactive',
    });
    expect(await request(V2, { ...base, priority: 999 })).toMatchObject({ priority: 'bulk' });
  });
});

describe('POST /v2/rerank', () => {
  it('answers in the shape of Cohere v2 and in no other', async () => {
    const answer = await server.post(V2, { model: 'reranker', query: QUERY, documents: DOCUMENTS, top_n: 2 });
    const body = await answer.json();
    expect(body).toEqual({
      id: expect.stringMatching(/^[0-9a-f-]{36}$/),
      meta: { api_version: { version: '2' }, billed_units: { search_units: 1 } },
      results: [
        { index: 3, relevance_score: Math.fround(sigmoid(0.5)) },
        { index: 1, relevance_score: 0.5 },
      ],
    });
    cohereRerankResponseSchema.parse(body);
    expect(answer.headers.get('x-locallite-model')).toBe(TEST_RERANKER);
  });

  it('cuts what is too long, says so, and gives documents back to older clients', async () => {
    const documents = ['w1', wordText(100)];
    const answer = await server.post(V2, { model: 'reranker', query: QUERY, documents, return_documents: true });
    const { meta, results } = cohereRerankResponseSchema.parse(await answer.json());
    expect(answer.headers.get('x-locallite-truncated-tokens')).toBe('41');
    expect(meta.warnings).toEqual(['1 of 2 documents were too long and have been cut']);
    expect(results.map(({ document }) => document?.text)).toEqual(results.map(({ index }) => documents[index]));
  });

  it.each([
    [{ query: 'q', documents: ['a'] }, 400, 'model: is required'],
    [{ model: 'm', documents: ['a'] }, 400, 'query: is required'],
    [{ model: 'm', query: 'q' }, 400, 'documents: is required'],
    [{ model: 'm', query: 'q', documents: [{ text: 'a' }] }, 400, 'documents[0]: must be a string, not an object'],
    [{ model: 'm', query: 'q', documents: ['a'], rank_fields: ['a'] }, 400, 'the field "rank_fields" is not supported: v2 ranks strings'],
    [{ model: 'm', query: 'q', documents: ['a'], max_tokens_per_doc: 0 }, 400, 'max_tokens_per_doc: must be at least 1'],
    [{ model: 'm', query: 'q', documents: ['a'], priority: 1000 }, 400, 'priority: must be at most 999'],
    [{ model: 'no/such', query: 'q', documents: ['a'] }, 404, 'no/such'],
    [{ model: TEST_MODEL, query: 'q', documents: ['a'] }, 400, 'test/words makes embeddings'],
  ])('%j is refused in the shape of Cohere', async (body, status, message) => {
    const answer = await server.post(V2, body);
    expect(answer.status).toBe(status);
    expect(await answer.json()).toEqual({ message: expect.stringContaining(message) });
  });

  it('also tells of bad JSON, wrong keys and trouble in the shape of Cohere', async () => {
    const app = createStubApp();
    const bad = await app.call('POST', V2, '{"model":');
    expect([bad.status, Object.keys((await bad.json()) as object)]).toEqual([400, ['message']]);
    const guarded = createStubApp({ keys: [keyInfo('key_1', 'one', ['inference'])] });
    const keyless = await guarded.call('POST', V2, { model: 'm', query: 'q', documents: ['a'] });
    expect([keyless.status, await keyless.json()]).toEqual([401, { message: expect.stringContaining('key') }]);
    const broken = createStubApp({ gateway: { rerank: () => Promise.reject(new RangeError('secret path')) } });
    const trouble = await broken.call('POST', V2, { model: 'm', query: 'q', documents: ['a'] });
    expect(trouble.status).toBe(500);
    expect(await trouble.text()).toMatch(/^\{"message":"LocalLite made a mistake/);
  });
});

describe('what is refused', () => {
  it('more fields to rank than anybody has', async () => {
    const names = Array.from({ length: 65 }, (_unused, index) => `field ${index}`);
    const answer = await server.post(V1, { query: 'q', documents: ['a'], rank_fields: names });
    expect([answer.status, await answer.json()]).toMatchObject([400, { error: { message: 'rank_fields: must be at most 64 items' } }]);
  });

  it.each([
    [{ documents: ['a'] }, 'query', 'query: is required'],
    [{ query: 'q', documents: ['a'], rank_fields: ['a', 'a'] }, 'rank_fields', 'rank_fields: must not name a field twice'],
    [{ query: '', documents: ['a'] }, 'query', 'query: must not be empty'],
    [
      { query: { text: 'a', image: 'b' }, documents: ['a'] },
      'query',
      'query: must be a string, or an object with a "text" and nothing else',
    ],
    [{ query: { text: '' }, documents: ['a'] }, 'query.text', 'query.text: must not be empty'],
    [{ query: 7, documents: ['a'] }, 'query', 'query: must be a string, or an object with a "text" and nothing else'],
    [{ query: 'q' }, 'documents', 'documents: is required'],
    [{ query: 'q', documents: [] }, 'documents', 'documents: must not be empty'],
    [{ query: 'q', documents: 'a' }, 'documents', 'documents: must be an array, not a string'],
    [{ query: 'q', documents: ['a', ''] }, 'documents[1]', 'documents[1]: must not be empty'],
    [{ query: 'q', documents: ['a', 7] }, 'documents[1]', 'documents[1]: must be a string or an object, not a number'],
    [{ query: 'q', documents: ['a', null] }, 'documents[1]', 'documents[1]: must be a string or an object, not null'],
    [{ query: 'q', documents: [['a']] }, 'documents[0]', 'documents[0]: must be a string or an object, not an array'],
    [{ query: 'q', documents: [{ image: 'x' }] }, 'documents[0]', 'documents[0]: has no text in the field "text"'],
    [{ query: 'q', documents: [{ text: 7 }] }, 'documents[0].text', 'documents[0].text: must be a string, not a number'],
    [
      { query: 'q', documents: ['a', { text: 'b' }], rank_fields: ['title', 'body'] },
      'documents[1]',
      'documents[1]: has no text in any of the fields "title", "body"',
    ],
    [{ query: 'q', documents: ['a'], top_n: 0 }, 'top_n', 'top_n: must be at least 1'],
    [{ query: 'q', documents: ['a'], max_chunks_per_doc: 0 }, 'max_chunks_per_doc', 'max_chunks_per_doc: must be at least 1'],
    [
      { query: 'q', documents: ['a'], max_chunks_per_doc: 4, long: 'cut' },
      'max_chunks_per_doc',
      'max_chunks_per_doc: 4 windows cannot be read where long is "cut"; leave one out',
    ],
    [{ query: 'q', documents: ['a'], long: 'tail' }, 'long', 'long: must be "cut" or "windows", not "tail"'],
    [{ query: 'q', documents: ['a'], top_k: 3 }, 'top_k', 'the field "top_k" is not supported: use "top_n"'],
    [{ query: 'q', texts: ['a'] }, 'texts', 'the field "texts" is not supported: use "documents"'],
  ])('%j', async (body, param, message) => {
    const answer = await createStubApp().call('POST', V1, body);
    expect(answer.status).toBe(400);
    expect(await answer.json()).toEqual({ error: { message, type: 'invalid_request_error', param, code: 'invalid_request' } });
  });

  it('more documents, or longer texts, than a request may have', async () => {
    const app = createStubApp({ settings: { limits: { inputs: 2, input_bytes: 10 } } });
    const refusal = async (body: object) => ((await (await app.call('POST', V1, body)).json()) as { error: object }).error;
    expect(await refusal({ query: 'q', documents: ['a', 'b', 'c'] })).toMatchObject({
      param: 'documents',
      message: 'documents: 3 documents in one request; at most 2 are allowed',
    });
    expect(await refusal({ query: 'q', documents: ['a', { text: 'ééééééé' }] })).toMatchObject({
      code: 'input_too_long',
      param: 'documents[1]',
    });
    expect(await refusal({ query: '01234567890', documents: ['a'] })).toMatchObject({ code: 'input_too_long', param: 'query' });
  });

  it('a model that does something else', async () => {
    const answer = await server.post(V1, { model: TEST_MODEL, query: 'w1', documents: ['w1'] });
    expect(answer.status).toBe(400);
    expect(await answer.json()).toMatchObject({ error: { code: 'model_wrong_task', param: 'model' } });
  });
});

it('a large answer in several slices is one valid body, in order', async () => {
  const documents = Array.from({ length: 2000 }, (_unused, index) => `${index} ${'x'.repeat(1000)}`);
  const answer = await createStubApp().call('POST', V1, { query: 'q', documents });
  const { results } = rerankResponseSchema.parse(await answer.json());
  expect(results.map(({ document }) => document?.text)).toEqual(documents.toReversed());
});

it('a client that hangs up aborts the work', async () => {
  const hangUp = new AbortController();
  const rerank = (request: RerankRequest) =>
    new Promise<never>((_resolve, reject) => {
      request.signal?.addEventListener('abort', () => reject(request.signal?.reason));
      hangUp.abort();
    });
  const answer = await createStubApp({ gateway: { rerank } }).call('POST', V1, { query: 'q', documents: ['a'] }, { signal: hangUp.signal });
  expect(answer.status).toBe(499);
});
