import { createReadStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import type { Parser, ReadEntry } from 'tar';
import type { Entry, ZipFile } from 'yauzl';
import { LocalLiteError } from '../errors.ts';
import { type Disk, namedDiskError } from './disk.ts';
import { SourceFailure } from './sources/failure.ts';

/** A file inside an archive. Paths have forward slashes; in a tarball the first folder (npm's `package/`) is left out. */
export interface ArchiveEntry {
  readonly path: string;
  readonly bytes: number;
}

/** Takes files out of a package's archive, as data: nothing is run, no link is followed, nothing lands outside the given targets. */
export interface ArchiveReader {
  /** Every regular file. @throws SourceFailure unsafe, corrupt */
  list(signal: AbortSignal): Promise<readonly ArchiveEntry[]>;
  /** Writes each wanted path to its target; paths that are not there are missing in the answer. @throws SourceFailure unsafe, corrupt */
  extract(targets: ReadonlyMap<string, string>, signal: AbortSignal): Promise<ReadonlySet<string>>;
}

const MAX_ENTRIES = 100_000;
/** No single file of a model is longer; a declared length beyond it is an attack or an error. */
const MAX_FILE_BYTES = 64 * 1024 ** 3;

type Content = AsyncIterable<Uint8Array>;
/** Called for each regular file; gets its content as a stream that must be read to the end or left alone. */
type Visit = (entry: ArchiveEntry, content: () => Promise<Content>) => Promise<void>;

/** Opens an archive on disk. `disk` opens the targets. */
export function openArchive(path: string, format: 'tar' | 'zip', disk: Disk): ArchiveReader {
  const walk = (visit: Visit, signal: AbortSignal): Promise<void> =>
    format === 'tar' ? walkTar(path, visit, signal) : walkZip(path, visit, signal);
  return {
    async list(signal) {
      const entries: ArchiveEntry[] = [];
      await walk(async (entry) => void entries.push(entry), signal);
      return entries;
    },
    async extract(targets, signal) {
      const found = new Set<string>();
      const visit: Visit = async (entry, content) => {
        const target = targets.get(entry.path);
        if (target === undefined) return;
        if (found.has(entry.path)) throw new SourceFailure('unsafe', `the archive holds ${entry.path} twice`);
        found.add(entry.path);
        await writeTo(disk, target, entry, await content(), signal);
      };
      await walk(visit, signal);
      return found;
    },
  };
}

async function writeTo(disk: Disk, target: string, entry: ArchiveEntry, content: Content, signal: AbortSignal): Promise<void> {
  const handle = await disk.open(target, 'w');
  let written = 0;
  try {
    for await (const chunk of content) {
      if (signal.aborted) throw new LocalLiteError('cancelled', 'the pull was cancelled');
      written += chunk.length;
      if (written > entry.bytes) throw new SourceFailure('unsafe', `${entry.path} is longer than the archive says`);
      await handle.writeFile(chunk);
    }
    if (written !== entry.bytes) throw new SourceFailure('corrupt', `${entry.path} ends early inside the archive`);
  } catch (error) {
    throw namedDiskError(error, target);
  } finally {
    await handle.close();
  }
}

/** @throws SourceFailure unsafe for a path that would leave the folder it is unpacked into */
function checkPath(path: string): void {
  const unsafe = /^([/\\]|[A-Za-z]:)/.test(path) || path.split(/[/\\]/).includes('..') || path.includes('\0');
  if (unsafe) throw new SourceFailure('unsafe', `the archive holds a path that leaves it: ${JSON.stringify(path)}`);
}

function checkEntry(count: number, path: string, bytes: number): void {
  if (count > MAX_ENTRIES) throw new SourceFailure('unsafe', `the archive holds more than ${MAX_ENTRIES} files`);
  if (bytes > MAX_FILE_BYTES) throw new SourceFailure('unsafe', `the archive says that ${path} has ${bytes} bytes`);
  checkPath(path);
}

function archiveError(error: unknown, signal: AbortSignal): unknown {
  if (signal.aborted) return new LocalLiteError('cancelled', 'the pull was cancelled', { cause: error });
  if (LocalLiteError.is(error)) return error;
  const message = error instanceof Error ? error.message : String(error);
  if (/invalid relative path|absolute path|invalid characters in fileName/.test(message)) {
    return new SourceFailure('unsafe', `the archive holds a path that leaves it (${message})`, { cause: error });
  }
  return new SourceFailure('corrupt', `the archive cannot be read: ${message}`, { cause: error });
}

/** Resolves when `parser` says `event` the next time. */
function once(parser: Parser, event: 'drain' | 'end'): Promise<void> {
  return new Promise((resolve) => {
    parser.once(event, () => resolve());
  });
}

const REGULAR = new Set(['File', 'OldFile', 'ContiguousFile']);

async function walkTar(path: string, visit: Visit, signal: AbortSignal): Promise<void> {
  const { Parser: TarParser } = await import('tar');
  let count = 0;
  let failure: unknown;
  let working: Promise<void> = Promise.resolve();
  const handle = async (entry: ReadEntry): Promise<void> => {
    try {
      count += 1;
      checkEntry(count, entry.path, entry.size);
      if (!REGULAR.has(entry.type) || failure !== undefined) return;
      const inner = entry.path.replace(/^(\.\/)?[^/]+\//, '');
      await visit({ path: inner, bytes: entry.size }, async () => entry);
    } catch (error) {
      failure ??= error;
    } finally {
      entry.resume();
    }
  };
  const parser = new TarParser({
    strict: true,
    onReadEntry: (entry) => {
      const handled = handle(entry);
      working = working.then(() => handled);
    },
  });
  const broken = new Promise<never>((_resolve, reject) => parser.once('error', reject));
  // Heard of below, or no longer of interest.
  broken.catch(() => undefined);
  try {
    const source = createReadStream(path, { highWaterMark: 256 * 1024 });
    await pipeline(
      source,
      async (chunks) => {
        for await (const chunk of chunks) {
          if (failure !== undefined) return;
          if (!parser.write(chunk)) await Promise.race([broken, once(parser, 'drain')]);
        }
      },
      { signal },
    );
    if (failure === undefined) {
      const ended = once(parser, 'end');
      parser.end();
      await Promise.race([broken, ended]);
    }
    await working;
    if (failure !== undefined) throw failure;
  } catch (error) {
    throw archiveError(failure ?? error, signal);
  }
}

const SYMBOLIC_LINK = 0o120000;
const TYPE_MASK = 0o170000;

function isRegularZipEntry(entry: Entry): boolean {
  const mode = (entry.externalFileAttributes >>> 16) & TYPE_MASK;
  return !entry.fileName.endsWith('/') && mode !== SYMBOLIC_LINK;
}

async function walkZip(path: string, visit: Visit, signal: AbortSignal): Promise<void> {
  const { openPromise } = await import('yauzl');
  let zip: ZipFile | undefined;
  let count = 0;
  try {
    zip = await openPromise(path, { lazyEntries: true, autoClose: false, validateEntrySizes: true });
    const opened = zip;
    for await (const entry of opened.eachEntry()) {
      if (signal.aborted) throw new LocalLiteError('cancelled', 'the pull was cancelled');
      count += 1;
      checkEntry(count, entry.fileName, entry.uncompressedSize);
      if (!isRegularZipEntry(entry)) continue;
      if (entry.isEncrypted()) throw new SourceFailure('unsafe', `${entry.fileName} is encrypted`);
      await visit({ path: entry.fileName, bytes: entry.uncompressedSize }, async () => opened.openReadStreamPromise(entry));
    }
  } catch (error) {
    throw archiveError(error, signal);
  } finally {
    zip?.close();
  }
}
