import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { cpus, loadavg, platform, release, totalmem } from 'node:os';
import { join } from 'node:path';
import { lineChart } from './chart.mjs';
import { GOALS, verdictOf } from './goals.mjs';
import { median } from './statistics.mjs';

/** Figures as they come in: a list of measurements, one a round, under each name. */
export function createRecorder() {
  const figures = {};
  return {
    figures,
    record(name, value) {
      figures[name] ??= [];
      figures[name].push(value);
    },
    median: (name) => (figures[name] === undefined ? undefined : median(figures[name])),
    names: (prefix) => Object.keys(figures).filter((name) => name.startsWith(prefix)),
  };
}

/** Fills the figures that are chosen from others: the best number of clients for 32-text requests, and sums. */
export function deriveFigures(recorder) {
  const { figures, median: middle } = recorder;
  const best = recorder.names('ratio batch32 ').sort((a, b) => middle(b) - middle(a))[0];
  const clients = best?.split(' x')[1];
  const copies = {
    batch32: best,
    cpuShare: `cpuShare x${clients}`,
    single: 'ratio single x32',
    bulk: 'ratio bulk',
  };
  for (const [name, source] of Object.entries(copies)) if (figures[source] !== undefined) figures[name] = figures[source];
  if (figures.errors !== undefined) figures.errors = [figures.errors.reduce((total, each) => total + each, 0)];
  return { batchClients: clients === undefined ? undefined : Number(clients) };
}

/** What the figures were taken on. */
export function machineFacts(dist) {
  const [first] = cpus();
  const require = createRequire(import.meta.url);
  return {
    processor: first?.model.trim(),
    cores: cpus().length,
    memoryGb: Math.round(totalmem() / 2 ** 30),
    system: `${platform()} ${release()}`,
    node: process.versions.node,
    onnxruntime: require('onnxruntime-node/package.json').version,
    locallite: JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')).version,
    dist,
    commit: commitOf(),
    loadBefore: loadavg()[0],
    date: new Date().toISOString(),
  };
}

function commitOf() {
  const result = spawnSync('git', ['describe', '--always', '--dirty'], { encoding: 'utf8' });
  return result.status === 0 ? result.stdout.trim() : undefined;
}

/** Rows of the table that have a goal: label, goal, floor, figure, verdict. */
export function goalRows(recorder, { batchClients }) {
  return GOALS.flatMap((line) => {
    const figure = recorder.median(line.id);
    if (figure === undefined) return [];
    const label = line.id === 'batch32' ? `${line.label} (best: ${batchClients} clients)` : line.label;
    const number = (value) => `${short(value)}${line.unit && ` ${line.unit}`}`;
    return [{ ...line, label, figure, verdict: verdictOf(line, figure), cells: [number(line.goal), number(line.floor), number(figure)] }];
  });
}

/** Rows that are only reported. */
export function reportRows(recorder, { bareSize }) {
  const rows = [];
  const add = (label, name, unit) => {
    const figure = recorder.median(name);
    if (figure !== undefined) rows.push({ label, name, figure, cell: `${short(figure)} ${unit}` });
  };
  add(`bare loop, batches of ${bareSize}`, 'bareRate', 'texts/s');
  add('  tokens', 'bareTokens', 'tokens/s');
  for (const clients of [1, 2, 4, 8]) add(`32-text requests, ${clients} clients`, `rate batch32 x${clients}`, 'texts/s');
  add('32-text requests, 4 clients, float answers', 'rate float', 'texts/s');
  add('2,048-text request', 'rate bulk', 'texts/s');
  add('  tokens', 'tokens bulk', 'tokens/s');
  add('  tokenizer inside it', 'tokenizer', 'texts/s');
  for (const clients of [1, 8, 32, 256]) {
    add(`single-text requests, ${clients} clients`, `rate single x${clients}`, 'texts/s');
    add('  p50', `p50 x${clients}`, 'ms');
    add('  p99', `p99 x${clients}`, 'ms');
  }
  add('GET /healthz, 32 clients (HTTP alone)', 'health', 'requests/s');
  add('one text, idle: p50', 'idleP50', 'ms');
  add('  bare p50', 'idleBareP50', 'ms');
  add('one text beside a 2,048-text request: p50', 'mixedP50', 'ms');
  add('  p99', 'mixedP99', 'ms');
  add('  longest batch', 'longestBatch', 'ms');
  add('  texts measured in a round', 'mixedTexts', '');
  add('default graph, one thread', 'graphTokens', 'tokens/s');
  add('  fp32 graph', 'baselineTokens', 'tokens/s');
  add('cosine to the reference: largest difference of a value', 'fidelityLargest', '');
  add('rerank through HTTP', 'rerankRate', 'pairs/s');
  add('  bare loop', 'rerankBare', 'pairs/s');
  add('start to open port', 'portOpen', 's');
  add('PSS of the gateway process, model loaded', 'pssGateway', 'MB');
  add('PSS, highest during a 2,048-text request', 'pssPeak', 'MB');
  add('PSS, 3 s after it', 'pssAfter', 'MB');
  return rows;
}

