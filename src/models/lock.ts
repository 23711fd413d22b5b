import { dirname } from 'node:path';
import { LocalLiteError } from '../errors.ts';
import { ensureFolder, systemCode } from './disk.ts';
import { pause } from './sources/retry.ts';

/** A holder that died is recognised after this long without a sign of life. */
const STALE_MS = 5000;
const HEARTBEAT_MS = 1000;
const POLL_MS = 100;

/**
 * Runs `work` while no other process (or caller in this one) holds the lock `path`. Waits as long as the holder lives; a crashed
 * holder's lock falls after a few seconds. `work` gets a signal that also aborts when the lock is lost (the machine slept and
 * another process took it).
 * @throws LocalLiteError cancelled when `signal` aborts while waiting
 */
export async function withLock<T>(path: string, signal: AbortSignal, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const lost = new AbortController();
  const release = await acquire(path, signal, (error) => {
    lost.abort(new LocalLiteError('model_fetch_failed', `another process took the lock ${path}; try again`, { cause: error }));
  });
  try {
    return await work(AbortSignal.any([signal, lost.signal]));
  } catch (error) {
    throw lost.signal.aborted ? lost.signal.reason : error;
  } finally {
    await release().catch(() => undefined);
  }
}

async function acquire(path: string, signal: AbortSignal, onCompromised: (error: Error) => void): Promise<() => Promise<void>> {
  const { lock } = (await import('proper-lockfile')).default;
  await ensureFolder(dirname(path));
  for (;;) {
    if (signal.aborted) throw new LocalLiteError('cancelled', 'the pull was cancelled');
    try {
      return await lock(path, { realpath: false, lockfilePath: path, stale: STALE_MS, update: HEARTBEAT_MS, retries: 0, onCompromised });
    } catch (error) {
      // EPERM is what Windows says while a lock's folder is just being removed.
      if (systemCode(error) !== 'ELOCKED' && systemCode(error) !== 'EPERM') throw error;
    }
    await pause(POLL_MS, signal);
  }
}
