import type { z } from 'zod';
import type { Gateway, Timings } from '../gateway/gateway-types.ts';
import type { Keys } from '../gateway/keys.ts';
import { emptySchema } from '../wire/common.ts';
import type { ErrorShape } from '../wire/error-shape.ts';
import type { FieldTable } from '../wire/fields.ts';
import { type Parsed, parseBody, parseQuery, type UnknownFields } from '../wire/parse.ts';
import type { ServerSentEvent } from '../wire/sse.ts';
import type { Scope } from './connection.ts';
import type { Form, FormFile } from './form.ts';

/** Methods that routes use; HEAD is answered by every GET route. */
export type Method = 'GET' | 'POST' | 'PUT' | 'DELETE';

/** What a route may use besides the request. */
export interface RouteContext {
  readonly gateway: Gateway;
  readonly keys: Pick<Keys, 'list' | 'create' | 'revoke'>;
  /** Aborts when the client hangs up or the server stops. */
  readonly signal: AbortSignal;
  readonly version: string;
  /** The OpenAPI document of all routes. */
  readonly openApi: () => object;
}

/** A checked request. */
export interface Call<Body, Query> {
  /** The path's first parameter, decoded; empty for a path without one. */
  readonly id: string;
  /** All of the path's parameters by name. */
  readonly params: Readonly<Record<string, string>>;
  readonly body: Body;
  readonly query: Query;
  /** Names of fields and query parameters that had no effect. */
  readonly ignored: readonly string[];
}

/** What an answer carries. Events are asked for only when somebody reads them. */
export type ReplyBody =
  | { readonly kind: 'json'; readonly value: unknown }
  | { readonly kind: 'text'; readonly text: string; readonly contentType: string }
  | { readonly kind: 'bytes'; readonly bytes: Uint8Array<ArrayBuffer>; readonly contentType: string }
  /** Bytes or text as they come. */
  | { readonly kind: 'stream'; readonly chunks: AsyncIterable<Uint8Array | string>; readonly contentType: string }
  | { readonly kind: 'events'; readonly events: (signal: AbortSignal) => AsyncIterable<ServerSentEvent> }
  /** Objects as lines of JSON (NDJSON). */
  | { readonly kind: 'lines'; readonly lines: (signal: AbortSignal) => AsyncIterable<object> };

/** What is counted and logged of an answer; the route wrapper does that, once. */
export interface Report {
  /** Id of an installed model: a label of metrics, so never what a client made up. */
  readonly model: string;
  readonly inputs: number;
  readonly promptTokens: number;
  readonly truncatedTokens: number;
  readonly timings: Timings;
}

/** A route's answer; the status is 200 unless it says otherwise. */
export interface Reply {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body: ReplyBody;
  readonly report?: Report;
}

/** One documented kind of answer. */
export interface Answer {
  readonly status: number;
  readonly description: string;
  /** Shape of a JSON answer, or of the data of each server-sent event. */
  readonly schema?: z.ZodType;
  /** Absent: application/json. */
  readonly contentType?: string;
}

/** What a route reads: a schema, and the class of each field in it. */
export interface Input<T> {
  /** `none`: nothing is read. `optional`: an empty body means no fields. */
  readonly presence: 'required' | 'optional' | 'none';
  /** Name of the file's field where the body is a form (multipart/form-data) and not JSON. */
  readonly file?: string;
  readonly schema: z.ZodType<T>;
  readonly fields: FieldTable;
}

/** What both sides of {@link defineRoute} have in common. */
interface RouteFacts {
  readonly method: Method;
  /** Parameters named `{id}` and `{alias}` may hold slashes, as model ids do (`/v1/models/{id}/load`); others may not. */
  readonly path: string;
  readonly scope: Scope;
  /** Heading in the documentation. */
  readonly tag: string;
  readonly summary: string;
  readonly description?: string;
  readonly answers: readonly Answer[];
  /** How its errors look; absent: as OpenAI's. */
  readonly errors?: ErrorShape;
}

/** A route as it is written: what it reads, and the function that answers. */
export interface RouteDefinition<Body, Query> extends RouteFacts {
  readonly body: Input<Body>;
  readonly query: Input<Query>;
  handle(call: Call<Body, Query>, context: RouteContext): Promise<Reply> | Reply;
}

/** A form as a route gets it: the file as it arrives, the other fields checked behind it. */
export interface Upload<Body> {
  readonly file: FormFile;
  /** To be asked for when the file has been read to its end. */
  fields(): Promise<Parsed<Body>>;
}

/** A request before it is checked. */
export interface RawCall {
  readonly params: Readonly<Record<string, string>>;
  readonly query: URLSearchParams;
  /** Reads the body as JSON; undefined when it is empty. */
  readonly readBody: () => Promise<unknown>;
  /** Begins to read the body as a form with a file in this field. */
  readonly readForm: (fileField: string) => Promise<Form>;
  /** Lines of the body as they arrive, without holding it whole. */
  readonly lines: () => AsyncIterable<string>;
  readonly unknownFields: UnknownFields;
}

