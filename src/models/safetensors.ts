import { closeSync, existsSync, fstatSync, openSync, readFileSync, readSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { LocalLiteError } from '../errors.ts';
import { MAX_HEADER_BYTES, parseHeader, type TensorEntry } from './safetensors-header.ts';
import type { Weights } from './weights.ts';

const SINGLE = 'model.safetensors';
const INDEX = 'model.safetensors.index.json';
const MAX_INDEX_BYTES = 100_000_000;

/** Where a tensor is read from. */
interface Located extends TensorEntry {
  readonly file: OpenFile;
}

interface OpenFile {
  readonly name: string;
  readonly descriptor: number;
  /** Byte of the file at which the data starts. */
  readonly data: number;
  readonly entries: ReadonlyMap<string, TensorEntry>;
}

/**
 * Opens the weights of a folder: `model.safetensors`, or the shards that `model.safetensors.index.json` names. Only headers are read; close
 * it when the conversion is over.
 * @throws LocalLiteError model_unsupported where the folder has no safetensors or an element type is unknown; model_load_failed, naming
 * file and tensor, where a file is cut short, contradicts itself or is missing
 */
export function openWeights(directory: string): Weights {
  if (existsSync(join(directory, SINGLE))) return weightsOf([openFile(directory, SINGLE)], undefined);
  if (existsSync(join(directory, INDEX))) return openShards(directory);
  const pickled = ['pytorch_model.bin', 'pytorch_model.bin.index.json'].find((name) => existsSync(join(directory, name)));
  throw new LocalLiteError(
    'model_unsupported',
    pickled === undefined
      ? `the model has no ${SINGLE} (nor ${INDEX})`
      : `the model's weights are pickled (${pickled}), which LocalLite does not read: such files can run code. Take a revision with ${SINGLE}, ` +
          'or save the model anew with save_pretrained(..., safe_serialization=True)',
  );
}

function openShards(directory: string): Weights {
  const shards = readIndex(directory);
  const files: OpenFile[] = [];
  try {
    for (const name of new Set(shards.values())) files.push(openFile(directory, name));
    return weightsOf(files, shards);
  } catch (error) {
    for (const file of files) closeSync(file.descriptor);
    throw error;
  }
}

/** Tensor name -> shard. */
function readIndex(directory: string): ReadonlyMap<string, string> {
  const path = join(directory, INDEX);
  if (statSync(path).size > MAX_INDEX_BYTES) throw failed(`${INDEX} is larger than ${MAX_INDEX_BYTES} bytes`);
  const map = weightMap(readFileSync(path, 'utf8'));
  for (const [tensor, shard] of map) {
    if (typeof shard !== 'string' || !/^[\w][\w.-]*\.safetensors$/.test(shard)) {
      throw failed(
        `${INDEX} puts ${tensor} into ${JSON.stringify(shard).slice(0, 120)}, which is no safetensors file of the model's own folder`,
      );
    }
  }
  return map as ReadonlyMap<string, string>;
}

function weightMap(text: string): ReadonlyMap<string, unknown> {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw failed(`${INDEX} is not JSON`, cause);
  }
  const map = typeof json === 'object' && json !== null ? (json as Record<string, unknown>)['weight_map'] : undefined;
  if (typeof map !== 'object' || map === null || Array.isArray(map)) throw failed(`${INDEX} has no weight_map`);
  return new Map(Object.entries(map));
}

function openFile(directory: string, name: string): OpenFile {
  let descriptor: number;
  try {
    descriptor = openSync(join(directory, name), 'r');
  } catch (cause) {
    throw failed(`${name} cannot be opened: ${cause instanceof Error && 'code' in cause ? String(cause.code) : 'unknown reason'}`, cause);
  }
  try {
    return { name, descriptor, ...readHeader(name, descriptor) };
  } catch (error) {
    closeSync(descriptor);
    throw error;
  }
}

