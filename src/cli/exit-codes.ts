import type { ErrorCode, LocalLiteError } from '../errors.ts';

/** How a command ended, by name. */
export type Exit = 'ok' | 'failure' | 'usage' | 'not_found' | 'unreachable' | 'interrupted';

/** Number and meaning of every exit code; the page docs/cli.md shows this table. */
export const EXIT_CODES: Readonly<Record<Exit, { readonly code: number; readonly meaning: string }>> = {
  ok: { code: 0, meaning: 'It worked; `doctor` found nothing that fails.' },
  failure: { code: 1, meaning: 'It was understood and failed.' },
  usage: { code: 2, meaning: 'A wrong argument, option or setting.' },
  not_found: { code: 3, meaning: 'The model, alias, key or setting does not exist or is not installed.' },
  unreachable: { code: 4, meaning: 'The gateway, or every source of a model, cannot be reached; or the offline switch forbids it.' },
  interrupted: { code: 130, meaning: 'Stopped by Ctrl-C or a signal.' },
};

const EXIT_OF_ERROR: Readonly<Partial<Record<ErrorCode, Exit>>> = {
  invalid_request: 'usage',
  invalid_config: 'usage',
  model_wrong_task: 'usage',
  not_found: 'not_found',
  model_not_found: 'not_found',
  job_not_found: 'not_found',
  unreachable: 'unreachable',
  model_fetch_failed: 'unreachable',
  offline: 'unreachable',
  cancelled: 'interrupted',
};

/** The exit code of an error. */
export function exitCodeOf(error: LocalLiteError): number {
  return EXIT_CODES[EXIT_OF_ERROR[error.code] ?? 'failure'].code;
}
