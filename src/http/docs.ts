import { readFile } from 'node:fs/promises';
import { LocalLiteError } from '../errors.ts';

/** Files of the documentation page that come from swagger-ui-dist, with their types. */
const ASSETS: ReadonlyMap<string, string> = new Map([
  ['swagger-ui-bundle.js', 'text/javascript; charset=utf-8'],
  ['swagger-ui.css', 'text/css; charset=utf-8'],
  ['favicon-32x32.png', 'image/png'],
]);

/** Where the files are: beside the built program, or in the checkout's own dependencies. */
const FOLDERS = [new URL('./assets/', import.meta.url), new URL('../../node_modules/swagger-ui-dist/', import.meta.url)];

/** Nothing from other hosts, nothing inline but the styles that the page's library sets on its own elements. */
export const DOCS_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data:",
  "font-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

/** The page itself. Its addresses are relative, so that it also works below a path of a proxy. */
export const DOCS_PAGE = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>LocalLite API</title>
<link rel="icon" href="docs/favicon-32x32.png">
<link rel="stylesheet" href="docs/swagger-ui.css">
</head>
<body>
<div id="api">The documentation needs JavaScript; the same is in <a href="openapi.json">openapi.json</a>.</div>
<script src="docs/swagger-ui-bundle.js"></script>
<script src="docs/start.js"></script>
</body>
</html>
`;

/** Starts the page; `validatorUrl: null` keeps the library from asking another host for a badge. */
export const DOCS_SCRIPT = `SwaggerUIBundle({ url: 'openapi.json', dom_id: '#api', deepLinking: true, validatorUrl: null });
`;

/**
 * A file of the documentation page by name.
 * @throws LocalLiteError not_found
 */
export async function readDocsAsset(name: string): Promise<{ readonly bytes: Uint8Array<ArrayBuffer>; readonly contentType: string }> {
  const contentType = ASSETS.get(name);
  if (contentType === undefined) throw new LocalLiteError('not_found', 'the documentation has no such file');
  for (const folder of FOLDERS) {
    const bytes = await readFile(new URL(name, folder)).catch(() => undefined);
    if (bytes !== undefined) return { bytes: new Uint8Array(bytes), contentType };
  }
  throw new LocalLiteError('not_found', 'the documentation page is not part of this installation; GET /openapi.json has the same');
}
