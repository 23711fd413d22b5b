import { expect, test } from 'vitest';
import { LocalLiteError } from '../../src/errors.ts';
import { ROUTES } from '../../src/http/routes/table.ts';
import { modelListSchema, modelSchema } from '../../src/wire/models.ts';
import { parseEvents } from '../../src/wire/sse.ts';
import { createStubApp, job, keyInfo, LOADED, MODEL, summary } from './stub-app.ts';

const WIRE_LOADED = {
  id: MODEL,
  variant: 'q4',
  space: 'a1b2',
  provider: 'cpu',
  rejected: [{ provider: 'cuda', reason: 'no such device' }],
  nodes_by_provider: { cpu: 12 },
  workers: 2,
  memory_bytes: 1000,
  users: 0,
  idle_ms: 5,
  expires_in_ms: null,
  pinned: false,
  load_ms: 300,
  self_test: { texts: 3, worst_cosine: 0.999 },
};

const WIRE_JOB = {
  id: 'job_1',
  object: 'job',
  kind: 'pull',
  subject: MODEL,
  state: 'queued',
  progress: { phase: 'downloading', share: 0.5, file: 'model.onnx', bytes_done: 5, bytes_total: 10, bytes_per_second: 2, eta_seconds: 2.5 },
  error: null,
  result: null,
  created_at: '2026-01-02T03:04:05.000Z',
  updated_at: '2026-01-02T03:04:05.000Z',
};

async function eventsOf(answer: Response) {
  const events: unknown[] = [];
  if (answer.body === null) return events;
  for await (const { event, data } of parseEvents(answer.body)) events.push({ event, data: JSON.parse(data) });
  return events;
}

test('a model in the list, in exactly this shape', async () => {
  const answer = await createStubApp().call('GET', '/v1/models');
  expect(answer.status).toBe(200);
  expect(await answer.json()).toEqual({
    object: 'list',
    data: [
      {
        id: MODEL,
        object: 'model',
        created: 1767323045,
        owned_by: 'owner',
        locallite: {
          alias: 'mini',
          task: 'embed',
          modality: 'text',
          dimensions: 4,
          matryoshka: [4, 2],
          max_tokens: 16,
          pooling: 'mean',
          normalize: true,
          prompts: { query: 'query: ', passage: '' },
          license: 'apache-2.0',
          languages: 'en',
          variants: ['q4'],
          scores: { 'STS-B': 84 },
          verified: null,
          installed: {
            variant: 'q4',
            kind: 'graph',
            pinned: false,
            fidelity: null,
            tokens_per_second: null,
            memory_bytes: null,
            report: null,
            source: 'npm:mini@1.0.0',
            bytes: 77,
            installed_at: '2026-01-02T03:04:05.000Z',
          },
          installed_variants: [],
          warning: null,
          loaded: null,
          loaded_variants: [],
        },
      },
    ],
  });
});

test('a variant that was made here shows how good and how fast it is', async () => {
  const { models } = createStubApp().gateway;
  const plain = summary(true);
  const { installed } = plain;
  if (installed === undefined) throw new Error('the stub has a model');
  const report = {
    converter: 1,
    precision: 'int8',
    target: 'cpu',
    family: 'bert',
    batchInvariance: 1,
    tokensPerSecond: { this: 9000, fp32: 4000 },
    keptInFloat: ['a.b'],
    worstLayers: [{ layer: 'c.d', relativeError: 0.02 }],
    seconds: 2.5,
  } as const;
  const facts = { tasks: ['embed' as const], pooling: 'mean', normalize: true, dimensions: 4, maxTokens: 16 } as const;
  const fidelity = { meanCosine: 0.998, worstCosine: 0.99, on: '68 texts' };
  const variant = { ...installed.variant, name: 'int8-c1', memoryBytes: 5, fidelity };
  const recipe = { converter: 1, precision: 'int8', target: 'cpu', ...facts, tasks: ['embed' as const] } as const;
  const made = {
    variant,
    weights: 'a'.repeat(64),
    recipe: { ...recipe, tasks: ['embed' as const] },
    report: { ...report, keptInFloat: ['a.b'], worstLayers: [...report.worstLayers] },
  };
  const whole = { ...plain, installed: { ...installed, variant, pinned: true, made }, variants: [installed], warning: 'too far off' };
  const app = createStubApp({ gateway: { models: { ...models, show: async () => whole } } });
  const shown = modelSchema.parse(await (await app.call('GET', '/v1/models/mini')).json()).locallite;
  expect(shown).toMatchObject({ warning: 'too far off', installed_variants: [{ variant: 'q4' }] });
  expect(shown.installed).toMatchObject({
    variant: 'int8-c1',
    pinned: true,
    fidelity: { mean_cosine: 0.998, worst_cosine: 0.99, on: '68 texts' },
    tokens_per_second: { this: 9000, fp32: 4000 },
    memory_bytes: 5,
    report: { family: 'bert', kept_in_float: ['a.b'], worst_layers: [{ layer: 'c.d', relative_error: 0.02 }], batch_invariance: 1 },
  });
});

