import { networkInterfaces } from 'node:os';
import { afterEach, describe, expect, it } from 'vitest';
import { loadConfig } from '../../src/config/load.ts';
import { createKeys } from '../../src/gateway/keys.ts';
import { createAccess } from '../../src/http/access.ts';
import { silentTelemetry } from '../../src/telemetry/create-telemetry.ts';
import { call, codeOf, exchange, type Harness, type HarnessOptions, parseAnswer, startHarness } from './access-harness.ts';

let harness: Harness | undefined;

afterEach(async () => {
  await harness?.close();
  harness = undefined;
});

async function start(settings: HarnessOptions['settings'] = {}): Promise<Harness> {
  harness = await startHarness({ settings });
  return harness;
}

const SECRET = 'settings-secret-0123456789';

describe('Host', () => {
  it.each(['localhost', 'LocalHost', 'localhost:1', '127.0.0.1', '127.0.0.1:9999', '[::1]:11435', 'x.localhost', 'localhost.'])(
    'lets %s in',
    async (host) => expect((await call(await start(), { headers: { host } })).status).toBe(200),
  );

  it.each([
    'evil.example',
    'evil.example:11435',
    'localhost.evil.example',
    '127.0.0.1.nip.io',
    '0.0.0.0:11435',
    '192.168.7.7',
    '[::]',
    'a b',
    '',
  ])('refuses %j, on public routes too', async (host) => {
    const server = await start();
    const answers = [await call(server, { headers: { host } }), await call(server, { method: 'GET', path: '/public', headers: { host } })];
    for (const answer of answers) expect([400, 403]).toContain(answer.status);
  });

  it('says what to do about a name that should be allowed, and allows it then', async () => {
    const refused = await call(await start(), { headers: { host: 'ai.example' } });
    expect(refused.status).toBe(403);
    expect(codeOf(refused)).toBe('forbidden');
    expect(refused.text).toContain('allowed_hosts');
    await harness?.close();
    expect((await call(await start({ allowed_hosts: ['ai.example'] }), { headers: { host: 'AI.example:8443' } })).status).toBe(200);
  });

  it('on a wildcard address: lets the addresses of our interfaces in, no other', async () => {
    const server = await start({ host: '0.0.0.0', api_key: SECRET });
    const ours = Object.values(networkInterfaces())
      .flatMap((list) => list ?? [])
      .filter(({ family }) => family === 'IPv4');
    const headers = { authorization: `Bearer ${SECRET}` };
    for (const { address } of ours) expect((await call(server, { headers: { ...headers, host: address } })).status).toBe(200);
    expect((await call(server, { headers: { ...headers, host: '203.0.113.9' } })).status).toBe(403);
    expect(server.server.url).toBe(`http://127.0.0.1:${server.server.port}`);
  });

  it('refuses a request without one', async () => {
    const { server } = await start();
    expect(parseAnswer(await exchange(server.port, 'POST / HTTP/1.1\r\ncontent-length: 0\r\n\r\n')).status).toBe(400);
    expect(parseAnswer(await exchange(server.port, 'GET / HTTP/1.0\r\n\r\n')).status).toBeGreaterThanOrEqual(400);
  });
});

