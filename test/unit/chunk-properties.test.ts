import { join } from 'node:path';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { assemble } from '../../src/documents/assemble.ts';
import { canonicalChunker, chunkDocument } from '../../src/documents/chunk.ts';
import type { Block, Chunk, ChunkerSettings, DraftBlock, TokenCounter } from '../../src/documents/document-types.ts';
import { loadTokenizer } from '../../src/runtime/tokenizer.ts';

const isLong = process.env['LOCALLITE_TEST_LONG'] === '1';
/** The plain counter is quick. */
const runsOf = (name: string): number => (name === 'plain' ? 100 : 20) * (isLong ? 20 : 1);
/** A longer word is one unknown token to some tokenizers, while each part of it is of many. */
const LONGEST_KNOWN_WORD = 100;
/** UTF-16 units that a token stands for at most (see `documents/chunk-fit.ts`). */
const UNITS_PER_TOKEN = 12;

const word = fc.oneof(
  { weight: 12, arbitrary: fc.stringMatching(/^[a-z]{1,10}$/) },
  {
    weight: 2,
    arbitrary: fc.constantFrom('naïve', 'Straße', 'Ελλάδα', 'привет', 'e\u0301tude', 'don’t', '3.14', 'foo_bar', 'x-ray', 'U.S.', 'Dr.'),
  },
  { weight: 1, arbitrary: fc.constantFrom('漢字かな交じり文', 'สวัสดีครับ', '한국어', '👩‍👩‍👧', '🇩🇪🇫🇷', '𝒳𝒴𝒵') },
  { weight: 1, arbitrary: fc.string({ unit: 'grapheme', minLength: 1, maxLength: 12 }) },
  { weight: 1, arbitrary: fc.integer({ min: 30, max: 900 }).map((length) => 'Aa0Bb1'.repeat(length).slice(0, length)) },
);
const words = (most: number) => fc.array(word, { minLength: 1, maxLength: most }).map((list) => list.join(' '));
const sentence = fc.tuple(words(25), fc.constantFrom('.', '!', '?', '。', ':', '')).map(([text, end]) => text + end);
const paragraph = fc
  .tuple(fc.array(sentence, { minLength: 1, maxLength: 12 }), fc.constantFrom(' ', '\n', '  '))
  .map(([list, gap]) => list.join(gap));

const table = fc
  .tuple(fc.integer({ min: 1, max: 4 }), fc.integer({ min: 1, max: 25 }), fc.integer({ min: 0, max: 2 }))
  .chain(([columns, rows, headerRows]) =>
    fc
      .array(
        fc.array(fc.oneof({ weight: 9, arbitrary: words(4) }, { weight: 1, arbitrary: words(40) }), {
          minLength: columns,
          maxLength: columns,
        }),
        {
          minLength: rows,
          maxLength: rows,
        },
      )
      .map((cells): DraftBlock => {
        const clean = cells.map((row) => row.map((cell) => cell.replaceAll(/[\p{Cc}\s]+/gu, ' ').trim() || '-'));
        return { kind: 'table', rows: clean, text: clean.map((row) => row.join(' | ')).join('\n'), headerRows: Math.min(headerRows, rows) };
      }),
  );

const draft: fc.Arbitrary<DraftBlock> = fc.oneof(
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('heading' as const), text: words(6), level: fc.integer({ min: 1, max: 4 }) }) },
  { weight: 5, arbitrary: fc.record({ kind: fc.constant('text' as const), text: paragraph, page: fc.integer({ min: 1, max: 9 }) }) },
  {
    weight: 2,
    arbitrary: fc.array(words(12), { minLength: 1, maxLength: 12 }).map((items): DraftBlock => ({ kind: 'list', text: items.join('\n') })),
  },
  { weight: 2, arbitrary: table },
  {
    weight: 2,
    arbitrary: fc
      .array(fc.tuple(fc.constantFrom('', '  ', '\t', '    '), words(10)), { minLength: 1, maxLength: 20 })
      .map((lines): DraftBlock => ({ kind: 'code', text: lines.map((line) => line.join('')).join('\n') })),
  },
  { weight: 1, arbitrary: paragraph.map((text): DraftBlock => ({ kind: 'footnote', text })) },
  { weight: 1, arbitrary: words(8).map((text): DraftBlock => ({ kind: 'image', text })) },
);

const document = fc
  .tuple(fc.array(draft, { maxLength: 14 }), fc.option(words(5), { nil: undefined }), fc.constantFrom('en', 'de', 'ja', undefined))
  .map(([drafts, title, language]) => ({
    ...assemble(drafts),
    metadata: { mediaType: 'x', sha256: '', bytes: 0, ...(title !== undefined && { title }), ...(language !== undefined && { language }) },
  }));

