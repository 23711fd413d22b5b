// Compares the gateway with other projects over the same weights and texts, in alternating rounds: HTTP servers by the same client at the
// same concurrency, Python libraries in-process in calls of 32 texts. Whatever cannot be installed or started is named and skipped.
import { rmSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { findModel, headersFor, locallite, post, readSettings, startGateway } from '../gateway.mjs';
import { startHelper } from '../helper-process.mjs';
import { machineFacts, writeResult } from '../report.mjs';
import { median } from '../statistics.mjs';
import { listOf, readTexts } from '../texts.mjs';
import { installPeers, makeGguf } from './install.mjs';
import { openLibrary } from './library.mjs';
import { infinityCommand, llamaCommand, startServer } from './servers.mjs';

const HERE = dirname(fileURLToPath(import.meta.url));
const HELP = `usage: npm run bench -- --peers [options]

  --folder FOLDER       where the peers are installed (default: bench/.peers; some 7 GB, and half an hour the first time)
  --url NAME=ORIGIN     a further server with OpenAI's /v1/embeddings that runs already (TEI, for one); may be repeated
  --skip NAME           leave a peer out: infinity, llama-server, fastembed, sentence-transformers; may be repeated
  --rounds N            every figure is the median of so many rounds (default: 5)
  --model NAME          (default: all-MiniLM-L6-v2)
  --dist FOLDER  --results FOLDER`;

const CLIENTS = [8, 32, 256];
const TEXTS = 512;
const SINGLE_TEXTS = 64;
const BATCH_CLIENTS = 4;

const { values } = parseArgs({
  options: {
    folder: { type: 'string', default: join(HERE, '..', '.peers') },
    url: { type: 'string', multiple: true, default: [] },
    skip: { type: 'string', multiple: true, default: [] },
    rounds: { type: 'string', default: '5' },
    model: { type: 'string', default: 'all-MiniLM-L6-v2' },
    dist: { type: 'string', default: join(HERE, '..', '..', 'dist') },
    results: { type: 'string', default: join(HERE, '..', 'results') },
    help: { type: 'boolean', default: false },
  },
});
if (values.help) {
  console.log(HELP);
  process.exit(0);
}
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(130));

const dist = resolve(values.dist);
const wanted = (name) => !values.skip.includes(name);
const installed = installPeers(values.folder);
locallite(dist, ['pull', values.model]);
locallite(dist, ['pull', `${values.model}#weights`]);
const { home } = readSettings(dist);
const model = await findModel(dist, values.model);
const weights = (await findModel(dist, `${values.model}#weights`)).directory;
const published = join(resolve(values.folder), 'graph');
rmSync(published, { recursive: true, force: true });
locallite(dist, ['convert', values.model, '--precision', 'fp32', '--out', published]);

const texts = listOf(readTexts(join(HERE, '..', 'texts.txt')), TEXTS);
const gateway = await startGateway({ dist, home });
const client = startHelper('./client-process.mjs');
const target = { origin: gateway.origin, headers: await headersFor(gateway), model: values.model, dimensions: model.dimensions };
const servers = [{ name: 'locallite', ...target, stop: async () => {} }];
const libraries = [];
const results = {};
try {
  await client.ask('setTexts', texts);
  const reference = await vectorFrom(target);
  await openServers(reference);
  await openLibraries(reference);
  for (let round = 0; round <= Number(values.rounds); round++) await measure(round);
} finally {
  client.stop();
  for (const library of libraries) library.stop();
  for (const server of servers) await server.stop();
  await gateway.stop();
}
report();

async function vectorFrom({ origin, headers, model: name }) {
  const { data } = await post({ origin, headers }, '/v1/embeddings', { model: name, input: texts[0] });
  return data[0].embedding;
}

async function openServers(reference) {
  const start = async (name, command, options) => {
    try {
      return await startServer(name, command, options);
    } catch (error) {
      console.error(`peers: ${error.message}; skipped`);
      return undefined;
    }
  };
  const found = [];
  if (wanted('infinity') && installed.infinity !== undefined) {
    const options = { model: 'peer', environment: { HF_HUB_OFFLINE: '1', DO_NOT_TRACK: '1' } };
    found.push(await start('infinity (torch)', infinityCommand(installed.infinity, weights, 'torch'), options));
  }
  if (wanted('llama-server') && installed.llamaServer !== undefined && installed.python !== undefined) {
    const gguf = join(resolve(values.folder), 'model-f16.gguf');
    if (makeGguf(installed, weights, gguf)) {
      const command = llamaCommand(installed.llamaServer, gguf, availableParallelism());
      found.push(await start('llama-server (GGUF f16)', command, { model: 'peer' }));
    }
  }
  for (const pair of values.url) {
    const at = pair.indexOf('=');
    found.push({ name: pair.slice(0, at), origin: pair.slice(at + 1), model: values.model, stop: async () => {} });
  }
  for (const server of found) {
    if (server === undefined) continue;
    console.error(`peers: ${server.name}: cosine to the gateway ${cosine(await vectorFrom(server), reference).toFixed(4)}`);
    servers.push({ dimensions: model.dimensions, headers: {}, ...server });
  }
}

