import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import { afterEach, describe, expect, it } from 'vitest';
import { isSpecialAddress, publicLookup } from '../../src/retrieval/addresses.ts';
import { type FetchRules, fetchDocument } from '../../src/retrieval/fetch-document.ts';

const RULES: FetchRules = { allowPrivate: true, offline: false, maxBytes: 10_000, timeoutMs: 5000 };
const servers: Server[] = [];

async function serve(answer: RequestListener): Promise<string> {
  const server = createServer(answer);
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

afterEach(() => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
  }
});

describe('fetching a document', () => {
  it('gives its bytes, name and type', async () => {
    const url = await serve((_request, response) => response.setHeader('content-type', 'text/plain; charset=utf-8').end('hello'));
    const { bytes, name, mediaType } = await fetchDocument(`${url}/a%20b.txt?x=1`, RULES);
    expect([Buffer.from(bytes).toString(), name, mediaType]).toEqual(['hello', 'a b.txt', 'text/plain']);
  });

  it('sends no credentials and follows redirects', async () => {
    const seen: string[] = [];
    const url = await serve((request, response) => {
      seen.push(request.url ?? '');
      expect(request.headers.cookie).toBeUndefined();
      expect(request.headers.authorization).toBeUndefined();
      if (request.url === '/one') response.writeHead(302, { location: '/two' }).end();
      else response.setHeader('content-disposition', 'attachment; filename="../report.pdf"').end('x');
    });
    expect((await fetchDocument(`${url}/one`, RULES)).name).toBe('report.pdf');
    expect(seen).toEqual(['/one', '/two']);
  });

  it('inflates, and counts what it inflates', async () => {
    const url = await serve((request, response) =>
      response.setHeader('content-encoding', 'gzip').end(gzipSync(Buffer.alloc(request.url === '/bomb' ? 50_000_000 : 100, 'a'))),
    );
    expect((await fetchDocument(`${url}/small`, RULES)).bytes.length).toBe(100);
    await expect(fetchDocument(`${url}/bomb`, RULES)).rejects.toMatchObject({ code: 'payload_too_large' });
  });

  it('is refused for addresses that are not public, written out or behind a redirect', async () => {
    const rules = { ...RULES, allowPrivate: false };
    const url = await serve((_request, response) => response.end('secret'));
    await expect(fetchDocument(url, rules)).rejects.toMatchObject({ code: 'forbidden' });
    await expect(fetchDocument(url.replace('127.0.0.1', 'localhost'), rules)).rejects.toMatchObject({ code: 'forbidden' });
    await expect(fetchDocument(url.replace('127.0.0.1', '[::ffff:127.0.0.1]'), rules)).rejects.toMatchObject({ code: 'forbidden' });
    await expect(fetchDocument(url.replace('127.0.0.1', '2130706433'), rules)).rejects.toMatchObject({ code: 'forbidden' });
  });

  it('offline asks nobody but this machine', async () => {
    const rules = { ...RULES, offline: true };
    await expect(fetchDocument('http://192.0.2.7/', rules)).rejects.toMatchObject({ code: 'offline' });
    const url = await serve((_request, response) => response.end('here'));
    expect(Buffer.from((await fetchDocument(url, rules)).bytes).toString()).toBe('here');
  });

  it.each(['file:///etc/passwd', 'ftp://example.com/a', 'http://user:secret@example.com/', 'not an address'])(
    'refuses %s',
    async (address) => {
      await expect(fetchDocument(address, RULES)).rejects.toMatchObject({ code: 'invalid_request' });
    },
  );

  it('ends: too many redirects, another status, a server that stalls, a caller who leaves', async () => {
    const url = await serve((request, response) => {
      if (request.url === '/loop') response.writeHead(302, { location: '/loop' }).end();
      else if (request.url === '/gone') response.writeHead(404).end();
      else response.write('a bit');
    });
    await expect(fetchDocument(`${url}/loop`, RULES)).rejects.toMatchObject({ code: 'unreachable' });
    await expect(fetchDocument(`${url}/gone`, RULES)).rejects.toMatchObject({ code: 'unreachable' });
    await expect(fetchDocument(`${url}/stall`, { ...RULES, timeoutMs: 100 })).rejects.toMatchObject({ code: 'timed_out' });
    const leaving = new AbortController();
    const fetched = fetchDocument(`${url}/stall`, RULES, leaving.signal);
    setTimeout(() => leaving.abort(), 20);
    await expect(fetched).rejects.toMatchObject({ code: 'cancelled' });
  });
});

describe('addresses', () => {
  it.each([
    '127.0.0.1',
    '10.1.2.3',
    '172.31.0.1',
    '192.168.1.1',
    '169.254.169.254',
    '100.64.0.1',
    '0.0.0.0',
    '::1',
    '::',
    'fe80::1',
    'fd00::1',
    '::ffff:10.0.0.1',
    '::ffff:7f00:1',
    '64:ff9b::7f00:1',
  ])('%s is not public', (address) => {
    expect(isSpecialAddress(address)).toBe(true);
  });
  it.each(['8.8.8.8', '1.1.1.1', '2606:4700:4700::1111', '172.32.0.1'])('%s is public', (address) => {
    expect(isSpecialAddress(address)).toBe(false);
  });

  it('are checked when a name is looked up', async () => {
    const fault = await new Promise((resolve) => publicLookup('localhost', { all: true }, (error) => resolve(error)));
    expect(fault).toMatchObject({ code: 'forbidden' });
  });
});
