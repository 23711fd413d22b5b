import { accessProblems } from '../config/rules.ts';
import type { Config } from '../config/settings.ts';
import { LocalLiteError } from '../errors.ts';
import type { KeyScope, Keys } from '../gateway/keys.ts';
import { KEY_SCOPES } from '../wire/keys.ts';
import { challengeHeaders, covers, createAuthenticator, credentialOf, type Identity } from './auth.ts';
import { type Client, findClient } from './client.ts';
import type { Caller, Connection, Scope } from './connection.ts';
import { createAddressList, createHostCheck, parseHost } from './hosts.ts';
import { createRateLimiter, type RateState, rateLimitHeaders } from './limits.ts';

/** A caller that passed every check, and where it stands with its limit. */
export interface Admission extends Caller {
  readonly client: Client;
  /** Undefined when no limit applies. */
  readonly rate: RateState | undefined;
}

/** The gate in front of every route. */
export interface Access {
  /**
   * Lets a request in or throws: wrong `Host` or a foreign page (forbidden), no or a wrong key (unauthorized), a key without the scope
   * (forbidden), too many requests (rate_limited).
   */
  check(request: Request, connection: Connection, scope: Scope): Admission;
  /** Headers that let the pages of `cors.origins` read an answer, errors included; empty when the setting is. */
  corsHeaders(request: Request): Readonly<Record<string, string>>;
  /**
   * The answer to a browser's preflight request; undefined when the request is none.
   * @throws LocalLiteError forbidden for an origin that is not in `cors.origins`.
   */
  preflight(request: Request, connection: Connection): Response | undefined;
}

export interface AccessOptions {
  readonly config: Config;
  readonly keys: Keys;
  /** Admin token of this run; see HomeLease. */
  readonly runToken?: string | undefined;
  /** Addresses that we listen on, where they are others than the setting `host`. */
  readonly bound?: readonly string[];
  readonly now?: () => number;
}

/** Headers for every answer: no guessing of types, no use inside other sites' pages. */
export const SECURITY_HEADERS: Readonly<Record<string, string>> = {
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
};

const SAFE_METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS']);
const EXPOSED = [
  'x-request-id',
  'server-timing',
  'retry-after',
  'ratelimit-limit',
  'ratelimit-remaining',
  'ratelimit-reset',
  'x-locallite-model',
  'x-locallite-variant',
  'x-locallite-provider',
  'x-locallite-truncated-tokens',
  'x-locallite-ignored',
].join(', ');
const ALLOWED_METHODS = 'GET, HEAD, POST, PUT, DELETE';
const PREFLIGHT_SECONDS = '600';
const GUEST_SCOPES: readonly KeyScope[] = ['inference', 'documents'];

/**
 * Builds the gate from the settings and keys.
 * @throws LocalLiteError invalid_config when the address can be reached from elsewhere and nothing guards it.
 */
export function createAccess(options: AccessOptions): Access {
  const { config, keys } = options;
  const problems = accessProblems(config, keys.any());
  if (problems.length > 0) throw new LocalLiteError('invalid_config', problems.join('\n'));
  const isOurHost = createHostCheck(options.bound ?? [config.host], config.allowed_hosts);
  const isTrusted = createAddressList(config.trusted_proxies);
  const authenticate = createAuthenticator(keys, options.runToken);
  const limiter = createRateLimiter(options.now === undefined ? {} : { now: options.now });
  const origins = new Set(config.cors.origins);
  const allowsOrigin = (origin: string) => origins.has('*') || origins.has(origin);

  function clientOf(request: Request, connection: Connection): Client {
    const client = findClient(request.headers, connection, isTrusted);
    const host = client.host === undefined ? undefined : parseHost(client.host);
    if (host === undefined || !isOurHost(host.name)) throw wrongHost(host?.name);
    return client;
  }

  function requireOwnPage(request: Request, client: Client): void {
    if (SAFE_METHODS.has(request.method)) return;
    const origin = request.headers.get('origin');
    const foreign =
      origin === null ? request.headers.get('sec-fetch-site') === 'cross-site' : !isSameOrigin(origin, client) && !allowsOrigin(origin);
    if (foreign) throw foreignPage();
  }

  function identify(request: Request, client: Client): Identity {
    const open = !keys.any();
    const secret = open ? credentialOrNone(request.headers) : credentialOf(request.headers);
    const identity = secret === undefined ? undefined : authenticate(secret);
    if (identity !== undefined) return identity;
    if (open) return guest(request, client);
    if (secret !== undefined) limit(`address ${addressGroup(client.address)}`, config.limits.requests_per_minute);
    throw new LocalLiteError(
      'unauthorized',
      secret === undefined ? 'a key is needed: send `Authorization: Bearer <key>`' : 'the key is not valid',
    );
  }

  /** A caller without a key, where there are no keys. */
  function guest(request: Request, client: Client): Identity {
    if (!client.local && !config.allow_unauthenticated) {
      throw new LocalLiteError('unauthorized', 'without a key only this machine is served; make one with `locallite keys create`');
    }
    const origin = request.headers.get('origin');
    // A page that only `*` lets in may use models, not change what is installed.
    const anyPage = origin !== null && !origins.has(origin) && !isSameOrigin(origin, client);
    return { id: '', scopes: client.local && !anyPage ? KEY_SCOPES : GUEST_SCOPES, requestsPerMinute: undefined };
  }

  function limit(caller: string, requestsPerMinute: number): RateState | undefined {
    if (requestsPerMinute === 0) return undefined;
    const state = limiter.take(caller, requestsPerMinute);
    if (!state.allowed) throw rateLimited(state);
    return state;
  }

  return {
    check(request, connection, scope) {
      const client = clientOf(request, connection);
      requireOwnPage(request, client);
      if (scope === 'public') return { keyId: undefined, scopes: ['public'], client, rate: undefined };
      const identity = identify(request, client);
      if (!covers(identity.scopes, scope)) throw missingScope(identity, scope);
      const name = identity.id === '' ? `address ${addressGroup(client.address)}` : identity.id;
      const rate = limit(name, identity.requestsPerMinute ?? config.limits.requests_per_minute);
      const scopes = identity.scopes.includes('admin') ? KEY_SCOPES : identity.scopes;
      return { keyId: identity.id === '' ? undefined : identity.id, scopes: ['public', ...scopes], client, rate };
    },
    corsHeaders(request) {
      if (origins.size === 0) return {};
      const origin = request.headers.get('origin');
      if (origin === null || !allowsOrigin(origin)) return { vary: 'Origin' };
      return { vary: 'Origin', 'access-control-allow-origin': origins.has('*') ? '*' : origin, 'access-control-expose-headers': EXPOSED };
    },
    preflight(request, connection) {
      const origin = request.headers.get('origin');
      if (request.method !== 'OPTIONS' || origin === null || !request.headers.has('access-control-request-method')) return undefined;
      const client = clientOf(request, connection);
      if (!allowsOrigin(origin) && !isSameOrigin(origin, client)) throw foreignPage();
      return new Response(null, { status: 204, headers: { ...this.corsHeaders(request), ...preflightHeaders(request.headers) } });
    },
  };
}

