import { existsSync, readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it, test } from 'vitest';
import { z } from 'zod';
import type { Route } from '../../src/http/route.ts';
import { ROUTES } from '../../src/http/routes/table.ts';
import { openAiErrorSchema } from '../../src/wire/openai-error.ts';
import { startTestServer, type TestServer } from '../http/test-server.ts';

/*
 * OpenAI's own description of files and vector stores against ours: no route, field, query parameter or member of an answer is missing,
 * and each field of theirs has the effect that is tried below.
 */

const SPECIFICATION = new URL('../../../shared/data/openai-spec/openapi.json', import.meta.url);
const present = existsSync(SPECIFICATION);

const schemaSchema = z.looseObject({ properties: z.record(z.string(), z.unknown()).optional(), required: z.array(z.string()).optional() });
const referenceSchema = z.object({ $ref: z.string() });
const operationSchema = z.object({
  parameters: z.array(z.object({ in: z.string(), name: z.string() })).default([]),
  requestBody: z.object({ content: z.record(z.string(), z.object({ schema: referenceSchema })) }).optional(),
  responses: z.record(z.string(), z.object({ content: z.record(z.string(), z.object({ schema: z.unknown() })).optional() })),
});
const specificationSchema = z.object({
  paths: z.record(z.string(), z.record(z.string(), z.unknown())),
  components: z.object({ schemas: z.record(z.string(), schemaSchema) }),
});

const specification = present
  ? specificationSchema.parse(JSON.parse(readFileSync(SPECIFICATION, 'utf8')))
  : { paths: {}, components: { schemas: {} } };
const { schemas } = specification.components;
const nameOf = (reference: string): string => reference.split('/').at(-1) ?? '';

/** Every operation of OpenAI's that these tests are about, with its name, e.g. `POST /v1/files`. */
const OPERATIONS = Object.entries(specification.paths)
  .filter(([path]) => /^\/(?:files|vector_stores)(?:\/|$)/.test(path))
  .flatMap(([path, methods]) => {
    return Object.entries(methods).map(([method, facts]) => {
      const operation = operationSchema.parse(facts);
      const body = Object.values(operation.requestBody?.content ?? {})[0]?.schema.$ref;
      return {
        name: `${method.toUpperCase()} /v1${path}`,
        query: operation.parameters.filter((parameter) => parameter.in === 'query').map((parameter) => parameter.name),
        body: body === undefined ? undefined : schemas[nameOf(body)],
        answer: Object.values(operation.responses['200']?.content ?? {})[0]?.schema,
      };
    });
  });

const routeOf = (name: string): Route | undefined => ROUTES.find(({ method, path }) => `${method} ${path}` === name);

/** A schema of the specification for zod. What is not required may be null: so it is in OpenAI's own answers where it is absent. */
function toZod(schema: unknown): z.ZodType {
  const found: Record<string, unknown> = {};
  const converted = convert(schema, found);
  const pending = new Set(Object.keys(found));
  for (const name of pending) {
    found[name] = convert(schemas[name], found);
    for (const another of Object.keys(found)) pending.add(another);
  }
  return z.fromJSONSchema({ ...Object(converted), definitions: found }, { defaultTarget: 'openapi-3.0' });
}

function convert(value: unknown, found: Record<string, unknown>): unknown {
  if (Array.isArray(value)) return value.map((one) => convert(one, found));
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).filter(([key]) => key !== 'description' && !key.startsWith('x-'));
  const copy: Record<string, unknown> = Object.fromEntries(entries.map(([key, one]) => [key, convert(one, found)]));
  if (typeof copy['$ref'] === 'string') {
    const name = nameOf(copy['$ref']);
    found[name] ??= {};
    // Its bounds are those of requests; the pretended model reads fewer tokens.
    if (name === 'StaticChunkingStrategy') return { type: 'object' };
    return { $ref: `#/definitions/${name}` };
  }
  const properties = copy['properties'];
  if (typeof properties === 'object' && properties !== null) {
    const required = new Set(Array.isArray(copy['required']) ? copy['required'] : []);
    copy['type'] = 'object';
    copy['properties'] = Object.fromEntries(
      Object.entries(properties).map(([name, one]) => [name, required.has(name) ? one : { anyOf: [one, { type: 'null' }] }]),
    );
  }
  return copy;
}

