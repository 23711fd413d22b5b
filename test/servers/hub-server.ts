import { createHash } from 'node:crypto';
import { type Fault, type SeenRequest, serveBytes, startServer } from './serve-bytes.ts';

export interface HubRepository {
  readonly commit: string;
  readonly files: Record<string, Buffer>;
  /** Answers 401 without this token. */
  readonly token?: string;
}

/** A local server that speaks the hub's protocol: small files in git, large ones (LFS) by redirect to another host. */
export interface HubServer {
  readonly endpoint: string;
  readonly cdn: string;
  /** Requests to the hub itself, and to the host it redirects to. */
  readonly requests: SeenRequest[];
  readonly cdnRequests: SeenRequest[];
  /** The next answers for this path, in order; GET only. Redirected files fail at the other host. */
  fault(path: string, ...faults: Fault[]): void;
  /** From now on serve other bytes under the same address and length claims. */
  replace(path: string, bytes: Buffer, options?: { readonly claimOld?: boolean }): void;
  /** Body bytes sent for a path, by both hosts. */
  sentFor(path: string): number;
  close(): Promise<void>;
}

/** Files from this size on are LFS files. */
const LFS_FROM = 64 * 1024;
const sha256 = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');
const gitSha1 = (bytes: Buffer): string => createHash('sha1').update(`blob ${bytes.length}\0`).update(bytes).digest('hex');

export async function startHubServer(repositories: Record<string, HubRepository>): Promise<HubServer> {
  const faults = new Map<string, Fault[]>();
  const served = new Map<string, Buffer>();
  const next = (path: string, method: string | undefined): Fault | undefined => (method === 'GET' ? faults.get(path)?.shift() : undefined);

  const cdn = await startServer(async (request, response, seen) => {
    const [id = '', path = ''] = decodeURIComponent((request.url ?? '').replace(/^\/cdn\//, '')).split('!');
    const body = served.get(path) ?? repositories[id]?.files[path];
    if (body === undefined) return void response.writeHead(404).end();
    await serveBytes(request, response, seen, body, { etag: `"cdn-${sha256(body).slice(0, 16)}"`, fault: next(path, request.method) });
  });

  const hub = await startServer(async (request, response, seen) => {
    const url = new URL(request.url ?? '/', 'http://hub');
    const api = /^\/api\/models\/([^/]+\/[^/]+)\/(revision|tree)\/([^/]+)/.exec(url.pathname);
    const file = /^\/([^/]+\/[^/]+)\/resolve\/([^/]+)\/(.+)$/.exec(url.pathname);
    const id = api?.[1] ?? file?.[1] ?? '';
    const repository = repositories[id];
    if (repository === undefined || (repository.token !== undefined && request.headers.authorization !== `Bearer ${repository.token}`)) {
      return void response.writeHead(401, { 'x-error-code': 'GatedRepo', 'x-error-message': 'Access to this model is restricted.' }).end();
    }
    const revision = decodeURIComponent(api?.[3] ?? file?.[2] ?? '');
    if (revision !== 'main' && revision !== repository.commit) {
      return void response.writeHead(404, { 'x-error-code': 'RevisionNotFound', 'x-error-message': 'Invalid revision' }).end();
    }
    if (api?.[2] === 'revision') {
      const siblings = Object.keys(repository.files).map((rfilename) => ({ rfilename }));
      return void response
        .writeHead(200, { 'content-type': 'application/json' })
        .end(JSON.stringify({ id, sha: repository.commit, siblings }));
    }
    if (api?.[2] === 'tree') {
      const entries = Object.entries(repository.files).map(([path, bytes]) => ({
        type: 'file',
        path,
        size: bytes.length,
        oid: gitSha1(bytes),
        ...(bytes.length >= LFS_FROM ? { lfs: { oid: sha256(bytes), size: bytes.length } } : {}),
      }));
      return void response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(entries));
    }
    const path = decodeURIComponent(file?.[3] ?? '');
    const claimed = repository.files[path];
    if (claimed === undefined)
      return void response.writeHead(404, { 'x-error-code': 'EntryNotFound', 'x-error-message': 'Entry not found' }).end();
    const headers = { 'x-repo-commit': repository.commit };
    if (claimed.length >= LFS_FROM) {
      const location = `${cdn.url}/cdn/${encodeURIComponent(`${id}!${path}`)}`;
      return void response
        .writeHead(302, { ...headers, location, 'x-linked-etag': `"${sha256(claimed)}"`, 'x-linked-size': claimed.length.toString() })
        .end();
    }
    const fault = next(path, request.method);
    await serveBytes(request, response, seen, served.get(path) ?? claimed, {
      etag: `"${gitSha1(claimed)}"`,
      fault: { ...fault, headers: { ...headers, ...fault?.headers } },
    });
  });

  return {
    endpoint: hub.url,
    cdn: cdn.url,
    requests: hub.requests,
    cdnRequests: cdn.requests,
    fault: (path, ...list) => void faults.set(path, [...(faults.get(path) ?? []), ...list]),
    replace(path, bytes, { claimOld = false } = {}) {
      served.set(path, bytes);
      if (!claimOld) for (const repository of Object.values(repositories)) if (path in repository.files) repository.files[path] = bytes;
    },
    sentFor: (path) =>
      [...hub.requests, ...cdn.requests]
        .filter((seen) => decodeURIComponent(seen.path).endsWith(path))
        .reduce((sum, seen) => sum + seen.sent, 0),
    close: async () => {
      await Promise.all([hub.close(), cdn.close()]);
    },
  };
}
