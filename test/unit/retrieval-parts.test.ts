import { setTimeout as sleep } from 'node:timers/promises';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { makeContext, sourceOf } from '../../src/retrieval/context.ts';
import { diversify } from '../../src/retrieval/diversity.ts';
import { EmbedFeeder } from '../../src/retrieval/embed-feeder.ts';
import { fuseByRank, fuseByScore } from '../../src/retrieval/fuse.ts';
import { runLimited, type Weighed } from '../../src/retrieval/limited.ts';
import { areForms, readQuery } from '../../src/retrieval/query-text.ts';
import type { SearchHit } from '../../src/retrieval/retrieval-types.ts';
import { makeSnippet } from '../../src/retrieval/snippet.ts';
import { stitch } from '../../src/retrieval/stitch.ts';

const list = (weight: number, ...pairs: readonly (readonly [number, number])[]) => ({
  chunks: pairs.map(([chunk]) => chunk),
  scores: pairs.map(([, score]) => score),
  weight,
});

describe('fusion', () => {
  it('by rank adds 1 / (60 + rank), as a share of the best possible', () => {
    const fused = fuseByRank([list(0.5, [1, 9], [2, 8]), list(0.5, [2, 0.7])]);
    const best = 1 / 61;
    expect(fused.map(({ chunk }) => chunk)).toEqual([2, 1]);
    expect(fused[0]?.score).toBeCloseTo((0.5 / 62 + 0.5 / 61) / best, 12);
    expect(fused[1]?.score).toBeCloseTo(0.5, 12);
  });

  it('by score brings each list to 0..1', () => {
    const fused = fuseByScore([list(0.5, [1, 30], [2, 20], [3, 10]), list(0.5, [3, 0.9], [2, 0.4])]);
    expect(fused).toEqual([
      { chunk: 1, score: 0.5 },
      { chunk: 3, score: 0.5 },
      { chunk: 2, score: 0.25 },
    ]);
  });

  it('of a list with one score counts that score whole', () => {
    expect(fuseByScore([list(0.5, [7, 0.3])])).toEqual([{ chunk: 7, score: 1 }]);
    expect(fuseByScore([list(0.5, [7, 0.3]), list(0.5)])).toEqual([{ chunk: 7, score: 0.5 }]);
  });

  it('stays between 0 and 1, in falling order, each chunk once', () => {
    const lists = fc.array(
      fc.uniqueArray(fc.tuple(fc.nat(50), fc.double({ min: -5, max: 40, noNaN: true })), { selector: ([chunk]) => chunk }),
      { minLength: 1, maxLength: 4 },
    );
    fc.assert(
      fc.property(lists, (drawn) => {
        const ranked = drawn.map((pairs) => list(1 / drawn.length, ...pairs.sort((a, b) => b[1] - a[1])));
        for (const fuse of [fuseByRank, fuseByScore]) {
          const fused = fuse(ranked);
          expect(new Set(fused.map(({ chunk }) => chunk)).size).toBe(fused.length);
          expect(new Set(drawn.flat().map(([chunk]) => chunk)).size).toBe(fused.length);
          for (const [index, { score }] of fused.entries()) {
            expect(score).toBeGreaterThanOrEqual(0);
            expect(score).toBeLessThanOrEqual(1 + 1e-9);
            expect(score).toBeLessThanOrEqual(fused[index - 1]?.score ?? 2);
          }
        }
      }),
    );
  });
});

describe('diversity', () => {
  const candidate = (item: string, score: number, ...vector: readonly number[]) => ({ item, score, vector: Float32Array.from(vector) });
  const candidates = [candidate('a', 1, 1, 0), candidate('twin of a', 0.99, 1, 0), candidate('b', 0.5, 0, 1)];

  it('of 0 keeps the order', () => {
    expect(diversify(candidates, 0, 3)).toEqual(['a', 'twin of a', 'b']);
  });

  it('puts what is different before a twin', () => {
    expect(diversify(candidates, 0.5, 3)).toEqual(['a', 'b', 'twin of a']);
    expect(diversify(candidates, 0.5, 1)).toEqual(['a']);
  });
});

describe('queries', () => {
  it('give up their phrases, in any kind of double quotes', () => {
    expect(readQuery('who "stole the" tarts', true)).toEqual({ text: 'who  stole the  tarts', phrases: ['stole the'], fuzzy: true });
    expect(readQuery('„rote Grütze“ und “white lie”', false).phrases).toEqual(['rote Grütze', 'white lie']);
    expect(readQuery('a " alone', false).phrases).toEqual([]);
  });

  it('know forms of a word', () => {
    for (const [a, b] of [
      ['answer', 'answering'],
      ['study', 'studied'],
      ['cat', 'cat'],
    ] as const)
      expect(areForms(a, b)).toBe(true);
    for (const [a, b] of [
      ['cat', 'cats'],
      ['post', 'poster board'],
      ['general', 'generous'],
    ] as const)
      expect(areForms(a, b)).toBe(false);
  });
});

describe('snippets', () => {
  const filler = 'Nothing of this is about the matter at hand, and it goes on for a while. ';

  it('show the sentences that hold the words of the query', () => {
    const text = `${filler.repeat(8)}The Queen of Hearts made some tarts. ${filler.repeat(8)}`;
    const { text: shown, highlights } = makeSnippet(text, ['what did the queen make tart']);
    expect(shown).toContain('The Queen of Hearts made some tarts.');
    expect(highlights.map(({ start, end }) => shown.slice(start, end))).toEqual(['Queen', 'tarts']);
  });

  it('are parts of the text with highlights inside', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', maxLength: 1500 }), fc.string({ maxLength: 40 }), (text, query) => {
        const { text: shown, highlights } = makeSnippet(text, [query]);
        expect(text).toContain(shown);
        expect(shown.length).toBeLessThanOrEqual(280);
        for (const { start, end } of highlights) expect(start >= 0 && start < end && end <= shown.length).toBe(true);
      }),
    );
  });
});

