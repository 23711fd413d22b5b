import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { Tokenizer as Reference, type TruncationOptions } from '@anush008/tokenizers';
import { describe, expect, test } from 'vitest';
import { loadTokenizer } from '../../src/runtime/tokenizer.ts';

const fixtures = fileURLToPath(new URL('../fixtures/tokenizers', import.meta.url));
const names = readdirSync(fixtures).filter((name) => existsSync(path.join(fixtures, name, 'vectors.json')));

/** The library's enum exists in its types alone. */
const ONLY_SECOND: TruncationOptions = JSON.parse('{"strategy":"OnlySecond"}');

/** Texts of every kind, in pairs. */
function pairsOf(name: string): readonly (readonly [query: string, passage: string])[] {
  const vectors: { text: string }[] = JSON.parse(readFileSync(path.join(fixtures, name, 'vectors.json'), 'utf8')).vectors;
  const texts = vectors.map(({ text }) => text).filter((text) => text.isWellFormed());
  return texts.map((text, index) => [text, texts[(index * 7 + 3) % texts.length] ?? '']);
}

describe.each(names)('pairs of %s', async (name) => {
  const tokenizer = await loadTokenizer(path.join(fixtures, name));
  const reference = Reference.fromFile(path.join(fixtures, name, 'tokenizer.json'));
  reference.disablePadding();
  const pairs = pairsOf(name);

  test('have the ids and type ids of the reference', async () => {
    reference.disableTruncation();
    for (const [query, passage] of pairs) {
      const [ours, theirs] = await Promise.all([tokenizer.encodePair(query, passage), reference.encode(query, passage)]);
      expect({ query, passage, ids: [...ours.ids], types: [...ours.typeIds] }).toEqual({
        query,
        passage,
        ids: theirs.getIds(),
        types: theirs.getTypeIds(),
      });
      expect(ours.dropped).toBe(0);
    }
  });

  test('are cut on the side of the passage, as the reference does it, and the cut is counted', async () => {
    let cut = 0;
    for (const [query, passage] of pairs) {
      const first = await tokenizer.content(query);
      const second = await tokenizer.content(passage);
      const maxTokens = first.length + tokenizer.pairSpecials + Math.floor(second.length / 2);
      if (maxTokens === 0 || second.length < 2) continue;
      reference.setTruncation(maxTokens, ONLY_SECOND);
      const [ours, theirs] = [tokenizer.framePair(first, second, { maxTokens }), await reference.encode(query, passage)];
      expect({ query, passage, ids: [...ours.ids], types: [...ours.typeIds] }).toEqual({
        query,
        passage,
        ids: theirs.getIds(),
        types: theirs.getTypeIds(),
      });
      expect(ours.dropped).toBe(second.length - Math.floor(second.length / 2));
      cut += 1;
    }
    expect(cut).toBeGreaterThan(5);
  });

  test('whose first text does not fit are refused', async () => {
    const query = 'one two three four five six seven eight';
    await expect(tokenizer.encodePair(query, 'x', { maxTokens: 4 })).rejects.toMatchObject({
      code: 'input_too_long',
      param: 'query',
      message: expect.stringContaining(`${(await tokenizer.content(query)).length} tokens`),
    });
  });
});
