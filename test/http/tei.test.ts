import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { z } from 'zod';
import { ERROR_TABLE, type ErrorCode, LocalLiteError } from '../../src/errors.ts';
import type { EmbedRequest, RerankRequest, SparseRequest } from '../../src/gateway/gateway-types.ts';
import { TEST_MODEL, TEST_RERANKER, TEST_SPARSE } from '../../src/testing/index.ts';
import { compatibility } from '../../src/wire/compatibility.ts';
import {
  teiEmbeddingsSchema,
  teiInfoSchema,
  teiPredictionsSchema,
  teiRanksSchema,
  teiSimilaritiesSchema,
  teiSparseEmbeddingsSchema,
  teiTextsSchema,
  teiTokensSchema,
} from '../../src/wire/tei.ts';
import { teiErrorSchema } from '../../src/wire/tei-error.ts';
import { createStubApp, embedStub, keyInfo, rerankStub, sparseStub } from './stub-app.ts';
import { startTestServer, type TestServer, wordText } from './test-server.ts';

const sigmoid = (value: number): number => Math.fround(1 / (1 + Math.exp(-value)));
const LONG = wordText(90);

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

async function refusal(path: string, body: object, to = server): Promise<{ status: number; error: string; type: string }> {
  const answer = await to.post(path, body);
  const { error, error_type: type } = teiErrorSchema.parse(await answer.json());
  return { status: answer.status, error, type };
}

async function vectorsOf(request: EmbedRequest): Promise<readonly number[][]> {
  return (await server.gateway.embed(request)).vectors.map((vector) => [...vector]);
}

/** What the gateway was asked for a request. */
async function asked(path: string, body: object): Promise<object> {
  const seen: (EmbedRequest | RerankRequest | SparseRequest)[] = [];
  const note =
    <Request extends (typeof seen)[number], Result>(answer: (request: Request) => Result) =>
    async (request: Request) => {
      seen.push(request);
      return answer(request);
    };
  const gateway = { embed: note(embedStub), rerank: note(rerankStub), embedSparse: note(sparseStub) };
  const answer = await createStubApp({ gateway }).call('POST', path, body);
  expect(answer.status, await answer.clone().text()).toBe(200);
  const { signal, ...rest } = seen.at(-1) ?? {};
  expect(signal).toBeInstanceOf(AbortSignal);
  return rest;
}

