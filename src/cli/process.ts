import { processEnvironment } from '../config/environment.ts';
import { EXIT_CODES } from './exit-codes.ts';
import type { Io } from './io.ts';
import { BROKEN_PIPE, runCommandLine } from './run.ts';

/** Time after which a command that is done ends even if something still holds the process. */
const STRAY_HANDLE_MS = 5_000;
const DEFAULT_WIDTH = 100;

/** Runs a command line with this process's streams, environment and signals, and sets its exit code. */
export async function runInProcess(argv: readonly string[]): Promise<void> {
  const abort = new AbortController();
  for (const stream of [process.stdout, process.stderr]) stream.on('error', (error) => onStreamError(error, abort));
  const signals = watchSignals(abort);
  process.exitCode = await runCommandLine(argv, processIo(abort.signal), signals);
  signals.unwatch();
  process.stdin.destroy();
  setTimeout(() => process.exit(), STRAY_HANDLE_MS).unref();
}

function onStreamError(error: Error, abort: AbortController): void {
  // EOF is what Windows reports for a pipe whose reader has left.
  if ('code' in error && (error.code === 'EPIPE' || error.code === 'EOF')) abort.abort(BROKEN_PIPE);
  else throw error;
}

/** The first signal lets the command clean up, the second ends the process at once. */
function watchSignals(abort: AbortController) {
  const names = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  const onSignal = (): void => {
    if (abort.signal.aborted) process.exit(EXIT_CODES.interrupted.code);
    abort.abort();
  };
  return {
    watch: (): void => {
      for (const name of names) process.on(name, onSignal);
    },
    unwatch: (): void => {
      for (const name of names) process.off(name, onSignal);
    },
  };
}

function processIo(signal: AbortSignal): Io {
  return {
    input: process.stdin,
    out: process.stdout,
    err: process.stderr,
    terminal: { input: process.stdin.isTTY ?? false, out: process.stdout.isTTY ?? false, err: process.stderr.isTTY ?? false },
    // A terminal that does not know its width says 0.
    width: process.stdout.columns || DEFAULT_WIDTH,
    env: processEnvironment(),
    folder: process.cwd(),
    signal,
  };
}
