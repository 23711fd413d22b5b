import { constants } from 'node:fs';
import { copyFile, type FileHandle, link, mkdir, open, rename, rm, stat, statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import { LocalLiteError } from '../errors.ts';

/** What a pull asks of the disk beyond plain paths; replaced where a test needs a full disk. */
export interface Disk {
  /** Bytes an ordinary user may still write below `folder`; undefined where the system does not tell. */
  freeBytes(folder: string): Promise<number | undefined>;
  open(path: string, flags: string): Promise<FileHandle>;
}

/** Readable and writable by the owner alone. */
const FILE_MODE = 0o600;
const FOLDER_MODE = 0o700;

/** The real one. */
export const localDisk: Disk = {
  async freeBytes(folder) {
    try {
      const { bavail, bsize } = await statfs(folder);
      return bavail * bsize;
    } catch {
      return undefined;
    }
  },
  open: (path, flags) => open(path, flags, FILE_MODE),
};

/** Left free on purpose, so that a pull never fills the last block. */
const RESERVE_BYTES = 16 * 1024 * 1024;

/** @throws LocalLiteError disk_full when `needed` bytes do not fit below `folder` */
export async function requireSpace(disk: Disk, folder: string, needed: number): Promise<void> {
  const free = await disk.freeBytes(folder);
  if (free === undefined || free >= needed + RESERVE_BYTES) return;
  throw new LocalLiteError('disk_full', `${megabytes(needed)} MB are needed below ${folder}, ${megabytes(free)} MB are free`);
}

const megabytes = (bytes: number): string => Math.ceil(bytes / 1e6).toString();

/** The system's error code (`ENOENT` …), if `error` is a system error. */
export function systemCode(error: unknown): string | undefined {
  return typeof error === 'object' && error !== null && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}

/** Names the errors of a file system that a user can do something about; returns every other one as it is. */
export function namedDiskError(error: unknown, path: string): unknown {
  const code = systemCode(error);
  if (code === 'ENOSPC' || code === 'EDQUOT')
    return new LocalLiteError('disk_full', `the disk filled up while writing ${path}`, { cause: error });
  if (code === 'EROFS' || code === 'EACCES')
    return new LocalLiteError('model_fetch_failed', `cannot write ${path} (${code})`, { cause: error });
  if (code === 'EBUSY' || code === 'EPERM' || code === 'ETXTBSY') {
    return new LocalLiteError('model_in_use', `${path} is held by another process (${code})`, { cause: error });
  }
  return error;
}

/** Makes a folder and its parents, for the owner alone. */
export async function ensureFolder(path: string): Promise<void> {
  await mkdir(path, { recursive: true, mode: FOLDER_MODE });
}

/** Bytes of a regular file (links followed), or undefined where there is none. */
export async function fileSize(path: string): Promise<number | undefined> {
  try {
    const found = await stat(path);
    return found.isFile() ? found.size : undefined;
  } catch {
    return undefined;
  }
}

/** Makes sure that a file's content is on the disk, not only in a cache. */
export async function syncFile(path: string): Promise<void> {
  const handle = await open(path, 'r+');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Makes a rename or link inside `path` durable. Windows neither offers nor needs it. */
export async function syncFolder(path: string): Promise<void> {
  if (process.platform === 'win32') return;
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } catch (error) {
    // Some network file systems refuse to sync a folder; the rename itself is still atomic.
    if (systemCode(error) !== 'EINVAL' && systemCode(error) !== 'ENOTSUP') throw error;
  } finally {
    await handle.close();
  }
}

/** Replaces a small file so that readers see the old or the new content, never a part. */
export async function writeWhole(disk: Disk, path: string, text: string, durable = true): Promise<void> {
  const temporary = `${path}.${process.pid}.tmp`;
  const handle = await disk.open(temporary, 'w');
  try {
    await handle.writeFile(text);
    if (durable) await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(temporary, path);
  if (durable) await syncFolder(dirname(path));
}

/** Codes that mean: this file system, or this pair of them, has no hard links for us. */
const NO_LINKS = new Set(['EXDEV', 'EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'EMLINK', 'ENOSYS', 'EACCES']);

/** Gives a file a second name without copying it; false where that is impossible. */
export async function tryLink(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to);
    return true;
  } catch (error) {
    if (systemCode(error) === 'EEXIST') {
      await rm(to);
      return tryLink(from, to);
    }
    if (NO_LINKS.has(systemCode(error) ?? '')) return false;
    throw error;
  }
}

/** Links, or copies where there are no hard links. */
export async function linkOrCopy(from: string, to: string): Promise<void> {
  if (!(await tryLink(from, to))) await copyDurably(from, to);
}

/** Copies (without moving bytes where the file system can) and makes sure that the copy is on the disk. */
export async function copyDurably(from: string, to: string): Promise<void> {
  await copyFile(from, to, constants.COPYFILE_FICLONE);
  await syncFile(to);
}
