import { LocalLiteError } from '../errors.ts';
import { errorFromAnswer, errorFromFetch } from './api-error.ts';
import { type Failure, mayRetry, retryDelayMs, wait } from './retry.ts';
import { growing, sendForm, type UploadProgress } from './upload.ts';

/** What every call accepts beside its own arguments. */
export interface CallOptions {
  /** Aborting it ends the call with the code `cancelled`; a waiting request frees its place in the server's queue. */
  readonly signal?: AbortSignal;
  /** Milliseconds each try may take, answer included. Absent: the client's. */
  readonly timeoutMs?: number;
  /** Further tries after the first. Absent: the client's. */
  readonly retries?: number;
}

/** How to reach a gateway. */
export interface ClientOptions {
  /** Where the gateway is. Default `http://127.0.0.1:11435`; a trailing `/v1` is accepted and dropped. */
  readonly baseUrl?: string;
  /** Sent as `Authorization: Bearer …`. Needed only where the gateway asks for one. */
  readonly apiKey?: string;
  /** Milliseconds each try may take, answer included. Default 300,000. */
  readonly timeoutMs?: number;
  /** Further tries after the first, for failures that may pass. Default 2. */
  readonly retries?: number;
  /** Another `fetch`, e.g. one that goes through a proxy. Default: the global one. */
  readonly fetch?: typeof fetch;
  /** Model of calls that name none. Default `all-MiniLM-L6-v2`. */
  readonly model?: string;
}

/** One request to the gateway. */
export interface Call extends CallOptions {
  readonly method: 'GET' | 'POST' | 'DELETE' | 'PUT';
  /** Begins with a slash. */
  readonly path: string;
  /** Sent as JSON. */
  readonly body?: unknown;
  /** Sent as a form instead. */
  readonly form?: FormData;
  /** Of the file in the form; whoever wants to know how far it is. */
  readonly upload?: { readonly total: number; readonly onProgress: (progress: UploadProgress) => void };
  /** Sent as it is, with a `content-type` of its own in `headers`. */
  readonly raw?: string | Blob;
  readonly headers?: Readonly<Record<string, string>>;
  /** Doing it twice is the same as doing it once, so it is tried again after a broken connection or a time-out. Default: for GET. */
  readonly repeatable?: boolean;
  /** A status of 400 or above that carries an answer, not an error. */
  readonly alsoOk?: number;
}

/** How a try goes beside its call. */
interface Try {
  /** The answer is read by the caller, at his own pace. */
  readonly openEnded: boolean;
  readonly tell: ((sent: number) => void) | undefined;
}

const DEFAULT_TIMEOUT_MS = 300_000;
const DEFAULT_RETRIES = 2;
const LONGEST_TIMER_MS = 2_147_483_647;

/** Sends requests: base address, key, time-outs, retries, errors. Knows nothing of what they mean. */
export class Transport {
  readonly baseUrl: string;
  readonly #headers: Readonly<Record<string, string>>;
  readonly #timeoutMs: number;
  readonly #retries: number;
  readonly #fetch: typeof fetch;
  readonly #isGlobalFetch: boolean;

  /** @throws LocalLiteError invalid_request for an option that makes no sense, with its name in `param` */
  constructor(options: ClientOptions) {
    this.baseUrl = checkedBaseUrl(options.baseUrl ?? 'http://127.0.0.1:11435');
    this.#headers = options.apiKey ? { authorization: `Bearer ${checkedKey(options.apiKey)}` } : {};
    this.#timeoutMs = checkedTimeout(options.timeoutMs ?? DEFAULT_TIMEOUT_MS);
    this.#retries = checkedRetries(options.retries ?? DEFAULT_RETRIES);
    this.#isGlobalFetch = options.fetch === undefined;
    // Browsers refuse a `fetch` that is called as a method of another object.
    this.#fetch = options.fetch ?? ((input, init) => globalThis.fetch(input, init));
  }

  /** The answer's JSON. Trusted to have the shape `T`: the server's own schemas say so. */
  async json<T>(call: Call): Promise<T> {
    return this.#retrying(call, async (response) => parseJson(await response.text(), response) as T);
  }

  /** The answer's text, e.g. of `/metrics`. */
  async text(call: Call): Promise<string> {
    return this.#retrying(call, (response) => response.text());
  }

  /** The answer's body while it arrives. The time-out covers the time to its head only; `signal` ends it at any time. */
  async stream(call: Call): Promise<ReadableStream<Uint8Array>> {
    const response = await this.#retrying(call, async (answer) => answer, true);
    if (response.body === null) throw new LocalLiteError('internal', `${call.path} answered without a body`);
    return response.body;
  }

