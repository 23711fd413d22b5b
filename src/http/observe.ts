import type { Logger, Telemetry } from '../telemetry/telemetry.ts';
import type { Report } from './route.ts';

/** One answered request, as it is counted and logged: never a text, a vector or a key. */
export interface Observation {
  readonly requestId: string;
  readonly method: string;
  /** The route's pattern; a path that no route has is `unmatched`, so that labels stay bounded. */
  readonly route: string;
  readonly status: number;
  readonly seconds: number;
  readonly keyId: string | undefined;
  /** Code of the error that was answered. */
  readonly error: string | undefined;
  readonly report: Report | undefined;
}

// Asked for every few seconds by machines; they would drown everything else.
const QUIET_ROUTES: ReadonlySet<string> = new Set(['/healthz', '/readyz', '/health', '/metrics']);

/** Counts and logs one request. Called once a request, by the route wrapper alone. */
export function observe(telemetry: Telemetry, observation: Observation): void {
  const { route, method, status, seconds, report } = observation;
  telemetry.count('locallite_http_requests_total', 1, { route, method, status: String(status) });
  telemetry.observe('locallite_http_request_seconds', seconds, { route, method });
  if (report !== undefined) observeStages(telemetry, report);
  writeLine(telemetry.log, observation);
}

function observeStages(telemetry: Telemetry, { model, promptTokens, truncatedTokens, timings }: Report): void {
  const labels = { model };
  telemetry.count('locallite_tokens_total', promptTokens, labels);
  if (truncatedTokens > 0) telemetry.count('locallite_truncated_tokens_total', truncatedTokens, labels);
  telemetry.observe('locallite_stage_seconds', timings.tokenizeMs / 1000, { stage: 'tokenize', model });
  telemetry.observe('locallite_stage_seconds', timings.queueMs / 1000, { stage: 'queue', model });
  telemetry.observe('locallite_stage_seconds', timings.inferMs / 1000, { stage: 'infer', model });
  telemetry.observe('locallite_stage_seconds', timings.totalMs / 1000, { stage: 'total', model });
}

function writeLine(log: Logger, { requestId, method, route, status, seconds, keyId, error, report }: Observation): void {
  const fields = {
    request_id: requestId,
    method,
    route,
    status,
    ms: Math.round(seconds * 1e6) / 1e3,
    ...(keyId === undefined ? {} : { key: keyId }),
    ...(error === undefined ? {} : { error }),
    ...(report === undefined ? {} : { model: report.model, inputs: report.inputs, tokens: report.promptTokens }),
  };
  if (error === 'internal') log.error('request', fields);
  else if (QUIET_ROUTES.has(route) && status < 400) log.debug('request', fields);
  else log.info('request', fields);
}

/** `Server-Timing` (https://www.w3.org/TR/server-timing/): milliseconds of each stage. */
export function serverTiming(seconds: number, report: Report | undefined): string {
  const total = `total;dur=${(seconds * 1000).toFixed(2)}`;
  if (report === undefined) return total;
  const { tokenizeMs, queueMs, inferMs } = report.timings;
  return `tokenize;dur=${tokenizeMs.toFixed(2)}, queue;dur=${queueMs.toFixed(2)}, infer;dur=${inferMs.toFixed(2)}, ${total}`;
}
