import { createHash } from 'node:crypto';
import { z } from 'zod';
import { yaml } from '../config/yaml.ts';
import { LocalLiteError } from '../errors.ts';
import { KEY_SCOPES } from '../wire/keys.ts';

/** What a key may do. `admin` includes the others. */
export type KeyScope = (typeof KEY_SCOPES)[number];

/** A key as a file holds it, its secret reduced to the sha256 digest of its UTF-8 bytes. */
export interface FileKey {
  readonly name: string;
  readonly digest: Buffer;
  readonly scopes: readonly KeyScope[];
  /** 0 = no limit; undefined = the setting. */
  readonly requestsPerMinute: number | undefined;
}

/** A key in HOME/keys.json. */
export interface StoredKey {
  readonly id: string;
  readonly name: string;
  /** Hex sha256 of the secret. */
  readonly sha256: string;
  readonly scopes: readonly KeyScope[];
  /** 0 = no limit; null = the setting. */
  readonly requests_per_minute: number | null;
  /** ISO 8601. */
  readonly created_at: string;
  /** ISO 8601; null = never. */
  readonly last_used_at: string | null;
}

const SHA256 = /^[0-9a-f]{64}$/i;
const NAME = z.string().min(1).max(100);
const SCOPES = z.array(z.enum(KEY_SCOPES)).min(1);
const DEFAULT_SCOPES: readonly KeyScope[] = ['inference', 'documents'];

const storedSchema = z.strictObject({
  version: z.literal(1),
  keys: z.array(
    z.strictObject({
      id: z.string().min(1),
      name: NAME,
      sha256: z.string().regex(SHA256),
      scopes: SCOPES,
      requests_per_minute: z.int().min(0).nullable(),
      created_at: z.iso.datetime(),
      last_used_at: z.iso.datetime().nullable(),
    }),
  ),
});

const entrySchema = z.strictObject({
  name: NAME,
  key: z.string().min(1).optional(),
  sha256: z.string().regex(SHA256, 'expected 64 hexadecimal digits').optional(),
  scopes: SCOPES.optional(),
  requests_per_minute: z.int().min(0).optional(),
});

type Path = readonly PropertyKey[];

/** sha256 of a secret's UTF-8 bytes: what is kept and compared instead of the secret. */
export function digestOf(secret: string): Buffer {
  return createHash('sha256').update(secret, 'utf8').digest();
}

/**
 * Reads HOME/keys.json.
 * @throws LocalLiteError invalid_config naming file and line.
 */
export function parseStoredKeys(file: string, text: string): readonly StoredKey[] {
  const source = locate(file, text);
  const { keys } = check(storedSchema, source.value, [], source.fail);
  refuseDuplicates(keys, (index) => source.fail(['keys', index], 'a second key of that name'));
  return keys;
}

/**
 * Reads the file that `api_keys_file` names. Three forms:
 * - lines `name:key` (`#` starts a comment line), scopes inference and documents;
 * - YAML or JSON `{name: key}`, or `{name: {key | sha256, scopes, requests_per_minute}}`;
 * - YAML or JSON list of `{name, key | sha256, scopes, requests_per_minute}`, by itself or under `keys`.
 * A key may stand as `sha256:` and the 64 hexadecimal digits of its hash. Messages never repeat a key.
 * @throws LocalLiteError invalid_config naming file and line.
 */
export function parseKeyFile(file: string, text: string): readonly FileKey[] {
  const rows = looksLikeLines(text) ? parseLines(file, text) : parseStructured(file, text);
  if (rows.length === 0) throw badFile(file, 1, 'holds no key; write one `name:key` a line, or YAML');
  refuseDuplicates(
    rows.map((row) => row.key),
    (index) => badFile(file, rows[index]?.line ?? 1, 'a second key of that name'),
  );
  return rows.map((row) => row.key);
}

interface Row {
  readonly line: number;
  readonly key: FileKey;
}

function looksLikeLines(text: string): boolean {
  const lines = text.split(/\r?\n/).filter((line) => line.trim() !== '' && !line.startsWith('#'));
  return lines.length > 0 && lines.every((line) => /^[\w.@-]+:\S/.test(line));
}

function parseLines(file: string, text: string): readonly Row[] {
  const rows: Row[] = [];
  for (const [index, raw] of text.split(/\r?\n/).entries()) {
    const line = raw.trim();
    if (line === '' || line.startsWith('#')) continue;
    const colon = line.indexOf(':');
    const fail = (_path: Path, problem: string) => badFile(file, index + 1, problem);
    rows.push({ line: index + 1, key: toKey({ name: line.slice(0, colon), key: line.slice(colon + 1) }, [], fail) });
  }
  return rows;
}

