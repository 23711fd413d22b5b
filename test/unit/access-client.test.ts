import { isIP } from 'node:net';
import { hostname, networkInterfaces } from 'node:os';
import { describe, expect, it } from 'vitest';
import { findClient } from '../../src/http/client.ts';
import { boundNames, createAddressList, createHostCheck, isLoopbackName, parseHost, plainAddress } from '../../src/http/hosts.ts';

describe('a Host header', () => {
  it.each([
    ['localhost:11435', { name: 'localhost', port: '11435' }],
    ['LOCALHOST.', { name: 'localhost', port: '' }],
    ['ai.example:443', { name: 'ai.example', port: '' }],
    ['[::1]:80', { name: '::1', port: '' }],
    ['[0:0:0:0:0:0:0:1]', { name: '::1', port: '' }],
    ['[::ffff:127.0.0.1]:8080', { name: '127.0.0.1', port: '8080' }],
  ])('%s is read', (header, expected) => expect(parseHost(header)).toEqual(expected));

  it.each(['', ' ', 'a b', 'a:b', 'a:123456', 'user@host', 'http://host', '::1', '[::1', 'host/path', 'a,b', 'ü.example', 'x\u0000'])(
    '%j is malformed',
    (header) => expect(parseHost(header)).toBeUndefined(),
  );
});

describe('names of this gateway', () => {
  const external = Object.values(networkInterfaces())
    .flatMap((list) => list ?? [])
    .map(({ address }) => plainAddress(address));

  it('on loopback: loopback names alone, with look-alikes refused', () => {
    const ours = createHostCheck(['127.0.0.1'], []);
    expect(['localhost', 'a.localhost', '127.0.0.1', '127.1.2.3', '::1'].filter((name) => !ours(name))).toEqual([]);
    const foreign = [
      'localhost.evil.example',
      '127.0.0.1.evil.example',
      'evil.example',
      '0.0.0.0',
      '::',
      '192.168.1.9',
      'localhosts',
      '128.0.0.1',
      '',
    ];
    expect(foreign.filter(ours)).toEqual([]);
  });

  it('on a wildcard: the literal addresses of our interfaces too, no other address or name', () => {
    for (const wildcard of ['0.0.0.0', '::']) {
      const ours = createHostCheck([wildcard], []);
      expect(external.filter((address) => !ours(address))).toEqual([]);
      expect(['0.0.0.0', '::', '203.0.113.7', 'evil.example'].filter(ours)).toEqual([]);
    }
  });

  it('on an address or a name: that one; and allowed hosts exactly', () => {
    const ours = createHostCheck(['192.168.1.5', 'box.lan'], ['ai.example', '2001:DB8::1']);
    expect(['192.168.1.5', 'box.lan', 'ai.example', '2001:db8::1'].filter((name) => !ours(name))).toEqual([]);
    expect(['192.168.1.6', 'x.ai.example', 'ai.example.evil'].filter(ours)).toEqual([]);
  });

  it('knows loopback in its forms', () => {
    expect(['127.0.0.1', '127.255.0.1', plainAddress('::ffff:127.0.0.1'), '::1'].every(isLoopbackName)).toBe(true);
    expect(isLoopbackName('1.127.0.1')).toBe(false);
  });
});

describe('a list of addresses and ranges', () => {
  it('holds addresses and CIDR ranges of both families', () => {
    const inside = createAddressList(['10.0.0.0/8', '192.0.2.1', '2001:db8::/32', '::1']);
    expect(['10.1.2.3', '192.0.2.1', '2001:db8:1::9', '::1'].filter((address) => !inside(address))).toEqual([]);
    expect(['11.0.0.1', '192.0.2.2', '2001:db9::1', 'name', ''].filter(inside)).toEqual([]);
  });
});

describe('the client behind proxies', () => {
  const trusted = createAddressList(['127.0.0.1', '10.0.0.0/8']);
  const from = (remoteAddress: string, headers: Record<string, string>) =>
    findClient(new Headers({ host: 'gateway.example', ...headers }), { remoteAddress, encrypted: false, localPort: 1 }, trusted);

  it.each<[string, string, Record<string, string>, string]>([
    ['no proxy', '192.0.2.7', {}, '192.0.2.7'],
    ['IPv4 inside IPv6', '::ffff:192.0.2.7', {}, '192.0.2.7'],
    ['an untrusted peer says anything', '192.0.2.7', { 'x-forwarded-for': '198.51.100.1' }, '192.0.2.7'],
    ['one trusted proxy', '10.0.0.1', { 'x-forwarded-for': '198.51.100.1' }, '198.51.100.1'],
    ['two trusted proxies', '10.0.0.1', { 'x-forwarded-for': '198.51.100.1, 10.9.9.9' }, '198.51.100.1'],
    ['a client that made entries up', '10.0.0.1', { 'x-forwarded-for': '127.0.0.1, 198.51.100.1' }, '198.51.100.1'],
    ['ports and brackets', '10.0.0.1', { 'x-forwarded-for': '[2001:db8::5]:4711' }, '2001:db8::5'],
    ['nonsense nearest', '10.0.0.1', { 'x-forwarded-for': '198.51.100.1, unknown' }, '10.0.0.1'],
    ['nonsense beyond a trusted one', '10.0.0.1', { 'x-forwarded-for': 'unknown, 10.2.2.2' }, '10.2.2.2'],
    ['Forwarded', '10.0.0.1', { forwarded: 'for="[2001:db8::5]:1";proto=https, for=10.3.3.3' }, '2001:db8::5'],
    ['both headers', '10.0.0.1', { forwarded: 'for=127.0.0.1', 'x-forwarded-for': '198.51.100.1' }, '198.51.100.1'],
  ])('%s', (_name, peer, headers, address) => expect(from(peer, headers).address).toBe(address));

  it('takes scheme and host from a trusted proxy only', () => {
    const headers = { 'x-forwarded-for': '198.51.100.1', 'x-forwarded-proto': 'https', 'x-forwarded-host': 'ai.example' };
    expect(from('10.0.0.1', headers)).toMatchObject({ encrypted: true, host: 'ai.example' });
    expect(from('192.0.2.7', headers)).toMatchObject({ encrypted: false, host: 'gateway.example' });
    expect(from('10.0.0.1', { forwarded: 'for=198.51.100.1;proto=https;host=ai.example' })).toMatchObject({
      encrypted: true,
      host: 'ai.example',
    });
  });

  it('is local only when nobody forwards for somebody else', () => {
    expect(from('127.0.0.1', {}).local).toBe(true);
    expect(from('127.0.0.1', { 'x-forwarded-for': '::1' }).local).toBe(true);
    expect(from('127.0.0.1', { 'x-forwarded-for': '198.51.100.1' }).local).toBe(false);
    expect(from('::1', { 'x-forwarded-for': '198.51.100.1' }).local).toBe(false);
    expect(from('127.0.0.1', { forwarded: 'for=_hidden' }).local).toBe(false);
    expect(from('10.0.0.1', { 'x-forwarded-for': '127.0.0.1' }).local).toBe(false);
  });
});

describe('boundNames', () => {
  it('are the address alone where one is set, and all addresses of a name', async () => {
    expect(await boundNames('127.0.0.1')).toEqual(['127.0.0.1']);
    expect(await boundNames('0.0.0.0')).toEqual(['0.0.0.0']);
    expect(await boundNames('no-such-host.invalid')).toEqual(['no-such-host.invalid']);
    const own = hostname();
    const names = await boundNames(own);
    expect(names[0]).toBe(own);
    for (const address of names.slice(1)) expect(isIP(address)).toBeGreaterThan(0);
  });
});
