import { randomUUID } from 'node:crypto';
import { EventEmitter, on } from 'node:events';
import { LocalLiteError } from '../errors.ts';
import { kindName, kindOf } from '../models/made.ts';
import { formatReference, parseReference } from '../models/reference.ts';
import type { InstalledModel, ModelStore } from '../models/store-types.ts';
import type { Telemetry } from '../telemetry/telemetry.ts';
import type { ConversionWatch } from './convert-job.ts';
import type { ConvertOrder, Job, JobState, Jobs } from './gateway-types.ts';

/** Finished jobs that are remembered, so that a client which comes late still learns the outcome. */
const REMEMBERED = 100;

const ENDED: ReadonlySet<JobState> = new Set(['succeeded', 'failed', 'cancelled']);

/** Does the job's work once, from where an earlier attempt stopped. */
type Work = (watch: ConversionWatch) => Promise<InstalledModel>;

interface Running {
  job: Job;
  /** Jobs of the same key are the same job. */
  readonly key: string;
  readonly work: Work;
  /** The work that runs for it now; another one, or none, once it was stopped. */
  attempt: AbortController | undefined;
  /** Settles when the last attempt has let go of its files. */
  end: Promise<void>;
}

/**
 * The jobs of this run of the gateway. A pull that was paused, or cut off by the end of the process, goes on from the bytes in the store
 * when it is resumed or asked for again, and a conversion starts anew, so a job needs no memory of its own.
 */
export function createJobs(options: {
  readonly store: Pick<ModelStore, 'pull'>;
  readonly telemetry: Telemetry;
  readonly convert: (order: ConvertOrder, watch: ConversionWatch) => Promise<InstalledModel>;
  /** What a name that users write (an alias, say) is to the store. */
  readonly referenceOf: (name: string) => string;
}): Jobs & { close(): Promise<void> } {
  const jobs = new Map<string, Running>();
  const changes = new EventEmitter().setMaxListeners(0);

  const update = (running: Running, change: Partial<Job>): Job => {
    running.job = { ...running.job, ...change, updatedAt: new Date().toISOString() };
    changes.emit(running.job.id, running.job);
    return running.job;
  };

  const run = (running: Running): void => {
    const attempt = new AbortController();
    running.attempt = attempt;
    update(running, { state: 'running', error: undefined });
    running.end = running.end.then(() => work(running, attempt));
  };

  /** What becomes of an attempt counts only as long as it is the job's own: a stopped one unwinds in silence. */
  const work = async (running: Running, attempt: AbortController): Promise<void> => {
    const report = (change: Partial<Job>): void => {
      if (running.attempt === attempt) update(running, change);
    };
    try {
      const { card, variant, source, bytes } = await running.work({
        signal: attempt.signal,
        onProgress: (progress) => report({ progress }),
      });
      report({ state: 'succeeded', result: { model: card.id, variant: variant.name, source, bytes } });
    } catch (cause) {
      const { code, message } = LocalLiteError.from(cause);
      if (running.attempt !== attempt) return;
      report({ state: 'failed', error: { code, message } });
      options.telemetry.log.warn('job_failed', { job: running.job.id, subject: running.job.subject, code, reason: message });
    }
  };

  const start = (kind: Job['kind'], subject: string, { key, attempt }: { readonly key: string; readonly attempt: Work }): Job => {
    const same = [...jobs.values()].find((running) => running.key === key && !ENDED.has(running.job.state));
    if (same !== undefined) {
      // Whoever asks for it wants it to go on.
      if (same.job.state === 'paused') run(same);
      return same.job;
    }
    forgetOldest(jobs);
    const running: Running = { job: newJob(kind, subject), key, work: attempt, attempt: undefined, end: Promise.resolve() };
    jobs.set(running.job.id, running);
    run(running);
    return running.job;
  };

  const find = (id: string): Running => {
    const running = jobs.get(id);
    if (running === undefined) throw new LocalLiteError('job_not_found', `there is no job ${id}; GET /v1/jobs lists them`, { param: 'id' });
    return running;
  };

  const stop = (id: string, from: readonly JobState[], state: 'paused' | 'cancelled'): Job => {
    const running = find(id);
    assertState(running.job, from, state);
    const { attempt } = running;
    running.attempt = undefined;
    attempt?.abort();
    return update(running, { state });
  };

  return {
    startPull(name) {
      const reference = options.referenceOf(name);
      return start('pull', reference, {
        key: `pull ${reference}`,
        attempt: ({ signal, onProgress }) => options.store.pull(reference, { signal, onProgress }),
      });
    },
    startConvert(order) {
      const wanted = settledOrder(order, options.referenceOf(order.reference));
      const subject =
        wanted.precision === 'auto' ? wanted.reference : `${wanted.reference}#${kindName({ ...wanted, precision: wanted.precision })}`;
      return start('convert', subject, { key: `convert ${subject} ${order.pin}`, attempt: (watch) => options.convert(wanted, watch) });
    },
    get: (id) => jobs.get(id)?.job,
    list: () => [...jobs.values()].map(({ job }) => job),
    cancel: (id) => stop(id, ['queued', 'running', 'paused'], 'cancelled'),
    pause: (id) => stop(id, ['queued', 'running'], 'paused'),
    resume(id) {
      const running = find(id);
      assertState(running.job, ['paused', 'failed'], 'running');
      run(running);
      return running.job;
    },
    async *watch(id, signal) {
      const first = find(id).job;
      if (ENDED.has(first.state)) {
        yield first;
        return;
      }
      // Listening begins before the first state is handed out, so that nothing is missed while the caller looks at it.
      const events = on(changes, id, signal === undefined ? {} : { signal });
      try {
        yield first;
        for await (const [job] of events as AsyncIterable<[Job]>) {
          yield job;
          if (ENDED.has(job.state)) return;
        }
      } catch (error) {
        if (signal?.aborted !== true) throw error;
      } finally {
        await events.return?.();
      }
    },
    async close() {
      for (const running of jobs.values()) if (!ENDED.has(running.job.state)) stop(running.job.id, [running.job.state], 'cancelled');
      await Promise.all([...jobs.values()].map((running) => running.end));
    },
  };
}

/** The order with what its name says: `name#int8` asks for int8 where nothing else is asked for. */
function settledOrder(order: ConvertOrder, name: string): ConvertOrder {
  const reference = parseReference(name);
  const kind = reference.variant === undefined || order.precision !== 'auto' ? undefined : kindOf(reference.variant);
  return { ...order, ...kind, reference: formatReference({ ...reference, variant: undefined }) };
}

function newJob(kind: Job['kind'], subject: string): Job {
  const now = new Date().toISOString();
  return {
    id: `job_${randomUUID().replaceAll('-', '')}`,
    kind,
    subject,
    state: 'queued',
    progress: undefined,
    error: undefined,
    result: undefined,
    createdAt: now,
    updatedAt: now,
  };
}

function assertState(job: Job, allowed: readonly JobState[], wanted: JobState): void {
  if (allowed.includes(job.state)) return;
  throw new LocalLiteError('conflict', `job ${job.id} is ${job.state}; only one that is ${allowed.join(' or ')} can become ${wanted}`);
}

function forgetOldest(jobs: Map<string, Running>): void {
  const ended = [...jobs.values()].filter(({ job }) => ENDED.has(job.state));
  for (const { job } of ended.slice(0, Math.max(0, ended.length - REMEMBERED + 1))) jobs.delete(job.id);
}
