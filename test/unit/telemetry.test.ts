import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { context, trace } from '@opentelemetry/api';
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base';
import { build } from 'esbuild';
import ts from 'typescript';
import { afterEach, describe, expect, it } from 'vitest';
import { LocalLiteError } from '../../src/errors.ts';
import { createTelemetry, silentTelemetry } from '../../src/telemetry/create-telemetry.ts';
import type { LogFormat, LogLevel } from '../../src/telemetry/logger.ts';
import { METRICS } from '../../src/telemetry/metrics.ts';
import { readSources, type Source, walk } from '../support/imports.ts';

const capture = (level: LogLevel = 'debug', format: LogFormat = 'json') => {
  const lines: string[] = [];
  const telemetry = createTelemetry({ level, format, destination: { write: (line) => void lines.push(line) } });
  return { telemetry, lines, parsed: () => lines.map((line): Record<string, unknown> => JSON.parse(line)) };
};

describe('log', () => {
  it('writes one JSON object an event with level, time and the fields of its parents', () => {
    const { telemetry, parsed } = capture();
    telemetry.log.child({ request_id: 'r1' }).child({ model: 'm' }).info('request_done', { status: 200 });
    expect(parsed()).toEqual([
      { level: 'info', time: expect.stringMatching(/^\d{4}-\d\d-\d\dT/), request_id: 'r1', model: 'm', status: 200, event: 'request_done' },
    ]);
  });

  it('is quiet below its level, and always when silent', () => {
    const { telemetry, lines } = capture('warn');
    telemetry.log.info('unseen');
    telemetry.log.debug('unseen');
    telemetry.log.warn('seen');
    telemetry.log.error('seen');
    expect(lines).toHaveLength(2);
    const silent = capture('silent');
    silent.telemetry.log.error('unseen');
    expect(silent.lines).toEqual([]);
  });

  it('never shows keys, tokens, texts or vectors, whatever their depth and spelling', () => {
    const { telemetry, lines } = capture();
    const hidden = 'hide-me';
    telemetry.log.child({ authorization: hidden, headers: { 'X-Api-Key': hidden, Cookie: [hidden] } }).info('request', {
      api_key: hidden,
      apiKey: hidden,
      hub: { token: hidden, HF_TOKEN: hidden },
      text: hidden,
      input: [hidden, hidden],
      body: { input: hidden },
      deep: [{ inputs: [[hidden]] }],
      tokens: [101, 7592],
      secret: 4242,
      embedding: new Float32Array([0.123456]),
    });
    expect(lines.join('')).not.toMatch(/hide-me|7592|4242|0\.123/);
    expect(lines.join('')).toContain('"hub":{"token":"[redacted]","HF_TOKEN":"[redacted]"}');
  });

  it('keeps counts, ids and errors readable', () => {
    const { telemetry, parsed } = capture();
    const error = new LocalLiteError('inference_failed', 'the session failed', { cause: new TypeError('inner') });
    telemetry.log.error('batch_failed', { input: 32, max_tokens: 256, model: 'a/b', error });
    expect(parsed()[0]).toMatchObject({
      input: 32,
      max_tokens: 256,
      model: 'a/b',
      error: {
        type: 'LocalLiteError',
        code: 'inference_failed',
        message: 'the session failed',
        cause: { type: 'TypeError', message: 'inner' },
      },
    });
  });

  it('keeps a line bounded: long strings, long lists, circular values', () => {
    const { telemetry, lines } = capture();
    const circular: Record<string, unknown> = { name: 'ring' };
    circular['self'] = circular;
    telemetry.log.info('big', {
      reason: 'x'.repeat(100_000),
      list: Array.from({ length: 10_000 }, (_, index) => index),
      circular,
      big: 10n,
    });
    expect(lines[0]?.length).toBeLessThan(5_000);
    expect(lines[0]).toContain('(100000 characters)');
    expect(lines[0]).toContain('(10000 items)');
  });

  it('is one readable line when pretty', async () => {
    const { lines } = await runChild(
      "createTelemetry({ level: 'info', format: 'pretty' }).log.info('listening', { port: 11435, token: 'hide-me' })",
    );
    expect(lines).toMatch(/INFO.*listening/);
    expect(lines).toContain('11435');
    expect(lines).not.toContain('hide-me');
  });

  it('is JSON on standard error when that is not a terminal, complete even when the process exits at once', async () => {
    const { lines, stdout } = await runChild(
      "const t = createTelemetry({ level: 'info', format: 'auto' }); for (let i = 0; i < 200; i++) t.log.info('n', { i }); process.exit(0)",
    );
    expect(stdout).toBe('');
    const events = lines.trim().split('\n');
    expect(events).toHaveLength(200);
    expect(JSON.parse(events[199] ?? '')).toMatchObject({ event: 'n', i: 199 });
  });
});

