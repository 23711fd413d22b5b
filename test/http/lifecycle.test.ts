import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { Agent, get, type IncomingMessage, type ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { loadConfig } from '../../src/config/load.ts';
import { type Listening, listen } from '../../src/http/listen.ts';
import { open, parseAnswer } from './access-harness.ts';
import { type Child, startChild } from './lifecycle-child.ts';

const cleanups: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) await cleanup();
});

/** A server whose requests wait until the test answers them. */
async function startWaiting(): Promise<{ server: Listening; waiting: ServerResponse[] }> {
  const { config } = loadConfig({ file: false, options: { port: 0 } });
  const waiting: ServerResponse[] = [];
  const server = await listen({ config, requestListener: (_request: IncomingMessage, response) => void waiting.push(response) });
  cleanups.push(() => server.close(0));
  return { server, waiting };
}

function reader(socket: Awaited<ReturnType<typeof open>>): () => string {
  let text = '';
  socket.on('data', (chunk) => {
    text += String(chunk);
  });
  socket.on('error', () => undefined);
  return () => text;
}

const REQUEST = 'GET / HTTP/1.1\r\nhost: localhost\r\n\r\n';

describe('draining', () => {
  it('lets a running request finish, tells its client to go, and takes no new connection', async () => {
    const { server, waiting } = await startWaiting();
    const socket = await open(server.port);
    const text = reader(socket);
    socket.write(REQUEST);
    await vi.waitFor(() => expect(waiting).toHaveLength(1));
    const left = once(socket, 'close');
    const closing = server.close(60_000);
    await expect(fetch(server.url)).rejects.toThrow();
    waiting[0]?.end('finished');
    expect(await closing).toBe(0);
    await left;
    expect(parseAnswer(text())).toMatchObject({ status: 200, headers: { connection: 'close' } });
    expect(text()).toContain('finished');
  });

  it('lets a large answer leave completely', async () => {
    const { server, waiting } = await startWaiting();
    const answer = fetch(server.url).then((response) => response.arrayBuffer());
    await vi.waitFor(() => expect(waiting).toHaveLength(1));
    const closing = server.close(60_000);
    waiting[0]?.end(Buffer.alloc(32 * 2 ** 20, 7));
    expect((await answer).byteLength).toBe(32 * 2 ** 20);
    expect(await closing).toBe(0);
  });

  it('closes connections that have no request: idle, silent and half-way through their headers', async () => {
    const { server, waiting } = await startWaiting();
    const agent = new Agent({ keepAlive: true });
    const idle = new Promise<void>((done) => get(server.url, { agent }, (response) => response.resume().on('end', () => done())));
    await vi.waitFor(() => expect(waiting).toHaveLength(1));
    waiting[0]?.end('x');
    await idle;
    const silent = await open(server.port);
    const half = await open(server.port);
    for (const socket of [silent, half]) socket.on('error', () => undefined);
    half.write('GET / HTTP/1.1\r\nhost: loc');
    await sleep(20);
    expect(await server.close(60_000)).toBe(0);
    agent.destroy();
    silent.destroy();
    half.destroy();
  });

  it('closes idle connections at once, not only when the last request is done', async () => {
    const { server, waiting } = await startWaiting();
    const idle = await open(server.port);
    idle.on('error', () => undefined);
    const left = once(idle, 'close');
    const running = fetch(server.url).then((response) => response.text());
    await vi.waitFor(() => expect(waiting).toHaveLength(1));
    const closing = server.close(3_600_000);
    await left;
    waiting[0]?.end('still answered');
    expect(await running).toBe('still answered');
    expect(await closing).toBe(0);
  });

  it('refuses a request that arrives late on a connection that is still busy', async () => {
    const { server, waiting } = await startWaiting();
    const socket = await open(server.port);
    const text = reader(socket);
    socket.write(REQUEST);
    await vi.waitFor(() => expect(waiting).toHaveLength(1));
    const left = once(socket, 'close');
    const closing = server.close(60_000);
    socket.write(REQUEST);
    await sleep(50);
    waiting[0]?.end('first');
    await closing;
    await left;
    expect(waiting).toHaveLength(1);
    expect(text()).toContain('first');
    expect(text().match(/HTTP\/1\.1 200/g)).toHaveLength(1);
  });

  it('cuts what still runs when its grace is over, and counts it', async () => {
    const { server, waiting } = await startWaiting();
    const socket = await open(server.port);
    const text = reader(socket);
    socket.write(REQUEST);
    await vi.waitFor(() => expect(waiting).toHaveLength(1));
    const closed = once(socket, 'close');
    expect(await server.close(100)).toBe(1);
    await closed;
    expect(text()).toBe('');
  });

  it('cuts a stream that never ends', async () => {
    const { server, waiting } = await startWaiting();
    const response = fetch(server.url);
    await vi.waitFor(() => expect(waiting).toHaveLength(1));
    waiting[0]?.write('data: 1\n\n');
    const body = (await response).text();
    const failed = expect(body).rejects.toThrow();
    expect(await server.close(50)).toBe(1);
    await failed;
  });

  it('can be called again with a shorter grace', async () => {
    const { server, waiting } = await startWaiting();
    const failed = expect(fetch(server.url)).rejects.toThrow();
    await vi.waitFor(() => expect(waiting).toHaveLength(1));
    const patient = server.close(3_600_000);
    expect(await server.close(0)).toBe(1);
    expect(await patient).toBe(1);
    await failed;
    expect(await server.close(0)).toBe(1);
  });
});

