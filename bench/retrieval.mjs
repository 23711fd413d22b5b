// Quality of retrieval on SciFact through the gateway's own ingest and search, and the share of time that an ingest embeds.
// usage: node bench/retrieval.mjs [--whole]
import { existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { readSettings } from './gateway.mjs';
import { GOALS, verdictOf } from './goals.mjs';

const SETS = new URL('../../shared/data/scifact-train/', import.meta.url);
const DEPTH = 10;
/** MiniLM reads 256 tokens, two of them its own. */
const ROOM = 254;

/** The judged questions of SciFact's training part; undefined where they are not at hand. */
function readSet() {
  if (!existsSync(new URL('corpus.jsonl', SETS))) return undefined;
  const lines = (name) =>
    readFileSync(new URL(name, SETS), 'utf8')
      .trim()
      .split('\n')
      .filter((line) => line !== '');
  const corpus = lines('corpus.jsonl').map((line) => JSON.parse(line));
  const queries = lines('queries.jsonl').map((line) => JSON.parse(line));
  const judged = new Map();
  for (const line of lines('qrels.tsv').slice(1)) {
    const [query, document, score] = line.split('\t');
    judged.set(query, new Map(judged.get(query)).set(document, Number(score)));
  }
  return { corpus, queries: queries.filter(({ _id }) => judged.has(_id)), judged };
}

/** Normalised discounted cumulative gain of the first ten, as trec_eval has it. */
function gainOf(found, judged) {
  const discounted = (gains) => gains.slice(0, DEPTH).reduce((sum, gain, rank) => sum + gain / Math.log2(rank + 2), 0);
  const ideal = discounted([...judged.values()].sort((a, b) => b - a));
  return ideal === 0 ? 0 : discounted(found.map((document) => judged.get(document) ?? 0)) / ideal;
}

/**
 * nDCG@10 of the gateway's own ingest and search on SciFact (train), with one passage a document (cut at what the model reads) or with as
 * many passages as the chunker makes (`whole`). With one passage also the difference of a dense search to exact scoring of the same vectors,
 * and the rate of the ingest beside bare embedding of the same texts, which runs before and after it. `record(id, value)`.
 */
export async function measureRetrieval({ dist, model, whole = false, say = () => undefined }, record) {
  const set = readSet();
  if (set === undefined) return say('SciFact is not at hand; retrieval is left out');
  const { createGateway } = await import(pathToFileURL(join(dist, 'index.js')).href);
  const home = mkdtempSync(join(tmpdir(), 'locallite-bench-retrieval-'));
  // The models are those that are installed already.
  symlinkSync(join(readSettings(dist).home, 'models'), join(home, 'models'), 'junction');
  const gateway = await createGateway({ settings: { home, offline: true, log: { level: 'silent' } } });
  const name = `bench-${whole ? 'whole' : 'cut'}-${process.pid}`;
  try {
    const texts = await textsOf(gateway, set.corpus, whole, model);
    await gateway.collections.create({ name, model, chunker: whole ? {} : { maxTokens: ROOM, overlapTokens: 0, contextHeader: false } });
    const ids = new Map();
    const sources = [];
    for (const { id, text } of texts) {
      const file = await gateway.files.add({ name: `${id}.txt`, bytes: Buffer.from(text) });
      ids.set(file.id, id);
      sources.push({ kind: 'file', fileId: file.id });
    }
    const before = whole ? 0 : await bareMs(gateway, texts, model);
    const started = performance.now();
    const { id } = await gateway.collections.ingest({ collection: name, sources });
    let job;
    for await (const change of gateway.jobs.watch(id)) job = change;
    const ingestMs = performance.now() - started;
    say(`ingest: ${JSON.stringify(job.result)}`);
    if (!whole) record('ingestShare', (before + (await bareMs(gateway, texts, model))) / 2 / ingestMs);
    const exact = whole ? undefined : await exactGain(gateway, model, texts, set);
    for (const mode of ['dense', 'text', 'hybrid']) {
      for (const fusion of mode === 'hybrid' ? ['weighted', 'rrf'] : ['weighted']) {
        const gain = await meanGain(gateway, name, { ...set, ids }, { mode, fusion });
        record(`scifact ${whole ? 'whole ' : ''}${mode}${fusion === 'rrf' ? ' rrf' : ''}`, gain);
        if (mode === 'dense' && exact !== undefined) record('scifactExact', Math.abs(gain - exact));
        if (!whole && mode === 'text') record('scifactText', gain);
        if (!whole && mode === 'hybrid' && fusion === 'weighted') record('scifactHybrid', gain);
      }
    }
  } finally {
    await gateway.collections.remove(name).catch(() => undefined);
    await gateway.close();
    rmSync(home, { recursive: true, force: true });
  }
}

/** What a scan over all vectors in double precision gets. */
async function exactGain(gateway, model, texts, { queries, judged }) {
  const vectorsOf = async (list, inputType) => {
    const vectors = [];
    for (let from = 0; from < list.length; from += 256) {
      const run = await gateway.embed({ model, input: list.slice(from, from + 256), inputType, priority: 'bulk' });
      vectors.push(...run.vectors);
    }
    return vectors;
  };
  const passages = await vectorsOf(
    texts.map(({ text }) => text),
    'passage',
  );
  const asked = await vectorsOf(
    queries.map(({ text }) => text),
    'query',
  );
  const sum = queries.reduce((total, { _id }, index) => {
    const scored = passages.map((vector, at) => ({
      id: texts[at].id,
      score: vector.reduce((dot, value, k) => dot + value * asked[index][k], 0),
    }));
    scored.sort((a, b) => b.score - a.score);
    const found = scored.slice(0, DEPTH).map(({ id }) => id);
    return total + gainOf(found, judged.get(_id));
  }, 0);
  return sum / queries.length;
}

/** Title and text of each document; cut to what the model reads where it is to be one passage. */
async function textsOf(gateway, corpus, whole, model) {
  const texts = corpus.map(({ _id, title, text }) => ({ id: _id, text: `${title} ${text}`.replaceAll(/\s+/g, ' ').trim() }));
  if (whole) return texts;
  const cut = [];
  for (let from = 0; from < texts.length; from += 500) {
    const part = texts.slice(from, from + 500);
    const { tokens } = await gateway.tokenize({ model, input: part.map(({ text }) => text), addSpecialTokens: false });
    for (const [index, { id, text }] of part.entries()) cut.push({ id, text: text.slice(0, tokens[index][ROOM - 1]?.end ?? text.length) });
  }
  return cut;
}

async function bareMs(gateway, texts, model) {
  const started = performance.now();
  const requests = [];
  for (let from = 0; from < texts.length; from += 64) {
    requests.push(texts.slice(from, from + 64).map(({ text }) => text));
  }
  const worker = async () => {
    for (let input = requests.shift(); input !== undefined; input = requests.shift())
      await gateway.embed({ model, input, priority: 'bulk' });
  };
  await Promise.all([worker(), worker(), worker(), worker()]);
  return performance.now() - started;
}

async function meanGain(gateway, collection, { queries, judged, ids }, { mode, fusion }) {
  let sum = 0;
  for (const { _id, text } of queries) {
    const { hits } = await gateway.collections.search(collection, { query: text, mode, fusion, k: DEPTH, perDocument: 1 });
    sum += gainOf(
      hits.map(({ fileId }) => ids.get(fileId)),
      judged.get(_id),
    );
  }
  return sum / queries.length;
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const dist = fileURLToPath(new URL('../dist/', import.meta.url));
  const whole = process.argv.includes('--whole');
  await measureRetrieval({ dist, model: 'all-MiniLM-L6-v2', whole, say: (text) => console.error(text) }, (id, value) => {
    const goal = GOALS.find((each) => each.id === id);
    const verdict = goal === undefined ? '' : ` (goal ${goal.goal}, floor ${goal.floor}): ${verdictOf(goal, value)}`;
    console.log(`${goal?.label ?? id}: ${value.toFixed(4)}${verdict}`);
  });
}
