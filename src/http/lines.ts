import { Readable } from 'node:stream';
import { LocalLiteError } from '../errors.ts';
import { idleGuard } from './idle-guard.ts';

/** Bounds of a body of lines. */
export interface LineLimits {
  readonly maxLineBytes: number;
  /** Time without a single byte. */
  readonly idleMs: number;
}

/**
 * Lines of a body (UTF-8, ended by LF) as they arrive; no more than one is held.
 * @throws LocalLiteError invalid_request (not UTF-8, cut off), payload_too_large (one line), request_timeout, cancelled
 */
export async function* readLines(request: Request, limits: LineLimits, signal: AbortSignal): AsyncGenerator<string> {
  const { body } = request;
  if (body === null) return;
  const source = Readable.fromWeb(body as Parameters<typeof Readable.fromWeb>[0]);
  const guarded = source.compose(idleGuard(limits.idleMs), { signal });
  let parts: Buffer[] = [];
  let size = 0;
  const line = (): string => {
    const bytes = Buffer.concat(parts);
    parts = [];
    size = 0;
    return decode(bytes);
  };
  try {
    for await (const chunk of guarded as AsyncIterable<Buffer>) {
      let from = 0;
      for (let end = chunk.indexOf(10); end !== -1; end = chunk.indexOf(10, from)) {
        parts.push(chunk.subarray(from, end));
        from = end + 1;
        yield line();
      }
      size += chunk.length - from;
      if (size > limits.maxLineBytes) {
        throw new LocalLiteError('payload_too_large', `a line is longer than ${limits.maxLineBytes} bytes (setting limits.upload_bytes)`);
      }
      parts.push(chunk.subarray(from));
    }
    if (size > 0) yield line();
  } catch (error) {
    throw LocalLiteError.from(error, signal.aborted ? 'cancelled' : 'invalid_request');
  }
}

function decode(bytes: Buffer): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new LocalLiteError('invalid_request', 'the body is not valid UTF-8', { cause });
  }
}