async function openLibraries(reference) {
  if (installed.python === undefined) return;
  const arguments_ = {
    fastembed: [published, 'model.onnx', String(model.dimensions)],
    'sentence-transformers': [weights],
  };
  for (const [name, args] of Object.entries(arguments_)) {
    if (!wanted(name)) continue;
    const library = openLibrary(installed.python, name, args);
    libraries.push(library);
    const { first } = await library.embed({ texts: texts.slice(0, 1), one_by_one: false });
    console.error(`peers: ${name}: cosine to the gateway ${cosine(first, reference).toFixed(4)}`);
  }
}

/** Round 0 warms everything up and is not kept. */
async function measure(round) {
  console.error(round === 0 ? 'peers: warming up …' : `peers: round ${round} of ${values.rounds} …`);
  const keep = (name, figures) => {
    results[name] ??= [];
    if (round > 0) results[name].push(figures);
  };
  for (const server of servers) keep(server.name, await measureServer(server));
  for (const library of libraries) {
    const { ms } = await library.embed({ texts, one_by_one: false });
    const { times } = await library.embed({ texts: texts.slice(0, SINGLE_TEXTS), one_by_one: true });
    keep(library.name, { batch: (TEXTS / ms) * 1000, p50: median(times) });
  }
}

async function measureServer(server) {
  const { origin, headers, model: name, dimensions } = server;
  await client.ask('setTarget', { origin, headers, model: name, dimensions });
  const figures = {};
  for (const clients of CLIENTS) {
    const run = await client.ask('closedLoop', { clients, size: 1, requests: Math.max(TEXTS, 2 * clients), warmUp: clients });
    if (run.errors > 0) throw new Error(`${server.name}: ${run.errors} errors with ${clients} clients`);
    figures[`x${clients}`] = (run.texts / run.ms) * 1000;
  }
  const batches = await client.ask('closedLoop', { clients: BATCH_CLIENTS, size: 32, requests: TEXTS / 32, warmUp: BATCH_CLIENTS });
  figures.batch = (batches.texts / batches.ms) * 1000;
  figures.p50 = median(await client.ask('oneByOne', { count: SINGLE_TEXTS }));
  return figures;
}

function report() {
  const columns = [...CLIENTS.map((clients) => `x${clients}`), 'batch', 'p50'];
  const middle = (name, key) => median(results[name].map((figures) => figures[key]));
  const cell = (name, key) => (results[name][0][key] === undefined ? '-' : middle(name, key).toFixed(key === 'p50' ? 2 : 0));
  const header = ['', ...CLIENTS.map((clients) => `one text, ${clients} clients`), '32 texts', 'one text, p50 ms'];
  const rows = Object.keys(results).map((name) => [name, ...columns.map((key) => cell(name, key))]);
  const table = [header, header.map(() => '---'), ...rows, ['LocalLite / best', ...columns.map(ratioToBest)]];
  const markdown = table.map((row) => `| ${row.join(' | ')} |`).join('\n');
  console.log(`\nembeddings a second\n\n${markdown}\n`);
  console.log(writeResult(values.results, { machine: machineFacts(dist), model, peers: results }, `${markdown}\n`));

  /** More is better for rates: the largest of the others; less for a latency: the smallest of the HTTP servers. */
  function ratioToBest(key) {
    const others = Object.keys(results).filter((name) => name !== 'locallite' && results[name][0][key] !== undefined);
    const candidates = key === 'p50' ? others.filter((name) => results[name][0].x8 !== undefined) : others;
    if (candidates.length === 0) return '-';
    const best = candidates.map((name) => middle(name, key)).sort((a, b) => (key === 'p50' ? a - b : b - a))[0];
    return (middle('locallite', key) / best).toFixed(2);
  }
}

function cosine(a, b) {
  const dot = (x, y) => x.reduce((total, value, index) => total + value * y[index], 0);
  return dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b));
}
