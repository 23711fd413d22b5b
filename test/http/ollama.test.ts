import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ERROR_TABLE, type ErrorCode, LocalLiteError } from '../../src/errors.ts';
import type { EmbedRequest, Job } from '../../src/gateway/gateway-types.ts';
import { compatibility } from '../../src/wire/compatibility.ts';
import {
  keepAliveSeconds,
  OLLAMA_VERSION,
  ollamaEmbeddingsResponseSchema,
  ollamaEmbedResponseSchema,
  ollamaProgressSchema,
  ollamaPsSchema,
  ollamaShowResponseSchema,
  ollamaTagsSchema,
} from '../../src/wire/ollama.ts';
import { createStubApp, embedStub, job, keyInfo, LOADED, MODEL, summary, vectorOf } from './stub-app.ts';
import { startTestServer, type TestServer, wordText } from './test-server.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server[Symbol.asyncDispose]());

/** An app that remembers what its gateway was asked to embed and to load. */
function recordingApp() {
  const embedded: EmbedRequest[] = [];
  const loaded: unknown[] = [];
  const { gateway } = createStubApp();
  const app = createStubApp({
    gateway: {
      embed: async (request) => {
        embedded.push(request);
        return embedStub(request);
      },
      models: {
        ...gateway.models,
        load: async (name, options) => {
          loaded.push([name, options?.keepAlive]);
          return LOADED;
        },
      },
    },
  });
  return { app, embedded, loaded };
}

describe('POST /api/embed', () => {
  it("answers in Ollama's shape alone, durations in nanoseconds", async () => {
    const answer = await createStubApp().call('POST', '/api/embed', { model: 'mini', input: ['a', 'b'] });
    const body: unknown = await answer.json();
    ollamaEmbedResponseSchema.parse(body);
    expect(body).toEqual({
      model: 'mini',
      // The stub's vectors are not of unit length; Ollama's are.
      embeddings: [unit(vectorOf(0)), unit(vectorOf(1))],
      total_duration: 6_500_000,
      load_duration: 250_000,
      prompt_eval_count: 6,
    });
    expect(answer.headers.get('x-locallite-model')).toBe(MODEL);
  });

  it('hands its fields to the gateway', async () => {
    const { app, embedded } = recordingApp();
    const ask = async (body: object) => {
      const answer = await app.call('POST', '/api/embed', { model: 'mini', input: 'a', ...body });
      expect(answer.status, await answer.clone().text()).toBe(200);
      const { signal, ...rest } = embedded.at(-1) ?? { input: [] };
      expect(signal).toBeInstanceOf(AbortSignal);
      return rest;
    };
    expect(await ask({})).toEqual({ model: 'mini', input: ['a'], truncate: true });
    expect(await ask({ input: ['a', ''], truncate: false })).toEqual({ model: 'mini', input: ['a', ''], truncate: false });
    expect(await ask({ dimensions: 2, keep_alive: '1h30m' })).toEqual({
      model: 'mini',
      input: ['a'],
      truncate: true,
      dimensions: 2,
      keepAlive: 5400,
    });
    expect(await ask({ dimensions: 0, keep_alive: -1 })).toEqual({ model: 'mini', input: ['a'], truncate: true, keepAlive: -1 });
  });

  it('loads the model, or lets go of it, when there is no text', async () => {
    const { app, embedded, loaded } = recordingApp();
    for (const body of [{}, { input: [] }, { input: '', keep_alive: 0 }]) {
      const answer = await app.call('POST', '/api/embed', { model: 'mini', ...body });
      expect(await answer.json()).toEqual({ model: 'mini', embeddings: [] });
    }
    expect(await (await app.call('POST', '/api/embeddings', { model: 'mini', keep_alive: '10m' })).json()).toEqual({ embedding: [] });
    expect(loaded).toEqual([
      ['mini', undefined],
      ['mini', undefined],
      ['mini', 0],
      ['mini', 600],
    ]);
    expect(embedded).toEqual([]);
  });

  it('cuts unless truncate is false, and says how much', async () => {
    const cut = await server.post('/api/embed', { model: 'words', input: ['w1', wordText(90)] });
    expect(cut.headers.get('x-locallite-truncated-tokens')).toBe('28');
    const expected = await server.gateway.embed({ input: [wordText(62)] });
    expect(ollamaEmbedResponseSchema.parse(await cut.json()).embeddings[1]).toEqual([...(expected.vectors[0] ?? [])]);
    const whole = await server.post('/api/embed', { model: 'words', input: ['w1', wordText(90)], truncate: false });
    expect([whole.status, await whole.json()]).toEqual([400, { error: expect.stringMatching(/^input\[1\] has 92 tokens/) }]);
  });

  it.each([
    ['no model', { input: 'a' }, 'model: is required'],
    ['numbers', { model: 'mini', input: [1, 2] }, 'input: must be a string or an array of strings'],
    [
      'an unknown field',
      { model: 'mini', input: 'a', prompt: 'a' },
      expect.stringMatching(/^unknown field "prompt"; this route knows model, input, /),
    ],
    ['a duration', { model: 'mini', input: 'a', keep_alive: '5 minutes' }, expect.stringMatching(/^keep_alive: must be seconds/)],
  ])('refuses %s', async (_name, body, error) => {
    const answer = await createStubApp().call('POST', '/api/embed', body);
    expect([answer.status, await answer.json()]).toEqual([400, { error }]);
  });
});