describe('POST /embed', () => {
  it('takes a text, texts, ids, lists of ids and both mixed', async () => {
    const [one, two] = await vectorsOf({ input: ['w1', 'w2 w3'] });
    expect(await ask('/embed', teiEmbeddingsSchema, { inputs: 'w1' })).toEqual([one]);
    expect(await ask('/embed', teiEmbeddingsSchema, { inputs: ['w1', 'w2 w3'] })).toEqual([one, two]);
    expect(await ask('/embed', teiEmbeddingsSchema, { inputs: [2, 9, 3] })).toEqual([one]);
    expect(
      await ask('/embed', teiEmbeddingsSchema, {
        inputs: [
          [2, 9, 3],
          [2, 10, 11, 3],
        ],
      }),
    ).toEqual([one, two]);
    expect(await ask('/embed', teiEmbeddingsSchema, { inputs: [[2, 9, 3], 'w2 w3'] })).toEqual([one, two]);
  });

  it('hands its fields to the gateway', async () => {
    expect(await asked('/embed', { inputs: 'a' })).toEqual({ input: ['a'], truncate: true });
    expect(await asked('/embed', { inputs: 'a', truncate: null, prompt_name: null })).toEqual({ input: ['a'], truncate: true });
    expect(await asked('/embed', { inputs: 'a', truncate: false, truncation_direction: 'right', dimensions: 2 })).toEqual({
      input: ['a'],
      truncate: false,
      dimensions: 2,
    });
    expect(await asked('/embed', { inputs: 'a', prompt_name: 'query' })).toMatchObject({ inputType: 'query' });
    expect(await asked('/embed', { inputs: 'a', prompt_name: 'document' })).toMatchObject({ inputType: 'passage' });
    expect(await asked('/embed', { inputs: 'a', truncation_direction: 'Left' })).toMatchObject({ truncate: false });
  });

  it('cuts by default and says how much; the setting turns that round', async () => {
    const answer = await server.post('/embed', { inputs: ['w1', LONG] });
    expect(answer.headers.get('x-locallite-truncated-tokens')).toBe('28');
    expect(await answer.json()).toEqual(await vectorsOf({ input: ['w1', wordText(62)] }));
    await using strict = await startTestServer({ settings: { wire: { tei: { auto_truncate: false } } } });
    expect(await refusal('/embed', { inputs: ['w1', LONG] }, strict)).toMatchObject({
      status: 422,
      error: expect.stringMatching(/^inputs\[1\] has 92 tokens/),
      type: 'Validation',
    });
    expect((await strict.post('/embed', { inputs: LONG, truncate: true })).status).toBe(200);
    expect(await (await fetch(`${strict.url}/info`)).json()).toMatchObject({ auto_truncate: false });
  });

  it('never cuts on the left: what fits runs, what does not is refused', async () => {
    const left = { truncate: true, truncation_direction: 'left' };
    expect(await ask('/embed', teiEmbeddingsSchema, { inputs: 'w1', ...left })).toEqual(await vectorsOf({ input: ['w1'] }));
    expect(await refusal('/embed', { inputs: LONG, ...left })).toEqual({
      status: 422,
      error:
        'inputs has 92 tokens and the model takes at most 64; it can be cut on its right side only: send truncation_direction "Right", or cut it yourself',
      type: 'Validation',
    });
  });

  it('gives unit vectors of a model that does not normalise, and raw ones where they are asked for', async () => {
    const settings = { models: { [TEST_MODEL]: { normalize: false } } };
    await using raw = await startTestServer({ settings });
    const [vector = []] = teiEmbeddingsSchema.parse(await (await raw.post('/embed', { inputs: 'w1 w2', normalize: false })).json());
    const norm = Math.hypot(...vector);
    expect(Math.abs(norm - 1)).toBeGreaterThan(0.01);
    const [unit = []] = teiEmbeddingsSchema.parse(await (await raw.post('/embed', { inputs: 'w1 w2' })).json());
    expect(Math.hypot(...unit)).toBeCloseTo(1, 6);
    for (const [place, value] of unit.entries()) expect(value).toBeCloseTo((vector[place] ?? 0) / norm, 6);
    expect(await refusal('/embed', { inputs: 'w1', normalize: false })).toMatchObject({
      status: 422,
      error: expect.stringContaining(TEST_MODEL),
    });
  });

  it("tells what was computed in TEI's headers", async () => {
    const { headers } = await server.post('/embed', { inputs: ['w1 😀', [2, 9, 3]] });
    expect(Object.fromEntries([...headers].filter(([name]) => /^x-(compute|total|tokenization|queue|inference)/.test(name)))).toEqual({
      'x-compute-type': 'cpu',
      'x-compute-time': expect.stringMatching(/^\d+$/),
      'x-compute-characters': '7',
      'x-compute-tokens': '7',
      'x-total-time': expect.stringMatching(/^\d+$/),
      'x-tokenization-time': expect.stringMatching(/^\d+$/),
      'x-queue-time': expect.stringMatching(/^\d+$/),
      'x-inference-time': expect.stringMatching(/^\d+$/),
    });
    expect(headers.get('x-locallite-model')).toBe(TEST_MODEL);
  });
});

