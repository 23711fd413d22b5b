import { type IncomingMessage, request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import { basename } from 'node:path';
import { pipeline, type Readable } from 'node:stream';
import { createBrotliDecompress, createGunzip } from 'node:zlib';
import { LocalLiteError } from '../errors.ts';
import { checkHost, isSpecialAddress, publicLookup } from './addresses.ts';

/** Rules for fetching a document that somebody named. */
export interface FetchRules {
  readonly allowPrivate: boolean;
  /** Then only loopback is reached. */
  readonly offline: boolean;
  readonly maxBytes: number;
  readonly timeoutMs: number;
}

/** A fetched document. */
export interface FetchedDocument {
  readonly bytes: Uint8Array;
  readonly name: string;
  readonly mediaType: string | undefined;
}

const MOST_REDIRECTS = 5;

/**
 * Fetches one document over HTTP or HTTPS: no credentials, every redirect checked like the first address, bounded in size (after
 * decompression) and time.
 * @throws LocalLiteError forbidden (an address that may not be asked), offline, payload_too_large, timed_out, unreachable, invalid_request
 */
export async function fetchDocument(address: string, rules: FetchRules, signal?: AbortSignal): Promise<FetchedDocument> {
  const deadline = AbortSignal.timeout(rules.timeoutMs);
  const stop = signal === undefined ? deadline : AbortSignal.any([signal, deadline]);
  try {
    let url = readAddress(address);
    for (let hop = 0; hop <= MOST_REDIRECTS; hop++) {
      const response = await ask(url, rules, stop);
      const next = redirectOf(response, url);
      if (next === undefined) return await receive(response, url, rules.maxBytes);
      response.destroy();
      url = next;
    }
    throw new LocalLiteError('unreachable', `${address} redirects more than ${MOST_REDIRECTS} times`, { param: 'url' });
  } catch (error) {
    if (signal?.aborted) throw new LocalLiteError('cancelled', `fetching ${address} was cancelled`, { cause: error });
    if (deadline.aborted)
      throw new LocalLiteError('timed_out', `${address} did not answer within ${rules.timeoutMs / 1000} s`, { param: 'url', cause: error });
    throw LocalLiteError.from(causeOf(error), 'unreachable');
  }
}

function readAddress(address: string): URL {
  const url = URL.canParse(address) ? new URL(address) : undefined;
  if (url !== undefined && (url.protocol === 'http:' || url.protocol === 'https:') && url.username === '' && url.password === '')
    return url;
  throw new LocalLiteError(
    'invalid_request',
    `${JSON.stringify(address)} is not an address that starts with http:// or https:// and holds no password`,
    { param: 'url' },
  );
}

/** The lookup's refusal comes wrapped by the connection. */
function causeOf(error: unknown): unknown {
  return error instanceof Error && LocalLiteError.is(error.cause) ? error.cause : error;
}

function ask(url: URL, rules: FetchRules, signal: AbortSignal): Promise<IncomingMessage> {
  const host = url.hostname.replace(/^\[|\]$/g, '');
  const isLoopback = host === 'localhost' || (isSpecialAddress(host) && /^(127\.|::1$)/.test(host));
  if (rules.offline && !isLoopback)
    throw new LocalLiteError('offline', `${url.host} was not asked: the gateway is offline (\`offline: true\`)`);
  if (!rules.allowPrivate) checkHost(url.hostname);
  const send = url.protocol === 'https:' ? requestHttps : requestHttp;
  const headers = { accept: '*/*', 'accept-encoding': 'gzip, br, identity', 'user-agent': 'LocalLite' };
  return new Promise((resolve, reject) => {
    // No shared agent: a kept connection would have been checked under other rules.
    const request = send(url, { agent: false, headers, signal, ...(rules.allowPrivate ? {} : { lookup: publicLookup }) }, resolve);
    request.once('error', reject);
    request.end();
  });
}

function redirectOf({ statusCode = 0, headers }: IncomingMessage, from: URL): URL | undefined {
  if (![301, 302, 303, 307, 308].includes(statusCode) || headers.location === undefined) return undefined;
  return readAddress(new URL(headers.location, from).href);
}

async function receive(response: IncomingMessage, url: URL, maxBytes: number): Promise<FetchedDocument> {
  const { statusCode = 0, headers } = response;
  if (statusCode !== 200) {
    response.destroy();
    throw new LocalLiteError('unreachable', `${url.href} answered with status ${statusCode}`, { param: 'url' });
  }
  const parts: Buffer[] = [];
  let size = 0;
  for await (const part of inflated(response) as AsyncIterable<Buffer>) {
    size += part.length;
    if (size > maxBytes) {
      throw new LocalLiteError('payload_too_large', `${url.href} is larger than ${maxBytes} bytes (limits.upload_bytes)`, { param: 'url' });
    }
    parts.push(part);
  }
  return {
    bytes: Buffer.concat(parts),
    name: nameOf(url, headers['content-disposition']),
    mediaType: headers['content-type']?.split(';')[0]?.trim(),
  };
}

/** The body as it was before it was compressed for the way; it ends with an error when the answer does. */
function inflated(response: IncomingMessage): Readable {
  const inflate = { gzip: createGunzip, 'x-gzip': createGunzip, br: createBrotliDecompress }[response.headers['content-encoding'] ?? ''];
  return inflate === undefined ? response : pipeline(response, inflate(), () => undefined);
}

function nameOf(url: URL, disposition: string | undefined): string {
  const given = /filename="?([^";]+)"?/i.exec(disposition ?? '')?.[1];
  return basename(given ?? decoded(url.pathname)) || url.hostname;
}

function decoded(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}
