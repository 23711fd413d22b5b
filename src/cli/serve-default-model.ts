import { LocalLiteError } from '../errors.ts';
import type { Gateway, Job, LoadedModel } from '../gateway/gateway-types.ts';
import { type Io, note } from './io.ts';
import { type ProgressView, progressView } from './progress.ts';

/** What became of the default model. A gateway without it still serves: other models work, and it can be pulled later. */
export interface DefaultModel {
  readonly loaded?: LoadedModel;
  readonly dimensions?: number;
  readonly problem?: LocalLiteError;
}

interface LoadOptions {
  readonly io: Io;
  /** Only log lines: no progress for people. */
  readonly plain: boolean;
  readonly signal: AbortSignal;
}

/** Installs the default model when it is missing, converts it when it has yet to be, says so, and loads it. Never throws: what went wrong is in the result. */
export async function loadDefaultModel(gateway: Gateway, name: string, options: LoadOptions): Promise<DefaultModel> {
  try {
    const known = await gateway.models.show(name).catch(notInstalled);
    if (known?.installed === undefined) await install(gateway, name, options);
    await prepare(gateway, name, options);
    const loaded = await gateway.models.load(name, { signal: options.signal });
    const { card } = await gateway.models.show(name);
    return { loaded, ...(card !== undefined && { dimensions: card.dimensions }) };
  } catch (cause) {
    const problem = LocalLiteError.from(cause);
    if (!options.signal.aborted)
      gateway.telemetry.log.error('default_model_failed', { model: name, code: problem.code, reason: problem.message });
    return { problem };
  }
}

function notInstalled(error: unknown): undefined {
  if (!LocalLiteError.is(error) || error.code !== 'model_not_found') throw error;
  return undefined;
}

async function install(gateway: Gateway, name: string, { io, plain, signal }: LoadOptions): Promise<void> {
  gateway.telemetry.log.info('default_model_missing', { model: name });
  if (!plain) await note(io, `the default model ${name} is not installed yet; installing it once`);
  await watch(gateway, gateway.jobs.startPull(name), { io, plain, signal });
}

/** Without this, loading would wait for the same without a word. A conversion that fails is told by loading, which may have another way. */
async function prepare(gateway: Gateway, name: string, options: LoadOptions): Promise<void> {
  const job = await gateway.models.prepare(name);
  if (job === undefined) return;
  gateway.telemetry.log.info('default_model_conversion', { model: name });
  if (!options.plain) await note(options.io, `the default model ${name} is converted for this machine; this is done once`);
  await watch(gateway, job, options).catch((error: unknown) => {
    if (options.signal.aborted) throw error;
  });
}

async function watch(gateway: Gateway, { id }: Job, { io, plain, signal }: LoadOptions): Promise<void> {
  const view = plain ? undefined : await progressView(io);
  // Ending the job lets go of its files at once; what was fetched stays for the next start.
  const cancel = (): void => void gateway.jobs.cancel(id);
  signal.addEventListener('abort', cancel, { once: true });
  try {
    for await (const job of gateway.jobs.watch(id, signal)) follow(job, view);
  } finally {
    signal.removeEventListener('abort', cancel);
    view?.stop();
  }
}

function follow(job: Job, view: ProgressView | undefined): void {
  const { subject, state, progress } = job;
  const share = progress !== undefined && 'done' in progress ? progress.done : undefined;
  const figures = { bytesDone: 0, bytesTotal: undefined, bytesPerSecond: 0, etaSeconds: undefined, phase: undefined, ...progress, share };
  view?.show({ subject, state, ...figures });
  if (job.state === 'cancelled') throw new LocalLiteError('cancelled', `the ${job.kind} of ${job.subject} was cancelled`);
  if (job.state === 'failed')
    throw new LocalLiteError('model_fetch_failed', job.error?.message ?? `the ${job.kind} of ${job.subject} failed`);
}
