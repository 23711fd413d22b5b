import { isIP } from 'node:net';
import { z } from 'zod';

/**
 * How one kind of value is read and shown. The schema takes text (environment, flags) as well as typed values (file, options), so that
 * every source means the same; `expected` completes the sentence "expected …".
 */
export interface ValueKind<T> {
  readonly schema: z.ZodType<T>;
  readonly expected: string;
  /** What `--help` prints after the flag, without brackets. */
  readonly placeholder: string;
  /** The value as a user would write it in the environment; its text is accepted by `schema` again. */
  show(value: T): string;
  /**
   * Set for a file or folder, which is resolved against the folder of the settings file or the working folder: `always`, or only
   * where it is `marked` as a path by a beginning such as `./`, `../`, `~/` or `/`.
   */
  readonly path?: 'always' | 'marked';
  /** True for a switch: its flag takes no value and has a `--no-` form. */
  readonly toggle?: boolean;
  /** True for a map whose keys the user chooses; the file gives it as a mapping, other sources as JSON. */
  readonly map?: boolean;
}

const trimmed = (raw: unknown): unknown => (typeof raw === 'string' ? raw.trim() : raw);

const NUMBER = /^[+-]?\d[\d_]*(\.\d+)?$/;

const numberFromText = (raw: unknown): unknown => {
  const text = trimmed(raw);
  return typeof text === 'string' && NUMBER.test(text) ? Number(text.replaceAll('_', '')) : text;
};

/** A whole number between two bounds; text may group digits with `_`. */
export function whole(minimum: number, maximum: number): ValueKind<number> {
  const expected = `a whole number from ${minimum} to ${maximum}`;
  const schema = z.preprocess(
    numberFromText,
    z.int({ error: expected }).min(minimum, { error: expected }).max(maximum, { error: expected }),
  );
  return { schema, expected, placeholder: 'number', show: String };
}

/** A number from 0 to 1. */
export function fraction(): ValueKind<number> {
  const expected = 'a number from 0 to 1';
  const schema = z.preprocess(numberFromText, z.number({ error: expected }).min(0, { error: expected }).max(1, { error: expected }));
  return { schema, expected, placeholder: 'fraction', show: String };
}

const TRUE_WORDS = new Set(['true', 'yes', 'on', '1']);
const FALSE_WORDS = new Set(['false', 'no', 'off', '0']);

const booleanFromText = (raw: unknown): unknown => {
  if (typeof raw !== 'string' && typeof raw !== 'number') return raw;
  const word = String(raw).trim().toLowerCase();
  if (TRUE_WORDS.has(word)) return true;
  return FALSE_WORDS.has(word) ? false : raw;
};

/** A switch: true, yes, on, 1 or false, no, off, 0. */
export function toggle(): ValueKind<boolean> {
  const expected = 'true or false (yes, no, on, off, 1 and 0 do as well)';
  return { schema: z.preprocess(booleanFromText, z.boolean({ error: expected })), expected, placeholder: '', toggle: true, show: String };
}

/** One of a few words, in any case. */
export function choice<const T extends string>(words: readonly T[]): ValueKind<T> {
  const expected = `one of ${words.join(', ')}`;
  const schema = z.preprocess((raw) => (typeof raw === 'string' ? raw.trim().toLowerCase() : raw), z.enum(words, { error: expected }));
  return { schema, expected, placeholder: words.join('|'), show: String };
}

/** Text that is not empty, has no blank at its ends, and satisfies `pattern` when there is one. */
export function text(expected = 'text that is not empty', placeholder = 'text', pattern: RegExp = /^[^\p{Cc}]+$/u): ValueKind<string> {
  const schema = z.preprocess(trimmed, z.string({ error: `${expected} (put it in quotes)` }).regex(pattern, { error: expected }));
  return { schema, expected, placeholder, show: String };
}

/** A file or folder; relative ones are resolved by the loader, `~/` is the user's home folder. */
export function path(expected = 'a path'): ValueKind<string> {
  return { ...text(expected, 'path'), path: 'always' };
}

/** A package: by its name, or by the path of its folder when that begins as a path does. */
export function packageName(): ValueKind<string> {
  return { ...text('the name of a package, or the path of its folder beginning with ./, ../, ~/ or /', 'package'), path: 'marked' };
}

const BYTE_UNITS: Readonly<Record<string, number>> = {
  '': 1,
  b: 1,
  kb: 1e3,
  mb: 1e6,
  gb: 1e9,
  tb: 1e12,
  kib: 2 ** 10,
  mib: 2 ** 20,
  gib: 2 ** 30,
  tib: 2 ** 40,
};

