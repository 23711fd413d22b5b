import type { z } from 'zod';
import { LocalLiteError } from '../errors.ts';
import type { FieldTable } from './fields.ts';

/** What happens to a field that no table knows: a 400 that names it, or it is treated as accepted without effect. */
export type UnknownFields = 'refuse' | 'warn';

/** A checked request and the names of its fields that had no effect. */
export interface Parsed<T> {
  readonly value: T;
  readonly ignored: readonly string[];
}

/**
 * Checks the JSON body of a request. Absent and `null` mean the same, unless the field says otherwise (`nullable` of its {@link FieldTable}).
 * @throws LocalLiteError invalid_request, with `param` naming the field at fault, e.g. `input[3]`.
 */
export function parseBody<T>(schema: z.ZodType<T>, fields: FieldTable, body: unknown, unknownFields: UnknownFields): Parsed<T> {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) {
    throw new LocalLiteError('invalid_request', `the request body must be a JSON object, not ${kindOf(body)}`);
  }
  const { known, ignored } = sortFields(Object.entries(body), fields, unknownFields, 'field');
  return { value: check(schema, known), ignored };
}

/**
 * Checks the query parameters of a request.
 * @throws LocalLiteError invalid_request, with `param` naming the parameter.
 */
export function parseQuery<T>(
  schema: z.ZodType<T>,
  fields: FieldTable,
  query: Iterable<[string, string]>,
  unknownFields: UnknownFields,
): Parsed<T> {
  const { known, ignored } = sortFields([...query], fields, unknownFields, 'query parameter');
  return { value: check(schema, known), ignored };
}

function sortFields(entries: readonly [string, unknown][], fields: FieldTable, unknownFields: UnknownFields, what: string) {
  const known: Record<string, unknown> = {};
  const ignored: string[] = [];
  for (const [name, value] of entries) {
    const field = Object.hasOwn(fields, name) ? fields[name] : undefined;
    if (value === null && field?.nullable !== true) continue;
    if (field?.class === 'refused') throw refusal(name, `the ${what} "${name}" is not supported: ${field.note}`);
    if (field === undefined && unknownFields === 'refuse') throw refusal(name, unknownMessage(name, fields, what));
    if (field === undefined || field.class === 'accepted_without_effect') ignored.push(name);
    if (field !== undefined) known[name] = value;
  }
  return { known, ignored };
}

function refusal(param: string, message: string): LocalLiteError {
  return new LocalLiteError('invalid_request', message, { param });
}

function unknownMessage(name: string, fields: FieldTable, what: string): string {
  const usable = Object.keys(fields).filter((field) => fields[field]?.class !== 'refused');
  const hint = usable.length === 0 ? 'this route takes none' : `this route knows ${usable.join(', ')}`;
  return `unknown ${what} "${shorten(name)}"; ${hint}`;
}

function check<T>(schema: z.ZodType<T>, value: unknown): T {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  if (issue === undefined) throw new LocalLiteError('invalid_request', 'the request is not valid');
  const param = formatPath(issue.path);
  throw new LocalLiteError('invalid_request', `${param === '' ? 'the request' : param}: ${describe(issue, value)}`, { param });
}

/** `['input', 3, 'text']` as `input[3].text`. */
export function formatPath(path: readonly PropertyKey[]): string {
  return path.reduce<string>((text, key) => {
    if (typeof key === 'number') return `${text}[${key}]`;
    return text === '' ? String(key) : `${text}.${String(key)}`;
  }, '');
}

function describe(issue: z.core.$ZodIssue, root: unknown): string {
  const value = valueAt(root, issue.path);
  if (value === undefined && issue.code !== 'custom') return 'is required';
  switch (issue.code) {
    case 'invalid_type':
      return `must be ${article(issue.expected)}, not ${kindOf(value)}`;
    case 'invalid_value':
      return `must be ${issue.values.map((option) => JSON.stringify(option)).join(' or ')}, not ${shorten(JSON.stringify(value))}`;
    case 'too_small':
      return issue.origin === 'string' || issue.origin === 'array' ? 'must not be empty' : `must be at least ${issue.minimum}`;
    case 'too_big':
      return `must be at most ${issue.maximum}${UNITS[issue.origin] ?? ''}`;
    default:
      return issue.message;
  }
}

/** What a limit is of, where it is not the value itself. */
const UNITS: Readonly<Record<string, string>> = { string: ' characters', array: ' items' };

function valueAt(root: unknown, path: readonly PropertyKey[]): unknown {
  let value: unknown = root;
  for (const key of path) {
    if (typeof value !== 'object' || value === null) return undefined;
    value = Reflect.get(value, key);
  }
  return value;
}

function article(type: string): string {
  if (type === 'int') return 'an integer';
  return /^[aeiou]/.test(type) ? `an ${type}` : `a ${type}`;
}

/** The JSON type of a value with its article, for messages: `a string`, `an array`, `null`. */
export function kindOf(value: unknown): string {
  if (value === null || value === undefined) return String(value ?? 'null');
  if (Array.isArray(value)) return 'an array';
  return article(typeof value);
}

function shorten(text: string): string {
  return text.length <= 80 ? text : `${text.slice(0, 77)}...`;
}
