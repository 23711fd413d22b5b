import type { CounterName, GaugeName, HistogramName } from './telemetry.ts';

/** What one metric means: its help text, the only label names it may carry and, for a histogram, its upper bounds. */
export interface MetricSpec {
  readonly kind: 'counter' | 'histogram' | 'gauge';
  readonly help: string;
  readonly labels: readonly string[];
  readonly buckets?: readonly number[];
}

const counter = (help: string, labels: readonly string[] = []): MetricSpec => ({ kind: 'counter', help, labels });
const gauge = (help: string, labels: readonly string[] = []): MetricSpec => ({ kind: 'gauge', help, labels });
const histogram = (help: string, buckets: readonly number[], labels: readonly string[] = []): MetricSpec => ({
  kind: 'histogram',
  help,
  labels,
  buckets,
});

/** Seconds. A lone short text takes about 2 ms, a request of 2,048 texts several seconds. */
const LATENCY_BUCKETS = [0.0005, 0.001, 0.002, 0.003, 0.005, 0.0075, 0.01, 0.02, 0.03, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60];
/** Seconds from "load" to a model that passed its self-test. */
const LOAD_BUCKETS = [0.1, 0.2, 0.3, 0.5, 0.75, 1, 2, 5, 10, 30, 60, 120];
const BATCH_ROW_BUCKETS = [1, 2, 4, 8, 16, 32, 64, 128, 256];
const RATIO_BUCKETS = [0, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1];

/**
 * Every metric of LocalLite. A name, a label or a bucket exists nowhere else; `docs/telemetry.md` is written from this list.
 * Label values must be bounded: routes are patterns, models are catalogue or store ids, never what a request happened to say.
 */
export const METRICS: Readonly<Record<CounterName | HistogramName | GaugeName, MetricSpec>> = {
  locallite_http_requests_total: counter('HTTP requests answered, by route pattern, method and status.', ['route', 'method', 'status']),
  locallite_http_request_seconds: histogram('Time from the request head to the end of the answer.', LATENCY_BUCKETS, ['route', 'method']),
  locallite_stage_seconds: histogram('Time of one stage of an embedding request: tokenize, queue, infer or total.', LATENCY_BUCKETS, [
    'stage',
    'model',
  ]),
  locallite_tokens_total: counter('Tokens that were computed, special tokens included, padding excluded.', ['model']),
  locallite_truncated_tokens_total: counter('Tokens cut from inputs because the request allowed it.', ['model']),
  locallite_padded_tokens_total: counter('Padding computed beside the tokens that were asked for.', ['model']),
  locallite_batch_rows: histogram('Texts in one batch.', BATCH_ROW_BUCKETS, ['model']),
  locallite_batch_padding_ratio: histogram('Share of a batch that is padding, 0 to 1.', RATIO_BUCKETS, ['model']),
  locallite_queue_tokens: gauge('Tokens waiting for a worker.', ['model']),
  locallite_overloaded_total: counter('Requests refused because a queue was full.', ['model']),
  locallite_model_loads_total: counter('Attempts to load a model, by outcome: ok or the error code.', ['model', 'outcome']),
  locallite_model_load_seconds: histogram('Time of a successful load, self-test included.', LOAD_BUCKETS, ['model']),
  locallite_model_evictions_total: counter('Models unloaded by the gateway, by reason: idle, memory or request.', ['model', 'reason']),
  locallite_models_loaded: gauge('Models in memory.'),
  locallite_model_memory_bytes: gauge("Memory of a model's inference processes.", ['model']),
  locallite_core_slots_busy: gauge('Core slots that run a batch now.'),
  locallite_worker_restarts_total: counter('Inference processes started again after a crash, a hang or an out-of-memory, by reason.', [
    'model',
    'reason',
  ]),
  locallite_download_bytes_total: counter('Bytes received from model sources, by kind of source.', ['source']),
};