const bytesFromText = (raw: unknown): unknown => {
  const match = typeof raw === 'string' ? /^\s*(\d+(?:\.\d+)?)\s*([kmgt]?i?b|)\s*$/i.exec(raw) : undefined;
  const factor = BYTE_UNITS[match?.[2]?.toLowerCase() ?? '-'];
  return match && factor !== undefined ? Math.round(Number(match[1]) * factor) : raw;
};

/** A size in bytes of at least `minimum`: a number, or text with a unit (`4GB` = 4 × 10⁹, `4GiB` = 4 × 2³⁰). */
export function bytes(minimum = 1): ValueKind<number> {
  const expected = `a size such as 500MB, 4GB or 4GiB, or a number of bytes, at least ${minimum}`;
  const schema = z.preprocess(bytesFromText, z.int({ error: expected }).min(minimum, { error: expected }));
  return { schema, expected, placeholder: 'size', show: showBytes };
}

function showBytes(value: number): string {
  for (const unit of ['TiB', 'GiB', 'MiB', 'KiB'] as const) {
    const factor = BYTE_UNITS[unit.toLowerCase()] ?? 1;
    if (value >= factor && value % factor === 0) return `${value / factor}${unit}`;
  }
  return String(value);
}

const TIME_UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const DURATION = /^(\d+(?:\.\d+)?(?:ms|s|m|h|d))+$/i;

/** Milliseconds of `1h30m`; undefined for anything else. */
function millisecondsOf(raw: unknown): number | undefined {
  if (typeof raw !== 'string' || !DURATION.test(raw.trim())) return undefined;
  const parts = raw.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h|d)/gi);
  return [...parts].reduce((sum, [, amount, unit]) => sum + Number(amount) * (TIME_UNITS[unit?.toLowerCase() ?? ''] ?? 0), 0);
}

interface DurationBounds {
  readonly unit: 'seconds' | 'milliseconds';
  readonly minimum: number;
  readonly maximum: number;
  /** Any negative number means "for ever" and is read as -1. */
  readonly forever?: boolean;
}

/** Node's timers hold at most 2³¹ - 1 milliseconds. */
const LONGEST_TIMER_SECONDS = 2_147_483;

/** A time: a number in the named unit, or text such as `250ms`, `30s`, `5m`, `1h30m`. */
export function duration(bounds: Partial<DurationBounds> = {}): ValueKind<number> {
  const { unit = 'seconds', minimum = 0, forever = false } = bounds;
  const factor = unit === 'seconds' ? 1000 : 1;
  const maximum = bounds.maximum ?? (LONGEST_TIMER_SECONDS * 1000) / factor;
  const expected = `a time from ${minimum} to ${maximum} ${unit}, or with a unit such as 30s, 5m or 1h30m${forever ? ', or -1 for ever' : ''}`;
  const read = (raw: unknown): unknown => {
    const milliseconds = millisecondsOf(raw);
    if (milliseconds !== undefined) return milliseconds / factor;
    const number = numberFromText(raw);
    return forever && typeof number === 'number' && number < 0 ? -1 : number;
  };
  const lowest = forever ? -1 : minimum;
  const schema = z.preprocess(read, z.number({ error: expected }).min(lowest, { error: expected }).max(maximum, { error: expected }));
  return { schema, expected, placeholder: 'time', show: (value) => showDuration(value, unit) };
}

function showDuration(value: number, unit: 'seconds' | 'milliseconds'): string {
  return unit === 'seconds' || value < 0 ? String(value) : `${value}ms`;
}

const splitList = (raw: unknown): unknown => {
  if (typeof raw !== 'string') return raw;
  return raw.trim() === '' ? [] : raw.split(',').map((item) => item.trim());
};

const sameText = (value: string): string | undefined => value;

/** A list: comma-separated text or a sequence. `read` returns the normal form of an item, or undefined for a wrong one. */
export function list(
  item: string,
  placeholder: string,
  read: (value: string) => string | undefined = sameText,
): ValueKind<readonly string[]> {
  const expected = `a list of ${item}, separated by commas`;
  const entry = z.string({ error: expected }).transform((value, context) => {
    const normal = value.trim() === '' ? undefined : read(value.trim());
    if (normal !== undefined) return normal;
    context.issues.push({ code: 'custom', message: expected, input: value });
    return z.NEVER;
  });
  const schema: z.ZodType<readonly string[]> = z.preprocess(splitList, z.array(entry, { error: expected }));
  return { schema, expected, placeholder: `${placeholder},…`, show: (value) => value.join(',') };
}

