import { dirname, join } from 'node:path';
import type { HttpSettings } from './http-client.ts';

/** Environment variables as a plain record, handed down from the settings. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** The user's npm configuration, as far as fetching a package needs it. */
export interface NpmSettings {
  /** Registry of a package, by its scope where one is set; ends with a slash. */
  registryOf(name: string): string;
  /** The Authorization header for an address, by the longest matching `//host/path/:…` entry. */
  authorization(url: URL): string | undefined;
  /** Which tarball hosts are replaced by the registry's (npm's `replace-registry-host`): `npmjs`, `always`, `never` or a host. */
  readonly replaceHost: string;
  readonly http: Omit<HttpSettings, 'authorization' | 'stallTimeoutMs'>;
}

const withSlash = (url: string): string => (url.endsWith('/') ? url : `${url}/`);
const text = (value: unknown): string | undefined => (typeof value === 'string' && value !== '' ? value : undefined);

/** Where npm itself keeps its built-in npmrc, beside this Node. */
function npmFolder(): string {
  const prefix = process.platform === 'win32' ? dirname(process.execPath) : join(dirname(process.execPath), '..', 'lib');
  return join(prefix, 'node_modules', 'npm');
}

/** Reads npmrc files (project, user, global, built-in) and `npm_config_…` as npm does. Runs nothing, writes nothing. */
export async function readNpmSettings(environment: Environment): Promise<NpmSettings> {
  const [{ default: Config }, { default: npm }] = await Promise.all([
    import('@npmcli/config'),
    import('@npmcli/config/lib/definitions/index.js'),
  ]);
  const config = new Config({
    npmPath: npmFolder(),
    definitions: npm.definitions,
    shorthands: npm.shorthands,
    flatten: npm.flatten,
    argv: [],
    // A copy: npm's reader writes into what it is given.
    env: { ...environment },
    cwd: process.cwd(),
    warn: false,
  });
  await config.load();
  return settingsFrom(config.flat, environment);
}

/** `ca` as text, or what npm's own reader took from `cafile`. */
function certificatesOf({ ca }: Readonly<Record<string, unknown>>): readonly string[] | undefined {
  if (typeof ca === 'string') return [ca];
  return Array.isArray(ca) ? ca.filter((entry) => typeof entry === 'string') : undefined;
}

function settingsFrom(flat: Readonly<Record<string, unknown>>, environment: Environment): NpmSettings {
  const byScope = new Map(
    Object.entries(flat).flatMap(([key, value]) =>
      /^@.*:registry$/i.test(key) && typeof value === 'string' ? [[key.toLowerCase(), value]] : [],
    ),
  );
  const registry = text(flat['registry']) ?? 'https://registry.npmjs.org/';
  const httpProxy = text(flat['proxy']) ?? text(environment['HTTP_PROXY']) ?? text(environment['http_proxy']);
  const httpsProxy = text(flat['httpsProxy']) ?? text(environment['HTTPS_PROXY']) ?? text(environment['https_proxy']) ?? httpProxy;
  const noProxy = text(flat['noProxy']) ?? text(environment['NO_PROXY']) ?? text(environment['no_proxy']);
  return {
    registryOf: (name) =>
      withSlash((name.startsWith('@') ? byScope.get(`${name.slice(0, name.indexOf('/')).toLowerCase()}:registry`) : undefined) ?? registry),
    authorization: (url) => authorizationFrom(flat, url),
    replaceHost: text(flat['replaceRegistryHost']) ?? 'npmjs',
    http: {
      httpProxy,
      httpsProxy,
      noProxy,
      certificates: certificatesOf(flat),
      trustedHosts: flat['strictSSL'] === false ? 'all' : undefined,
    },
  };
}

/** npm's per-registry credentials: keys `//host/path/:_authToken`, `:_auth`, or `:username` with `:_password` (base64). */
function authorizationFrom(flat: Readonly<Record<string, unknown>>, url: URL): string | undefined {
  let path = url.pathname.endsWith('/') ? url.pathname : `${url.pathname}/`;
  for (;;) {
    const found = credentialsAt(flat, `//${url.host}${path}`);
    if (found !== undefined || path === '/') return found;
    path = path.replace(/[^/]*\/$/, '');
  }
}

function credentialsAt(flat: Readonly<Record<string, unknown>>, place: string): string | undefined {
  const at = (name: string): string | undefined => text(flat[`${place}:${name}`]) ?? text(flat[`${place.replace(/\/$/, '')}:${name}`]);
  const token = at('_authToken');
  if (token !== undefined) return `Bearer ${token}`;
  const pair = at('_auth');
  if (pair !== undefined) return `Basic ${pair}`;
  const [user, password] = [at('username'), at('_password')];
  if (user === undefined || password === undefined) return undefined;
  return `Basic ${Buffer.from(`${user}:${Buffer.from(password, 'base64').toString('utf8')}`).toString('base64')}`;
}
