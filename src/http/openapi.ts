import { z } from 'zod';
import type { ErrorShape } from '../wire/error-shape.ts';
import { openAiErrors } from '../wire/openai-error.ts';
import { namedSchemas } from '../wire/schemas.ts';
import type { Answer, Input, Route } from './route.ts';

type JsonObject = Record<string, unknown>;

/**
 * The OpenAPI 3.1 document of the routes, from the same schemas that requests are checked by.
 * Named schemas become components, all others stand where they are used.
 */
export function createOpenApiDocument(routes: readonly Route[], version: string): object {
  const paths: Record<string, JsonObject> = {};
  for (const route of routes) {
    paths[route.path] = { ...paths[route.path], [route.method.toLowerCase()]: operation(route) };
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'LocalLite',
      version,
      summary: 'Local, private AI gateway with an OpenAI-compatible API.',
      description: 'Errors have the shape of the wire that a route speaks. Every answer carries `X-Request-Id` and `Server-Timing`.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    // Relative to where the document was loaded from, so that it also holds behind a proxy.
    servers: [{ url: './' }],
    tags: [...new Set(routes.map((route) => route.tag))].map((name) => ({ name })),
    paths,
    components: {
      schemas: componentSchemas(),
      responses: errorResponses(routes),
      securitySchemes: { key: { type: 'http', scheme: 'bearer', description: 'A key; needed only when the gateway has keys.' } },
    },
  };
}

function operation(route: Route): JsonObject {
  const parameters = [...pathParameters(route.path), ...queryParameters(route.query)];
  return {
    operationId: operationId(route),
    tags: [route.tag],
    summary: route.summary,
    ...(route.description === undefined ? {} : { description: route.description }),
    // An empty requirement: without keys on loopback, nobody needs one.
    security: route.scope === 'public' ? [] : [{}, { key: [] }],
    'x-scope': route.scope,
    ...(parameters.length === 0 ? {} : { parameters }),
    ...requestBody(route.body),
    responses: { ...answers(route.answers), default: { $ref: `#/components/responses/${errorsOf(route).name}` } },
  };
}

/** `POST /v1/models/{id}/load` as `post_v1_models_id_load`. */
function operationId(route: Route): string {
  const words = route.path.split(/[^A-Za-z0-9]+/).filter((word) => word !== '');
  return [route.method.toLowerCase(), ...words].join('_');
}

function pathParameters(path: string): JsonObject[] {
  return [...path.matchAll(/\{(\w+)\}/g)].map((match) => ({ name: match[1], in: 'path', required: true, schema: { type: 'string' } }));
}

function queryParameters(query: Input<unknown>): JsonObject[] {
  const schema = toJsonSchema(query.schema, 'input');
  const properties = Object.entries(asObject(schema['properties']));
  return properties.map(([name, property]) => ({ name, in: 'query', required: false, schema: property }));
}

function requestBody(body: Input<unknown>): JsonObject {
  if (body.presence === 'none') return {};
  if (body.presence === 'optional' && Object.keys(body.fields).length === 0) return {};
  const content =
    body.file === undefined ? { 'application/json': { schema: reference(body.schema, 'input') } } : formContent(body, body.file);
  return { requestBody: { required: body.presence === 'required', content } };
}

/** A form: its fields, and the file as bytes. */
function formContent(body: Input<unknown>, file: string): JsonObject {
  const schema = toJsonSchema(body.schema, 'input');
  const properties = { [file]: { type: 'string', contentMediaType: 'application/octet-stream' }, ...asObject(schema['properties']) };
  const required = Array.isArray(schema['required']) ? schema['required'] : [];
  return { 'multipart/form-data': { schema: { ...schema, properties, required: [file, ...required] } } };
}

function answers(list: readonly Answer[]): JsonObject {
  const responses: Record<string, JsonObject> = {};
  for (const answer of list) {
    const contentType = answer.contentType ?? 'application/json';
    const schema = answer.schema === undefined ? {} : { schema: reference(answer.schema, 'output') };
    responses[String(answer.status)] = { description: answer.description, content: { [contentType]: schema } };
  }
  return responses;
}

function errorsOf(route: Route): ErrorShape {
  return route.errors ?? openAiErrors;
}

/** One answer for each shape of errors that the routes have. */
function errorResponses(routes: readonly Route[]): JsonObject {
  const shapes = new Map(routes.map((route) => [errorsOf(route).name, errorsOf(route).schema]));
  return Object.fromEntries(
    [...shapes].map(([name, schema]) => [name, jsonContent('The request could not be answered.', reference(schema, 'output'))]),
  );
}

function jsonContent(description: string, schema: JsonObject): JsonObject {
  return { description, content: { 'application/json': { schema } } };
}

/** A reference to a named schema, or the schema itself. */
function reference(schema: z.ZodType, io: 'input' | 'output'): JsonObject {
  const name = Object.keys(namedSchemas).find((key) => namedSchemas[key] === schema);
  return name === undefined ? toJsonSchema(schema, io) : { $ref: `#/components/schemas/${name}` };
}

function componentSchemas(): JsonObject {
  const registry = z.registry<{ id: string }>();
  for (const [id, schema] of Object.entries(namedSchemas)) registry.add(schema, { id });
  const { schemas } = z.toJSONSchema(registry, { uri: (id) => `#/components/schemas/${id}`, unrepresentable: 'any', io: 'input' });
  return Object.fromEntries(Object.entries(schemas).map(([id, schema]) => [id, withoutDialect(schema)]));
}

function toJsonSchema(schema: z.ZodType, io: 'input' | 'output'): JsonObject {
  return withoutDialect(z.toJSONSchema(schema, { unrepresentable: 'any', io }));
}

/** OpenAPI 3.1 names the dialect once for the whole document. */
function withoutDialect(schema: object): JsonObject {
  const { $schema: _dialect, $id: _id, ...rest } = asObject(schema);
  return rest;
}

function asObject(value: unknown): JsonObject {
  return typeof value === 'object' && value !== null ? { ...value } : {};
}