/** `auto`, or some of a few words in the order of preference, each at most once. */
export function autoOrSome<const T extends string>(words: readonly T[]): ValueKind<'auto' | readonly T[]> {
  const expected = `auto, or some of ${words.join(', ')}, separated by commas, each at most once`;
  const distinct = (items: readonly T[]) => new Set(items).size === items.length;
  const some = z
    .array(z.enum(words, { error: expected }), { error: expected })
    .min(1, { error: expected })
    .refine(distinct, { error: expected });
  const read = (raw: unknown): unknown => {
    const items = splitList(raw);
    const lower = Array.isArray(items) ? items.map((item) => (typeof item === 'string' ? item.toLowerCase() : item)) : items;
    return Array.isArray(lower) && lower.length === 1 && lower[0] === 'auto' ? 'auto' : lower;
  };
  const schema: z.ZodType<'auto' | readonly T[]> = z.preprocess(read, z.union([z.literal('auto'), some], { error: expected }));
  return { schema, expected, placeholder: `auto|${words[0]},…`, show: (value) => (typeof value === 'string' ? value : value.join(',')) };
}

const jsonFromText = (raw: unknown): unknown => {
  if (typeof raw !== 'string') return raw;
  try {
    return JSON.parse(raw);
  } catch {
    return raw;
  }
};

/** A mapping from names of the user's choice to `entry`: a mapping in the file, a JSON object in text. */
export function map<T>(expected: string, keyPattern: RegExp, entry: z.ZodType<T>): ValueKind<Readonly<Record<string, T>>> {
  const key = z.string().regex(keyPattern, { error: expected });
  const schema: z.ZodType<Readonly<Record<string, T>>> = z.preprocess(jsonFromText, z.record(key, entry, { error: expected }));
  return {
    schema,
    expected: `${expected} (as JSON outside the file)`,
    placeholder: 'json',
    map: true,
    show: (value) => JSON.stringify(value),
  };
}

/** The base address of a web service, without a slash at its end, user name or password. */
export function webAddress(): ValueKind<string> {
  const expected = 'an http:// or https:// address without user name, password, query or fragment';
  const plain = (value: string) => {
    const url = URL.canParse(value) ? new URL(value) : undefined;
    return url !== undefined && /^https?:$/.test(url.protocol) && `${url.username}${url.password}${url.search}${url.hash}` === '';
  };
  const withoutSlash = z
    .string({ error: expected })
    .refine(plain, { error: expected })
    .transform((value) => value.replace(/\/+$/, ''));
  return { schema: z.preprocess(trimmed, withoutSlash), expected, placeholder: 'url', show: String };
}

/** A browser origin such as `https://app.example.com`, or `*`; undefined for anything else. */
export function readOrigin(value: string): string | undefined {
  if (value === '*') return value;
  const url = URL.canParse(value) ? new URL(value) : undefined;
  return url && url.origin !== 'null' && [url.origin, `${url.origin}/`].includes(value.toLowerCase()) ? url.origin : undefined;
}

/** A host name or IP address without scheme and port, in lower case and without the brackets of IPv6; undefined for anything else. */
export function readHostName(value: string): string | undefined {
  const host = value
    .toLowerCase()
    .replace(/^\[(.*)\]$/, '$1')
    .replace(/(?<=[^.])\.$/, '');
  if (isIP(host)) return host;
  const labels = host.length <= 253 && /^[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*$/.test(host);
  return labels && !/^[\d.]+$/.test(host) ? host : undefined;
}

/** An IP address or a range in CIDR notation; undefined for anything else. */
export function readAddressRange(value: string): string | undefined {
  const [address = '', bits, ...rest] = value.split('/');
  const version = isIP(address);
  if (version === 0 || rest.length > 0) return undefined;
  const longest = version === 4 ? 32 : 128;
  return bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= longest) ? value.toLowerCase() : undefined;
}

/** A host name or IP address to listen on. */
export function hostName(): ValueKind<string> {
  const expected = 'a host name or an IP address without scheme and port';
  const schema = z.string({ error: expected }).transform((value, context) => {
    const host = readHostName(value.trim());
    if (host !== undefined) return host;
    context.issues.push({ code: 'custom', message: expected, input: value });
    return z.NEVER;
  });
  return { schema, expected, placeholder: 'host', show: String };
}