describe('what is wrong with inputs', () => {
  it.each([
    ['nothing', {}, 422, 'Validation', 'inputs: is required'],
    ['null', { inputs: null }, 422, 'Validation', 'inputs: is required'],
    ['a number', { inputs: 5 }, 422, 'Validation', 'inputs: must be a string or an array, not a number'],
    ['an empty array', { inputs: [] }, 400, 'Empty', 'inputs cannot be empty'],
    ['an empty text', { inputs: '' }, 400, 'Empty', 'inputs cannot be empty'],
    ['an empty text among others', { inputs: ['w1', ''] }, 400, 'Empty', 'inputs[1] cannot be empty'],
    ['no ids', { inputs: [[]] }, 422, 'Validation', 'inputs[0]: must not be empty'],
    ['an object', { inputs: ['a', {}] }, 422, 'Validation', 'inputs[1]: must be a string or an array of token ids, not an object'],
    ['a half id', { inputs: [1, 2.5] }, 422, 'Validation', 'inputs[1]: 2.5 is not a token id'],
    ['a text among ids', { inputs: [[1, 'a']] }, 422, 'Validation', 'inputs[0][1]: must be a token id, not a string'],
    ['an unknown id', { inputs: [['a'], [5000]] }, 422, 'Validation', 'inputs[0][0]: must be a token id, not a string'],
    [
      'an unknown field',
      { inputs: 'a', foo: 1 },
      422,
      'Validation',
      expect.stringMatching(/^unknown field "foo"; this route knows inputs, /),
    ],
    [
      'a direction',
      { inputs: 'a', truncation_direction: 'up' },
      422,
      'Validation',
      expect.stringMatching(/^truncation_direction: must be "Right"/),
    ],
    [
      'a prompt',
      { inputs: 'a', prompt_name: 'other' },
      422,
      'Validation',
      expect.stringMatching(/^prompt_name: must be "query" or "passage"/),
    ],
    ['base64', { inputs: 'a', encoding_format: 'base64' }, 422, 'Validation', 'encoding_format: must be "float", not "base64"'],
    ['dimensions', { inputs: 'w1', dimensions: 3 }, 422, 'Validation', expect.stringMatching(/^dimensions is 3/)],
  ])('%s', async (_name, body, status, type, error) => {
    expect(await refusal('/embed', body)).toEqual({ status, type, error });
  });

  it('too many', async () => {
    await using small = await startTestServer({ settings: { limits: { inputs: 2, input_bytes: 10 } } });
    const three = ['a', 'b', 'c'];
    const bodies: readonly (readonly [string, object])[] = [
      ['/embed', { inputs: three }],
      ['/embed_sparse', { inputs: three }],
      ['/embed_all', { inputs: three }],
      ['/similarity', { inputs: { source_sentence: 'a', sentences: three } }],
      ['/rerank', { query: 'a', texts: three }],
      ['/predict', { inputs: three.map((text) => [text, text]) }],
      ['/tokenize', { inputs: three }],
      ['/decode', { ids: [[1], [2], [3]] }],
    ];
    for (const [path, body] of bodies) {
      expect(await refusal(path, body, small), path).toMatchObject({
        status: 413,
        type: 'Validation',
        error: expect.stringContaining('has 3 and at most 2'),
      });
    }
    expect(await refusal('/embed', { inputs: ['a', 'b'.repeat(11)] }, small)).toMatchObject({
      status: 422,
      error: expect.stringMatching(/^inputs\[1\] has 11 bytes/),
    });
    expect(await refusal('/predict', { inputs: [['a', 'b'.repeat(11)]] }, small)).toMatchObject({
      error: expect.stringMatching(/^inputs\[0\] has 11 bytes/),
    });
  });
});

it('POST /embed_sparse gives index and value of each term', async () => {
  expect(await ask('/embed_sparse', teiSparseEmbeddingsSchema, { inputs: ['w1 w2 w2', 'w3'] })).toEqual([
    [
      { index: 9, value: Math.fround(Math.log(2)) },
      { index: 10, value: Math.fround(Math.log(3)) },
    ],
    [{ index: 11, value: Math.fround(Math.log(2)) }],
  ]);
  expect((await server.post('/embed_sparse', { inputs: 'w1' })).headers.get('x-locallite-model')).toBe(TEST_SPARSE);
  expect(await asked('/embed_sparse', { inputs: 'a', truncate: false, prompt_name: 'passage' })).toEqual({
    input: ['a'],
    truncate: false,
    inputType: 'passage',
  });
});

it('POST /embed_all refuses, and says what there is instead', async () => {
  expect(await refusal('/embed_all', { inputs: 'w1' })).toEqual({
    status: 424,
    type: 'Backend',
    error: expect.stringContaining('POST /v1/embeddings/multi'),
  });
  expect(await refusal('/embed_all', { inputs: [] })).toMatchObject({ status: 400, type: 'Empty' });
});

