import { randomUUID } from 'node:crypto';
import { EventEmitter, on } from 'node:events';
import { LocalLiteError } from '../errors.ts';
import type { ModelStore, PullProgress } from '../models/store-types.ts';
import type { Telemetry } from '../telemetry/telemetry.ts';
import type { Job, JobState, Jobs } from './gateway-types.ts';

/** Finished jobs that are remembered, so that a client which comes late still learns the outcome. */
const REMEMBERED = 100;

const ENDED: ReadonlySet<JobState> = new Set(['succeeded', 'failed', 'cancelled']);

interface Running {
  job: Job;
  /** The pull that runs for it now; another one, or none, once it was stopped. */
  attempt: AbortController | undefined;
  /** Settles when the last pull has let go of its files. */
  end: Promise<void>;
}

/**
 * The jobs of this run of the gateway. A pull that was paused, or cut off by the end of the process, goes on from the bytes in the store
 * when it is resumed or asked for again, so a job needs no memory of its own.
 */
export function createJobs(options: {
  readonly store: ModelStore;
  readonly telemetry: Telemetry;
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
    running.end = running.end.then(() => pull(running, attempt));
  };

  /** What becomes of an attempt counts only as long as it is the job's own: a stopped one unwinds in silence. */
  const pull = async (running: Running, attempt: AbortController): Promise<void> => {
    const report = (change: Partial<Job>): void => {
      if (running.attempt === attempt) update(running, change);
    };
    try {
      const onProgress = (progress: PullProgress): void => report({ progress });
      const { card, variant, source, bytes } = await options.store.pull(running.job.subject, { signal: attempt.signal, onProgress });
      report({ state: 'succeeded', result: { model: card.id, variant: variant.name, source, bytes } });
    } catch (cause) {
      const { code, message } = LocalLiteError.from(cause);
      if (running.attempt !== attempt) return;
      report({ state: 'failed', error: { code, message } });
      options.telemetry.log.warn('job_failed', { job: running.job.id, subject: running.job.subject, code, reason: message });
    }
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
      const same = [...jobs.values()].find(({ job }) => job.subject === reference && !ENDED.has(job.state));
      if (same !== undefined) {
        // Whoever asks for it wants it to go on.
        if (same.job.state === 'paused') run(same);
        return same.job;
      }
      forgetOldest(jobs);
      const running: Running = { job: newJob(reference), attempt: undefined, end: Promise.resolve() };
      jobs.set(running.job.id, running);
      run(running);
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

function newJob(subject: string): Job {
  const now = new Date().toISOString();
  return {
    id: `job_${randomUUID().replaceAll('-', '')}`,
    kind: 'pull',
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
