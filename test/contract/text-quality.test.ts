import { existsSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { InvertedIndex } from '../../src/indexing/inverted-index.ts';

/** Public judgements that are not part of the project: SciFact's training part, title and text of each abstract as one passage. */
const SET = new URL('../../../shared/data/scifact-train/', import.meta.url);
const DEPTH = 10;

function lines(name: string): readonly string[] {
  return readFileSync(new URL(name, SET), 'utf8').trim().split('\n');
}

function discounted(gains: readonly number[]): number {
  return gains.slice(0, DEPTH).reduce((sum, gain, rank) => sum + gain / Math.log2(rank + 2), 0);
}

test.skipIf(!existsSync(SET))('BM25 alone reaches the reference on judged questions', () => {
  const corpus = lines('corpus.jsonl').map((line) => JSON.parse(line) as { _id: string; title: string; text: string });
  const queries = lines('queries.jsonl').map((line) => JSON.parse(line) as { _id: string; text: string });
  const judged = new Map<string, Map<string, number>>();
  for (const line of lines('qrels.tsv').slice(1)) {
    const [query = '', document = '', gain] = line.split('\t');
    judged.set(query, (judged.get(query) ?? new Map<string, number>()).set(document, Number(gain)));
  }
  const index = new InvertedIndex();
  index.upsert(corpus.map(({ title, text }, chunk) => ({ chunk, text: `${title} ${text}` })));
  const scores: number[] = [];
  for (const { _id, text } of queries) {
    const gains = judged.get(_id);
    if (gains === undefined) continue;
    const { chunks } = index.search({ text, phrases: [], fuzzy: true }, DEPTH);
    const ideal = discounted([...gains.values()].sort((a, b) => b - a));
    scores.push(discounted(chunks.map((chunk) => gains.get(corpus[chunk]?._id ?? '') ?? 0)) / ideal);
  }
  expect(scores).toHaveLength(809);
  // bm25s with k1 0.9, b 0.4 and an English stemmer gives 0.6945.
  expect(scores.reduce((sum, score) => sum + score, 0) / scores.length).toBeGreaterThan(0.69);
});
