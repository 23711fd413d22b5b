import { expect, test } from 'vitest';
import { LocalLiteError } from '../../src/errors.ts';
import type { EmbedRequest } from '../../src/gateway/gateway-types.ts';
import { decodeVector } from '../../src/wire/base64.ts';
import { embeddingsResponseSchema } from '../../src/wire/embeddings.ts';
import { createStubApp, embedStub, MODEL, vectorOf } from './stub-app.ts';

const PATH = '/v1/embeddings';

/** An app that remembers what its gateway was asked. */
function recordingApp(settings = {}) {
  const asked: EmbedRequest[] = [];
  const app = createStubApp({
    settings,
    gateway: {
      embed: async (request) => {
        asked.push(request);
        return embedStub(request);
      },
    },
  });
  return { app, asked };
}

test('a text gives one vector, in exactly this shape', async () => {
  const answer = await createStubApp().call('POST', PATH, { model: 'mini', input: 'hello', user: 'someone' });
  expect(answer.status).toBe(200);
  expect(answer.headers.get('content-type')).toBe('application/json');
  expect(await answer.json()).toEqual({
    object: 'list',
    data: [{ object: 'embedding', index: 0, embedding: [...vectorOf(0)] }],
    model: 'mini',
    usage: { prompt_tokens: 3, total_tokens: 3 },
    locallite: {
      model: MODEL,
      space: 'a1b2',
      variant: 'q4',
      provider: 'cpu',
      truncated_tokens: [0],
      ignored: ['user'],
      timings: { tokenize_ms: 1, queue_ms: 2, infer_ms: 3.25, total_ms: 6.5 },
    },
  });
});

test.each([
  ['a text', 'hello', ['hello']],
  ['texts', ['a', 'b'], ['a', 'b']],
  ['token ids of one text', [1, 2, 3], [[1, 2, 3]]],
  ['token ids of several texts', [[1], [2, 3]], [[1], [2, 3]]],
])('input: %s', async (_name, input, expected) => {
  const { app, asked } = recordingApp();
  const answer = await app.call('POST', PATH, { model: 'mini', input });
  expect(embeddingsResponseSchema.parse(await answer.json()).data).toHaveLength(expected.length);
  expect(asked[0]?.input).toEqual(expected);
});

test('base64 carries exactly the numbers that float does', async () => {
  const app = createStubApp();
  const input = ['a', 'b', 'c'];
  const floats = embeddingsResponseSchema.parse(await (await app.call('POST', PATH, { model: 'mini', input })).json());
  const coded = embeddingsResponseSchema.parse(
    await (await app.call('POST', PATH, { model: 'mini', input, encoding_format: 'base64' })).json(),
  );
  for (const [index, { embedding }] of coded.data.entries()) {
    expect(decodeVector(String(embedding))).toEqual(vectorOf(index));
    expect([...vectorOf(index)]).toEqual(floats.data[index]?.embedding);
  }
});

test('a large answer in several slices is one valid body, in order', async () => {
  const input = Array.from({ length: 2048 }, (_unused, index) => `text ${index}`);
  const answer = await createStubApp().call('POST', PATH, { model: 'mini', input, dimensions: 384 });
  const { data } = embeddingsResponseSchema.parse(await answer.json());
  expect(data.map((item) => item.index)).toEqual(input.map((_unused, index) => index));
  expect(data[2047]?.embedding).toEqual([...vectorOf(2047, 384)]);
});

test('our fields reach the gateway', async () => {
  const { app, asked } = recordingApp();
  const body = { model: 'mini', input: 'a', dimensions: 2, input_type: 'query', truncate: true, keep_alive: '5m', priority: 'bulk' };
  expect((await app.call('POST', PATH, body)).status).toBe(200);
  const { signal, ...rest } = asked[0] ?? {};
  expect(rest).toEqual({
    model: 'mini',
    input: ['a'],
    dimensions: 2,
    inputType: 'query',
    truncate: true,
    keepAlive: 300,
    priority: 'bulk',
  });
  expect(signal?.aborted).toBe(false);
});