/** Without what is ours: that stands under `locallite` alone. */
function withoutOurs(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutOurs);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([key]) => key !== 'locallite')
      .map(([key, one]) => [key, withoutOurs(one)]),
  );
}

describe.skipIf(!present)('OpenAI’s description of files and vector stores (needs ../shared)', () => {
  test('is not empty', () => {
    expect(OPERATIONS.length).toBeGreaterThan(20);
  });

  test.each(OPERATIONS.map((operation) => [operation.name, operation] as const))('%s', (name, { body, query }) => {
    const route = routeOf(name);
    expect(route, 'there is a route').toBeDefined();
    const fields = Object.keys(body?.properties ?? {}).filter((field) => field !== route?.body.file);
    const ours = Object.entries(route?.body.fields ?? {}).filter(([, field]) => field.origin === 'openai');
    expect(ours.map(([field]) => field).toSorted()).toEqual(fields.toSorted());
    const parameters = Object.entries(route?.query.fields ?? {}).filter(([, field]) => field.origin === 'openai');
    expect(parameters.map(([parameter]) => parameter).toSorted()).toEqual(query.toSorted());
    for (const field of body?.required ?? []) {
      // A purpose has a default here.
      if (field !== route?.body.file && field !== 'purpose') expect(route?.body.schema.safeParse({}).success).toBe(false);
    }
  });

  test('every field and parameter of theirs is tried below', () => {
    const names = OPERATIONS.flatMap(({ name, body, query }) => [
      ...Object.keys(body?.properties ?? {}).map((field) => `${name} ${field}`),
      ...query.map((parameter) => `${name} ?${parameter}`),
    ]);
    expect([...Object.keys(EFFECTS)].toSorted()).toEqual(names.toSorted());
  });
});

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server[Symbol.asyncDispose]());

interface Answered {
  readonly status: number;
  readonly body: Record<string, unknown>;
}

/** Calls a route and holds its answer against the specification. */
async function call(operation: string, values: Readonly<Record<string, string>> = {}, body?: unknown, query = ''): Promise<Answered> {
  const [method = '', path = ''] = operation.split(' ');
  const place = path.replaceAll(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(values[name] ?? ''));
  const form = body instanceof FormData;
  const response = await fetch(`${server.url}${place}${query === '' ? '' : `?${query}`}`, {
    method,
    ...(body !== undefined && { body: form ? body : JSON.stringify(body) }),
    ...(body !== undefined && !form && { headers: { 'content-type': 'application/json' } }),
  });
  const answer = z.record(z.string(), z.unknown()).parse(await response.json());
  if (response.status === 200) conforms(operation, answer);
  else openAiErrorSchema.parse(answer);
  return { status: response.status, body: answer };
}

const checked = new Map<string, z.ZodType>();
const conforming = new Set<string>();

function conforms(operation: string, answer: unknown): void {
  const schema = OPERATIONS.find(({ name }) => name === operation)?.answer;
  if (schema === undefined) return;
  const checks = checked.get(operation) ?? toZod(schema);
  checked.set(operation, checks);
  const clean = withoutOurs(answer);
  // Ids of an empty page are null, as they are at OpenAI's.
  const isEmptyPage = Array.isArray(Reflect.get(Object(clean), 'data')) && Reflect.get(Object(clean), 'data').length === 0;
  if (isEmptyPage) Object.assign(Object(clean), { first_id: '', last_id: '' });
  const result = checks.safeParse(clean);
  expect(result.error?.issues ?? [], `${operation}: ${JSON.stringify(clean)}`).toEqual([]);
  if (!isEmptyPage) conforming.add(operation);
}

const FILES = '/v1/files';
const STORES = '/v1/vector_stores';
const STORE = `${STORES}/{vector_store_id}`;
const STORE_FILES = `${STORE}/files`;
const STORE_FILE = `${STORE_FILES}/{file_id}`;
const BATCHES = `${STORE}/file_batches`;
const BATCH = `${BATCHES}/{batch_id}`;

