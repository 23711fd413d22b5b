import { sriOf } from './archives.ts';
import { type Fault, type SeenRequest, serveBytes, startServer } from './serve-bytes.ts';

export interface NpmRegistry {
  /** Ends with a slash. */
  readonly url: string;
  readonly requests: SeenRequest[];
  /** The next answers to requests for the tarball. */
  fault(...faults: Fault[]): void;
  close(): Promise<void>;
}

export interface NpmRegistryOptions {
  /** Answers 401 to anything without this Authorization header. */
  readonly authorization?: string;
  /** Address written into `dist.tarball` instead of the registry's own. */
  readonly tarballBase?: string;
  /** Only whole packages are answered for, not single versions. */
  readonly packagesOnly?: boolean;
  readonly integrity?: string;
}

/** A registry that has one package in one version. */
export async function startNpmRegistry(
  name: string,
  version: string,
  tarball: Buffer,
  options: NpmRegistryOptions = {},
): Promise<NpmRegistry> {
  const faults: Fault[] = [];
  let base = '';
  const server = await startServer(async (request, response, seen) => {
    if (options.authorization !== undefined && request.headers.authorization !== options.authorization)
      return void response.writeHead(401).end();
    const path = decodeURIComponent(request.url ?? '');
    const file = `${name}/-/${name.split('/').at(-1)}-${version}.tgz`;
    if (path.endsWith('.tgz'))
      return serveBytes(request, response, seen, tarball, {
        etag: '"tarball"',
        fault: request.method === 'GET' ? faults.shift() : undefined,
      });
    const manifest = {
      name,
      version,
      dist: { tarball: `${options.tarballBase ?? base}${file}`, integrity: options.integrity ?? sriOf(tarball) },
    };
    const json = (value: unknown) => void response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(value));
    if (path === `/${name}/${version}` && options.packagesOnly !== true) return json(manifest);
    if (path === `/${name}`) return json({ name, 'dist-tags': { latest: version }, versions: { [version]: manifest } });
    response.writeHead(404).end();
  });
  base = `${server.url}/`;
  return { url: base, requests: server.requests, fault: (...list) => void faults.push(...list), close: server.close };
}
