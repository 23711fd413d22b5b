import type { ServerResponse } from 'node:http';
import { afterEach, describe, expect, it } from 'vitest';
import { type JobObject, LocalLite, LocalLiteError } from '../../src/sdk/index.ts';
import { formatComment, formatEvent } from '../../src/wire/sse.ts';
import { answer, refuse, type Script, scriptedServer } from './sdk-server.ts';

type Server = Awaited<ReturnType<typeof scriptedServer>>;
const servers: Server[] = [];

async function start(script: Script): Promise<Server> {
  const server = await scriptedServer(script);
  servers.push(server);
  return server;
}

afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.close()));
});

function job(state: JobObject['state'], bytesDone = 0, extra: Partial<JobObject> = {}): JobObject {
  const progress = {
    phase: 'downloading',
    share: bytesDone / 100,
    file: 'model.onnx',
    bytes_done: bytesDone,
    bytes_total: 100,
    bytes_per_second: 1,
    eta_seconds: 1,
  } as const;
  const times = { created_at: '2030-01-01T00:00:00Z', updated_at: '2030-01-01T00:00:00Z' };
  return { id: 'job_1', object: 'job', kind: 'pull', subject: 'a/b', state, progress, error: null, result: null, ...times, ...extra };
}

function events(response: ServerResponse, jobs: readonly JobObject[]): void {
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  response.write(formatComment('hello'));
  for (const one of jobs) response.write(formatEvent({ event: 'job', data: JSON.stringify(one) }));
}

async function collect(stream: AsyncIterable<JobObject>): Promise<{ states: string[]; error: LocalLiteError | undefined }> {
  const states: string[] = [];
  try {
    for await (const one of stream) states.push(`${one.state} ${one.progress?.bytes_done}`);
    return { states, error: undefined };
  } catch (error) {
    return { states, error: LocalLiteError.from(error) };
  }
}

describe('pull', () => {
  it('reports progress until the model is installed', async () => {
    const server = await start((response, { path }) => {
      if (path.endsWith('/pull')) return answer(response, job('queued'), 202);
      events(response, [job('running', 10), job('running', 60), job('succeeded', 100)]);
    });
    const { states, error } = await collect(new LocalLite({ baseUrl: server.baseUrl }).pull('a/b'));
    expect(error).toBeUndefined();
    expect(states).toEqual(['running 10', 'running 60', 'succeeded 100']);
    expect(server.seen.map(({ method, path, body }) => [method, path, body])).toEqual([
      ['POST', '/v1/models/pull', { model: 'a/b' }],
      ['GET', '/v1/jobs/job_1/events', undefined],
    ]);
  });

  it('goes on watching after the connection broke, cut in the middle of an event', async () => {
    const server = await start((response, { path }, index) => {
      if (path.endsWith('/pull')) return answer(response, job('queued'));
      if (index > 1) return events(response, [job('running', 70), job('succeeded', 100)]);
      events(response, [job('running', 10)]);
      response.write('data: {"id": "job_1", "sta', () => response.destroy());
    });
    const { states, error } = await collect(new LocalLite({ baseUrl: server.baseUrl }).pull('a/b'));
    expect(error).toBeUndefined();
    expect(states).toEqual(['running 10', 'running 70', 'succeeded 100']);
  });

  it('starts again when a restarted gateway has forgotten the job', async () => {
    let pulls = 0;
    const server = await start((response, { path }) => {
      if (path.endsWith('/pull')) return answer(response, job('queued', 0, { id: `job_${++pulls}` }));
      if (path.includes('job_1')) return refuse(response, 404, 'job_not_found');
      events(response, [job('succeeded', 100)]);
    });
    const { states, error } = await collect(new LocalLite({ baseUrl: server.baseUrl }).pull('a/b'));
    expect([states, error, pulls]).toEqual([['succeeded 100'], undefined, 2]);
  });

  it('throws what the job failed with', async () => {
    const failed = job('failed', 10, { error: { code: 'disk_full', message: 'no space' } });
    const server = await start((response, { path }) =>
      path.endsWith('/pull') ? answer(response, job('queued')) : events(response, [failed]),
    );
    const { states, error } = await collect(new LocalLite({ baseUrl: server.baseUrl }).pull('a/b'));
    expect([states, error?.code, error?.message]).toEqual([['failed 10'], 'disk_full', 'no space']);
  });

  it('says that it was cancelled', async () => {
    const server = await start((response, { path }) =>
      path.endsWith('/pull') ? answer(response, job('queued')) : events(response, [job('cancelled')]),
    );
    expect((await collect(new LocalLite({ baseUrl: server.baseUrl }).pull('a/b'))).error?.code).toBe('cancelled');
  });

  it('ends with the signal, also in the middle of a quiet stream', async () => {
    const abort = new AbortController();
    const server = await start((response, { path }) => {
      if (path.endsWith('/pull')) return answer(response, job('queued'));
      events(response, [job('running', 10)]);
      setTimeout(() => abort.abort(), 20);
    });
    const { states, error } = await collect(new LocalLite({ baseUrl: server.baseUrl }).pull('a/b', { signal: abort.signal }));
    expect([states, error?.code]).toEqual([['running 10'], 'cancelled']);
  });

  it('closes the connection when the loop is left', async () => {
    let closed: () => void = () => undefined;
    const closing = new Promise<void>((resolve) => {
      closed = resolve;
    });
    const server = await start((response, { path }) => {
      if (path.endsWith('/pull')) return answer(response, job('queued'));
      response.on('close', closed);
      events(response, [job('running', 10)]);
    });
    for await (const one of new LocalLite({ baseUrl: server.baseUrl }).pull('a/b')) {
      expect(one.state).toBe('running');
      break;
    }
    await closing;
  });

  it('hands a refusal over at once', async () => {
    const server = await start((response) => refuse(response, 404, 'model_not_found'));
    expect((await collect(new LocalLite({ baseUrl: server.baseUrl }).pull('a/b'))).error?.code).toBe('model_not_found');
    expect(server.seen).toHaveLength(1);
  });
});
