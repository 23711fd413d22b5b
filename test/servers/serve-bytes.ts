import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { createServer } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/** What goes wrong with one answer. */
export interface Fault {
  /** Answer with this status instead of the content. */
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** Break the connection after so many bytes of the body. */
  readonly cutAfter?: number;
  /** Send so many bytes of the body, then nothing more. */
  readonly stallAfter?: number;
  /** Bytes a second. */
  readonly rate?: number;
}

export interface SeenRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingMessage['headers'];
  /** Bytes of the body that were handed to the socket. */
  sent: number;
}

export interface TestServer {
  readonly url: string;
  readonly requests: SeenRequest[];
  close(): Promise<void>;
}

/** A server on a free port of the loopback that can be closed with connections open. */
export async function startServer(
  handle: (request: IncomingMessage, response: ServerResponse, seen: SeenRequest) => Promise<void>,
): Promise<TestServer> {
  const requests: SeenRequest[] = [];
  const sockets = new Set<Socket>();
  const listener: RequestListener = (request, response) => {
    const seen: SeenRequest = { method: request.method ?? '', path: request.url ?? '', headers: request.headers, sent: 0 };
    requests.push(seen);
    handle(request, response, seen).catch(() => response.destroy());
  };
  const server = createServer(listener);
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => undefined);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    requests,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}

/** Answers a GET or HEAD with `body`, honouring Range and If-Range as RFC 9110 asks, or with the fault. */
export async function serveBytes(
  request: IncomingMessage,
  response: ServerResponse,
  seen: SeenRequest,
  body: Buffer,
  options: { readonly etag?: string; readonly fault?: Fault | undefined; readonly ranges?: boolean } = {},
): Promise<void> {
  const { etag, fault = {}, ranges = true } = options;
  if (fault.status !== undefined) {
    response.writeHead(fault.status, { ...fault.headers }).end();
    return;
  }
  const range = ranges ? rangeOf(request, body.length, etag) : undefined;
  if (range === 'unsatisfiable') {
    response.writeHead(416, { 'content-range': `bytes */${body.length}` }).end();
    return;
  }
  const part = range === undefined ? body : body.subarray(range.start, range.end);
  response.writeHead(range === undefined ? 200 : 206, {
    'content-length': part.length.toString(),
    ...(etag === undefined ? {} : { etag }),
    ...(ranges ? { 'accept-ranges': 'bytes' } : {}),
    ...(range === undefined ? {} : { 'content-range': `bytes ${range.start}-${range.end - 1}/${body.length}` }),
    ...fault.headers,
  });
  if (request.method === 'HEAD') response.end();
  else await send(response, part, fault, seen);
}

function rangeOf(
  request: IncomingMessage,
  length: number,
  etag: string | undefined,
): { start: number; end: number } | 'unsatisfiable' | undefined {
  const parts = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '');
  if (parts === null) return undefined;
  const guard = request.headers['if-range'];
  if (guard !== undefined && guard !== etag) return undefined;
  const start = Number(parts[1]);
  const end = parts[2] === '' ? length : Math.min(length, Number(parts[2]) + 1);
  return start >= length ? 'unsatisfiable' : { start, end };
}

function drained(response: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      response.off('drain', done);
      response.off('close', done);
      resolve();
    };
    response.on('drain', done);
    response.on('close', done);
  });
}

async function send(response: ServerResponse, part: Buffer, fault: Fault, seen: SeenRequest): Promise<void> {
  const limit = Math.min(part.length, fault.cutAfter ?? part.length, fault.stallAfter ?? part.length);
  const step = fault.rate === undefined ? 64 * 1024 : Math.max(1, Math.floor(fault.rate / 50));
  for (let at = 0; at < limit; at += step) {
    if (response.destroyed) return;
    const chunk = part.subarray(at, Math.min(limit, at + step));
    const flushed = response.write(chunk);
    seen.sent += chunk.length;
    if (fault.rate !== undefined) await sleep(20);
    else if (!flushed) await drained(response);
  }
  if (fault.stallAfter !== undefined && limit === fault.stallAfter) return;
  if (limit < part.length) {
    // Let what was written reach the other side before the connection breaks.
    await sleep(30);
    response.destroy();
    return;
  }
  response.end();
}
