import { promisify } from 'node:util';
import { brotliDecompress, gunzip, inflate, inflateRaw } from 'node:zlib';
import { LocalLiteError } from '../errors.ts';
import { findJsonFault } from './json-position.ts';

/** Bounds of a body: bytes after inflation, and milliseconds for all of it to arrive. */
export interface BodyLimits {
  readonly maxBytes: number;
  readonly timeoutMs: number;
}

type Encoding = 'identity' | 'gzip' | 'deflate' | 'br';

/** Deepest nesting of arrays and objects; what comes after recurses. */
const MAX_DEPTH = 64;

const gunzipAsync = promisify(gunzip);
const inflateAsync = promisify(inflate);
const inflateRawAsync = promisify(inflateRaw);
const brotliAsync = promisify(brotliDecompress);

/**
 * Reads a body to its end, inflating gzip, deflate and br. Neither the bytes on the wire nor the inflated ones exceed the limit, so a
 * zip bomb costs no more than an honest body.
 * @throws LocalLiteError payload_too_large, request_timeout (the client sends too slowly), unsupported_media_type (another
 * Content-Encoding), invalid_request (bad length, bad compressed data, a cut-off body), cancelled.
 */
export async function readBody(request: Request, limits: BodyLimits, signal?: AbortSignal): Promise<Buffer> {
  const encoding = encodingOf(request.headers);
  const length = lengthOf(request.headers);
  if (length !== undefined && length > limits.maxBytes) throw tooLarge(limits.maxBytes);
  const raw = await receive(request, length, limits, signal);
  return encoding === 'identity' || raw.length === 0 ? raw : await expand(raw, encoding, limits.maxBytes);
}

/**
 * Reads a JSON body; undefined when it is empty. A UTF-8 byte order mark is skipped.
 * @throws LocalLiteError unsupported_media_type (not JSON, not UTF-8), invalid_request with line and column, or for nesting deeper than
 * 64 or a property `__proto__`; and what {@link readBody} throws.
 */
export async function readJson(request: Request, limits: BodyLimits, signal?: AbortSignal): Promise<unknown> {
  requireJsonContent(request.headers);
  const bytes = await readBody(request, limits, signal);
  if (bytes.length === 0) return undefined;
  const value = parse(decode(bytes));
  checkShape(value);
  return value;
}

/**
 * Refuses a content type that a web page may send without asking first (form, text) and everything else that is not JSON.
 * A body without a type passes: only programs send one.
 * @throws LocalLiteError unsupported_media_type
 */
function requireJsonContent(headers: Headers): void {
  const header = headers.get('content-type');
  if (header === null || header.trim() === '') return;
  const [type = '', ...parameters] = header.split(';').map((part) => part.trim().toLowerCase());
  if (!/^application\/(?:[a-z0-9!#$&^_.+-]+\+)?json$/.test(type)) {
    const message = "the body must be JSON: send `Content-Type: application/json` (curl: -H 'Content-Type: application/json')";
    throw new LocalLiteError('unsupported_media_type', message);
  }
  const charset = parameters.find((parameter) => parameter.startsWith('charset='))?.replace(/^charset="?([^"]*)"?$/, '$1');
  if (charset !== undefined && charset !== 'utf-8' && charset !== 'utf8' && charset !== 'us-ascii') {
    throw new LocalLiteError('unsupported_media_type', 'JSON must be sent as UTF-8');
  }
}

function encodingOf(headers: Headers): Encoding {
  const names = (headers.get('content-encoding') ?? '')
    .split(',')
    .map((name) => name.trim().toLowerCase())
    .filter((name) => name !== '' && name !== 'identity');
  const [name = 'identity'] = names;
  if (names.length > 1) throw new LocalLiteError('unsupported_media_type', 'a body may be compressed once, not several times');
  if (name === 'x-gzip') return 'gzip';
  if (name === 'identity' || name === 'gzip' || name === 'deflate' || name === 'br') return name;
  throw new LocalLiteError('unsupported_media_type', 'this Content-Encoding is not known; use gzip, deflate, br or none');
}

function lengthOf(headers: Headers): number | undefined {
  const header = headers.get('content-length');
  if (header === null) return undefined;
  if (!/^\d{1,15}$/.test(header)) throw new LocalLiteError('invalid_request', 'the Content-Length header is not a number');
  return Number(header);
}

/** Receives the bytes as they are on the wire, giving up on time-out, abort and excess. */
async function receive(request: Request, length: number | undefined, limits: BodyLimits, signal: AbortSignal | undefined): Promise<Buffer> {
  if (signal?.aborted) throw cancelled();
  if (length === 0) return Buffer.alloc(0);
  const bounded = length !== undefined && !request.headers.has('transfer-encoding');
  if (!bounded && request.body === null) return Buffer.alloc(0);
  let timer: NodeJS.Timeout | undefined;
  let onAbort: (() => void) | undefined;
  const stopped = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(tooSlow(limits.timeoutMs)), limits.timeoutMs);
    onAbort = () => reject(cancelled());
    signal?.addEventListener('abort', onAbort, { once: true });
  });
  try {
    // With a length, the parser below stops at it, and the whole is handed over at once, which is faster than a stream.
    return bounded ? Buffer.from(await Promise.race([whole(request), stopped])) : await collect(request, limits.maxBytes, stopped);
  } finally {
    clearTimeout(timer);
    if (onAbort !== undefined) signal?.removeEventListener('abort', onAbort);
  }
}

