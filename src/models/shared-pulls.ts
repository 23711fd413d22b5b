import { LocalLiteError } from '../errors.ts';
import type { PullProgress } from './store-types.ts';

type Report = (progress: PullProgress) => void;

interface Running<T> {
  readonly result: Promise<T>;
  readonly stop: AbortController;
  readonly listeners: Set<Report>;
  waiters: number;
  latest: PullProgress | undefined;
}

/** Lets several callers in this process wait for one piece of work; it stops only when all of them have left. */
export interface SharedPulls<T> {
  /** Joins the work under `key`, or starts it. @throws LocalLiteError cancelled when this caller's signal aborts */
  join(
    key: string,
    work: (signal: AbortSignal, report: Report) => Promise<T>,
    options: { signal?: AbortSignal | undefined; onProgress?: Report | undefined },
  ): Promise<T>;
}

/** A listener that throws hurts neither the work nor the other listeners; it hears nothing more. */
function tell(listener: Report, progress: PullProgress, listeners: Set<Report>): void {
  try {
    listener(progress);
  } catch {
    listeners.delete(listener);
  }
}

/** An empty set of shared work. */
export function createSharedPulls<T>(): SharedPulls<T> {
  const running = new Map<string, Running<T>>();

  const begin = (key: string, work: (signal: AbortSignal, report: Report) => Promise<T>): Running<T> => {
    const stop = new AbortController();
    const listeners = new Set<Report>();
    const report: Report = (progress) => {
      started.latest = progress;
      for (const listener of listeners) tell(listener, progress, listeners);
    };
    const result = Promise.resolve().then(() => work(stop.signal, report));
    const started: Running<T> = { result, stop, listeners, waiters: 0, latest: undefined };
    running.set(key, started);
    const forget = (): void => {
      if (running.get(key) === started) running.delete(key);
    };
    result.then(forget, forget);
    return started;
  };

  return {
    async join(key, work, { signal, onProgress }) {
      if (signal?.aborted) throw new LocalLiteError('cancelled', 'the pull was cancelled');
      const shared = running.get(key) ?? begin(key, work);
      shared.waiters += 1;
      if (onProgress !== undefined) {
        shared.listeners.add(onProgress);
        if (shared.latest !== undefined) tell(onProgress, shared.latest, shared.listeners);
      }
      try {
        return await orAborted(shared.result, signal);
      } finally {
        shared.waiters -= 1;
        if (onProgress !== undefined) shared.listeners.delete(onProgress);
        if (shared.waiters === 0) {
          // The next caller must start anew rather than join work that is being stopped.
          if (running.get(key) === shared) running.delete(key);
          shared.stop.abort();
        }
      }
    },
  };
}

function orAborted<T>(result: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return result;
  return new Promise((resolve, reject) => {
    const leave = (): void => reject(new LocalLiteError('cancelled', 'the pull was cancelled', { cause: signal.reason }));
    signal.addEventListener('abort', leave, { once: true });
    result.then(resolve, reject).finally(() => signal.removeEventListener('abort', leave));
  });
}
