import { afterEach, describe, expect, it } from 'vitest';
import { LocalLite, LocalLiteError } from '../../src/sdk/index.ts';
import { encodeVector } from '../../src/wire/base64.ts';
import { answer, refuse, type Script, scriptedServer } from './sdk-server.ts';

type Server = Awaited<ReturnType<typeof scriptedServer>>;
const servers: Server[] = [];

async function start(script: Script): Promise<Server> {
  const server = await scriptedServer(script);
  servers.push(server);
  return server;
}

afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.close()));
});

/** A vector that says which text it belongs to. */
const vectorOf = (text: string): Float32Array => Float32Array.of(text.length, Number.parseInt(text.replaceAll(/\D/g, '') || '0', 10));

const embeddings: Script = (response, { body }) => {
  const { input, encoding_format: format } = body as { input: string | string[]; encoding_format: string };
  const texts = typeof input === 'string' ? [input] : input;
  const data = texts.map((text, index) => {
    const vector = vectorOf(text);
    return { object: 'embedding', index, embedding: format === 'base64' ? encodeVector(vector) : [...vector] };
  });
  answer(response, { object: 'list', data: data.reverse(), model: 'm', usage: { prompt_tokens: 1, total_tokens: 1 }, locallite: {} });
};

const failure = async (work: Promise<unknown>): Promise<LocalLiteError> => {
  const error: unknown = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!LocalLiteError.is(error)) throw new LocalLiteError('internal', 'it should have failed with a LocalLiteError', { cause: error });
  return error;
};

describe('embeddings', () => {
  it('asks for base64 and gives Float32Array', async () => {
    const server = await start(embeddings);
    const result = await new LocalLite({ baseUrl: server.baseUrl }).embeddings.create({ model: 'some', input: 'text7' });
    expect(result.data[0]?.embedding).toEqual(Float32Array.of(5, 7));
    expect(server.seen[0]?.body).toEqual({ model: 'some', input: 'text7', encoding_format: 'base64' });
  });

  it('leaves the numbers or the base64 as sent when that was asked for', async () => {
    const client = new LocalLite({ baseUrl: (await start(embeddings)).baseUrl });
    const float = await client.embeddings.create({ input: 'ab3', encoding_format: 'float' });
    const base64 = await client.embeddings.create({ input: 'ab3', encoding_format: 'base64' });
    expect(float.data[0]?.embedding).toEqual([3, 3]);
    expect(base64.data[0]?.embedding).toBe(encodeVector(Float32Array.of(3, 3)));
  });

  it('embeds any number of texts in batches and keeps their order', async () => {
    const server = await start(embeddings);
    const texts = Array.from({ length: 25 }, (_, index) => `text ${index}`);
    const vectors = await new LocalLite({ baseUrl: server.baseUrl, model: 'mine' }).embed(texts, {
      batchSize: 4,
      inputType: 'query',
      truncate: true,
    });
    expect(vectors).toEqual(texts.map(vectorOf));
    expect(server.seen).toHaveLength(7);
    expect(server.seen[0]?.body).toMatchObject({ model: 'mine', input_type: 'query', truncate: true });
  });

  it('gives one vector for one text and none for none', async () => {
    const client = new LocalLite({ baseUrl: (await start(embeddings)).baseUrl });
    expect(await client.embed('one1')).toEqual(Float32Array.of(4, 1));
    expect(await client.embed([])).toEqual([]);
  });

  it('fails as a whole when one batch fails', async () => {
    const server = await start((response, seen, index) =>
      index === 1 ? refuse(response, 400, 'input_too_long') : embeddings(response, seen, index),
    );
    const error = await failure(new LocalLite({ baseUrl: server.baseUrl }).embed(['a', 'b', 'c', 'd', 'e', 'f'], { batchSize: 1 }));
    expect(error).toMatchObject({ code: 'input_too_long', param: 'input[1]', status: 400 });
  });

  it('refuses a batch size that makes no sense', async () => {
    expect(await failure(new LocalLite().embed(['a'], { batchSize: 0 }))).toMatchObject({ code: 'invalid_request', param: 'batchSize' });
  });

  it('says so when a vector cannot be read', async () => {
    const server = await start((response) => answer(response, { object: 'list', data: [{ index: 0, embedding: 'AAA=' }] }));
    expect((await failure(new LocalLite({ baseUrl: server.baseUrl }).embed('a'))).message).toContain('not base64 of float32');
  });
});

