import { afterAll, afterEach, beforeAll, describe, expect, expectTypeOf, it } from 'vitest';
import {
  LocalLite,
  type MultiResult,
  type RerankDocument,
  type RerankRequest,
  type RerankResponse,
  type SparseResult,
} from '../../src/sdk/index.ts';
import { TEST_MULTI, TEST_RERANKER, TEST_SPARSE } from '../../src/testing/index.ts';
import { answer, refuse, type Script, scriptedServer } from './sdk-server.ts';
import { startTestServer, type TestServer, wordText } from './test-server.ts';

let server: TestServer;
let client: LocalLite;
beforeAll(async () => {
  server = await startTestServer();
  client = new LocalLite({ baseUrl: server.url });
});
afterAll(() => server[Symbol.asyncDispose]());

const scripted: Awaited<ReturnType<typeof scriptedServer>>[] = [];
async function clientOf(script: Script): Promise<LocalLite> {
  const one = await scriptedServer(script);
  scripted.push(one);
  return new LocalLite({ baseUrl: one.baseUrl });
}
afterEach(async () => {
  await Promise.all(scripted.splice(0).map((one) => one.close()));
});

describe('rerank', () => {
  it('gives documents in the order of their relevance', async () => {
    const documents: readonly RerankDocument[] = ['w9', { text: 'w1 w2', id: 7 }];
    const { results, locallite, usage } = await client.rerank({ query: 'w1 w2', documents, raw_scores: true });
    expect(results).toEqual([
      { index: 1, relevance_score: 0.5, document: { text: 'w1 w2', id: 7 } },
      { index: 0, relevance_score: -1, document: { text: 'w9' } },
    ]);
    expect([locallite.model, usage.total_tokens]).toEqual([TEST_RERANKER, 13]);
  });

  it('fails with the document that is too long', async () => {
    await expect(client.rerank({ query: 'w1', documents: ['w1', wordText(100)] })).rejects.toMatchObject({
      code: 'input_too_long',
      status: 400,
      param: 'documents[1]',
      requestId: expect.any(String),
    });
  });

  it('tries again when the server was busy, and is ended by its signal', async () => {
    const busy = await clientOf((response, _seen, index) => {
      if (index === 0) refuse(response, 503, 'shutting_down', { 'retry-after': '0' });
      else answer(response, { results: [] });
    });
    expect(await busy.rerank({ query: 'a', documents: ['b'] })).toEqual({ results: [] });
    const abort = new AbortController();
    const silent = await clientOf(() => abort.abort());
    await expect(silent.rerank({ query: 'a', documents: ['b'] }, { signal: abort.signal })).rejects.toMatchObject({ code: 'cancelled' });
  });

  it('has types of its own', () => {
    expectTypeOf(client.rerank).parameter(0).toEqualTypeOf<RerankRequest>();
    expectTypeOf(client.rerank).returns.resolves.toEqualTypeOf<RerankResponse>();
    expectTypeOf<RerankResponse['results'][number]['relevance_score']>().toEqualTypeOf<number>();
    expectTypeOf<RerankRequest['documents']>().toEqualTypeOf<readonly RerankDocument[]>();
  });
});

describe('embeddings.sparse', () => {
  it('gives typed arrays, or the numbers or the text as they were sent', async () => {
    const input = ['w1 w2', 'w3'];
    const typed = await client.embeddings.sparse({ input, return_tokens: true });
    const float = await client.embeddings.sparse({ input, encoding_format: 'float' });
    const base64 = await client.embeddings.sparse({ input, encoding_format: 'base64' });
    expect(typed.locallite.model).toBe(TEST_SPARSE);
    expect(typed.data[0]?.indices).toEqual(Int32Array.of(9, 10));
    expect(typed.data[0]?.tokens).toEqual(['w1', 'w2']);
    expect(typed.data[1]?.values).toEqual(Float32Array.of(Math.log1p(1)));
    expect(float.data.map(({ indices, values }) => [indices, values])).toEqual(
      typed.data.map(({ indices, values }) => [[...indices], [...values]]),
    );
    expect(base64.data[0]?.indices).toBe('CQAAAAoAAAA=');
    expectTypeOf(typed).toEqualTypeOf<SparseResult>();
    expectTypeOf(typed.data).toEqualTypeOf<SparseResult<Int32Array, Float32Array>['data']>();
    expectTypeOf(float).toEqualTypeOf<SparseResult<readonly number[], readonly number[]>>();
    expectTypeOf(base64).toEqualTypeOf<SparseResult<string, string>>();
  });

  it('says so when the server sends something else', async () => {
    const item = { object: 'sparse_embedding', index: 0, indices: 'AAA=', values: 'AAAAAA==' };
    const strange = await clientOf((response) => answer(response, { data: [item] }));
    await expect(strange.embeddings.sparse({ input: 'a' })).rejects.toMatchObject({
      code: 'internal',
      message: expect.stringContaining('base64'),
    });
  });
});

describe('embeddings.multi', () => {
  it('gives a typed array a token, or the numbers or the text as they were sent', async () => {
    const input = ['w1 w2', 'w3'];
    const typed = await client.embeddings.multi({ input });
    const float = await client.embeddings.multi({ input, encoding_format: 'float' });
    const base64 = await client.embeddings.multi({ input, encoding_format: 'base64', input_type: 'query' });
    expect(typed.locallite.model).toBe(TEST_MULTI);
    expect(typed.data.map(({ embeddings }) => embeddings.length)).toEqual([5, 4]);
    expect(typed.data[0]).not.toHaveProperty('shape');
    for (const { embeddings } of typed.data) for (const row of embeddings) expect(Math.hypot(...row)).toBeCloseTo(1, 5);
    expect(float.data.map(({ embeddings }) => embeddings)).toEqual(typed.data.map(({ embeddings }) => embeddings.map((row) => [...row])));
    expect(base64.data.map(({ shape }) => shape)).toEqual([
      [8, 8],
      [8, 8],
    ]);
    expectTypeOf(typed).toEqualTypeOf<MultiResult>();
    expectTypeOf(typed.data[0]).toEqualTypeOf<MultiResult<readonly Float32Array[]>['data'][number] | undefined>();
    expectTypeOf(float).toEqualTypeOf<MultiResult<readonly (readonly number[])[]>>();
    expectTypeOf(base64).toEqualTypeOf<MultiResult<string>>();
  });

  it('says so when the server sends another shape than it tells', async () => {
    const item = { object: 'embeddings', index: 0, embeddings: 'AAAAAA==', shape: [2, 1] };
    const strange = await clientOf((response) => answer(response, { data: [item] }));
    await expect(strange.embeddings.multi({ input: 'a' })).rejects.toMatchObject({
      code: 'internal',
      message: expect.stringContaining('shape'),
    });
  });
});
