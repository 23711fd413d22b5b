import { LocalLiteError } from '../../errors.ts';

/**
 * Why a source did not deliver:
 * `unreachable` no connection; `denied` 401 or 403; `missing` 404; `refused` any other answer; `cut` the transfer broke or stalled;
 * `changed` the file is another one than before; `corrupt` the content is not what was promised; `unsafe` it holds what must not be installed;
 * `offline` the network may not be used.
 */
export type FailureKind = 'unreachable' | 'denied' | 'missing' | 'refused' | 'cut' | 'changed' | 'corrupt' | 'unsafe' | 'offline';

/** A refusal of one source. The pull collects them, tries the next source and names them all if none delivers. */
export class SourceFailure extends LocalLiteError {
  readonly kind: FailureKind;
  /** True where the same request may succeed a moment later. */
  readonly transient: boolean;

  constructor(kind: FailureKind, message: string, details: { transient?: boolean; retryAfterSeconds?: number; cause?: unknown } = {}) {
    const { transient = false, ...rest } = details;
    super(kind === 'offline' ? 'offline' : 'model_fetch_failed', message, rest);
    this.kind = kind;
    this.transient = transient;
  }

  /** True for a refusal of a source, not for a fault of this machine (disk full) or a caller who left. */
  static isFailure(value: unknown): value is SourceFailure {
    return value instanceof SourceFailure;
  }
}