describe('POST /similarity', () => {
  it('gives the cosine of each sentence', async () => {
    const [a = [], b = []] = await vectorsOf({ input: ['w1', 'w2'] });
    const cosine = a.reduce((sum, value, place) => sum + value * (b[place] ?? 0), 0);
    const [same, other] = await ask('/similarity', teiSimilaritiesSchema, { inputs: { source_sentence: 'w1', sentences: ['w1', 'w2'] } });
    expect(same).toBeCloseTo(1, 6);
    expect(other).toBeCloseTo(cosine, 6);
  });

  it('takes parameters, and names what is wrong with a sentence', async () => {
    const inputs = { source_sentence: 'a', sentences: ['b'] };
    const parameters = { truncate: false, prompt_name: 'query', truncation_direction: 'Right' };
    expect(await asked('/similarity', { inputs, parameters })).toEqual({ input: ['a', 'b'], truncate: false, inputType: 'query' });
    const long = { inputs: { source_sentence: 'w1', sentences: ['w1', LONG] }, parameters: { truncate: false } };
    expect(await refusal('/similarity', long)).toMatchObject({
      status: 422,
      error: expect.stringMatching(/^inputs\.sentences\[1\] has 92/),
    });
    const source = { inputs: { source_sentence: LONG, sentences: ['w1'] }, parameters: { truncate: false } };
    expect(await refusal('/similarity', source)).toMatchObject({ error: expect.stringMatching(/^inputs\.source_sentence has 92/) });
    expect(await refusal('/similarity', { inputs: { source_sentence: 'w1', sentences: [] } })).toMatchObject({
      status: 400,
      type: 'Empty',
    });
    expect(await refusal('/similarity', { inputs, parameters: { normalize: true } })).toMatchObject({ status: 422 });
  });
});

describe('POST /rerank', () => {
  const texts = ['w9', 'w1 w9', 'w9 w2', 'w2 w1'];

  it('gives the texts by their relevance', async () => {
    expect(await ask('/rerank', teiRanksSchema, { query: 'w1 w2', texts })).toEqual([
      { index: 3, score: sigmoid(0.5) },
      { index: 1, score: 0.5 },
      { index: 2, score: sigmoid(-0.5) },
      { index: 0, score: sigmoid(-1) },
    ]);
    const raw = await ask('/rerank', teiRanksSchema, { query: 'w1 w2', texts, raw_scores: true, return_text: true });
    expect(raw[0]).toEqual({ index: 3, score: 0.5, text: 'w2 w1' });
    expect((await server.post('/rerank', { query: 'w1', texts })).headers.get('x-locallite-model')).toBe(TEST_RERANKER);
  });

  it('cuts by default, and names what it does not cut', async () => {
    const cut = await server.post('/rerank', { query: 'w1', texts: ['w1', LONG] });
    expect(cut.headers.get('x-locallite-truncated-tokens')).toBe('30');
    const refused = await refusal('/rerank', { query: 'w1', texts: ['w1', LONG], truncate: false });
    expect(refused).toMatchObject({ status: 422, error: expect.stringMatching(/^texts\[1\] has 90 tokens/) });
    expect(await refusal('/rerank', { query: 'w1', texts: [] })).toEqual({ status: 400, type: 'Empty', error: 'texts cannot be empty' });
    expect(await refusal('/rerank', { query: 'w1', documents: ['a'] })).toMatchObject({
      status: 422,
      error: expect.stringContaining('use "texts"'),
    });
  });
});

