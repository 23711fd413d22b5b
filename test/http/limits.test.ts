import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync } from 'node:zlib';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { loadConfig } from '../../src/config/load.ts';
import type { ConfigOptions } from '../../src/config/settings.ts';
import { readBody } from '../../src/http/body.ts';
import { type Listening, listen } from '../../src/http/listen.ts';
import { call, codeOf, exchange, type Harness, type HarnessOptions, open, parseAnswer, startHarness } from './access-harness.ts';

let harness: Harness | undefined;
const cleanups: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  await harness?.close();
  harness = undefined;
  for (const cleanup of cleanups.splice(0)) await cleanup();
});

async function start(settings: ConfigOptions = {}, options: HarnessOptions = {}): Promise<Harness> {
  harness = await startHarness({ settings, ...options });
  return harness;
}

const HEAD = 'POST / HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n';
const gone = (server: Harness) => exchange(server.server.port, 'GET /public HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n');

describe('the size of a body', () => {
  const exact = (bytes: number) => JSON.stringify('x'.repeat(bytes - 2));

  it('is allowed up to the limit, with and without a length', async () => {
    const server = await start({ limits: { body_bytes: 2000 } });
    expect((await call(server, { body: exact(2000) })).status).toBe(200);
    const chunked = await exchange(
      server.server.port,
      `${HEAD}connection: close\r\ntransfer-encoding: chunked\r\n\r\n7d0\r\n${exact(2000)}\r\n0\r\n\r\n`,
    );
    expect(parseAnswer(chunked).status).toBe(200);
  });

  it('is refused by its Content-Length before a byte is read', async () => {
    const bodies: unknown[] = [];
    const server = await start({ limits: { body_bytes: 2000 } }, { onBody: (body) => bodies.push(body) });
    const answer = parseAnswer(await exchange(server.server.port, `${HEAD}content-length: 2001\r\n\r\n`));
    expect([answer.status, codeOf(answer), answer.headers['connection'], bodies]).toEqual([413, 'payload_too_large', 'close', []]);
    expect(parseAnswer(await exchange(server.server.port, `${HEAD}content-length: 99999999999999\r\n\r\n`)).status).toBe(413);
  });

  it('is counted while a chunked body arrives', async () => {
    const server = await start({ limits: { body_bytes: 2000 } });
    const chunk = `3e8\r\n${'x'.repeat(1000)}\r\n`;
    const answer = parseAnswer(await exchange(server.server.port, [`${HEAD}transfer-encoding: chunked\r\n\r\n`, chunk, chunk, chunk]));
    expect([answer.status, codeOf(answer)]).toEqual([413, 'payload_too_large']);
  });

  it.each(['-1', 'abc', '1e3', '0x10', '5, 5', ''])('a length of %j is refused', async (length) => {
    const raw = await exchange((await start()).server.port, `${HEAD}content-length: ${length}\r\n\r\n`);
    expect(parseAnswer(raw).status).toBe(400);
  });

  it('two lengths, or a length and chunks, are refused (request smuggling)', async () => {
    const { server } = await start();
    expect(parseAnswer(await exchange(server.port, `${HEAD}content-length: 2\r\ncontent-length: 3\r\n\r\n{}`)).status).toBe(400);
    expect(parseAnswer(await exchange(server.port, `${HEAD}content-length: 2\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n`)).status).toBe(
      400,
    );
  });
});

