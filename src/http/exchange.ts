import { randomUUID } from 'node:crypto';
import { LocalLiteError } from '../errors.ts';
import type { Gateway } from '../gateway/gateway-types.ts';
import type { Keys } from '../gateway/keys.ts';
import type { ErrorShape } from '../wire/error-shape.ts';
import { type Access, errorHeaders, SECURITY_HEADERS } from './access.ts';
import { readJson } from './body.ts';
import type { Caller, Connection } from './connection.ts';
import { type FormLimits, readForm } from './form.ts';
import { rateLimitHeaders } from './limits.ts';
import { readLines } from './lines.ts';
import { observe, serverTiming } from './observe.ts';
import { type Draft, draftError, draftReply } from './respond.ts';
import type { Report, Route, RouteContext } from './route.ts';

/** What answering a request takes. */
export interface ExchangeOptions {
  readonly gateway: Gateway;
  readonly keys: Pick<Keys, 'list' | 'create' | 'revoke'>;
  readonly access: Access;
  readonly version: string;
  /** Aborts when the server begins to stop: event streams end, other requests are let finish. */
  readonly stopping?: AbortSignal;
  readonly openApi: () => object;
}

/** Where a request goes: a route and its path's parameters, or, where no route is, an error that says so. */
export type Target =
  | { readonly route: Route; readonly params: Readonly<Record<string, string>> }
  | { readonly missing: LocalLiteError; readonly allow: readonly string[]; readonly errors?: ErrorShape };

/** Answers one request; always, and never throws. */
export type Exchange = (request: Request, connection: Connection, target: Target) => Promise<Response>;

/** How a request went, for counting and for the headers that every answer carries. */
interface Result {
  readonly draft: Draft;
  readonly error?: LocalLiteError;
  readonly ignored?: readonly string[];
  readonly report?: Report | undefined;
}

const KNOWN_METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'OPTIONS', 'PATCH']);
const REQUEST_ID = /^[\w.:/+=-]{1,128}$/;
// Some proxies refuse a header much longer than this.
const MAX_HEADER_CHARACTERS = 2000;

/**
 * Makes the one function that every request goes through: access, route, errors, headers, and one count and one log line each.
 */
export function createExchange(options: ExchangeOptions): Exchange {
  const { gateway, access } = options;
  return async (request, connection, target) => {
    const started = performance.now();
    const requestId = requestIdOf(request);
    let caller: Caller | undefined;
    const admitted = (who: Caller): void => {
      caller = who;
    };
    const result = await answer(options, request, { connection, target, admitted }).catch((thrown: unknown) =>
      fail(options, request, requestId, target, thrown),
    );
    const seconds = (performance.now() - started) / 1000;
    observe(gateway.telemetry, {
      requestId,
      method: KNOWN_METHODS.has(request.method) ? request.method : 'other',
      route: 'route' in target ? target.route.path : 'unmatched',
      status: result.draft.status,
      seconds,
      keyId: caller?.keyId,
      error: result.error?.code,
      report: result.report,
    });
    const headers = {
      ...SECURITY_HEADERS,
      ...access.corsHeaders(request),
      'x-request-id': requestId,
      'server-timing': serverTiming(seconds, result.report),
      ...ignoredHeader(result.ignored),
      ...result.draft.headers,
    };
    return new Response(result.draft.body, { status: result.draft.status, headers });
  };
}

interface Arrival {
  readonly connection: Connection;
  readonly target: Target;
  /** Told who called as soon as that is known, for the log line of a request that fails later. */
  readonly admitted: (caller: Caller) => void;
}

async function answer(options: ExchangeOptions, request: Request, { connection, target, admitted }: Arrival): Promise<Result> {
  const { gateway, access } = options;
  if (!('route' in target)) {
    access.check(request, connection, 'public');
    throw target.missing;
  }
  const admission = access.check(request, connection, target.route.scope);
  admitted(admission);
  const { config } = gateway;
  const limits = { maxBytes: config.limits.body_bytes, timeoutMs: config.limits.body_timeout * 1000 };
  const context: RouteContext = { ...options, signal: request.signal };
  const raw = {
    params: target.params,
    query: queryOf(request.url),
    readBody: () => readJson(request, limits, request.signal),
    readForm: (file: string) => readForm(request, file, formLimits(config.limits), request.signal),
    lines: () => readLines(request, { maxLineBytes: config.limits.upload_bytes, idleMs: limits.timeoutMs }, request.signal),
    unknownFields: config.unknown_fields,
  };
  const { reply, ignored } = await target.route.run(raw, context);
  const draft = draftReply(reply, () => streamSignal(request, options.stopping), request.method === 'HEAD');
  const rate = admission.rate === undefined ? {} : rateLimitHeaders(admission.rate);
  return { draft: { ...draft, headers: { ...rate, ...draft.headers } }, ignored, report: reply.report };
}

/** A field of a form may be as long as an input. */
function formLimits({ upload_bytes, input_bytes, body_timeout }: Gateway['config']['limits']): FormLimits {
  return { maxFileBytes: upload_bytes, maxFieldBytes: input_bytes, idleMs: body_timeout * 1000 };
}

/** Only event streams need it, and a joined signal costs memory for as long as the server runs. */
function streamSignal(request: Request, stopping: AbortSignal | undefined): AbortSignal {
  return stopping === undefined ? request.signal : AbortSignal.any([request.signal, stopping]);
}

function fail(options: ExchangeOptions, request: Request, requestId: string, target: Target, thrown: unknown): Result {
  const error = toKnown(thrown, request.signal);
  if (error.code === 'internal') options.gateway.telemetry.log.error('request_failed', { request_id: requestId, ...traceOf(thrown) });
  const draft = draftError(error, requestId, 'route' in target ? target.route.errors : target.errors);
  const allow = 'route' in target || target.allow.length === 0 ? {} : { allow: target.allow.join(', ') };
  return { draft: { ...draft, headers: { ...draft.headers, ...errorHeaders(error), ...allow } }, error };
}

/** Whatever was thrown because the client went away is `cancelled`; anything else that is not ours is a mistake of ours. */
function toKnown(thrown: unknown, signal: AbortSignal): LocalLiteError {
  if (LocalLiteError.is(thrown)) return thrown;
  return LocalLiteError.from(thrown, signal.aborted ? 'cancelled' : 'internal');
}

/** Where an unexpected exception came from, without its message, which may quote what a client sent. */
function traceOf(thrown: unknown): Readonly<Record<string, unknown>> {
  if (!(thrown instanceof Error)) return { thrown: typeof thrown };
  const origin = LocalLiteError.is(thrown) && thrown.cause instanceof Error ? thrown.cause : thrown;
  const frames = (origin.stack ?? '').split('\n').filter((line) => /^\s+at /.test(line));
  return { name: origin.name, stack: frames.map((line) => line.trim()) };
}

function requestIdOf(request: Request): string {
  const given = request.headers.get('x-request-id');
  return given !== null && REQUEST_ID.test(given) ? given : randomUUID();
}

const NO_QUERY = new URLSearchParams();

function queryOf(url: string): URLSearchParams {
  const start = url.indexOf('?');
  return start === -1 ? NO_QUERY : new URL(url).searchParams;
}

function ignoredHeader(ignored: readonly string[] | undefined): Readonly<Record<string, string>> {
  if (ignored === undefined || ignored.length === 0) return {};
  const names = ignored.map((name) => name.replaceAll(/[^\x21-\x2b\x2d-\x7e]/g, '?'));
  return { 'x-locallite-ignored': names.join(', ').slice(0, MAX_HEADER_CHARACTERS).trim() };
}