test('a conversion answers with its job, or with its events, and checks what is ordered', async () => {
  const orders: unknown[] = [];
  const { jobs } = createStubApp().gateway;
  const startConvert: typeof jobs.startConvert = (order) => {
    orders.push(order);
    return { ...job('job_1', 'running'), kind: 'convert', progress: { phase: 'calibrating', done: 0.25 } };
  };
  const app = createStubApp({ gateway: { jobs: { ...jobs, startConvert } } });
  const accepted = await app.call('POST', '/v1/models/owner/mini/convert', { precision: 'int8', pin: true });
  expect([accepted.status, accepted.headers.get('location')]).toEqual([202, '/v1/jobs/job_1']);
  expect(await accepted.json()).toMatchObject({
    kind: 'convert',
    progress: { phase: 'calibrating', share: 0.25, file: null, bytes_total: null },
  });
  expect((await app.call('POST', '/v1/models/mini/convert')).status).toBe(202);
  expect(orders).toEqual([
    { reference: 'owner/mini', precision: 'int8', target: 'cpu', pin: true },
    { reference: 'mini', precision: 'auto', target: 'cpu', pin: false },
  ]);
  const streamed = await app.call('POST', '/v1/models/mini/convert', { stream: true });
  expect(streamed.headers.get('content-type')).toContain('text/event-stream');
  const refused = await app.call('POST', '/v1/models/mini/convert', { precision: 'int7' });
  expect(await refused.json()).toMatchObject({ error: { code: 'invalid_request', param: 'precision' } });
});

test('a variant is pinned, and the choice is left open again', async () => {
  const pins: unknown[] = [];
  const { models } = createStubApp().gateway;
  const pin: typeof models.pin = async (name, variant) => void pins.push([name, variant]);
  const app = createStubApp({ gateway: { models: { ...models, pin } } });
  expect((await app.call('POST', '/v1/models/mini/pin', { variant: 'q4' })).status).toBe(200);
  expect((await app.call('POST', '/v1/models/mini/pin', { variant: 'auto' })).status).toBe(200);
  expect((await app.call('POST', '/v1/models/mini/pin', {})).status).toBe(400);
  expect(pins).toEqual([
    ['mini', 'q4'],
    ['mini', undefined],
  ]);
});

test('the catalogue also lists what is not installed', async () => {
  const { data } = modelListSchema.parse(await (await createStubApp().call('GET', '/v1/models?scope=catalog')).json());
  expect(data.map(({ id, created, locallite }) => [id, created, locallite.installed === null])).toEqual([
    [MODEL, 1767323045, false],
    ['owner/other', 0, true],
  ]);
});

test.each(['/v1/models/owner/mini', '/v1/models/owner%2Fmini', '/v1/models/owner%2fmini', '/v1/models/mini', '/v1/models/m%69ni'])(
  'GET %s finds the model',
  async (path) => {
    expect(modelSchema.parse(await (await createStubApp().call('GET', path)).json()).id).toBe(MODEL);
  },
);

