import { LocalLiteError } from '../errors.ts';

/** An object of a parsed JSON file whose fields have not been checked yet. */
export type JsonObject = Readonly<Record<string, unknown>>;

/** True for a plain JSON object (not an array, not null). */
export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The error for a tokenizer file that is damaged or not of the documented format; `where` is a path such as `model.vocab`. */
export function malformed(where: string, expected: string): LocalLiteError {
  return new LocalLiteError('model_load_failed', `tokenizer.json: ${where} must be ${expected}`);
}

/** The error for a tokenizer that uses a component which LocalLite does not know. */
export function unsupported(what: string): LocalLiteError {
  return new LocalLiteError('model_unsupported', `tokenizer.json uses ${what}, which this version of LocalLite cannot run`);
}

/** `value` as an object, or a `model_load_failed` error that names `where`. */
export function objectAt(value: unknown, where: string): JsonObject {
  if (!isJsonObject(value)) throw malformed(where, 'an object');
  return value;
}

/** `value` as an array, or a `model_load_failed` error that names `where`. */
export function arrayAt(value: unknown, where: string): readonly unknown[] {
  if (!Array.isArray(value)) throw malformed(where, 'an array');
  return value;
}

/** A string field; `fallback` where it is absent or null, otherwise it is required. */
export function textOf(json: JsonObject, key: string, where: string, fallback?: string): string {
  const value = json[key] ?? fallback;
  if (typeof value !== 'string') throw malformed(`${where}.${key}`, 'a string');
  return value;
}

/** A whole-number field; `fallback` where it is absent or null, otherwise it is required. */
export function integerOf(json: JsonObject, key: string, where: string, fallback?: number): number {
  const value = json[key] ?? fallback;
  if (typeof value !== 'number' || !Number.isSafeInteger(value)) throw malformed(`${where}.${key}`, 'a whole number');
  return value;
}

/** A boolean field; `fallback` where it is absent or null. */
export function flagOf(json: JsonObject, key: string, where: string, fallback: boolean): boolean {
  const value = json[key] ?? fallback;
  if (typeof value !== 'boolean') throw malformed(`${where}.${key}`, 'true or false');
  return value;
}
