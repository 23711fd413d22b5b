const SECRET_ENDINGS = ['authorization', 'apikey', 'token', 'password', 'secret', 'cookie', 'privatekey'];
const CONTENT_NAMES = new Set([
  'text',
  'texts',
  'input',
  'inputs',
  'prompt',
  'content',
  'document',
  'documents',
  'tokens',
  'tokenids',
  'ids',
  'vector',
  'vectors',
  'embedding',
  'embeddings',
  'body',
]);
const HIDDEN = '[redacted]';
const MAX_DEPTH = 6;
const MAX_ITEMS = 50;
const MAX_STRING = 2_000;

/**
 * Copies the fields of a log line or the attributes of a span without secrets (keys, tokens, cookies) and without content
 * (texts, token ids, vectors), whatever their depth. Numbers under a content name stay, because they are counts.
 * Long strings, long lists and deep nesting are cut, so that one line stays bounded.
 */
export function redactFields(fields: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return redactObject(fields, 0);
}

function redactObject(fields: Readonly<Record<string, unknown>>, depth: number): Record<string, unknown> {
  const copy: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(fields).slice(0, MAX_ITEMS)) {
    if (value !== undefined) copy[name] = isHidden(name, value) ? HIDDEN : redactValue(value, depth + 1);
  }
  return copy;
}

type Judgement = 'secret' | 'content' | 'open';

/** Log lines have the same few names again and again; strange ones are not remembered beyond a bound. */
const judged = new Map<string, Judgement>();
const MAX_JUDGED = 1_000;

function isHidden(name: string, value: unknown): boolean {
  if (value === null) return false;
  const judgement = judged.get(name) ?? judge(name);
  return judgement === 'secret' || (judgement === 'content' && typeof value !== 'number' && typeof value !== 'boolean');
}

function judge(name: string): Judgement {
  const plain = name.toLowerCase().replaceAll(/[^a-z0-9]/g, '');
  const isSecret = SECRET_ENDINGS.some((ending) => plain.endsWith(ending));
  const judgement = isSecret ? 'secret' : CONTENT_NAMES.has(plain) ? 'content' : 'open';
  if (judged.size < MAX_JUDGED) judged.set(name, judgement);
  return judgement;
}

function redactValue(value: unknown, depth: number): unknown {
  if (typeof value === 'string') return value.length > MAX_STRING ? `${value.slice(0, MAX_STRING)}… (${value.length} characters)` : value;
  if (typeof value === 'bigint' || typeof value === 'symbol') return value.toString();
  if (typeof value === 'function') return undefined;
  if (typeof value !== 'object' || value === null) return value;
  if (ArrayBuffer.isView(value)) return `[${value.byteLength} bytes]`;
  if (depth >= MAX_DEPTH) return '[deep]';
  if (value instanceof Error) return describeError(value, depth);
  if (value instanceof Date || value instanceof URL) return value.toJSON();
  if (Array.isArray(value)) return redactList(value, depth);
  return redactObject({ ...value }, depth);
}

function redactList(values: readonly unknown[], depth: number): unknown[] {
  const copy = values.slice(0, MAX_ITEMS).map((value) => redactValue(value, depth + 1));
  if (values.length > MAX_ITEMS) copy.push(`… (${values.length} items)`);
  return copy;
}

function describeError(error: Error, depth: number): Record<string, unknown> {
  const code = 'code' in error ? error.code : undefined;
  const cause = error.cause === undefined ? {} : { cause: redactValue(error.cause, depth + 1) };
  return { type: error.name, ...(code === undefined ? {} : { code }), message: error.message, stack: error.stack, ...cause };
}
