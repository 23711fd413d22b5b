import { createHash } from 'node:crypto';
import { ERROR_TABLE, type ErrorCode, LocalLiteError } from '../../errors.ts';
import type { Job, Jobs } from '../../gateway/gateway-types.ts';
import { type OllamaProgress, ollamaProgressSchema, ollamaPullSchema } from '../../wire/ollama.ts';
import { ollamaErrors, ollamaMessage } from '../../wire/ollama-error.ts';
import { ollamaPullFields } from '../../wire/ollama-fields.ts';
import { defineRoute, json, nothing, type Route, type RouteContext, required } from '../route.ts';
import { nameIn } from './ollama-models.ts';

/** Digits of a digest that Ollama shows. */
const SHOWN_DIGITS = 12;

/** POST /api/pull. */
export const ollamaPullRoute: Route = defineRoute({
  method: 'POST',
  path: '/api/pull',
  scope: 'admin',
  tag: 'Ollama',
  summary: 'Pull a model, as Ollama',
  description: 'Starts a job, or joins the one that already pulls this model. Hanging up does not stop it; cancelling the job does.',
  body: required(ollamaPullSchema, ollamaPullFields),
  query: nothing,
  answers: [
    {
      status: 200,
      description: 'A line of JSON for every change, the last with the status `success` or an `error`; without `stream` the last alone.',
      schema: ollamaProgressSchema,
      contentType: 'application/x-ndjson',
    },
  ],
  errors: ollamaErrors,
  async handle({ body }, context) {
    const job = context.gateway.jobs.startPull(nameIn(body));
    if (body.stream) return { body: { kind: 'lines', lines: (signal) => progressLines(context.gateway.jobs.watch(job.id, signal)) } };
    await ended(context, job.id);
    return json({ status: 'success' });
  },
});

async function* progressLines(changes: ReturnType<Jobs['watch']>): AsyncGenerator<OllamaProgress> {
  for await (const job of changes) {
    const problem = problemOf(job);
    yield problem === undefined ? progressOf(job) : { error: ollamaMessage(problem, '') };
  }
}

/** Waits for the end of a job. @throws LocalLiteError what it failed with */
async function ended({ gateway, signal }: RouteContext, id: string): Promise<void> {
  for await (const job of gateway.jobs.watch(id, signal)) {
    const problem = problemOf(job);
    if (problem !== undefined) throw problem;
  }
  if (signal.aborted) throw new LocalLiteError('cancelled', 'the client hung up before the model was there');
}

function problemOf({ state, error, subject }: Job): LocalLiteError | undefined {
  if (state === 'cancelled') return new LocalLiteError('cancelled', `the pull of ${subject} was cancelled`);
  if (state !== 'failed') return undefined;
  const code = error?.code ?? '';
  return new LocalLiteError(isErrorCode(code) ? code : 'model_fetch_failed', error?.message ?? `the pull of ${subject} failed`);
}

function isErrorCode(code: string): code is ErrorCode {
  return Object.hasOwn(ERROR_TABLE, code);
}

/** A job in the words of Ollama, which names what it downloads by a digest; ours is of the reference. */
function progressOf({ state, progress, subject }: Job): OllamaProgress {
  if (state === 'succeeded') return { status: 'success' };
  if (state === 'paused') return { status: 'paused' };
  if (progress === undefined || 'done' in progress) return { status: 'pulling manifest' };
  switch (progress.phase) {
    case 'downloading': {
      const digest = createHash('sha256').update(subject).digest('hex');
      const total = progress.bytesTotal === undefined ? {} : { total: progress.bytesTotal };
      return { status: `pulling ${digest.slice(0, SHOWN_DIGITS)}`, digest: `sha256:${digest}`, ...total, completed: progress.bytesDone };
    }
    case 'verifying':
      return { status: 'verifying sha256 digest' };
    case 'installing':
      return { status: 'writing manifest' };
    case 'resolving':
      return { status: 'pulling manifest' };
    default:
      return progress satisfies never;
  }
}