describe('pages of other sites', () => {
  it.each<[string, Record<string, string>, number]>([
    ['no browser', {}, 200],
    ['typed into the address bar', { 'sec-fetch-site': 'none' }, 200],
    ['a foreign origin', { origin: 'https://evil.example' }, 403],
    ['a foreign origin that calls itself same-origin', { origin: 'https://evil.example', 'sec-fetch-site': 'same-origin' }, 403],
    ['another port of this machine', { origin: 'http://localhost:3000', 'sec-fetch-site': 'same-site' }, 403],
    ['an opaque origin', { origin: 'null' }, 403],
    ['an extension', { origin: 'chrome-extension://abcdef' }, 403],
    ['cross-site without an origin', { 'sec-fetch-site': 'cross-site' }, 403],
    ['a malformed origin', { origin: '://' }, 403],
  ])('POST from %s', async (_name, headers, status) => {
    const answer = await call(await start(), { headers });
    expect(answer.status).toBe(status);
    expect(answer.headers['access-control-allow-origin']).toBeUndefined();
  });

  it.each(['PUT', 'DELETE', 'PATCH'])('refuses %s from a foreign page', async (method) => {
    const headers = { origin: 'https://evil.example', 'content-length': '0' };
    expect((await call(await start(), { method, path: '/admin', headers })).status).toBe(403);
  });

  it('serves a page of our own', async () => {
    const server = await start();
    const { port } = server.server;
    for (const host of [`localhost:${port}`, `127.0.0.1:${port}`, `[::1]:${port}`]) {
      expect((await call(server, { headers: { host, origin: `http://${host}` } })).status).toBe(200);
    }
    expect((await call(server, { headers: { host: `localhost:${port}`, origin: `http://127.0.0.1:${port}` } })).status).toBe(403);
    expect((await call(server, { headers: { host: `localhost:${port}`, origin: 'http://localhost:3000' } })).status).toBe(403);
  });

  it('does not let a name pointed at us pass as our own page', async () => {
    const headers = { host: 'evil.example:11435', origin: 'http://evil.example:11435', 'sec-fetch-site': 'same-origin' };
    expect((await call(await start(), { headers })).status).toBe(403);
  });

  it('lets a page behind a trusted proxy that changes Host in, and no other', async () => {
    const server = await start({ trusted_proxies: ['127.0.0.1'], allowed_hosts: ['ai.example'] });
    const headers = {
      origin: 'https://ai.example',
      'x-forwarded-for': '127.0.0.1',
      'x-forwarded-host': 'ai.example',
      'x-forwarded-proto': 'https',
    };
    expect((await call(server, { headers })).status).toBe(200);
    expect(
      (await call(server, { headers: { ...headers, 'x-forwarded-host': 'evil.example', origin: 'https://evil.example' } })).status,
    ).toBe(403);
  });
});

describe('CORS', () => {
  const origin = 'https://app.example';
  const ask = { origin, 'access-control-request-method': 'POST', 'access-control-request-headers': 'content-type,x-stainless-os' };

  it('is off by default, for reading too', async () => {
    const server = await start();
    const read = await call(server, { method: 'GET', headers: { origin } });
    expect([read.status, read.headers['access-control-allow-origin']]).toEqual([200, undefined]);
    const preflight = await call(server, { method: 'OPTIONS', headers: ask });
    expect([preflight.status, preflight.headers['access-control-allow-origin']]).toEqual([403, undefined]);
  });

  it('lets listed origins in, exactly, with readable errors', async () => {
    const server = await start({ cors: { origins: [origin] } });
    const good = await call(server, { headers: { origin, 'sec-fetch-site': 'cross-site' } });
    expect(good).toMatchObject({ status: 200, headers: { 'access-control-allow-origin': origin, vary: 'Origin' } });
    expect(good.headers['access-control-expose-headers']).toContain('x-request-id');
    const bad = await call(server, { headers: { origin }, body: '{' });
    expect(bad).toMatchObject({ status: 400, headers: { 'access-control-allow-origin': origin } });
    for (const other of ['http://app.example', 'https://app.example:8443', 'https://x.app.example', 'https://app.example.evil', 'null']) {
      const answer = await call(server, { headers: { origin: other } });
      expect([answer.status, answer.headers['access-control-allow-origin'], answer.headers['vary']]).toEqual([403, undefined, 'Origin']);
    }
  });

  it('answers a preflight request before any key is asked for', async () => {
    const server = await start({ cors: { origins: [origin] }, api_key: SECRET });
    const answer = await call(server, { method: 'OPTIONS', headers: { ...ask, 'access-control-request-private-network': 'true' } });
    expect(answer).toMatchObject({
      status: 204,
      headers: {
        'access-control-allow-origin': origin,
        'access-control-allow-headers': 'content-type, x-stainless-os',
        'access-control-allow-private-network': 'true',
      },
    });
    expect(answer.headers['access-control-allow-methods']).toContain('POST');
    expect(answer.headers['access-control-allow-credentials']).toBeUndefined();
    expect((await call(server, { method: 'OPTIONS', headers: { ...ask, host: 'evil.example' } })).status).toBe(403);
  });

  it('with *: every page may use models, none may administer without a key', async () => {
    const server = await start({ cors: { origins: ['*'] }, allow_unauthenticated: true });
    const answer = await call(server, { headers: { origin } });
    expect(answer).toMatchObject({ status: 200, headers: { 'access-control-allow-origin': '*' } });
    expect((await call(server, { path: '/admin', headers: { origin } })).status).toBe(401);
    expect((await call(server, { path: '/admin' })).status).toBe(200);
  });

  it('with * and no key: refuses to start unless that is meant', async () => {
    await expect(startHarness({ settings: { cors: { origins: ['*'] } } })).rejects.toMatchObject({ code: 'invalid_config' });
  });
});