test('absent and null fields are the same, and nothing is made up for them', async () => {
  const { app, asked } = recordingApp();
  const body = { model: 'mini', input: 'a', dimensions: null, input_type: null, encoding_format: null, user: null };
  const answer = await app.call('POST', PATH, body);
  expect(embeddingsResponseSchema.parse(await answer.json()).locallite.ignored).toEqual([]);
  const { signal: _signal, ...rest } = asked[0] ?? {};
  expect(rest).toEqual({ model: 'mini', input: ['a'], truncate: false });
});

test('what was cut is counted in the body and in a header', async () => {
  const app = createStubApp({ gateway: { embed: async (request) => ({ ...embedStub(request), truncatedTokens: [0, 12] }) } });
  const answer = await app.call('POST', PATH, { model: 'mini', input: ['a', 'b'], truncate: true });
  expect(answer.headers.get('x-locallite-truncated-tokens')).toBe('12');
  expect(embeddingsResponseSchema.parse(await answer.json()).locallite.truncated_tokens).toEqual([0, 12]);
});

test('headers say what ran and how long it took', async () => {
  const answer = await createStubApp().call('POST', PATH, { model: 'mini', input: 'a' });
  expect(answer.headers.get('x-locallite-model')).toBe(MODEL);
  expect(answer.headers.get('x-locallite-variant')).toBe('q4');
  expect(answer.headers.get('x-locallite-provider')).toBe('cpu');
  expect(answer.headers.get('server-timing')).toMatch(/^tokenize;dur=1\.00, queue;dur=2\.00, infer;dur=3\.25, total;dur=\d+\.\d\d$/);
});

test.each([
  [{ model: 'm' }, 'input', 'input: is required'],
  [{ model: 'm', input: null }, 'input', 'input: is required'],
  [{ model: 'm', input: '' }, 'input', 'input: must not be empty'],
  [{ model: 'm', input: [] }, 'input', 'input: must not be empty'],
  [{ model: 'm', input: ['a', ''] }, 'input[1]', 'input[1]: must not be empty'],
  [{ model: 'm', input: ['a', 7] }, 'input[1]', 'input[1]: must be a string, not a number'],
  [{ model: 'm', input: [7, 'a'] }, 'input[1]', 'input[1]: must be a token id, not a string'],
  [{ model: 'm', input: [1, 2, 3, -1] }, 'input[3]', 'input[3]: -1 is not a token id'],
  [{ model: 'm', input: [1.5] }, 'input[0]', 'input[0]: 1.5 is not a token id'],
  [{ model: 'm', input: [2 ** 31] }, 'input[0]', 'input[0]: 2147483648 is not a token id'],
  [{ model: 'm', input: [[1], []] }, 'input[1]', 'input[1]: must not be empty'],
  [{ model: 'm', input: [[1], [2, null]] }, 'input[1][1]', 'input[1][1]: must be a token id, not null'],
  [{ model: 'm', input: [[1], 'a'] }, 'input[1]', 'input[1]: must be an array of token ids, not a string'],
  [{ model: 'm', input: [{}] }, 'input[0]', 'input[0]: must be a string, not an object'],
  [{ model: 'm', input: 7 }, 'input', 'input: must be a string or an array, not a number'],
  [{ model: 'm', input: { a: 1 } }, 'input', 'input: must be a string or an array, not an object'],
  [{ input: 'a' }, 'model', 'model: is required'],
  [{ input: 'a', model: '' }, 'model', 'model: must not be empty'],
  [{ input: 'a', model: 7 }, 'model', 'model: must be a string, not a number'],
  [{ input: 'a', model: 'm', encoding_format: 'hex' }, 'encoding_format', 'encoding_format: must be "float" or "base64", not "hex"'],
  [{ input: 'a', model: 'm', dimensions: 0 }, 'dimensions', 'dimensions: must be at least 1'],
  [{ input: 'a', model: 'm', dimensions: 1.5 }, 'dimensions', 'dimensions: must be an integer, not a number'],
  [{ input: 'a', model: 'm', dimensions: '4' }, 'dimensions', 'dimensions: must be a number, not a string'],
  [{ input: 'a', model: 'm', user: 7 }, 'user', 'user: must be a string, not a number'],
  [{ input: 'a', model: 'm', input_type: 'document' }, 'input_type', 'input_type: must be "query" or "passage", not "document"'],
  [{ input: 'a', model: 'm', truncate: 'END' }, 'truncate', 'truncate: must be a boolean, not a string'],
  [{ input: 'a', model: 'm', priority: 1 }, 'priority', 'priority: must be "interactive" or "bulk", not 1'],
  [
    { input: 'a', model: 'm', keep_alive: 'soon' },
    'keep_alive',
    'keep_alive: must be seconds, or a number with a unit such as "5m"; negative = for ever',
  ],
])('%j is refused', async (body, param, message) => {
  const answer = await createStubApp().call('POST', PATH, body);
  expect(answer.status).toBe(400);
  expect(await answer.json()).toEqual({ error: { message, type: 'invalid_request_error', param, code: 'invalid_request' } });
});