describe('POST /predict', () => {
  it('scores a pair, and pairs of several queries in their order', async () => {
    expect(await ask('/predict', teiPredictionsSchema, { inputs: ['w1', 'w1'] })).toEqual([{ score: 0.5, label: 'LABEL_0' }]);
    const inputs = [
      ['w1', 'w2'],
      ['w2', 'w2'],
      ['w1', 'w1'],
      ['w2', 'w3 w2'],
    ];
    const scores = [-1, 0, 0, -0.5];
    const raw = await ask('/predict', teiPredictionsSchema, { inputs, raw_scores: true });
    expect(raw).toEqual(scores.map((score) => [{ score, label: 'LABEL_0' }]));
    const relevance = await ask('/predict', teiPredictionsSchema, { inputs });
    expect(relevance).toEqual(scores.map((score) => [{ score: sigmoid(score), label: 'LABEL_0' }]));
    const parameters = { function_to_apply: 'none', top_k: 1 };
    expect(await ask('/predict', teiPredictionsSchema, { inputs, parameters })).toEqual(raw);
    expect(await ask('/predict', teiPredictionsSchema, { inputs, parameters: {} })).toEqual(relevance);
    expect(await refusal('/predict', { inputs, parameters: { function_to_apply: 'softmax' } })).toMatchObject({ status: 422 });
    const answer = await server.post('/predict', { inputs });
    expect(answer.headers.get('x-compute-tokens')).toBe('21');
  });

  it('runs a part of many pairs after the other, so that they do not fill the queue', async () => {
    let running = 0;
    let most = 0;
    const rerank = async (request: RerankRequest) => {
      running += request.documents.length;
      most = Math.max(most, running);
      await new Promise((resolve) => setImmediate(resolve));
      running -= request.documents.length;
      return { ...rerankStub(request), logits: Float32Array.from(request.documents, Number) };
    };
    const inputs = Array.from({ length: 700 }, (_, index) => [index < 100 ? 'same' : `query ${index}`, String(index)]);
    const answer = await createStubApp({ gateway: { rerank } }).call('POST', '/predict', { inputs, raw_scores: true });
    expect(teiPredictionsSchema.parse(await answer.json())).toEqual(inputs.map((_, score) => [{ score, label: 'LABEL_0' }]));
    expect(most).toBeLessThanOrEqual(256);
    expect(running).toBe(0);
  });

  it('names the pair that is wrong', async () => {
    expect(await refusal('/predict', { inputs: 'w1' })).toMatchObject({
      status: 422,
      error: expect.stringMatching(/^inputs: a lone text/),
    });
    expect(await refusal('/predict', { inputs: [['w1', 'w1'], ['w1']] })).toMatchObject({
      error: expect.stringMatching(/^inputs\[1\]: a lone/),
    });
    expect(await refusal('/predict', { inputs: ['w1', 'w1', 'w1'] })).toMatchObject({
      error: expect.stringMatching(/^inputs: must be one or two/),
    });
    expect(await refusal('/predict', { inputs: [] })).toMatchObject({ status: 400, type: 'Empty' });
    const pairs = [
      ['w1', 'w1'],
      ['w2', 'w1'],
      ['w1', LONG],
    ];
    expect(await refusal('/predict', { inputs: pairs, truncate: false })).toMatchObject({
      status: 422,
      error: expect.stringMatching(/^inputs\[2\] has 90/),
    });
  });
});

describe('POST /', () => {
  it.each([
    ['/embed', { inputs: ['w1', [2, 9, 3]], dimensions: 4 }],
    ['/similarity', { inputs: { source_sentence: 'w1', sentences: ['w2'] }, parameters: { prompt_name: 'query' } }],
    ['/rerank', { query: 'w1', texts: ['w2', 'w1'], return_text: true }],
    ['/predict', { inputs: [['w1', 'w2']], raw_scores: true }],
  ])('is %s for such a body', async (path, body) => {
    const [there, here] = await Promise.all([server.post(path, body), server.post('/', body)]);
    expect([here.status, await here.text()]).toEqual([200, await there.text()]);
  });

  it('refuses what belongs to another of them', async () => {
    expect(await refusal('/', { inputs: 'w1', return_text: true })).toMatchObject({
      status: 422,
      error: expect.stringContaining('"return_text"'),
    });
    expect(await refusal('/', {})).toMatchObject({ status: 422, error: 'inputs: is required' });
    expect((await server.post('/', { inputs: 'w1', options: { wait_for_model: true } })).headers.get('x-locallite-ignored')).toBe(
      'options',
    );
  });

  it('leaves GET / as it was', async () => {
    expect(await (await fetch(server.url)).json()).toMatchObject({ name: 'locallite' });
  });
});

