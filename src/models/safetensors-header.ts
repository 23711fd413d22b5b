import { LocalLiteError } from '../errors.ts';

/** Bytes an element takes, for every element type that the format has and whose size is whole bytes. */
const ELEMENT_BYTES: Readonly<Record<string, number>> = {
  F64: 8,
  F32: 4,
  F16: 2,
  BF16: 2,
  F8_E4M3: 1,
  F8_E5M2: 1,
  I64: 8,
  I32: 4,
  I16: 2,
  I8: 1,
  U64: 8,
  U32: 4,
  U16: 2,
  U8: 1,
  BOOL: 1,
};

/** Where one tensor stands in its file. */
export interface TensorEntry {
  readonly type: string;
  readonly shape: readonly number[];
  /** Bytes from the start of the data, which follows the header. */
  readonly begin: number;
  readonly end: number;
}

/** Longest header that is read, as the reference implementation has it. */
export const MAX_HEADER_BYTES = 100_000_000;

/**
 * Reads a safetensors header (https://huggingface.co/docs/safetensors, "Format") and holds it against the length of the data: every byte of
 * the data belongs to exactly one tensor.
 * @param file for messages
 * @throws LocalLiteError model_load_failed where header and data contradict each other, model_unsupported for an unknown element type
 */
export function parseHeader(file: string, header: Uint8Array, dataBytes: number): ReadonlyMap<string, TensorEntry> {
  const text = decode(file, header);
  const json = parseObject(file, text);
  refuseDuplicates(file, text);
  const entries = new Map<string, TensorEntry>();
  for (const [name, value] of Object.entries(json)) {
    if (name !== '__metadata__') entries.set(name, parseEntry(file, name, value));
  }
  assertTiled(file, entries, dataBytes);
  return entries;
}

function decode(file: string, header: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(header);
  } catch (cause) {
    throw broken(file, 'its header is not UTF-8', cause);
  }
}

function parseObject(file: string, text: string): object {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw broken(file, 'its header is not JSON', cause);
  }
  if (typeof json === 'object' && json !== null && !Array.isArray(json)) return json;
  throw broken(file, 'its header is not a JSON object');
}

/** JSON.parse keeps the last of two equal keys, so that one tensor would silently hide another. */
function refuseDuplicates(file: string, text: string): void {
  const seen = new Set<string>();
  for (const key of outerKeys(text)) {
    if (seen.has(key)) throw broken(file, `its header names ${key} twice`);
    seen.add(key);
  }
}

/** Keys of the outermost object of valid JSON. A scan, because a pattern over a hostile text of 100 MB would overflow its stack. */
function* outerKeys(text: string): Generator<string> {
  let depth = 0;
  for (let at = 0; at < text.length; at++) {
    const character = text[at];
    if (character === '{') depth += 1;
    else if (character === '}') depth -= 1;
    else if (character === '"') {
      const start = at;
      at = closingQuote(text, start);
      if (depth === 1 && isKey(text, at + 1)) yield String(JSON.parse(text.slice(start, at + 1)));
    }
  }
}

function closingQuote(text: string, opening: number): number {
  let at = opening + 1;
  while (text[at] !== '"') at += text[at] === '\\' ? 2 : 1;
  return at;
}

function isKey(text: string, behind: number): boolean {
  let at = behind;
  while (/\s/.test(text[at] ?? '')) at += 1;
  return text[at] === ':';
}

function parseEntry(file: string, name: string, value: unknown): TensorEntry {
  const { dtype, shape, data_offsets: offsets } = (typeof value === 'object' && value !== null ? value : {}) as Record<string, unknown>;
  if (typeof dtype !== 'string' || !isSizes(shape) || !isSizes(offsets) || offsets.length !== 2) {
    throw broken(file, `${name} lacks a dtype, a shape or two data_offsets in the header`);
  }
  const [begin = 0, end = 0] = offsets;
  const width = Object.hasOwn(ELEMENT_BYTES, dtype) ? ELEMENT_BYTES[dtype] : undefined;
  if (width === undefined) {
    throw new LocalLiteError(
      'model_unsupported',
      `${file}: ${name} has the element type ${dtype.slice(0, 40)}, which LocalLite cannot read`,
    );
  }
  const bytes = shape.reduce((product, size) => product * size, width);
  if (end - begin !== bytes) {
    throw broken(file, `${name} of shape [${shape.join(', ')}] in ${dtype} takes ${bytes} bytes, but its offsets span ${end - begin}`);
  }
  if (begin % width !== 0) throw broken(file, `${name} starts at byte ${begin}, which is no multiple of its element's ${width} bytes`);
  return { type: dtype, shape, begin, end };
}

function isSizes(value: unknown): value is readonly number[] {
  return Array.isArray(value) && value.every((size) => Number.isSafeInteger(size) && size >= 0);
}

function assertTiled(file: string, entries: ReadonlyMap<string, TensorEntry>, dataBytes: number): void {
  let reached = 0;
  for (const [name, { begin, end }] of [...entries].sort(([, a], [, b]) => a.begin - b.begin || a.end - b.end)) {
    if (end > dataBytes)
      throw broken(file, `${name} ends at byte ${end} of the data, of which there are ${dataBytes}: the file is cut short`);
    if (begin < reached) throw broken(file, `${name} overlaps another tensor at byte ${begin} of the data`);
    if (begin > reached) throw broken(file, `bytes ${reached} to ${begin} of the data, before ${name}, belong to no tensor`);
    reached = end;
  }
  if (reached !== dataBytes) throw broken(file, `${dataBytes - reached} bytes behind the last tensor belong to none`);
}

function broken(file: string, what: string, cause?: unknown): LocalLiteError {
  return new LocalLiteError('model_load_failed', `${file} is not a sound safetensors file: ${what}`, cause === undefined ? {} : { cause });
}
