import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, test } from 'vitest';
import wabt from 'wabt';
import { analyze } from '../../src/indexing/analyze.ts';
import { Best } from '../../src/indexing/best.ts';
import { readCache, writeCache } from '../../src/indexing/cache-file.ts';
import { keepOnly } from '../../src/indexing/chunk-set.ts';
import { DOT_PRODUCTS } from '../../src/indexing/dot-products.ts';
import { EditionDocuments } from '../../src/indexing/edition-documents.ts';
import { compileFilter } from '../../src/indexing/filter.ts';
import { readGraph, writeGraph } from '../../src/indexing/graph-file.ts';
import { GraphIndex } from '../../src/indexing/graph-index.ts';
import type { ComparisonFilter, Filter } from '../../src/indexing/index-types.ts';
import { InvertedIndex } from '../../src/indexing/inverted-index.ts';
import { languageOfWords } from '../../src/indexing/languages.ts';
import { VectorRows } from '../../src/indexing/vector-rows.ts';
import { clusteredVectors } from '../../src/testing/index-suites.ts';

const folder = mkdtempSync(join(tmpdir(), 'locallite-index-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test('the module of dot products is what its source says', async () => {
  const source = readFileSync(new URL('../../src/indexing/dot-products.wat', import.meta.url), 'utf8');
  const { buffer } = (await wabt()).parseWat('dot-products.wat', source, { simd: true }).toBinary({});
  expect(Buffer.from(buffer).toString('base64')).toBe(DOT_PRODUCTS);
});

describe('rows', () => {
  const vectorOf = (size: number) => fc.array(fc.float({ min: -8, max: 8, noNaN: true }), { minLength: size, maxLength: size });

  test('the k best are those of a plain comparison, whatever the vectors', () => {
    const cases = fc
      .integer({ min: 1, max: 40 })
      .chain((size) => fc.tuple(vectorOf(size), fc.array(vectorOf(size), { minLength: 1, maxLength: 60 })));
    fc.assert(
      fc.property(cases, ([query, vectors]) => {
        const rows = new VectorRows(query.length);
        for (const [chunk, vector] of vectors.entries()) rows.add(chunk, Float32Array.from(vector));
        const plain = new Best(5);
        for (const [chunk, vector] of vectors.entries())
          plain.add(
            chunk,
            vector.reduce((sum, value, at) => sum + value * (query[at] ?? 0), 0),
          );
        const found = rows.bestOf(Float32Array.from(query), 5, undefined).scores;
        for (const [rank, score] of plain.hits().scores.entries()) expect(found[rank]).toBeCloseTo(score, 3);
      }),
      { numRuns: 200 },
    );
  });

  test('moving rows together keeps every vector', () => {
    const { vectors, dimensions } = clusteredVectors(5000, 8);
    const rows = new VectorRows(dimensions);
    for (let row = 0; row < 5000; row++) rows.add(row, vectors.subarray(row * 8, row * 8 + 8));
    for (let row = 0; row < 5000; row++) if (row % 3 !== 1) rows.remove(row);
    rows.compact();
    expect([rows.used, rows.size]).toEqual([1667, 1667]);
    for (let chunk = 1; chunk < 5000; chunk += 3) {
      expect([...rows.vectorAt(rows.rowOf(chunk) ?? -1)]).toEqual([...vectors.subarray(chunk * 8, chunk * 8 + 8)]);
    }
  });
});