describe.skipIf(process.platform === 'win32')('signals', () => {
  /** A process that serves one request which takes `requestMs`, stops on signals, and says what happens. */
  async function startServer(options: {
    requestMs: number;
    graceMs: number;
    close?: string;
  }): Promise<{ child: Child; url: string; output: () => string }> {
    const folder = await mkdtemp(join(tmpdir(), 'locallite-lifecycle-'));
    const child = await startChild(
      folder,
      `import { loadConfig } from './src/config/load.ts';
      import { listen } from './src/http/listen.ts';
      import { runUntilSignal } from './src/http/lifecycle.ts';
      const { config } = loadConfig({ file: false, options: { port: 0 } });
      const server = await listen({ config, requestListener: (_request, response) => {
        console.log('request');
        setTimeout(() => response.end('done'), ${options.requestMs});
      } });
      const stopped = runUntilSignal({
        close: ${options.close ?? '(graceMs) => server.close(graceMs)'},
        graceMs: ${options.graceMs},
        onStop: (by) => console.log('stopping ' + by),
        onFailure: (reason) => console.log('failed ' + (reason instanceof Error ? reason.message : reason)),
      });
      console.log('url ' + server.url);
      process.exitCode = await stopped;
      console.log('stopped ' + process.exitCode);`,
    );
    let output = '';
    child.stdout.on('data', (chunk) => {
      output += String(chunk);
    });
    child.stderr.on('data', (chunk) => {
      output += String(chunk);
    });
    cleanups.push(async () => {
      if (child.exitCode === null && child.signalCode === null) {
        child.kill('SIGKILL');
        await once(child, 'exit');
      }
      await rm(folder, { recursive: true, force: true });
    });
    await vi.waitFor(() => expect(output).toContain('url '), { timeout: 20_000 });
    return { child, url: /url (\S+)/.exec(output)?.[1] ?? '', output: () => output };
  }

  async function exitOf(child: Child): Promise<unknown> {
    if (child.exitCode !== null || child.signalCode !== null) return child.exitCode ?? child.signalCode;
    const [code, signal] = await once(child, 'exit');
    return code ?? signal;
  }

  it.each(['SIGTERM', 'SIGINT'] as const)('%s lets the running request finish and ends with 0', async (signal) => {
    const { child, url, output } = await startServer({ requestMs: 700, graceMs: 30_000 });
    const answer = fetch(url).then((response) => response.text());
    await vi.waitFor(() => expect(output()).toContain('request'), { timeout: 10_000 });
    child.kill(signal);
    expect(await answer).toBe('done');
    expect(await exitOf(child)).toBe(0);
    expect(output()).toContain(`stopping ${signal}`);
    expect(output()).toContain('stopped 0');
  });

  it('ends with 0 when nothing runs, whatever the grace', async () => {
    const { child } = await startServer({ requestMs: 0, graceMs: 3_600_000 });
    child.kill('SIGTERM');
    expect(await exitOf(child)).toBe(0);
  });

  it('cuts what runs longer than the grace', async () => {
    const { child, url, output } = await startServer({ requestMs: 3_600_000, graceMs: 200 });
    const failed = expect(fetch(url)).rejects.toThrow();
    await vi.waitFor(() => expect(output()).toContain('request'), { timeout: 10_000 });
    child.kill('SIGTERM');
    await failed;
    // The request's own timer would keep this little program alive; what counts is that stopping came to its end.
    await vi.waitFor(() => expect(output()).toContain('stopped 0'), { timeout: 10_000 });
  });

  it.each([
    ['SIGINT', 'SIGINT', 130],
    ['SIGTERM', 'SIGTERM', 143],
    ['SIGTERM', 'SIGINT', 130],
    ['SIGINT', 'SIGTERM', 143],
  ] as const)('%s and then %s stops at once with %i', async (first, second, code) => {
    const { child, url, output } = await startServer({ requestMs: 3_600_000, graceMs: 3_600_000 });
    const failed = expect(fetch(url)).rejects.toThrow();
    await vi.waitFor(() => expect(output()).toContain('request'), { timeout: 10_000 });
    child.kill(first);
    await vi.waitFor(() => expect(output()).toContain('stopping'), { timeout: 10_000 });
    await sleep(400);
    child.kill(second);
    expect(await exitOf(child)).toBe(code);
    await failed;
  });

  it('takes the same signal twice in a moment for one (npm passes Ctrl-C on)', async () => {
    const { child, url, output } = await startServer({ requestMs: 900, graceMs: 30_000 });
    const answer = fetch(url).then((response) => response.text());
    await vi.waitFor(() => expect(output()).toContain('request'), { timeout: 10_000 });
    child.kill('SIGINT');
    await sleep(5);
    child.kill('SIGINT');
    expect(await answer).toBe('done');
    expect(await exitOf(child)).toBe(0);
  });

  it('ends with 1 and says why when stopping fails', async () => {
    const { child, output } = await startServer({
      requestMs: 0,
      graceMs: 10,
      close: "async () => { await server.close(0); throw new TypeError('disk gone'); }",
    });
    child.kill('SIGTERM');
    expect(await exitOf(child)).toBe(1);
    expect(output()).toContain('failed disk gone');
  });
});