async function upload(text = 'w1 w2', fields: Readonly<Record<string, string>> = {}): Promise<Record<string, unknown> & { id: string }> {
  const form = new FormData();
  form.set('file', new Blob([text]), 'a.txt');
  for (const [name, value] of Object.entries({ purpose: 'assistants', ...fields })) form.set(name, value);
  const { body } = await call(`POST ${FILES}`, {}, form);
  return { ...body, id: String(body['id']) };
}

async function store(body: object = {}): Promise<Record<string, unknown> & { id: string }> {
  const { body: made } = await call(`POST ${STORES}`, {}, body);
  return { ...made, id: String(made['id']) };
}

/** Adds a file and waits until it has been read. */
async function add(storeId: string, body: { readonly file_id: string } & Record<string, unknown>): Promise<Record<string, unknown>> {
  const begun = await call(`POST ${STORE_FILES}`, { vector_store_id: storeId }, body);
  expect(begun.status).toBe(200);
  return await settled(storeId, body.file_id);
}

async function settled(storeId: string, fileId: string): Promise<Record<string, unknown>> {
  for (;;) {
    const { body } = await call(`GET ${STORE_FILE}`, { vector_store_id: storeId, file_id: fileId });
    if (body['status'] !== 'in_progress') return body;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** A vector store with three files of different words, in their order. */
async function filled() {
  const { id } = await store();
  const files: string[] = [];
  for (const [at, text] of ['w1 w2 w3', 'w10 w11 w12', 'w20 w21 w22'].entries()) {
    const file = await upload(text);
    await add(id, { file_id: file.id, attributes: { year: 2000 + at } });
    files.push(file.id);
  }
  const bad = await upload('\0\u0001\u0002\0ÿ');
  await add(id, { file_id: bad.id });
  return { id, files, bad: bad.id };
}

let shared: ReturnType<typeof filled> | undefined;
const once = (): ReturnType<typeof filled> => {
  shared ??= filled();
  return shared;
};

const idsOf = ({ body }: Answered, key = 'id'): readonly unknown[] =>
  z
    .array(z.looseObject({}))
    .parse(body['data'])
    .map((one) => one[key]);
const hits = async (body: object): Promise<Answered> => call(`POST ${STORE}/search`, { vector_store_id: (await once()).id }, body);
const STATIC = { type: 'static', static: { max_chunk_size_tokens: 100, chunk_overlap_tokens: 7 } };
/** What the pretended model reads at most. */
const fitted = { type: 'static', static: { max_chunk_size_tokens: expect.any(Number), chunk_overlap_tokens: 7 } };

/** Effects of a list's parameters, over ids in their order. */
function paging(
  name: string,
  order: () => Promise<{ readonly values: Readonly<Record<string, string>>; readonly ids: readonly string[] }>,
) {
  const list = async (query: (ids: readonly string[]) => string, wanted: (ids: readonly string[]) => readonly (string | undefined)[]) => {
    const { values, ids } = await order();
    expect(idsOf(await call(name, values, undefined, query(ids)))).toEqual(wanted(ids));
  };
  return {
    [`${name} ?limit`]: async () => {
      await list(
        () => 'order=asc&limit=2',
        (ids) => ids.slice(0, 2),
      );
      expect((await call(name, (await order()).values, undefined, 'limit=0')).body).toMatchObject({ error: { param: 'limit' } });
    },
    [`${name} ?order`]: async () => {
      await list(
        () => 'order=asc',
        (ids) => ids,
      );
      await list(
        () => '',
        (ids) => ids.toReversed(),
      );
      expect((await call(name, (await order()).values, undefined, 'order=up')).body).toMatchObject({ error: { param: 'order' } });
    },
    [`${name} ?after`]: () =>
      list(
        (ids) => `order=asc&after=${ids[0]}`,
        (ids) => ids.slice(1),
      ),
    [`${name} ?before`]: () =>
      list(
        (ids) => `order=asc&before=${ids[2]}`,
        (ids) => ids.slice(0, 2),
      ),
  };
}

async function filesInOrder() {
  const { id, files, bad } = await once();
  return { values: { vector_store_id: id }, ids: [...files, bad] };
}

let batched: Promise<{ readonly values: Readonly<Record<string, string>>; readonly ids: readonly string[] }> | undefined;
const batchInOrder = () => {
  batched ??= (async () => {
    const { id } = await store();
    const ids: string[] = [];
    for (const text of ['w1', 'w2', '\0\u0001\u0002\0ÿ']) ids.push((await upload(text)).id);
    const { body } = await call(`POST ${BATCHES}`, { vector_store_id: id }, { file_ids: ids });
    for (const file of ids) await settled(id, file);
    return { values: { vector_store_id: id, batch_id: String(body['id']) }, ids };
  })();
  return batched;
};

async function filterEffect(name: string, order: () => Promise<{ values: Readonly<Record<string, string>>; ids: readonly string[] }>) {
  const { values, ids } = await order();
  expect(idsOf(await call(name, values, undefined, 'filter=failed'))).toEqual([ids.at(-1)]);
  expect(idsOf(await call(name, values, undefined, 'filter=completed&order=asc'))).toEqual(ids.slice(0, -1));
  expect((await call(name, values, undefined, 'filter=done')).body).toMatchObject({ error: { param: 'filter' } });
}

/** What shows that a field, or with `?` a query parameter, has its effect. */
const EFFECTS: Readonly<Record<string, () => Promise<unknown>>> = {
  [`POST ${FILES} file`]: async () => expect(await upload('w1 w2 w3')).toMatchObject({ bytes: 8, filename: 'a.txt' }),
  [`POST ${FILES} purpose`]: async () => expect(await upload('w1', { purpose: 'user_data' })).toMatchObject({ purpose: 'user_data' }),
  [`POST ${FILES} expires_after`]: async () => {
    const file = await upload('w1', { 'expires_after[anchor]': 'created_at', 'expires_after[seconds]': '3600' });
    expect(Number(file['expires_at']) - Number(file['created_at'])).toBe(3600);
  },
  [`GET ${FILES} ?purpose`]: async () => {
    const { id } = await upload('w1', { purpose: 'batch' });
    expect(idsOf(await call(`GET ${FILES}`, {}, undefined, 'purpose=batch'))).toEqual([id]);
  },
  [`GET ${FILES} ?limit`]: async () => {
    expect(idsOf(await call(`GET ${FILES}`, {}, undefined, 'limit=1'))).toHaveLength(1);
    expect((await call(`GET ${FILES}`, {}, undefined, 'limit=10001')).body).toMatchObject({ error: { param: 'limit' } });
  },
  [`GET ${FILES} ?order`]: async () => {
    const ids = idsOf(await call(`GET ${FILES}`, {}, undefined, 'order=asc'));
    expect(idsOf(await call(`GET ${FILES}`))).toEqual(ids.toReversed());
  },
  [`GET ${FILES} ?after`]: async () => {
    const ids = idsOf(await call(`GET ${FILES}`));
    expect(idsOf(await call(`GET ${FILES}`, {}, undefined, `after=${ids[0]}`))).toEqual(ids.slice(1));
  },
  [`POST ${STORES} name`]: async () => expect(await store({ name: 'a name' })).toMatchObject({ name: 'a name' }),
  [`POST ${STORES} description`]: async () => expect(await store({ description: 'of it' })).toMatchObject({ description: 'of it' }),
  [`POST ${STORES} file_ids`]: async () => {
    const { id: fileId } = await upload();
    const { id } = await store({ file_ids: [fileId] });
    expect(await settled(id, fileId)).toMatchObject({ status: 'completed' });
    const before = idsOf(await call(`GET ${STORES}`, {}, undefined, 'limit=100')).length;
    expect(await call(`POST ${STORES}`, {}, { file_ids: [fileId, 'file-none'] })).toMatchObject({ status: 404 });
    expect(idsOf(await call(`GET ${STORES}`, {}, undefined, 'limit=100'))).toHaveLength(before);
  },
  [`POST ${STORES} chunking_strategy`]: async () => {
    const made = await store({ chunking_strategy: STATIC });
    expect(made).toMatchObject({ locallite: { chunker: { overlapTokens: 7 } } });
    const { id } = await upload();
    expect(await add(made.id, { file_id: id })).toMatchObject({ chunking_strategy: fitted });
  },
  [`POST ${STORES} expires_after`]: async () => {
    const made = await store({ expires_after: { anchor: 'last_active_at', days: 3 } });
    expect(made).toMatchObject({ expires_after: { anchor: 'last_active_at', days: 3 } });
    expect(Number(made['expires_at']) - Number(made['last_active_at'])).toBe(3 * 86_400);
  },
  [`POST ${STORES} metadata`]: async () => expect(await store({ metadata: { a: 'b' } })).toMatchObject({ metadata: { a: 'b' } }),
  ...paging(`GET ${STORES}`, async () => {
    const all = idsOf(await call(`GET ${STORES}`, {}, undefined, 'limit=100'));
    return { values: {}, ids: all.map(String).toReversed() };
  }),
  [`POST ${STORE} name`]: () => changes({ name: 'another name' }, { name: 'another name' }),
  [`POST ${STORE} expires_after`]: async () => {
    await changes({ expires_after: { anchor: 'last_active_at', days: 3 } }, { expires_after: { days: 3 } });
    const { id } = await store({ expires_after: { anchor: 'last_active_at', days: 3 }, metadata: { a: 'b' } });
    const kept = await call(`POST ${STORE}`, { vector_store_id: id }, {});
    expect(kept.body).toMatchObject({ expires_after: { days: 3 }, metadata: { a: 'b' } });
    const never = await call(`POST ${STORE}`, { vector_store_id: id }, { expires_after: null });
    expect(never.body).toMatchObject({ expires_after: null, expires_at: null, metadata: { a: 'b' } });
  },
  [`POST ${STORE} metadata`]: async () => {
    await changes({ metadata: { c: 'd' } }, { metadata: { c: 'd' } });
    await changes({ metadata: null }, { metadata: {} });
  },
  [`POST ${STORE_FILES} file_id`]: async () => {
    const { id } = await store();
    const { id: fileId } = await upload();
    expect(await add(id, { file_id: fileId })).toMatchObject({ id: fileId, vector_store_id: id, status: 'completed' });
  },
  [`POST ${STORE_FILES} attributes`]: async () => {
    const attributes = { text: 'a', number: 1.5, yes: true };
    expect(await add((await store()).id, { file_id: (await upload()).id, attributes })).toMatchObject({ attributes });
  },
  [`POST ${STORE_FILES} chunking_strategy`]: async () => {
    const made = await add((await store()).id, { file_id: (await upload()).id, chunking_strategy: STATIC });
    expect(made).toMatchObject({ chunking_strategy: fitted });
  },
  ...paging(`GET ${STORE_FILES}`, filesInOrder),
  [`GET ${STORE_FILES} ?filter`]: () => filterEffect(`GET ${STORE_FILES}`, filesInOrder),
  [`POST ${STORE_FILE} attributes`]: async () => {
    const { id } = await store();
    const { id: fileId } = await upload();
    await add(id, { file_id: fileId, attributes: { a: 1 } });
    const values = { vector_store_id: id, file_id: fileId };
    expect((await call(`POST ${STORE_FILE}`, values, { attributes: { b: 2 } })).body['attributes']).toEqual({ b: 2 });
    expect((await call(`POST ${STORE_FILE}`, values, { attributes: null })).body['attributes']).toEqual({});
  },
  [`POST ${BATCHES} file_ids`]: async () => {
    const { values, ids } = await batchInOrder();
    expect((await call(`GET ${BATCH}`, values)).body).toMatchObject({ file_counts: { total: ids.length, failed: 1 } });
    const unknown = await call(`POST ${BATCHES}`, values, { file_ids: [ids[0], 'file-none'] });
    expect(unknown).toMatchObject({ status: 404 });
    expect(await settled(values['vector_store_id'] ?? '', ids[0] ?? '')).toMatchObject({ status: 'completed' });
  },
  [`POST ${BATCHES} files`]: async () => {
    const { id } = await store();
    const { id: fileId } = await upload();
    const files = [{ file_id: fileId, attributes: { own: 1 }, chunking_strategy: STATIC }];
    await call(`POST ${BATCHES}`, { vector_store_id: id }, { files });
    expect(await settled(id, fileId)).toMatchObject({ attributes: { own: 1 }, chunking_strategy: fitted });
    const both = await call(`POST ${BATCHES}`, { vector_store_id: id }, { files, file_ids: [fileId] });
    expect(both).toMatchObject({ status: 400 });
  },
  [`POST ${BATCHES} attributes`]: () => ofBatch({ attributes: { all: true } }, { attributes: { all: true } }),
  [`POST ${BATCHES} chunking_strategy`]: () => ofBatch({ chunking_strategy: STATIC }, { chunking_strategy: fitted }),
  ...paging(`GET ${BATCH}/files`, batchInOrder),
  [`GET ${BATCH}/files ?filter`]: () => filterEffect(`GET ${BATCH}/files`, batchInOrder),
  [`POST ${STORE}/search query`]: async () => {
    const { files } = await once();
    expect(idsOf(await hits({ query: 'w10 w11' }), 'file_id')[0]).toBe(files[1]);
    const several = await hits({ query: ['w1', 'w20'] });
    expect(several.body['search_query']).toEqual(['w1', 'w20']);
    expect((await hits({})).body).toMatchObject({ error: { param: 'query' } });
  },
  [`POST ${STORE}/search rewrite_query`]: async () => {
    expect((await hits({ query: 'w1', rewrite_query: false })).status).toBe(200);
    expect(await hits({ query: 'w1', rewrite_query: true })).toMatchObject({ status: 400, body: { error: { param: 'rewrite_query' } } });
  },
  [`POST ${STORE}/search max_num_results`]: async () =>
    expect(idsOf(await hits({ query: 'w1', max_num_results: 2 }), 'file_id')).toHaveLength(2),
  [`POST ${STORE}/search filters`]: async () => {
    const { files } = await once();
    const found = async (filters: object) => idsOf(await hits({ query: 'w1', filters }), 'file_id').toSorted();
    expect(await found({ type: 'eq', key: 'year', value: 2001 })).toEqual([files[1]]);
    expect(await found({ type: 'gte', key: 'year', value: 2001 })).toEqual([files[1], files[2]].toSorted());
    expect(await found({ type: 'in', key: 'year', value: [2000, 2002] })).toEqual([files[0], files[2]].toSorted());
    const either = [
      { type: 'eq', key: 'year', value: 2000 },
      {
        type: 'and',
        filters: [
          { type: 'ne', key: 'year', value: 2000 },
          { type: 'lt', key: 'year', value: 2002 },
        ],
      },
    ];
    expect(await found({ type: 'or', filters: either })).toEqual([files[0], files[1]].toSorted());
  },
  [`POST ${STORE}/search ranking_options`]: async () => {
    const scores = z.array(z.number()).parse(idsOf(await hits({ query: 'w1', ranking_options: { ranker: 'auto' } }), 'score'));
    const threshold = scores[0] ?? 1;
    const best = await hits({ query: 'w1', ranking_options: { ranker: 'none', score_threshold: threshold } });
    expect(idsOf(best, 'score').every((score) => Number(score) >= threshold)).toBe(true);
    expect(idsOf(best)).not.toHaveLength(scores.length);
    const words = await hits({ query: 'w1', ranking_options: { hybrid_search: { embedding_weight: 0, text_weight: 1 } } });
    expect(words.status).toBe(200);
    const nothing = { hybrid_search: { embedding_weight: 0, text_weight: 0 } };
    expect(await hits({ query: 'w1', ranking_options: nothing })).toMatchObject({ status: 400 });
  },
};

async function changes(body: object, expected: object): Promise<void> {
  const { id } = await store();
  expect((await call(`POST ${STORE}`, { vector_store_id: id }, body)).body).toMatchObject(expected);
  expect((await call(`GET ${STORE}`, { vector_store_id: id })).body).toMatchObject(expected);
}

async function ofBatch(body: object, expected: object): Promise<void> {
  const { id } = await store();
  const { id: fileId } = await upload();
  await call(`POST ${BATCHES}`, { vector_store_id: id }, { file_ids: [fileId], ...body });
  expect(await settled(id, fileId)).toMatchObject(expected);
}

describe('each field and parameter of OpenAI’s has its effect', () => {
  it.each(Object.entries(EFFECTS))('%s', async (_name, check) => {
    await check();
  });
});

describe('answers of every route', () => {
  it('have what OpenAI’s have, of the same types', async () => {
    const { id, files } = await once();
    const values = { vector_store_id: id, file_id: files[0] ?? '' };
    const batch = await batchInOrder();
    await call(`GET ${FILES}/{file_id}`, values);
    await call(`GET ${STORE_FILE}/content`, values);
    await call(`POST ${BATCH}/cancel`, batch.values, {});
    const gone = await store();
    const goneFile = await upload();
    await add(gone.id, { file_id: goneFile.id });
    const of = { vector_store_id: gone.id, file_id: goneFile.id };
    expect(await call(`DELETE ${STORE_FILE}`, of)).toMatchObject({ status: 200 });
    expect(await call(`DELETE ${STORE}`, of)).toMatchObject({ status: 200 });
    expect(await call(`DELETE ${FILES}/{file_id}`, of)).toMatchObject({ status: 200 });
    const notJson = `GET ${FILES}/{file_id}/content`;
    expect([...conforming, ...(present ? [notJson] : [])].toSorted()).toEqual(OPERATIONS.map(({ name }) => name).toSorted());
  });

  it('that are errors have OpenAI’s shape and status', async () => {
    const { id, files } = await once();
    const values = { vector_store_id: id, file_id: files[0] ?? '' };
    const none = { vector_store_id: 'vs_none', file_id: 'file-none', batch_id: 'vsfb_none' };
    const cases: readonly [number, Promise<Answered>][] = [
      [404, call(`GET ${FILES}/{file_id}`, none)],
      [404, call(`DELETE ${FILES}/{file_id}`, none)],
      [404, call(`GET ${FILES}/{file_id}/content`, none)],
      [404, call(`GET ${STORE}`, none)],
      [404, call(`POST ${STORE}`, none, {})],
      [404, call(`DELETE ${STORE}`, none)],
      [404, call(`GET ${STORE_FILES}`, none)],
      [404, call(`GET ${STORE_FILE}`, { ...values, file_id: 'file-none' })],
      [404, call(`GET ${STORE_FILE}/content`, { ...values, file_id: 'file-none' })],
      [404, call(`DELETE ${STORE_FILE}`, { ...values, file_id: 'file-none' })],
      [404, call(`POST ${STORE_FILES}`, values, { file_id: 'file-none' })],
      [404, call(`GET ${BATCH}`, { ...values, batch_id: 'vsfb_none' })],
      [404, call(`POST ${BATCH}/cancel`, { ...values, batch_id: 'vsfb_none' }, {})],
      [404, call(`GET ${BATCH}/files`, { ...values, batch_id: 'vsfb_none' })],
      [404, call(`POST ${STORE}/search`, none, { query: 'w1' })],
      [400, call(`POST ${STORES}`, {}, { metadata: { a: 1 } })],
      [400, call(`POST ${STORES}`, {}, { expires_after: { anchor: 'created_at', days: 1 } })],
      [400, call(`POST ${STORE_FILES}`, values, {})],
      [400, call(`POST ${STORE_FILES}`, values, { file_id: files[0], attributes: { a: { b: 1 } } })],
      [400, call(`POST ${STORE_FILES}`, values, { file_id: files[0], chunking_strategy: { type: 'static' } })],
      [400, call(`POST ${BATCHES}`, values, { file_ids: [] })],
      [400, call(`POST ${BATCHES}`, values, {})],
      [400, call(`POST ${STORE}/search`, values, { query: '' })],
      [400, call(`POST ${STORE}/search`, values, { query: 'w1', filters: { type: 'eq', key: 'a' } })],
      [400, call(`GET ${STORES}`, {}, undefined, 'page=2')],
      [415, call(`POST ${FILES}`, {}, { file: 'x' })],
    ];
    for (const [status, answering] of cases) {
      const { status: found, body } = await answering;
      expect([found, body['error']]).toEqual([status, expect.objectContaining({ type: 'invalid_request_error' })]);
    }
    const wrongMethod = await fetch(`${server.url}${STORES}`, { method: 'PUT' });
    expect([wrongMethod.status, wrongMethod.headers.get('allow')]).toEqual([405, expect.stringContaining('POST')]);
  });
});