test('too many inputs and an input of too many bytes are refused', async () => {
  const app = createStubApp({ settings: { limits: { inputs: 2, input_bytes: 10 } } });
  const many = await app.call('POST', PATH, { model: 'm', input: ['a', 'b', 'c'] });
  expect(many.status).toBe(400);
  expect(await many.json()).toMatchObject({ error: { param: 'input', message: 'input: 3 inputs in one request; at most 2 are allowed' } });
  const large = await app.call('POST', PATH, { model: 'm', input: ['a', 'ééééééé'] });
  expect(large.status).toBe(400);
  expect(await large.json()).toMatchObject({ error: { code: 'input_too_long', param: 'input[1]' } });
  expect((await app.call('POST', PATH, { model: 'm', input: ['0123456789'] })).status).toBe(200);
  expect((await app.call('POST', PATH, { model: 'm', input: [1, 2, 3, 4] })).status).toBe(200);
});

test('an error about the first of one input speaks of the input as it was sent', async () => {
  const embed = async () => {
    throw new LocalLiteError('input_too_long', 'input[0] has 30 tokens; the model reads 16', { param: 'input[0]' });
  };
  const app = createStubApp({ gateway: { embed } });
  const lone = await app.call('POST', PATH, { model: 'm', input: 'long' });
  expect(await lone.json()).toMatchObject({ error: { param: 'input', message: 'input has 30 tokens; the model reads 16' } });
  const listed = await app.call('POST', PATH, { model: 'm', input: ['long'] });
  expect(await listed.json()).toMatchObject({ error: { param: 'input[0]', message: 'input[0] has 30 tokens; the model reads 16' } });
});

test('the answer repeats the model as it was asked for, whatever its script', async () => {
  const model = 'éigen/模型\u{1F600}"\\';
  const answer = await createStubApp().call('POST', PATH, { model, input: 'a' });
  expect(embeddingsResponseSchema.parse(await answer.json()).model).toBe(model);
});

test('a client that hangs up aborts the work', async () => {
  const hangUp = new AbortController();
  let seen: AbortSignal | undefined;
  const embed = (request: EmbedRequest) =>
    new Promise<never>((_resolve, reject) => {
      seen = request.signal;
      request.signal?.addEventListener('abort', () => reject(request.signal?.reason));
      hangUp.abort();
    });
  const answer = await createStubApp({ gateway: { embed } }).call('POST', PATH, { model: 'm', input: 'a' }, { signal: hangUp.signal });
  expect(seen?.aborted).toBe(true);
  expect(answer.status).toBe(499);
  expect(await answer.json()).toMatchObject({ error: { code: 'cancelled' } });
});
