import { z } from 'zod';
import { LocalLiteError } from '../../errors.ts';
import { strongestIntegrity } from '../content.ts';
import { SourceFailure } from './failure.ts';
import { createHttpClient, type HttpClient } from './http-client.ts';
import { type Environment, type NpmSettings, readNpmSettings } from './npm-settings.ts';
import { withRetries } from './retry.ts';
import type { Source, SourceAddress, SourcePlan } from './source.ts';

/** What the sources that use the network share. */
export interface NetworkSettings {
  readonly environment: Environment;
  readonly retries: number;
  readonly stallTimeoutMs: number;
}

const distSchema = z.looseObject({ tarball: z.string(), integrity: z.string().optional(), shasum: z.string().optional() });
const versionSchema = z.looseObject({ version: z.string(), dist: distSchema });
const packageSchema = z.looseObject({
  'dist-tags': z.record(z.string(), z.string()).optional(),
  versions: z.record(z.string(), z.unknown()),
});
type PackageVersion = z.infer<typeof versionSchema>;

/** Packages of the user's npm registry, by npm's own configuration (npmrc files, `npm_config_…`, proxies, certificates). Data only: nothing in a package runs. */
export function createNpmSource(network: NetworkSettings): Source {
  const plan = async (address: SourceAddress, integrity: string | undefined, signal: AbortSignal): Promise<SourcePlan> => {
    const settings = await npmSettings(network.environment);
    const registry = settings.registryOf(address.id);
    const client = createHttpClient({
      ...settings.http,
      stallTimeoutMs: network.stallTimeoutMs,
      authorization: (url) => settings.authorization(url) ?? sameHost(settings, registry, url),
    });
    try {
      const found = await withRetries(() => findVersion(client, registry, address, signal), { retries: network.retries }, signal);
      return {
        kind: 'archive',
        revision: found.version,
        client,
        format: 'tar',
        archive: archiveOf(settings, registry, address, found, integrity),
      };
    } catch (error) {
      await client.close();
      throw error;
    }
  };
  return {
    kind: 'npm',
    remote: true,
    resolve: (address, wanted, signal) => plan(address, wanted.integrity, signal),
    list: (address, signal) => plan(address, undefined, signal),
  };
}

async function npmSettings(environment: Environment): Promise<NpmSettings> {
  try {
    return await readNpmSettings(environment);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new SourceFailure('refused', `npm's configuration cannot be used: ${reason}`, { cause: error });
  }
}

/** Some registries serve tarballs below another path of the same host; npm sends the registry's credentials there too. */
function sameHost(settings: NpmSettings, registry: string, url: URL): string | undefined {
  const base = new URL(registry);
  return base.host === url.host && base.protocol === url.protocol ? settings.authorization(base) : undefined;
}

async function findVersion(client: HttpClient, registry: string, address: SourceAddress, signal: AbortSignal): Promise<PackageVersion> {
  const wanted = address.revision ?? 'latest';
  const base = `${registry}${address.id.replace('/', '%2f')}`;
  try {
    return parseAs(versionSchema, await json(client, `${base}/${encodeURIComponent(wanted)}`, signal), base);
  } catch (error) {
    // Not every registry answers for a single version; all answer for the package.
    const again = SourceFailure.isFailure(error) && (error.kind === 'missing' || (error.kind === 'refused' && !error.transient));
    if (!again) throw error;
  }
  const all = parseAs(packageSchema, await json(client, base, signal), base);
  const version = all.versions[wanted] ?? all.versions[all['dist-tags']?.[wanted] ?? ''];
  if (version === undefined) throw new SourceFailure('missing', `${new URL(registry).host} has ${address.id}, but not ${wanted}`);
  return parseAs(versionSchema, version, base);
}

async function json(client: HttpClient, url: string, signal: AbortSignal): Promise<unknown> {
  const { text } = await client.text(url, { signal, headers: { accept: 'application/json' } });
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new SourceFailure('refused', `${new URL(url).host} did not answer with JSON`, { cause: error });
  }
}

function parseAs<T>(schema: z.ZodType<T>, value: unknown, url: string): T {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw new SourceFailure('refused', `${new URL(url).host} answered in a form that is not a registry's`, { cause: parsed.error });
}

function archiveOf(settings: NpmSettings, registry: string, address: SourceAddress, found: PackageVersion, pinned: string | undefined) {
  const { dist } = found;
  // A card's own pin is stronger than what the registry says of itself: it must hold whichever registry is used.
  const integrity = pinned ?? dist.integrity;
  if (integrity === undefined || strongestIntegrity(integrity) === undefined) {
    throw new SourceFailure('unsafe', `${address.id}@${found.version} has no sha512 or sha256 integrity, so its content cannot be checked`);
  }
  return { path: `${address.id}@${found.version}`, url: tarballUrl(settings, registry, dist.tarball), integrity };
}

/** npm's `replace-registry-host`: a tarball address that names the public registry is asked of the configured one. */
function tarballUrl(settings: NpmSettings, registry: string, tarball: string): string {
  if (!URL.canParse(tarball))
    throw new LocalLiteError('model_fetch_failed', `the registry gave an address that is none: ${JSON.stringify(tarball)}`);
  const url = new URL(tarball);
  const to = new URL(registry);
  const from = settings.replaceHost === 'npmjs' ? 'registry.npmjs.org' : settings.replaceHost;
  if (settings.replaceHost === 'never' || (settings.replaceHost !== 'always' && url.hostname !== from) || url.host === to.host)
    return tarball;
  url.protocol = to.protocol;
  url.host = to.host;
  url.port = to.port;
  if (!url.pathname.startsWith(to.pathname)) url.pathname = `${to.pathname}${url.pathname.slice(1)}`;
  return url.href;
}