describe('compressed bodies', () => {
  const text = JSON.stringify({ input: 'héllo' });
  const send = (server: Harness, encoding: string, body: Buffer) => call(server, { headers: { 'content-encoding': encoding }, body });

  it.each([
    ['gzip', gzipSync(text)],
    ['x-gzip', gzipSync(text)],
    ['GZIP', gzipSync(text)],
    ['deflate', deflateSync(text)],
    ['deflate', deflateRawSync(text)],
    ['br', brotliCompressSync(text)],
    ['identity', Buffer.from(text)],
    ['', Buffer.from(text)],
  ])('%j is read', async (encoding, body) => {
    const answer = await send(await start(), encoding, body);
    expect(JSON.parse(answer.text).body).toEqual({ input: 'héllo' });
  });

  it('chunked and compressed is read', async () => {
    const body = gzipSync(text);
    const pieces = [
      `${HEAD}connection: close\r\ncontent-encoding: gzip\r\ntransfer-encoding: chunked\r\n\r\n${body.length.toString(16)}\r\n`,
      body,
      '\r\n0\r\n\r\n',
    ];
    expect(parseAnswer(await exchange((await start()).server.port, pieces)).status).toBe(200);
  });

  it.each(['zstd', 'compress', 'gzip, gzip', 'gzip, br', 'deflate, identity, gzip', 'x'])('%s is refused', async (encoding) => {
    const answer = await send(await start(), encoding, gzipSync(text));
    expect([answer.status, codeOf(answer)]).toEqual([415, 'unsupported_media_type']);
  });

  const bomb = Buffer.alloc(64 * 2 ** 20, 0x20);
  it.each([
    ['gzip', gzipSync(bomb)],
    ['gzip', Buffer.concat(Array.from({ length: 64 }, () => gzipSync(bomb.subarray(0, 2 ** 20))))],
    ['deflate', deflateSync(bomb)],
    ['br', brotliCompressSync(bomb, { params: {} })],
  ])('a bomb in %s stops at the limit', async (encoding, body) => {
    const server = await start({ limits: { body_bytes: '1MB' } });
    expect(body.length).toBeLessThan(2 ** 20);
    const answer = await send(server, encoding, body);
    expect([answer.status, codeOf(answer)]).toEqual([413, 'payload_too_large']);
  });

  it('the bound of the inflated size is exact', async () => {
    const fits = JSON.stringify('x'.repeat(1998));
    const server = await start({ limits: { body_bytes: 2000 } });
    expect((await send(server, 'gzip', gzipSync(fits))).status).toBe(200);
    expect((await send(server, 'gzip', gzipSync(`${fits} `))).status).toBe(413);
  });

  it.each([
    ['gzip', Buffer.from('not gzip')],
    ['gzip', gzipSync(text).subarray(0, -6)],
    ['deflate', Buffer.from([0x78, 0x9c, 1, 2, 3])],
    ['br', Buffer.from([0xff, 0xff, 0xff])],
  ])('damaged %s is refused', async (encoding, body) => {
    const answer = await send(await start(), encoding, body);
    expect([answer.status, codeOf(answer)]).toEqual([400, 'invalid_request']);
  });
});

describe('JSON', () => {
  it.each<[string, string | Buffer, string]>([
    ['a syntax error', '{"input": x}', 'line 1, column 11'],
    ['a cut-off value', '{"input": "a"', 'line 1, column 14'],
    ['two values', '{}\n{}', 'line 2, column 1'],
    ['invalid UTF-8', Buffer.from([0x22, 0xff, 0x22]), 'UTF-8'],
    ['an overlong sequence', Buffer.from([0x22, 0xc0, 0x80, 0x22]), 'UTF-8'],
    ['a surrogate in UTF-8', Buffer.from([0x22, 0xed, 0xa0, 0x80, 0x22]), 'UTF-8'],
    ['UTF-16 with a byte order mark', Buffer.from('\ufeff{}', 'utf16le'), 'UTF-8'],
    ['a prototype', '{"a": [{"__proto__": {"admin": true}}]}', '__proto__'],
    ['65 levels', `${'['.repeat(65)}${']'.repeat(65)}`, '64 levels'],
    ['a hundred thousand levels', `${'{"a":'.repeat(100_000)}1${'}'.repeat(100_000)}`, '64 levels'],
    ['only blanks', ' ', 'line 1, column 2'],
    ['a single quote', "{'input': 'a'}", 'line 1, column 2'],
    ['NaN', '{"a": NaN}', 'line 1, column 7'],
  ])('%s is refused with its place', async (_name, body, expected) => {
    const answer = await call(await start(), { body });
    expect([answer.status, codeOf(answer)]).toEqual([400, 'invalid_request']);
    expect(answer.text).toContain(expected);
  });

  it('does not quote a body that is no JSON', async () => {
    expect((await call(await start(), { body: '{"input": private words}' })).text).not.toContain('private');
  });

  it.each<[string, string | Buffer, unknown]>([
    ['nothing', '', null],
    ['a byte order mark', Buffer.from('\ufeff{"a":1}'), { a: 1 }],
    ['64 levels', `${'['.repeat(64)}${']'.repeat(64)}`, 'nested'],
    ['the word __proto__ as a value', '["__proto__"]', ['__proto__']],
    ['a lone surrogate escaped', '"\\ud800"', '\ud800'],
  ])('%s is read', async (_name, body, expected) => {
    const answer = await call(await start(), { body });
    expect(answer.status).toBe(200);
    if (expected !== 'nested') expect(JSON.parse(answer.text).body).toEqual(expected);
  });
});

