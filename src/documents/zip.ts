import { configure, type Entry, type FileEntry, Uint8ArrayReader, ZipReader } from '@zip.js/zip.js';
import { LocalLiteError } from '../errors.ts';

configure({ useWebWorkers: false });

/** A file in an archive. */
export interface ZipMember {
  /** As the archive has it, with forward slashes; it is never a path on this machine. */
  readonly name: string;
  readonly isFolder: boolean;
  readonly isEncrypted: boolean;
  /** Bytes after inflation, as the archive says; what comes out is counted by itself. */
  readonly bytes: number;
  /**
   * Inflates it. `spend` is told of every piece as it comes out, so that a bomb is stopped before it is whole.
   * @throws LocalLiteError document_unreadable, document_encrypted, what `spend` throws
   */
  read(spend: (bytes: number) => void, password?: string): Promise<Uint8Array>;
}

/**
 * Members of a ZIP archive (also of DOCX, EPUB and the like), from its directory, in its order. Members whose data lie over each other are
 * refused when they are read.
 * @param most members after which the list ends
 * @throws LocalLiteError document_unreadable
 */
export async function zipMembers(bytes: Uint8Array, most: number): Promise<readonly ZipMember[]> {
  // Names are only shown, so that none of them can be harmful.
  const reader = new ZipReader(new Uint8ArrayReader(bytes), { filenameValidation: 'tolerant', checkOverlappingEntry: true });
  const members: ZipMember[] = [];
  try {
    for await (const entry of reader.getEntriesGenerator()) {
      members.push(memberOf(entry));
      if (members.length >= most) break;
    }
  } catch (cause) {
    throw new LocalLiteError('document_unreadable', `the archive cannot be opened (${messageOf(cause)})`, { cause });
  }
  return members;
}

function memberOf(entry: Entry): ZipMember {
  return {
    name: entry.filename.replaceAll('\\', '/'),
    isFolder: entry.directory,
    isEncrypted: entry.encrypted,
    bytes: entry.uncompressedSize,
    read: async (spend, password) => (entry.directory ? new Uint8Array() : await inflate(entry, spend, password)),
  };
}

async function inflate(entry: FileEntry, spend: (bytes: number) => void, password: string | undefined): Promise<Uint8Array> {
  if (entry.encrypted && password === undefined) {
    throw new LocalLiteError('document_encrypted', `${entry.filename} is encrypted; give its password`);
  }
  const parts: Uint8Array[] = [];
  let refused: unknown;
  const writable = new WritableStream<Uint8Array>({
    write(part) {
      try {
        spend(part.length);
      } catch (error) {
        refused = error;
        throw error;
      }
      parts.push(part);
    },
  });
  try {
    await entry.getData(writable, { checkSignature: true, ...(entry.encrypted && password !== undefined && { password }) });
  } catch (cause) {
    throw refused ?? memberError(entry, cause);
  }
  return new Uint8Array(Buffer.concat(parts));
}

function memberError(entry: FileEntry, cause: unknown): LocalLiteError {
  const message = messageOf(cause);
  if (entry.encrypted && /password|signature|encrypt/i.test(message)) {
    return new LocalLiteError('document_encrypted', `${entry.filename} is encrypted, and the password is not its own`, { cause });
  }
  return new LocalLiteError('document_unreadable', `${entry.filename} in the archive is damaged (${message})`, { cause });
}

function messageOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