test.each([
  ['/v1/models/none', 'none'],
  ['/v1/models/%E6%A8%A1%E5%9E%8B', '模型'],
  ['/v1/models/a%2523b', 'a%23b'],
  ['/v1/models/hub:owner/x@1%23q4', 'hub:owner/x@1#q4'],
  ['/v1/models/%zz', '%zz'],
])('GET %s asks for %s', async (path, name) => {
  const answer = await createStubApp().call('GET', path);
  expect(answer.status).toBe(404);
  expect(await answer.json()).toMatchObject({ error: { code: 'model_not_found', message: `no model ${name}` } });
});

test('a model that is known but not installed is 404 with the command that installs it, unless the catalogue is asked', async () => {
  const stub = createStubApp();
  const { models } = createStubApp().gateway;
  const app = createStubApp({ gateway: { models: { ...models, show: async () => summary(false) } } });
  const answer = await app.call('GET', '/v1/models/mini');
  expect(answer.status).toBe(404);
  expect(await answer.json()).toMatchObject({
    error: { code: 'model_not_found', param: 'model', message: `${MODEL} is not installed; install it with: locallite pull mini` },
  });
  expect((await app.call('GET', '/v1/models/mini?scope=catalog')).status).toBe(200);
  expect((await stub.call('GET', '/v1/models?scope=all')).status).toBe(400);
});

test('load says what really runs', async () => {
  const keepAlive: unknown[] = [];
  const { models } = createStubApp().gateway;
  const load: typeof models.load = async (name, options) => {
    keepAlive.push([name, options?.keepAlive]);
    return LOADED;
  };
  const app = createStubApp({ gateway: { models: { ...models, load } } });
  const answer = await app.call('POST', '/v1/models/owner/mini/load');
  expect(answer.status).toBe(200);
  expect(await answer.json()).toEqual(WIRE_LOADED);
  await app.call('POST', '/v1/models/owner%2Fmini/load', { keep_alive: '1.5h' });
  expect(keepAlive).toEqual([
    [MODEL, undefined],
    [MODEL, 5400],
  ]);
  expect((await app.call('POST', '/v1/models/mini/load', { keep: 1 })).status).toBe(400);
});

test('unload and delete', async () => {
  const app = createStubApp();
  const unloaded = await app.call('POST', '/v1/models/owner/mini/unload');
  expect(await unloaded.json()).toEqual({ id: MODEL, object: 'model', unloaded: true });
  const deleted = await app.call('DELETE', '/v1/models/owner%2Fmini');
  expect(await deleted.json()).toEqual({ id: MODEL, object: 'model', deleted: true, locallite: { freed_bytes: 77 } });
  expect((await app.call('POST', '/v1/models/mini/unload', { force: true })).status).toBe(400);
});

test('a pull answers with its job, or with its events', async () => {
  const app = createStubApp();
  const started = await app.call('POST', '/v1/models/pull', { model: 'mini' });
  expect(started.status).toBe(202);
  expect(started.headers.get('location')).toBe('/v1/jobs/job_1');
  expect(await started.json()).toEqual(WIRE_JOB);
  const streamed = await app.call('POST', '/v1/models/pull', { model: 'mini', stream: true });
  expect(streamed.status).toBe(200);
  expect(streamed.headers.get('content-type')).toBe('text/event-stream');
  expect(await eventsOf(streamed)).toEqual([
    { event: 'job', data: { ...WIRE_JOB, state: 'running' } },
    { event: 'job', data: { ...WIRE_JOB, state: 'succeeded' } },
  ]);
});

