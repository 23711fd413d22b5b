import { Transform } from 'node:stream';
import { LocalLiteError } from '../errors.ts';

/** Passes bytes on; fails with request_timeout when none come for so long. */
export function idleGuard(idleMs: number): Transform {
  let timer: NodeJS.Timeout | undefined;
  const wait = (stream: Transform): void => {
    clearTimeout(timer);
    const message = `no byte of the body came for ${idleMs / 1000} s (setting limits.body_timeout)`;
    timer = setTimeout(() => stream.destroy(new LocalLiteError('request_timeout', message)), idleMs);
  };
  const guard = new Transform({
    transform(chunk, _encoding, done) {
      wait(this);
      done(null, chunk);
    },
    flush(done) {
      clearTimeout(timer);
      done();
    },
    destroy(error, done) {
      clearTimeout(timer);
      done(error);
    },
  });
  wait(guard);
  return guard;
}
