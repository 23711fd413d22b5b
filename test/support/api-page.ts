import type { Input, Route } from '../../src/http/route.ts';
import { compatibility } from '../../src/wire/compatibility.ts';
import { namedSchemas } from '../../src/wire/schemas.ts';

const HEAD = `# HTTP API

Every route of the gateway. This page is made from the routes themselves; the same, with all schemas, is served as
[OpenAPI 3.1](http://127.0.0.1:11435/openapi.json) and as a page at <http://127.0.0.1:11435/docs>.

- **Keys.** Without keys the gateway serves this machine alone and asks for none. With keys, send \`Authorization: Bearer <key>\`; each
  route below names the scope that the key needs (\`admin\` covers all).
- **Model ids** in a path may be percent-encoded or carry raw slashes: \`/v1/models/owner%2Fname\`, \`/v1/models/owner/name\`.
- **Errors** have OpenAI's shape: \`{"error": {"message", "type", "param", "code"}}\`. \`param\` names the field at fault, e.g. \`input[3]\`.
  429 and 503 carry \`Retry-After\`. Routes that speak another API's wire have errors of its shape and
  status, and say so below: \`{"message"}\` (Cohere), \`{"error", "error_type"}\` (TEI), \`{"error"}\` (Ollama).
- **Headers** of every answer: \`X-Request-Id\` (yours is kept when it is sane), \`Server-Timing\`. \`X-LocalLite-Ignored\` names fields that
  had no effect; the answer of a model has \`X-LocalLite-Model\`, \`-Variant\`, \`-Provider\` and, when something was cut,
  \`X-LocalLite-Truncated-Tokens\`.
- **Unknown fields and query parameters** are refused with 400 (TEI: 422), or with the setting \`unknown_fields: warn\` accepted and named.
  \`null\` means the same as leaving the field out. [compatibility.json](compatibility.json) has the class of every field.
- **HEAD** is answered wherever GET is.
`;

/** docs/api.md as it must read for these routes. */
export function renderApiPage(routes: readonly Route[]): string {
  const tags = [...new Set(routes.map((route) => route.tag))];
  const sections = tags.map(
    (tag) =>
      `## ${tag}\n\n${routes
        .filter((route) => route.tag === tag)
        .map(routeText)
        .join('\n')}`,
  );
  return `${HEAD}\n${sections.join('\n')}`;
}

/** docs/compatibility.json as it must read. */
export function renderCompatibility(): string {
  return `${JSON.stringify(compatibility, undefined, 2)}\n`;
}

function routeText(route: Route): string {
  const lines = [`### ${route.method} ${route.path}`, '', `${route.summary}. Scope: ${route.scope}.`];
  if (route.description !== undefined) lines.push('', route.description);
  lines.push(...fieldTable('Query', route.query), ...fieldTable('Body', route.body), '');
  for (const { status, description, schema, contentType } of route.answers) {
    const name = Object.keys(namedSchemas).find((key) => namedSchemas[key] === schema);
    const kind = [contentType, name].filter((part) => part !== undefined).join(', ');
    lines.push(`- ${status}${kind === '' ? '' : ` (${kind})`}: ${description}`);
  }
  if (route.errors !== undefined) lines.push(`- otherwise (${route.errors.name}): an error.`);
  return `${lines.join('\n')}\n`;
}

function fieldTable(title: string, input: Input<unknown>): string[] {
  const fields = Object.entries(input.fields);
  if (fields.length === 0) return [];
  const rows = fields.map(
    ([name, field]) => `| \`${name}\` | ${field.class.replaceAll('_', ' ')} | ${field.origin} | ${field.note.replaceAll('|', '\\|')} |`,
  );
  return ['', `| ${title} | Class | From | |`, '|---|---|---|---|', ...rows];
}