test('jobs', async () => {
  const app = createStubApp();
  expect(await (await app.call('GET', '/v1/jobs')).json()).toEqual({ object: 'list', data: [{ ...WIRE_JOB, state: 'running' }] });
  expect(await (await app.call('GET', '/v1/jobs/job_1')).json()).toEqual({ ...WIRE_JOB, state: 'running' });
  expect(await (await app.call('POST', '/v1/jobs/job_1/cancel')).json()).toMatchObject({ state: 'cancelled' });
  expect(await (await app.call('POST', '/v1/jobs/job_1/pause')).json()).toMatchObject({ state: 'paused' });
  expect(await (await app.call('POST', '/v1/jobs/job_1/resume')).json()).toMatchObject({ state: 'running' });
  expect(await eventsOf(await app.call('GET', '/v1/jobs/job_1/events'))).toHaveLength(2);
  for (const path of ['/v1/jobs/none', '/v1/jobs/none/events']) {
    const answer = await app.call('GET', path);
    expect(answer.status).toBe(404);
    expect(await answer.json()).toMatchObject({ error: { code: 'job_not_found' } });
  }
});

test('jobs are listed newest first', async () => {
  const { jobs } = createStubApp().gateway;
  const older = { ...job('job_1'), createdAt: '2026-01-01T00:00:00.000Z' };
  const app = createStubApp({ gateway: { jobs: { ...jobs, list: () => [older, job('job_2')] } } });
  expect(await (await app.call('GET', '/v1/jobs')).json()).toMatchObject({ data: [{ id: 'job_2' }, { id: 'job_1' }] });
});

test('an event stream tells an error in the middle, and ends when the reader leaves or the server stops', async () => {
  const { jobs } = createStubApp().gateway;
  const failing = createStubApp({
    gateway: {
      jobs: {
        ...jobs,
        async *watch(id) {
          yield job(id);
          throw new LocalLiteError('disk_full', 'no room');
        },
      },
    },
  });
  expect(await eventsOf(await failing.call('GET', '/v1/jobs/job_1/events'))).toEqual([
    { event: 'job', data: { ...WIRE_JOB, state: 'running' } },
    { event: 'error', data: { error: { message: 'no room', type: 'server_error', param: null, code: 'disk_full' } } },
  ]);

  const signals: (AbortSignal | undefined)[] = [];
  const stopping = new AbortController();
  const endless = createStubApp({
    stopping: stopping.signal,
    gateway: {
      jobs: {
        ...jobs,
        async *watch(id, signal) {
          signals.push(signal);
          yield job(id);
          await new Promise<void>((resolve) => signal?.addEventListener('abort', () => resolve()));
        },
      },
    },
  });
  const left = (await endless.call('GET', '/v1/jobs/job_1/events')).body?.getReader();
  await left?.read();
  await left?.cancel();
  expect(signals[0]?.aborted).toBe(true);
  const watched = eventsOf(await endless.call('GET', '/v1/jobs/job_1/events'));
  await Promise.resolve();
  stopping.abort();
  expect(await watched).toEqual([{ event: 'job', data: { ...WIRE_JOB, state: 'running' } }]);
});

test('tokens there and back', async () => {
  const app = createStubApp();
  const tokens = await app.call('POST', '/v1/tokenize', { input: ['héllo', ''] });
  expect(await tokens.json()).toEqual({
    object: 'list',
    model: MODEL,
    exact: true,
    data: [
      {
        object: 'tokens',
        index: 0,
        count: 2,
        ids: [101, 7],
        tokens: ['[CLS]', 'héllo'],
        offsets: [
          [0, 0],
          [0, 5],
        ],
      },
      {
        object: 'tokens',
        index: 1,
        count: 2,
        ids: [101, 7],
        tokens: ['[CLS]', ''],
        offsets: [
          [0, 0],
          [0, 0],
        ],
      },
    ],
  });
  const text = await app.call('POST', '/v1/detokenize', { tokens: [1, 2], model: 'mini' });
  expect(await text.json()).toEqual({ object: 'text', model: MODEL, text: '1 2' });
});

