import { z } from 'zod';
import type { ModelFile, ModelSource } from '../card.ts';
import { SourceFailure } from './failure.ts';
import { createHttpClient, discard, type HttpAnswer, type HttpClient } from './http-client.ts';
import type { NetworkSettings } from './npm.ts';
import { proxiesOf } from './proxies.ts';
import { withRetries } from './retry.ts';
import type { RemoteFile, Source, SourceAddress, SourcePlan } from './source.ts';

export interface HubSettings extends NetworkSettings {
  /** Address of the hub or a mirror. */
  readonly endpoint: string;
  readonly token?: string | undefined;
}

/** How long the hub may take to accept a connection; short, because another source is often next. */
const CONNECT_TIMEOUT_MS = 2500;
const MAX_PAGES = 50;

const infoSchema = z.looseObject({ sha: z.string(), siblings: z.array(z.looseObject({ rfilename: z.string() })).optional() });
const treeSchema = z.array(
  z.looseObject({
    type: z.string(),
    path: z.string(),
    size: z.number().optional(),
    oid: z.string().optional(),
    lfs: z.looseObject({ oid: z.string(), size: z.number() }).optional(),
  }),
);

/** The Hugging Face hub, or a server that speaks its protocol. The token goes to `endpoint` only, never to the hosts it redirects to. */
export function createHubSource(settings: HubSettings): Source {
  const base = settings.endpoint.replace(/\/+$/, '');
  const { origin } = new URL(base);
  const open = (id: string): HttpClient => {
    const client = createHttpClient({
      ...proxiesOf(settings.environment),
      stallTimeoutMs: settings.stallTimeoutMs,
      connectTimeoutMs: CONNECT_TIMEOUT_MS,
      authorization: (url) => (settings.token !== undefined && url.origin === origin ? `Bearer ${settings.token}` : undefined),
    });
    return advising(client, hub, id);
  };
  const hub: Hub = { base, retries: settings.retries, hasToken: settings.token !== undefined };
  return {
    kind: 'hub',
    remote: true,
    resolve: (address, wanted, signal) =>
      withClient(
        () => open(address.id),
        (client) => resolveFiles(hub, client, address, wanted, signal),
      ),
    list: (address, signal) =>
      withClient(
        () => open(address.id),
        (client) => listFiles(hub, client, address, signal),
      ),
  };
}

interface Hub {
  readonly base: string;
  readonly retries: number;
  readonly hasToken: boolean;
}

async function withClient(open: () => HttpClient, work: (client: HttpClient) => Promise<SourcePlan>): Promise<SourcePlan> {
  const client = open();
  try {
    return await work(client);
  } catch (error) {
    await client.close();
    throw error;
  }
}

const encodePath = (path: string): string => path.split('/').map(encodeURIComponent).join('/');
const fileUrl = (hub: Hub, id: string, revision: string, path: string): string =>
  `${hub.base}/${id}/resolve/${encodeURIComponent(revision)}/${encodePath(path)}`;
const isCommit = (revision: string): boolean => /^[0-9a-f]{40}$/.test(revision);

/** A file that a card pins needs no question; of any other the hub tells commit, length and hash. */
async function resolveFiles(
  hub: Hub,
  client: HttpClient,
  address: SourceAddress,
  wanted: ModelSource,
  signal: AbortSignal,
): Promise<SourcePlan> {
  let revision = address.revision ?? 'main';
  const files: RemoteFile[] = [];
  // Once one answer names the commit, the others are asked of that commit: all files are then of one state.
  for (const file of [...wanted.files].sort((a, b) => Number(b.path === 'config.json') - Number(a.path === 'config.json'))) {
    const pinned = isCommit(revision) && file.sha256 !== undefined && file.bytes !== undefined;
    if (pinned) {
      files.push({ path: file.path, url: fileUrl(hub, address.id, revision, file.path), bytes: file.bytes, sha256: file.sha256 });
      continue;
    }
    const found = await metadata(hub, client, address, revision, file, signal);
    if (found === undefined) continue;
    revision = found.commit ?? revision;
    files.push({ ...found.file, url: fileUrl(hub, address.id, revision, file.path) });
  }
  return { kind: 'files', revision: isCommit(revision) ? revision : undefined, client, files };
}

/** Undefined where the repository has no such file; whether that matters is for the caller to say. */
async function metadata(
  hub: Hub,
  client: HttpClient,
  address: SourceAddress,
  revision: string,
  file: ModelFile,
  signal: AbortSignal,
): Promise<{ commit: string | undefined; file: Omit<RemoteFile, 'url'> } | undefined> {
  try {
    const answer = await withRetries(
      () => client.send(fileUrl(hub, address.id, revision, file.path), { method: 'HEAD', signal, redirects: 'same-host' }),
      hub,
      signal,
    );
    discard(answer);
    return { commit: answer.headers['x-repo-commit'], file: { path: file.path, ...promised(answer) } };
  } catch (error) {
    if (SourceFailure.isFailure(error) && error.kind === 'missing' && !/revision/i.test(error.message.slice(error.message.indexOf(': '))))
      return undefined;
    throw error;
  }
}

