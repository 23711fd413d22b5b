import { mkdtemp, rm } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { getRequestListener, type Http2Bindings, type HttpBindings } from '@hono/node-server';
import { loadConfig } from '../../src/config/load.ts';
import type { ConfigOptions } from '../../src/config/settings.ts';
import { ERROR_TABLE, LocalLiteError } from '../../src/errors.ts';
import { createKeys, type Keys } from '../../src/gateway/keys.ts';
import { type Access, createAccess, errorHeaders } from '../../src/http/access.ts';
import { readJson } from '../../src/http/body.ts';
import type { Scope } from '../../src/http/connection.ts';
import { type Listening, listen } from '../../src/http/listen.ts';
import { silentTelemetry } from '../../src/telemetry/create-telemetry.ts';
import { openAiError } from '../../src/wire/openai-error.ts';

/** The gate and the body reader on real sockets, with a route that says who called and what arrived. */
export interface Harness {
  readonly server: Listening;
  readonly keys: Keys;
  readonly runToken: string;
  close(): Promise<void>;
}

export interface HarnessOptions {
  readonly settings?: ConfigOptions;
  /** Told when a request has passed the gate and its body is about to be read. */
  readonly onAdmission?: () => void;
  /** Bodies that were read to their end. */
  readonly onBody?: (value: unknown) => void;
  /** Errors that were answered. */
  readonly onError?: (code: string) => void;
}

const PATH_SCOPES: Readonly<Record<string, Scope>> = { '/public': 'public', '/documents': 'documents', '/admin': 'admin' };

export async function startHarness(options: HarnessOptions = {}): Promise<Harness> {
  const home = await mkdtemp(join(tmpdir(), 'locallite-access-'));
  const { config } = loadConfig({ file: false, options: { home, port: 0, ...options.settings } });
  const keys = await createKeys({ home, apiKey: config.api_key, telemetry: silentTelemetry() });
  const runToken = 'run-token-of-this-harness-0123456789';
  const access = createAccess({ config, keys, runToken });
  const limits = { maxBytes: config.limits.body_bytes, timeoutMs: config.limits.body_timeout * 1000 };
  const requestListener = getRequestListener(async (request, { incoming }: HttpBindings | Http2Bindings) => {
    const connection = { remoteAddress: incoming.socket.remoteAddress ?? '', encrypted: 'encrypted' in incoming.socket, localPort: 0 };
    try {
      const preflight = access.preflight(request, connection);
      if (preflight !== undefined) return preflight;
      const admission = access.check(request, connection, PATH_SCOPES[new URL(request.url).pathname] ?? 'inference');
      options.onAdmission?.();
      const body = request.method === 'GET' ? undefined : await readJson(request, limits, request.signal);
      options.onBody?.(body);
      const answer = { key: admission.keyId ?? null, scopes: admission.scopes, address: admission.client.address, body: body ?? null };
      return Response.json(answer, { headers: access.corsHeaders(request) });
    } catch (thrown) {
      const error = LocalLiteError.from(thrown);
      options.onError?.(error.code);
      return answerError(error, access, request);
    }
  });
  const server = await listen({ requestListener, config, telemetry: silentTelemetry() });
  const close = async () => {
    await server.close(0);
    await keys.close();
    await rm(home, { recursive: true, force: true });
  };
  return { server, keys, runToken, close };
}

function answerError(error: LocalLiteError, access: Access, request: Request): Response {
  const { status, headers, body } = openAiError(error, 'test');
  if (status !== ERROR_TABLE[error.code].status) throw new LocalLiteError('internal', 'the wire changed the status');
  return Response.json(body, { status, headers: { ...headers, ...errorHeaders(error), ...access.corsHeaders(request) } });
}

/** One answer as it came over the wire. */
export interface RawAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string;
}

/** Sends bytes as they are, reads until the other end closes (or `until` says that it is enough), and returns what came. */
export function exchange(
  port: number,
  pieces: string | Buffer | readonly (string | Buffer)[],
  until?: (text: string) => boolean,
): Promise<string> {
  return new Promise((done, fail) => {
    const socket = connect(port, '127.0.0.1');
    let text = '';
    socket.setTimeout(20_000, () => socket.destroy(new LocalLiteError('timed_out', 'the server left the connection open')));
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1');
      if (until?.(text)) socket.destroy();
    });
    socket.on('error', (error) => (text === '' && LocalLiteError.is(error) ? fail(error) : undefined));
    socket.on('close', () => done(text));
    for (const piece of typeof pieces === 'string' || Buffer.isBuffer(pieces) ? [pieces] : pieces) socket.write(piece);
  });
}

/** A raw connection that is left to the test. */
export function open(port: number): Promise<Socket> {
  return new Promise((done, fail) => {
    const socket = connect(port, '127.0.0.1', () => done(socket));
    socket.once('error', fail);
  });
}

/** Takes the first answer of a raw text apart; the status is 0 where there is none. */
export function parseAnswer(raw: string): RawAnswer {
  const end = raw.indexOf('\r\n\r\n');
  const [statusLine = '', ...lines] = raw.slice(0, end).split('\r\n');
  const headers = Object.fromEntries(
    lines.map((line) => [line.slice(0, line.indexOf(':')).toLowerCase(), line.slice(line.indexOf(':') + 1).trim()]),
  );
  return { status: Number(statusLine.split(' ')[1] ?? 0), headers, text: Buffer.from(raw.slice(end + 4), 'latin1').toString('utf8') };
}

export interface CallOptions {
  readonly method?: string;
  readonly path?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Buffer;
}

/** One request with exactly these headers: fetch would not let a test set Host, Origin or Sec-Fetch-Site. */
export async function call(harness: Harness, options: CallOptions = {}): Promise<RawAnswer> {
  const { method = 'POST', path = '/' } = options;
  const body = options.body ?? (method === 'POST' ? '{}' : '');
  const given: Record<string, string> = {
    host: `127.0.0.1:${harness.server.port}`,
    ...(method === 'POST' ? { 'content-type': 'application/json', 'content-length': String(Buffer.byteLength(body)) } : {}),
    connection: 'close',
    ...options.headers,
  };
  const head = Object.entries(given).map(([name, value]) => `${name}: ${value}\r\n`);
  return parseAnswer(await exchange(harness.server.port, [`${method} ${path} HTTP/1.1\r\n${head.join('')}\r\n`, body]));
}

/** `error.code` of an answer in OpenAI's shape. */
export function codeOf(answer: RawAnswer): string {
  const body: unknown = JSON.parse(answer.text);
  if (typeof body !== 'object' || body === null || !('error' in body)) return 'no error';
  const { error } = body;
  if (typeof error !== 'object' || error === null || !('message' in error && 'type' in error && 'param' in error && 'code' in error))
    return 'not in shape';
  return String(error.code);
}
