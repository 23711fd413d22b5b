import { writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { connect } from 'node:net';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { afterEach, describe, expect, it } from 'vitest';
import { openArchive } from '../../src/models/archive.ts';
import { checkContent, strongestIntegrity } from '../../src/models/content.ts';
import { localDisk } from '../../src/models/disk.ts';
import { createProgressMeter } from '../../src/models/progress.ts';
import { createHttpClient, retryAfterSeconds } from '../../src/models/sources/http-client.ts';
import { proxiesOf } from '../../src/models/sources/proxies.ts';
import type { PullProgress } from '../../src/models/store-types.ts';
import { makeTarball } from '../servers/archives.ts';
import { startServer } from '../servers/serve-bytes.ts';
import { refusal, temporaryFolder } from '../servers/store-fixture.ts';

const cleanUps: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});
const { signal } = new AbortController();

describe('progress', () => {
  it('gives the rate over the last seconds and the time left', () => {
    let now = 0;
    const told: PullProgress[] = [];
    const meter = createProgressMeter(
      (progress) => told.push(progress),
      () => now,
    );
    meter.expect(10_000);
    meter.resumed(1000);
    for (now = 1000; now <= 4000; now += 1000) meter.received(1000);
    now = 4000;
    meter.phase('downloading', 'x');
    expect(told.at(-1)).toEqual({
      phase: 'downloading',
      file: 'x',
      bytesDone: 5000,
      bytesTotal: 10_000,
      bytesPerSecond: 1333,
      etaSeconds: 4,
    });
    now = 20_000;
    expect(meter.current).toMatchObject({ bytesPerSecond: 0, etaSeconds: undefined });
    meter.close();
  });

  it('tells what came last, even if nothing follows', async () => {
    const last = await new Promise<PullProgress>((resolve) => {
      const meter = createProgressMeter((progress) => progress.bytesDone === 3 && resolve(progress));
      for (let byte = 0; byte < 3; byte += 1) meter.received(1);
    });
    expect(last.bytesDone).toBe(3);
  });
});

describe('content', () => {
  it('takes the strongest hash of an integrity string, and none that is weak', () => {
    expect(strongestIntegrity('sha1-AA sha256-BB sha512-CC?opt')).toEqual({ algorithm: 'sha512', digest: 'CC' });
    expect(strongestIntegrity('sha1-AA md5-BB')).toBeUndefined();
  });

  it('is checked by git object id as git makes it', async () => {
    const path = join(await temporaryFolder(cleanUps), 'hello');
    await writeFile(path, 'hello\n');
    // `printf 'hello\n' | git hash-object --stdin`
    await checkContent(path, { gitSha1: 'ce013625030ba8dba906f756967f9e9ca394464a' }, 'hello', signal);
    expect((await refusal(checkContent(path, { gitSha1: '0'.repeat(40) }, 'hello', signal))).message).toContain('git object id');
  });
});

describe('archives', () => {
  it('with a damaged header are refused', async () => {
    const path = join(await temporaryFolder(cleanUps), 'damaged.tgz');
    const plain = gunzipSync(
      makeTarball([
        { path: 'package/a.json', data: Buffer.from('{}') },
        { path: 'package/b.json', data: Buffer.from('{}') },
      ]),
    );
    plain.fill(0x39, 1024 + 148, 1024 + 156);
    await writeFile(path, gzipSync(plain));
    expect((await refusal(openArchive(path, 'tar', localDisk).list(signal))).message).toContain('cannot be read');
    await writeFile(path, 'no archive at all');
    expect((await refusal(openArchive(path, 'tar', localDisk).list(signal))).message).toContain('cannot be read');
    expect((await refusal(openArchive(path, 'zip', localDisk).list(signal))).message).toContain('cannot be read');
  });
});

describe('the HTTP client', () => {
  it('reads Retry-After as seconds and as a date', () => {
    expect(retryAfterSeconds('7')).toBe(7);
    expect(retryAfterSeconds('Thu, 01 Jan 1970 00:00:10 GMT', 4000)).toBe(6);
    expect(retryAfterSeconds('soon')).toBeUndefined();
  });

  it('goes through the proxy, but not to hosts that are excepted', async () => {
    const target = await startServer(async (_request, response) => void response.end('content'));
    cleanUps.push(target.close);
    const tunnels: string[] = [];
    const proxy = createServer((_request, response) => void response.writeHead(500).end());
    proxy.on('connect', (request, socket) => {
      tunnels.push(request.url ?? '');
      const [host = '', port = ''] = (request.url ?? '').split(':');
      const upstream = connect(Number(port), host, () => {
        socket.write('HTTP/1.1 200 OK\r\n\r\n');
        upstream.pipe(socket);
        socket.pipe(upstream);
      });
      for (const end of [upstream, socket]) end.on('error', () => undefined);
    });
    await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
    cleanUps.push(async () => void proxy.close());
    const address = proxy.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    const through = createHttpClient({ stallTimeoutMs: 5000, ...proxiesOf({ http_proxy: `http://127.0.0.1:${port}` }) });
    cleanUps.push(through.close);
    expect((await through.text(target.url, { signal })).text).toBe('content');
    expect(tunnels).toEqual([new URL(target.url).host]);
    const direct = createHttpClient({
      stallTimeoutMs: 5000,
      ...proxiesOf({ HTTP_PROXY: `http://127.0.0.1:${port}`, NO_PROXY: '127.0.0.1' }),
    });
    cleanUps.push(direct.close);
    expect((await direct.text(target.url, { signal })).text).toBe('content');
    expect(tunnels.length).toBe(1);
  });

  it('refuses redirects that go round, and to other kinds of address', async () => {
    const server = await startServer(async (request, response) => {
      response.writeHead(302, { location: request.url === '/file' ? 'file:///etc/passwd' : '/again' }).end();
    });
    cleanUps.push(server.close);
    const client = createHttpClient({ stallTimeoutMs: 5000 });
    cleanUps.push(client.close);
    expect((await refusal(client.send(`${server.url}/again`, { signal }))).message).toContain('redirected more than');
    expect((await refusal(client.send(`${server.url}/file`, { signal }))).message).toContain('file: address');
  });
});
