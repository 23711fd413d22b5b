// Search over many passages through the gateway's own import and search: latency, recall of the graph, memory, time to open.
// usage: node bench/index.mjs [--long] [--data FOLDER] [--dist FOLDER]
import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { readSettings } from './gateway.mjs';
import { GOALS, verdictOf } from './goals.mjs';
import { embeddedPassages, QUERIES } from './index-data.mjs';

const K = 10;
const PASSAGES_OF_A_DOCUMENT = 50;
const REAL_SIZES = [10_000, 100_000];
const LONG_SIZE = 1_000_000;
/** Vectors that the million is made of, and how far each copy is moved: about as far as a neighbouring sentence is. */
const PERTURBED = 20_000;
const PERTURBATION = 0.3;
const GRAPH_LIMIT_MS = 1_800_000;

/**
 * Lines of search at each size, each with `passages` vectors of which the first {@link QUERIES} are looked for and not imported.
 * `record(id, value)`.
 */
export async function measureIndex({ dist, dataFolder, model, long = false, say = () => undefined }, record) {
  if (!existsSync(join(dataFolder, 'scifact-train'))) return say(`no passages in ${dataFolder}; search over many is left out`);
  const set = await embeddedPassages({ dataFolder, dist, model, count: Math.max(...REAL_SIZES), say });
  for (const size of REAL_SIZES) await measureSize({ dist, model, set, size, say }, record);
  if (long) await measureSize({ dist, model, set: perturbed(set), size: LONG_SIZE, say }, record);
}

async function measureSize({ dist, model, set, size, say }, record) {
  const home = mkdtempSync(join(tmpdir(), 'locallite-bench-index-'));
  // The models are those that are installed already.
  symlinkSync(join(readSettings(dist).home, 'models'), join(home, 'models'), 'junction');
  const name = `${size / 1000}k`;
  try {
    say(`${name}: import`);
    await withGateway(dist, home, async (gateway) => {
      await gateway.collections.import(exportOf(await headOf(gateway, model), set, size), { name });
      say(`${name}: graph`);
      record(`buildSeconds ${name}`, await buildSeconds(gateway, name, size, home));
    });
    await withGateway(dist, home, async (gateway) => {
      const before = process.memoryUsage().rss;
      const started = performance.now();
      await gateway.collections.search(name, { query: 'anything', mode: 'text', k: 1 });
      record(`openSeconds ${name}`, (performance.now() - started) / 1000);
      record(`megabytes ${name}`, (process.memoryUsage().rss - before) / 1e6);
      say(`${name}: search`);
      const queries = set.texts.slice(0, QUERIES);
      await measureSearch(gateway, name, queries, record);
    });
  } finally {
    rmSync(home, { recursive: true, force: true });
  }
}

async function measureSearch(gateway, name, queries, record) {
  const times = { dense: [], text: [], hybrid: [], exact: [] };
  let found = 0;
  let wanted = 0;
  for (const query of queries) {
    const hits = {};
    for (const mode of ['dense', 'text', 'hybrid', 'exact']) {
      const request = mode === 'exact' ? { mode: 'dense', exact: true } : { mode };
      const result = await gateway.collections.search(name, { query, k: K, ...request });
      times[mode].push(result.timings.searchMs);
      hits[mode] = result.hits.map(({ chunkId }) => chunkId);
    }
    wanted += hits.exact.length;
    found += hits.dense.filter((id) => hits.exact.includes(id)).length;
  }
  for (const [mode, list] of Object.entries(times)) record(`${mode}Ms ${name}`, median(list));
  record(`recall ${name}`, found / wanted);
}

/** Seconds until the graph is made, which is when its file is there. */
async function buildSeconds(gateway, name, size, home) {
  const started = performance.now();
  await gateway.collections.search(name, { query: 'anything', mode: 'text', k: 1 });
  const opened = performance.now();
  const folder = join(home, 'state', 'indexes');
  const isKept = () => existsSync(folder) && readdirSync(folder).some((edition) => existsSync(join(folder, edition, 'graph')));
  while (size >= 20_000 && !isKept() && performance.now() - started < GRAPH_LIMIT_MS) await sleep(200);
  return (performance.now() - opened) / 1000;
}

async function withGateway(dist, home, work) {
  const { createGateway } = await import(pathToFileURL(join(dist, 'index.js')).href);
  const gateway = await createGateway({ settings: { home, offline: true, log: { level: 'silent' } } });
  try {
    return await work(gateway);
  } finally {
    await gateway.close();
  }
}

