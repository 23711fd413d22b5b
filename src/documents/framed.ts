import type { Readable, Writable } from 'node:stream';
import { LocalLiteError } from '../errors.ts';

/** Longest line that is believed to be one. */
const LONGEST_LINE = 512 * 2 ** 20;

/** Writes a line of JSON, and bytes behind it. */
export function writeFramed(out: Writable, message: object, bytes?: Uint8Array): void {
  out.write(`${JSON.stringify(message)}\n`);
  if (bytes !== undefined && bytes.length > 0) out.write(bytes);
}

/** Reads what {@link writeFramed} wrote: `onMessage` gets each line, with as many bytes as `bytesOf` says that follow it. */
export function readFramed<T>(
  input: Readable,
  bytesOf: (message: T) => number,
  onMessage: (message: T, bytes: Buffer) => void,
  onFault: (error: unknown) => void,
): void {
  let parts: Buffer[] = [];
  let size = 0;
  let pending: { readonly message: T; readonly bytes: number } | undefined;
  const take = (): Buffer => {
    const all = parts.length === 1 ? (parts[0] ?? Buffer.alloc(0)) : Buffer.concat(parts);
    parts = [];
    size = 0;
    return all;
  };
  const put = (rest: Buffer): void => {
    if (rest.length > 0) parts.push(rest);
    size += rest.length;
  };
  const advance = (fresh: Buffer): boolean => {
    if (pending === undefined) {
      if (!fresh.includes(10)) return false;
      const all = take();
      const end = all.indexOf(10);
      const message = JSON.parse(all.subarray(0, end).toString('utf8')) as T;
      pending = { message, bytes: bytesOf(message) };
      put(all.subarray(end + 1));
    }
    if (size < pending.bytes) return false;
    const all = take();
    const { message, bytes } = pending;
    pending = undefined;
    put(all.subarray(bytes));
    onMessage(message, all.subarray(0, bytes));
    return size > 0;
  };
  input.on('data', (chunk: Buffer) => {
    try {
      put(chunk);
      let fresh = chunk;
      while (advance(fresh)) fresh = parts[0] ?? Buffer.alloc(0);
      if (size > LONGEST_LINE && pending === undefined)
        onFault(new LocalLiteError('document_too_large', 'a message between the gateway and a parser is too long'));
    } catch (error) {
      onFault(error);
    }
  });
}
