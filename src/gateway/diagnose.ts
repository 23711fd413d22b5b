import type { Environment } from '../config/environment.ts';
import type { Config } from '../config/settings.ts';
import { LocalLiteError } from '../errors.ts';
import { createHttpClient, discard, type HttpClient, type HttpSettings } from '../models/sources/http-client.ts';
import { readNpmSettings } from '../models/sources/npm-settings.ts';
import { readPipSettings } from '../models/sources/pip-settings.ts';
import { proxiesOf } from '../models/sources/proxies.ts';
import { inspectRuntime } from '../runtime/available.ts';
import { chooseProviders, type ProviderName, type RejectedProvider } from '../runtime/providers.ts';

/** What inference would run on, as far as that can be told without a model. */
export interface RuntimeReport {
  /** Version of ONNX Runtime. */
  readonly version: string;
  readonly available: readonly ProviderName[];
  /** Providers in the order in which a model in full precision would try them. */
  readonly order: readonly ProviderName[];
  readonly rejected: readonly RejectedProvider[];
}

/** Whether a source of models answers. Any answer below 500 counts: that a page is missing says that the host is there. */
export interface SourceReport {
  readonly source: 'hub' | 'npm' | 'pypi';
  readonly url: string;
  /** Why it cannot be used; undefined = it answers. */
  readonly problem: string | undefined;
}

/** @throws LocalLiteError provider_unavailable when the runtime cannot be loaded, or a required provider cannot run */
export async function diagnoseRuntime(config: Config): Promise<RuntimeReport> {
  const { version, available } = await inspectRuntime(config.runtime.package);
  const facts = { available, dtype: 'fp32', platform: process.platform };
  return { version, available, ...chooseProviders(config.providers, facts, config.provider_policy) };
}

/** Asks each source for one small answer, through the proxies and certificates that a pull would use. Nothing is asked when `offline` is set. */
export async function diagnoseSources(config: Config, environment: Environment, signal: AbortSignal): Promise<readonly SourceReport[]> {
  if (config.offline) return [];
  const hub = { url: config.hub.endpoint, http: proxiesOf(environment) };
  const npm = readNpmSettings(environment).then((settings) => ({ url: settings.registryOf('locallite'), http: settings.http }));
  const pypi = readPipSettings(environment).then(({ indexes, http }) => ({ url: `${indexes[0] ?? ''}pip/`, http }));
  return Promise.all([
    probe('hub', Promise.resolve(hub), config, signal),
    probe('npm', npm, config, signal),
    probe('pypi', pypi, config, signal),
  ]);
}

type Target = { readonly url: string; readonly http: Omit<HttpSettings, 'stallTimeoutMs'> };

const PROBE_MS = 5_000;

async function probe(source: SourceReport['source'], target: Promise<Target>, config: Config, signal: AbortSignal): Promise<SourceReport> {
  let url = '';
  let client: HttpClient | undefined;
  try {
    const found = await target;
    url = found.url;
    client = createHttpClient({
      ...found.http,
      stallTimeoutMs: Math.min(PROBE_MS, config.download.timeout * 1000),
      connectTimeoutMs: PROBE_MS,
    });
    const answer = await client.send(url, { method: 'HEAD', signal: AbortSignal.any([signal, AbortSignal.timeout(PROBE_MS)]) });
    discard(answer);
    return { source, url, problem: undefined };
  } catch (cause) {
    return { source, url, problem: problemOf(cause) };
  } finally {
    await client?.close();
  }
}

/** That a host refuses the question shows that it is there; a pull brings its own credentials. */
function problemOf(cause: unknown): string | undefined {
  const kind = typeof cause === 'object' && cause !== null && 'kind' in cause ? cause.kind : undefined;
  if (kind === 'missing' || kind === 'denied') return undefined;
  if (cause instanceof Error && cause.name === 'TimeoutError') return `no answer within ${PROBE_MS / 1000} s`;
  return LocalLiteError.from(cause).message;
}
