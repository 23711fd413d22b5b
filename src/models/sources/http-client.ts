import type { Readable } from 'node:stream';
import type { Dispatcher } from 'undici';
import { LocalLiteError } from '../../errors.ts';
import { SourceFailure } from './failure.ts';

/** How one source reaches its hosts. Absent fields mean: no proxy, the system's certificates, no credentials. */
export interface HttpSettings {
  readonly httpProxy?: string | undefined;
  readonly httpsProxy?: string | undefined;
  /** Comma-separated hosts that are reached without the proxy. */
  readonly noProxy?: string | undefined;
  /** PEM certificates to trust instead of the built-in ones. */
  readonly certificates?: readonly string[] | undefined;
  /** Hosts (`name` or `name:port`) whose certificate is not checked, or `'all'`. */
  readonly trustedHosts?: readonly string[] | 'all' | undefined;
  /** The Authorization header for this very address; called again for each redirect, so that no other host sees it. */
  readonly authorization?: ((url: URL) => string | undefined) | undefined;
  /** Milliseconds without a byte after which a transfer counts as cut. */
  readonly stallTimeoutMs: number;
  /** Milliseconds to get a connection. */
  readonly connectTimeoutMs?: number | undefined;
}

/** What came back. `url` is the last one after redirects; the body must be read or destroyed. */
export interface HttpAnswer {
  readonly status: number;
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Readable;
}

export interface HttpRequest {
  readonly method?: 'GET' | 'HEAD';
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
  /** `same-host` stops at a redirect to another host and returns that answer. */
  readonly redirects?: 'follow' | 'same-host';
}

const MAX_REDIRECTS = 8;
const MAX_TEXT_BYTES = 64 * 1024 * 1024;
const USER_AGENT = 'locallite';

/** HTTP for one source: proxies, certificates, credentials by host, redirects that leak nothing, named failures. Close it when done. */
export interface HttpClient {
  /** Any answer below 400; a higher one throws {@link SourceFailure}. */
  send(url: string, options: HttpRequest): Promise<HttpAnswer>;
  /** The whole body as text (at most 64 MiB), with its headers. */
  text(
    url: string,
    options: HttpRequest,
  ): Promise<{ readonly text: string; readonly headers: Readonly<Record<string, string>>; readonly url: URL }>;
  close(): Promise<void>;
}

function flatten(headers: Record<string, string | string[] | undefined>): Record<string, string> {
  const flat: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers)) {
    if (value !== undefined) flat[name.toLowerCase()] = Array.isArray(value) ? value.join(', ') : value;
  }
  return flat;
}

async function dispatcherFor(settings: HttpSettings, checkCertificates: boolean): Promise<Dispatcher> {
  const { Agent, EnvHttpProxyAgent } = await loadClient();
  const tls = {
    rejectUnauthorized: checkCertificates,
    ...(settings.certificates === undefined ? {} : { ca: [...settings.certificates] }),
  };
  const timeouts = { headersTimeout: settings.stallTimeoutMs, bodyTimeout: settings.stallTimeoutMs };
  const connect = { ...tls, timeout: settings.connectTimeoutMs ?? 10_000 };
  if (!settings.httpProxy && !settings.httpsProxy) return new Agent({ ...timeouts, connect });
  return new EnvHttpProxyAgent({
    ...timeouts,
    connect,
    requestTls: connect,
    proxyTls: connect,
    httpProxy: settings.httpProxy ?? '',
    httpsProxy: settings.httpsProxy ?? '',
    noProxy: settings.noProxy ?? '',
  });
}

/** Read when something is fetched: a gateway whose models are installed starts without it. */
function loadClient(): Promise<typeof import('undici')> {
  return import('undici');
}

function isTrusted(settings: HttpSettings, url: URL): boolean {
  if (settings.trustedHosts === 'all') return true;
  return settings.trustedHosts?.some((host) => host === url.host || host === url.hostname) ?? false;
}

const codeOf = (error: unknown): string => {
  if (typeof error !== 'object' || error === null) return '';
  if ('code' in error && typeof error.code === 'string') return error.code;
  return 'cause' in error ? codeOf(error.cause) : '';
};

const NOT_CONNECTED = new Set([
  'ENOTFOUND',
  'EAI_AGAIN',
  'ECONNREFUSED',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'UND_ERR_CONNECT_TIMEOUT',
  'ENETDOWN',
]);

/** Names what went wrong on the wire: no connection, a bad certificate, or a transfer that broke. */
export function describeTransferError(error: unknown, url: URL, signal: AbortSignal): LocalLiteError {
  if (signal.aborted) return new LocalLiteError('cancelled', 'the pull was cancelled', { cause: error });
  if (LocalLiteError.is(error)) return error;
  const code = codeOf(error);
  const reason = code || (error instanceof Error ? error.message : String(error));
  if (NOT_CONNECTED.has(code))
    return new SourceFailure('unreachable', `cannot reach ${url.host} (${reason})`, { transient: true, cause: error });
  if (/CERT|SELF_SIGNED|UNABLE_TO_|ERR_TLS/.test(code)) {
    return new SourceFailure('unreachable', `the certificate of ${url.host} is not trusted (${reason})`, { cause: error });
  }
  if (code === 'ERR_INVALID_URL' || code === 'UND_ERR_INVALID_ARG')
    return new SourceFailure('unreachable', `the proxy for ${url.host} is not an address`, { cause: error });
  const stalled = code === 'UND_ERR_BODY_TIMEOUT' || code === 'UND_ERR_HEADERS_TIMEOUT';
  const what = stalled ? `${url.host} sent nothing for too long` : `the connection to ${url.host} broke`;
  return new SourceFailure('cut', `${what} (${reason})`, { transient: true, cause: error });
}

