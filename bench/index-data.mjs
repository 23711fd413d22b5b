// Real embeddings for the index lines: sentences and two-sentence windows of a folder of texts, made once and kept.
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { listOf } from './texts.mjs';

const BATCH = 512;
const SHORTEST = 20;
/** Passages that are looked for, not indexed, so that no query is its own answer. */
export const QUERIES = 500;

/** Sentences and windows of two, each text once, in an order that is the same in every run. */
export function passages(dataFolder) {
  const found = new Set();
  const segmenter = new Intl.Segmenter('en', { granularity: 'sentence' });
  // Paragraph by paragraph: every segment that is given out holds the whole text it was cut from.
  for (const text of documents(dataFolder).flatMap((document) => document.split(/\n\s*\n/))) {
    const sentences = [...segmenter.segment(text)]
      .map(({ segment }) => segment.trim().replace(/\s+/g, ' '))
      .filter((sentence) => sentence.length >= SHORTEST);
    for (const [index, sentence] of sentences.entries()) {
      found.add(sentence);
      if (index > 0) found.add(`${sentences[index - 1]} ${sentence}`);
    }
  }
  const all = [...found];
  return listOf(all, all.length);
}

function documents(dataFolder) {
  const corpus = join(dataFolder, 'scifact-train', 'corpus.jsonl');
  const books = join(dataFolder, 'corpora', 'books');
  const records = existsSync(corpus) ? readFileSync(corpus, 'utf8').trim().split('\n').map(JSON.parse) : [];
  const files = existsSync(books) ? readdirSync(books).filter((name) => name.endsWith('.md')) : [];
  return [...records.map(({ title, text }) => `${title} ${text}`), ...files.map((name) => readFileSync(join(books, name), 'utf8'))];
}

/** Texts with their vectors, row-major; read back from the cache folder where an earlier run left them. */
export async function embeddedPassages({
  dataFolder,
  dist,
  model,
  count,
  cache = join(tmpdir(), 'locallite-bench-vectors'),
  say = () => {},
}) {
  const texts = passages(dataFolder).slice(0, count + QUERIES);
  const path = join(cache, `${model.replace(/\W+/g, '-')}-${texts.length}.f32`);
  if (existsSync(path)) return toSet(texts, new Float32Array(readFileSync(path).buffer));
  const vectors = await embed({ dist, model, texts, say });
  mkdirSync(cache, { recursive: true });
  writeFileSync(`${path}.part`, new Uint8Array(vectors.buffer));
  renameSync(`${path}.part`, path);
  return toSet(texts, vectors);
}

function toSet(texts, vectors) {
  return { texts, vectors, dimensions: vectors.length / texts.length };
}

async function embed({ dist, model, texts, say }) {
  const { createGateway } = await import(pathToFileURL(join(dist, 'index.js')).href);
  const gateway = await createGateway();
  try {
    let vectors;
    for (let from = 0; from < texts.length; from += BATCH) {
      const result = await gateway.embed({ input: texts.slice(from, from + BATCH), model, truncate: true });
      const dimensions = result.vectors[0].length;
      vectors ??= new Float32Array(texts.length * dimensions);
      for (const [row, vector] of result.vectors.entries()) vectors.set(vector, (from + row) * dimensions);
      if ((from / BATCH) % 20 === 0) say(`embedded ${from} of ${texts.length}`);
    }
    return vectors;
  } finally {
    await gateway.close();
  }
}
