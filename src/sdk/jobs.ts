import { type ErrorCode, LocalLiteError } from '../errors.ts';
import type { JobList, JobObject } from '../wire/jobs.ts';
import { parseEvents } from '../wire/sse.ts';
import { isErrorCode } from './api-error.ts';
import { readChunks } from './event-stream.ts';
import { retryDelayMs, wait } from './retry.ts';
import type { CallOptions, Transport } from './transport.ts';

/** Longest silence of an event stream before it is opened anew. */
const IDLE_MS = 60_000;
/** Tries in a row, without an event between them, before a watch gives up. */
const RECONNECTIONS = 6;

const ENDED: ReadonlySet<JobObject['state']> = new Set(['succeeded', 'failed', 'cancelled']);

/** Long work on the gateway: pulls and conversions of models. */
export class Jobs {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** Jobs of this run of the gateway, newest first. */
  async list(options: CallOptions = {}): Promise<readonly JobObject[]> {
    const answer = await this.#transport.json<JobList>({ ...options, method: 'GET', path: '/v1/jobs' });
    return answer.data;
  }

  /** @throws LocalLiteError job_not_found */
  retrieve(id: string, options: CallOptions = {}): Promise<JobObject> {
    return this.#transport.json({ ...options, method: 'GET', path: pathOf(id) });
  }

  /** Stops it for good; what was downloaded stays for the next try. */
  cancel(id: string, options: CallOptions = {}): Promise<JobObject> {
    return this.#transport.json({ ...options, method: 'POST', path: pathOf(id, '/cancel'), repeatable: true });
  }

  /** Stops it until {@link Jobs.resume}. */
  pause(id: string, options: CallOptions = {}): Promise<JobObject> {
    return this.#transport.json({ ...options, method: 'POST', path: pathOf(id, '/pause'), repeatable: true });
  }

  /** Goes on with a paused job where it stopped. */
  resume(id: string, options: CallOptions = {}): Promise<JobObject> {
    return this.#transport.json({ ...options, method: 'POST', path: pathOf(id, '/resume'), repeatable: true });
  }

  /**
   * Every change of a job, from its present state to the one it ends in (`succeeded`, `failed`, `cancelled`). A broken connection is
   * opened anew. Leaving the loop stops the watching, not the job.
   * @throws LocalLiteError job_not_found, cancelled (by `signal`), unreachable
   */
  async *watch(id: string, options: CallOptions = {}): AsyncGenerator<JobObject, void, undefined> {
    for (let failures = 0; ; failures++) {
      try {
        for await (const job of this.#events(id, options)) {
          failures = 0;
          yield job;
          if (ENDED.has(job.state)) return;
        }
        if (failures >= RECONNECTIONS) throw new LocalLiteError('unreachable', `the events of job ${id} keep ending before the job does`);
      } catch (error) {
        if (failures >= RECONNECTIONS || !mayReconnect(error)) throw error;
      }
      await wait(retryDelayMs(failures, undefined), options.signal);
      if (options.signal?.aborted)
        throw new LocalLiteError('cancelled', 'the watching was aborted by its signal', { cause: options.signal.reason });
    }
  }

  async *#events(id: string, options: CallOptions): AsyncGenerator<JobObject> {
    const call = { ...options, method: 'GET', path: pathOf(id, '/events'), headers: { accept: 'text/event-stream' }, retries: 0 } as const;
    const body = await this.#transport.stream(call);
    const silence = (): LocalLiteError => new LocalLiteError('timed_out', `no event of job ${id} for ${IDLE_MS} ms`);
    try {
      for await (const event of parseEvents(readChunks(body, IDLE_MS, silence))) {
        const job = parseJob(event.data);
        if (job !== undefined) yield job;
      }
    } catch (cause) {
      if (LocalLiteError.is(cause)) throw cause;
      if (options.signal?.aborted) throw new LocalLiteError('cancelled', 'the watching was aborted by its signal', { cause });
      throw new LocalLiteError('unreachable', `the connection to ${this.#transport.baseUrl} broke off`, { cause });
    }
  }
}

/** What went wrong with a job that did not succeed. */
export function errorOfJob(job: JobObject): LocalLiteError {
  if (job.state === 'cancelled') return new LocalLiteError('cancelled', `the ${job.kind} of ${job.subject} was cancelled`);
  const code: ErrorCode = isErrorCode(job.error?.code) ? job.error.code : 'internal';
  return new LocalLiteError(code, job.error?.message ?? `the ${job.kind} of ${job.subject} failed`);
}

function pathOf(id: string, action: '' | '/events' | '/cancel' | '/pause' | '/resume' = ''): string {
  return `/v1/jobs/${encodeURIComponent(id)}${action}`;
}

/** Undefined for events that are not about the job, e.g. of a later version. */
function parseJob(data: string): JobObject | undefined {
  const value: unknown = JSON.parse(data);
  return typeof value === 'object' && value !== null && 'state' in value && 'id' in value ? (value as JobObject) : undefined;
}

function mayReconnect(error: unknown): boolean {
  if (!LocalLiteError.is(error)) return false;
  return error.code === 'unreachable' || error.code === 'timed_out' || error.status === 429 || error.status === 503;
}
