import { createHash } from 'node:crypto';
import { crc32, gzipSync } from 'node:zlib';
import { Header } from 'tar';

export interface TarEntry {
  readonly path: string;
  readonly data?: Buffer;
  readonly type?: 'File' | 'SymbolicLink' | 'Link' | 'Directory';
  readonly linkpath?: string;
}

/** A gzipped tarball with exactly these entries, harmful ones included. */
export function makeTarball(entries: readonly TarEntry[]): Buffer {
  const parts: Buffer[] = [];
  for (const { path, data = Buffer.alloc(0), type = 'File', linkpath } of entries) {
    const block = Buffer.alloc(512);
    new Header({ path, type, size: data.length, mode: 0o644, mtime: new Date(0), ...(linkpath === undefined ? {} : { linkpath }) }).encode(
      block,
      0,
    );
    parts.push(block, data, Buffer.alloc((512 - (data.length % 512)) % 512));
  }
  return gzipSync(Buffer.concat([...parts, Buffer.alloc(1024)]));
}

/** A zip (files stored, not packed) with exactly these entries. `mode` is the Unix mode, e.g. of a symbolic link. */
export function makeZip(entries: readonly { readonly path: string; readonly data: Buffer; readonly mode?: number }[]): Buffer {
  const locals: Buffer[] = [];
  const centrals: Buffer[] = [];
  let offset = 0;
  for (const { path, data, mode = 0o100644 } of entries) {
    const name = Buffer.from(path);
    const common = Buffer.alloc(26);
    common.writeUInt16LE(20, 0);
    common.writeUInt32LE(crc32(data), 10);
    common.writeUInt32LE(data.length, 14);
    common.writeUInt32LE(data.length, 18);
    common.writeUInt16LE(name.length, 22);
    const local = Buffer.concat([Buffer.from('PK\x03\x04'), common, name, data]);
    const central = Buffer.alloc(46);
    central.write('PK\x01\x02');
    central.writeUInt16LE(0x0314, 4);
    common.copy(central, 6);
    central.writeUInt32LE(mode * 0x10000, 38);
    central.writeUInt32LE(offset, 42);
    locals.push(local);
    centrals.push(central, name);
    offset += local.length;
  }
  const directory = Buffer.concat(centrals);
  const end = Buffer.alloc(22);
  end.write('PK\x05\x06');
  end.writeUInt16LE(entries.length, 8);
  end.writeUInt16LE(entries.length, 10);
  end.writeUInt32LE(directory.length, 12);
  end.writeUInt32LE(offset, 16);
  return Buffer.concat([...locals, directory, end]);
}

/** `sha512-…`, as a registry gives it. */
export const sriOf = (bytes: Buffer): string => `sha512-${createHash('sha512').update(bytes).digest('base64')}`;
