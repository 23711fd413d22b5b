import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { ROUTES } from '../../src/http/routes/table.ts';
import { compatibility } from '../../src/wire/compatibility.ts';
import { namedSchemas } from '../../src/wire/schemas.ts';
import { renderApiPage, renderCompatibility } from '../support/api-page.ts';
import { createStubApp } from './stub-app.ts';

const METHODS = new Set(['get', 'put', 'post', 'delete']);

interface Operation {
  readonly operationId: string;
  readonly summary: string;
  readonly parameters?: readonly { readonly name: string; readonly in: string; readonly required: boolean }[];
  readonly requestBody?: { readonly required: boolean; readonly content: object };
  readonly responses: Readonly<Record<string, { readonly description?: string; readonly $ref?: string }>>;
}

interface Document {
  readonly openapi: string;
  readonly info: { readonly title: string; readonly version: string };
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, object>> };
}

async function served(): Promise<Document> {
  return JSON.parse(await (await createStubApp().call('GET', '/openapi.json')).text());
}

function* objectsIn(value: unknown, at = '#'): Generator<readonly [string, object]> {
  if (typeof value !== 'object' || value === null) return;
  yield [at, value];
  for (const [key, inner] of Object.entries(value)) yield* objectsIn(inner, `${at}/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`);
}

function resolve(document: object, reference: string): unknown {
  let value: unknown = document;
  for (const key of reference.slice(2).split('/')) {
    value = typeof value === 'object' && value !== null ? Reflect.get(value, key.replaceAll('~1', '/').replaceAll('~0', '~')) : undefined;
  }
  return value;
}

test('the document is OpenAPI 3.1 and lists exactly the routes', async () => {
  const document = await served();
  expect(document.openapi).toBe('3.1.0');
  expect(document.info).toMatchObject({ title: 'LocalLite', version: '1.2.3' });
  const listed = Object.entries(document.paths).flatMap(([path, item]) =>
    Object.keys(item).map((method) => `${method.toUpperCase()} ${path}`),
  );
  expect(listed.toSorted()).toEqual(ROUTES.map(({ method, path }) => `${method} ${path}`).toSorted());
});

test('every operation has what the standard demands of it', async () => {
  const { paths } = await served();
  const ids: string[] = [];
  for (const [path, item] of Object.entries(paths)) {
    for (const [method, operation] of Object.entries(item)) {
      expect(METHODS).toContain(method);
      ids.push(operation.operationId);
      expect(operation.summary).not.toBe('');
      const declared = (operation.parameters ?? []).filter((parameter) => parameter.in === 'path');
      expect(declared.map(({ name, required }) => [name, required])).toEqual(
        [...path.matchAll(/\{(\w+)\}/g)].map((match) => [match[1], true]),
      );
      for (const [status, response] of Object.entries(operation.responses)) {
        expect(status).toMatch(/^(default|[1-5]\d\d)$/);
        expect(response.description ?? response.$ref).toBeTypeOf('string');
      }
      if (method === 'get') expect(operation.requestBody).toBeUndefined();
    }
  }
  expect(new Set(ids).size).toBe(ids.length);
});

test('every reference leads somewhere and every component is used', async () => {
  const document = await served();
  const used = new Set<string>();
  for (const [at, object] of objectsIn(document)) {
    const reference: unknown = Reflect.get(object, '$ref');
    if (typeof reference !== 'string') continue;
    expect([at, resolve(document, reference)]).not.toEqual([at, undefined]);
    used.add(reference);
  }
  expect(Object.keys(document.components.schemas).toSorted()).toEqual(Object.keys(namedSchemas).toSorted());
  for (const name of Object.keys(namedSchemas)) expect(used).toContain(`#/components/schemas/${name}`);
});

test('the embeddings request is described as it is checked', async () => {
  const { components } = await served();
  expect(components.schemas['EmbeddingsRequest']).toMatchObject({
    type: 'object',
    required: ['input', 'model'],
    additionalProperties: false,
    properties: {
      input: {
        oneOf: [
          { type: 'string' },
          { type: 'array', items: { type: 'string' } },
          { type: 'array', items: { type: 'integer' } },
          { type: 'array', items: { type: 'array', items: { type: 'integer' } } },
        ],
      },
      encoding_format: { enum: ['float', 'base64'], default: 'float' },
      dimensions: { type: 'integer', minimum: 1 },
    },
  });
});

test('the field tables name exactly the fields of the schemas, beyond those that are refused', () => {
  for (const { method, path, body, query } of ROUTES) {
    for (const input of [body, query]) {
      const taken = Object.keys(input.fields).filter((name) => input.fields[name]?.class !== 'refused');
      expect([method, path, taken.toSorted()]).toEqual([method, path, fieldsOf(input.schema).toSorted()]);
    }
  }
});

function fieldsOf(schema: object): string[] {
  const shape: unknown = Reflect.get(schema, 'shape');
  return typeof shape === 'object' && shape !== null ? Object.keys(shape) : [];
}

test('the compatibility list has exactly the fields that requests are checked by', async () => {
  for (const { method, path, body, query } of ROUTES) {
    const fields = { ...query.fields, ...body.fields };
    const listed = compatibility.endpoints.find((endpoint) => endpoint.method === method && endpoint.path === path);
    if (Object.keys(fields).length > 0) expect([path, listed?.fields]).toEqual([path, fields]);
  }
  for (const { method, path } of compatibility.endpoints) {
    expect(ROUTES.some((route) => route.method === method && route.path === path)).toBe(true);
  }
  expect(await (await createStubApp().call('GET', '/v1/compatibility')).json()).toEqual(compatibility);
});

test.each([
  ['docs/api.md', () => renderApiPage(ROUTES)],
  ['docs/compatibility.json', renderCompatibility],
])('%s is current (UPDATE_DOCS=1 rewrites it)', async (path, render) => {
  const file = new URL(`../../${path}`, import.meta.url);
  if (process.env['UPDATE_DOCS'] === '1') {
    await mkdir(new URL('./', file), { recursive: true });
    await writeFile(file, render());
  }
  expect(await readFile(file, 'utf8').catch(() => 'missing')).toBe(render());
});
