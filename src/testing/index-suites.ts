import type { IndexHits, TextIndex, TextQuery, VectorIndex } from '../indexing/index-types.ts';
import { expectSame, expectTrue } from './expect.ts';

/** One named check of a contract suite; it throws where the contract is broken. */
export interface ContractCheck {
  readonly name: string;
  run(): void;
}

/** Vectors to check an index with; real embeddings show more than made-up ones. */
export interface VectorSample {
  readonly dimensions: number;
  /** Row-major [rows, dimensions], of unit length. */
  readonly vectors: Float32Array;
}

const K = 10;
const QUERIES = 50;
/** Share of the true ten best that an index which does not compare all must find. */
const LEAST_RECALL = 0.95;

/**
 * The contract of {@link VectorIndex}, for any implementation: hand each check to a test runner.
 * @param make a new, empty index of so many dimensions
 */
export function testVectorIndex(
  make: (dimensions: number) => VectorIndex,
  sample: VectorSample = clusteredVectors(600, 32),
): readonly ContractCheck[] {
  const set = new SampleSet(sample);
  const filled = (): VectorIndex => {
    const index = make(sample.dimensions);
    index.upsert(set.numbers, sample.vectors.subarray(0, set.numbers.length * sample.dimensions));
    return index;
  };
  return [
    {
      name: 'finds nothing in an empty index',
      run: () => expectHits(make(sample.dimensions).search(set.vector(0), K), []),
    },
    {
      name: 'counts what it has and says its dimensions',
      run: () => {
        const index = filled();
        expectSame([index.size, index.dimensions], [set.numbers.length, sample.dimensions]);
        expectTrue(index.memoryBytes >= sample.dimensions * set.numbers.length, 'memoryBytes is less than the vectors take');
      },
    },
    {
      name: 'finds each vector by itself',
      run: () => {
        const index = filled();
        for (let row = 0; row < set.numbers.length; row += 37) {
          const { chunks, scores } = index.search(set.vector(row), 1);
          expectClose(scores[0], 1, `score of row ${row} with itself`);
          expectClose(set.score(row, chunks[0]), 1, `row ${row} finds a vector that is it`);
        }
      },
    },
    {
      name: 'finds the nearest, best first, with their products as scores',
      run: () => checkNearest(filled(), set, set.numbers, undefined),
    },
    {
      name: 'keeps to the filter, and finds k where k are kept',
      run: () => {
        const index = filled();
        for (const share of [2, 10, 50, set.numbers.length - 3]) {
          const keep = (chunk: number): boolean => chunk % share === 0;
          checkNearest(index, set, set.numbers.filter(keep), keep);
        }
        expectHits(
          index.search(set.vector(0), K, () => false),
          [],
        );
      },
    },
    {
      name: 'replaces a vector',
      run: () => {
        const index = filled();
        const [first = 0] = set.numbers;
        const replacement = set.vector(set.numbers.length - 1).map((value) => -value);
        index.upsert([first], replacement);
        expectSame([index.size, index.search(replacement, 1).chunks[0]], [set.numbers.length, first]);
        expectTrue(index.search(set.vector(0), 1).chunks[0] !== first, 'the old vector is still found');
      },
    },
    {
      name: 'forgets what is removed, takes it back, and does not count strangers',
      run: () => {
        const index = filled();
        const gone = set.numbers.filter((chunk) => chunk % 3 === 0);
        const left = set.numbers.filter((chunk) => chunk % 3 !== 0);
        expectSame([index.remove([...gone, 9_999_999]), index.remove(gone), index.size], [gone.length, 0, left.length]);
        checkNearest(index, set, left, undefined);
        for (const chunk of gone) index.upsert([chunk], set.vectorOf(chunk));
        checkNearest(index, set, set.numbers, undefined);
      },
    },
    {
      name: 'puts equal scores in the order of numbers, and gives fewer where fewer are',
      run: () => {
        const index = make(sample.dimensions);
        const twice = new Float32Array([...set.vector(0), ...set.vector(0), ...set.vector(0)]);
        index.upsert([7, 3, 5], twice);
        expectSame(index.search(set.vector(0), K).chunks, [3, 5, 7]);
        expectSame(index.search(set.vector(0), 2).chunks, [3, 5]);
        expectHits(index.search(set.vector(0), 0), []);
      },
    },
    {
      name: 'refuses vectors of another length',
      run: () => {
        expectThrows(() => filled().search(new Float32Array(sample.dimensions + 1), K), 'a query that is too long');
        expectThrows(() => filled().upsert([1, 2], new Float32Array(sample.dimensions)), 'one vector for two numbers');
      },
    },
  ];
}