describe('neighbouring passages', () => {
  const whole = 'One two three. Four five six.\n\nSeven eight.';
  const piece = (start: number, end: number) => ({ text: whole.slice(start, end), start, end });

  it('are put together without what they share', () => {
    expect(stitch([piece(0, 20), piece(15, 29), piece(31, 43)])).toBe(whole);
    expect(stitch([piece(0, 29), piece(15, 29)])).toBe(whole.slice(0, 29));
    expect(stitch([])).toBe('');
  });

  const hit = (fileId: string, ordinal: number, start: number, end: number): SearchHit => ({
    chunkId: start,
    fileId,
    fileName: 'tale.md',
    title: 'A tale',
    ordinal,
    score: 1,
    parts: {},
    ...piece(start, end),
    page: 3,
    lastPage: 3,
    path: ['A tale', 'Numbers'],
    attributes: {},
    meta: {},
    snippet: { text: '', highlights: [] },
    windowText: undefined,
  });
  const counter = { count: (text: string) => text.split(/\s+/).filter(Boolean).length, spans: async () => [] };

  it('become one numbered block with its source', () => {
    const [block, ...more] = makeContext([hit('f', 1, 15, 29), hit('f', 0, 0, 20)], 100, counter);
    expect(more).toEqual([]);
    expect(block).toMatchObject({
      number: 1,
      text: whole.slice(0, 29),
      source: 'A tale > Numbers, page 3',
      hits: [1, 0],
      start: 0,
      end: 29,
    });
  });

  it('stay within the budget; a smaller block may follow one that does not fit', () => {
    const hits = [hit('f', 0, 0, 43), hit('g', 0, 31, 43)];
    const blocks = makeContext(hits, 11, counter);
    expect(blocks.map(({ fileId }) => fileId)).toEqual(['g']);
    expect(blocks.reduce((sum, { tokens }) => sum + tokens, 0)).toBeLessThanOrEqual(11);
  });

  it('name pages and files where there is no title', () => {
    expect(sourceOf({ title: undefined, fileName: 'a.pdf', path: ['One'], page: 1, lastPage: 2 })).toBe('a.pdf > One, pages 1-2');
  });
});

describe('work in limits', () => {
  it('never has more or heavier work at once than is allowed, and a heavy piece runs alone', async () => {
    let running: number[] = [];
    const seen: number[][] = [];
    const work = (weight: number): Weighed => ({
      weight,
      async run() {
        running.push(weight);
        seen.push([...running]);
        await sleep(1);
        running = running.filter((_, index) => index !== running.indexOf(weight));
      },
    });
    const weights = [1, 2, 3, 50, 1, 1, 1, 1, 1, 1, 4, 9];
    async function* items() {
      for (const weight of weights) yield work(weight);
    }
    await runLimited(items(), { most: 4, capacity: 10 });
    expect(seen).toHaveLength(weights.length);
    for (const together of seen) {
      expect(together.length).toBeLessThanOrEqual(4);
      if (together.length > 1) expect(together.reduce((sum, weight) => sum + weight, 0)).toBeLessThanOrEqual(10);
    }
  });

  it('waits for what runs before it throws the first failure, and asks for no more', async () => {
    let asked = 0;
    let ended = false;
    async function* items(): AsyncGenerator<Weighed> {
      asked++;
      yield { weight: 1, run: async () => void (await sleep(20).then(() => (ended = true))) };
      asked++;
      yield { weight: 1, run: () => Promise.reject(new TypeError('no')) };
      for (;;) {
        asked++;
        await sleep(1);
        yield { weight: 1, run: () => sleep(5) };
      }
    }
    await expect(runLimited(items(), { most: 3, capacity: 10 })).rejects.toThrow('no');
    expect(ended).toBe(true);
    expect(asked).toBeLessThan(10);
  });
});

describe('the feeder', () => {
  const made = (texts: readonly string[]) => ({
    space: 's',
    variant: 'v',
    promptTokens: 0,
    vectors: texts.map((text) => Float32Array.of(text.length)),
  });
  const feeder = (embed: (texts: readonly string[]) => Promise<ReturnType<typeof made>>, check = async () => undefined) =>
    new EmbedFeeder({ inference: { embed }, model: 'm', check, signal: new AbortController().signal });

  it('shares requests between documents and gives each its own vectors', async () => {
    const sizes: number[] = [];
    const one = feeder(async (texts) => {
      sizes.push(texts.length);
      await sleep(1);
      return made(texts);
    });
    const documents = Array.from({ length: 200 }, (_, index) => ['x'.repeat(index), 'y'.repeat(index + 1)]);
    const vectors = await Promise.all(documents.map((texts) => one.embed(texts)));
    expect(vectors.map((rows) => rows.map(([value]) => value))).toEqual(documents.map((texts) => texts.map((text) => text.length)));
    expect(Math.max(...sizes)).toBe(64);
    expect(sizes.length).toBeLessThan(12);
  });

  it('fails only the documents of a request that fails', async () => {
    const one = feeder(async (texts) => {
      if (texts.includes('bad')) throw new RangeError('refused');
      return made(texts);
    });
    const outcomes = await Promise.allSettled([
      one.embed(['bad']),
      one.embed(Array.from({ length: 63 }, () => 'a')),
      one.embed(['later']),
      one.embed([]),
    ]);
    expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'fulfilled', 'fulfilled']);
  });
});