/** A reply, and the names of the request's fields that had no effect. */
export interface Outcome {
  readonly reply: Reply;
  readonly ignored: readonly string[];
}

/** A route as plain data: the server routes by it, the OpenAPI document and docs/api.md are made from it. */
export interface Route extends RouteFacts {
  readonly body: Input<unknown>;
  readonly query: Input<unknown>;
  /** Checks the request, then answers it. */
  run(raw: RawCall, context: RouteContext): Promise<Outcome>;
}

/** A body or query without fields. */
export type Empty = Record<string, never>;

/** For a route that reads no body (GET), or whose query has no parameters. */
export const nothing: Input<Empty> = { presence: 'none', schema: emptySchema, fields: {} };

/** A body that must be there. */
export function required<T>(schema: z.ZodType<T>, fields: FieldTable): Input<T> {
  return { presence: 'required', schema, fields };
}

/** A body that may be left out, or query parameters. */
export function optional<T>(schema: z.ZodType<T>, fields: FieldTable): Input<T> {
  return { presence: 'optional', schema, fields };
}

/** A form with a file in the field `file`, and other fields. */
export function form<T>(file: string, schema: z.ZodType<T>, fields: FieldTable): Input<T> & { readonly file: string } {
  return { presence: 'required', schema, fields, file };
}

/** For a POST or DELETE without fields: an empty object is fine, anything else is refused by name. */
export const noFields: Input<Empty> = optional(emptySchema, {});

/** Makes a route of its definition. Body and query are checked before `handle` sees them. */
export function defineRoute<Body, Query>(definition: RouteDefinition<Body, Query>): Route {
  const { handle, ...facts } = definition;
  return {
    ...facts,
    async run(raw, context) {
      const query = parseQuery(definition.query.schema, definition.query.fields, raw.query, raw.unknownFields);
      const body = await checkBody(definition.body, raw);
      const ignored = [...query.ignored, ...body.ignored];
      const call = { id: firstOf(raw.params), params: raw.params, body: body.value, query: query.value, ignored };
      return { reply: await handle(call, context), ignored };
    },
  };
}

/** A route that takes a form with one file, as it is written. */
export interface FormRouteDefinition<Body> extends RouteFacts {
  readonly body: Input<Body> & { readonly file: string };
  /** Asks for the fields when it has read the file; the names of fields without effect are theirs. */
  handle(upload: Upload<Body>, params: Readonly<Record<string, string>>, context: RouteContext): Promise<Reply>;
}

/** Makes a route of a definition whose body is a form. The file is never held in memory by it. */
export function defineFormRoute<Body>(definition: FormRouteDefinition<Body>): Route {
  const { handle, ...facts } = definition;
  const { schema, fields, file } = definition.body;
  return {
    ...facts,
    query: nothing,
    async run(raw, context) {
      parseQuery(emptySchema, {}, raw.query, raw.unknownFields);
      const form = await raw.readForm(file);
      let ignored: readonly string[] = [];
      const checked = async (): Promise<Parsed<Body>> => {
        const parsed = parseBody(schema, fields, await form.fields(), raw.unknownFields);
        ({ ignored } = parsed);
        return parsed;
      };
      try {
        return { reply: await handle({ file: form.file, fields: checked }, raw.params, context), ignored };
      } finally {
        form.discard();
      }
    },
  };
}

/** A route whose body is lines of JSON that are read as they arrive. */
export interface LinesRouteDefinition<Query> extends RouteFacts {
  readonly query: Input<Query>;
  handle(lines: AsyncIterable<string>, query: Query, context: RouteContext): Promise<Reply>;
}

/** Makes a route of a definition that reads its body line by line (NDJSON). */
export function defineLinesRoute<Query>(definition: LinesRouteDefinition<Query>): Route {
  const { handle, ...facts } = definition;
  return {
    ...facts,
    body: nothing,
    async run(raw, context) {
      const query = parseQuery(definition.query.schema, definition.query.fields, raw.query, raw.unknownFields);
      return { reply: await handle(raw.lines(), query.value, context), ignored: query.ignored };
    },
  };
}

function firstOf(params: Readonly<Record<string, string>>): string {
  return Object.values(params)[0] ?? '';
}

async function checkBody<T>(input: Input<T>, raw: RawCall): Promise<Parsed<T>> {
  const body = input.presence === 'none' ? undefined : await raw.readBody();
  const absent = body === undefined && input.presence !== 'required';
  return parseBody(input.schema, input.fields, absent ? {} : body, raw.unknownFields);
}

/** A JSON reply. */
export function json(value: unknown, extra: Omit<Reply, 'body'> = {}): Reply {
  return { ...extra, body: { kind: 'json', value } };
}

/** A reply of text that is not JSON, or is JSON already. */
export function text(content: string, contentType: string, extra: Omit<Reply, 'body'> = {}): Reply {
  return { ...extra, body: { kind: 'text', text: content, contentType } };
}
