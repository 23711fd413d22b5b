import { createHash } from 'node:crypto';
import { type SeenRequest, serveBytes, startServer } from './serve-bytes.ts';

export interface PypiIndex {
  /** Address of the simple index, without credentials. */
  readonly url: string;
  readonly host: string;
  readonly requests: SeenRequest[];
  close(): Promise<void>;
}

/** A Python index with one project; JSON (PEP 691) or the older HTML form. */
export async function startPypiIndex(
  project: string,
  wheels: Readonly<Record<string, Buffer>>,
  options: { readonly authorization?: string; readonly html?: boolean; readonly sha256?: string } = {},
): Promise<PypiIndex> {
  const hashOf = (bytes: Buffer): string => options.sha256 ?? createHash('sha256').update(bytes).digest('hex');
  const server = await startServer(async (request, response, seen) => {
    if (options.authorization !== undefined && request.headers.authorization !== options.authorization)
      return void response.writeHead(401).end();
    const path = decodeURIComponent(request.url ?? '');
    const wheel = wheels[path.replace('/files/', '')];
    if (wheel !== undefined) return serveBytes(request, response, seen, wheel, { etag: '"wheel"' });
    if (path !== `/simple/${project}/`) return void response.writeHead(404).end();
    if (options.html === true) {
      const links = Object.entries(wheels).map(([name, bytes]) => `<a href="../../files/${name}#sha256=${hashOf(bytes)}">${name}</a>`);
      return void response.writeHead(200, { 'content-type': 'text/html' }).end(`<!DOCTYPE html><body>${links.join('\n')}</body>`);
    }
    const files = Object.entries(wheels).map(([filename, bytes]) => ({
      filename,
      url: `../../files/${filename}`,
      hashes: { sha256: hashOf(bytes) },
      size: bytes.length,
    }));
    response
      .writeHead(200, { 'content-type': 'application/vnd.pypi.simple.v1+json' })
      .end(JSON.stringify({ meta: { 'api-version': '1.0' }, name: project, files }));
  });
  return { url: `${server.url}/simple`, host: new URL(server.url).host, requests: server.requests, close: server.close };
}