/** The sample with its true neighbours. */
class SampleSet {
  readonly numbers: readonly number[];
  readonly #sample: VectorSample;

  constructor(sample: VectorSample) {
    this.#sample = sample;
    this.numbers = Array.from({ length: Math.floor(sample.vectors.length / sample.dimensions) }, (_, row) => row + 1);
  }

  vector(row: number): Float32Array {
    const { vectors, dimensions } = this.#sample;
    return vectors.slice(row * dimensions, (row + 1) * dimensions);
  }

  vectorOf(chunk: number): Float32Array {
    return this.vector(chunk - 1);
  }

  score(row: number, chunk: number | undefined): number {
    const other = this.vectorOf(chunk ?? 0);
    return this.vector(row).reduce((sum, value, index) => sum + value * (other[index] ?? 0), 0);
  }

  best(row: number, among: readonly number[]): readonly number[] {
    return among
      .map((chunk) => this.score(row, chunk))
      .sort((a, b) => b - a)
      .slice(0, K);
  }
}

function checkNearest(index: VectorIndex, set: SampleSet, among: readonly number[], keep: ((chunk: number) => boolean) | undefined): void {
  let found = 0;
  let wanted = 0;
  const step = Math.max(1, Math.floor(set.numbers.length / QUERIES));
  for (let row = 0; row < set.numbers.length; row += step) {
    const { chunks, scores } = index.search(set.vector(row), K, keep);
    const best = set.best(row, among);
    expectSame(chunks.length, best.length);
    expectTrue(
      chunks.every((chunk) => among.includes(chunk)),
      `row ${row} finds what is not there`,
    );
    for (const [rank, chunk] of chunks.entries()) {
      expectClose(scores[rank], set.score(row, chunk), `score of ${chunk}`);
      expectTrue(rank === 0 || (scores[rank - 1] ?? 0) >= (scores[rank] ?? 0), 'scores fall');
    }
    found += chunks.filter((chunk) => set.score(row, chunk) >= (best.at(-1) ?? 0) - 1e-6).length;
    wanted += best.length;
  }
  const least = index.kind === 'exact' ? 1 : LEAST_RECALL;
  expectTrue(found >= wanted * least, `${found} of the ${wanted} nearest were found`);
}

/** Made-up embeddings that lie in groups, as real ones do; the same every time. */
export function clusteredVectors(rows: number, dimensions: number): VectorSample {
  let state = 7;
  const random = (): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32 - 0.5;
  };
  const centres = Array.from({ length: Math.ceil(rows / 20) }, () => Array.from({ length: dimensions }, random));
  const vectors = new Float32Array(rows * dimensions);
  for (let row = 0; row < rows; row++) {
    const centre = centres[Math.floor((random() + 0.5) * centres.length)] ?? [];
    const values = centre.map((value) => value + random() * 0.7);
    const length = Math.hypot(...values);
    vectors.set(
      values.map((value) => value / length),
      row * dimensions,
    );
  }
  return { dimensions, vectors };
}

const TEXTS = [
  'The quick brown fox jumps over the lazy dog.',
  'A dog barks at night; dogs bark at strangers.',
  'Running shoes for runners who run every morning.',
  'The café in Zürich serves naïve façades of coffee.',
  'Call foo_bar(x) in C++ or write to jane.doe@example.org about e-mail.',
  'The brown dog and the quick fox met at the river.',
  '東京都の天気は晴れです。',
  'Die Häuser in der Stadt sind alt, und das Haus am See ist neu.',
];

