import { LocalLiteError } from '../errors.ts';

/** Settings of a model's config.json (or of a part of it), read by name and type. */
export interface ModelConfig {
  /** A number; `fallback` where the key is absent or null. */
  number(key: string, fallback?: number): number;
  text(key: string, fallback?: string): string;
  flag(key: string, fallback?: boolean): boolean;
  /** A list of strings, also where a single one stands for it; empty where it is absent. */
  texts(key: string): readonly string[];
  /** Numbers of a list; undefined where it is absent. */
  numbers(key: string): readonly number[] | undefined;
  /** An object inside, e.g. `rope_parameters`; undefined where it is absent. */
  part(key: string): ModelConfig | undefined;
  has(key: string): boolean;
  /** Whether `key` is there and holds anything but null. */
  readonly keys: readonly string[];
}

/**
 * Wraps parsed JSON. `where` names the file in messages, e.g. `config.json`.
 * @throws LocalLiteError model_unsupported when it is not an object
 */
export function modelConfig(json: unknown, where = 'config.json'): ModelConfig {
  if (typeof json !== 'object' || json === null || Array.isArray(json)) throw unsupported(`${where} is not a JSON object`);
  const values = new Map<string, unknown>(Object.entries(json).filter(([, value]) => value !== null));
  const read = <T>(key: string, kind: string, is: (value: unknown) => value is T, fallback: T | undefined): T => {
    const value = values.get(key) ?? fallback;
    if (is(value)) return value;
    throw unsupported(
      value === undefined ? `${where} lacks ${key}` : `${key} in ${where} is ${JSON.stringify(value).slice(0, 80)}; ${kind} is needed`,
    );
  };
  return {
    number: (key, fallback) => read(key, 'a number', isNumber, fallback),
    text: (key, fallback) => read(key, 'a text', isText, fallback),
    flag: (key, fallback) => read(key, 'true or false', isFlag, fallback),
    texts: (key) => (isText(values.get(key)) ? [read(key, 'a text', isText, undefined)] : read(key, 'a list of texts', isTexts, [])),
    numbers: (key) => (values.has(key) ? read(key, 'a list of numbers', isNumbers, undefined) : undefined),
    part: (key) => (values.has(key) ? modelConfig(values.get(key), `${key} in ${where}`) : undefined),
    has: (key) => values.has(key),
    keys: [...values.keys()],
  };
}

const isNumber = (value: unknown): value is number => typeof value === 'number' && Number.isFinite(value);
const isText = (value: unknown): value is string => typeof value === 'string';
const isFlag = (value: unknown): value is boolean => typeof value === 'boolean';
const isTexts = (value: unknown): value is readonly string[] => Array.isArray(value) && value.every(isText);
const isNumbers = (value: unknown): value is readonly number[] => Array.isArray(value) && value.every(isNumber);

function unsupported(message: string): LocalLiteError {
  return new LocalLiteError('model_unsupported', message);
}
