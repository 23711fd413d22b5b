// Compares the gateway with Python libraries over the same texts, in alternating rounds. A library that cannot be imported is skipped.
// usage: node bench/peers.mjs --python VENV/bin/python [--reference FOLDER] [--rounds N] [--dist FOLDER]
//   --reference: folder of the model for sentence-transformers, which reads no ONNX graph without further packages
import { spawn, spawnSync } from 'node:child_process';
import { dirname, join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { findModel, headersFor, locallite, post, readSettings, startGateway } from './gateway.mjs';
import { startHelper } from './helper-process.mjs';
import { machineFacts, writeResult } from './report.mjs';
import { median } from './statistics.mjs';
import { listOf, readTexts } from './texts.mjs';

const HERE = dirname(fileURLToPath(import.meta.url));
const TEXTS = 512;
const SINGLE_TEXTS = 128;
const CLIENTS = 4;

const { values } = parseArgs({
  options: {
    python: { type: 'string' },
    reference: { type: 'string' },
    rounds: { type: 'string', default: '5' },
    model: { type: 'string', default: 'all-MiniLM-L6-v2' },
    dist: { type: 'string', default: join(HERE, '..', 'dist') },
    results: { type: 'string', default: join(HERE, 'results') },
  },
});
if (values.python === undefined) {
  console.error('peers: --python PATH is needed: the Python of a virtual environment with fastembed or sentence-transformers');
  process.exit(2);
}
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(130));

const dist = resolve(values.dist);
locallite(dist, ['pull', values.model]);
const { home } = readSettings(dist);
const model = await findModel(dist, values.model);
const texts = listOf(readTexts(join(HERE, 'texts.txt')), TEXTS);
const peers = [];
const results = {};
const gateway = await startGateway({ dist, home });
const client = startHelper('./client-process.mjs');
try {
  const target = { origin: gateway.origin, headers: await headersFor(gateway) };
  await client.ask('setTarget', { ...target, model: values.model, dimensions: model.dimensions });
  await client.ask('setTexts', texts);
  await openPeers(target);
  if (peers.length === 0) console.error('peers: nothing to compare with');
  else for (let round = 0; round <= Number(values.rounds); round++) await measure(round);
} finally {
  client.stop();
  for (const peer of peers) peer.stop();
  await gateway.stop();
}
if (peers.length > 0) report();

async function openPeers(target) {
  const { data } = await post(target, '/v1/embeddings', { model: values.model, input: texts[0] });
  open('fastembed', 'fastembed', [model.directory, model.graph, String(model.dimensions)]);
  if (values.reference === undefined) console.error('peers: sentence-transformers is skipped: --reference FOLDER names no model for it');
  else open('sentence-transformers', 'sentence_transformers', [resolve(values.reference)]);
  for (const peer of peers) {
    const { first } = await peer.embed({ texts: texts.slice(0, 1), one_by_one: false });
    const cosine = first.reduce((dot, value, column) => dot + value * data[0].embedding[column], 0);
    console.error(`peers: ${peer.name}: cosine to the gateway ${cosine.toFixed(4)}`);
  }
}

function open(name, module, args) {
  const probe = spawnSync(values.python, ['-c', `import ${module}`], { encoding: 'utf8' });
  if (probe.status !== 0) {
    console.error(`peers: ${name} is skipped: ${probe.error?.message ?? probe.stderr.trim().split('\n').at(-1)}`);
    return;
  }
  const child = spawn(values.python, [join(HERE, 'peers.py'), name, ...args], { stdio: ['pipe', 'pipe', 'inherit'] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  peers.push({
    name,
    async embed(request) {
      child.stdin.write(`${JSON.stringify(request)}\n`);
      const { value, done } = await lines.next();
      if (done) throw new Error(`${name} ended: see its message above`);
      return JSON.parse(value);
    },
    stop: () => child.kill(),
  });
}

/** Round 0 warms everything up and is not kept. */
async function measure(round) {
  console.error(round === 0 ? 'peers: warming up …' : `peers: round ${round} of ${values.rounds} …`);
  const keep = (name, figures) => {
    results[name] ??= [];
    if (round > 0) results[name].push(figures);
  };
  const loop = await client.ask('closedLoop', { clients: CLIENTS, size: 32, requests: TEXTS / 32, warmUp: CLIENTS });
  const lone = await client.ask('oneByOne', { count: SINGLE_TEXTS });
  keep('locallite', { rate: (loop.texts / loop.ms) * 1000, p50: median(lone) });
  for (const peer of peers) {
    const { ms } = await peer.embed({ texts, one_by_one: false });
    const { times } = await peer.embed({ texts: texts.slice(0, SINGLE_TEXTS), one_by_one: true });
    keep(peer.name, { rate: (TEXTS / ms) * 1000, p50: median(times) });
  }
}

function report() {
  const middle = (name, key) => median(results[name].map((figures) => figures[key]));
  const base = middle('locallite', 'rate');
  const rows = Object.keys(results).map((name) => {
    const rate = middle(name, 'rate');
    return [name, rate.toFixed(0), (base / rate).toFixed(2), middle(name, 'p50').toFixed(2)];
  });
  const header = ['', '32 texts at a time, texts/s', 'LocalLite is so many times as fast', 'one text, p50 ms'];
  const markdown = [header, header.map(() => '---'), ...rows].map((row) => `| ${row.join(' | ')} |`).join('\n');
  console.log(`\n${markdown}\n`);
  console.log(writeResult(values.results, { machine: machineFacts(dist), model, peers: results }, `${markdown}\n`));
}