test('what tokenize and detokenize are asked reaches the gateway', async () => {
  const asked: unknown[] = [];
  const app = createStubApp({
    gateway: {
      tokenize: async ({ signal, ...request }) => {
        asked.push({ ...request, canLeave: signal instanceof AbortSignal });
        return { model: MODEL, exact: false, counts: [3], tokens: [] };
      },
      detokenize: async (request) => {
        asked.push(request);
        return { model: MODEL, text: '' };
      },
    },
  });
  const estimate = await app.call('POST', '/v1/tokenize', { input: 'a', add_special_tokens: false, model: 'm' });
  expect(await estimate.json()).toMatchObject({ exact: false, data: [{ count: 3, ids: [], tokens: [], offsets: [] }] });
  await app.call('POST', '/v1/detokenize', { tokens: [], skip_special_tokens: false });
  expect(asked).toEqual([
    { input: ['a'], addSpecialTokens: false, model: 'm', canLeave: true },
    { tokens: [], skipSpecialTokens: false },
  ]);
});

test.each([
  ['/v1/tokenize', {}, 'input', 'input: is required'],
  ['/v1/tokenize', { input: [] }, 'input', 'input: must not be empty'],
  ['/v1/tokenize', { input: [1] }, 'input', 'input: must be a string or a non-empty array of strings'],
  [
    '/v1/tokenize',
    { input: ['a'.repeat(200_000), 'b'.repeat(62_145)] },
    'input',
    'input has 262145 characters in all and at most 262144 are tokenised in one request; send it in parts',
  ],
  ['/v1/detokenize', { tokens: 'a' }, 'tokens', 'tokens: must be an array, not a string'],
  ['/v1/detokenize', { tokens: [1, -2] }, 'tokens[1]', 'tokens[1]: must be at least 0'],
  ['/v1/models/pull', {}, 'model', 'model: is required'],
  ['/v1/keys', { name: 'a', scopes: ['root'] }, 'scopes[0]', 'scopes[0]: must be "inference" or "documents" or "admin", not "root"'],
  ['/v1/keys', { name: 'a', scopes: [] }, 'scopes', 'scopes: must not be empty'],
])('POST %s %j is refused', async (path, body, param, message) => {
  const answer = await createStubApp().call('POST', path, body);
  expect(answer.status).toBe(400);
  expect(await answer.json()).toEqual({ error: { message, type: 'invalid_request_error', param, code: 'invalid_request' } });
});

test('aliases', async () => {
  const app = createStubApp();
  expect(await (await app.call('GET', '/v1/aliases')).json()).toEqual({
    object: 'list',
    data: [
      { object: 'alias', alias: 'mine', model: MODEL, from: 'file' },
      { object: 'alias', alias: 'set', model: MODEL, from: 'settings' },
    ],
  });
  const set = await app.call('PUT', '/v1/aliases/gpt%2Fembed', { model: 'mini' });
  expect(await set.json()).toEqual({ object: 'alias', alias: 'gpt/embed', model: 'mini', from: 'file' });
  expect(await (await app.call('DELETE', '/v1/aliases/mine')).json()).toEqual({ object: 'alias', alias: 'mine', deleted: true });
  expect((await app.call('DELETE', '/v1/aliases/none')).status).toBe(404);
});

test('keys show their secret once', async () => {
  const admin = keyInfo('key_1', 'boss', ['admin'], 60);
  const app = createStubApp({ keys: [admin] });
  const init = { headers: { authorization: 'Bearer secret-key_1' } };
  const listed = await app.call('GET', '/v1/keys', undefined, init);
  const wire = { object: 'key', scopes: ['admin'], from: 'home', created_at: '2026-01-02T03:04:05.000Z', last_used_at: null };
  expect(await listed.json()).toEqual({ object: 'list', data: [{ ...wire, id: 'key_1', name: 'boss', requests_per_minute: 60 }] });
  const created = await app.call('POST', '/v1/keys', { name: 'new' }, init);
  expect(created.status).toBe(201);
  expect(created.headers.get('cache-control')).toBe('no-store');
  const expected = { ...wire, id: 'key_2', name: 'new', scopes: ['inference'], requests_per_minute: null, key: 'll_secret' };
  expect(await created.json()).toEqual(expected);
  expect(await (await app.call('DELETE', '/v1/keys/key_1', undefined, init)).json()).toEqual({ object: 'key', id: 'key_1', deleted: true });
  expect((await app.call('DELETE', '/v1/keys/none', undefined, init)).status).toBe(404);
});

