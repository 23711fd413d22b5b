import { randomUUID } from 'node:crypto';
import type { NewJob } from '../retrieval/collections.ts';
import type { IngestProgress } from '../retrieval/retrieval-types.ts';
import type { JobRow, State } from '../state/state-types.ts';
import type { Telemetry } from '../telemetry/telemetry.ts';
import type { Job } from './gateway-types.ts';
import type { OwnJobs, Work } from './jobs.ts';

/** Ended jobs of earlier runs that are still listed. */
const REMEMBERED = 100;
/** Progress is written at most this often; a state at once. */
const PROGRESS_MS = 1000;

/** Jobs that are in the database: they go on after the end of the process, under the same id. */
export class DurableJobs {
  readonly #state: State;
  readonly #jobs: OwnJobs;
  readonly #telemetry: Telemetry;
  readonly #workOf: (row: JobRow) => Work | undefined;
  /** Writes that are under way; the database is closed after them. */
  readonly #writes = new Set<Promise<void>>();

  /** @param options.workOf what a stored job does; undefined for a kind that this version does not know */
  constructor(options: {
    readonly state: State;
    readonly jobs: OwnJobs;
    readonly telemetry: Telemetry;
    readonly workOf: (row: JobRow) => Work | undefined;
  }) {
    this.#state = options.state;
    this.#jobs = options.jobs;
    this.#telemetry = options.telemetry;
    this.#workOf = options.workOf;
  }

  /** Takes up what earlier runs left: what waited goes on, what ended is listed. */
  async resume(): Promise<void> {
    const rows = await this.#state.listJobs(10_000);
    const ended = rows.filter(({ state }) => isEnded(state)).slice(0, REMEMBERED);
    const open = rows.filter(({ state }) => !isEnded(state));
    for (const row of [...ended, ...open].toSorted((a, b) => a.createdAt - b.createdAt)) this.#adopt(row);
    if (open.length > 0) this.#telemetry.log.info('jobs_resumed', { jobs: open.length });
  }

  /** In the database with all of its items, then started. */
  async start({ kind, subject, payload, items }: NewJob): Promise<JobRow> {
    const now = Date.now();
    const row: JobRow = {
      id: kind === 'ingest' ? `vsfb_${randomUUID().replaceAll('-', '')}` : `job_${randomUUID().replaceAll('-', '')}`,
      kind,
      subject,
      payload: JSON.stringify(payload),
      state: 'queued',
      progress: undefined,
      error: undefined,
      result: undefined,
      createdAt: now,
      updatedAt: now,
    };
    await this.#state.addJob(row, items);
    this.#adopt(row);
    return row;
  }

  /** Waits until what was reported is in the database. */
  async settled(): Promise<void> {
    await Promise.all(this.#writes);
  }

  #adopt(row: JobRow): void {
    const work = this.#workOf(row);
    if (work === undefined) return;
    let written = 0;
    let state = row.state;
    this.#jobs.adopt({
      job: toJob(row),
      work,
      onChange: (job) => {
        const now = Date.now();
        if (job.state === state && now - written < PROGRESS_MS) return;
        written = now;
        state = job.state;
        this.#write(job, row);
      },
    });
  }

  #write(job: Job, row: JobRow): void {
    const { id, state, progress, error, result } = job;
    const change = {
      state,
      progress: progress === undefined ? undefined : JSON.stringify(progress),
      error,
      result: result === undefined ? undefined : JSON.stringify(result),
      // A failed job can be resumed and needs them then.
      ...((state === 'succeeded' || state === 'cancelled') && { payload: withoutSecrets(row.payload) }),
    };
    const writing = this.#state
      .updateJob(id, change)
      .then(() => (state === 'cancelled' ? this.#cancelItems(id) : undefined))
      .catch((failure: unknown) => this.#telemetry.log.warn('job_not_written', { job: id, reason: String(failure) }))
      .finally(() => this.#writes.delete(writing));
    this.#writes.add(writing);
  }

  /** What still waited will not come, and says so. */
  async #cancelItems(jobId: string): Promise<void> {
    for (;;) {
      const items = await this.#state.jobItems(jobId, { state: 'waiting', limit: 500 });
      for (const { ordinal, documentId } of items) {
        await this.#state.settleItem(jobId, ordinal, { state: 'cancelled' });
        const [document] = documentId === undefined ? [] : await this.#state.documentsById([documentId]);
        if (document?.status === 'in_progress') await this.#state.setDocumentStatus(document.id, 'cancelled');
      }
      if (items.length < 500) return;
    }
  }
}

/** What a job was asked to do, less the password of its documents. */
function withoutSecrets(payload: string): string {
  return JSON.stringify(JSON.parse(payload), (key, value: unknown) => (key === 'password' ? undefined : value));
}

function isEnded(state: JobRow['state']): boolean {
  return state === 'succeeded' || state === 'failed' || state === 'cancelled';
}

function toJob(row: JobRow): Job {
  return {
    id: row.id,
    kind: row.kind as Job['kind'],
    subject: row.subject,
    state: row.state,
    progress: row.progress === undefined ? undefined : (JSON.parse(row.progress) as IngestProgress),
    error: row.error,
    result: row.result === undefined ? undefined : (JSON.parse(row.result) as Record<string, unknown>),
    createdAt: new Date(row.createdAt).toISOString(),
    updatedAt: new Date(row.updatedAt).toISOString(),
  };
}