  async #retrying<T>(call: Call, read: (response: Response) => Promise<T>, openEnded = false): Promise<T> {
    const retries = call.retries === undefined ? this.#retries : checkedRetries(call.retries);
    const repeatable = call.repeatable ?? call.method === 'GET';
    const tell = call.upload && growing(call.upload.total, call.upload.onProgress);
    for (let attempt = 0; ; attempt++) {
      if (call.signal?.aborted) throw cancelled(call.signal);
      const outcome = await this.#try(call, read, { openEnded, tell });
      if ('value' in outcome) {
        if (call.upload !== undefined) tell?.(call.upload.total);
        return outcome.value;
      }
      if (attempt >= retries || !mayRetry(outcome, repeatable)) throw outcome.error;
      await wait(retryDelayMs(attempt, outcome.error.retryAfterSeconds), call.signal);
    }
  }

  async #try<T>(call: Call, read: (response: Response) => Promise<T>, { openEnded, tell }: Try): Promise<{ readonly value: T } | Failure> {
    const timeoutMs = call.timeoutMs === undefined ? this.#timeoutMs : checkedTimeout(call.timeoutMs);
    const abort = new AbortController();
    const onAbort = (): void => abort.abort(call.signal?.reason);
    call.signal?.addEventListener('abort', onAbort, { once: true });
    let timedOut = false;
    const timer = setTimeout(() => {
      timedOut = true;
      abort.abort();
    }, timeoutMs);
    const url = this.baseUrl + call.path;
    let keepListening = false;
    try {
      const response = await this.#send(url, call, { signal: abort.signal, tell });
      if (!response.ok && response.status !== call.alsoOk)
        return { error: errorFromAnswer(response, await response.text()), neverSent: false };
      const value = await read(response);
      keepListening = openEnded;
      return { value };
    } catch (cause) {
      if (LocalLiteError.is(cause)) return { error: cause, neverSent: false };
      if (call.signal?.aborted) return { error: cancelled(call.signal), neverSent: false };
      if (timedOut) return { error: timedOutError(call.path, timeoutMs), neverSent: false };
      return errorFromFetch(cause, url);
    } finally {
      clearTimeout(timer);
      if (!keepListening) call.signal?.removeEventListener('abort', onAbort);
    }
  }

  #send(url: string, call: Call, { signal, tell }: Pick<Try, 'tell'> & { readonly signal: AbortSignal }): Promise<Response> {
    const init = this.#init(call, signal);
    if (call.form === undefined || tell === undefined) return this.#fetch(url, init);
    return sendForm({ fetch: this.#fetch, isGlobalFetch: this.#isGlobalFetch, url, init, form: call.form, tell });
  }

  #init(call: Call, signal: AbortSignal): RequestInit {
    const hasBody = call.body !== undefined;
    return {
      method: call.method,
      headers: { accept: 'application/json', ...this.#headers, ...(hasBody && { 'content-type': 'application/json' }), ...call.headers },
      ...(hasBody && { body: JSON.stringify(call.body) }),
      ...(call.form !== undefined && { body: call.form }),
      ...(call.raw !== undefined && { body: call.raw }),
      signal,
    };
  }
}

function parseJson(text: string, response: Response): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    const message = `${response.url || 'the server'} answered with something other than JSON; is baseUrl the address of a LocalLite gateway?`;
    throw new LocalLiteError('internal', message, { cause, status: response.status });
  }
}

function cancelled(signal: AbortSignal): LocalLiteError {
  return new LocalLiteError('cancelled', 'the call was aborted by its signal', { cause: signal.reason });
}

function timedOutError(path: string, timeoutMs: number): LocalLiteError {
  return new LocalLiteError('timed_out', `${path} did not answer within ${timeoutMs} ms; a longer timeoutMs gives it more time`);
}

function checkedBaseUrl(baseUrl: string): string {
  const parsed = URL.canParse(baseUrl) ? new URL(baseUrl) : undefined;
  if (parsed === undefined || !/^https?:$/.test(parsed.protocol))
    throw badOption('baseUrl', 'an http or https address like http://127.0.0.1:11435');
  if (parsed.username !== '' || parsed.password !== '')
    throw badOption('baseUrl', 'an address without a user name; give the key as apiKey');
  return (parsed.origin + parsed.pathname).replace(/\/+$/, '').replace(/\/v1$/, '');
}

function checkedKey(apiKey: string): string {
  if (!/^[\x21-\x7e]+$/.test(apiKey)) throw badOption('apiKey', 'printable ASCII without spaces or line breaks');
  return apiKey;
}

function checkedTimeout(timeoutMs: number): number {
  if (!(timeoutMs > 0)) throw badOption('timeoutMs', 'a positive number of milliseconds');
  return Math.min(timeoutMs, LONGEST_TIMER_MS);
}

function checkedRetries(retries: number): number {
  if (!Number.isInteger(retries) || retries < 0) throw badOption('retries', 'a whole number, 0 for none');
  return retries;
}

function badOption(name: string, right: string): LocalLiteError {
  return new LocalLiteError('invalid_request', `${name} must be ${right}`, { param: name });
}