function unit(vector: Float32Array): number[] {
  const norm = Math.sqrt([...vector].reduce((sum, value) => sum + value * value, 0));
  return [...vector.map((value) => value / norm)];
}

it.each([
  [undefined, undefined],
  [5, 5],
  [-1, -1],
  ['5m', 300],
  ['1h30m', 5400],
  ['1.5h', 5400],
  ['250ms', 0.25],
  ['0', 0],
  ['-1', -1],
  ['-1s', -1],
  ['-1m30s', -90],
])('keep_alive %s is %s seconds', (value, seconds) => {
  expect(keepAliveSeconds(value)).toEqual(seconds);
});

it('POST /api/embeddings gives the vector of one text', async () => {
  const answer = await createStubApp().call('POST', '/api/embeddings', { model: 'mini', prompt: 'a', options: {} });
  expect(ollamaEmbeddingsResponseSchema.parse(await answer.json())).toEqual({ embedding: [...vectorOf(0)] });
  expect(answer.headers.get('x-locallite-ignored')).toBe('options');
});

const DETAILS = {
  parent_model: '',
  format: 'onnx',
  family: 'encoder',
  families: ['encoder'],
  parameter_size: '',
  quantization_level: 'Q4',
};

describe('models', () => {
  it('GET /api/tags lists what is installed, other variants under their own names', async () => {
    const one = {
      name: 'mini:latest',
      model: 'mini:latest',
      size: 77,
      modified_at: '2026-01-02T03:04:05.000Z',
      details: DETAILS,
      capabilities: ['embedding'],
    };
    const models = ollamaTagsSchema.parse(await (await createStubApp().call('GET', '/api/tags')).json());
    expect(models).toEqual({ models: [{ ...one, digest: expect.stringMatching(/^[0-9a-f]{64}$/) }] });
    const { gateway } = createStubApp();
    const { installed, ...rest } = summary(true);
    if (installed === undefined) throw new LocalLiteError('internal', 'the stub has an installed model');
    const fp32 = { ...installed, variant: { ...installed.variant, name: 'fp32', dtype: 'fp32' as const } };
    const weights = { ...installed, variant: { ...installed.variant, name: 'weights', kind: 'weights' as const } };
    const list = async () => [{ ...rest, installed, variants: [installed, fp32, weights] }];
    const two = await createStubApp({ gateway: { models: { ...gateway.models, list } } }).call('GET', '/api/tags');
    expect(ollamaTagsSchema.parse(await two.json()).models.map(({ name }) => name)).toEqual(['mini:latest', 'mini#fp32']);
  });

  it('POST /api/show tells one, by model or name', async () => {
    const expected = {
      license: 'apache-2.0',
      modelfile: '# A model of LocalLite, taken from npm:mini@1.0.0\nFROM owner/mini#q4\n',
      parameters: '',
      template: '',
      details: DETAILS,
      model_info: {
        'general.architecture': 'encoder',
        'general.basename': 'mini',
        'general.license': 'apache-2.0',
        'encoder.context_length': 16,
        'encoder.embedding_length': 4,
        'encoder.pooling_type': 1,
      },
      capabilities: ['embedding'],
      modified_at: '2026-01-02T03:04:05.000Z',
    };
    for (const body of [{ model: 'mini' }, { name: 'mini' }]) {
      const answer = await createStubApp().call('POST', '/api/show', body);
      expect(ollamaShowResponseSchema.parse(await answer.json())).toEqual(expected);
    }
    const none = await createStubApp().call('POST', '/api/show', {});
    expect([none.status, await none.json()]).toEqual([400, { error: 'model is required' }]);
  });

  it('POST /api/show finds only what is installed', async () => {
    const { gateway } = createStubApp();
    const show = async () => summary(false);
    const answer = await createStubApp({ gateway: { models: { ...gateway.models, show } } }).call('POST', '/api/show', { model: 'mini' });
    expect(answer.status).toBe(404);
    expect(await answer.json()).toEqual({ error: 'model not found: owner/mini is not installed; install it with: locallite pull mini' });
  });

  it('GET /api/ps lists what is in memory', async () => {
    const now = Date.now();
    const { gateway } = createStubApp();
    const loaded = () => [
      { ...LOADED, expiresInMs: 60_000 },
      { ...LOADED, id: 'somewhere/else' },
    ];
    const answer = await createStubApp({ gateway: { models: { ...gateway.models, loaded } } }).call('GET', '/api/ps');
    const { models } = ollamaPsSchema.parse(await answer.json());
    expect(models).toEqual([
      {
        name: 'mini:latest',
        model: 'mini:latest',
        size: 1000,
        digest: expect.stringMatching(/^[0-9a-f]{64}$/),
        details: DETAILS,
        expires_at: expect.any(String),
        size_vram: 0,
        context_length: 16,
      },
    ]);
    expect(Date.parse(models[0]?.expires_at ?? '') - now).toBeGreaterThanOrEqual(60_000);
  });

  it('DELETE /api/delete removes one', async () => {
    const removed: string[] = [];
    const { gateway } = createStubApp();
    const remove = async (name: string) => {
      removed.push(name);
      return { freedBytes: 1 };
    };
    const app = createStubApp({ gateway: { models: { ...gateway.models, remove } } });
    for (const body of [{ model: 'a' }, { name: 'b' }]) {
      const answer = await app.call('DELETE', '/api/delete', body);
      expect([answer.status, await answer.text()]).toEqual([200, '']);
    }
    expect(removed).toEqual(['a', 'b']);
    expect((await app.call('DELETE', '/api/delete')).status).toBe(400);
  });
});

