import type { RequestListener } from 'node:http';
import { getRequestListener, type Http2Bindings, type HttpBindings } from '@hono/node-server';
import { type Context, Hono } from 'hono';
import { LocalLiteError } from '../errors.ts';
import { ollamaErrors } from '../wire/ollama-error.ts';
import type { Connection } from './connection.ts';
import { createExchange, type Exchange, type ExchangeOptions, type Target } from './exchange.ts';
import { createOpenApiDocument } from './openapi.ts';
import { draftError } from './respond.ts';
import type { Route } from './route.ts';
import { ROUTES } from './routes/table.ts';

/** The whole API as one function from request to answer; no socket is needed to use it. */
export interface App {
  /** Always answers; aborting `request.signal` is what a client that hangs up does. */
  fetch(request: Request, connection: Connection): Promise<Response>;
}

/** What the API is built from. */
export type AppOptions = Omit<ExchangeOptions, 'openApi'>;

type Environment = { Bindings: Connection };
type AppContext = Context<Environment>;

const METHODS = ['GET', 'POST', 'PUT', 'DELETE'] as const;
const OLLAMA_PATHS = '/api/';
const OLLAMA_SERVED = ROUTES.map(({ path }) => path).filter((path) => path.startsWith(OLLAMA_PATHS));

/** Builds the API on the web framework, which this file alone names. */
export function createApp(options: AppOptions): App {
  let document: object | undefined;
  const openApi = () => {
    document ??= createOpenApiDocument(ROUTES, options.version);
    return document;
  };
  const exchange = createExchange({ ...options, openApi });
  const app = new Hono<Environment>();
  for (const route of longestFirst(ROUTES)) {
    app.on(route.method, toPattern(route), (context) =>
      exchange(context.req.raw, context.env, { route, params: paramsOf(context, route) }),
    );
  }
  app.notFound((context) => unrouted(options, app, exchange, context));
  const exact = new Map(ROUTES.filter((route) => !route.path.includes('{')).map((route) => [`${route.method} ${route.path}`, route]));
  return {
    async fetch(request, connection) {
      // Most requests name a path without a parameter: they need no router.
      const route = exact.get(`${request.method} ${pathOf(request.url)}`);
      return route === undefined ? app.fetch(request, connection) : exchange(request, connection, { route, params: {} });
    },
  };
}

/** The path of an absolute address, without its query. */
function pathOf(url: string): string {
  const start = url.indexOf('/', url.indexOf('://') + 3);
  const query = url.indexOf('?', start);
  return query === -1 ? url.slice(start) : url.slice(start, query);
}

/** A parameter spans slashes, so `/v1/jobs/{id}` would take what is meant for `/v1/jobs/{id}/events`, were it asked first. */
function longestFirst(routes: readonly Route[]): readonly Route[] {
  return routes.toSorted((a, b) => b.path.length - a.path.length);
}

/** Parameters that may span slashes, because model ids, and names that stand for them, have one. */
const SPANNING: ReadonlySet<string> = new Set(['id', 'alias']);

/** `/v1/models/{id}/load` in the framework's words. */
function toPattern({ path }: Route): string {
  return path.replaceAll(/\{(\w+)\}/g, (_whole, name: string) => (SPANNING.has(name) ? `:${name}{.+}` : `:${name}`));
}

/** The path's parameters, decoded, in their order. */
function paramsOf(context: AppContext, { path }: Route): Readonly<Record<string, string>> {
  const names = [...path.matchAll(/\{(\w+)\}/g)].map(([, name = '']) => name);
  return Object.fromEntries(names.map((name) => [name, context.req.param(name) ?? '']));
}

/** A browser's preflight request is answered by the gate; any other request that no route has, by its error. */
async function unrouted(options: AppOptions, app: Hono<Environment>, exchange: Exchange, context: AppContext): Promise<Response> {
  const { raw: request } = context.req;
  try {
    return options.access.preflight(request, context.env) ?? (await exchange(request, context.env, noTarget(app, context)));
  } catch (refusal) {
    return exchange(request, context.env, { missing: LocalLiteError.from(refusal), allow: [] });
  }
}

/** 405 with the methods that the path has, or 404. */
function noTarget(app: Hono<Environment>, context: AppContext): Target {
  const { method, path } = context.req;
  const found = METHODS.filter((candidate) => app.router.match(candidate, path)[0].length > 0);
  // Clients of Ollama's read its errors alone.
  const wire = path.startsWith(OLLAMA_PATHS) ? { errors: ollamaErrors } : {};
  if (found.length === 0) {
    const hint = path.startsWith(OLLAMA_PATHS) ? `of Ollama's API there are ${OLLAMA_SERVED.join(', ')}` : 'see GET /openapi.json';
    const message = `there is nothing at ${method} ${shorten(path)}; ${hint}`;
    return { missing: new LocalLiteError('not_found', message), allow: [], ...wire };
  }
  const allow = found.includes('GET') ? ['GET', 'HEAD', ...found.slice(1)] : found;
  return {
    missing: new LocalLiteError('method_not_allowed', `${shorten(path)} has no ${method}; it has ${allow.join(', ')}`),
    allow,
    ...wire,
  };
}

function shorten(path: string): string {
  return path.length <= 200 ? path : `${path.slice(0, 197)}...`;
}

/**
 * The API as Node's own kind of listener, for `http.createServer` and `https.createServer`.
 * The framework's adapter puts its faster `Request` and `Response` in place of the global ones.
 */
export function createRequestListener(app: App): RequestListener {
  const listener = getRequestListener((request, { incoming }: HttpBindings | Http2Bindings) => app.fetch(request, connectionOf(incoming)), {
    errorHandler: answerUnusable,
  });
  return (incoming, outgoing) => void listener(incoming, outgoing);
}

function connectionOf(incoming: (HttpBindings | Http2Bindings)['incoming']): Connection {
  const { socket } = incoming;
  return {
    remoteAddress: socket.remoteAddress ?? '',
    encrypted: 'encrypted' in socket && socket.encrypted === true,
    localPort: socket.localPort ?? 0,
  };
}

/** A request that cannot even be turned into one, e.g. without a Host header. */
function answerUnusable(thrown: unknown): Response {
  const error = LocalLiteError.is(thrown)
    ? thrown
    : new LocalLiteError('invalid_request', 'the request has no valid address or Host header');
  const { status, headers, body } = draftError(error, '');
  return new Response(body, { status, headers });
}
