import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { loadTokenizer } from '../../src/runtime/tokenizer.ts';

/** One text and what the reference library made of it; written by scripts/tokenizer-vectors.py. */
interface Vector {
  text: string;
  ids: number[];
  typeIds: number[];
  bare: number[];
  tokens: string[];
  offsets: number[];
  decoded: string;
  skipped: string;
  cut3: number[];
  cut8: number[];
}

const fixtures = fileURLToPath(new URL('../fixtures/tokenizers', import.meta.url));

function vectorsOf(name: string): Vector[] {
  return JSON.parse(readFileSync(path.join(fixtures, name, 'vectors.json'), 'utf8')).vectors;
}

/** UTF-16 places of the code-point offsets that the reference gives. */
function utf16(text: string, offsets: readonly number[]): number[] {
  const places = [0];
  for (const character of text) places.push((places.at(-1) ?? 0) + character.length);
  return offsets.map((offset) => places[offset] ?? -1);
}

const names = readdirSync(fixtures).filter((name) => existsSync(path.join(fixtures, name, 'vectors.json')));

test('there are fixtures of every kind', () => {
  expect(names.filter((name) => name.startsWith('wordpiece')).length).toBeGreaterThanOrEqual(2);
  expect(names.filter((name) => name.startsWith('bpe')).length).toBeGreaterThanOrEqual(6);
  expect(names.filter((name) => name.startsWith('unigram')).length).toBeGreaterThanOrEqual(3);
});

describe.each(names)('%s agrees with the reference', async (name) => {
  const tokenizer = await loadTokenizer(path.join(fixtures, name));
  const vectors = vectorsOf(name);

  test('ids, type ids and count', () => {
    const results = vectors.map(({ text }) => {
      const { ids, typeIds, dropped } = tokenizer.encode(text);
      return { text, ids: [...ids], typeIds: [...typeIds], count: tokenizer.count(text), dropped };
    });
    expect(results).toEqual(vectors.map(({ text, ids, typeIds }) => ({ text, ids, typeIds, count: ids.length, dropped: 0 })));
  });

  test('ids without special tokens', () => {
    const results = vectors.map(({ text }) => ({ text, ids: [...tokenizer.encode(text, { addSpecialTokens: false }).ids] }));
    expect(results).toEqual(vectors.map(({ text, bare }) => ({ text, ids: bare })));
  });

  test('truncation', () => {
    for (const [maxTokens, key] of [
      [3, 'cut3'],
      [8, 'cut8'],
    ] as const) {
      const results = vectors.map(({ text }) => {
        const { ids, dropped } = tokenizer.encode(text, { maxTokens });
        return { text, ids: [...ids], dropped };
      });
      expect(results).toEqual(vectors.map((v) => ({ text: v.text, ids: v[key], dropped: v.ids.length - v[key].length })));
    }
  });

  test('decoded text', () => {
    const results = vectors.map(({ text, ids }) => ({
      text,
      decoded: tokenizer.decode(ids),
      skipped: tokenizer.decode(ids, { skipSpecialTokens: true }),
    }));
    expect(results).toEqual(vectors.map(({ text, decoded, skipped }) => ({ text, decoded, skipped })));
  });

  test('tokens and their places', async () => {
    for (const { text, ids, tokens, offsets } of vectors) {
      const spans = await tokenizer.spans(text);
      const places = utf16(text, offsets);
      expect({ text, spans }).toEqual({
        text,
        spans: ids.map((id, index) => ({ id, token: tokens[index], start: places[2 * index], end: places[2 * index + 1] })),
      });
    }
  });

  test('long texts, tokenized without holding the event loop, give the ids of the whole', async () => {
    const text = Array.from({ length: 24 }, () => vectors.map((vector) => vector.text).join(' and so on ')).join('\n');
    expect(text.length).toBeGreaterThan(40_000);
    const whole = tokenizer.encode(text);
    const chunked = await tokenizer.encodeAsync(text);
    expect([...chunked.ids]).toEqual([...whole.ids]);
  });
});