describe('POST /api/pull', () => {
  const base = job('job_1');
  const progress = { file: undefined, bytesPerSecond: 1, etaSeconds: undefined };
  const states: readonly Job[] = [
    { ...base, state: 'queued', progress: undefined },
    { ...base, progress: { ...progress, phase: 'resolving', bytesDone: 0, bytesTotal: undefined } },
    { ...base, progress: { ...progress, phase: 'downloading', bytesDone: 0, bytesTotal: undefined } },
    { ...base, progress: { ...progress, phase: 'downloading', bytesDone: 5, bytesTotal: 10 } },
    { ...base, state: 'paused', progress: { ...progress, phase: 'downloading', bytesDone: 5, bytesTotal: 10 } },
    { ...base, progress: { ...progress, phase: 'verifying', bytesDone: 10, bytesTotal: 10 } },
    { ...base, progress: { ...progress, phase: 'installing', bytesDone: 10, bytesTotal: 10 } },
    { ...base, state: 'succeeded' },
  ];
  const watching = (jobs: readonly Job[], then?: () => Promise<void>) => {
    const { gateway } = createStubApp();
    const watch = async function* (): AsyncGenerator<Job> {
      yield* jobs;
      await then?.();
    };
    return createStubApp({ gateway: { jobs: { ...gateway.jobs, watch } } });
  };
  const linesOf = async (answer: Response) => {
    const text = await answer.text();
    expect(text.endsWith('\n')).toBe(true);
    return text
      .slice(0, -1)
      .split('\n')
      .map((line) => ollamaProgressSchema.parse(JSON.parse(line)));
  };

  it('tells each change as a line, in the words of Ollama', async () => {
    const answer = await watching(states).call('POST', '/api/pull', { model: 'mini', insecure: true, username: 'me', password: 'secret' });
    expect(answer.headers.get('content-type')).toBe('application/x-ndjson');
    expect(answer.headers.get('x-locallite-ignored')).toBe('insecure, username, password');
    const digest = expect.stringMatching(/^sha256:[0-9a-f]{64}$/);
    const status = expect.stringMatching(/^pulling [0-9a-f]{12}$/);
    expect(await linesOf(answer)).toEqual([
      { status: 'pulling manifest' },
      { status: 'pulling manifest' },
      { status, digest, completed: 0 },
      { status, digest, total: 10, completed: 5 },
      { status: 'paused' },
      { status: 'verifying sha256 digest' },
      { status: 'writing manifest' },
      { status: 'success' },
    ]);
  });

  it('answers once without stream', async () => {
    const answer = await watching(states).call('POST', '/api/pull', { name: 'mini', stream: false });
    expect([answer.status, await answer.json()]).toEqual([200, { status: 'success' }]);
    expect(answer.headers.get('content-type')).toBe('application/json');
  });

  it.each([
    ['failed', { code: 'disk_full', message: 'no space' }, 507, 'no space'],
    ['failed', { code: 'model_not_found', message: 'nothing there' }, 404, 'model not found: nothing there'],
    ['failed', { code: 'a code of tomorrow', message: 'odd' }, 502, 'odd'],
    ['cancelled', undefined, 499, 'the pull of owner/mini was cancelled'],
  ] as const)('says so when it has %s (%j)', async (state, error, status, message) => {
    const jobs = [base, { ...base, state, error }];
    const lines = await linesOf(await watching(jobs).call('POST', '/api/pull', { model: 'mini' }));
    expect(lines.at(-1)).toEqual({ error: message });
    const atOnce = await watching(jobs).call('POST', '/api/pull', { model: 'mini', stream: false });
    expect([atOnce.status, await atOnce.json()]).toEqual([status, { error: message }]);
  });

  it('tells an error in the middle, and ends when the reader leaves or the server stops', async () => {
    const failing = watching([base], () => Promise.reject(new LocalLiteError('store_corrupt', 'the index is broken')));
    expect((await linesOf(await failing.call('POST', '/api/pull', { model: 'mini' }))).at(-1)).toEqual({ error: 'the index is broken' });
    const stopping = new AbortController();
    const { gateway } = createStubApp();
    let left = 0;
    const watch = async function* (_id: string, signal?: AbortSignal): AsyncGenerator<Job> {
      try {
        yield base;
        if (signal?.aborted === false) await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
      } finally {
        left += 1;
      }
    };
    const app = createStubApp({ gateway: { jobs: { ...gateway.jobs, watch } }, stopping: stopping.signal });
    const reader = (await app.call('POST', '/api/pull', { model: 'mini' })).body?.getReader();
    await reader?.read();
    await reader?.cancel();
    await expect.poll(() => left).toBe(1);
    const other = await app.call('POST', '/api/pull', { model: 'mini' });
    setTimeout(() => stopping.abort(), 10);
    expect(await linesOf(other)).toHaveLength(1);
    await expect.poll(() => left).toBe(2);
  });

  it('needs the scope admin, as deleting does', async () => {
    const app = createStubApp({ keys: [keyInfo('key_1', 'programs', ['inference'])] });
    const init = { headers: { authorization: 'Bearer secret-key_1' } };
    expect((await app.call('POST', '/api/embed', { model: 'mini', input: 'a' }, init)).status).toBe(200);
    for (const [method, path] of [
      ['POST', '/api/pull'],
      ['DELETE', '/api/delete'],
    ] as const) {
      const answer = await app.call(method, path, { model: 'mini' }, init);
      expect([answer.status, await answer.json()]).toEqual([403, { error: expect.stringContaining('scope admin') }]);
    }
  });
});

