import { DOCS_PAGE, DOCS_POLICY, DOCS_SCRIPT, readDocsAsset } from '../docs.ts';
import { defineRoute, nothing, type Route, text } from '../route.ts';

const tag = 'Service';
const headers = { 'content-security-policy': DOCS_POLICY };

const page = defineRoute({
  method: 'GET',
  path: '/docs',
  scope: 'public',
  tag,
  summary: 'This documentation as a page',
  body: nothing,
  query: nothing,
  answers: [{ status: 200, description: 'The page; it loads nothing from other hosts.', contentType: 'text/html' }],
  handle: () => text(DOCS_PAGE, 'text/html; charset=utf-8', { headers }),
});

const script = defineRoute({
  method: 'GET',
  path: '/docs/start.js',
  scope: 'public',
  tag,
  summary: 'Script that starts the documentation page',
  body: nothing,
  query: nothing,
  answers: [{ status: 200, description: 'The script.', contentType: 'text/javascript' }],
  handle: () => text(DOCS_SCRIPT, 'text/javascript; charset=utf-8', { headers }),
});

const asset = defineRoute({
  method: 'GET',
  path: '/docs/{name}',
  scope: 'public',
  tag,
  summary: 'A file of the documentation page',
  body: nothing,
  query: nothing,
  answers: [{ status: 200, description: 'The file.', contentType: 'application/octet-stream' }],
  async handle({ id }) {
    const { bytes, contentType } = await readDocsAsset(id);
    return { headers: { ...headers, 'cache-control': 'public, max-age=3600' }, body: { kind: 'bytes', bytes, contentType } };
  },
});

/** The documentation page and its files. */
export const docsRoutes: readonly Route[] = [page, script, asset];