describe('a stop that is no signal', () => {
  it('stops for an abort, also one from before, and leaves no listener behind', async () => {
    const { runUntilSignal } = await import('../../src/http/lifecycle.ts');
    const before = process.listenerCount('SIGTERM');
    const told: string[] = [];
    const abort = new AbortController();
    const running = runUntilSignal({ close: async () => undefined, graceMs: 0, stop: abort.signal, onStop: (by) => told.push(by) });
    abort.abort(new TypeError('HOME is lost'));
    expect(await running).toBe(0);
    expect(await runUntilSignal({ close: async () => undefined, graceMs: 0, stop: abort.signal, onStop: (by) => told.push(by) })).toBe(0);
    expect(told).toEqual(['HOME is lost', 'HOME is lost']);
    expect(process.listenerCount('SIGTERM')).toBe(before);
  });

  it('ends with 1 when stopping hangs', async () => {
    const { runUntilSignal } = await import('../../src/http/lifecycle.ts');
    vi.useFakeTimers();
    try {
      const reasons: unknown[] = [];
      const running = runUntilSignal({
        close: () => new Promise(() => undefined),
        graceMs: 1000,
        stop: AbortSignal.abort(),
        onFailure: (reason) => reasons.push(reason),
      });
      await vi.advanceTimersByTimeAsync(6000);
      expect(await running).toBe(1);
      expect(reasons).toEqual(['stopping took longer than 6 s']);
    } finally {
      vi.useRealTimers();
    }
  });
});
