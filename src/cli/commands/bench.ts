import { Option } from 'commander';
import type { LocalLite } from '../../sdk/index.ts';
import type { Backend } from '../backend.ts';
import { useBackend } from '../backend.ts';
import { SAMPLE_TEXTS } from '../bench-texts.ts';
import type { CommandDefinition, Invocation } from '../command.ts';
import { formatBytes, formatFacts, formatNumber } from '../format.ts';
import { note, print, printJson } from '../io.ts';
import { wholeNumber } from '../options.ts';

interface BenchOptions {
  readonly model?: string;
  readonly seconds: number;
}

/** What `bench` measures; also its JSON. */
interface BenchResult {
  readonly model: string;
  readonly variant: string;
  readonly provider: string;
  readonly dimensions: number;
  readonly load_ms: number | null;
  readonly single: { readonly requests: number; readonly p50_ms: number; readonly p95_ms: number };
  readonly batch: {
    readonly texts: number;
    readonly texts_per_second: number;
    readonly tokens_per_second: number;
    readonly requests_in_flight: number;
  };
  readonly workers: number | null;
  readonly memory_bytes: number | null;
  readonly through: 'gateway' | 'in-process';
}

const BATCH_SIZE = 32;
const WARM_UP = 5;

export const bench: CommandDefinition<BenchOptions> = {
  options: [
    new Option('-m, --model <name>', 'model (default: the setting default_models.embed)'),
    new Option('-s, --seconds <number>', 'time for each of the two measurements').argParser(wholeNumber(1, 3600)).default(5),
  ],
  details:
    'One text after the other gives the latency (median and 95th percentile, sentences of 5 to 60 words); requests of 32 texts, as many at a time as keep every core busy, give the throughput. The model must be installed. While a gateway runs the figures include what else it does.',
  examples: [
    { command: 'locallite bench', does: 'The default model on all cores' },
    { command: 'locallite bench -m bge-small-en-v1.5 --threads 1 --json', does: 'Another one on one core, as JSON' },
  ],
  run: (invocation) =>
    useBackend(invocation, 'read', async (backend) => {
      const { io, json } = invocation;
      if (!json) await note(io, `measuring for ${2 * invocation.options.seconds} s …`);
      const result = await measure(backend, invocation);
      await (json ? printJson(io, result) : print(io, describe(result)));
    }),
};

async function measure({ client, loaded, url }: Backend, { options, io }: Invocation<BenchOptions>): Promise<BenchResult> {
  const model = options.model ?? loaded.config.default_models.embed;
  const { signal } = io;
  await client.models.load(model, { signal });
  const { locallite: facts, data } = await client.embeddings.create({ model, input: SAMPLE_TEXTS.slice(0, WARM_UP) }, { signal });
  const single = await measureSingle(client, model, options.seconds, signal);
  const inFlight = 2 * loaded.config.threads;
  const batch = await measureBatches(client, model, options.seconds, inFlight, signal);
  const state = (await client.models.retrieve(model, { signal })).locallite.loaded;
  return {
    model: facts.model,
    variant: facts.variant,
    provider: facts.provider,
    dimensions: data[0]?.embedding.length ?? 0,
    load_ms: state?.load_ms ?? null,
    single,
    batch: { ...batch, requests_in_flight: inFlight },
    workers: state?.workers ?? null,
    memory_bytes: state?.memory_bytes ?? null,
    through: url === undefined ? 'in-process' : 'gateway',
  };
}

async function measureSingle(client: LocalLite, model: string, seconds: number, signal: AbortSignal): Promise<BenchResult['single']> {
  const times: number[] = [];
  const end = performance.now() + seconds * 1000;
  while (performance.now() < end || times.length === 0) {
    const started = performance.now();
    await client.embeddings.create({ model, input: sample(times.length) }, { signal });
    times.push(performance.now() - started);
  }
  times.sort((a, b) => a - b);
  return { requests: times.length, p50_ms: quantile(times, 0.5), p95_ms: quantile(times, 0.95) };
}

async function measureBatches(client: LocalLite, model: string, seconds: number, inFlight: number, signal: AbortSignal) {
  let texts = 0;
  let tokens = 0;
  const started = performance.now();
  const lane = async (): Promise<void> => {
    do {
      const first = texts;
      const input = Array.from({ length: BATCH_SIZE }, (_, index) => sample(first + index));
      const { usage } = await client.embeddings.create({ model, input }, { signal });
      texts += input.length;
      tokens += usage.prompt_tokens;
    } while (performance.now() - started < seconds * 1000);
  };
  await Promise.all(Array.from({ length: inFlight }, lane));
  const elapsed = (performance.now() - started) / 1000;
  return { texts, texts_per_second: texts / elapsed, tokens_per_second: tokens / elapsed };
}

function sample(index: number): string {
  return SAMPLE_TEXTS[index % SAMPLE_TEXTS.length] ?? '';
}

/** Nearest-rank quantile of sorted numbers. */
function quantile(sorted: readonly number[], share: number): number {
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? 0;
}

function describe(result: BenchResult): string {
  const { single, batch } = result;
  return formatFacts([
    ['model', `${result.model} (${result.variant}, ${result.provider}, ${result.dimensions} dimensions)`],
    ['load', result.load_ms === null ? undefined : `${formatNumber(result.load_ms, 0)} ms`],
    [
      'one text',
      `${formatNumber(single.p50_ms, 2)} ms median, ${formatNumber(single.p95_ms, 2)} ms 95th percentile (${single.requests} requests)`,
    ],
    [
      '32 texts a request',
      `${formatNumber(batch.texts_per_second)} texts/s, ${formatNumber(batch.tokens_per_second, 0)} tokens/s (${batch.requests_in_flight} requests at a time)`,
    ],
    ['memory', result.memory_bytes === null ? undefined : `${formatBytes(result.memory_bytes)} in ${result.workers} workers`],
    ['measured', result.through === 'gateway' ? 'through the running gateway' : 'in this process'],
  ]);
}
