import { type ClientRequest, request } from 'node:http';
import { connect } from 'node:net';
import OpenAI from 'openai';
import { afterEach, expect, test } from 'vitest';
import type { EmbedRequest } from '../../src/gateway/gateway-types.ts';
import { type Listening, listen } from '../../src/http/listen.ts';
import { createRequestListener } from '../../src/http/server.ts';
import { createStubApp, job, MODEL, type StubOptions, vectorOf } from './stub-app.ts';

/* The API behind a real socket: what only the adapter to Node's server can get wrong. */

let open: Listening | undefined;

afterEach(async () => {
  await open?.close(0);
  open = undefined;
});

async function serve(options: StubOptions = {}): Promise<Listening> {
  const app = createStubApp(options);
  open = await listen({ requestListener: createRequestListener(app), config: { ...app.gateway.config, port: 0 } });
  return open;
}

function client({ url }: Listening): OpenAI {
  return new OpenAI({ baseURL: `${url}/v1`, apiKey: 'none', maxRetries: 0 });
}

/** What the server writes to a socket that sends this text, up to its end. */
function exchangeRaw({ port }: Listening, text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let received = '';
    const socket = connect(port, '127.0.0.1', () => socket.write(text));
    socket.on('data', (chunk) => {
      received += chunk.toString('latin1');
    });
    socket.on('close', () => resolve(received));
    socket.on('error', reject);
  });
}

test('the official client: default base64, float, errors, models', async () => {
  const openai = client(await serve());
  const input = ['a', 'b', 'c'];
  const coded = await openai.embeddings.create({ model: 'mini', input });
  expect(coded.data.map((item) => item.embedding)).toEqual(input.map((_unused, index) => [...vectorOf(index)]));
  const floats = await openai.embeddings.create({ model: 'mini', input, encoding_format: 'float' });
  expect(floats.data).toEqual(coded.data);
  expect(coded.usage).toEqual({ prompt_tokens: 9, total_tokens: 9 });
  const models = await openai.models.list();
  expect(models.data.map((model) => model.id)).toEqual([MODEL]);
  expect((await openai.models.retrieve(MODEL)).owned_by).toBe('owner');
  await expect(openai.models.retrieve('none')).rejects.toMatchObject({ status: 404, code: 'model_not_found', param: 'model' });
  const { request_id } = await openai.embeddings.create({ model: 'mini', input: [1, 2, 3] }).withResponse();
  expect(request_id).toMatch(/^[\da-f-]{36}$/);
});

test('an answer of 2,048 vectors arrives whole, with its length', async () => {
  const { url } = await serve();
  const body = JSON.stringify({ model: 'm', input: Array.from({ length: 2048 }, () => 'a'), dimensions: 384, encoding_format: 'base64' });
  const answer = await fetch(`${url}/v1/embeddings`, { method: 'POST', body, headers: { 'content-type': 'application/json' } });
  const text = await answer.text();
  expect(answer.headers.get('content-length')).toBe(String(text.length));
  expect(JSON.parse(text).data).toHaveLength(2048);
});

test('HEAD and an unknown method over the wire', async () => {
  const listening = await serve();
  const host = `Host: 127.0.0.1:${listening.port}\r\nConnection: close\r\n\r\n`;
  const head = await exchangeRaw(listening, `HEAD /healthz HTTP/1.1\r\n${host}`);
  expect(head).toMatch(/^HTTP\/1\.1 200 /);
  expect(head.split('\r\n\r\n')[1]).toBe('');
  const traced = await exchangeRaw(listening, `PROPFIND /healthz HTTP/1.1\r\n${host}`);
  expect(traced).toMatch(/^HTTP\/1\.1 405 /);
  expect(traced.toLowerCase()).toContain('allow: get, head');
});

test.each([
  ['without a Host header', 'GET /healthz HTTP/1.0\r\n\r\n'],
  ['with a Host that is none', 'GET /healthz HTTP/1.1\r\nHost: a b\r\nConnection: close\r\n\r\n'],
  ['with a target that is none', 'GET http:// HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n'],
])('a request %s is answered in OpenAI’s shape', async (_name, text) => {
  const answer = await exchangeRaw(await serve(), text);
  expect(answer).toMatch(/^HTTP\/1\.1 40[03] /);
  expect(JSON.parse(answer.slice(answer.indexOf('\r\n\r\n') + 4)).error.type).toMatch(/^(invalid_request|permission)_error$/);
});

test('a client that hangs up aborts the work', async () => {
  const aborted = gate();
  const started = gate();
  const embed = (asked: EmbedRequest) =>
    new Promise<never>((_resolve, reject) => {
      asked.signal?.addEventListener('abort', () => {
        aborted.resolve();
        reject(asked.signal?.reason);
      });
      started.resolve();
    });
  const { port } = await serve({ gateway: { embed } });
  const sent = post(port, '/v1/embeddings', { model: 'm', input: 'a' });
  await started.promise;
  sent.destroy();
  await aborted.promise;
});

test('events arrive one by one, and leaving ends the watch', async () => {
  const next = gate();
  const left = gate();
  const { jobs } = createStubApp().gateway;
  const listening = await serve({
    gateway: {
      jobs: {
        ...jobs,
        async *watch(id, signal) {
          signal?.addEventListener('abort', () => left.resolve());
          yield job(id, 'running');
          await next.promise;
          yield job(id, 'paused');
          await left.promise;
        },
      },
    },
  });
  const answer = await fetch(`${listening.url}/v1/jobs/job_1/events`);
  const reader = answer.body?.getReader();
  expect(new TextDecoder().decode((await reader?.read())?.value)).toContain('"state":"running"');
  next.resolve();
  expect(new TextDecoder().decode((await reader?.read())?.value)).toContain('"state":"paused"');
  await reader?.cancel();
  await left.promise;
});

function post(port: number, path: string, body: object): ClientRequest {
  const sent = request({ port, host: '127.0.0.1', path, method: 'POST', headers: { 'content-type': 'application/json' } });
  sent.on('error', () => undefined);
  sent.end(JSON.stringify(body));
  return sent;
}

/** A promise that somebody else resolves. */
function gate(): { readonly promise: Promise<void>; readonly resolve: () => void } {
  let resolve = () => {};
  const promise = new Promise<void>((done) => {
    resolve = done;
  });
  return { promise, resolve };
}