describe('tokens', () => {
  it('POST /tokenize gives ids, pieces and places in bytes of UTF-8', async () => {
    const special = (id: number, text: string) => ({ id, text, special: true, start: null, stop: null });
    expect(await ask('/tokenize', teiTokensSchema, { inputs: ['w1 é😀 w2', ''] })).toEqual([
      [
        special(2, '[CLS]'),
        { id: 9, text: 'w1', special: false, start: 0, stop: 2 },
        { id: 1, text: 'é😀', special: false, start: 3, stop: 9 },
        { id: 10, text: 'w2', special: false, start: 10, stop: 12 },
        special(3, '[SEP]'),
      ],
      [special(2, '[CLS]'), special(3, '[SEP]')],
    ]);
    expect(await ask('/tokenize', teiTokensSchema, { inputs: 'w1', add_special_tokens: false, prompt_name: 'query' })).toEqual([
      [
        { id: 1006, text: 'w998', special: false, start: 0, stop: 4 },
        { id: 9, text: 'w1', special: false, start: 5, stop: 7 },
      ],
    ]);
    expect(await refusal('/tokenize', { inputs: [] })).toMatchObject({ status: 400, type: 'Empty' });
    expect(await refusal('/tokenize', { inputs: 'x'.repeat(262_145) })).toMatchObject({ status: 413, type: 'Validation' });
  });

  it('POST /tokenize refuses an estimate', async () => {
    const tokenize = async () => ({ model: 'owner/mini', exact: false, counts: [1], tokens: [] });
    const answer = await createStubApp({ gateway: { tokenize } }).call('POST', '/tokenize', { inputs: 'a' });
    expect(answer.status).toBe(424);
    expect(await answer.json()).toEqual({ error: expect.stringContaining('locallite pull'), error_type: 'Backend' });
  });

  it('POST /decode gives the text of ids', async () => {
    expect(await ask('/decode', teiTextsSchema, { ids: [2, 9, 10, 3] })).toEqual(['w1 w2']);
    expect(await ask('/decode', teiTextsSchema, { ids: [[2, 9], [10], []], skip_special_tokens: false })).toEqual(['[CLS] w1', 'w2', '']);
    expect(await refusal('/decode', { ids: [] })).toMatchObject({ status: 400, type: 'Empty' });
    expect(await refusal('/decode', { ids: [new Array(65_537).fill(9)] })).toMatchObject({ status: 413, type: 'Validation' });
    expect(await refusal('/decode', { ids: [[9], [5000]] })).toMatchObject({
      status: 422,
      type: 'Tokenizer',
      error: expect.stringContaining('5000'),
    });
  });
});

describe('the service', () => {
  it('GET /info tells the model and the limits', async () => {
    expect(teiInfoSchema.parse(await (await fetch(`${server.url}/info`)).json())).toEqual({
      model_id: TEST_MODEL,
      model_sha: 'main',
      model_dtype: 'float32',
      served_model_name: TEST_MODEL,
      model_type: { embedding: { pooling: 'mean' } },
      max_concurrent_requests: 1024,
      max_input_length: 64,
      max_batch_tokens: 4096,
      max_batch_requests: null,
      max_client_batch_size: 2048,
      auto_truncate: true,
      tokenization_workers: 1,
      version: '0.0.0',
      sha: null,
      docker_label: null,
    });
  });

  it('GET /health is 200 once the default model is loaded, 503 before', async () => {
    const well = await createStubApp().call('GET', '/health');
    expect([well.status, await well.text()]).toEqual([200, '']);
    const loading = createStubApp({ gateway: { ready: () => ({ ready: false, reason: 'still loading' }) } });
    const answer = await loading.call('GET', '/health');
    expect(answer.status).toBe(503);
    expect(await answer.json()).toEqual({ error: 'still loading', error_type: 'Unhealthy' });
    expect(answer.headers.get('retry-after')).toBe('1');
  });
});

// Frozen: what clients match on. A change here breaks somebody's program.
const WIRE: Readonly<Record<ErrorCode, readonly [status: number, type: string]>> = {
  invalid_request: [422, 'Validation'],
  invalid_config: [500, 'Backend'],
  unauthorized: [401, 'Validation'],
  forbidden: [403, 'Validation'],
  not_found: [404, 'Validation'],
  method_not_allowed: [405, 'Validation'],
  request_timeout: [408, 'Validation'],
  payload_too_large: [413, 'Validation'],
  unsupported_media_type: [415, 'Validation'],
  rate_limited: [429, 'Overloaded'],
  model_not_found: [424, 'Backend'],
  model_wrong_task: [424, 'Backend'],
  model_unsupported: [424, 'Backend'],
  model_load_failed: [424, 'Backend'],
  model_fetch_failed: [424, 'Backend'],
  model_in_use: [424, 'Backend'],
  insufficient_memory: [424, 'Backend'],
  store_corrupt: [424, 'Backend'],
  disk_full: [424, 'Backend'],
  offline: [424, 'Backend'],
  job_not_found: [404, 'Validation'],
  conflict: [409, 'Validation'],
  input_too_long: [422, 'Validation'],
  index_mismatch: [409, 'Validation'],
  document_unreadable: [422, 'Validation'],
  document_encrypted: [422, 'Validation'],
  document_too_large: [413, 'Validation'],
  document_unsupported: [415, 'Validation'],
  overloaded: [429, 'Overloaded'],
  cancelled: [499, 'Backend'],
  timed_out: [424, 'Backend'],
  provider_unavailable: [424, 'Backend'],
  inference_failed: [424, 'Backend'],
  worker_crashed: [424, 'Backend'],
  shutting_down: [503, 'Unhealthy'],
  unreachable: [424, 'Backend'],
  internal: [500, 'Backend'],
};