describe('content types of JSON routes', () => {
  it.each(['application/json', 'application/json; charset=utf-8', 'APPLICATION/JSON;charset="UTF-8"', 'application/vnd.api+json'])(
    'reads %s',
    async (type) => expect((await call(await start(), { headers: { 'content-type': type } })).status).toBe(200),
  );

  it.each([
    'application/x-www-form-urlencoded',
    'multipart/form-data; boundary=x',
    'text/plain',
    'text/plain; application/json',
    'text/json',
    'application/octet-stream',
    'application/jsonx',
    'application/json; charset=utf-16',
    'application/json; charset=latin1',
  ])('refuses %s', async (type) => {
    const answer = await call(await start(), { headers: { 'content-type': type } });
    expect(answer.status).toBe(415);
    expect(codeOf(answer)).toBe('unsupported_media_type');
  });
});

describe('keys', () => {
  it.each<[string, Record<string, string>, number]>([
    ['bearer', { authorization: `Bearer ${SECRET}` }, 200],
    ['bearer in any case', { authorization: `bEARER   ${SECRET} ` }, 200],
    ['x-api-key', { 'x-api-key': SECRET }, 200],
    ['api-key', { 'api-key': SECRET }, 200],
    ['none', {}, 401],
    ['a wrong one', { authorization: 'Bearer wrong' }, 401],
    ['a longer one', { authorization: `Bearer ${SECRET}x` }, 401],
    ['a shorter one', { authorization: `Bearer ${SECRET.slice(0, -1)}` }, 401],
    ['an empty one', { authorization: 'Bearer ' }, 401],
    ['another scheme', { authorization: `Basic ${Buffer.from(`:${SECRET}`).toString('base64')}` }, 401],
    ['a wrong bearer beside a right x-api-key', { authorization: 'Bearer wrong', 'x-api-key': SECRET }, 401],
    ['a very long one', { authorization: `Bearer ${'x'.repeat(10_000)}` }, 401],
  ])('%s', async (_name, headers, status) => {
    const answer = await call(await start({ api_key: SECRET }), { headers });
    expect(answer.status).toBe(status);
    expect(answer.text).not.toContain(SECRET);
    if (status === 401) {
      expect(codeOf(answer)).toBe('unauthorized');
      expect(answer.headers['www-authenticate']).toBe('Bearer realm="locallite"');
    }
  });

  it('opens no path by its key in the query', async () => {
    expect((await call(await start({ api_key: SECRET }), { path: `/?api_key=${SECRET}` })).status).toBe(401);
  });

  it('holds each key to its scopes', async () => {
    const server = await start({ api_key: SECRET });
    const { key } = await server.keys.create('reader', ['inference']);
    const statusOf = async (path: string, secret: string) => (await call(server, { path, headers: { 'x-api-key': secret } })).status;
    expect([await statusOf('/', key), await statusOf('/documents', key), await statusOf('/admin', key)]).toEqual([200, 403, 403]);
    expect([await statusOf('/', SECRET), await statusOf('/documents', SECRET), await statusOf('/admin', SECRET)]).toEqual([200, 200, 200]);
    await server.keys.revoke('reader');
    expect(await statusOf('/', key)).toBe(401);
  });

  it('lets public routes be called without one', async () => {
    expect((await call(await start({ api_key: SECRET }), { method: 'GET', path: '/public' })).status).toBe(200);
  });

  it('takes the token of this run as admin, with and without keys', async () => {
    for (const settings of [{}, { api_key: SECRET }]) {
      const server = await start(settings);
      const answer = await call(server, { path: '/admin', headers: { authorization: `Bearer ${server.runToken}` } });
      expect([answer.status, JSON.parse(answer.text).key]).toEqual([200, 'run']);
      await server.close();
    }
  });

  it('lets this machine administer while there is no key, whatever a client sends as one, and no longer once there is', async () => {
    const server = await start();
    const headers = { authorization: 'Bearer sk-no-key-needed' };
    const before = await call(server, { path: '/admin', headers });
    expect([before.status, JSON.parse(before.text).key]).toEqual([200, null]);
    expect((await call(server, { path: '/admin', headers: { authorization: 'Basic eDp5' } })).status).toBe(200);
    await server.keys.create('first', ['admin']);
    expect((await call(server, { path: '/admin', headers })).status).toBe(401);
  });

  it('does not take a proxy on this machine for this machine', async () => {
    const server = await start();
    expect((await call(server, { headers: { 'x-forwarded-for': '198.51.100.1' } })).status).toBe(401);
    expect((await call(server, { headers: { forwarded: 'for=198.51.100.1' } })).status).toBe(401);
    expect((await call(server, { headers: { 'x-forwarded-for': '127.0.0.1' } })).status).toBe(200);
  });

  it('without keys but meant so: strangers may use models, not administer', async () => {
    const server = await start({ allow_unauthenticated: true, trusted_proxies: ['127.0.0.1'] });
    const headers = { 'x-forwarded-for': '198.51.100.1' };
    expect(JSON.parse((await call(server, { headers })).text)).toMatchObject({ address: '198.51.100.1', key: null });
    expect((await call(server, { path: '/admin', headers })).status).toBe(401);
  });

  it('is asked for at the latest when the gate is built for an open address', async () => {
    const { config } = loadConfig({ file: false, options: { host: '0.0.0.0' }, hasKeys: () => true });
    const keys = await createKeys({ home: '/nonexistent-locallite-home', telemetry: silentTelemetry() });
    expect(() => createAccess({ config, keys })).toThrow(/0\.0\.0\.0/);
    await keys.close();
  });
});