describe('slow and half requests', () => {
  const quick = { header_timeout: 0.3, body_timeout: 0.3 };

  it('a connection that says nothing is closed', async () => {
    const answer = await exchange((await start({ limits: quick })).server.port, '');
    expect(parseAnswer(answer)).toMatchObject({ status: 408 });
  });

  it('headers that never end are cut with 408, in shape, however they trickle', async () => {
    const server = await start({ limits: quick });
    const socket = await open(server.server.port);
    let text = '';
    socket.on('data', (chunk) => {
      text += String(chunk);
    });
    const closed = once(socket, 'close');
    socket.write('POST / HTTP/1.1\r\nhost: localhost\r\n');
    const trickle = setInterval(() => socket.write('x-slow: 1\r\n'), 40);
    socket.on('error', () => undefined);
    await closed;
    clearInterval(trickle);
    expect([parseAnswer(text).status, codeOf(parseAnswer(text))]).toEqual([408, 'request_timeout']);
  });

  it.each([
    ['with a length', 'content-length: 1000\r\n\r\n{'],
    ['in chunks', 'transfer-encoding: chunked\r\n\r\n1\r\n{\r\n'],
  ])('a body %s that never ends is cut with 408', async (_name, rest) => {
    const errors: string[] = [];
    const server = await start({ limits: { header_timeout: 5, body_timeout: 0.3 } }, { onError: (code) => errors.push(code) });
    const answer = parseAnswer(await exchange(server.server.port, `${HEAD}${rest}`));
    expect([answer.status, codeOf(answer), answer.headers['connection'], errors]).toEqual([
      408,
      'request_timeout',
      'close',
      ['request_timeout'],
    ]);
  });

  it('a client that hangs up in the middle of its body is let go, and others are served', async () => {
    const errors: string[] = [];
    const onAdmission = vi.fn();
    const server = await start({}, { onError: (code) => errors.push(code), onAdmission });
    const port = server.server.port;
    const halves = ['content-length: 1000\r\n\r\n{', 'transfer-encoding: chunked\r\n\r\n1\r\n{\r\n'];
    for (const [index, rest] of halves.entries()) {
      const socket = await open(port);
      socket.on('error', () => undefined);
      socket.write(`${HEAD}${rest}`);
      await vi.waitFor(() => expect(onAdmission).toHaveBeenCalledTimes(index + 1));
      socket.resetAndDestroy();
    }
    await vi.waitFor(() => expect(errors).toEqual(['cancelled', 'cancelled']), { timeout: 10_000 });
    expect(parseAnswer(await gone(server)).status).toBe(200);
  });

  it('a client that ends its side in the middle of its body gets no 200', async () => {
    const server = await start();
    const socket = await open(server.server.port);
    let text = '';
    socket.on('data', (chunk) => {
      text += String(chunk);
    });
    socket.on('error', () => undefined);
    socket.end(`${HEAD}content-length: 1000\r\n\r\n{`);
    await once(socket, 'close');
    expect(text).not.toContain('200 OK');
  });

  it('an answer that nobody reads is given up', async () => {
    const { config } = loadConfig({ file: false, options: { port: 0, limits: { body_timeout: 0.3 } } });
    const big = Buffer.alloc(64 * 2 ** 20);
    let closedEarly: Promise<unknown[]> | undefined;
    const server = await listen({
      config,
      requestListener: (_request, response) => {
        closedEarly = once(response, 'close');
        response.end(big);
      },
    });
    cleanups.push(() => server.close(0));
    const socket = await open(server.port);
    socket.on('error', () => undefined);
    socket.pause();
    socket.write('GET / HTTP/1.1\r\nhost: localhost\r\n\r\n');
    await vi.waitFor(() => expect(closedEarly).toBeDefined());
    await closedEarly;
    socket.destroy();
  });

  it('an answer that takes longer than the limits of the request is not cut', async () => {
    const { config } = loadConfig({ file: false, options: { port: 0, limits: { header_timeout: 0.1, body_timeout: 0.1 } } });
    const server = await listen({ config, requestListener: (_request, response) => void setTimeout(() => response.end('late'), 1500) });
    cleanups.push(() => server.close(0));
    const answer = await fetch(server.url);
    expect(await answer.text()).toBe('late');
  });
});

