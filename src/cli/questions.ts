import { createInterface } from 'node:readline';
import type { Writable } from 'node:stream';
import { LocalLiteError } from '../errors.ts';
import type { Io } from './io.ts';

/**
 * Lines that somebody types, or that a pipe holds, one at a time. Ends with the input; on a terminal also with a blank line.
 * @throws LocalLiteError cancelled on Ctrl-C, which a terminal hands to the line editor instead of the process
 */
export async function* questions(io: Io, prompt: string): AsyncGenerator<string> {
  const isTerminal = io.terminal.input && io.terminal.err;
  const editor = createInterface({
    input: io.input,
    // Whatever is typed is echoed beside the results, not among them.
    ...(isTerminal && { output: io.err as Writable }),
    terminal: isTerminal,
    prompt,
  });
  let isInterrupted = false;
  const stop = (): void => {
    isInterrupted = true;
    editor.close();
  };
  editor.on('SIGINT', stop);
  io.signal.addEventListener('abort', stop, { once: true });
  try {
    if (io.signal.aborted) stop();
    else if (isTerminal) editor.prompt();
    for await (const line of editor) {
      const question = line.trim();
      if (question === '' && isTerminal) return;
      if (question !== '') yield question;
      if (isInterrupted) break;
      if (isTerminal) editor.prompt();
    }
  } finally {
    io.signal.removeEventListener('abort', stop);
    editor.close();
  }
  if (isInterrupted) throw new LocalLiteError('cancelled', 'interrupted');
}