describe('errors', () => {
  it.each(Object.entries(WIRE))('%s on the wire', async (code, [status, error_type]) => {
    const known = Object.keys(ERROR_TABLE).find((candidate): candidate is ErrorCode => candidate === code);
    if (known === undefined) throw new LocalLiteError('internal', `${code} is not in the table`);
    const embed = async () => {
      throw new LocalLiteError(known, 'input[0] was wrong', { retryAfterSeconds: 7 });
    };
    const answer = await createStubApp({ gateway: { embed } }).call('POST', '/embed', { inputs: 'a' });
    expect(answer.status).toBe(status);
    const error = code === 'internal' ? expect.stringContaining('request id') : 'inputs was wrong';
    expect(await answer.json()).toEqual({ error, error_type });
    expect(answer.headers.get('retry-after')).toBe('7');
  });

  it("a body that is no JSON, a form, a foreign page and a key without the scope are refused in TEI's shape", async () => {
    const app = createStubApp({ keys: [keyInfo('key_1', 'docs', ['documents'])] });
    const authorization = { authorization: 'Bearer secret-key_1' };
    const calls: readonly (readonly [number, Promise<Response>])[] = [
      [401, app.call('POST', '/embed', { inputs: 'a' })],
      [403, app.call('POST', '/embed', { inputs: 'a' }, { headers: authorization })],
      [422, createStubApp().call('POST', '/embed', '{"inputs": ')],
      [415, createStubApp().call('POST', '/embed', 'inputs=a', { headers: { 'content-type': 'application/x-www-form-urlencoded' } })],
      [403, createStubApp().call('POST', '/', { inputs: 'a' }, { headers: { origin: 'https://elsewhere.test' } })],
    ];
    for (const [status, call] of calls) {
      const answer = await call;
      expect(answer.status).toBe(status);
      expect(teiErrorSchema.parse(await answer.json()).error_type).toBe('Validation');
    }
  });
});

describe('every field that is listed', () => {
  const VALID: Readonly<Record<string, object>> = {
    '/': { inputs: 'a' },
    '/embed': { inputs: 'a' },
    '/embed_all': { inputs: 'a' },
    '/embed_sparse': { inputs: 'a' },
    '/similarity': { inputs: { source_sentence: 'a', sentences: ['b'] } },
    '/rerank': { query: 'a', texts: ['b'] },
    '/predict': { inputs: ['a', 'b'] },
    '/tokenize': { inputs: 'a' },
    '/decode': { ids: [1] },
  };
  const listed = compatibility.endpoints.filter(({ wire }) => wire === 'tei');
  const fields = listed.flatMap(({ path, fields: table }) => Object.entries(table).map(([name, field]) => ({ path, name, ...field })));

  it('stands at a route', () => {
    expect(listed.map(({ path }) => path).toSorted()).toEqual(Object.keys(VALID).toSorted());
  });

  it.each(fields.filter((field) => field.class === 'refused'))('$name of $path is refused by name', async ({ path, name, note }) => {
    const answer = await createStubApp().call('POST', path, { ...VALID[path], [name]: 'x' });
    expect(answer.status).toBe(422);
    expect(await answer.json()).toEqual({ error: `the field "${name}" is not supported: ${note}`, error_type: 'Validation' });
  });

  it.each(fields.filter((field) => field.class === 'accepted_without_effect'))('$name of $path changes nothing', async ({ path, name }) => {
    const answer = await createStubApp().call('POST', path, { ...VALID[path], [name]: { x: 1 } });
    expect(answer.status).toBe(200);
    expect(answer.headers.get('x-locallite-ignored')).toBe(name);
    expect(await answer.text()).toBe(await (await createStubApp().call('POST', path, VALID[path])).text());
  });
});