describe('a kept graph', () => {
  const { vectors, dimensions } = clusteredVectors(3000, 24);
  const vector = (chunk: number): Float32Array => vectors.slice(chunk * dimensions, (chunk + 1) * dimensions);
  const numbers = Array.from({ length: 3000 }, (_, chunk) => chunk);
  const path = join(folder, 'edition', 'graph');

  function fill(index: GraphIndex, chunks: readonly number[], vectorFor = vector): void {
    for (const chunk of chunks) index.upsert([chunk], vectorFor(chunk));
  }
  function finish(index: GraphIndex): GraphIndex {
    while (index.improve(100));
    return index;
  }
  function made(chunks: readonly number[]): GraphIndex {
    const index = new GraphIndex(dimensions, { exactBelow: 100 });
    fill(index, chunks);
    return finish(index);
  }
  function keep(index: GraphIndex): void {
    const saved = index.save();
    if (saved === undefined) throw new TypeError('nothing to keep');
    writeGraph(path, dimensions, saved);
  }
  function restored(): GraphIndex {
    const saved = readGraph(path, dimensions);
    if (saved === undefined) throw new TypeError('nothing was kept');
    const index = new GraphIndex(dimensions, { exactBelow: 100 });
    index.restore(saved);
    return index;
  }

  test('answers as before, without being made again', () => {
    const before = made(numbers);
    keep(before);
    const after = restored();
    fill(after, numbers.toReversed());
    expect(after.finishRestoring()).toBe(true);
    expect([after.kind, after.linked]).toEqual(['graph', 3000]);
    for (let chunk = 0; chunk < 3000; chunk += 100) expect(after.search(vector(chunk), 10)).toEqual(before.search(vector(chunk), 10));
  });

  test('takes in what was added and misses what was removed since', () => {
    const before = made(numbers.slice(0, 2900));
    before.remove(numbers.slice(0, 50));
    keep(before);
    const after = restored();
    fill(after, numbers.slice(100));
    expect(after.finishRestoring()).toBe(true);
    expect([after.size, after.linked]).toEqual([2900, 2900]);
    finish(after);
    expect(after.linked).toBe(3000);
    expect(after.save()?.removed.subarray(0, 50 * dimensions)).toEqual(vectors.subarray(0, 50 * dimensions));
    for (let chunk = 0; chunk < 3000; chunk += 50) {
      const wanted = after.searchExactly(vector(chunk), 10).chunks;
      expect(after.search(vector(chunk), 10).chunks.filter((found) => wanted.includes(found)).length).toBeGreaterThanOrEqual(9);
    }
  });

  test('is not used with other vectors, nor where most of its rows are gone', () => {
    keep(made(numbers));
    const foreign = restored();
    fill(foreign, numbers, (chunk) => vector(2999 - chunk));
    expect([foreign.finishRestoring(), foreign.linked, foreign.size]).toEqual([false, 0, 3000]);
    expect(foreign.search(vector(7), 1).chunks).toEqual([2992]);
    const shrunk = restored();
    fill(shrunk, numbers.slice(0, 1000));
    expect([shrunk.finishRestoring(), shrunk.linked, shrunk.size]).toEqual([false, 0, 1000]);
    expect(finish(shrunk).search(vector(7), 1).chunks).toEqual([7]);
  });

  test('is made anew when many rows were removed', () => {
    const index = made(numbers);
    index.remove(numbers.slice(0, 1000));
    expect(index.linked).toBe(3000);
    finish(index);
    expect([index.linked, index.size]).toEqual([2000, 2000]);
  });

  test('is not read for vectors of another length', () => {
    keep(made(numbers.slice(0, 200)));
    expect(readGraph(path, dimensions + 1)).toBeUndefined();
  });
});

describe('cache file', () => {
  const path = join(folder, 'cache', 'file');
  const content = { facts: { a: 1, b: 'two' }, parts: { one: new Uint8Array([1, 2, 3]), two: new Float64Array([Math.PI, -1]) } };

  test('is read as it was written, for the owner alone, and leaves nothing beside it', () => {
    writeCache(path, content);
    const read = readCache(path);
    expect(read?.facts).toMatchObject(content.facts);
    expect(new Uint8Array(read?.parts.get('one') ?? new ArrayBuffer())).toEqual(content.parts.one);
    expect(new Float64Array(read?.parts.get('two') ?? new ArrayBuffer())).toEqual(content.parts.two);
    expect(readdirSync(join(folder, 'cache'))).toEqual(['file']);
    if (process.platform !== 'win32') expect(statSync(path).mode & 0o777).toBe(0o600);
  });

  test('is not read when any byte is wrong or missing', () => {
    writeCache(path, content);
    const whole = readFileSync(path);
    for (let at = 0; at < whole.length; at += 3) {
      const torn = Buffer.from(whole);
      torn[at] = (torn[at] ?? 0) ^ 0x10;
      writeFileSync(path, torn);
      // The length of the header is checked by what follows from it.
      if (at < 12 || at >= 16) expect(readCache(path), `byte ${at}`).toBeUndefined();
      writeFileSync(path, whole.subarray(0, at));
      expect(readCache(path), `${at} bytes`).toBeUndefined();
    }
    expect(readCache(join(folder, 'nothing'))).toBeUndefined();
  });

  test.skipIf(process.platform === 'win32' || process.getuid?.() === 0)('says when it cannot be written, and leaves the old one', () => {
    writeCache(path, content);
    chmodSync(join(folder, 'cache'), 0o500);
    try {
      expect(() => writeCache(path, { facts: {}, parts: {} })).toThrow();
      expect(readCache(path)?.facts).toMatchObject(content.facts);
    } finally {
      chmodSync(join(folder, 'cache'), 0o700);
    }
  });
});

