import { spawnSync } from 'node:child_process';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { build } from 'esbuild';
import { type Browser, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { encodeVector } from '../../src/wire/base64.ts';
import { formatEvent } from '../../src/wire/sse.ts';

const EXECUTABLE = ['chromium', 'chromium-browser', 'google-chrome'].find((name) => spawnSync(name, ['--version']).status === 0);
const JOB = { id: 'job_1', object: 'job', kind: 'pull', subject: 'a/b', progress: null, error: null, result: null };

/** A page with the SDK in it, and a gateway of a few fixed answers on the same origin. */
async function startSite(): Promise<{ server: Server; url: string; keys: string[] }> {
  const bundle = await build({
    entryPoints: ['src/sdk/index.ts'],
    bundle: true,
    write: false,
    platform: 'browser',
    format: 'iife',
    globalName: 'sdk',
  });
  const script = bundle.outputFiles[0]?.text ?? '';
  const keys: string[] = [];
  let tries = 0;
  const server = createServer((request, response) => {
    keys.push(request.headers.authorization ?? '');
    const json = (body: unknown, status = 200, headers = {}): void => void response.writeHead(status, headers).end(JSON.stringify(body));
    request.resume();
    if (request.url === '/')
      return void response.writeHead(200, { 'content-type': 'text/html' }).end(`<!doctype html><script>${script}</script>`);
    if (request.url === '/v1/embeddings') {
      if (tries++ === 0) return json({ error: { message: 'busy', code: 'overloaded', param: null } }, 429, { 'retry-after': '0' });
      return json({
        object: 'list',
        data: [{ object: 'embedding', index: 0, embedding: encodeVector(Float32Array.of(0.1, -2.5, 3e-39)) }],
      });
    }
    if (request.url === '/v1/files') return void request.on('end', () => json({ id: 'file-1', got: request.headers['content-type'] }));
    if (request.url === '/v1/models/pull') return json({ ...JOB, state: 'queued' }, 202);
    if (request.url === '/v1/jobs/job_1/events') {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      for (const state of ['running', 'succeeded']) response.write(formatEvent({ event: 'job', data: JSON.stringify({ ...JOB, state }) }));
      return;
    }
    json({ error: { message: 'no such model', code: 'model_not_found', param: 'model' } }, 404, { 'x-request-id': 'r1' });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { server, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, keys };
}

describe.skipIf(EXECUTABLE === undefined)('the SDK in Chromium (skipped where no Chromium is on the PATH)', () => {
  let site: Awaited<ReturnType<typeof startSite>>;
  let browser: Browser;
  let page: Page;

  beforeAll(async () => {
    site = await startSite();
    const path = spawnSync('which', [EXECUTABLE ?? ''], { encoding: 'utf8' }).stdout.trim();
    browser = await chromium.launch({ executablePath: path, args: ['--no-sandbox', '--headless'] });
    page = await browser.newPage();
    await page.goto(site.url);
  });
  afterAll(async () => {
    await browser?.close();
    site.server.closeAllConnections();
    site.server.close();
  });

  const inPage = (body: string): Promise<unknown> =>
    page.evaluate(`(async () => { const client = new sdk.LocalLite({ baseUrl: location.origin, apiKey: 'k1' }); ${body} })()`);

  it('tries again, decodes base64 and sends the key', async () => {
    const vector = await inPage("return [...(await client.embed('a cat'))]");
    expect(vector).toEqual([...Float32Array.of(0.1, -2.5, 3e-39)]);
    expect(site.keys.filter((key) => key === 'Bearer k1')).toHaveLength(2);
  });

  it('tells how far an upload is', async () => {
    const told = await inPage(
      'const told = []; const file = new Blob([new Uint8Array(5_000_000)]); const made = await client.files.create(file, { onProgress: (one) => told.push(one) }); return { made, told }',
    );
    const { made, told: steps } = told as { made: { id: string; got: string }; told: { sent: number; total: number }[] };
    expect(made).toEqual({ id: 'file-1', got: expect.stringMatching(/^multipart\/form-data; boundary=/) });
    expect(steps.map(({ sent }) => sent)).toEqual([...new Set(steps.map(({ sent }) => sent))].sort((a, b) => a - b));
    expect(steps.at(-1)).toEqual({ sent: 5_000_000, total: 5_000_000 });
    await expect(
      inPage(
        'const stop = new AbortController(); await client.files.create(new Blob([new Uint8Array(9e6)]), { signal: stop.signal, onProgress: () => stop.abort() })',
      ),
    ).rejects.toThrow('aborted by its signal');
  });

  it('follows a pull by server-sent events', async () => {
    expect(await inPage("const states = []; for await (const job of client.pull('a/b')) states.push(job.state); return states")).toEqual([
      'running',
      'succeeded',
    ]);
  });

  it('throws errors with code, status and request id', async () => {
    const error = await inPage(
      "try { await client.models.retrieve('x/y') } catch (error) { return [sdk.LocalLiteError.is(error), error.code, error.param, error.status, error.requestId] }",
    );
    expect(error).toEqual([true, 'model_not_found', 'model', 404, 'r1']);
  });

  it('says so when nobody answers, and when it is aborted', async () => {
    const lost = await inPage(
      "try { await new sdk.LocalLite({ baseUrl: 'http://127.0.0.1:1', retries: 0 }).health() } catch (error) { return error.code }",
    );
    const aborted = await inPage('try { await client.health({ signal: AbortSignal.abort() }) } catch (error) { return error.code }');
    expect([lost, aborted]).toEqual(['unreachable', 'cancelled']);
  });
});