describe('what is not HTTP', () => {
  it.each<[string, string | Buffer, number]>([
    ['words', 'hello there\r\n\r\n', 400],
    ['binary', Buffer.from([0x16, 0x03, 0x01, 0x02, 0x00, 0x01]), 400],
    ['a bad header', 'GET / HTTP/1.1\r\nhost: a\r\nbad header: 1\r\n\r\n', 400],
    ['a control character in a header', 'GET / HTTP/1.1\r\nhost: a\r\nx: a\u0001b\r\n\r\n', 400],
    ['a bad chunk', `${HEAD}transfer-encoding: chunked\r\n\r\nzz\r\n`, 400],
    ['another version', 'GET / HTTP/9.9\r\n\r\n', 400],
    [
      'a flood of headers',
      `GET / HTTP/1.1\r\nhost: localhost\r\n${Array.from({ length: 2000 }, (_u, index) => `x-${index}: ${'y'.repeat(20)}\r\n`).join('')}\r\n`,
      431,
    ],
    ['a huge header', `GET / HTTP/1.1\r\nhost: localhost\r\nx: ${'y'.repeat(100_000)}\r\n\r\n`, 431],
    ['a huge path', `GET /${'y'.repeat(100_000)} HTTP/1.1\r\nhost: localhost\r\n\r\n`, 431],
  ])('%s', async (_name, bytes, status) => {
    const server = await start();
    const answer = parseAnswer(await exchange(server.server.port, bytes));
    expect([answer.status, codeOf(answer)]).toEqual([status, 'invalid_request']);
    expect(parseAnswer(await gone(server)).status).toBe(200);
  });

  it('a malformed request after a good one on the same connection is told so', async () => {
    const { server } = await start();
    const first = 'GET /public HTTP/1.1\r\nhost: localhost\r\n\r\n';
    const socket = await open(server.port);
    let text = '';
    socket.on('data', (chunk) => {
      text += String(chunk);
    });
    socket.write(first);
    await vi.waitFor(() => expect(text).toContain('"scopes"'));
    socket.write('nonsense\r\n\r\n');
    await once(socket, 'close');
    expect(text.match(/HTTP\/1\.1 \d+/g)).toEqual(['HTTP/1.1 200', 'HTTP/1.1 400']);
  });

  it('a malformed request behind one that still runs does not pass as its answer', async () => {
    const { config } = loadConfig({ file: false, options: { port: 0 } });
    const onRequest = vi.fn();
    const server = await listen({ config, requestListener: onRequest });
    cleanups.push(() => server.close(0));
    const text = await exchange(server.port, ['GET / HTTP/1.1\r\nhost: localhost\r\n\r\n', 'nonsense\r\n\r\n']);
    expect(onRequest).toHaveBeenCalledOnce();
    expect(text).toBe('');
  });

  it('pipelined requests are answered in their order', async () => {
    const server = await start();
    const bodies = [1, 2, 3, 4, 5];
    const text = await exchange(
      server.server.port,
      bodies.map((body) => `${HEAD}content-length: 1\r\n${body === 5 ? 'connection: close\r\n' : ''}\r\n${body}`).join(''),
    );
    expect([...text.matchAll(/"body":(\d)/g)].map((match) => Number(match[1]))).toEqual(bodies);
  });
});

