import { CAN_MEASURE_PROCESSES, childrenOf, cpuMs } from './processes.mjs';
import { median, quantile, sum } from './statistics.mjs';

const CLIENTS = [1, 8, 32, 256];
const BATCH_CLIENTS = [1, 2, 4, 8];
/** A lone client needs fewer requests for its rate, and is slow. */
const LONE_SHARE = 4;

/**
 * One round of everything, the bare loop between the others, because machines drift: a ratio is taken to the median of its own round's
 * bare passes.
 */
export async function measureRound(context, record) {
  const { only, bare, bareSize } = context;
  const passes = [];
  const barePass = async () => {
    const { texts, tokens } = await bare.pass(bareSize);
    passes.push(texts);
    record('bareRate', texts);
    record('bareTokens', tokens);
  };
  const needsBare = ['throughput', 'clients', 'bulk'].some((line) => only.has(line));
  if (needsBare) await barePass();
  const rates = {};
  if (only.has('throughput')) Object.assign(rates, await batchRequests(context, record));
  if (needsBare) await barePass();
  if (only.has('clients')) Object.assign(rates, await singleRequests(context, record));
  if (only.has('bulk')) {
    if (needsBare) await barePass();
    rates.bulk = await bulkRequest(context, record);
  }
  for (const [name, rate] of Object.entries(rates)) record(`ratio ${name}`, rate / median(passes));
  if (only.has('idle')) await idleLatency(context, record);
  if (only.has('mixed')) await mixedLatency(context, record);
}

async function batchRequests({ client, gateway, texts }, record) {
  const rates = {};
  const loop = (clients, format) => client.ask('closedLoop', { clients, size: 32, requests: texts.length / 32, warmUp: clients, format });
  for (const clients of BATCH_CLIENTS) {
    const before = cpuOf(gateway);
    const run = await loop(clients, 'base64');
    noteCpu(record, clients, before, cpuOf(gateway));
    rates[`batch32 x${clients}`] = noteRate(record, `batch32 x${clients}`, run);
  }
  noteRate(record, 'float', await loop(4, 'float'));
  return rates;
}

async function singleRequests({ client, texts }, record) {
  let errors = 0;
  const rates = {};
  for (const clients of CLIENTS) {
    const requests = clients === 1 ? texts.length / LONE_SHARE : Math.max(texts.length, 4 * clients);
    const run = await client.ask('closedLoop', { clients, size: 1, requests, warmUp: clients });
    rates[`single x${clients}`] = noteRate(record, `single x${clients}`, run);
    record(`p50 x${clients}`, quantile(run.latencies, 0.5));
    record(`p99 x${clients}`, quantile(run.latencies, 0.99));
    if (clients === 256) record('tail256', quantile(run.latencies, 0.99) / quantile(run.latencies, 0.5));
    errors += run.errors;
  }
  record('errors', errors);
  record('health', await client.ask('health', { clients: 32, requests: 4000 }));
  return rates;
}

/** One client, one request at a time: begin and end are part of the figure. */
async function bulkRequest({ client, bulkTexts }, record) {
  const { ms, tokens, tokenizeMs } = await client.ask('once', { size: bulkTexts });
  record('rate bulk', (bulkTexts / ms) * 1000);
  record('tokens bulk', (tokens / ms) * 1000);
  record('tokenizer', (bulkTexts / tokenizeMs) * 1000);
  return (bulkTexts / ms) * 1000;
}

async function idleLatency({ client, bare, idleTexts }, record) {
  const bareMs = quantile(await bare.oneByOne(idleTexts), 0.5);
  const ms = quantile(await client.ask('oneByOne', { count: idleTexts }), 0.5);
  record('idleP50', ms);
  record('idleBareP50', bareMs);
  record('idle', ms - bareMs);
}

async function mixedLatency({ client, bulkTexts }, record) {
  const { latencies, longestBatchMs } = await client.ask('mixed', { bulk: bulkTexts });
  record('mixedP50', quantile(latencies, 0.5));
  record('mixedP99', quantile(latencies, 0.99));
  record('longestBatch', longestBatchMs);
  record('mixedTexts', latencies.length);
  record('mixed', quantile(latencies, 0.99) / longestBatchMs);
}

function noteRate(record, name, { texts, ms, errors }) {
  const rate = (texts / ms) * 1000;
  record(`rate ${name}`, rate);
  if (errors > 0) record(`errors ${name}`, errors);
  return rate;
}

function cpuOf({ pid }) {
  if (!CAN_MEASURE_PROCESSES) return undefined;
  return { own: cpuMs(pid), workers: sum(childrenOf(pid).map(cpuMs)) };
}

function noteCpu(record, clients, before, after) {
  if (before === undefined || after === undefined) return;
  const own = after.own - before.own;
  record(`cpuShare x${clients}`, (own / (own + after.workers - before.workers)) * 100);
}