describe('the limit of requests', () => {
  it('holds each key to its own, tells it, and turns away with Retry-After', async () => {
    const server = await start({ api_key: SECRET, limits: { requests_per_minute: 100 } });
    const { key } = await server.keys.create('slow', ['inference'], 2);
    const answers = [];
    for (let index = 0; index < 3; index += 1) answers.push(await call(server, { headers: { 'x-api-key': key } }));
    expect(answers.map((answer) => answer.status)).toEqual([200, 200, 429]);
    const refused = answers[2];
    if (refused === undefined) throw new TypeError('three answers were awaited');
    expect(codeOf(refused)).toBe('rate_limited');
    expect(Number(refused.headers['retry-after'])).toBeGreaterThanOrEqual(1);
    expect(refused.headers).toMatchObject({ 'ratelimit-limit': '2', 'ratelimit-remaining': '0' });
    expect((await call(server, { headers: { 'x-api-key': SECRET } })).status).toBe(200);
  });

  it('counts by address where there are no keys, and by the client behind a trusted proxy', async () => {
    const server = await start({ limits: { requests_per_minute: 1 }, trusted_proxies: ['127.0.0.1'], allow_unauthenticated: true });
    const statusOf = async (address: string) => (await call(server, { headers: { 'x-forwarded-for': address } })).status;
    expect([await statusOf('198.51.100.1'), await statusOf('198.51.100.1'), await statusOf('198.51.100.2')]).toEqual([200, 429, 200]);
    expect([await statusOf('2001:db8::1'), await statusOf('2001:db8::2:1'), await statusOf('2001:db8:0:1::1')]).toEqual([200, 429, 200]);
  });

  it('does not let an untrusted client choose its address', async () => {
    const server = await start({ limits: { requests_per_minute: 1 } });
    const statusOf = async (address: string) => (await call(server, { headers: { 'x-forwarded-for': address } })).status;
    expect([await statusOf('127.0.0.1'), await statusOf('127.0.0.2')]).toEqual([200, 429]);
  });

  it('counts wrong keys too', async () => {
    const server = await start({ api_key: SECRET, limits: { requests_per_minute: 1 } });
    const wrong = { headers: { 'x-api-key': 'guess' } };
    expect([(await call(server, wrong)).status, (await call(server, wrong)).status]).toEqual([401, 429]);
    expect((await call(server, { headers: { 'x-api-key': SECRET } })).status).toBe(200);
  });

  it('leaves the commands of this run and public routes alone', async () => {
    const server = await start({ api_key: SECRET, limits: { requests_per_minute: 1 } });
    const headers = { authorization: `Bearer ${server.runToken}` };
    for (let index = 0; index < 3; index += 1) {
      expect((await call(server, { path: '/admin', headers })).status).toBe(200);
      expect((await call(server, { method: 'GET', path: '/public' })).status).toBe(200);
    }
  });
});
