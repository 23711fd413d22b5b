import { CommanderError } from 'commander';
import { LocalLiteError } from '../errors.ts';
import type { CommandDefinition } from './command.ts';
import { COMMANDS } from './command-table.ts';
import { EXIT_CODES, exitCodeOf } from './exit-codes.ts';
import { type Io, styled } from './io.ts';
import { buildProgram } from './program.ts';

/** Why `io.signal` aborts when whoever read the output has left, e.g. `head`: not a failure. */
export const BROKEN_PIPE: unique symbol = Symbol('broken pipe');

/** How the caller stops the command; serve is told nothing, because it stops itself. */
export interface Signals {
  /** Called once the command is known; from then on signals may abort `io.signal`. */
  watch(): void;
}

const VALUE_OPTIONS = new Set(['--home', '--config', '--url']);

/**
 * Runs one command line, without `node` and the script's name.
 * @returns the exit code; never throws, what goes wrong is printed on `io.err`
 */
export async function runCommandLine(argv: readonly string[], io: Io, signals: Signals = { watch: () => undefined }): Promise<number> {
  const words = argv[0] === 'help' && argv[1] !== undefined ? [argv[1], '--help', ...argv.slice(2)] : argv;
  const name = commandName(words);
  let exit = EXIT_CODES.ok.code;
  try {
    const definition = await COMMANDS.find((entry) => entry.name === name)?.load();
    if (!definition?.ownsSignals) signals.watch();
    const chosen = new Map<string, CommandDefinition<never>>(definition && name !== undefined ? [[name, definition]] : []);
    const program = buildProgram(io, chosen, async (called, invocation) => {
      const code = await called.run?.(invocation);
      if (typeof code === 'number') exit = code;
    });
    if (words.length === 0) program.help({ error: true });
    await program.parseAsync(words, { from: 'user' });
    // A signal that came when the work was nearly done stops the command all the same.
    if (io.signal.aborted && io.signal.reason !== BROKEN_PIPE) return report(interrupted(), words.includes('--json'), io);
    return exit;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT_CODES.ok.code : EXIT_CODES.usage.code;
    if (io.signal.aborted && io.signal.reason === BROKEN_PIPE) return EXIT_CODES.ok.code;
    return report(io.signal.aborted ? interrupted() : LocalLiteError.from(error), words.includes('--json'), io);
  }
}

/** The first word that is neither an option nor the value of one. */
function commandName(words: readonly string[]): string | undefined {
  return words.find((word, index) => !word.startsWith('-') && !VALUE_OPTIONS.has(words[index - 1] ?? ''));
}

function interrupted(): LocalLiteError {
  return new LocalLiteError('cancelled', 'interrupted');
}

function report(error: LocalLiteError, json: boolean, io: Io): number {
  const { code, param, requestId } = error;
  const message = inCommandWords(error.message);
  const text = json ? JSON.stringify({ error: { code, message, param, request_id: requestId } }) : plainReport(error, io);
  if (!io.err.destroyed) io.err.write(`${text}\n`);
  return exitCodeOf(error);
}

function plainReport(error: LocalLiteError, io: Io): string {
  const mistake = error.code === 'internal' && error.status === undefined && error.cause instanceof Error;
  const trace = mistake && io.env['DEBUG'] ? `\n${(error.cause as Error).stack}` : '';
  const id = error.code === 'internal' && error.requestId !== undefined ? ` (request ${error.requestId})` : '';
  return `${styled(io, 'red', 'locallite:', 'err')} ${inCommandWords(error.message)}${id}${trace}`;
}

/** What is advised to programs, and how it is said on a command line. */
const COMMAND_WORDS: readonly (readonly [advice: string, command: string])[] = [
  ['GET /v1/vector_stores lists them', '`locallite collections list` shows those that are'],
  ['GET /v1/jobs lists them', '`locallite jobs list` shows those that are'],
  ['or give its address as baseUrl', 'or give its address with --url'],
];

function inCommandWords(message: string): string {
  return COMMAND_WORDS.reduce((text, [advice, command]) => text.replace(advice, command), message);
}