/** First line of an export of a collection that this model would make. */
async function headOf(gateway, model) {
  const name = 'head';
  await gateway.collections.create({ name, model });
  for await (const line of gateway.collections.export(name)) {
    await gateway.collections.remove(name);
    return JSON.parse(line);
  }
  throw new Error('an export without a first line');
}

async function* exportOf(head, { texts, vectors, dimensions }, size) {
  yield JSON.stringify(head);
  let documents = 0;
  for (let from = QUERIES; from < QUERIES + size; from += PASSAGES_OF_A_DOCUMENT, documents++) {
    const rows = Array.from({ length: Math.min(PASSAGES_OF_A_DOCUMENT, QUERIES + size - from) }, (_, at) => from + at);
    yield documentLine(rows, { texts, vectors, dimensions });
  }
  yield JSON.stringify({ end: { documents } });
}

function documentLine(rows, { texts, vectors, dimensions }) {
  let start = 0;
  const chunks = rows.map((row, ordinal) => {
    const text = texts[row % texts.length];
    const vector = Buffer.from(vectors.slice(row * dimensions, (row + 1) * dimensions).buffer).toString('base64');
    const chunk = { ordinal, text, start, end: start + text.length, lead: '', tokens: 32, path: [], meta: '{"kinds":["text"]}', vector };
    start = chunk.end + 1;
    return chunk;
  });
  const text = chunks.map((chunk) => chunk.text).join('\n');
  const sha256 = createHash('sha256').update(`${rows[0]}${text}`).digest('hex');
  const metadata = { mediaType: 'text/plain', sha256, bytes: text.length };
  const facts = JSON.stringify({ metadata, outline: [], warnings: [], parser: 'text' });
  const file = { name: `${rows[0]}.txt`, bytes: text.length, sha256, mediaType: 'text/plain', origin: `/bench/${rows[0]}.txt` };
  const document = { attributes: { part: rows[0] % 100 }, contentSha256: sha256, facts };
  return JSON.stringify({ document, file, parsed: JSON.stringify({ text, blocks: [] }), chunks });
}

/** A million vectors around real ones: a million real ones would take hours to embed. */
function perturbed({ texts, vectors, dimensions }) {
  const rows = LONG_SIZE + QUERIES;
  const all = new Float32Array(rows * dimensions);
  let state = 1;
  const random = () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32 - 0.5;
  };
  const scale = PERTURBATION * Math.sqrt(12 / dimensions);
  for (let row = 0; row < rows; row++) {
    const source = (row % PERTURBED) * dimensions;
    let square = 0;
    for (let at = 0; at < dimensions; at++) {
      const value = vectors[source + at] + random() * scale;
      all[row * dimensions + at] = value;
      square += value * value;
    }
    const length = Math.sqrt(square);
    for (let at = 0; at < dimensions; at++) all[row * dimensions + at] /= length;
  }
  return { texts, vectors: all, dimensions };
}

function median(list) {
  return list.toSorted((a, b) => a - b)[list.length >> 1];
}

/** Goals of the lines at 100,000 passages, and of recall at every size. */
function goalOf(id) {
  const known = { 'denseMs 100k': 'denseSearch', 'hybridMs 100k': 'hybridSearch' }[id] ?? (id.startsWith('recall') ? 'recall' : undefined);
  return GOALS.find((goal) => goal.id === known);
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const { values } = parseArgs({
    options: { long: { type: 'boolean', default: false }, data: { type: 'string' }, dist: { type: 'string' }, model: { type: 'string' } },
  });
  const here = fileURLToPath(new URL('..', import.meta.url));
  const options = {
    dist: resolve(values.dist ?? join(here, 'dist')),
    dataFolder: resolve(values.data ?? join(here, '..', 'shared', 'data')),
    model: values.model ?? 'all-MiniLM-L6-v2',
    long: values.long,
    say: (text) => console.error(`bench: ${text} …`),
  };
  await measureIndex(options, (id, value) => {
    const goal = goalOf(id);
    const verdict = goal === undefined ? '' : `  goal ${goal.goal}, floor ${goal.floor}: ${verdictOf(goal, value)}`;
    console.log(`${id.padEnd(24)} ${value.toFixed(value < 10 ? 4 : 1)}${verdict}`);
  });
}
