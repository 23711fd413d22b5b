import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LocalLite, type UploadProgress } from '../../src/sdk/index.ts';
import { startTestServer, type TestServer } from './test-server.ts';

const BYTES = 3_000_000;

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server[Symbol.asyncDispose]());

function recorder() {
  const told: UploadProgress[] = [];
  return { told, onProgress: (progress: UploadProgress) => void told.push(progress) };
}

const grows = (told: readonly UploadProgress[]): boolean =>
  told.every(({ sent }, index) => index === 0 || sent > (told[index - 1]?.sent ?? 0));

describe('the progress of an upload', () => {
  it('grows to the whole, and the file arrives as it was', async () => {
    const client = new LocalLite({ baseUrl: server.url });
    const file = new Blob([Uint8Array.from({ length: BYTES }, (_unused, index) => index % 251)]);
    const { told, onProgress } = recorder();
    const made = await client.files.create(file, { name: 'bytes.bin', onProgress });
    expect(made).toMatchObject({ filename: 'bytes.bin', bytes: BYTES });
    expect(told.length).toBeGreaterThan(3);
    expect(grows(told)).toBe(true);
    expect(told.at(-1)).toEqual({ sent: BYTES, total: BYTES });
    const back = new Uint8Array(await new Response(await client.files.content(made.id)).arrayBuffer());
    expect(Buffer.compare(back, new Uint8Array(await file.arrayBuffer()))).toBe(0);
    const plain = await client.files.create(file, { name: 'bytes.bin' });
    expect(plain.locallite.sha256).toBe(made.locallite.sha256);
  });

  it('is told of an empty file once, and stays with the caller when the upload is refused or aborted', async () => {
    const client = new LocalLite({ baseUrl: server.url });
    const empty = recorder();
    await client.files.create(new Blob([]), { name: 'empty.txt', onProgress: empty.onProgress });
    expect(empty.told).toEqual([{ sent: 0, total: 0 }]);
    const stop = new AbortController();
    const aborted = client.files.create(new Blob([new Uint8Array(BYTES)]), {
      name: 'b.bin',
      signal: stop.signal,
      onProgress: () => stop.abort(),
    });
    await expect(aborted).rejects.toMatchObject({ code: 'cancelled' });
  });

  it('never goes back when a try is repeated, also through a fetch of the caller', async () => {
    let tries = 0;
    const busy = createServer((request, response) => {
      request.resume();
      request.on('end', () => {
        const isFirst = tries++ === 0;
        response.writeHead(isFirst ? 503 : 200, { 'content-type': 'application/json', 'retry-after': '0' });
        response.end(JSON.stringify(isFirst ? { error: { message: 'busy', code: 'overloaded' } } : { id: 'file-1' }));
      });
    });
    await new Promise<void>((resolve) => busy.listen(0, '127.0.0.1', resolve));
    const { port } = busy.address() as AddressInfo;
    let calls = 0;
    const own: typeof fetch = (input, init) => {
      calls++;
      return fetch(input, init);
    };
    const { told, onProgress } = recorder();
    const client = new LocalLite({ baseUrl: `http://127.0.0.1:${port}`, fetch: own });
    expect(await client.files.create(new Blob([new Uint8Array(BYTES)]), { onProgress })).toEqual({ id: 'file-1' });
    busy.closeAllConnections();
    busy.close();
    expect({ tries, calls }).toEqual({ tries: 2, calls: 2 });
    expect(grows(told)).toBe(true);
    expect(told.at(-1)).toEqual({ sent: BYTES, total: BYTES });
  });
});
