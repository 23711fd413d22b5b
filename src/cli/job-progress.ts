import { LocalLiteError } from '../errors.ts';
import type { JobObject, LocalLite } from '../sdk/index.ts';
import { type Io, note, printJson } from './io.ts';
import { progressView, shownJob } from './progress.ts';

/** Who follows a job, and how. */
export interface Follower {
  readonly client: LocalLite;
  readonly io: Io;
  /** Progress as JSON lines on the output instead of for people. */
  readonly json: boolean;
  /** Absent: a bar of its own. */
  readonly view?: JobView;
}

/** Shows a job as the API tells of it. */
export interface JobView {
  show(job: JobObject): void;
  stop(): void;
}

/**
 * Shows how far a job is until it ends. When the command is interrupted, so is the job; what was fetched stays for the next try.
 * @returns the job as it ended
 * @throws LocalLiteError what the job failed with
 */
export async function followJob(changes: AsyncIterable<JobObject>, follower: Follower): Promise<JobObject | undefined> {
  const view = follower.view ?? (follower.json ? undefined : await ownView(follower.io));
  let last: JobObject | undefined;
  try {
    for await (const job of changes) {
      last = job;
      view?.show(job);
      if (follower.json) await printJson(follower.io, job);
    }
    return last;
  } catch (error) {
    if (follower.io.signal.aborted && last !== undefined) await cancel(last, follower);
    throw LocalLiteError.from(error);
  } finally {
    view?.stop();
  }
}

async function ownView(io: Io): Promise<JobView> {
  const view = await progressView(io);
  return { show: (job) => view.show(shownJob(job)), stop: () => view.stop() };
}

async function cancel(job: JobObject, { client, io }: Follower): Promise<void> {
  try {
    await client.jobs.cancel(job.id, { retries: 0, timeoutMs: 5_000 });
  } catch {
    await note(io, `the ${job.kind} of ${job.subject} could not be stopped; it goes on in the gateway`);
  }
}
