import { readFile } from 'node:fs/promises';
import { createServer, type RequestListener, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { type AddressInfo, isIPv6 } from 'node:net';
import { createSecureContext } from 'node:tls';
import type { Config } from '../config/settings.ts';
import { LocalLiteError } from '../errors.ts';
import type { Telemetry } from '../telemetry/telemetry.ts';
import { createDrain } from './drain.ts';
import { isWildcard } from './hosts.ts';
import { answerMalformed } from './malformed.ts';

/** A server that listens. */
export interface Listening {
  /** Where this machine reaches it, e.g. `http://127.0.0.1:11435`; for a wildcard address that of loopback. */
  readonly url: string;
  readonly port: number;
  /** Address that the socket is bound to. */
  readonly address: string;
  /**
   * Stops accepting, closes idle connections, lets running requests finish for at most `graceMs`, then cuts the rest.
   * Safe to call again; a shorter grace counts. Resolves with the number of connections that were cut.
   */
  close(graceMs: number): Promise<number>;
}

/** What {@link listen} needs of the settings. */
export type ListenConfig = Pick<Config, 'host' | 'port' | 'tls' | 'limits'>;

export interface ListenOptions {
  readonly requestListener: RequestListener;
  readonly config: ListenConfig;
  readonly telemetry?: Telemetry;
}

const MAX_HEADER_BYTES = 16 * 1024;
const KEEP_ALIVE_MS = 65_000;
const SWEEP_MS = 1000;
const LOG_EVERY_MS = 10_000;

/**
 * Opens the port and serves, over TLS when `tls.cert` and `tls.key` are set. Slow, oversized and malformed requests are answered in
 * OpenAI's error shape and cut.
 * @throws LocalLiteError invalid_config for an address, port or certificate that cannot be used, naming the setting.
 */
export async function listen(options: ListenOptions): Promise<Listening> {
  const { config } = options;
  const drain = createDrain(options.requestListener, { unreadMs: config.limits.body_timeout * 1000 });
  const server = await createBareServer(config, drain.listener);
  server.maxConnections = config.limits.connections;
  server.on('clientError', (error, socket) => answerMalformed(error, socket, drain.isBusy(socket), MAX_HEADER_BYTES));
  if (options.telemetry !== undefined) logDrops(server, options.telemetry, config);
  drain.watch(server);
  await bind(server, config);
  const bound = addressOf(server);
  const scheme = config.tls.cert === undefined ? 'http' : 'https';
  return {
    url: localUrl(scheme, config.host, bound),
    port: bound.port,
    address: bound.address,
    close: (graceMs) => drain.close(server, graceMs),
  };
}

async function createBareServer(config: ListenConfig, listener: RequestListener): Promise<Server> {
  const headersTimeout = config.limits.header_timeout * 1000;
  const common = {
    headersTimeout,
    // For uploads; whoever reads a body has a shorter limit of its own. Never shorter than that of the headers, which Node would lower to it.
    requestTimeout: headersTimeout + Math.max(config.limits.body_timeout, config.limits.upload_timeout) * 1000,
    keepAliveTimeout: KEEP_ALIVE_MS,
    connectionsCheckingInterval: Math.min(SWEEP_MS, Math.max(50, headersTimeout / 4)),
    maxHeaderSize: MAX_HEADER_BYTES,
    noDelay: true,
  };
  if (config.tls.cert === undefined || config.tls.key === undefined) return createServer(common, listener);
  const pair = await readCertificate(config.tls.cert, config.tls.key);
  return createTlsServer({ ...common, ...pair, handshakeTimeout: headersTimeout, minVersion: 'TLSv1.2' }, listener);
}

async function readCertificate(certPath: string, keyPath: string): Promise<{ cert: Buffer; key: Buffer }> {
  const cert = await readPem('tls.cert', certPath);
  const key = await readPem('tls.key', keyPath);
  tryContext({ cert }, `tls.cert: ${certPath} holds no valid PEM certificate`);
  tryContext({ key }, `tls.key: ${keyPath} holds no private key in PEM without a passphrase`);
  tryContext({ cert, key }, `tls.key: ${keyPath} is not the key of the certificate in ${certPath}`);
  return { cert, key };
}

async function readPem(setting: string, path: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (cause) {
    throw new LocalLiteError('invalid_config', `${setting}: cannot read ${path} (${codeOf(cause)})`, { cause });
  }
}

function tryContext(pair: { cert?: Buffer; key?: Buffer }, problem: string): void {
  try {
    createSecureContext(pair);
  } catch (cause) {
    throw new LocalLiteError('invalid_config', problem, { cause });
  }
}

function bind(server: Server, config: ListenConfig): Promise<void> {
  return new Promise((done, fail) => {
    const onError = (error: Error) => fail(bindFailure(error, config));
    server.once('error', onError);
    server.listen({ host: config.host, port: config.port }, () => {
      server.off('error', onError);
      done();
    });
  });
}

const BIND_PROBLEMS: Readonly<Record<string, (config: ListenConfig) => string>> = {
  EADDRINUSE: ({ host, port }) =>
    `port: ${port} on ${host} is taken, by another LocalLite or another program. Stop it, or choose another port (setting \`port\`, LOCALLITE_PORT, --port; 0 takes a free one)`,
  EACCES: ({ port }) => `port: this user may not listen on ${port}; choose a port above 1023 (setting \`port\`, LOCALLITE_PORT, --port)`,
  EADDRNOTAVAIL: ({ host }) => `host: ${host} is no address of this machine (setting \`host\`, LOCALLITE_HOST, --host)`,
  ENOTFOUND: ({ host }) =>
    `host: the name ${host} is not known; give an address of this machine (setting \`host\`, LOCALLITE_HOST, --host)`,
};

function bindFailure(cause: Error, config: ListenConfig): LocalLiteError {
  const code = codeOf(cause);
  const problem = BIND_PROBLEMS[code]?.(config) ?? `host: cannot listen on ${config.host}:${config.port} (${code})`;
  return new LocalLiteError('invalid_config', problem, { cause });
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : 'unknown reason';
}

function addressOf(server: Server): AddressInfo {
  const address = server.address();
  if (address === null || typeof address === 'string') throw new LocalLiteError('internal', 'the server has no network address');
  return address;
}

function localUrl(scheme: string, host: string, bound: AddressInfo): string {
  if (isWildcard(host)) return `${scheme}://${isIPv6(bound.address) && host !== '0.0.0.0' ? '[::1]' : '127.0.0.1'}:${bound.port}`;
  return `${scheme}://${isIPv6(host) ? `[${host}]` : host}:${bound.port}`;
}

/** A burst of refused connections is one line, not thousands. */
function logDrops(server: Server, telemetry: Telemetry, config: ListenConfig): void {
  let dropped = 0;
  let loggedAt = Number.NEGATIVE_INFINITY;
  server.on('drop', () => {
    dropped += 1;
    if (performance.now() - loggedAt < LOG_EVERY_MS) return;
    telemetry.log.warn('connections_refused', { dropped, limit: config.limits.connections });
    loggedAt = performance.now();
    dropped = 0;
  });
}