describe('metrics', () => {
  it('shows every metric of the list with its help from the start', async () => {
    const text = await silentTelemetry().render();
    for (const [name, spec] of Object.entries(METRICS)) {
      expect(text).toContain(`# HELP ${name} ${spec.help}`);
      expect(text).toContain(`# TYPE ${name} ${spec.kind}`);
    }
  });

  it('names follow the Prometheus conventions', () => {
    for (const [name, spec] of Object.entries(METRICS)) {
      expect(name).toMatch(/^locallite_[a-z_]+$/);
      expect(name.endsWith('_total')).toBe(spec.kind === 'counter');
      expect(spec.buckets !== undefined).toBe(spec.kind === 'histogram');
      expect([...(spec.buckets ?? [])].sort((a, b) => a - b)).toEqual(spec.buckets ?? []);
    }
  });

  it('counts and observes by label', async () => {
    const telemetry = silentTelemetry();
    telemetry.count('locallite_tokens_total', 7, { model: 'a' });
    telemetry.count('locallite_tokens_total', 5, { model: 'a' });
    telemetry.count('locallite_tokens_total', undefined, { model: 'b' });
    telemetry.observe('locallite_batch_rows', 3, { model: 'a' });
    const text = await telemetry.render();
    expect(text).toContain('locallite_tokens_total{model="a"} 12');
    expect(text).toContain('locallite_tokens_total{model="b"} 1');
    expect(text).toContain('locallite_batch_rows_bucket{le="2",model="a"} 0');
    expect(text).toContain('locallite_batch_rows_bucket{le="4",model="a"} 1');
  });

  it('reads gauges when asked, adds equal labels up, forgets who stopped, survives a reader that throws', async () => {
    const { telemetry, parsed } = capture();
    let waiting = 3;
    const stop = telemetry.gauge('locallite_queue_tokens', () => waiting, { model: 'a' });
    telemetry.gauge('locallite_queue_tokens', () => 10, { model: 'a' });
    telemetry.gauge('locallite_models_loaded', () => {
      throw new LocalLiteError('internal', 'gone');
    });
    expect(await telemetry.render()).toContain('locallite_queue_tokens{model="a"} 13');
    waiting = 4;
    expect(await telemetry.render()).toContain('locallite_queue_tokens{model="a"} 14');
    stop();
    expect(await telemetry.render()).toContain('locallite_queue_tokens{model="a"} 10');
    expect(parsed()[0]).toMatchObject({ event: 'gauge_failed', metric: 'locallite_models_loaded' });
  });

  it('drops a label that is not in the list and says so once', async () => {
    const { telemetry, parsed } = capture();
    telemetry.count('locallite_tokens_total', 1, { model: 'a', text: 'hide-me' });
    telemetry.count('locallite_tokens_total', 1, { model: 'a', text: 'hide-me' });
    expect(await telemetry.render()).toContain('locallite_tokens_total{model="a"} 2');
    expect(parsed()).toEqual([expect.objectContaining({ event: 'metric_label_unknown', label: 'text' })]);
    expect(JSON.stringify(parsed())).not.toContain('hide-me');
  });

  it('bounds the number of series whatever the label values', async () => {
    const telemetry = silentTelemetry();
    for (let index = 0; index < 2_000; index++) telemetry.count('locallite_tokens_total', 1, { model: `m${index}` });
    const series = (await telemetry.render()).split('\n').filter((line) => line.startsWith('locallite_tokens_total{'));
    expect(series).toHaveLength(501);
    expect(series).toContain('locallite_tokens_total{model="other"} 1500');
  });

  it('keeps two sinks apart and publishes process metrics only when asked', async () => {
    const first = createTelemetry({ level: 'silent', format: 'json', processMetrics: true });
    const second = silentTelemetry();
    first.count('locallite_tokens_total', 1, { model: 'only-first' });
    expect(await second.render()).not.toContain('only-first');
    expect(await second.render()).not.toContain('process_resident_memory_bytes');
    const text = await first.render();
    expect(text).toMatch(/process_resident_memory_bytes \d+/);
    expect(text).toContain('nodejs_eventloop_lag_seconds');
    expect(text).toContain('process_cpu_seconds_total');
  });
});