describe('retries', () => {
  it('tries again after 429, 502, 503 and 504, with the same request', async () => {
    const statuses = [429, 502, 503, 504];
    const server = await start((response, seen, index) => {
      const status = statuses[index];
      return status === undefined ? embeddings(response, seen, index) : refuse(response, status, 'overloaded', { 'retry-after': '0' });
    });
    const vector = await new LocalLite({ baseUrl: server.baseUrl, retries: 4 }).embed('cat9');
    expect(vector).toEqual(Float32Array.of(4, 9));
    expect(new Set(server.seen.map(({ body }) => JSON.stringify(body))).size).toBe(1);
    expect(server.seen).toHaveLength(5);
  });

  it('gives up after the allowed number of tries, with all that the answer said', async () => {
    const headers = { 'retry-after': '0', 'x-request-id': 'req-1' };
    const server = await start((response) => refuse(response, 429, 'overloaded', headers));
    const error = await failure(new LocalLite({ baseUrl: server.baseUrl, retries: 2 }).embed('cat'));
    expect(server.seen).toHaveLength(3);
    expect(error).toMatchObject({ code: 'overloaded', status: 429, requestId: 'req-1', param: 'input[1]', retryAfterSeconds: 0 });
  });

  it('waits until the date that Retry-After names', async () => {
    const asked = Math.ceil(Date.now() / 1000) * 1000 + 1000;
    const arrived: number[] = [];
    const server = await start((response, seen, index) => {
      arrived.push(Date.now());
      return index === 0
        ? refuse(response, 503, 'overloaded', { 'retry-after': new Date(asked).toUTCString() })
        : embeddings(response, seen, index);
    });
    await new LocalLite({ baseUrl: server.baseUrl }).embed('cat');
    expect(arrived[1]).toBeGreaterThanOrEqual(asked - 5);
  });

  it('does not wait for minutes', async () => {
    const server = await start((response) => refuse(response, 503, 'overloaded', { 'retry-after': '3600' }));
    const error = await failure(new LocalLite({ baseUrl: server.baseUrl }).embed('cat'));
    expect([error.retryAfterSeconds, server.seen.length]).toEqual([3600, 1]);
  });

  it('does not repeat a refusal', async () => {
    const server = await start((response) => refuse(response, 400, 'invalid_request'));
    await failure(new LocalLite({ baseUrl: server.baseUrl }).embed('cat'));
    expect(server.seen).toHaveLength(1);
  });

  it('repeats a pure request whose connection broke, but not a deletion', async () => {
    const server = await start((response, seen, index) =>
      index === 0 || seen.method === 'DELETE' ? void response.destroy() : embeddings(response, seen, index),
    );
    const client = new LocalLite({ baseUrl: server.baseUrl });
    expect(await client.embed('cat')).toBeInstanceOf(Float32Array);
    expect(server.seen).toHaveLength(2);
    expect(await failure(client.models.delete('m'))).toMatchObject({ code: 'unreachable', status: undefined });
    expect(server.seen).toHaveLength(3);
  });

  it('names the address when nobody listens there', async () => {
    const server = await scriptedServer(embeddings);
    await server.close();
    const error = await failure(new LocalLite({ baseUrl: server.baseUrl, retries: 1 }).health());
    expect(error.code).toBe('unreachable');
    expect(error.message).toContain(server.baseUrl);
    expect(error.message).toContain('ECONNREFUSED');
  });
});

describe('time-outs and aborting', () => {
  it('bounds each try, also while the body arrives', async () => {
    const server = await start((response) => void response.writeHead(200).write('{'));
    const error = await failure(new LocalLite({ baseUrl: server.baseUrl, timeoutMs: 100, retries: 1 }).embed('cat'));
    expect(error).toMatchObject({ code: 'timed_out', status: undefined });
    expect(server.seen).toHaveLength(2);
  });

  it('ends the request and closes its connection when the signal aborts', async () => {
    const abort = new AbortController();
    let onClose: () => void = () => undefined;
    const closed = new Promise<void>((resolve) => {
      onClose = resolve;
    });
    const server = await start((response) => {
      response.on('close', onClose);
      abort.abort();
    });
    expect(await failure(new LocalLite({ baseUrl: server.baseUrl }).embed('cat', { signal: abort.signal }))).toMatchObject({
      code: 'cancelled',
    });
    await closed;
  });

  it('does not send anything for a signal that is aborted already', async () => {
    const server = await start(embeddings);
    const error = await failure(new LocalLite({ baseUrl: server.baseUrl }).embed('cat', { signal: AbortSignal.abort() }));
    expect([error.code, server.seen.length]).toEqual(['cancelled', 0]);
  });

  it('stops waiting for the next try when the signal aborts', async () => {
    const abort = new AbortController();
    const server = await start((response) => {
      refuse(response, 503, 'overloaded', { 'retry-after': '50' });
      setTimeout(() => abort.abort(), 20);
    });
    const error = await failure(new LocalLite({ baseUrl: server.baseUrl }).embed('cat', { signal: abort.signal }));
    expect([error.code, server.seen.length]).toEqual(['cancelled', 1]);
  });
});