test('routes are guarded by their scope', async () => {
  const app = createStubApp({ keys: [keyInfo('key_1', 'reader', ['inference'])] });
  const init = { headers: { authorization: 'Bearer secret-key_1' } };
  const bare = ROUTES.filter((route) => !route.path.includes('{'));
  for (const { method, path, scope } of bare) {
    const without = await app.call(method, path);
    expect([path, without.status === 401]).toEqual([path, scope !== 'public']);
    const reader = await app.call(method, path, undefined, init);
    expect([path, reader.status === 403]).toEqual([path, scope === 'admin' || scope === 'documents']);
  }
  expect(bare.some((route) => route.scope === 'admin')).toBe(true);
});

test('health, readiness, metrics, start page', async () => {
  const app = createStubApp();
  expect(await (await app.call('GET', '/healthz')).json()).toEqual({ status: 'ok' });
  expect(await (await app.call('GET', '/readyz')).json()).toEqual({ status: 'ready', reason: null });
  const metrics = await app.call('GET', '/metrics');
  expect(metrics.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8');
  expect(await metrics.text()).toContain('# HELP locallite_http_requests_total');
  expect(await (await app.call('GET', '/')).json()).toMatchObject({ name: 'locallite', version: '1.2.3', documentation: '/docs' });
  const waiting = createStubApp({ gateway: { ready: () => ({ ready: false, reason: 'owner/mini is loading' }) } });
  const notReady = await waiting.call('GET', '/readyz');
  expect(notReady.status).toBe(503);
  expect(notReady.headers.get('retry-after')).toBe('1');
  expect(await notReady.json()).toEqual({ status: 'not_ready', reason: 'owner/mini is loading' });
});

test('a path that nothing answers is 404, a method that a path lacks is 405 with Allow', async () => {
  const app = createStubApp();
  const missing = await app.call('GET', '/v2/embeddings');
  expect(missing.status).toBe(404);
  expect(await missing.json()).toEqual({
    error: {
      message: 'there is nothing at GET /v2/embeddings; see GET /openapi.json',
      type: 'invalid_request_error',
      param: null,
      code: 'not_found',
    },
  });
  const wrong = await app.call('GET', '/v1/embeddings');
  expect(wrong.status).toBe(405);
  expect(wrong.headers.get('allow')).toBe('POST');
  expect(await wrong.json()).toMatchObject({ error: { code: 'method_not_allowed', message: '/v1/embeddings has no GET; it has POST' } });
  expect((await app.call('PATCH', '/v1/models/owner/mini')).headers.get('allow')).toBe('GET, HEAD, DELETE');
  expect((await app.call('DELETE', '/v1/aliases')).headers.get('allow')).toBe('GET, HEAD');
});

test('HEAD has the headers of GET and no body', async () => {
  const app = createStubApp();
  const head = await app.call('HEAD', '/v1/models');
  expect(head.status).toBe(200);
  expect(head.headers.get('content-type')).toBe('application/json');
  expect(await head.text()).toBe('');
  let started = false;
  const { jobs } = createStubApp().gateway;
  const watching = createStubApp({
    gateway: {
      jobs: {
        ...jobs,
        async *watch() {
          started = true;
          yield job('job_1');
        },
      },
    },
  });
  expect((await watching.call('HEAD', '/v1/jobs/job_1/events')).headers.get('content-type')).toBe('text/event-stream');
  expect(started).toBe(false);
});

test('a sane request id is kept, another one replaced', async () => {
  const app = createStubApp();
  const kept = await app.call('GET', '/healthz', undefined, { headers: { 'x-request-id': 'trace:7/a_b-c.d' } });
  expect(kept.headers.get('x-request-id')).toBe('trace:7/a_b-c.d');
  for (const id of ['has space', 'x'.repeat(129), '<script>', '']) {
    const answer = await app.call('GET', '/healthz', undefined, { headers: { 'x-request-id': id } });
    expect(answer.headers.get('x-request-id')).toMatch(/^[\da-f]{8}-[\da-f-]{27}$/);
  }
});

test('unknown fields and parameters: refused, or accepted and named', async () => {
  const strict = createStubApp();
  const refused = await strict.call('POST', '/v1/embeddings', { model: 'm', input: 'a', temperature: 1 });
  expect(refused.status).toBe(400);
  expect(await refused.json()).toMatchObject({
    error: { param: 'temperature', message: expect.stringContaining('unknown field "temperature"') },
  });
  const parameter = await strict.call('GET', '/v1/models?limit=1');
  expect(parameter.status).toBe(400);
  expect(await parameter.json()).toMatchObject({
    error: { param: 'limit', message: 'unknown query parameter "limit"; this route knows scope' },
  });

  const lenient = createStubApp({ settings: { unknown_fields: 'warn' } });
  const body = { model: 'm', input: 'a', temperature: 1, 'na,me\u{1F600}': 2, user: 'u' };
  const accepted = await lenient.call('POST', '/v1/embeddings?x=1', body);
  expect(accepted.status).toBe(200);
  expect(accepted.headers.get('x-locallite-ignored')).toBe('x, temperature, na?me??, user');
  expect(await accepted.json()).toMatchObject({ locallite: { ignored: ['x', 'temperature', 'na,me\u{1F600}', 'user'] } });
  const stillRefused = await lenient.call('POST', '/v1/embeddings', { model: 'm', input: 'a', normalize: false });
  expect(stillRefused.status).toBe(400);
});

test.each([
  ['', 'the request body must be a JSON object, not null'],
  ['null', 'the request body must be a JSON object, not null'],
  ['[]', 'the request body must be a JSON object, not an array'],
  ['"a"', 'the request body must be a JSON object, not a string'],
])('body %j is refused', async (body, message) => {
  const answer = await createStubApp().call('POST', '/v1/embeddings', body);
  expect(answer.status).toBe(400);
  expect(await answer.json()).toMatchObject({ error: { code: 'invalid_request', message } });
});

test('broken JSON is refused with its place', async () => {
  const answer = await createStubApp().call('POST', '/v1/embeddings', '{"model": nope}');
  expect(answer.status).toBe(400);
  expect(await answer.json()).toMatchObject({ error: { code: 'invalid_request', message: expect.stringContaining('line 1, column') } });
});

test('a preflight request of a foreign page is refused, of an allowed one answered', async () => {
  const init = { headers: { origin: 'https://pages.example', 'access-control-request-method': 'POST' } };
  const refused = await createStubApp().call('OPTIONS', '/v1/embeddings', undefined, init);
  expect(refused.status).toBe(403);
  expect(await refused.json()).toMatchObject({ error: { code: 'forbidden' } });
  const app = createStubApp({ settings: { cors: { origins: ['https://pages.example'] } } });
  const allowed = await app.call('OPTIONS', '/v1/embeddings', undefined, init);
  expect(allowed.status).toBe(204);
  const answer = await app.call('POST', '/v1/embeddings', { model: 'm', input: 'a' }, { headers: { origin: 'https://pages.example' } });
  expect(answer.headers.get('access-control-allow-origin')).toBe('https://pages.example');
});

test('a limit of requests is told in headers', async () => {
  const app = createStubApp({ settings: { limits: { requests_per_minute: 1 } } });
  const first = await app.call('POST', '/v1/embeddings', { model: 'm', input: 'a' });
  expect(first.headers.get('ratelimit-remaining')).toBe('0');
  const second = await app.call('POST', '/v1/embeddings', { model: 'm', input: 'a' });
  expect(second.status).toBe(429);
  expect(Number(second.headers.get('retry-after'))).toBeGreaterThan(0);
});
