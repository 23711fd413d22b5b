import { setImmediate } from 'node:timers/promises';
import { LocalLiteError } from '../errors.ts';
import type { Priority, TaskOptions, TaskResult, Timings } from '../gateway/gateway-types.ts';
import { type Duration, durationSeconds } from '../wire/duration.ts';
import { type Reply, text } from './route.ts';

/** What every inference request says in the same fields. */
interface TaskFields {
  readonly model?: string | undefined;
  readonly truncate?: boolean | undefined;
  readonly keep_alive?: Duration | undefined;
  readonly priority?: Priority | undefined;
}

/** The gateway's words for the fields that every inference request has. */
export function taskOptions(fields: TaskFields, signal: AbortSignal): TaskOptions & { readonly signal: AbortSignal } {
  const keepAlive = fields.keep_alive === undefined ? undefined : durationSeconds(fields.keep_alive);
  return {
    signal,
    ...(fields.model === undefined ? {} : { model: fields.model }),
    ...(fields.truncate === undefined ? {} : { truncate: fields.truncate }),
    ...(fields.priority === undefined ? {} : { priority: fields.priority }),
    ...(keepAlive === undefined ? {} : { keepAlive }),
  };
}

/** What stands under `locallite` in the answer of every task. */
export function taskExtension(result: TaskResult, ignored: readonly string[]) {
  return {
    model: result.model,
    variant: result.variant,
    provider: result.provider,
    truncated_tokens: [...result.truncatedTokens],
    ignored: [...ignored],
    timings: wireTimings(result.timings),
  };
}

function wireTimings({ tokenizeMs, queueMs, inferMs, totalMs }: Timings) {
  return { tokenize_ms: round(tokenizeMs), queue_ms: round(queueMs), infer_ms: round(inferMs), total_ms: round(totalMs) };
}

function round(milliseconds: number): number {
  return Math.round(milliseconds * 1000) / 1000;
}

/** The reply of a task: its body as it comes in slices, headers that say what ran, and what is counted. */
export async function taskReply(slices: Iterable<string>, result: TaskResult, signal: AbortSignal): Promise<Reply> {
  const truncatedTokens = result.truncatedTokens.reduce((sum, tokens) => sum + tokens, 0);
  return text(await joinSlices(slices, signal), 'application/json', {
    headers: {
      'x-locallite-model': result.model,
      'x-locallite-variant': result.variant,
      'x-locallite-provider': result.provider,
      ...(truncatedTokens === 0 ? {} : { 'x-locallite-truncated-tokens': String(truncatedTokens) }),
    },
    report: {
      model: result.model,
      inputs: result.truncatedTokens.length,
      promptTokens: result.promptTokens,
      truncatedTokens,
      timings: result.timings,
    },
  });
}

async function joinSlices(slices: Iterable<string>, signal: AbortSignal): Promise<string> {
  let joined = '';
  for (const slice of slices) {
    // Other requests get a turn between two slices; a lone slice, the common case, waits for nobody.
    if (joined !== '') await setImmediate();
    if (signal.aborted) throw new LocalLiteError('cancelled', 'the client hung up');
    joined += slice;
  }
  return joined;
}

/** The gateway counts inputs from 0; a client that sent a lone text never wrote an array. `single`: it did not. */
export function namedAsSent(error: unknown, single: boolean): unknown {
  if (!LocalLiteError.is(error) || error.param === undefined || !single) return error;
  return new LocalLiteError(error.code, error.message.replaceAll('input[0]', 'input'), {
    param: error.param.replace(/^input\[0\]/, 'input'),
    cause: error,
    ...(error.retryAfterSeconds === undefined ? {} : { retryAfterSeconds: error.retryAfterSeconds }),
  });
}