describe('connections', () => {
  it('beyond the limit are refused, and let in again once there is room', async () => {
    const server = await start({ limits: { connections: 2 } });
    const { port } = server.server;
    const held = [await open(port), await open(port)];
    for (const socket of held) socket.write('GET /public HTTP/1.1\r\nhost: localhost\r\n');
    expect(await gone(server)).toBe('');
    for (const socket of held) socket.destroy();
    await vi.waitFor(async () => expect(parseAnswer(await gone(server)).status).toBe(200), { timeout: 10_000 });
  });
});

describe('reading a body without a socket', () => {
  it('counts a stream that names no length', async () => {
    let left = 100;
    const stream = new ReadableStream({
      pull(controller) {
        left -= 1;
        controller.enqueue(new Uint8Array(1000));
        if (left === 0) controller.close();
      },
    });
    const request = new Request('http://localhost', { method: 'POST', body: stream, duplex: 'half' });
    await expect(readBody(request, { maxBytes: 5000, timeoutMs: 10_000 })).rejects.toMatchObject({ code: 'payload_too_large' });
    expect(left).toBeGreaterThan(80);
  });

  it('stops on abort and tells the source', async () => {
    const cancel = vi.fn();
    const stream = new ReadableStream({ cancel });
    const abort = new AbortController();
    const reading = readBody(
      new Request('http://localhost', { method: 'POST', body: stream, duplex: 'half' }),
      { maxBytes: 10, timeoutMs: 10_000 },
      abort.signal,
    );
    abort.abort();
    await expect(reading).rejects.toMatchObject({ code: 'cancelled' });
    expect(cancel).toHaveBeenCalledOnce();
    await expect(readBody(new Request('http://localhost'), { maxBytes: 10, timeoutMs: 10 }, abort.signal)).rejects.toMatchObject({
      code: 'cancelled',
    });
  });

  it('reads nothing where there is nothing', async () => {
    expect((await readBody(new Request('http://localhost'), { maxBytes: 10, timeoutMs: 10 })).length).toBe(0);
  });
});

describe('listening', () => {
  async function serve(options: ConfigOptions): Promise<Listening> {
    const { config } = loadConfig({ file: false, options: { port: 0, ...options } });
    const server = await listen({ config, requestListener: (_request, response) => response.end('hello') });
    cleanups.push(() => server.close(0));
    return server;
  }

  it('says which port it took', async () => {
    const server = await serve({});
    expect(server.url).toBe(`http://127.0.0.1:${server.port}`);
    expect(server.port).toBeGreaterThan(0);
    expect(await (await fetch(server.url)).text()).toBe('hello');
  });

  it('names the setting when the port is taken', async () => {
    const other = createServer();
    other.listen(0, '127.0.0.1');
    await once(other, 'listening');
    cleanups.push(async () => other.close());
    const address = other.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    await expect(serve({ port })).rejects.toMatchObject({
      code: 'invalid_config',
      message: expect.stringMatching(new RegExp(`${port} on 127.0.0.1 is taken.*LOCALLITE_PORT`)),
    });
  });

  it('names the setting when the address is not ours or not known', async () => {
    await expect(serve({ host: '203.0.113.9', api_key: 'key-of-a-test-0123' })).rejects.toMatchObject({
      code: 'invalid_config',
      message: expect.stringContaining('LOCALLITE_HOST'),
    });
    await expect(serve({ host: 'no-such-host.invalid', api_key: 'key-of-a-test-0123' })).rejects.toMatchObject({
      code: 'invalid_config',
      message: expect.stringContaining('host: '),
    });
  });

  it('speaks IPv6', async (context) => {
    const server = await serve({ host: '::1' }).catch(() => undefined);
    if (server === undefined) return context.skip('this machine has no IPv6 loopback');
    expect(server.url).toBe(`http://[::1]:${server.port}`);
    expect(await (await fetch(server.url)).text()).toBe('hello');
  });
});