/** The table as text for a terminal. */
export function tableText(goals, reports) {
  const width = Math.max(...[...goals, ...reports].map(({ label }) => label.length), 0);
  const lines = [`${'line'.padEnd(width)}  ${cells(['goal', 'floor', 'figure'])}  verdict`];
  for (const { label, cells: numbers, verdict } of goals) lines.push(`${label.padEnd(width)}  ${cells(numbers)}  ${verdict}`);
  lines.push('', 'reported without a goal');
  for (const { label, cell } of reports) lines.push(`${label.padEnd(width)}  ${cell.padStart(31)}`);
  return lines.join('\n');
}

function cells(values) {
  return values.map((value) => value.padStart(9)).join('  ');
}

/** The same as Markdown, for docs/benchmarks.md. */
export function tableMarkdown(goals, reports) {
  return [
    '| line | goal | floor | figure | verdict |',
    '|---|---|---|---|---|',
    ...goals.map(({ label, cells: numbers, verdict }) => `| ${label} | ${numbers.join(' | ')} | ${verdict} |`),
    '',
    '| reported | figure |',
    '|---|---|',
    ...reports.map(({ label, cell }) => `| ${label.trim()} | ${cell} |`),
    '',
  ].join('\n');
}

/** Writes RESULTS/<time>.json and .md; returns the path of the first. */
export function writeResult(folder, result, markdown) {
  mkdirSync(folder, { recursive: true });
  const path = join(folder, `${result.machine.date.replaceAll(/[:.]/g, '-')}.json`);
  writeFileSync(path, `${JSON.stringify(result, null, 2)}\n`);
  writeFileSync(path.replace(/json$/, 'md'), markdown);
  return path;
}

/** Draws the curves beside the result: PATH-clients.svg and PATH-lengths.svg. */
export function writeCurves(path, curves) {
  const byLength = curves.map(({ tokens, points }) => ({ name: `${tokens} tokens`, points }));
  const clients = curves[0].points.map(([count]) => count);
  const byClients = clients.map((count, at) => ({
    name: `${count} clients`,
    points: curves.map(({ tokens, points }) => [tokens, points[at][1]]),
  }));
  const yLabel = 'texts a second';
  const charts = {
    clients: lineChart({ title: 'Single-text requests', xLabel: 'clients', yLabel, series: byLength }),
    lengths: lineChart({ title: 'Single-text requests', xLabel: 'tokens a text', yLabel, series: byClients }),
  };
  for (const [name, chart] of Object.entries(charts)) writeFileSync(path.replace(/\.json$/, `-${name}.svg`), chart);
}

function short(value) {
  if (Number.isInteger(value)) return String(value);
  const magnitude = Math.abs(value);
  return value.toFixed(magnitude >= 100 ? 0 : magnitude >= 10 ? 1 : magnitude >= 0.1 ? 3 : 4);
}