function parseStructured(file: string, text: string): readonly Row[] {
  const source = locate(file, text);
  if (source.value === null) return [];
  return entriesOf(source.value, source.fail).map(({ path, value }) => ({
    line: source.lineOf(path),
    key: toKey(value, path, source.fail),
  }));
}

/** Brings the accepted YAML shapes to one list of `{name, …}` and where each stands. */
function entriesOf(root: unknown, fail: Fail): readonly { path: Path; value: unknown }[] {
  const listed =
    isRecord(root) && Array.isArray(root['keys']) && Object.keys(root).length === 1 ? { list: root['keys'], at: ['keys'] } : undefined;
  const list = Array.isArray(root) ? { list: root, at: [] } : listed;
  if (list !== undefined) return list.list.map((value: unknown, index) => ({ path: [...list.at, index], value }));
  if (!isRecord(root)) throw fail([], 'expected lines `name:key`, a mapping of names to keys, or a list of {name, key}');
  return Object.entries(root).map(([name, value]) => ({
    path: [name],
    value: isRecord(value) ? { ...value, name } : { name, key: value },
  }));
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function toKey(value: unknown, path: Path, fail: Fail): FileKey {
  const entry = check(entrySchema, value, path, fail);
  if ((entry.key === undefined) === (entry.sha256 === undefined)) throw fail(path, 'give either `key` or `sha256`');
  const digest = entry.sha256 === undefined ? digestOfEntry(entry.key ?? '', path, fail) : Buffer.from(entry.sha256, 'hex');
  return { name: entry.name, digest, scopes: entry.scopes ?? DEFAULT_SCOPES, requestsPerMinute: entry.requests_per_minute };
}

function digestOfEntry(key: string, path: Path, fail: Fail): Buffer {
  if (/\s/.test(key)) throw fail(path, 'a key must not contain spaces or tabs');
  if (!key.toLowerCase().startsWith('sha256:')) return digestOf(key);
  const hash = key.slice('sha256:'.length);
  if (!SHA256.test(hash)) throw fail(path, 'after `sha256:` expected 64 hexadecimal digits');
  return Buffer.from(hash, 'hex');
}

function refuseDuplicates(keys: readonly { readonly name: string }[], fail: (index: number) => LocalLiteError): void {
  const seen = new Set<string>();
  for (const [index, { name }] of keys.entries()) {
    if (seen.has(name)) throw fail(index);
    seen.add(name);
  }
}

type Fail = (path: Path, problem: string) => LocalLiteError;

interface Located {
  readonly value: unknown;
  lineOf(path: Path): number;
  readonly fail: Fail;
}

/** Parses YAML (JSON is a subset) and remembers where each value stands. */
function locate(file: string, text: string): Located {
  const { isNode, LineCounter, parseDocument } = yaml();
  const lines = new LineCounter();
  // Pretty errors quote the source, which holds keys.
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const broken = document.errors[0];
  if (broken !== undefined) {
    throw badFile(file, lines.linePos(broken.pos[0]).line, `not valid YAML or JSON (${broken.code.toLowerCase().replaceAll('_', ' ')})`);
  }
  const lineOf = (path: Path): number => {
    for (let length = path.length; length > 0; length -= 1) {
      const node = document.getIn(path.slice(0, length), true);
      if (isNode(node) && node.range) return lines.linePos(node.range[0]).line;
    }
    return 1;
  };
  return { value: toPlain(file, () => document.toJS()), lineOf, fail: (path, problem) => badFile(file, lineOf(path), problem) };
}

function toPlain(file: string, convert: () => unknown): unknown {
  try {
    return convert();
  } catch (cause) {
    throw new LocalLiteError('invalid_config', `${file}: not valid YAML or JSON (unresolved or too many aliases)`, { cause });
  }
}

function check<T>(schema: z.ZodType<T>, value: unknown, at: Path, fail: Fail): T {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  const path = issue?.path ?? [];
  const where = path.length === 0 ? '' : `\`${path.map(String).join('.')}\`: `;
  throw fail([...at, ...path], `${where}${issue?.message ?? 'not valid'}`);
}

function badFile(file: string, line: number, problem: string): LocalLiteError {
  return new LocalLiteError('invalid_config', `${file}:${line}: ${problem}`);
}
