import type { PullProgress } from './store-types.ts';

/** Length of the window over which the rate is taken. */
const WINDOW_MS = 5000;
/** Listeners hear of moving bytes at most this often. */
const REPORT_EVERY_MS = 100;

/** Counts the bytes of a pull over all its files and tells listeners. */
export interface ProgressMeter {
  phase(phase: PullProgress['phase'], file?: string): void;
  /** Sets how many bytes the pull will have moved in the end. */
  expect(total: number | undefined): void;
  /** Bytes that just arrived. */
  received(bytes: number): void;
  /** Bytes that were there already (negative: that are thrown away); they do not count for the rate. */
  resumed(bytes: number): void;
  /** Starts from nothing, for the next source. */
  restart(): void;
  /** Tells nothing any more. */
  close(): void;
  readonly current: PullProgress;
}

/** Tells `report` of every phase at once, and of moving bytes at most ten times a second. `now` is in milliseconds. */
export function createProgressMeter(report: (progress: PullProgress) => void, now: () => number = () => performance.now()): ProgressMeter {
  let phase: PullProgress['phase'] = 'resolving';
  let file: string | undefined;
  let done = 0;
  let total: number | undefined;
  let later: NodeJS.Timeout | undefined;
  let reportedAt = Number.NEGATIVE_INFINITY;
  let arrivals: { readonly at: number; readonly bytes: number }[] = [];

  const rate = (): number => {
    const from = now() - WINDOW_MS;
    arrivals = arrivals.filter(({ at }) => at >= from);
    const first = arrivals[0];
    if (first === undefined) return 0;
    const bytes = arrivals.reduce((sum, arrival) => sum + arrival.bytes, 0);
    return (bytes * 1000) / Math.max(now() - first.at, 250);
  };

  const current = (): PullProgress => {
    const bytesPerSecond = Math.round(rate());
    const left = total === undefined ? undefined : Math.max(0, total - done);
    const etaSeconds = left === undefined || bytesPerSecond === 0 ? undefined : Math.ceil(left / bytesPerSecond);
    return { phase, file, bytesDone: done, bytesTotal: total, bytesPerSecond, etaSeconds };
  };

  const tell = (always: boolean): void => {
    const wait = always ? 0 : REPORT_EVERY_MS - (now() - reportedAt);
    if (wait > 0) {
      // What came last is told too, even if nothing follows it.
      later ??= setTimeout(() => tell(true), wait).unref();
      return;
    }
    clearTimeout(later);
    later = undefined;
    reportedAt = now();
    report(current());
  };

  const arrived = (bytes: number): void => {
    const last = arrivals.at(-1);
    // One entry for each tenth of a second keeps the window small at any speed.
    if (last !== undefined && now() - last.at < REPORT_EVERY_MS) arrivals[arrivals.length - 1] = { at: last.at, bytes: last.bytes + bytes };
    else arrivals.push({ at: now(), bytes });
  };

  return {
    phase(next, name) {
      phase = next;
      file = name;
      tell(true);
    },
    expect(bytes) {
      total = bytes;
      tell(true);
    },
    received(bytes) {
      done += bytes;
      arrived(bytes);
      tell(false);
    },
    resumed(bytes) {
      done = Math.max(0, done + bytes);
      tell(true);
    },
    restart() {
      done = 0;
      total = undefined;
    },
    close() {
      clearTimeout(later);
    },
    get current() {
      return current();
    },
  };
}
