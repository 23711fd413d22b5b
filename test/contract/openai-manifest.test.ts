import { existsSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { decodeVector } from '../../src/wire/base64.ts';
import { compatibility } from '../../src/wire/compatibility.ts';
import { embeddingsFields, embeddingsResponseSchema } from '../../src/wire/embeddings.ts';
import type { Field } from '../../src/wire/fields.ts';
import { createStubApp, embedStub, MODEL, vectorOf } from '../http/stub-app.ts';

/*
 * What LocalLite says of each field of OpenAI's embeddings request is what it does: each field below is tried, and the list of fields
 * is held against OpenAI's own description of the API.
 */

const SPECIFICATION = new URL('../../../shared/data/openai-spec/openapi.json', import.meta.url);
const present = existsSync(SPECIFICATION);

const specificationSchema = z.object({
  components: z.object({
    schemas: z.object({
      CreateEmbeddingRequest: z.object({ required: z.array(z.string()), properties: z.record(z.string(), z.unknown()) }),
      CreateEmbeddingResponse: z.object({ required: z.array(z.string()) }),
      Embedding: z.object({ required: z.array(z.string()) }),
      Model: z.object({ required: z.array(z.string()) }),
      Error: z.object({ required: z.array(z.string()) }),
    }),
  }),
});

function specification() {
  return specificationSchema.parse(JSON.parse(readFileSync(SPECIFICATION, 'utf8'))).components.schemas;
}

const post = (body: object) => createStubApp().call('POST', '/v1/embeddings', { model: 'mini', input: 'a', ...body });
const parsed = async (body: object) => embeddingsResponseSchema.parse(await (await post(body)).json());

/** What shows that a field has its effect. */
const HONOURED: Readonly<Record<string, () => Promise<void>>> = {
  async input() {
    expect((await parsed({ input: ['a', 'b', 'c'] })).data).toHaveLength(3);
  },
  async model() {
    expect((await parsed({ model: 'owner/mini#q4' })).model).toBe('owner/mini#q4');
    expect((await parsed({ model: 'owner/mini#q4' })).locallite.model).toBe(MODEL);
  },
  async encoding_format() {
    expect((await parsed({ encoding_format: 'float' })).data[0]?.embedding).toEqual([...vectorOf(0)]);
    expect(decodeVector(String((await parsed({ encoding_format: 'base64' })).data[0]?.embedding))).toEqual(vectorOf(0));
    expect((await parsed({})).data[0]?.embedding).toEqual([...vectorOf(0)]);
  },
  async dimensions() {
    expect((await parsed({ dimensions: 2 })).data[0]?.embedding).toEqual([...vectorOf(0, 2)]);
  },
  input_type: () => reachesGateway({ input_type: 'passage' }, { inputType: 'passage' }),
  truncate: () => reachesGateway({ truncate: true }, { truncate: true }),
  keep_alive: () => reachesGateway({ keep_alive: -1 }, { keepAlive: -1 }),
  priority: () => reachesGateway({ priority: 'interactive' }, { priority: 'interactive' }),
};

async function reachesGateway(body: object, expected: object): Promise<void> {
  let seen: object = {};
  const embed: ReturnType<typeof createStubApp>['gateway']['embed'] = async (request) => {
    seen = request;
    return embedStub(request);
  };
  await createStubApp({ gateway: { embed } }).call('POST', '/v1/embeddings', { model: 'm', input: 'a', ...body });
  expect(seen).toMatchObject(expected);
}

const CHECKS: Readonly<Record<Field['class'], (name: string) => Promise<void>>> = {
  honoured: async (name) => {
    expect(Object.keys(HONOURED)).toContain(name);
    await HONOURED[name]?.();
  },
  accepted_without_effect: async (name) => {
    const answer = await post({ [name]: 'x' });
    expect(answer.status).toBe(200);
    expect(answer.headers.get('x-locallite-ignored')).toBe(name);
    expect(embeddingsResponseSchema.parse(await answer.json()).locallite.ignored).toEqual([name]);
    expect((await parsed({ [name]: 'x' })).data).toEqual((await parsed({})).data);
  },
  refused: async (name) => {
    const answer = await post({ [name]: 'x' });
    expect(answer.status).toBe(400);
    const note = embeddingsFields[name]?.note ?? '';
    expect(await answer.json()).toEqual({
      error: {
        message: `the field "${name}" is not supported: ${note}`,
        type: 'invalid_request_error',
        param: name,
        code: 'invalid_request',
      },
    });
  },
};

test.each(Object.entries(embeddingsFields).map(([name, field]) => [name, field.class] as const))('%s is %s', async (name, fieldClass) => {
  await CHECKS[fieldClass](name);
});

test.skipIf(!present)('every field of OpenAI’s request has a class, and no other field claims to be OpenAI’s (needs ../shared)', () => {
  const { CreateEmbeddingRequest } = specification();
  const ours = Object.keys(embeddingsFields).filter((name) => embeddingsFields[name]?.origin === 'openai');
  expect(ours.toSorted()).toEqual(Object.keys(CreateEmbeddingRequest.properties).toSorted());
});

test.skipIf(!present)('what OpenAI requires of a request is required (needs ../shared)', async () => {
  for (const name of specification().CreateEmbeddingRequest.required) {
    const answer = await post({ [name]: undefined });
    expect(answer.status).toBe(400);
    expect(await answer.json()).toMatchObject({ error: { param: name } });
  }
});

test.skipIf(!present)('answers have every member that OpenAI’s have (needs ../shared)', async () => {
  const schemas = specification();
  const answer = await parsed({});
  for (const name of schemas.CreateEmbeddingResponse.required) expect(answer).toHaveProperty(name);
  for (const name of schemas.Embedding.required) expect(answer.data[0]).toHaveProperty(name);
  const model: unknown = await (await createStubApp().call('GET', '/v1/models/mini')).json();
  for (const name of schemas.Model.required) expect(model).toHaveProperty(name);
  const failure: unknown = await (await post({ input: '' })).json();
  for (const name of schemas.Error.required) expect(failure).toHaveProperty(`error.${name}`);
});

test('what is ours in an answer of OpenAI’s stands under locallite alone', async () => {
  expect(Object.keys(await parsed({})).toSorted()).toEqual(['data', 'locallite', 'model', 'object', 'usage']);
  const model: unknown = await (await createStubApp().call('GET', '/v1/models/mini')).json();
  expect(Object.keys(Object(model)).toSorted()).toEqual(['created', 'id', 'locallite', 'object', 'owned_by']);
});

test('every class that is used is explained', () => {
  const used = new Set(compatibility.endpoints.flatMap(({ fields }) => Object.values(fields).map((field) => field.class)));
  for (const name of used) expect(compatibility.classes[name]).toBeTypeOf('string');
});