describe('TLS', () => {
  async function makeCertificate(folder: string, name: string): Promise<{ cert: string; key: string } | undefined> {
    const cert = join(folder, `${name}.crt`);
    const key = join(folder, `${name}.key`);
    try {
      execFileSync(
        'openssl',
        [
          'req',
          '-x509',
          '-newkey',
          'ec',
          '-pkeyopt',
          'ec_paramgen_curve:P-256',
          '-nodes',
          '-keyout',
          key,
          '-out',
          cert,
          '-days',
          '2',
          '-subj',
          '/CN=localhost',
        ],
        { stdio: 'ignore' },
      );
      return { cert, key };
    } catch {
      return undefined;
    }
  }

  async function tls(): Promise<string> {
    const folder = await mkdtemp(join(tmpdir(), 'locallite-tls-'));
    cleanups.push(() => rm(folder, { recursive: true, force: true }));
    return folder;
  }

  const serve = async (pair: { cert: string; key: string }) => {
    const { config } = loadConfig({ file: false, options: { port: 0, tls: pair, limits: { header_timeout: 0.5 } } });
    const server = await listen({ config, requestListener: (_request, response) => response.end('secret') });
    cleanups.push(() => server.close(0));
    return server;
  };

  it('serves HTTPS alone, and stops with a handshake pending', async (context) => {
    const pair = await makeCertificate(await tls(), 'a');
    if (pair === undefined) return context.skip('openssl is not installed');
    const server = await serve(pair);
    expect(server.url).toMatch(/^https:/);
    const body = await new Promise<string>((done, fail) => {
      const request = httpsRequest(server.url, { rejectUnauthorized: false, agent: false }, (response) => {
        let text = '';
        response.on('data', (chunk) => {
          text += String(chunk);
        });
        response.on('end', () => done(text));
      });
      request.on('error', fail).end();
    });
    expect(body).toBe('secret');
    expect(await exchange(server.port, 'GET / HTTP/1.1\r\nhost: localhost\r\n\r\n')).not.toContain('secret');
    const pending = await open(server.port);
    pending.on('error', () => undefined);
    await server.close(10_000);
    pending.destroy();
  });

  it('names the setting and the file of a bad pair', async (context) => {
    const folder = await tls();
    const [one, two] = [await makeCertificate(folder, 'a'), await makeCertificate(folder, 'b')];
    if (one === undefined || two === undefined) return context.skip('openssl is not installed');
    const text = join(folder, 'text.pem');
    await writeFile(text, 'no certificate');
    const missing = join(folder, 'none.pem');
    const expectProblem = (pair: { cert: string; key: string }, problem: string) =>
      expect(serve(pair)).rejects.toMatchObject({ code: 'invalid_config', message: expect.stringContaining(problem) });
    await expectProblem({ cert: missing, key: one.key }, `tls.cert: cannot read ${missing} (ENOENT)`);
    await expectProblem({ cert: one.cert, key: missing }, `tls.key: cannot read ${missing}`);
    await expectProblem({ cert: text, key: one.key }, `tls.cert: ${text}`);
    await expectProblem({ cert: one.cert, key: text }, `tls.key: ${text}`);
    await expectProblem({ cert: one.cert, key: two.key }, 'is not the key of the certificate');
  });
});
