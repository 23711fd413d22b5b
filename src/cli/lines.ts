import { StringDecoder } from 'node:string_decoder';
import { LocalLiteError } from '../errors.ts';

const LONGEST_LINE = 64 * 2 ** 20;

/**
 * Lines of a byte stream with their numbers from 1, without their ends (LF or CRLF) and without a byte order mark.
 * Memory is bounded by the longest line. @throws LocalLiteError payload_too_large for a line above 64 Mi characters
 */
export async function* readLines(
  stream: AsyncIterable<Buffer | string>,
): AsyncGenerator<{ readonly text: string; readonly number: number }> {
  const decoder = new StringDecoder('utf8');
  let rest = '';
  let number = 0;
  const finished = (line: string) => ({ text: clean(line, number), number: ++number });
  for await (const chunk of stream) {
    const text = typeof chunk === 'string' ? chunk : decoder.write(chunk);
    let start = 0;
    for (let end = text.indexOf('\n'); end !== -1; end = text.indexOf('\n', start)) {
      yield finished(rest + text.slice(start, end));
      rest = '';
      start = end + 1;
    }
    rest += text.slice(start);
    if (rest.length > LONGEST_LINE) throw new LocalLiteError('payload_too_large', `line ${number + 1} is longer than 64 Mi characters`);
  }
  rest += decoder.end();
  if (rest !== '') yield finished(rest);
}

function clean(line: string, linesBefore: number): string {
  const text = linesBefore === 0 && line.startsWith('\uFEFF') ? line.slice(1) : line;
  return text.endsWith('\r') ? text.slice(0, -1) : text;
}
