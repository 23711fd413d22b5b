import { type FileHandle, open, rm } from 'node:fs/promises';
import { basename } from 'node:path';
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { LocalLiteError } from '../errors.ts';
import type { Constant, Graph } from './graph.ts';
import { constantBytes, encodeModel, encodeTensor } from './onnx-model.ts';
import { fieldNumber } from './onnx-schema.ts';

/** Above this many bytes of constants they go into a file of their own: protobuf ends at 2 GB. */
const EXTERNAL_ABOVE = 1_000_000_000;
/** Constants smaller than this stay in the model's file all the same, where the runtime can look at shapes and axes. */
const EXTERNAL_AT_LEAST = 1024;
/** Page size: constants on such boundaries can be mapped into memory. */
const ALIGNMENT = 4096;

/** How a graph is written. */
export interface WriteOptions {
  /** Bytes of constants above which they go into `<path>_data`; default 1 GB. */
  readonly externalAbove?: number;
}

/**
 * Writes a graph as an ONNX file, one constant in memory at a time; the same graph always gives the same bytes.
 *
 * A message may be given in pieces: protobuf joins repeated occurrences of an embedded message
 * (https://protobuf.dev/programming-guides/encoding/#last-one-wins). So the file is the model without constants, followed by one
 * `ModelProto { graph { initializer } }` for each of them.
 * @throws LocalLiteError disk_full; internal when a constant does not fill its shape. What was written is removed then.
 */
export async function writeGraph(graph: Graph, path: string, options: WriteOptions = {}): Promise<void> {
  const total = graph.constants.reduce((sum, constant) => sum + constantBytes(constant), 0);
  const external = total > (options.externalAbove ?? EXTERNAL_ABOVE) ? `${path}_data` : undefined;
  try {
    await writeFiles(graph, path, external);
  } catch (error) {
    await rm(path, { force: true });
    if (external !== undefined) await rm(external, { force: true });
    throw asDiskFull(error);
  }
}

async function writeFiles(graph: Graph, path: string, external: string | undefined): Promise<void> {
  const model = await open(path, 'w');
  try {
    await writeAll(model, encodeModel(graph));
    if (external === undefined) for (const constant of graph.constants) await writeInside(model, constant);
    else await writeOutside(model, graph, external);
  } finally {
    await model.close();
  }
}

async function writeOutside(model: FileHandle, graph: Graph, external: string): Promise<void> {
  const data = await open(external, 'w');
  let offset = 0;
  try {
    for (const constant of graph.constants) {
      const length = constantBytes(constant);
      if (length < EXTERNAL_AT_LEAST) {
        await writeInside(model, constant);
        continue;
      }
      const gap = length >= ALIGNMENT ? (ALIGNMENT - (offset % ALIGNMENT)) % ALIGNMENT : 0;
      await writeAll(data, new Uint8Array(gap));
      offset += gap;
      await writeAll(data, rawBytes(constant));
      await writeAll(model, initializer(encodeTensor(constant, { location: basename(external), offset, length }), 0));
      offset += length;
    }
  } finally {
    await data.close();
  }
}

async function writeInside(model: FileHandle, constant: Constant): Promise<void> {
  const bytes = rawBytes(constant);
  const head = new BinaryWriter().raw(encodeTensor(constant));
  const tensor = opening(head, fieldNumber('TensorProto', 'raw_data'), bytes.length).finish();
  await writeAll(model, initializer(tensor, bytes.length));
  await writeAll(model, bytes);
}

/** `ModelProto { graph { initializer { tensor } } }` up to the last `following` bytes of the tensor, which the caller writes. */
function initializer(tensor: Uint8Array, following: number): Uint8Array {
  const inner = opening(new BinaryWriter(), fieldNumber('GraphProto', 'initializer'), tensor.length + following).finish();
  const outer = opening(new BinaryWriter(), fieldNumber('ModelProto', 'graph'), inner.length + tensor.length + following);
  return outer.raw(inner).raw(tensor).finish();
}

function opening(writer: BinaryWriter, field: number, length: number): BinaryWriter {
  return writer.tag(field, WireType.LengthDelimited).uint32(length);
}

function rawBytes(constant: Constant): Uint8Array {
  const { buffer, byteOffset, byteLength } = constant.data();
  if (byteLength === constantBytes(constant)) return new Uint8Array(buffer, byteOffset, byteLength);
  const shape = `${constant.type} [${constant.dims.join(', ')}]`;
  throw new LocalLiteError(
    'internal',
    `constant ${constant.name} of ${shape} got ${byteLength} bytes instead of ${constantBytes(constant)}`,
  );
}

async function writeAll(file: FileHandle, bytes: Uint8Array): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    // Some systems write at most 2 GB at a time.
    const { bytesWritten } = await file.write(bytes, done, Math.min(bytes.length - done, 2 ** 30));
    done += bytesWritten;
  }
}

function asDiskFull(error: unknown): unknown {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (code !== 'ENOSPC' && code !== 'EDQUOT') return error;
  return new LocalLiteError('disk_full', 'the disk is full: the converted model could not be written', { cause: error });
}
