import { randomBytes } from 'node:crypto';
import { closeSync, fsyncSync, mkdirSync, openSync, readFileSync, renameSync, rmSync, writeSync } from 'node:fs';
import { endianness } from 'node:os';
import { dirname } from 'node:path';
import { crc32 } from 'node:zlib';

const MAGIC = 'LLINDEX1';
/** Magic, checksum of all that follows, length of the header. */
const PRELUDE = 16;
const ALIGNMENT = 8;

/** Facts and arrays of a cache file. */
export interface CacheContent {
  readonly facts: Readonly<Record<string, string | number>>;
  readonly parts: Readonly<Record<string, ArrayBufferView>>;
}

interface Header {
  readonly facts: CacheContent['facts'];
  readonly parts: readonly { readonly name: string; readonly bytes: number }[];
}

/**
 * Writes a file that {@link readCache} reads: whole or not at all, for the owner alone. Numbers are as this machine writes them, which the
 * file says.
 * @throws what the file system says
 */
export function writeCache(path: string, { facts, parts }: CacheContent): void {
  const named = Object.entries(parts).map(([name, { buffer, byteOffset, byteLength }]) => ({
    name,
    bytes: new Uint8Array(buffer, byteOffset, byteLength),
  }));
  const header: Header = {
    facts: { ...facts, endianness: endianness() },
    parts: named.map(({ name, bytes }) => ({ name, bytes: bytes.length })),
  };
  // Of nothing at all zlib's checksum starts anew, so empty pieces are left out.
  const body = [Buffer.from(JSON.stringify(header)), ...named.map(({ bytes }) => bytes)]
    .flatMap((bytes) => [bytes, padding(bytes.length)])
    .filter(({ length }) => length > 0);
  const prelude = Buffer.alloc(PRELUDE);
  prelude.write(MAGIC, 'latin1');
  prelude.writeUInt32LE(
    body.reduce((sum, bytes) => crc32(bytes, sum), 0),
    8,
  );
  prelude.writeUInt32LE(body[0]?.length ?? 0, 12);
  writeWhole(path, [prelude, ...body]);
}

function writeWhole(path: string, pieces: readonly Uint8Array[]): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const unfinished = `${path}.${randomBytes(6).toString('hex')}.part`;
  try {
    const file = openSync(unfinished, 'wx', 0o600);
    try {
      for (const piece of pieces) for (let at = 0; at < piece.length; ) at += writeSync(file, piece, at);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    renameSync(unfinished, path);
  } catch (error) {
    rmSync(unfinished, { force: true });
    throw error;
  }
}

/** What the file holds; undefined where there is none, or where it is torn or not of this machine's kind. Each array has memory of its own. */
export function readCache(
  path: string,
): { readonly facts: CacheContent['facts']; readonly parts: ReadonlyMap<string, ArrayBuffer> } | undefined {
  let file: Buffer;
  try {
    file = readFileSync(path);
  } catch {
    return undefined;
  }
  if (file.length < PRELUDE || file.toString('latin1', 0, 8) !== MAGIC) return undefined;
  if (crc32(file.subarray(PRELUDE)) !== file.readUInt32LE(8)) return undefined;
  // Sums agree: it is as it was written.
  const length = file.readUInt32LE(12);
  const { facts, parts } = JSON.parse(file.toString('utf8', PRELUDE, PRELUDE + length)) as Header;
  if (facts['endianness'] !== endianness()) return undefined;
  const found = new Map<string, ArrayBuffer>();
  let at = PRELUDE + length + padding(length).length;
  for (const { name, bytes } of parts) {
    const copy = new ArrayBuffer(bytes);
    new Uint8Array(copy).set(file.subarray(at, at + bytes));
    found.set(name, copy);
    at += bytes + padding(bytes).length;
  }
  return { facts, parts: found };
}

function padding(length: number): Uint8Array {
  return new Uint8Array((ALIGNMENT - (length % ALIGNMENT)) % ALIGNMENT);
}
