import { expect, test } from 'vitest';
import { ERROR_TABLE, type ErrorCode, LocalLiteError } from '../../src/errors.ts';
import { createTelemetry } from '../../src/telemetry/create-telemetry.ts';
import type { LogFields, Logger, Telemetry } from '../../src/telemetry/telemetry.ts';
import { openAiErrorSchema } from '../../src/wire/openai-error.ts';
import { createStubApp, MODEL } from './stub-app.ts';

const BODY = { model: 'mini', input: 'the secret text' };

function failingWith(error: unknown, telemetry?: Telemetry) {
  const embed = async () => {
    throw error;
  };
  return createStubApp({ gateway: { embed }, ...(telemetry === undefined ? {} : { telemetry }) });
}

// Frozen: what clients match on. A change here breaks somebody's program.
const WIRE: Readonly<Record<ErrorCode, readonly [status: number, type: string]>> = {
  invalid_request: [400, 'invalid_request_error'],
  invalid_config: [500, 'server_error'],
  unauthorized: [401, 'authentication_error'],
  forbidden: [403, 'permission_error'],
  not_found: [404, 'invalid_request_error'],
  method_not_allowed: [405, 'invalid_request_error'],
  request_timeout: [408, 'invalid_request_error'],
  payload_too_large: [413, 'invalid_request_error'],
  unsupported_media_type: [415, 'invalid_request_error'],
  rate_limited: [429, 'rate_limit_error'],
  model_not_found: [404, 'invalid_request_error'],
  model_wrong_task: [400, 'invalid_request_error'],
  model_unsupported: [400, 'invalid_request_error'],
  model_load_failed: [503, 'server_error'],
  model_fetch_failed: [502, 'server_error'],
  model_in_use: [409, 'invalid_request_error'],
  insufficient_memory: [507, 'server_error'],
  store_corrupt: [500, 'server_error'],
  disk_full: [507, 'server_error'],
  offline: [403, 'permission_error'],
  job_not_found: [404, 'invalid_request_error'],
  conflict: [409, 'invalid_request_error'],
  input_too_long: [400, 'invalid_request_error'],
  index_mismatch: [409, 'invalid_request_error'],
  document_unreadable: [422, 'invalid_request_error'],
  document_encrypted: [422, 'invalid_request_error'],
  document_too_large: [413, 'invalid_request_error'],
  document_unsupported: [415, 'invalid_request_error'],
  overloaded: [429, 'rate_limit_error'],
  cancelled: [499, 'invalid_request_error'],
  timed_out: [504, 'server_error'],
  provider_unavailable: [503, 'server_error'],
  inference_failed: [500, 'server_error'],
  worker_crashed: [503, 'server_error'],
  shutting_down: [503, 'server_error'],
  unreachable: [502, 'server_error'],
  internal: [500, 'server_error'],
};

test('every code is pinned here', () => {
  for (const code of Object.keys(ERROR_TABLE)) expect(Object.keys(WIRE)).toContain(code);
});

test.each(Object.entries(WIRE).filter(([code]) => code !== 'internal'))('%s on the wire', async (code, [status, type]) => {
  const known = Object.keys(ERROR_TABLE).find((candidate): candidate is ErrorCode => candidate === code);
  if (known === undefined) throw new LocalLiteError('internal', `${code} is not in the table`);
  const answer = await failingWith(new LocalLiteError(known, 'what was wrong', { param: 'model' })).call('POST', '/v1/embeddings', BODY);
  expect(answer.status).toBe(status);
  expect(await answer.json()).toEqual({ error: { message: 'what was wrong', type, param: 'model', code } });
  expect(answer.headers.get('retry-after')).toBe(status === 429 || status === 503 ? '1' : null);
});

test('Retry-After is whole seconds, rounded up', async () => {
  const error = new LocalLiteError('overloaded', 'the queue is full', { retryAfterSeconds: 2.1 });
  const answer = await failingWith(error).call('POST', '/v1/embeddings', BODY);
  expect(answer.headers.get('retry-after')).toBe('3');
});

test('an error without a field has param null', async () => {
  const answer = await failingWith(new LocalLiteError('overloaded', 'full')).call('POST', '/v1/embeddings', BODY);
  expect(openAiErrorSchema.parse(await answer.json()).error.param).toBeNull();
});

test.each([
  ['an exception', new TypeError('cannot read the secret text of undefined')],
  ['our own mistake', new LocalLiteError('internal', 'the secret text at /home/someone')],
  ['something that is no error', 'the secret text'],
])('%s tells the request id and nothing else', async (_name, thrown) => {
  const lines: string[] = [];
  const answer = await failingWith(thrown, recordingTelemetry(lines)).call('POST', '/v1/embeddings', BODY, {
    headers: { 'x-request-id': 'req-7' },
  });
  expect(answer.status).toBe(500);
  expect(await answer.json()).toEqual({
    error: {
      message: 'LocalLite made a mistake; the log tells more under request id req-7',
      type: 'server_error',
      param: null,
      code: 'internal',
    },
  });
  expect(lines.some((line) => line.includes('request_failed') && line.includes('req-7'))).toBe(true);
  expect(lines.join('\n')).not.toContain('secret');
});

test('one log line and one count a request, without the text, the key or a made-up model', async () => {
  const lines: string[] = [];
  const telemetry = recordingTelemetry(lines);
  const app = createStubApp({ telemetry });
  await app.call('POST', '/v1/embeddings', BODY, { headers: { authorization: 'Bearer hidden-key' } });
  await app.call('GET', '/v1/nothing/made-up');
  await app.call('GET', '/healthz');
  expect(lines.map((line) => JSON.parse(line))).toEqual([
    {
      level: 'info',
      event: 'request',
      request_id: expect.any(String),
      method: 'POST',
      route: '/v1/embeddings',
      status: 200,
      ms: expect.any(Number),
      model: MODEL,
      inputs: 1,
      tokens: 3,
    },
    {
      level: 'info',
      event: 'request',
      request_id: expect.any(String),
      method: 'GET',
      route: 'unmatched',
      status: 404,
      ms: expect.any(Number),
      error: 'not_found',
    },
    {
      level: 'debug',
      event: 'request',
      request_id: expect.any(String),
      method: 'GET',
      route: '/healthz',
      status: 200,
      ms: expect.any(Number),
    },
  ]);
  const rendered = await telemetry.render();
  expect(rendered).toContain('locallite_http_requests_total{route="/v1/embeddings",method="POST",status="200"} 1');
  expect(rendered).toContain('locallite_http_requests_total{route="unmatched",method="GET",status="404"} 1');
  expect(rendered).toContain(`locallite_tokens_total{model="${MODEL}"} 3`);
  expect(rendered).toContain(`locallite_stage_seconds_count{stage="infer",model="${MODEL}"} 1`);
  expect(rendered).not.toContain('made-up');
});

function recordingTelemetry(lines: string[]): Telemetry {
  const write = (level: string) => (event: string, fields?: LogFields) => void lines.push(JSON.stringify({ level, event, ...fields }));
  const log: Logger = { debug: write('debug'), info: write('info'), warn: write('warn'), error: write('error'), child: () => log };
  return { ...createTelemetry({ level: 'silent', format: 'json' }), log };
}