/** The hub's ETag is the sha256 of a large file and the git object id of a small one. */
function promised(answer: HttpAnswer): Pick<RemoteFile, 'bytes' | 'sha256' | 'gitSha1'> {
  const redirected = answer.status >= 300;
  const tag = (answer.headers['x-linked-etag'] ?? (redirected ? undefined : answer.headers['etag']) ?? '')
    .replace(/^W\//, '')
    .replaceAll('"', '');
  const length = answer.headers['x-linked-size'] ?? (redirected ? undefined : answer.headers['content-length']);
  return {
    ...(length === undefined ? {} : { bytes: Number(length) }),
    ...(/^[0-9a-f]{64}$/.test(tag) ? { sha256: tag } : {}),
    ...(/^[0-9a-f]{40}$/.test(tag) ? { gitSha1: tag } : {}),
  };
}

/** A client whose 401 and 403 say what a private or gated repository wants. */
function advising(client: HttpClient, hub: Hub, id: string): HttpClient {
  const advised = async <T>(work: Promise<T>): Promise<T> => {
    try {
      return await work;
    } catch (error) {
      if (!SourceFailure.isFailure(error) || error.kind !== 'denied') throw error;
      const advice = hub.hasToken
        ? `the token has no access to ${id}; accept its conditions at ${hub.base}/${id}`
        : `${id} is private, gated or not there; set hub.token (HF_TOKEN) after accepting its conditions at ${hub.base}/${id}`;
      throw new SourceFailure('denied', `${error.message}; ${advice}`, { cause: error });
    }
  };
  return {
    send: (url, options) => advised(client.send(url, options)),
    text: (url, options) => advised(client.text(url, options)),
    close: () => client.close(),
  };
}

async function listFiles(hub: Hub, client: HttpClient, address: SourceAddress, signal: AbortSignal): Promise<SourcePlan> {
  const revision = address.revision ?? 'main';
  const info = parseAs(
    infoSchema,
    await json(hub, client, `${hub.base}/api/models/${address.id}/revision/${encodeURIComponent(revision)}`, signal),
  );
  const files = (await tree(hub, client, address, info.sha, signal)) ?? (info.siblings ?? []).map(({ rfilename }) => ({ path: rfilename }));
  return {
    kind: 'files',
    revision: info.sha,
    client,
    files: files.map((file) => ({ ...file, url: fileUrl(hub, address.id, info.sha, file.path) })),
  };
}

/** Paths with length and hash; undefined on a mirror that has no such list. */
async function tree(
  hub: Hub,
  client: HttpClient,
  address: SourceAddress,
  commit: string,
  signal: AbortSignal,
): Promise<Omit<RemoteFile, 'url'>[] | undefined> {
  const files: Omit<RemoteFile, 'url'>[] = [];
  let next: string | undefined = `${hub.base}/api/models/${address.id}/tree/${commit}?recursive=true`;
  try {
    for (let page = 0; next !== undefined && page < MAX_PAGES; page += 1) {
      const url: string = next;
      const { text, headers } = await withRetries(() => client.text(url, { signal }), hub, signal);
      for (const entry of parseAs(treeSchema, JSON.parse(text))) if (entry.type === 'file') files.push(entryFile(entry));
      next = nextPage(headers['link'], url);
    }
    return files;
  } catch (error) {
    if (SourceFailure.isFailure(error) && error.kind === 'missing') return undefined;
    throw error;
  }
}

function entryFile(entry: z.infer<typeof treeSchema>[number]): Omit<RemoteFile, 'url'> {
  const bytes = entry.lfs?.size ?? entry.size;
  const oid = entry.oid !== undefined && /^[0-9a-f]{40}$/.test(entry.oid) ? { gitSha1: entry.oid } : {};
  return { path: entry.path, ...(bytes === undefined ? {} : { bytes }), ...(entry.lfs === undefined ? oid : { sha256: entry.lfs.oid }) };
}

/** The next page of a list (RFC 8288), on the same host. */
function nextPage(link: string | undefined, from: string): string | undefined {
  const target = /<([^>]+)>\s*;\s*rel="?next"?/.exec(link ?? '')?.[1];
  if (target === undefined) return undefined;
  const url = new URL(target, from);
  return url.origin === new URL(from).origin ? url.href : undefined;
}

async function json(hub: Hub, client: HttpClient, url: string, signal: AbortSignal): Promise<unknown> {
  const { text } = await withRetries(() => client.text(url, { signal }), hub, signal);
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new SourceFailure('refused', `${new URL(url).host} did not answer with JSON`, { cause: error });
  }
}

function parseAs<T>(schema: z.ZodType<T>, value: unknown): T {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw new SourceFailure('refused', "the answer is not in the hub's form", { cause: parsed.error });
}