const settings: fc.Arbitrary<ChunkerSettings> = fc.record({
  maxTokens: fc.oneof(fc.integer({ min: 8, max: 40 }), fc.integer({ min: 40, max: 300 })),
  overlapTokens: fc.integer({ min: 0, max: 150 }),
  minTokens: fc.integer({ min: 0, max: 150 }),
  contextHeader: fc.boolean(),
});

type Source = Parameters<typeof chunkDocument>[0];

/** One token a stretch of at most four letters and digits, or a sign. */
const plain: TokenCounter = {
  count: (text) => text.match(/[\p{L}\p{M}\p{N}]{1,4}|[^\p{L}\p{M}\p{N}\s]/gu)?.length ?? 0,
  spans: async () => [],
};
const counters: Record<string, TokenCounter> = { plain };

beforeAll(async () => {
  for (const name of ['wordpiece-uncased', 'bpe-gpt2', 'unigram-xlm-roberta']) {
    const tokenizer = await loadTokenizer(join(import.meta.dirname, '..', 'fixtures', 'tokenizers', name));
    const options = { addSpecialTokens: false };
    counters[name] = { count: (text) => tokenizer.encode(text, options).ids.length, spans: (text) => tokenizer.spans(text, options) };
  }
});

const counterOf = (name: string): TokenCounter => counters[name] ?? plain;

describe.each(['plain', 'wordpiece-uncased', 'bpe-gpt2', 'unigram-xlm-roberta'])('passages counted by %s', (name) => {
  const holds = (
    check: (chunks: readonly Chunk[], source: Source, settings: ChunkerSettings, counter: TokenCounter) => void | Promise<void>,
  ) =>
    fc.assert(
      fc.asyncProperty(document, settings, async (source, own) => {
        await check(await chunkDocument(source, counterOf(name), own), source, own, counterOf(name));
      }),
      { numRuns: runsOf(name) },
    );

  it('are never of more tokens than allowed, and say how many they have', async () => {
    await holds((chunks, _source, { maxTokens }, counter) => {
      for (const { lead, text, tokens } of chunks) {
        expect(tokens).toBe(counter.count(lead + text));
        // A single character may be of more tokens than fit; nothing smaller is there to cut.
        if ([...text].length > 1) expect(tokens).toBeLessThanOrEqual(maxTokens);
      }
    });
  });

  it('are slices of the text, whole characters, in their order', async () => {
    await holds((chunks, { text }) => {
      for (const [index, chunk] of chunks.entries()) {
        expect(text.slice(chunk.start, chunk.end)).toBe(chunk.text);
        expect(chunk.text.isWellFormed()).toBe(true);
        expect(chunk.text.trim()).not.toBe('');
        expect(chunk.ordinal).toBe(index);
        expect(chunk.start).toBeGreaterThanOrEqual(index === 0 ? 0 : (chunks[index - 1]?.start ?? 0) + 1);
        expect(chunk.end).toBeGreaterThan(chunks[index - 1]?.end ?? 0);
      }
    });
  });

  it('are together all of the text but blanks', async () => {
    await holds((chunks, { text }) => {
      let end = 0;
      for (const chunk of chunks) {
        expect(text.slice(end, Math.max(end, chunk.start)).trim()).toBe('');
        end = chunk.end;
      }
      expect(text.slice(end).trim()).toBe('');
    });
  });

  it('share no more than the overlap', async () => {
    await holds((chunks, { text }, { overlapTokens, maxTokens }, counter) => {
      for (const [index, chunk] of chunks.entries()) {
        const before = chunks[index - 1];
        if (before === undefined || before.end <= chunk.start) continue;
        expect(counter.count(text.slice(chunk.start, before.end))).toBeLessThanOrEqual(Math.min(overlapTokens, Math.floor(maxTokens / 2)));
      }
    });
  });

  it('are not cut inside a word, a row, a line or an item that fits', async () => {
    await holds((chunks, { text, blocks }, { maxTokens }, counter) => {
      // A lead takes a third of a passage at most; some tokenizers count a part of a text a little higher than it is as a whole.
      const room = Math.floor((maxTokens * 2) / 3) - 2;
      const fits = (start: number, end: number): boolean =>
        Math.max(counter.count(text.slice(start, end)), Math.ceil((end - start) / UNITS_PER_TOKEN)) <= room;
      for (const border of bordersOf(chunks)) {
        const around = wordAround(text, border);
        if (around !== undefined && around[1] - around[0] <= LONGEST_KNOWN_WORD) {
          expect([text.slice(...around), fits(...around)]).toEqual([text.slice(...around), false]);
        }
        const line = lineAround(text, blocks, border);
        if (line !== undefined) expect([text.slice(...line), fits(...line)]).toEqual([text.slice(...line), false]);
      }
    });
  });

  it('of a table that is cut repeat its header', async () => {
    await holds((chunks, { blocks }, { maxTokens }, counter) => {
      for (const { kind, rows = [], headerRows = 0, start, end } of blocks) {
        if (kind !== 'table' || headerRows === 0) continue;
        const header = rows
          .slice(0, headerRows)
          .map((row) => row.join(' | '))
          .join('\n');
        const most = Math.floor(maxTokens / 3);
        if (counter.count(`${header}\n`) > most || header.length >= 100 * most) continue;
        for (const chunk of chunks) {
          if (chunk.start <= start + header.length || chunk.start >= end || [...chunk.text].length < 2) continue;
          expect(chunk.lead.endsWith(`${header}\n`)).toBe(true);
        }
      }
    });
  });

  it('keep the headings they stand under', async () => {
    await holds((chunks, { blocks }, { contextHeader, maxTokens }, counter) => {
      for (const chunk of chunks) {
        const within = blocks.filter(({ kind, start, end }) => kind !== 'heading' && start < chunk.end && end > chunk.start);
        for (const { path } of within) expect(path.slice(0, chunk.path.length)).toEqual(chunk.path);
        const [first] = within;
        if (within.length === 1 && first !== undefined) expect(chunk.path).toEqual(first.path);
        if (!contextHeader && !chunk.kinds.includes('table')) expect(chunk.lead).toBe('');
        const nearest = first?.path.at(-1)?.replaceAll(/\s+/g, ' ').trim();
        const isAbove = first !== undefined && chunk.start >= first.start && first.kind !== 'table';
        if (!contextHeader || nearest === undefined || nearest === '' || !isAbove || [...chunk.text].length < 2) continue;
        const most = Math.floor(maxTokens / 3);
        if (counter.count(`${nearest}\n`) <= most && nearest.length < 100 * most) expect(chunk.lead).toContain(nearest);
      }
    });
  });

  it('are the same each time', async () => {
    await holds(async (chunks, source, own, counter) => {
      expect(await chunkDocument(source, counter, own)).toEqual(chunks);
    });
  });
});

