import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { claimHome, findGateway, type HomeLease } from '../../src/gateway/home.ts';
import { writePrivateFile } from '../../src/gateway/private-file.ts';
import { startChild } from '../http/lifecycle-child.ts';

const POSIX = process.platform !== 'win32';

let home: string;
const leases: HomeLease[] = [];
const servers: Server[] = [];
const children: ChildProcess[] = [];

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'locallite-home-'));
});

afterEach(async () => {
  for (const child of children.splice(0)) {
    if (child.exitCode !== null || child.signalCode !== null) continue;
    child.kill('SIGKILL');
    await once(child, 'exit');
  }
  for (const lease of leases.splice(0)) await lease.release();
  for (const server of servers.splice(0)) {
    server.close();
    server.closeAllConnections();
  }
  await rm(home, { recursive: true, force: true });
});

async function claim(waitMs = 0): Promise<HomeLease> {
  const lease = await claimHome(home, { waitMs });
  leases.push(lease);
  return lease;
}

async function serveHealth(status: number | 'silent'): Promise<string> {
  const server = createServer((request, response) => {
    if (status !== 'silent') response.writeHead(request.url === '/healthz' ? status : 500).end();
  });
  servers.push(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  return typeof address === 'object' && address !== null ? `http://127.0.0.1:${address.port}` : '';
}

/** Another process that claims HOME, says so, and stays. */
async function startOwner(): Promise<ChildProcess> {
  const child = await startChild(
    home,
    `import { claimHome } from './src/gateway/home.ts';
    const lease = await claimHome(${JSON.stringify(home)});
    await lease.publish('http://127.0.0.1:1');
    console.log('claimed');
    setInterval(() => {}, 1000);`,
  );
  children.push(child);
  await once(child.stdout, 'data');
  return child;
}

describe('claiming HOME', () => {
  it('gives it to one owner at a time and names that owner', async () => {
    const lease = await claim();
    await expect(claimHome(home)).rejects.toMatchObject({
      code: 'conflict',
      message: expect.stringContaining(`process ${process.pid} on ${hostname()}`),
    });
    await lease.release();
    await expect(claim()).resolves.toMatchObject({ home });
  });

  it('lets exactly one of many have it', async () => {
    const results = await Promise.allSettled(Array.from({ length: 6 }, () => claim()));
    expect(results.filter((result) => result.status === 'fulfilled')).toHaveLength(1);
  });

  it('waits for an owner that finishes', async () => {
    const first = await claim();
    const second = claim(10_000);
    await first.release();
    await expect(second).resolves.toMatchObject({ home });
  });

  it('stops waiting on abort', async () => {
    await claim();
    const abort = new AbortController();
    const waiting = claimHome(home, { waitMs: 60_000, signal: abort.signal });
    abort.abort();
    await expect(waiting).rejects.toMatchObject({ code: 'cancelled' });
  });

  it('can be released twice, and leaves nothing behind', async () => {
    const lease = await claim();
    await lease.publish('http://127.0.0.1:1');
    await Promise.all([lease.release(), lease.release()]);
    expect(await readdir(join(home, 'run'))).toEqual([]);
  });

  it('refuses while another process holds it, and takes it over after that process was killed', async () => {
    const child = await startOwner();
    await expect(claimHome(home)).rejects.toMatchObject({ code: 'conflict', message: expect.stringContaining(`process ${child.pid}`) });
    child.kill('SIGKILL');
    await once(child, 'exit');
    const lease = await claim();
    expect(lease.lost.aborted).toBe(false);
    expect(await readdir(join(home, 'run'))).not.toContain('gateway.json');
  });

  it('survives damaged files of an earlier run', async () => {
    const first = await claim();
    await first.release();
    for (const name of ['owner.json', 'gateway.json']) await writeFile(join(home, 'run', name), '{"pid": "no');
    await expect(claim()).resolves.toMatchObject({ home });
  });

  it('tells an owner that HOME was taken from it', async () => {
    const lease = await claim();
    await rm(join(home, 'run', 'home.lock'), { recursive: true });
    const lost = new Promise((resolve) => lease.lost.addEventListener('abort', resolve, { once: true }));
    await lost;
    expect(lease.lost.reason).toMatchObject({ code: 'conflict' });
  });
});

describe('finding the gateway of HOME', () => {
  it('finds one that answers, with its token', async () => {
    const lease = await claim();
    expect(await findGateway(home)).toBeUndefined();
    const url = await serveHealth(200);
    await lease.publish(url);
    expect(await findGateway(home)).toMatchObject({ url, token: lease.token, pid: process.pid });
    expect(lease.token).toMatch(/^[\w-]{43}$/);
    await lease.release();
    expect(await findGateway(home)).toBeUndefined();
  });

  it.skipIf(!POSIX)('keeps its files private', async () => {
    const lease = await claim();
    await lease.publish('http://127.0.0.1:1');
    expect((await stat(join(home, 'run'))).mode & 0o777).toBe(0o700);
    for (const name of ['gateway.json', 'owner.json']) expect((await stat(join(home, 'run', name))).mode & 0o777).toBe(0o600);
  });

  it.each([503, 'silent'] as const)('does not count one that answers /healthz with %s', async (status) => {
    const lease = await claim();
    await lease.publish(await serveHealth(status));
    expect(await findGateway(home)).toBeUndefined();
  });

  it('does not count one whose port is closed, whose process is gone, or whose file is damaged', async () => {
    const lease = await claim();
    await lease.publish('http://127.0.0.1:1');
    expect(await findGateway(home)).toBeUndefined();
    const dead = spawn(process.execPath, ['-e', ''], { stdio: 'ignore' });
    await once(dead, 'exit');
    const file = join(home, 'run', 'gateway.json');
    await writeFile(file, JSON.stringify({ pid: dead.pid, url: await serveHealth(200), started: 'x', token: lease.token }));
    expect(await findGateway(home)).toBeUndefined();
    for (const text of ['', '{', 'null', '{"pid": -1}', '{"pid": 1, "url": "no", "token": "short", "started": ""}']) {
      await writeFile(file, text);
      expect(await findGateway(home)).toBeUndefined();
    }
  });

  it('changes its token with every run', async () => {
    const first = await claim();
    await first.release();
    expect((await claim()).token).not.toBe(first.token);
  });
});

describe('writing a private file', () => {
  it('replaces the whole file and makes missing folders', async () => {
    const path = join(home, 'a', 'b', 'file.json');
    await writePrivateFile(path, 'long text that is replaced');
    await writePrivateFile(path, 'short');
    expect(await readFile(path, 'utf8')).toBe('short');
    expect(await readdir(join(home, 'a', 'b'))).toEqual(['file.json']);
  });

  it('keeps the old content and removes its partial file when it fails', async () => {
    const path = join(home, 'target');
    await writePrivateFile(join(path, 'inside'), 'x');
    await expect(writePrivateFile(path, 'y')).rejects.toMatchObject({ code: 'internal', message: expect.stringContaining(path) });
    expect(await readdir(home)).toEqual(['target']);
    expect(await readFile(join(path, 'inside'), 'utf8')).toBe('x');
  });
});
