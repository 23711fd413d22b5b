import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import { METRICS, type MetricSpec } from './metrics.ts';
import type { CounterName, GaugeName, HistogramName, Labels, Logger } from './telemetry.ts';

type MetricName = CounterName | HistogramName | GaugeName;

/** Beyond so many label sets a metric's further samples are counted under `other`: memory stays bounded whatever is sent. */
const MAX_SERIES = 500;
/** Milliseconds between two samples of the event loop's delay. */
const LOOP_SAMPLE_MS = 20;

/** The metrics half of a telemetry sink, on a registry of its own. */
export interface Recorder {
  count(metric: CounterName, by: number, labels: Labels): void;
  observe(metric: HistogramName, value: number, labels: Labels): void;
  gauge(metric: GaugeName, read: () => number, labels: Labels): () => void;
  render(): Promise<string>;
}

interface Watcher {
  readonly labels: Labels;
  readonly read: () => number;
}

/**
 * Registers every metric of the list, so that a scrape shows all names and help texts from the first second.
 * `processMetrics` adds memory, CPU, event-loop delay and garbage collection of this process under prom-client's usual names.
 */
export function createRecorder(log: Logger, options: { readonly processMetrics: boolean }): Recorder {
  const registry = new Registry();
  const counters = new Map<string, Counter<string>>();
  const histograms = new Map<string, Histogram<string>>();
  const watchers = new Map<string, Set<Watcher>>();
  const accepted = createLabelFilter(log);

  for (const [name, spec] of Object.entries(METRICS)) {
    const common = { name, help: spec.help, labelNames: [...spec.labels], registers: [registry] };
    if (spec.kind === 'counter') counters.set(name, new Counter(common));
    if (spec.kind === 'histogram') histograms.set(name, new Histogram({ ...common, buckets: [...(spec.buckets ?? [])] }));
    if (spec.kind === 'gauge') watchers.set(name, registerGauge(common, log));
  }
  if (options.processMetrics) collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision: LOOP_SAMPLE_MS });

  return {
    count: (metric, by, labels) => counters.get(metric)?.inc(accepted(metric, labels), by),
    observe: (metric, value, labels) => histograms.get(metric)?.observe(accepted(metric, labels), value),
    gauge(metric, read, labels) {
      const watcher: Watcher = { labels: accepted(metric, labels), read };
      watchers.get(metric)?.add(watcher);
      return () => void watchers.get(metric)?.delete(watcher);
    },
    render: () => registry.metrics(),
  };
}

/** A gauge is read when it is rendered; watchers with equal labels add up. */
function registerGauge(
  common: { readonly name: string; readonly help: string; readonly labelNames: string[]; readonly registers: Registry[] },
  log: Logger,
): Set<Watcher> {
  const watching = new Set<Watcher>();
  new Gauge({
    ...common,
    collect() {
      this.reset();
      for (const { labels, read } of watching) {
        try {
          this.inc(labels, read());
        } catch (error) {
          log.error('gauge_failed', { metric: common.name, error });
        }
      }
    },
  });
  return watching;
}

/**
 * Keeps exactly the labels that a metric declares, absent ones empty. An undeclared label is dropped and reported once:
 * counting must never fail the request that is counted.
 */
function createLabelFilter(log: Logger): (metric: MetricName, labels: Labels) => Record<string, string> {
  const seen = new Map<MetricName, Set<string>>();
  const reported = new Set<string>();
  return (metric, labels) => {
    const spec = METRICS[metric];
    for (const name of Object.keys(labels)) {
      if (spec.labels.includes(name) || reported.has(`${metric} ${name}`)) continue;
      reported.add(`${metric} ${name}`);
      log.error('metric_label_unknown', { metric, label: name, allowed: spec.labels.join(', ') });
    }
    return boundSeries(metric, spec, labels, seen);
  };
}

function boundSeries(metric: MetricName, spec: MetricSpec, labels: Labels, seen: Map<MetricName, Set<string>>): Record<string, string> {
  const values = spec.labels.map((name) => labels[name] ?? '');
  const key = JSON.stringify(values);
  const known = seen.get(metric) ?? new Set<string>();
  seen.set(metric, known);
  const full = !known.has(key) && known.size >= MAX_SERIES;
  if (!full) known.add(key);
  return Object.fromEntries(spec.labels.map((name, index) => [name, full ? 'other' : (values[index] ?? '')]));
}
