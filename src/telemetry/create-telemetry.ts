import { SpanStatusCode, trace } from '@opentelemetry/api';
import { LocalLiteError } from '../errors.ts';
import { createLogger, type LogOptions } from './logger.ts';
import { createRecorder } from './recorder.ts';
import { redactFields } from './redact.ts';
import type { Telemetry } from './telemetry.ts';

/** How a process logs and counts. */
export interface TelemetryOptions extends LogOptions {
  /** Also publish this process's own memory, CPU, event-loop and garbage-collection metrics. Default: false. */
  readonly processMetrics?: boolean;
}

/** Builds the sink that a process hands down to everything that logs, counts or traces. Nothing leaves the machine by it. */
export function createTelemetry(options: TelemetryOptions): Telemetry {
  const log = createLogger(options);
  const recorder = createRecorder(log, { processMetrics: options.processMetrics ?? false });
  return {
    log,
    count: (metric, by = 1, labels = {}) => recorder.count(metric, by, labels),
    observe: (metric, value, labels = {}) => recorder.observe(metric, value, labels),
    gauge: (metric, read, labels = {}) => recorder.gauge(metric, read, labels),
    span: runInSpan,
    render: () => recorder.render(),
  };
}

/** A sink that counts but logs nothing: the default in-process and in tests. */
export function silentTelemetry(): Telemetry {
  return createTelemetry({ level: 'silent', format: 'json' });
}

async function runInSpan<T>(
  name: string,
  attributes: Readonly<Record<string, string | number | boolean>>,
  work: () => Promise<T>,
): Promise<T> {
  const tracer = trace.getTracer('locallite');
  return tracer.startActiveSpan(name, { attributes: publicAttributes(attributes) }, async (span) => {
    try {
      return await work();
    } catch (error) {
      // The message may repeat what the caller sent; the code says as much as a trace needs.
      const { code } = LocalLiteError.from(error);
      span.setAttribute('error.type', code);
      span.setStatus({ code: SpanStatusCode.ERROR, message: code });
      throw error;
    } finally {
      span.end();
    }
  });
}

function publicAttributes(attributes: Readonly<Record<string, string | number | boolean>>): Record<string, string | number | boolean> {
  const allowed = redactFields(attributes);
  return Object.fromEntries(
    Object.entries(attributes).map(([name, value]) => [name, typeof allowed[name] === 'string' ? allowed[name] : value]),
  );
}
