// `npm run bench`: the built gateway against a bare loop over the same graph, in one run. docs/benchmarks.md says what each line means.
import { statSync } from 'node:fs';
import { BATCH_SIZES, startBareLoop } from './bare-loop.mjs';
import { measureCurves } from './curves.mjs';
import { measureFidelity, measureSimilarity } from './fidelity.mjs';
import { findModel, headersFor, locallite, post, readSettings, startGateway, tokenize } from './gateway.mjs';
import { measureGraphs, withFp32Graph } from './graphs.mjs';
import { startHelper } from './helper-process.mjs';
import { readOptions } from './options.mjs';
import {
  createRecorder,
  deriveFigures,
  goalRows,
  machineFacts,
  reportRows,
  tableMarkdown,
  tableText,
  writeCurves,
  writeResult,
} from './report.mjs';
import { measureRerank, withRandomReranker } from './rerank.mjs';
import { measureRound } from './round.mjs';
import { measureMemory, measureStarts } from './start-lines.mjs';
import { measureStatic, withStaticModel } from './static.mjs';
import { listOf, readTexts } from './texts.mjs';

const SAME_COSINE = 0.9999;

if (process.argv[2] === '--peers') {
  process.argv.splice(2, 1);
  await import('./peers/run.mjs');
  process.exit(0);
}
const options = readOptions(process.argv.slice(2));
// Ending through exit() lets what was started be ended too.
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(130));
const machine = machineFacts(options.dist);
const recorder = createRecorder();
const { record } = recorder;

say(`pulling ${options.model} (nothing is fetched when it is installed)`);
locallite(options.dist, ['pull', options.model]);
const { home, changed } = readSettings(options.dist);
const model = await findModel(options.dist, options.model);
const texts = listOf(readTexts(options.textsFile), options.texts);
const facts = { ...options, home, model: options.model, texts, weightBytes: statSync(model.path).size };

if (options.only.has('start')) {
  say(`start to first vector, ${options.starts} times`);
  await measureStarts(facts, record);
}
if (options.only.has('memory')) {
  say('memory');
  await measureMemory(facts, record);
}
const ROUND_LINES = ['throughput', 'clients', 'bulk', 'idle', 'mixed'];
const bareSize = ROUND_LINES.some((line) => options.only.has(line)) ? await measureRounds() : undefined;
const curves = await measureOthers();
finish();

/** What is measured once, not in every round: graphs against each other, fidelity, other tasks, curves. */
async function measureOthers() {
  if (!['graphs', 'fidelity', 'rerank', 'static', 'curves'].some((line) => options.only.has(line))) return undefined;
  const gateway = await startGateway({ dist: options.dist, home });
  const client = startHelper('./client-process.mjs');
  try {
    const target = { origin: gateway.origin, headers: await headersFor(gateway) };
    const ids = await tokenize(target, options.model, texts);
    await client.ask('setTarget', { ...target, model: options.model, dimensions: model.dimensions });
    return await measureParts({ ...facts, model, target, client, ids }, record);
  } finally {
    client.stop();
    await gateway.stop();
  }
}

async function measureParts(context, record) {
  const { only, golden, sts } = options;
  const { target } = context;
  if (only.has('fidelity') && golden !== undefined) await measureFidelity({ target, model: options.model, file: golden }, record);
  if (only.has('fidelity') && sts !== undefined) await measureSimilarity({ target, model: options.model, file: sts }, record);
  if (only.has('graphs')) {
    say('graphs');
    await withFp32Graph(options, (path) => measureGraphs({ model, baseline: { ...model, path }, ids: context.ids }, record));
  }
  if (only.has('rerank')) {
    say('rerank');
    await withRandomReranker(context, (reference) => measureRerank({ ...context, reference }, record));
  }
  if (only.has('static')) {
    say('static lane');
    await withStaticModel(options, (name) => measureStatic({ ...context, model: name }, record));
  }
  if (!only.has('curves')) return undefined;
  say('curves');
  return measureCurves(context);
}

/** Rounds against one gateway; returns the batch size at which the bare loop was fastest. */
async function measureRounds() {
  const gateway = await startGateway({ dist: options.dist, home });
  const client = startHelper('./client-process.mjs');
  let bare;
  try {
    const target = { origin: gateway.origin, headers: await headersFor(gateway) };
    const ids = await tokenize(target, options.model, texts);
    bare = await startBareLoop(model, ids, options.cores);
    await client.ask('setTarget', { ...target, model: options.model, dimensions: model.dimensions });
    await client.ask('setTexts', texts);
    await assertSameVectors(target, bare);
    const size = await fastestBatchSize(bare);
    await warmUp(client);
    for (let round = 1; round <= options.rounds; round++) {
      say(`round ${round} of ${options.rounds}`);
      await measureRound({ ...facts, gateway, client, bare, bareSize: size }, record);
    }
    return size;
  } finally {
    client.stop();
    bare?.stop();
    await gateway.stop();
  }
}

/** A gateway serves for hours: its first minute, in which the engine still compiles its code, is not what is compared. */
async function warmUp(client) {
  say('warming up');
  await client.ask('closedLoop', { clients: 32, size: 1, requests: 2 * texts.length, warmUp: 0 });
  await client.ask('closedLoop', { clients: 8, size: 32, requests: texts.length / 16, warmUp: 0 });
}

/** Both sides must compute the same thing, or their speeds cannot be compared. */
async function assertSameVectors(target, bare) {
  const wanted = await bare.vectors(8);
  const { data } = await post(target, '/v1/embeddings', { model: options.model, input: texts.slice(0, 8) });
  for (const [index, vector] of wanted.entries()) {
    const cosine = vector.reduce((dot, value, column) => dot + value * data[index].embedding[column], 0);
    if (!(cosine >= SAME_COSINE)) throw new Error(`text ${index}: gateway and bare loop disagree (cosine ${cosine})`);
  }
}

/** Also warms the bare loop up. */
async function fastestBatchSize(bare) {
  const rates = new Map();
  for (const size of BATCH_SIZES) {
    const { texts: rate } = await bare.pass(size);
    rates.set(size, rate);
    record(`bare batch ${size}`, rate);
  }
  return [...rates].sort((a, b) => b[1] - a[1])[0][0];
}

function finish() {
  const { batchClients } = deriveFigures(recorder);
  const goals = goalRows(recorder, { batchClients });
  const reports = reportRows(recorder, { bareSize });
  const { cores, rounds, quick, textsFile } = options;
  const lines = goals.map(({ id, label, goal, floor, figure, unit, verdict }) => ({ id, label, goal, floor, figure, unit, verdict }));
  const run = { rounds, quick, textsFile, texts: texts.length, bareSize, batchClients, cores };
  const settings = changed.map(({ key, value, from }) => ({ key, value, from }));
  const path = writeResult(
    options.results,
    { machine, run, model, settings, lines, figures: recorder.figures, curves },
    tableMarkdown(goals, reports),
  );
  if (curves !== undefined) writeCurves(path, curves);
  console.log(`\n${machine.processor}, ${cores} cores, Node ${machine.node}, ${model.id} (${model.variant}), median of ${rounds} rounds\n`);
  console.log(tableText(goals, reports));
  console.log(`\n${path}`);
}

function say(text) {
  console.error(`bench: ${text} …`);
}
