/** Fields of one log line. Never a text, a vector or a key. */
export type LogFields = Readonly<Record<string, unknown>>;

/** Structured log: an event name in snake_case and its fields. */
export interface Logger {
  debug(event: string, fields?: LogFields): void;
  info(event: string, fields?: LogFields): void;
  warn(event: string, fields?: LogFields): void;
  error(event: string, fields?: LogFields): void;
  /** A logger whose every line also carries `fields`, e.g. the request id. */
  child(fields: LogFields): Logger;
}

/** Label values of one sample; the names a metric may carry are fixed in `metrics.ts`. */
export type Labels = Readonly<Record<string, string>>;

/** The sink that is handed down to everything that logs or counts; never imported as a global. */
export interface Telemetry {
  readonly log: Logger;
  count(metric: CounterName, by?: number, labels?: Labels): void;
  observe(metric: HistogramName, value: number, labels?: Labels): void;
  /** Registers a value that is read when metrics are rendered; returns a function that stops watching. */
  gauge(metric: GaugeName, read: () => number, labels?: Labels): () => void;
  /** Runs `work` inside a span of the globally registered OpenTelemetry SDK; a plain call when there is none. */
  span<T>(name: string, attributes: Readonly<Record<string, string | number | boolean>>, work: () => Promise<T>): Promise<T>;
  /** Prometheus text exposition format, version 0.0.4. */
  render(): Promise<string>;
}

export type CounterName =
  | 'locallite_http_requests_total'
  | 'locallite_tokens_total'
  | 'locallite_truncated_tokens_total'
  | 'locallite_padded_tokens_total'
  | 'locallite_model_loads_total'
  | 'locallite_model_evictions_total'
  | 'locallite_worker_restarts_total'
  | 'locallite_overloaded_total'
  | 'locallite_download_bytes_total';

export type HistogramName =
  | 'locallite_http_request_seconds'
  | 'locallite_stage_seconds'
  | 'locallite_batch_rows'
  | 'locallite_batch_padding_ratio'
  | 'locallite_model_load_seconds';

export type GaugeName = 'locallite_queue_tokens' | 'locallite_model_memory_bytes' | 'locallite_models_loaded' | 'locallite_core_slots_busy';