function whole(request: Request): Promise<ArrayBuffer> {
  return request.arrayBuffer().catch((cause: unknown) => {
    throw cutOff(cause);
  });
}

async function collect(request: Request, maxBytes: number, stopped: Promise<never>): Promise<Buffer> {
  const reader = request.body?.getReader();
  if (reader === undefined) return Buffer.alloc(0);
  const chunks: Uint8Array[] = [];
  let size = 0;
  try {
    for (;;) {
      const read = reader.read().catch((cause: unknown) => {
        throw cutOff(cause);
      });
      const { done, value } = await Promise.race([read, stopped]);
      if (done) return Buffer.concat(chunks, size);
      size += value.byteLength;
      if (size > maxBytes) throw tooLarge(maxBytes);
      chunks.push(value);
    }
  } catch (error) {
    // Nobody reads on; what the other end makes of that does not matter here.
    reader.cancel(error).catch(() => undefined);
    throw error;
  }
}

async function expand(bytes: Buffer, encoding: Exclude<Encoding, 'identity'>, maxBytes: number): Promise<Buffer> {
  const options = { maxOutputLength: maxBytes };
  try {
    if (encoding === 'br') return await brotliAsync(bytes, options);
    if (encoding === 'gzip') return await gunzipAsync(bytes, options);
    // "deflate" means the zlib format (RFC 9110, 8.4.1.2); some clients send the bare stream, whose first byte is no zlib header.
    const hasHeader = ((bytes[0] ?? 0) & 0x0f) === 8 && bytes.length > 1 && bytes.readUInt16BE(0) % 31 === 0;
    return await (hasHeader ? inflateAsync : inflateRawAsync)(bytes, options);
  } catch (cause) {
    if (cause instanceof RangeError) throw tooLarge(maxBytes);
    throw new LocalLiteError('invalid_request', `the body is not valid ${encoding} data`, { cause });
  }
}

function decode(bytes: Buffer): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new LocalLiteError('invalid_request', 'the body is not valid UTF-8', { cause });
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // Node's own message quotes the body, which must not reach a log.
    const fault = findJsonFault(text);
    const where = fault === undefined ? '' : ` (line ${fault.line}, column ${fault.column}: ${fault.problem})`;
    throw new LocalLiteError('invalid_request', `the body is not valid JSON${where}`);
  }
}

/** Bounds nesting, without recursion, and refuses the one key that can change an object's prototype when it is copied. */
function checkShape(root: unknown): void {
  let level: object[] = typeof root === 'object' && root !== null ? [root] : [];
  for (let depth = 1; level.length > 0; depth += 1) {
    if (depth > MAX_DEPTH) throw new LocalLiteError('invalid_request', `the body nests arrays and objects deeper than ${MAX_DEPTH} levels`);
    const next: object[] = [];
    for (const container of level) addContainers(container, next);
    level = next;
  }
}

function addContainers(container: object, found: object[]): void {
  if (!Array.isArray(container) && Object.hasOwn(container, '__proto__')) {
    throw new LocalLiteError('invalid_request', 'a property must not be named __proto__', { param: '__proto__' });
  }
  const values: readonly unknown[] = Array.isArray(container) ? container : Object.values(container);
  for (const value of values) {
    if (typeof value === 'object' && value !== null) found.push(value);
  }
}

function tooLarge(maxBytes: number): LocalLiteError {
  return new LocalLiteError(
    'payload_too_large',
    `the body is larger than ${maxBytes} bytes (setting limits.body_bytes, counted after decompression)`,
  );
}

function tooSlow(timeoutMs: number): LocalLiteError {
  return new LocalLiteError('request_timeout', `the body did not arrive within ${timeoutMs / 1000} s (setting limits.body_timeout)`);
}

function cutOff(cause: unknown): LocalLiteError {
  if (LocalLiteError.is(cause)) return cause;
  return new LocalLiteError('cancelled', 'the connection ended before the body did', { cause });
}

function cancelled(): LocalLiteError {
  return new LocalLiteError('cancelled', 'the client gave up before its request was read');
}
