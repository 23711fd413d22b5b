import { randomUUID } from 'node:crypto';
import { EventEmitter, on, setMaxListeners } from 'node:events';
import { LocalLiteError } from '../errors.ts';
import { kindName } from '../models/made.ts';
import type { InstalledModel, ModelStore } from '../models/store-types.ts';
import type { Telemetry } from '../telemetry/telemetry.ts';
import { type ConversionWatch, settledOrder } from './convert-job.ts';
import type { ConvertOrder, Job, JobState, Jobs } from './gateway-types.ts';

/** Finished jobs that are remembered, so that a client which comes late still learns the outcome. */
const REMEMBERED = 100;

const ENDED: ReadonlySet<JobState> = new Set(['succeeded', 'failed', 'cancelled']);

/** How an attempt is stopped, and where it tells how far it is. */
interface Watch {
  readonly signal: AbortSignal;
  readonly onProgress: (progress: Job['progress']) => void;
}

/** Does the job's work once, from where an earlier attempt stopped; gives the job's result. */
export type Work = (watch: Watch) => Promise<Readonly<Record<string, unknown>>>;

/** A job that outlives the process: it is in the database already, and so is every change of it. */
export interface DurableJob {
  /** As it was found; one that is queued is started. */
  readonly job: Job;
  readonly work: Work;
  /** Writes down a change of state or progress; not called for what the end of the gateway does to it. */
  readonly onChange: (job: Job) => void;
}

/** Jobs, and what the rest of the gateway does with them. */
export interface OwnJobs extends Jobs {
  /** Takes a durable job over, and goes on with it if it waits. */
  adopt(durable: DurableJob): Job;
  close(): Promise<void>;
}

interface Running {
  job: Job;
  /** Jobs of the same key are the same job. */
  readonly key: string;
  readonly work: Work;
  readonly onChange: ((job: Job) => void) | undefined;
  /** The work that runs for it now; another one, or none, once it was stopped. */
  attempt: AbortController | undefined;
  /** Settles when the last attempt has let go of its files. */
  end: Promise<void>;
}

/**
 * The jobs of the gateway. A pull that was paused, or cut off by the end of the process, goes on from the bytes in the store
 * when it is resumed or asked for again, and a conversion starts anew, so such a job needs no memory of its own; those that do are {@link OwnJobs.adopt adopted}.
 */
export function createJobs(options: {
  readonly store: Pick<ModelStore, 'pull'>;
  readonly telemetry: Telemetry;
  readonly convert: (order: ConvertOrder, watch: ConversionWatch) => Promise<InstalledModel>;
  /** What a name that users write (an alias, say) is to the store. */
  readonly referenceOf: (name: string) => string;
}): OwnJobs {
  const jobs = new Map<string, Running>();
  const changes = new EventEmitter().setMaxListeners(0);
  let closing = false;

  const update = (running: Running, change: Partial<Job>): Job => {
    running.job = { ...running.job, ...change, updatedAt: new Date().toISOString() };
    if (!closing) running.onChange?.(running.job);
    changes.emit(running.job.id, running.job);
    return running.job;
  };

  const run = (running: Running): void => {
    const attempt = new AbortController();
    // Every document and every batch in work listens to it.
    setMaxListeners(0, attempt.signal);
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
      const result = await running.work({ signal: attempt.signal, onProgress: (progress) => report({ progress }) });
      report({ state: 'succeeded', result });
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
    const running: Running = {
      job: newJob(kind, subject),
      key,
      work: attempt,
      onChange: undefined,
      attempt: undefined,
      end: Promise.resolve(),
    };
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
        attempt: async ({ signal, onProgress }) => resultOf(await options.store.pull(reference, { signal, onProgress })),
      });
    },
    startConvert(order) {
      const wanted = settledOrder(order, options.referenceOf(order.reference));
      const subject =
        wanted.precision === 'auto' ? wanted.reference : `${wanted.reference}#${kindName({ ...wanted, precision: wanted.precision })}`;
      return start('convert', subject, {
        key: `convert ${subject} ${wanted.target} ${order.pin}`,
        attempt: async (watch) => resultOf(await options.convert(wanted, watch)),
      });
    },
    adopt({ job, work, onChange }) {
      forgetOldest(jobs);
      const running: Running = { job, key: job.id, work, onChange, attempt: undefined, end: Promise.resolve() };
      jobs.set(job.id, running);
      if (job.state === 'queued') run(running);
      return running.job;
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
      const hasLeft = (): boolean => signal?.aborted === true;
      if (hasLeft()) return;
      // Listening begins before the first state is handed out, so that nothing is missed while the caller looks at it.
      const events = on(changes, id, signal === undefined ? {} : { signal });
      try {
        yield first;
        for await (const [job] of events as AsyncIterable<[Job]>) {
          yield job;
          if (ENDED.has(job.state)) return;
        }
      } catch (error) {
        if (!hasLeft()) throw error;
      } finally {
        await events.return?.();
      }
    },
    async close() {
      closing = true;
      for (const running of jobs.values()) if (!ENDED.has(running.job.state)) stop(running.job.id, [running.job.state], 'cancelled');
      await Promise.all([...jobs.values()].map((running) => running.end));
    },
  };
}

/** What a pull or a conversion ends in. */
function resultOf({ card, variant, source, bytes }: InstalledModel): Readonly<Record<string, unknown>> {
  return { model: card.id, variant: variant.name, source, bytes };
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