/** Headers that an error's answer must carry besides Retry-After: the challenge of a 401, the limit of a 429, the end of a half-read connection. */
export function errorHeaders(error: LocalLiteError): Readonly<Record<string, string>> {
  const rate = isRateState(error.cause) ? rateLimitHeaders(error.cause) : {};
  const unread = error.code === 'request_timeout' || error.code === 'payload_too_large' ? { connection: 'close' } : {};
  return { ...challengeHeaders(error), ...rate, ...unread };
}

/** Where there are no keys, whatever a client sends as one is fine: OpenAI's clients always send something. */
function credentialOrNone(headers: Headers): string | undefined {
  try {
    return credentialOf(headers);
  } catch {
    return undefined;
  }
}

/** The page comes from us: its host and port are those of the request. The scheme is left out, a proxy may have taken TLS off. */
function isSameOrigin(origin: string, client: Client): boolean {
  const page = URL.canParse(origin) ? parseHost(new URL(origin).host) : undefined;
  const host = client.host === undefined ? undefined : parseHost(client.host);
  return page !== undefined && host !== undefined && page.name === host.name && page.port === host.port;
}

/** One household has a whole /64 of IPv6 addresses, so these share a limit. */
function addressGroup(address: string): string {
  if (!address.includes(':')) return address;
  const [head = '', tail] = address.split('::');
  const groups = head === '' ? [] : head.split(':');
  const after = tail === undefined || tail === '' ? 0 : tail.split(':').length;
  const zeros = tail === undefined ? 0 : Math.max(0, 8 - groups.length - after);
  return [...groups, ...Array.from({ length: zeros }, () => '0'), ...(tail ?? '').split(':')].slice(0, 4).join(':');
}

function preflightHeaders(headers: Headers): Readonly<Record<string, string>> {
  const wanted = (headers.get('access-control-request-headers') ?? '').split(',').map((name) => name.trim());
  const names = wanted.filter((name) => /^[\w!#$%&'*+.^`|~-]{1,100}$/.test(name)).slice(0, 50);
  return {
    'access-control-allow-methods': ALLOWED_METHODS,
    'access-control-max-age': PREFLIGHT_SECONDS,
    ...(names.length === 0 ? {} : { 'access-control-allow-headers': names.join(', ') }),
    ...(headers.get('access-control-request-private-network') === 'true' ? { 'access-control-allow-private-network': 'true' } : {}),
  };
}

function wrongHost(name: string | undefined): LocalLiteError {
  if (name === undefined) return new LocalLiteError('forbidden', 'the request has no valid Host header');
  return new LocalLiteError('forbidden', `"${name}" is not a name of this gateway; if it should be, add it to the setting allowed_hosts`);
}

function foreignPage(): LocalLiteError {
  return new LocalLiteError('forbidden', 'this web page may not use the gateway; if it should, add its origin to the setting cors.origins');
}

function missingScope(identity: Identity, scope: KeyScope): LocalLiteError {
  if (identity.id === '')
    return new LocalLiteError('unauthorized', `without a key this needs the machine itself; use a key with the scope ${scope}`);
  return new LocalLiteError('forbidden', `the key may not do this: it lacks the scope ${scope}`);
}

function rateLimited(state: RateState): LocalLiteError {
  const message = `more than ${state.limit} requests a minute; try again in ${state.retryAfterSeconds} s`;
  return new LocalLiteError('rate_limited', message, { retryAfterSeconds: state.retryAfterSeconds, cause: state });
}

function isRateState(value: unknown): value is RateState {
  return typeof value === 'object' && value !== null && 'resetSeconds' in value && 'limit' in value && 'remaining' in value;
}