describe('filters', () => {
  const attributes = { year: 2021, title: 'B', open: true, tags: ['x', 'y'], numbers: [1, 5], date: '2024-05-01' };
  const passes = (filter: Filter): boolean => compileFilter(filter)(attributes);
  const one = (type: ComparisonFilter['type'], key: string, value: ComparisonFilter['value']): boolean => passes({ type, key, value });

  test.each<[ComparisonFilter['type'], string, ComparisonFilter['value'], boolean]>([
    ['eq', 'year', 2021, true],
    ['eq', 'year', '2021', false],
    ['eq', 'open', true, true],
    ['eq', 'tags', 'x', true],
    ['eq', 'missing', 'x', false],
    ['ne', 'year', 2020, true],
    ['ne', 'year', 2021, false],
    ['ne', 'missing', 1, true],
    ['gt', 'year', 2020, true],
    ['gt', 'year', 2021, false],
    ['gte', 'year', 2021, true],
    ['lt', 'year', '3', false],
    ['lte', 'numbers', 1, true],
    ['gt', 'numbers', 5, false],
    ['gte', 'date', '2024-01-31', true],
    ['lt', 'date', '2024-01-31', false],
    ['in', 'title', ['A', 'B'], true],
    ['in', 'title', ['A'], false],
    ['nin', 'title', ['A'], true],
    ['nin', 'title', ['B'], false],
    ['nin', 'missing', ['B'], true],
    ['contains', 'tags', 'y', true],
    ['not_contains', 'tags', 'y', false],
    ['eq', 'constructor', 'x', false],
    ['ne', '__proto__', 'x', true],
  ])('%s %s %j: %s', (type, key, value, wanted) => expect(one(type, key, value)).toBe(wanted));

  test('and, or, nothing inside, and too deep', () => {
    const yes: Filter = { type: 'eq', key: 'year', value: 2021 };
    const no: Filter = { type: 'eq', key: 'year', value: 1 };
    expect(passes({ type: 'and', filters: [yes, no] })).toBe(false);
    expect(passes({ type: 'or', filters: [no, { type: 'and', filters: [yes, yes] }] })).toBe(true);
    expect([passes({ type: 'and', filters: [] }), passes({ type: 'or', filters: [] })]).toEqual([true, false]);
    let deep: Filter = yes;
    for (let depth = 0; depth < 20_000; depth++) deep = { type: 'and', filters: [deep] };
    expect(() => passes(deep)).toThrow(/32 deep/);
  });

  test('kept chunks follow documents, attributes and what is removed', () => {
    const documents = new EditionDocuments();
    for (let chunk = 1; chunk <= 6; chunk++) documents.add(chunk, chunk % 2);
    documents.setAttributes(0, { kind: 'even' });
    documents.setAttributes(1, { kind: 'odd' });
    const kept = (value: string) => [...(documents.kept({ filter: { type: 'eq', key: 'kind', value } })?.chunks?.() ?? [])];
    expect([kept('even'), kept('odd')]).toEqual([
      [2, 4, 6],
      [1, 3, 5],
    ]);
    documents.remove(4);
    documents.setAttributes(1, { kind: 'even' });
    expect(kept('even').sort()).toEqual([1, 2, 3, 5, 6]);
    expect(documents.kept({})).toBeUndefined();
    expect(documents.kept({ documents: [0, 0] })?.count).toBe(2);
  });

  test('a set of chunks has those and no others', () => {
    for (const chunks of [[], [5], [3, 900, 17, 64], [1, 2 ** 40]]) {
      const keep = keepOnly(chunks);
      for (const chunk of [0, 1, 2, 3, 5, 17, 64, 65, 900, 901, 2 ** 32 + 5, 2 ** 40]) expect(keep(chunk)).toBe(chunks.includes(chunk));
    }
  });
});