describe('the service', () => {
  it('GET and HEAD of /api/version and of / find somebody there', async () => {
    expect(await (await createStubApp().call('GET', '/api/version')).json()).toEqual({ version: OLLAMA_VERSION });
    for (const path of ['/', '/api/version', '/api/tags']) expect((await createStubApp().call('HEAD', path)).status).toBe(200);
  });

  it.each([
    ['POST', '/api/generate', 404, /^there is nothing at POST \/api\/generate; of Ollama's API there are \/api\/embed, .*\/api\/pull$/],
    ['POST', '/api/blobs/sha256:00', 404, /^there is nothing at POST \/api\/blobs/],
    ['GET', '/api/embed', 405, /^\/api\/embed has no GET; it has POST$/],
  ])('%s %s is refused in its own shape', async (method, path, status, error) => {
    const answer = await createStubApp().call(method, path);
    expect([answer.status, await answer.json()]).toEqual([status, { error: expect.stringMatching(error) }]);
  });

  it('other paths keep the shape of OpenAI', async () => {
    expect(await (await createStubApp().call('GET', '/apis')).json()).toMatchObject({ error: { code: 'not_found' } });
  });
});

describe('errors', () => {
  it.each(Object.entries(ERROR_TABLE).filter(([code]) => code !== 'internal'))('%s on the wire', async (code, { status }) => {
    const known = Object.keys(ERROR_TABLE).find((candidate): candidate is ErrorCode => candidate === code);
    if (known === undefined) throw new LocalLiteError('internal', `${code} is not in the table`);
    const embed = async () => {
      throw new LocalLiteError(known, 'it is not found', { retryAfterSeconds: 2 });
    };
    const answer = await createStubApp({ gateway: { embed } }).call('POST', '/api/embed', { model: 'mini', input: 'a' });
    expect(answer.status).toBe(code === 'overloaded' ? 503 : status);
    expect(await answer.json()).toEqual({ error: 'it is not found' });
    expect(answer.headers.get('retry-after')).toBe('2');
  });

  it('our own mistakes tell the request id and nothing else', async () => {
    const embed = async () => {
      throw new TypeError('the secret text');
    };
    const answer = await createStubApp({ gateway: { embed } }).call('POST', '/api/embed', { model: 'mini', input: 'a' });
    expect([answer.status, await answer.json()]).toEqual([
      500,
      { error: expect.stringMatching(/^LocalLite made a mistake; .*request id/) },
    ]);
  });
});

describe('every field that is listed', () => {
  const VALID: Readonly<Record<string, object>> = {
    '/api/embed': { model: 'mini', input: 'a' },
    '/api/embeddings': { model: 'mini', prompt: 'a' },
    '/api/show': { model: 'mini' },
    '/api/pull': { model: 'mini', stream: false },
    '/api/delete': { model: 'mini' },
  };
  const VALUES: Readonly<Record<string, unknown>> = { options: {}, verbose: true, insecure: true };
  const listed = compatibility.endpoints.filter(({ wire }) => wire === 'ollama');
  const fields = listed.flatMap(({ method, path, fields: table }) =>
    Object.entries(table).map(([name, field]) => ({ method, path, name, ...field })),
  );

  it('stands at a route', () => {
    expect(listed.map(({ path }) => path).toSorted()).toEqual(Object.keys(VALID).toSorted());
  });

  it.each(fields.filter((field) => field.class === 'accepted_without_effect'))(
    '$name of $path changes nothing',
    async ({ method, path, name }) => {
      const answer = await createStubApp().call(method, path, { ...VALID[path], [name]: VALUES[name] ?? 'x' });
      expect(answer.status).toBe(200);
      expect(answer.headers.get('x-locallite-ignored')).toBe(name);
      expect(await answer.text()).toBe(await (await createStubApp().call(method, path, VALID[path])).text());
    },
  );
});