function readHeader(name: string, descriptor: number): Pick<OpenFile, 'data' | 'entries'> {
  const size = fstatSync(descriptor).size;
  if (size < 8) throw failed(`${name} has ${size} bytes, too few for safetensors`);
  const length = Buffer.from(readBytes(name, descriptor, 0, 8)).readBigUInt64LE();
  if (length > MAX_HEADER_BYTES) throw failed(`${name} claims a header of ${length} bytes; more than ${MAX_HEADER_BYTES} are not read`);
  const data = 8 + Number(length);
  if (data > size) throw failed(`${name} claims a header of ${length} bytes, but has only ${size} bytes in all`);
  return { data, entries: parseHeader(name, readBytes(name, descriptor, 8, Number(length)), size - data) };
}

function weightsOf(files: readonly OpenFile[], shards: ReadonlyMap<string, string> | undefined): Weights {
  const located = locate(files);
  for (const [tensor, shard] of shards ?? []) {
    if (located.get(tensor)?.file.name !== shard) throw failed(`${INDEX} puts ${tensor} into ${shard}, where it is not`);
  }
  return {
    names: [...located.keys()],
    shape: (name) => located.get(name)?.shape,
    read(name) {
      const tensor = located.get(name);
      if (tensor === undefined) throw new LocalLiteError('model_unsupported', `the weights lack ${name}`);
      return widen(name, tensor);
    },
    close() {
      for (const file of files) closeSync(file.descriptor);
    },
  };
}

function locate(files: readonly OpenFile[]): ReadonlyMap<string, Located> {
  const located = new Map<string, Located>();
  for (const file of files) {
    for (const [name, entry] of file.entries) {
      const other = located.get(name);
      if (other !== undefined) throw failed(`${name} stands in ${other.file.name} and in ${file.name}`);
      located.set(name, { ...entry, file });
    }
  }
  return located;
}

function widen(name: string, tensor: Located): Float32Array {
  const { file, begin, end, type } = tensor;
  const bytes = readBytes(file.name, file.descriptor, file.data + begin, end - begin);
  if (type === 'F32') return new Float32Array(bytes.buffer);
  if (type === 'F64') return Float32Array.from(new Float64Array(bytes.buffer));
  if (type === 'F16') return halfToSingle(new Uint16Array(bytes.buffer));
  if (type === 'BF16') return brainToSingle(new Uint16Array(bytes.buffer));
  throw new LocalLiteError('model_unsupported', `${file.name}: ${name} is ${type}; weights in F32, F16 or BF16 are needed`);
}

/** bfloat16 is the upper half of a float32. */
function brainToSingle(bits: Uint16Array): Float32Array {
  const words = new Uint32Array(bits.length);
  for (let at = 0; at < bits.length; at++) words[at] = (bits[at] ?? 0) << 16;
  return new Float32Array(words.buffer);
}

/** IEEE 754 binary16 to binary32, exactly. */
function halfToSingle(bits: Uint16Array): Float32Array {
  const words = new Uint32Array(bits.length);
  const floats = new Float32Array(words.buffer);
  for (let at = 0; at < bits.length; at++) {
    const half = bits[at] ?? 0;
    const sign = (half & 0x8000) << 16;
    const magnitude = half & 0x7fff;
    if (magnitude >= 0x7c00) words[at] = sign | 0x7f800000 | ((magnitude & 0x3ff) << 13);
    else if (magnitude >= 0x400) words[at] = sign | ((magnitude << 13) + (112 << 23));
    else floats[at] = (sign === 0 ? 1 : -1) * magnitude * 2 ** -24;
  }
  return floats;
}

/** `length` bytes from `position`, in a buffer of their own. */
function readBytes(name: string, descriptor: number, position: number, length: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length);
  for (let done = 0; done < length; ) {
    const got = readSync(descriptor, bytes, done, Math.min(length - done, 2 ** 30), position + done);
    if (got === 0) throw failed(`${name} ended while it was read: somebody changes it`);
    done += got;
  }
  return bytes;
}

function failed(message: string, cause?: unknown): LocalLiteError {
  return new LocalLiteError('model_load_failed', message, cause === undefined ? {} : { cause });
}