describe('words', () => {
  test.each<[string, readonly string[], readonly string[]]>([
    ['The Quick, BROWN fox', ['the', 'quick', 'brown', 'fox'], []],
    ["don't l'homme O'Neill", ['don', 'homme', 'neill'], []],
    ['foo_bar C++ e-mail', ['foo', 'bar', 'c', 'e', 'mail'], ['foo_bar', 'c++', 'email']],
    ['getUserName', ['getusername'], ['get', 'user', 'name']],
    ['3.14 a@b.org', ['3', '14', 'a', 'b', 'org'], ['3.14', 'a@b.org']],
    ['Zürich façade Straße', ['zurich', 'facade', 'strasse'], []],
    ['東京都 iPhone手机', ['東京', '京都', 'iphone', '手机'], ['phone']],
    ['สวัสดี', ['สว', 'วั', 'ัส', 'สด', 'ดี'], []],
    ['красивый ёлка', ['красивый', 'елка'], []],
    ['हिन्दी', ['हिन्दी'], []],
    ['x'.repeat(65), [], []],
  ])('%s', (text, words, extras) => expect(analyze(text)).toEqual({ words, extras }));

  test.each([
    ['english', 'the cat sat on the mat with a dog in the house'],
    ['german', 'die katze sitzt auf der matte und der hund ist im haus'],
    ['french', 'le chat est sur le tapis avec un chien dans la maison'],
    ['spanish', 'el gato esta en la casa con los perros y las gatas'],
    ['russian', 'кот на ковре и собака в доме с хозяином'],
    [undefined, 'xylophone quartz'],
  ])('tells %s', (language, text) => expect(languageOfWords(text.split(' '))).toBe(language));
});

describe('BM25', () => {
  const WORDS = 'amber basil cedar daisy ember fennel ginger hazel'.split(' ');
  const textOf = fc.array(fc.constantFrom(...WORDS), { minLength: 1, maxLength: 30 });

  test('with pruning gives what a plain sum over all passages gives', () => {
    fc.assert(
      fc.property(fc.array(textOf, { minLength: 1, maxLength: 80 }), textOf, fc.integer({ min: 1, max: 12 }), (texts, query, k) => {
        const index = new InvertedIndex();
        index.upsert(texts.map((words, chunk) => ({ chunk, text: words.join(' ') })));
        const best = new Best(k);
        for (const [chunk, words] of texts.entries()) {
          const score = plainScore(words, query, texts);
          if (score > 0) best.add(chunk, Math.round(score * 1e5) / 1e5);
        }
        const found = index.search({ text: query.join(' '), phrases: [], fuzzy: false }, k);
        const wanted = best.hits().scores;
        expect(found.scores.length).toBe(wanted.length);
        for (const [rank, score] of found.scores.entries()) expect(score).toBeCloseTo(wanted[rank] ?? 0, 3);
      }),
      { numRuns: 300 },
    );
  });

  test('finds forms of words in each language of a mixed collection, and a word of a single passage as it is written', () => {
    const index = new InvertedIndex();
    const english = Array.from({ length: 100 }, (_, at) => `the houses of the village number ${at} and their gardens`);
    const german = Array.from({ length: 100 }, (_, at) => `die Häuser in der Stadt und die Gärten sind alt ${at}`);
    index.upsert([...english, ...german, 'le chat et les maisons de la ville sont dans une rue'].map((text, chunk) => ({ chunk, text })));
    const hits = (text: string) => index.search({ text, phrases: [], fuzzy: false }, 500).chunks;
    expect(hits('garden')).toHaveLength(100);
    expect(hits('Haus')).toHaveLength(100);
    expect(hits('maisons')).toEqual([200]);
  });

  test('a known language is taken at its word', () => {
    const index = new InvertedIndex();
    index.upsert([{ chunk: 1, text: 'Häuser', language: 'de-CH' }]);
    expect(index.search({ text: 'Haus', phrases: [], fuzzy: false }, 5).chunks).toEqual([1]);
  });

  function plainScore(words: readonly string[], query: readonly string[], texts: readonly (readonly string[])[]): number {
    const average = texts.reduce((sum, text) => sum + text.length, 0) / texts.length;
    let score = 0;
    for (const term of query) {
      const having = texts.filter((text) => text.includes(term)).length;
      const count = words.filter((word) => word === term).length;
      const idf = Math.log(1 + (texts.length - having + 0.5) / (having + 0.5));
      score += (idf * count * 1.9) / (count + 0.9 * (0.6 + (0.4 * words.length) / average));
    }
    return score;
  }
});