describe('use of metrics in src/', () => {
  const sources = readSources(join(import.meta.dirname, '..', '..'), 'src').filter(({ path }) => !path.startsWith('src/telemetry/'));

  it('names only labels of the list', () => {
    expect(sources.flatMap(strayLabels)).toEqual([]);
    const wrong = "t.count('locallite_tokens_total', 1, { model: 'a', text }); t.observe('locallite_batch_rows', 1, cond ? { user } : {});";
    expect(strayLabels({ path: 'x.ts', text: wrong })).toEqual(['x.ts: locallite_tokens_total{text}', 'x.ts: locallite_batch_rows{user}']);
  });

  it('leaves no metric unrecorded', () => {
    const all = sources.map(({ text }) => text).join('\n');
    expect(Object.keys(METRICS).filter((name) => !all.includes(`'${name}'`))).toEqual([]);
  });
});

describe('spans', () => {
  afterEach(() => {
    trace.disable();
    context.disable();
  });

  const register = () => {
    const exporter = new InMemorySpanExporter();
    trace.setGlobalTracerProvider(new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] }));
    return exporter;
  };

  it('are plain calls when no SDK is registered', async () => {
    const telemetry = silentTelemetry();
    expect(await telemetry.span('embed', {}, async () => 42)).toBe(42);
    await expect(telemetry.span('embed', {}, () => Promise.reject(new LocalLiteError('overloaded', 'full')))).rejects.toThrow('full');
  });

  it('reach a registered SDK, with attributes but without content', async () => {
    const telemetry = silentTelemetry();
    const exporter = register();
    expect(await telemetry.span('embed', { model: 'a', texts: 2, input: 'hide-me', cached: true }, async () => 'done')).toBe('done');
    const [span] = exporter.getFinishedSpans();
    expect(span?.name).toBe('embed');
    expect(span?.attributes).toEqual({ model: 'a', texts: 2, input: '[redacted]', cached: true });
  });

  it('record the error code of a failure and never its message', async () => {
    const exporter = register();
    const work = () => Promise.reject(new LocalLiteError('input_too_long', 'hide-me is too long'));
    await expect(silentTelemetry().span('embed', {}, work)).rejects.toThrow('too long');
    const [span] = exporter.getFinishedSpans();
    expect(span?.status).toEqual({ code: 2, message: 'input_too_long' });
    expect(span?.attributes).toEqual({ 'error.type': 'input_too_long' });
    expect(span?.events).toEqual([]);
  });
});

/** Label names written in a call that records a metric but missing from the metric's list. */
function strayLabels(source: Source): string[] {
  const found: string[] = [];
  walk(source, (node) => {
    if (!ts.isCallExpression(node)) return;
    const [metric, ...rest] = node.arguments;
    const name = metric !== undefined && ts.isStringLiteral(metric) ? metric.text : '';
    const spec = Object.entries(METRICS).find(([known]) => known === name)?.[1];
    if (spec === undefined) return;
    const names = rest.flatMap((argument) =>
      [...argument.getText().matchAll(/[{,]\s*([a-z_]+)(?=\s*[:,}])/g)].map(([, label = '']) => label),
    );
    found.push(...names.filter((label) => !spec.labels.includes(label)).map((label) => `${source.path}: ${name}{${label}}`));
  });
  return found;
}

/** Runs a statement against the telemetry module in a process of its own, bundled because Node runs JavaScript only. */
async function runChild(statement: string): Promise<{ lines: string; stdout: string }> {
  const root = join(import.meta.dirname, '..', '..');
  const { outputFiles } = await build({
    stdin: {
      contents: `import { createTelemetry } from './src/telemetry/create-telemetry.ts';\n${statement}`,
      resolveDir: root,
      loader: 'ts',
    },
    define: { 'import.meta.url': JSON.stringify(pathToFileURL(join(root, 'package.json')).href) },
    bundle: true,
    write: false,
    format: 'esm',
    platform: 'node',
    packages: 'external',
  });
  const code = outputFiles[0]?.text ?? '';
  const { stdout, stderr } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', code], { cwd: root });
  return { lines: stderr, stdout };
}