describe('settings of the chunker', () => {
  it('are refused where they are no whole numbers in their range', async () => {
    const good = { maxTokens: 64, overlapTokens: 8, minTokens: 8, contextHeader: true };
    const source = { text: '', blocks: [], metadata: { mediaType: 'x', sha256: '', bytes: 0 } };
    for (const bad of [{ maxTokens: 7 }, { maxTokens: 10.5 }, { overlapTokens: -1 }, { minTokens: Number.NaN }]) {
      await expect(chunkDocument(source, plain, { ...good, ...bad })).rejects.toMatchObject({ code: 'invalid_request' });
    }
    expect(await chunkDocument(source, plain, good)).toEqual([]);
  });

  it('have one text, whatever their order', () => {
    const { maxTokens, ...rest } = { maxTokens: 64, overlapTokens: 8, minTokens: 8, contextHeader: true };
    expect(canonicalChunker({ ...rest, maxTokens })).toBe(canonicalChunker({ maxTokens, ...rest }));
  });
});

function bordersOf(chunks: readonly Chunk[]): readonly number[] {
  return [...new Set(chunks.flatMap(({ start, end }) => [start, end]))];
}

/** The run of letters and digits that a border is inside of; undefined where there is none, or in scripts without blanks. */
function wordAround(text: string, border: number): [number, number] | undefined {
  const isPart = (at: number): boolean =>
    at >= 0 && at < text.length && /[\p{Script=Latin}\p{Script=Cyrillic}\p{Script=Greek}\p{Nd}]/u.test(text.charAt(at));
  if (!isPart(border - 1) || !isPart(border)) return undefined;
  const isOfWord = (at: number): boolean => at >= 0 && at < text.length && /[\p{L}\p{M}\p{N}\p{Cs}]/u.test(text.charAt(at));
  let [start, end] = [border, border];
  while (isOfWord(start - 1)) start--;
  while (isOfWord(end)) end++;
  return [start, end];
}

/** The row, line or item that a border is inside of. */
function lineAround(text: string, blocks: readonly Block[], border: number): [number, number] | undefined {
  const block = blocks.find(({ kind, start, end }) => ['table', 'code', 'list'].includes(kind) && start < border && border < end);
  if (block === undefined) return undefined;
  const start = Math.max(block.start, text.lastIndexOf('\n', border - 1) + 1);
  const newline = text.indexOf('\n', border);
  const end = Math.min(block.end, newline === -1 ? text.length : newline);
  const isInside = text.slice(start, border).trim() !== '' && text.slice(border, end).trim() !== '';
  return isInside ? [start, end] : undefined;
}
