const EXIT = {
  /** Everything that ran had finished, or was cut when its grace was over. */
  stopped: 0,
  /** Stopping failed, or took longer than its bound. */
  failed: 1,
  /** 128 + the number of the second signal, which stopped at once. */
  SIGINT: 130,
  SIGTERM: 143,
  SIGBREAK: 149,
} as const;

type Signal = 'SIGINT' | 'SIGTERM' | 'SIGBREAK';

export interface RunOptions {
  /** Stops everything; gets the time that running work may take. */
  readonly close: (graceMs: number) => Promise<unknown>;
  readonly graceMs: number;
  /** Told once, by the first signal or by `stop`; `by` is the signal's name or the reason of `stop`. */
  readonly onStop?: (by: string) => void;
  /** Told why stopping failed. */
  readonly onFailure?: (reason: unknown) => void;
  /** Another way to stop, e.g. the loss of HOME. */
  readonly stop?: AbortSignal;
  /** How the process ends at a second signal; a parameter for programs that embed us. */
  readonly exit?: (code: number) => void;
}

/** Beyond the grace: closing files and workers takes a moment of its own. */
const MARGIN_MS = 5000;
/** A terminal's Ctrl-C reaches a program twice when its parent (npm) passes it on as well. */
const ECHO_MS = 300;

/**
 * Waits for SIGINT or SIGTERM (or SIGBREAK, Windows), then stops within `graceMs` plus 5 s; a second signal ends the process at once.
 * The same signal within 0.3 s of the first counts as its echo. Resolves with the exit code:
 * 0 after stopping in order, 1 when that failed or overran. A second signal ends the process with 130 (SIGINT) or 143 (SIGTERM).
 */
export function runUntilSignal(options: RunOptions): Promise<number> {
  const { exit = (code) => process.exit(code) } = options;
  return new Promise((done) => {
    let first: { readonly signal: string; readonly at: number } | undefined;

    const begin = (by: string) => {
      first = { signal: by, at: performance.now() };
      options.onStop?.(by);
      void stopWithin(options).then((code) => {
        forget();
        done(code);
      });
    };
    const onSignal = (signal: Signal) => {
      if (first === undefined) return begin(signal);
      if (signal === first.signal && performance.now() - first.at < ECHO_MS) return;
      exit(EXIT[signal]);
    };
    const onAbort = () => {
      if (first === undefined) begin(describe(options.stop?.reason));
    };
    const forget = () => {
      for (const signal of signals()) process.off(signal, onSignal);
      options.stop?.removeEventListener('abort', onAbort);
    };

    for (const signal of signals()) process.on(signal, onSignal);
    options.stop?.addEventListener('abort', onAbort);
    if (options.stop?.aborted) onAbort();
  });
}

function signals(): readonly Signal[] {
  return process.platform === 'win32' ? ['SIGINT', 'SIGTERM', 'SIGBREAK'] : ['SIGINT', 'SIGTERM'];
}

async function stopWithin(options: RunOptions): Promise<number> {
  const bound = options.graceMs + MARGIN_MS;
  let timer: NodeJS.Timeout | undefined;
  const overrun = new Promise<string>((resolve) => {
    timer = setTimeout(() => resolve(`stopping took longer than ${bound / 1000} s`), bound);
  });
  try {
    const late = await Promise.race([options.close(options.graceMs).then(() => undefined), overrun]);
    if (late === undefined) return EXIT.stopped;
    options.onFailure?.(late);
  } catch (error) {
    options.onFailure?.(error);
  } finally {
    clearTimeout(timer);
  }
  return EXIT.failed;
}

function describe(reason: unknown): string {
  return reason instanceof Error ? reason.message : String(reason ?? 'stopped');
}