/** The contract of {@link TextIndex}, as {@link testVectorIndex}. */
export function testTextIndex(make: () => TextIndex): readonly ContractCheck[] {
  const filled = (): TextIndex => {
    const index = make();
    index.upsert(TEXTS.map((text, at) => ({ chunk: at + 1, text })));
    return index;
  };
  const finds = (name: string, text: string, wanted: readonly number[], more: Partial<TextQuery> = {}): ContractCheck => ({
    name,
    run: () => expectSame([...search(filled(), text, more).chunks].sort(), wanted),
  });
  return [
    { name: 'finds nothing in an empty index', run: () => expectHits(search(make(), 'fox'), []) },
    {
      name: 'counts what it has',
      run: () => {
        expectSame(filled().size, TEXTS.length);
        expectTrue(filled().memoryBytes > 0, 'memoryBytes is 0');
      },
    },
    finds('finds a word in any case', 'FOX', [1, 6]),
    finds('finds other forms of a word', 'barking', [2]),
    finds('finds words with and without diacritics', 'cafe zurich', [4]),
    finds('finds the same with them', 'Café', [4]),
    finds('finds identifiers whole', 'foo_bar', [5]),
    finds('finds identifiers by a part', 'bar', [5]),
    finds('finds addresses whole', 'jane.doe@example.org', [5]),
    finds('finds addresses by a part', 'example', [5]),
    finds('finds names with signs', 'C++', [5]),
    finds('finds words that some write with a hyphen', 'email', [5]),
    finds('finds words of scripts without blanks', '東京', [7]),
    finds('finds forms of German words', 'Häusern', [8]),
    finds('finds nothing where no word is known', 'zzyzx', []),
    finds('finds a phrase word for word', 'brown dog', [6], { phrases: ['brown dog'] }),
    finds('finds no phrase in another order', 'fox brown', [], { phrases: ['fox brown'] }),
    finds('finds a phrase as it is written, not another form', 'dog bark', [], { phrases: ['dog bark'] }),
    finds('wants all phrases', 'quick fox', [6], { phrases: ['the quick', 'quick fox'] }),
    finds('finds misspelt words where that is asked for', 'mornign', [3], { fuzzy: true }),
    finds('finds no misspelt words otherwise', 'mornign', []),
    {
      name: 'puts a rare word before frequent ones and falls in score',
      run: () => {
        const { chunks, scores } = search(filled(), 'the lazy dog');
        expectSame(chunks[0], 1);
        expectTrue(
          scores.every((score, at) => score > 0 && (at === 0 || score <= (scores[at - 1] ?? 0))),
          'scores rise',
        );
      },
    },
    {
      name: 'gives the k best that are kept',
      run: () => {
        const all = search(filled(), 'dog fox brown', {}, 8);
        expectSame(search(filled(), 'dog fox brown', {}, 2).chunks, all.chunks.slice(0, 2));
        const kept = filled().search({ text: 'dog fox brown', phrases: [], fuzzy: false }, 8, (chunk) => chunk !== all.chunks[0]);
        expectSame(kept.chunks, all.chunks.slice(1));
        expectHits(search(filled(), 'dog', {}, 0), []);
      },
    },
    {
      name: 'is the same for equal texts: the lower number first',
      run: () => {
        const index = make();
        index.upsert([9, 4, 6].map((chunk) => ({ chunk, text: 'one and the same' })));
        expectSame(search(index, 'same').chunks, [4, 6, 9]);
      },
    },
    {
      name: 'replaces and forgets',
      run: () => {
        const index = filled();
        index.upsert([{ chunk: 1, text: 'A purple cow.' }]);
        expectSame([index.size, ...search(index, 'lazy').chunks], [TEXTS.length]);
        expectSame(search(index, 'purple').chunks, [1]);
        expectSame([index.remove([1, 2, 77]), index.remove([1]), index.size], [2, 0, TEXTS.length - 2]);
        expectHits(search(index, 'purple barks'), []);
        index.upsert([{ chunk: 2, text: TEXTS[1] ?? '' }]);
        expectSame(search(index, 'barks').chunks, [2]);
      },
    },
    { name: 'scores as a fresh index after many removals', run: () => checkAfterRemovals(make) },
  ];
}

/** Numbers of documents and words must not depend on what is gone. */
function checkAfterRemovals(make: () => TextIndex): void {
  const texts = Array.from({ length: 3000 }, (_, at) => `word${at % 97} thing${at % 31} and the number ${at}`);
  const rows = texts.map((text, at) => ({ chunk: at + 1, text }));
  const used = make();
  used.upsert(rows);
  used.remove(rows.filter(({ chunk }) => chunk % 3 !== 0).map(({ chunk }) => chunk));
  const fresh = make();
  fresh.upsert(rows.filter(({ chunk }) => chunk % 3 === 0));
  for (const text of ['word5 thing7', 'the number 300', 'and the thing30']) {
    const a = search(used, text);
    const b = search(fresh, text);
    expectSame(a.chunks, b.chunks);
    for (const [rank, score] of a.scores.entries()) expectClose(score, b.scores[rank] ?? 0, `score at rank ${rank} of "${text}"`);
  }
}

function search(index: TextIndex, text: string, more: Partial<TextQuery> = {}, k = K): IndexHits {
  return index.search({ text, phrases: [], fuzzy: false, ...more }, k);
}

function expectHits({ chunks }: IndexHits, wanted: readonly number[]): void {
  expectSame(chunks, wanted);
}

function expectClose(found: number | undefined, wanted: number, what: string): void {
  expectTrue(found !== undefined && Math.abs(found - wanted) < 1e-4, `${what}: ${found} instead of ${wanted}`);
}

function expectThrows(work: () => unknown, what: string): void {
  let isRefused = false;
  try {
    work();
  } catch {
    isRefused = true;
  }
  expectTrue(isRefused, `${what} was taken`);
}
