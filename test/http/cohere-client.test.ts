import { CohereClient, CohereClientV2, CohereError } from 'cohere-ai';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestServer, type TestServer, wordText } from './test-server.ts';

/* The official client, as it is published, against the real API. */

const QUERY = 'w1 w2';
const DOCUMENTS = ['w9 w9', 'w1 w9', 'w9 w2', 'w2 w1'];
const sigmoid = (value: number): number => Math.fround(1 / (1 + Math.exp(-value)));

let server: TestServer;
let v1: CohereClient;
let v2: CohereClientV2;
beforeAll(async () => {
  server = await startTestServer();
  const options = { environment: server.url, token: 'any', maxRetries: 0 };
  v1 = new CohereClient(options);
  v2 = new CohereClientV2(options);
});
afterAll(() => server[Symbol.asyncDispose]());

/** What the client makes of a refusal. */
async function refusal(work: Promise<unknown>): Promise<CohereError> {
  const error: unknown = await work.catch((reason: unknown) => reason);
  if (error instanceof CohereError) return error;
  throw new RangeError('it should have failed with an error of the client', { cause: error });
}

describe('CohereClientV2.rerank', () => {
  it('gives documents in the order of their relevance', async () => {
    const answer = await v2.rerank({ model: 'reranker', query: QUERY, documents: DOCUMENTS, topN: 3 });
    expect(answer.results).toEqual([
      { index: 3, relevanceScore: sigmoid(0.5) },
      { index: 1, relevanceScore: 0.5 },
      { index: 2, relevanceScore: sigmoid(-0.5) },
    ]);
    expect(answer.id).toMatch(/^[0-9a-f-]{36}$/);
    expect(answer.meta).toEqual({ apiVersion: { version: '2' }, billedUnits: { searchUnits: 1 } });
  });

  it('has its limits obeyed', async () => {
    const documents = ['w3 w1', 'w2 w2 w3'];
    const whole = await v2.rerank({ model: 'reranker', query: QUERY, documents });
    const cut = await v2.rerank({ model: 'reranker', query: QUERY, documents, maxTokensPerDoc: 1, priority: 3 });
    expect(whole.results.map(({ relevanceScore }) => relevanceScore)).toEqual([sigmoid(0.5), sigmoid(-0.5)]);
    expect(cut.results).toEqual([
      { index: 1, relevanceScore: 0.5 },
      { index: 0, relevanceScore: sigmoid(-1) },
    ]);
    expect(cut.meta?.warnings).toEqual(['2 of 2 documents were too long and have been cut']);
  });

  it('may send documents that are longer than the model takes', async () => {
    const { data, rawResponse } = await v2.rerank({ model: 'reranker', query: QUERY, documents: ['w1', wordText(200)] }).withRawResponse();
    expect(data.results[0]?.index).toBe(0);
    expect(rawResponse.headers.get('x-locallite-truncated-tokens')).toBe('141');
  });

  it('understands refusals', async () => {
    const unknown = await refusal(v2.rerank({ model: 'no/such', query: QUERY, documents: DOCUMENTS }));
    expect([unknown.statusCode, unknown.body]).toEqual([404, { message: expect.stringContaining('no/such') }]);
    const empty = await refusal(v2.rerank({ model: 'reranker', query: QUERY, documents: [] }));
    expect([empty.statusCode, empty.body]).toEqual([400, { message: 'documents: must not be empty' }]);
  });
});

describe('CohereClient.rerank (v1)', () => {
  it('gives documents in the order of their relevance', async () => {
    const answer = await v1.rerank({ model: 'reranker', query: QUERY, documents: DOCUMENTS, topN: 1, returnDocuments: false });
    expect(answer.results).toEqual([{ index: 3, relevanceScore: sigmoid(0.5) }]);
    expect(answer.meta).toMatchObject({ apiVersion: { version: '1' }, billedUnits: { searchUnits: 1 } });
    expect(answer.id).toMatch(/^[0-9a-f-]{36}$/);
  });

  it('ranks objects by the fields it names and gets them back', async () => {
    const documents = [
      { title: 'w9', text: 'w1 w2' },
      { title: 'w1', text: 'w9' },
    ];
    const byText = await v1.rerank({ query: QUERY, documents, returnDocuments: true });
    expect(byText.results.map(({ index, document }) => [index, document?.text])).toEqual([
      [0, 'w1 w2'],
      [1, 'w9'],
    ]);
    const byTitle = await v1.rerank({ query: QUERY, documents, rankFields: ['title'] });
    expect(byTitle.results.map(({ index }) => index)).toEqual([1, 0]);
  });

  it('has long documents read in as many chunks as it allows', async () => {
    const documents = [`${wordText(100, 500)} w1`];
    const chunks = await v1.rerank({ query: QUERY, documents, maxChunksPerDoc: 10 });
    const one = await v1.rerank({ query: QUERY, documents, maxChunksPerDoc: 1 });
    expect(chunks.results[0]?.relevanceScore).toBe(sigmoid(Math.fround(1 / 59 - 1)));
    expect(one.results[0]?.relevanceScore).toBe(sigmoid(-1));
    expect((await refusal(v1.rerank({ query: QUERY, documents }))).statusCode).toBe(400);
  });
});
