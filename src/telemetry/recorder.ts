import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import { METRICS } from './metrics.ts';
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

type LabelFilter = (metric: MetricName, labels: Labels) => Readonly<Record<string, string>>;

/**
 * Keeps exactly the labels that a metric declares, absent ones empty. An undeclared label is dropped and reported once:
 * counting must never fail the request that is counted.
 */
function createLabelFilter(log: Logger): LabelFilter {
  const series = new Map<MetricName, Map<string, Readonly<Record<string, string>>>>();
  const reported = new Set<string>();
  const reportUnknown = (metric: MetricName, labels: Labels): void => {
    const spec = METRICS[metric];
    for (const label in labels) {
      if (spec.labels.includes(label) || reported.has(`${metric} ${label}`)) continue;
      reported.add(`${metric} ${label}`);
      log.error('metric_label_unknown', { metric, label, allowed: spec.labels.join(', ') });
    }
  };
  return (metric, labels) => {
    reportUnknown(metric, labels);
    const known = series.get(metric) ?? new Map<string, Readonly<Record<string, string>>>();
    if (known.size === 0) series.set(metric, known);
    const { labels: names } = METRICS[metric];
    // Counted several times in every request: what is looked up is made once. No label value has a line break.
    let key = '';
    for (const name of names) key += `${labels[name] ?? ''}\n`;
    return known.get(key) ?? newSeries(known, key, names, labels);
  };
}

function newSeries(
  known: Map<string, Readonly<Record<string, string>>>,
  key: string,
  names: readonly string[],
  labels: Labels,
): Readonly<Record<string, string>> {
  const full = known.size >= MAX_SERIES;
  const made = Object.fromEntries(names.map((name) => [name, full ? 'other' : (labels[name] ?? '')]));
  if (!full) known.set(key, made);
  return made;
}
