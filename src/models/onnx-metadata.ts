import { readFile } from 'node:fs/promises';
import { LocalLiteError } from '../errors.ts';

/** Fields of ModelProto and StringStringEntryProto (https://github.com/onnx/onnx, onnx.proto3). */
const METADATA = 14;
const KEY = 1;
const VALUE = 2;

/** A field of a Protocol Buffers message: its number, and its bytes where it has any. */
interface Field {
  readonly number: number;
  readonly bytes: Uint8Array | undefined;
}

/**
 * What the author of a graph wrote beside it (`metadata_props`), by name. The graph itself is passed over, not read.
 * @throws LocalLiteError model_load_failed for a file that is no ONNX model
 */
export async function readOnnxMetadata(path: string): Promise<ReadonlyMap<string, string>> {
  const entries = new Map<string, string>();
  for (const { number, bytes } of fields(await readFile(path))) {
    if (number !== METADATA || bytes === undefined) continue;
    const parts = new Map([...fields(bytes)].map((field) => [field.number, new TextDecoder().decode(field.bytes)]));
    entries.set(parts.get(KEY) ?? '', parts.get(VALUE) ?? '');
  }
  return entries;
}

/** The fields of a message in their order (https://protobuf.dev/programming-guides/encoding). */
function* fields(message: Uint8Array): Generator<Field> {
  let at = 0;
  const number = (): number => {
    let value = 0;
    for (let scale = 1; scale <= 2 ** 63; scale *= 128) {
      const byte = message[at++];
      if (byte === undefined) throw broken();
      value += (byte & 127) * scale;
      if (byte < 128) return value;
    }
    throw broken();
  };
  while (at < message.length) {
    const tag = number();
    const kind = tag % 8;
    if (kind === 0) number();
    const length = kind === 2 ? number() : kind === 5 ? 4 : kind === 1 ? 8 : 0;
    if (![0, 1, 2, 5].includes(kind) || at + length > message.length) throw broken();
    yield { number: Math.floor(tag / 8), bytes: kind === 2 ? message.subarray(at, at + length) : undefined };
    at += length;
  }
}

function broken(): LocalLiteError {
  return new LocalLiteError('model_load_failed', 'the file is no ONNX model, or it is damaged');
}
