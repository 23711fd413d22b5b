import { METRICS, type MetricSpec } from '../../src/telemetry/metrics.ts';

const INTRODUCTION = `# Telemetry

<!-- Generated from src/telemetry/metrics.ts by \`npm run docs\`. -->

Nothing described here leaves the machine by itself: logs go to standard error, metrics wait until somebody asks, spans exist only
where you register an OpenTelemetry SDK.

## Logs

One JSON object a line on standard error (\`log.format: json\`), or one coloured line on a terminal (\`pretty\`); \`auto\` decides by where
standard error goes. \`log.level\` is one of silent, fatal, error, warn, info, debug, trace. Every line has \`time\`, \`level\` and \`event\`;
lines about a request carry its \`request_id\`, which the answer repeats in \`X-Request-Id\`. Texts, token ids, vectors, keys, tokens and
cookies are replaced by \`[redacted]\`, wherever in a line they stand.

## Traces

LocalLite uses \`@opentelemetry/api\` only. In-process users register the SDK of their choice before \`createGateway()\`; a failing span
carries the error's code as \`error.type\`, never its message. Without an SDK a span costs a function call.

## Metrics

\`GET /metrics\` answers in Prometheus' text format. Labels have few values by construction: \`route\` is a pattern, \`model\` the id of an
installed model; beyond 500 label sets of one metric the rest is counted under \`other\`. Beside the table the process's own memory, CPU,
event-loop delay and garbage collection appear under prom-client's usual names (\`process_…\`, \`nodejs_…\`).

| Metric | Kind | Labels | Meaning |
|---|---|---|---|
`;

const QUERIES = `
## Useful queries

| Question | PromQL |
|---|---|
| 99th percentile of a request | \`histogram_quantile(0.99, sum by (le) (rate(locallite_http_request_seconds_bucket{route="/v1/embeddings"}[5m])))\` |
| share of time spent waiting | \`sum(rate(locallite_stage_seconds_sum{stage="queue"}[5m])) / sum(rate(locallite_stage_seconds_sum{stage="total"}[5m]))\` |
| computed for nothing | \`sum(rate(locallite_padded_tokens_total[5m])) / (sum(rate(locallite_padded_tokens_total[5m])) + sum(rate(locallite_tokens_total[5m])))\` |
| is a worker dying again and again | \`sum by (model, reason) (increase(locallite_worker_restarts_total[10m]))\` |
`;

/** The page docs/telemetry.md, written from the list of metrics. */
export function renderTelemetryPage(): string {
  return `${INTRODUCTION}${Object.entries(METRICS).map(renderRow).join('\n')}\n${QUERIES}`;
}

function renderRow([name, { kind, labels, help, buckets }]: [string, MetricSpec]): string {
  const bounds = buckets === undefined ? '' : ` Buckets: ${buckets.join(', ')}.`;
  return `| \`${name}\` | ${kind} | ${labels.map((label) => `\`${label}\``).join(', ') || '-'} | ${help}${bounds} |`;
}