/** Seconds that a Retry-After header asks for (RFC 9110, section 10.2.3: seconds or a date). */
export function retryAfterSeconds(value: string | undefined, now = Date.now()): number | undefined {
  if (value === undefined) return undefined;
  if (/^\d+$/.test(value.trim())) return Number(value);
  const date = Date.parse(value);
  return Number.isNaN(date) ? undefined : Math.max(0, (date - now) / 1000);
}

function failureOf(status: number, url: URL, headers: Readonly<Record<string, string>>): SourceFailure {
  const where = `${url.host} answered ${status}`;
  const note = headers['x-error-message'] === undefined ? '' : `: ${headers['x-error-message'].slice(0, 200)}`;
  if (status === 401 || status === 403) {
    return new SourceFailure('denied', `${where}${note || ' (a token is needed, or this one has no access)'}`);
  }
  if (status === 404 || status === 410) return new SourceFailure('missing', `${where} for ${url.pathname}${note}`);
  const transient = status >= 500 || status === 408 || status === 425 || status === 429;
  const wait = retryAfterSeconds(headers['retry-after']);
  return new SourceFailure('refused', `${where}${note}`, { transient, ...(wait === undefined ? {} : { retryAfterSeconds: wait }) });
}

function nextAddress(from: URL, location: string | undefined): URL {
  if (location === undefined) throw new SourceFailure('refused', `${from.host} redirected without saying where`);
  const to = new URL(location, from);
  if (to.protocol !== 'http:' && to.protocol !== 'https:') {
    throw new SourceFailure('refused', `${from.host} redirected to a ${to.protocol} address`);
  }
  if (from.protocol === 'https:' && to.protocol === 'http:') {
    throw new SourceFailure('refused', `${from.host} redirected from https to plain http (${to.host})`);
  }
  return to;
}

/** Opens nothing until the first request. */
export function createHttpClient(settings: HttpSettings): HttpClient {
  let checked: Promise<Dispatcher> | undefined;
  let unchecked: Promise<Dispatcher> | undefined;

  const dispatcher = (url: URL): Promise<Dispatcher> => {
    if (isTrusted(settings, url)) {
      unchecked ??= dispatcherFor(settings, false);
      return unchecked;
    }
    checked ??= dispatcherFor(settings, true);
    return checked;
  };

  const hop = async (url: URL, options: HttpRequest): Promise<HttpAnswer> => {
    const authorization = settings.authorization?.(url);
    try {
      const { request } = await loadClient();
      const answer = await request(url, {
        method: options.method ?? 'GET',
        dispatcher: await dispatcher(url),
        signal: options.signal,
        headers: {
          'user-agent': USER_AGENT,
          'accept-encoding': 'identity',
          ...options.headers,
          ...(authorization === undefined ? {} : { authorization }),
        },
      });
      return { status: answer.statusCode, url, headers: flatten(answer.headers), body: answer.body };
    } catch (error) {
      throw describeTransferError(error, url, options.signal);
    }
  };

  const send = async (address: string, options: HttpRequest): Promise<HttpAnswer> => {
    let url = new URL(address);
    for (let redirects = 0; redirects <= MAX_REDIRECTS; redirects += 1) {
      const answer = await hop(url, options);
      if (answer.status < 300) return answer;
      if (answer.status < 400) {
        const to = nextAddress(url, answer.headers['location']);
        if (options.redirects === 'same-host' && to.host !== url.host) return answer;
        discard(answer);
        url = to;
        continue;
      }
      discard(answer);
      throw failureOf(answer.status, url, answer.headers);
    }
    throw new SourceFailure('refused', `${url.host} redirected more than ${MAX_REDIRECTS} times`);
  };

  const text = async (address: string, options: HttpRequest) => {
    const answer = await send(address, options);
    try {
      const chunks: Buffer[] = [];
      let size = 0;
      for await (const chunk of answer.body) {
        size += chunk.length;
        if (size > MAX_TEXT_BYTES)
          throw new SourceFailure('refused', `${answer.url.host} sent more than 64 MiB for ${answer.url.pathname}`);
        chunks.push(chunk);
      }
      return { text: Buffer.concat(chunks).toString('utf8'), headers: answer.headers, url: answer.url };
    } catch (error) {
      throw describeTransferError(error, answer.url, options.signal);
    } finally {
      discard(answer);
    }
  };

  const close = async (): Promise<void> => {
    await Promise.all([checked, unchecked].map(async (opened) => (await opened)?.destroy()));
  };
  return { send, text, close };
}

/** Drops an answer whose body nobody wants, together with its connection. */
export function discard(answer: HttpAnswer): void {
  answer.body.on('error', () => undefined);
  answer.body.destroy();
}
