import { randomBytes } from 'node:crypto';
import { chmod, mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { LocalLiteError } from '../errors.ts';

const RENAME_TRIES = 6;

/** The error code of a system call (`ENOENT`, `EACCES` …), or undefined for anything else that was thrown. */
export function systemCode(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}

/** Makes a folder (and its parents) that only its owner may enter: 0700 where the system knows modes. */
export async function privateFolder(path: string): Promise<void> {
  await mkdir(path, { recursive: true, mode: 0o700 });
}

/** The text of a file; undefined when there is none. Other failures are thrown as they are. */
export async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/**
 * Replaces a file as a whole: a reader sees the old content or the new, never a part, and a crash leaves one of the two.
 * Only the owner may read it (0600 where the system knows modes). The folder is made if it is missing.
 * @throws LocalLiteError disk_full when no space is left; internal, naming the file, for any other refusal of the system.
 */
export async function writePrivateFile(path: string, text: string): Promise<void> {
  const partial = join(dirname(path), `.${basename(path)}.${randomBytes(6).toString('hex')}.tmp`);
  try {
    await privateFolder(dirname(path));
    await writeAndSync(partial, text);
    await renameOver(partial, path);
    await syncFolder(dirname(path));
  } catch (error) {
    await rm(partial, { force: true });
    throw writeFailure(path, error);
  }
}

async function writeAndSync(path: string, text: string): Promise<void> {
  const file = await open(path, 'wx', 0o600);
  try {
    await file.writeFile(text, 'utf8');
    await file.sync();
  } finally {
    await file.close();
  }
  // The mode given to open() is narrowed by the umask, never widened; this also covers file systems that ignore it.
  if (process.platform !== 'win32') await chmod(path, 0o600);
}

async function renameOver(from: string, to: string): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      await rename(from, to);
      return;
    } catch (error) {
      // On Windows a virus scanner or a reader may hold the target for a moment.
      const passing = process.platform === 'win32' && ['EPERM', 'EACCES', 'EBUSY'].includes(systemCode(error) ?? '');
      if (!passing || attempt === RENAME_TRIES) throw error;
      await sleep(20 * attempt);
    }
  }
}

async function syncFolder(path: string): Promise<void> {
  if (process.platform === 'win32') return;
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } catch (error) {
    // Some network and overlay file systems refuse to sync a folder; the rename itself has happened.
    if (!['EINVAL', 'ENOTSUP', 'EPERM'].includes(systemCode(error) ?? '')) throw error;
  } finally {
    await folder.close();
  }
}

function writeFailure(path: string, cause: unknown): LocalLiteError {
  const code = systemCode(cause);
  if (code === 'ENOSPC' || code === 'EDQUOT') return new LocalLiteError('disk_full', `no space left to write ${path}`, { cause });
  return new LocalLiteError('internal', `cannot write ${path} (${code ?? 'unknown reason'})`, { cause });
}
