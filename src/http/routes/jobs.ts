import { LocalLiteError } from '../../errors.ts';
import type { Gateway, Job } from '../../gateway/gateway-types.ts';
import { type JobObject, jobListSchema, jobSchema } from '../../wire/jobs.ts';
import { modelConvertFields, modelConvertSchema, modelPullFields, modelPullSchema } from '../../wire/models.ts';
import type { ServerSentEvent } from '../../wire/sse.ts';
import { defineRoute, json, noFields, nothing, optional, type Reply, type Route, required } from '../route.ts';

const tag = 'Jobs';
const jobAnswer = { status: 200, description: 'The job as it is now.', schema: jobSchema };
const eventsAnswer = {
  status: 200,
  description: 'A `job` event for every change of state or progress; the stream ends when the job does.',
  schema: jobSchema,
  contentType: 'text/event-stream',
};

const pullModel = defineRoute({
  method: 'POST',
  path: '/v1/models/pull',
  scope: 'admin',
  tag: 'Models',
  summary: 'Pull a model',
  description: 'Starts a job, or joins the one that already pulls this model. Hanging up does not stop it; cancelling the job does.',
  body: required(modelPullSchema, modelPullFields),
  query: nothing,
  answers: [{ status: 202, description: 'The job; `Location` is where to ask for it.', schema: jobSchema }, eventsAnswer],
  handle({ body }, { gateway }) {
    const job = gateway.jobs.startPull(body.model);
    if (body.stream) return watch(gateway, job.id);
    return json(toJobObject(job), { status: 202, headers: { location: `/v1/jobs/${encodeURIComponent(job.id)}` } });
  },
});

const listJobs = defineRoute({
  method: 'GET',
  path: '/v1/jobs',
  scope: 'admin',
  tag,
  summary: 'All jobs of this run, newest first',
  body: nothing,
  query: nothing,
  answers: [{ status: 200, description: 'The jobs.', schema: jobListSchema }],
  handle(_call, { gateway }) {
    const jobs = [...gateway.jobs.list()].sort((a, b) => b.createdAt.localeCompare(a.createdAt));
    return json({ object: 'list', data: jobs.map(toJobObject) });
  },
});

const showJob = defineRoute({
  method: 'GET',
  path: '/v1/jobs/{id}',
  scope: 'admin',
  tag,
  summary: 'One job',
  body: nothing,
  query: nothing,
  answers: [jobAnswer],
  handle: ({ id }, { gateway }) => json(toJobObject(findJob(gateway, id))),
});

const watchJob = defineRoute({
  method: 'GET',
  path: '/v1/jobs/{id}/events',
  scope: 'admin',
  tag,
  summary: 'Watch a job',
  body: nothing,
  query: nothing,
  answers: [eventsAnswer],
  handle: ({ id }, { gateway }) => watch(gateway, findJob(gateway, id).id),
});

/** A change of a job's state that a client may ask for. */
function transition(action: 'cancel' | 'pause' | 'resume', summary: string): Route {
  return defineRoute({
    method: 'POST',
    path: `/v1/jobs/{id}/${action}`,
    scope: 'admin',
    tag,
    summary,
    body: noFields,
    query: nothing,
    answers: [jobAnswer],
    handle: ({ id }, { gateway }) => json(toJobObject(gateway.jobs[action](findJob(gateway, id).id))),
  });
}

const convertModel = defineRoute({
  method: 'POST',
  path: '/v1/models/{id}/convert',
  scope: 'admin',
  tag: 'Models',
  summary: "Make a variant of a model's published weights",
  description:
    'Starts a job, or joins the one that already makes it. Weights that are not installed are pulled first. `auto` makes what the settings and measurements choose, and is what the first use of a model does by itself. Hanging up does not stop it; cancelling the job does.',
  body: optional(modelConvertSchema, modelConvertFields),
  query: nothing,
  answers: [{ status: 202, description: 'The job; `Location` is where to ask for it.', schema: jobSchema }, eventsAnswer],
  handle({ id, body }, { gateway }) {
    const { precision, target, pin, stream } = body;
    const job = gateway.jobs.startConvert({ reference: id, precision, target, pin });
    if (stream) return watch(gateway, job.id);
    return json(toJobObject(job), { status: 202, headers: { location: `/v1/jobs/${encodeURIComponent(job.id)}` } });
  },
});

/** Pulls, conversions and the jobs that they are. */
export const jobRoutes: readonly Route[] = [
  pullModel,
  convertModel,
  listJobs,
  showJob,
  watchJob,
  transition('cancel', 'Cancel a job'),
  transition('pause', 'Pause a job'),
  transition('resume', 'Resume a paused job'),
];

/** @throws LocalLiteError job_not_found */
export function findJob(gateway: Gateway, id: string): Job {
  const job = gateway.jobs.get(id);
  if (job === undefined) throw new LocalLiteError('job_not_found', 'there is no such job; GET /v1/jobs lists them', { param: 'id' });
  return job;
}

function watch(gateway: Gateway, id: string): Reply {
  return { body: { kind: 'events', events: (signal) => jobEvents(gateway.jobs.watch(id, signal)) } };
}

async function* jobEvents(changes: AsyncIterable<Job>): AsyncGenerator<ServerSentEvent> {
  for await (const job of changes) yield { event: 'job', data: JSON.stringify(toJobObject(job)) };
}

/** A job as it is answered. */
export function toJobObject(job: Job): JobObject {
  return {
    id: job.id,
    object: 'job',
    kind: job.kind,
    subject: job.subject,
    state: job.state,
    progress: toProgress(job),
    error: job.error === undefined ? null : { code: job.error.code, message: job.error.message },
    result: job.result ?? null,
    created_at: job.createdAt,
    updated_at: job.updatedAt,
  };
}

function toProgress({ progress }: Job): JobObject['progress'] {
  if (progress === undefined) return null;
  if ('total' in progress) {
    const { phase, total, done, unchanged, failed, chunks, current } = progress;
    const settled = done + unchanged + failed;
    const bytes = { file: null, bytes_done: 0, bytes_total: null, bytes_per_second: 0, eta_seconds: null };
    const documents = { total, done, unchanged, failed, chunks, current: [...current] };
    return { phase, share: total === 0 ? null : settled / total, ...bytes, documents };
  }
  if ('done' in progress) {
    const bytes = { file: null, bytes_done: 0, bytes_total: null, bytes_per_second: 0, eta_seconds: null };
    return { phase: progress.phase, share: progress.done, ...bytes };
  }
  return {
    phase: progress.phase,
    share: progress.bytesTotal ? Math.min(1, progress.bytesDone / progress.bytesTotal) : null,
    file: progress.file ?? null,
    bytes_done: progress.bytesDone,
    bytes_total: progress.bytesTotal ?? null,
    bytes_per_second: progress.bytesPerSecond,
    eta_seconds: progress.etaSeconds ?? null,
  };
}
