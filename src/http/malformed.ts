import type { Duplex } from 'node:stream';
import { LocalLiteError } from '../errors.ts';
import { openAiError } from '../wire/openai-error.ts';

/**
 * Answers a request that the parser refused (too slow, too large, not HTTP) in OpenAI's error shape and closes the connection.
 * There may be no response object yet, so the answer is written by hand. `busy`: an earlier request on this connection is still being
 * answered, so that this answer would be taken for that one's.
 */
export function answerMalformed(error: Error & { readonly code?: string }, socket: Duplex, busy: boolean, maxHeaderBytes: number): void {
  if (busy || !socket.writable || error.code === 'ECONNRESET') {
    socket.destroy();
    return;
  }
  const { status, problem } = describe(error.code, maxHeaderBytes);
  const text = JSON.stringify(openAiError(problem, '').body);
  const head = [`HTTP/1.1 ${status}`, 'connection: close', 'content-type: application/json', `content-length: ${Buffer.byteLength(text)}`];
  socket.end(`${head.join('\r\n')}\r\n\r\n${text}`, () => socket.destroy());
}

function describe(code: string | undefined, maxHeaderBytes: number): { status: string; problem: LocalLiteError } {
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') {
    const problem = new LocalLiteError(
      'request_timeout',
      'the request did not arrive in time (limits.header_timeout, limits.body_timeout)',
    );
    return { status: '408 Request Timeout', problem };
  }
  if (code === 'HPE_HEADER_OVERFLOW') {
    const problem = new LocalLiteError('invalid_request', `the headers are larger than ${maxHeaderBytes} bytes`);
    return { status: '431 Request Header Fields Too Large', problem };
  }
  return { status: '400 Bad Request', problem: new LocalLiteError('invalid_request', 'this is not valid HTTP/1.1') };
}