describe('errors', () => {
  it('keeps our code and maps a foreign one by its status', async () => {
    const codes = ['model_not_found', 'context_length_exceeded'];
    const server = await start((response, _seen, index) => refuse(response, index === 0 ? 404 : 422, codes[index] ?? ''));
    const client = new LocalLite({ baseUrl: server.baseUrl });
    expect((await failure(client.models.retrieve('a/b'))).code).toBe('model_not_found');
    expect((await failure(client.models.retrieve('a/b'))).code).toBe('invalid_request');
    expect(server.seen[0]?.path).toBe('/v1/models/a%2Fb');
  });

  it('is clear about an answer that is not from a gateway', async () => {
    const server = await start((response) => void response.writeHead(200, { 'content-type': 'text/html' }).end('<html>hello</html>'));
    expect((await failure(new LocalLite({ baseUrl: server.baseUrl }).health())).message).toContain(
      'is baseUrl the address of a LocalLite gateway?',
    );
  });

  it('does not show a proxy page as a message', async () => {
    const server = await start((response) => void response.writeHead(500, { 'content-type': 'text/html' }).end('<html>oops</html>'));
    expect((await failure(new LocalLite({ baseUrl: server.baseUrl }).health())).message).toBe(
      'the server answered 500 without an explanation',
    );
  });
});

describe('options', () => {
  it('sends the key as a bearer token and nothing without one', async () => {
    const server = await start((response) => answer(response, { status: 'ok' }));
    await new LocalLite({ baseUrl: `${server.baseUrl}/v1/`, apiKey: 'secret' }).health();
    await new LocalLite({ baseUrl: server.baseUrl }).health();
    expect(server.seen.map(({ path, headers }) => [path, headers.authorization])).toEqual([
      ['/healthz', 'Bearer secret'],
      ['/healthz', undefined],
    ]);
  });

  it.each([
    ['baseUrl', { baseUrl: 'localhost:11435' }],
    ['baseUrl', { baseUrl: 'http://user:word@localhost' }],
    ['apiKey', { apiKey: 'two\nlines' }],
    ['timeoutMs', { timeoutMs: 0 }],
    ['timeoutMs', { timeoutMs: Number.NaN }],
    ['retries', { retries: -1 }],
  ])('refuses a wrong %s', (param, options) => {
    expect(() => new LocalLite(options)).toThrow(expect.objectContaining({ code: 'invalid_request', param }));
  });

  it('never puts a refused key into the message', () => {
    expect(() => new LocalLite({ apiKey: 'top secret' })).toThrow(expect.objectContaining({ message: expect.not.stringContaining('top') }));
  });

  it('uses the given fetch', async () => {
    const client = new LocalLite({ fetch: async () => Response.json({ status: 'ok' }) });
    expect(await client.health()).toEqual({ status: 'ok' });
  });

  it('takes "not ready" as an answer, not as a failure', async () => {
    const server = await start((response) => answer(response, { status: 'not_ready', reason: 'loading' }, 503));
    expect(await new LocalLite({ baseUrl: server.baseUrl }).ready()).toEqual({ status: 'not_ready', reason: 'loading' });
    expect(server.seen).toHaveLength(1);
  });
});

describe('the other calls', () => {
  it('use the documented methods, paths and bodies', async () => {
    const server = await start((response) => answer(response, { data: [] }));
    const client = new LocalLite({ baseUrl: server.baseUrl });
    await client.models.list({ scope: 'catalog' });
    await client.models.load('m', { keepAlive: '5m' });
    await client.models.unload('m');
    await client.models.delete('m');
    await client.jobs.list();
    await client.jobs.retrieve('j');
    await client.jobs.pause('j');
    await client.jobs.resume('j');
    await client.jobs.cancel('j');
    await client.aliases.list();
    await client.aliases.set('gpt', 'm');
    await client.aliases.delete('gpt');
    await client.keys.list();
    await client.keys.create({ name: 'laptop', scopes: ['inference'] });
    await client.keys.revoke('k');
    await client.tokenize({ input: 'a' });
    await client.detokenize({ tokens: [1] });
    expect(server.seen.map(({ method, path, body }) => [method, path, body])).toEqual([
      ['GET', '/v1/models?scope=catalog', undefined],
      ['POST', '/v1/models/m/load', { keep_alive: '5m' }],
      ['POST', '/v1/models/m/unload', undefined],
      ['DELETE', '/v1/models/m', undefined],
      ['GET', '/v1/jobs', undefined],
      ['GET', '/v1/jobs/j', undefined],
      ['POST', '/v1/jobs/j/pause', undefined],
      ['POST', '/v1/jobs/j/resume', undefined],
      ['POST', '/v1/jobs/j/cancel', undefined],
      ['GET', '/v1/aliases', undefined],
      ['PUT', '/v1/aliases/gpt', { model: 'm' }],
      ['DELETE', '/v1/aliases/gpt', undefined],
      ['GET', '/v1/keys', undefined],
      ['POST', '/v1/keys', { name: 'laptop', scopes: ['inference'] }],
      ['DELETE', '/v1/keys/k', undefined],
      ['POST', '/v1/tokenize', { input: 'a' }],
      ['POST', '/v1/detokenize', { tokens: [1] }],
    ]);
  });
});
