import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ROUTES } from '../../src/http/routes/table.ts';
import { openAiErrors } from '../../src/wire/openai-error.ts';
import { createStubApp } from './stub-app.ts';

const ROUNDS = process.env['LOCALLITE_TEST_LONG'] === '1' ? 10_000 : 500;
const app = createStubApp();
const lenient = createStubApp({ settings: { unknown_fields: 'warn' } });
const writing = ROUTES.filter((route) => route.method !== 'GET');
const fieldNames = [...new Set(writing.flatMap((route) => Object.keys(route.body.fields)))];

const anyRoute = fc.constantFrom(...writing).map(({ method, path, errors = openAiErrors }) => ({
  method,
  path: path.replace(/\{\w+\}/, 'job_1'),
  errors,
}));
const anyBody = fc.oneof(
  fc.json(),
  fc.string({ unit: 'binary' }),
  fc.dictionary(fc.oneof(fc.constantFrom(...fieldNames), fc.string()), fc.jsonValue(), { maxKeys: 8 }).map((body) => JSON.stringify(body)),
  fc
    .record(
      {
        model: fc.jsonValue(),
        input: fc.jsonValue(),
        encoding_format: fc.jsonValue(),
        dimensions: fc.jsonValue(),
        keep_alive: fc.jsonValue(),
      },
      { requiredKeys: ['input'] },
    )
    .map((body) => JSON.stringify({ model: 'm', ...body })),
  fc
    .record(
      {
        query: fc.oneof(fc.string(), fc.jsonValue()),
        documents: fc.oneof(fc.array(fc.oneof(fc.string(), fc.dictionary(fc.constantFrom('text', 'a'), fc.jsonValue()))), fc.jsonValue()),
        rank_fields: fc.oneof(fc.array(fc.constantFrom('text', 'a', '__proto__')), fc.jsonValue()),
        top_n: fc.oneof(fc.integer(), fc.jsonValue()),
        max_tokens_per_doc: fc.jsonValue(),
      },
      { requiredKeys: ['query', 'documents'] },
    )
    .map((body) => JSON.stringify({ model: 'm', ...body })),
  fc
    .array(fc.oneof(fc.string(), fc.integer(), fc.array(fc.integer()), fc.constant(null)))
    .map((input) => JSON.stringify({ model: 'm', input })),
);

async function expectAnswer(answer: Response, errors = openAiErrors): Promise<void> {
  expect(answer.status).toBeLessThan(500);
  if (answer.status < 400) return void (await answer.arrayBuffer());
  errors.schema.parse(await answer.json());
}

test('no body makes the gateway fail: a good answer, or an error in the shape of the route’s wire', async () => {
  await fc.assert(
    fc.asyncProperty(anyRoute, anyBody, fc.boolean(), async ({ method, path, errors }, body, strict) => {
      await expectAnswer(await (strict ? app : lenient).call(method, path, body), errors);
    }),
    { numRuns: ROUNDS },
  );
});

test('no path makes the gateway fail', async () => {
  const anyPath = fc.oneof(
    fc.webPath(),
    fc.webUrl({ withQueryParameters: true }).map((url) => url.replace(/^https?:\/\/[^/]+/, '')),
    fc.string({ unit: 'binary' }).map((text) => `/v1/models/${encodeURIComponent(text.toWellFormed())}`),
    fc.stringMatching(/^[%./\w?&=#:-]*$/).map((text) => `/v1/models/${text}`),
  );
  await fc.assert(
    fc.asyncProperty(fc.constantFrom('GET', 'POST', 'PUT', 'DELETE', 'HEAD', 'OPTIONS', 'PATCH'), anyPath, async (method, path) => {
      const answer = await app.call(method, path.startsWith('/') ? path : `/${path}`);
      expect(answer.status).toBeLessThan(500);
      await answer.arrayBuffer();
    }),
    { numRuns: ROUNDS },
  );
});

test('no header makes the gateway fail', async () => {
  const value = fc.stringMatching(/^[\t\x20-\x7e\xa0-\xff]{0,200}$/);
  const name = fc.constantFrom(
    'x-request-id',
    'content-type',
    'content-length',
    'content-encoding',
    'authorization',
    'origin',
    'host',
    'x-forwarded-for',
  );
  await fc.assert(
    fc.asyncProperty(fc.dictionary(name, value), async (headers) => {
      const answer = await app.call('POST', '/v1/embeddings', { model: 'm', input: 'a' }, { headers });
      await expectAnswer(answer);
    }),
    { numRuns: ROUNDS },
  );
});
