import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

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
 * nDCG@10 of the gateway's own ingest and search on SciFact (train), with one passage a document (cut at what the model reads) and with as
 * many passages as the chunker makes; also documents a second of the ingest beside bare embedding of the same passages.
 */
export async function measureRetrieval({ dist, home, model, whole = false, say = () => undefined }, record) {
  const set = readSet();
  if (set === undefined) return say('SciFact is not at hand; retrieval is left out');
  const { createGateway } = await import(pathToFileURL(join(dist, 'index.js')).href);
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
    const started = performance.now();
    const { id } = await gateway.collections.ingest({ collection: name, sources });
    let job;
    for await (const change of gateway.jobs.watch(id)) job = change;
    const ingestMs = performance.now() - started;
    say(`ingest: ${JSON.stringify(job.result)}`);
    if (!whole) {
      record('ingestShare', (await bareMs(gateway, texts, model)) / ingestMs);
    }
    for (const mode of ['dense', 'text', 'hybrid']) {
      for (const fusion of mode === 'hybrid' ? ['weighted', 'rrf'] : ['weighted']) {
        record(
          `${whole ? 'whole-' : ''}${mode}${fusion === 'rrf' ? '-rrf' : ''}`,
          await meanGain(gateway, name, { ...set, ids }, { mode, fusion }),
        );
      }
    }
  } finally {
    await gateway.collections.remove(name).catch(() => undefined);
    await gateway.close();
  }
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
  const times = [];
  for (const { _id, text } of queries) {
    const { hits, timings } = await gateway.collections.search(collection, { query: text, mode, fusion, k: DEPTH, perDocument: 1 });
    times.push(timings.searchMs);
    sum += gainOf(
      hits.map(({ fileId }) => ids.get(fileId)),
      judged.get(_id),
    );
  }
  times.sort((a, b) => a - b);
  return { ndcg: sum / queries.length, searchMs: times[times.length >> 1] };
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const home = process.argv[2] ?? mkdtempSync(join(tmpdir(), 'locallite-bench-retrieval-'));
  const dist = new URL('../dist/', import.meta.url).pathname;
  const options = { dist, home, model: 'all-MiniLM-L6-v2', whole: process.argv.includes('--whole'), say: (text) => console.error(text) };
  await measureRetrieval(options, (id, value) => console.log(id, value));
  if (process.argv[2] === undefined) rmSync(home, { recursive: true, force: true });
}
