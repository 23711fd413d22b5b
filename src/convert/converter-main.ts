import { Socket } from 'node:net';
import { constants, setPriority } from 'node:os';
import { createInterface } from 'node:readline';
import { LocalLiteError } from '../errors.ts';
import { convertModel } from './convert.ts';
import type { ConvertRequest } from './convert-types.ts';
import type { ConverterMessage } from './converter-messages.ts';

/**
 * The child process that makes one graph. One line of JSON comes in on standard input (a {@link ConvertRequest}); lines of JSON go out on
 * descriptor 3 ({@link ConverterMessage}), a report or a failure the last. It ends when its parent does.
 */
function main(): void {
  const out = new Socket({ fd: 3, readable: false, writable: true });
  out.on('error', () => process.exit(1));
  // What it writes is for the owner alone, as everything in HOME.
  process.umask(0o077);
  yieldToOthers();
  // The terminal sends Ctrl-C to the whole process group; the parent decides when this one ends.
  process.on('SIGINT', () => {});
  const lines = createInterface({ input: process.stdin });
  lines.once('line', (line) => void run(JSON.parse(line) as ConvertRequest, out));
  lines.once('close', () => process.exit(1));
}

async function run(request: ConvertRequest, out: Socket): Promise<void> {
  const send = (message: ConverterMessage): void => void out.write(`${JSON.stringify(message)}\n`);
  try {
    const signal = new AbortController().signal;
    send({ report: await convertModel(request, { signal, onProgress: (progress) => send({ progress }) }) });
  } catch (error) {
    const { code, message } = LocalLiteError.from(error);
    send({ failure: { code, message } });
  }
  out.end(() => process.exit(0));
}

/** Requests that are being served go first. */
function yieldToOthers(): void {
  try {
    setPriority(constants.priority.PRIORITY_BELOW_NORMAL);
  } catch {
    // not allowed everywhere, and not needed
  }
}

main();
