import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { afterEach, describe, expect, test } from 'vitest';
import { LocalLiteError } from '../../src/errors.ts';
import { loadTokenizer } from '../../src/runtime/tokenizer.ts';
import { createFallbackTokenizer } from '../../src/runtime/tokenizer-fallback.ts';
import type { Encoding } from '../../src/runtime/tokenizer-types.ts';

const fixtures = fileURLToPath(new URL('../fixtures/tokenizers', import.meta.url));
const folder = (name: string) => path.join(fixtures, name);
const native: typeof import('@anush008/tokenizers') = createRequire(import.meta.url)('@anush008/tokenizers');

const made: string[] = [];
afterEach(async () => {
  for (const directory of made.splice(0)) await rm(directory, { recursive: true, force: true });
});

type Json = Record<string, unknown>;

/** A copy of a fixture with some fields of tokenizer.json changed, and files beside it. */
async function variant(name: string, change: (json: Json) => Json, beside: Record<string, unknown> = {}): Promise<string> {
  const directory = await mkdtemp(path.join(tmpdir(), 'tokenizer-'));
  made.push(directory);
  const json = change(JSON.parse(readFileSync(path.join(folder(name), 'tokenizer.json'), 'utf8')));
  await writeFile(path.join(directory, 'tokenizer.json'), JSON.stringify(json));
  for (const [file, content] of Object.entries(beside)) await writeFile(path.join(directory, file), JSON.stringify(content));
  return directory;
}

/** Compares long lists of ids without the cost of a readable difference. */
function expectSame(one: Encoding, other: Encoding): void {
  expect(one.ids.length).toBe(other.ids.length);
  expect(one.dropped).toBe(other.dropped);
  expect(Buffer.from(one.ids.buffer).equals(Buffer.from(other.ids.buffer))).toBe(true);
}

function thrown(action: () => unknown): unknown {
  try {
    action();
  } catch (error) {
    return error;
  }
  throw new Error('nothing was thrown');
}

const anyText = fc.array(
  fc.oneof(
    fc.string({ unit: 'grapheme-ascii', maxLength: 8 }),
    // Blocks that every supported version of Node and the reference know alike.
    ...[
      [0x00, 0x24f],
      [0x300, 0x377],
      [0x391, 0x3a1],
      [0x400, 0x52f],
      [0x5d0, 0x5ea],
      [0x620, 0x64a],
      [0x904, 0x939],
      [0xe01, 0xe3a],
      [0x1100, 0x11ff],
      [0x1e00, 0x1eff],
      [0x2000, 0x206f],
      [0x3041, 0x3096],
      [0x4e00, 0x9fa5],
      [0xac00, 0xd7a3],
      [0xe000, 0xe010],
      [0xf900, 0xfa0d],
      [0xff01, 0xff5e],
      [0x1d400, 0x1d454],
      [0x1f600, 0x1f64f],
      [0x20000, 0x2a6d6],
      [0x2b820, 0x2b91f],
    ].map(([min = 0, max = 0]) => fc.integer({ min, max }).map((code) => String.fromCodePoint(code))),
    fc.constantFrom(
      ' ',
      '  ',
      '\n',
      '\r\n',
      '\u0000',
      '\ufffd',
      '\ud800',
      '\udc00',
      '▁',
      '##',
      '[SEP]',
      '<s>',
      '<mask>',
      'word',
      'İ',
      'Σ',
      '👩‍👧',
    ),
  ),
  { maxLength: 12 },
);
const texts = anyText.map((parts) => parts.join(''));
const names = [
  'wordpiece-uncased',
  'wordpiece-cased',
  'bpe-roberta',
  'bpe-llama3',
  'bpe-llama2',
  'bpe-end-of-word',
  'unigram-xlm-roberta',
  'unigram-byte-fallback',
];

describe.each(names)('%s', async (name) => {
  const tokenizer = await loadTokenizer(folder(name));
  const reference = native.Tokenizer.fromFile(path.join(folder(name), 'tokenizer.json'));
  reference.disableTruncation();
  reference.disablePadding();

  test('gives the ids of the reference library for any text', async () => {
    await fc.assert(
      fc.asyncProperty(texts, async (text) => {
        const encoding = await reference.encode(text.toWellFormed());
        expect([...tokenizer.encode(text).ids]).toEqual(encoding.getIds());
      }),
      { numRuns: 200 },
    );
  });

  test('decodes any ids as the reference library does', async () => {
    const ids = fc.array(fc.integer({ min: 0, max: tokenizer.vocabularySize - 1 }), { maxLength: 12 });
    await fc.assert(
      fc.asyncProperty(ids, fc.boolean(), async (list, skipSpecialTokens) => {
        expect(tokenizer.decode(list, { skipSpecialTokens })).toBe(await reference.decode(list, skipSpecialTokens));
      }),
      { numRuns: 100 },
    );
  });

  test('places lie inside the text, those of words in order, and belong to the same ids', async () => {
    await fc.assert(
      fc.asyncProperty(texts, async (text) => {
        const spans = await tokenizer.spans(text, { addSpecialTokens: false });
        expect(spans.map((span) => span.id)).toEqual([...tokenizer.encode(text, { addSpecialTokens: false }).ids]);
        let before = 0;
        for (const { start, end } of spans) {
          // Byte-level tokenizers may put the bytes of one character, or an added space, a little before.
          if (name.startsWith('wordpiece')) expect(start).toBeGreaterThanOrEqual(before);
          expect(end).toBeGreaterThanOrEqual(start);
          before = start;
        }
        expect(spans.at(-1)?.end ?? 0).toBeLessThanOrEqual(text.length);
      }),
      { numRuns: 60 },
    );
  });

  test('truncation keeps a prefix and says how much was dropped', () => {
    fc.assert(
      fc.property(texts, fc.integer({ min: 2, max: 20 }), (text, maxTokens) => {
        const bare = [...tokenizer.encode(text, { addSpecialTokens: false }).ids];
        const special = tokenizer.count('');
        const { ids, typeIds, dropped } = tokenizer.encode(text, { maxTokens });
        const whole = [...tokenizer.encode(text).ids];
        expect(dropped).toBe(Math.max(0, bare.length - (maxTokens - special)));
        expect(ids).toHaveLength(Math.min(whole.length, maxTokens));
        expect(typeIds).toHaveLength(ids.length);
        const tail = ids.length - (dropped > 0 && special > 1 ? 1 : 0);
        expect([...ids.slice(0, tail)]).toEqual(whole.slice(0, tail));
        if (special > 1) expect(ids.at(-1)).toBe(whole.at(-1));
      }),
    );
  });
});

describe('words and their places', async () => {
  const tokenizer = await loadTokenizer(folder('wordpiece-uncased'));

  test('a slice of the text is the token, accents and case apart', async () => {
    const text = 'Thé quick 😀 Brown—fox';
    const spans = await tokenizer.spans(text);
    expect(spans[0]).toMatchObject({ token: '[CLS]', start: 0, end: 0 });
    for (const { token, start, end } of spans.filter((span) => !/^\[/.test(span.token))) {
      const slice = text
        .slice(start, end)
        .normalize('NFD')
        .replace(/\p{Mn}/gu, '')
        .toLowerCase();
      expect(slice).toBe(token.replace('##', ''));
    }
    const fox = spans.filter(({ start }) => start >= text.indexOf('fox'));
    expect(fox.map(({ start, end }) => text.slice(start, end)).join('')).toBe('fox');
  });

  test('a lone surrogate counts as U+FFFD', async () => {
    const llama = await loadTokenizer(folder('bpe-llama3'));
    expect(llama.encode('a\ud800b\udfff').ids).toEqual(llama.encode('a\ufffdb\ufffd').ids);
    const spans = await llama.spans('a\ud800b');
    expect(spans.at(-1)).toMatchObject({ start: 2, end: 3 });
  });

  test.each(['x', 'é', '𠀀', '[SEP]', 'a ', '\ud800'])('a megabyte of %j is only a long text', async (unit) => {
    const text = unit.repeat(1_000_000 / unit.length);
    const { ids, dropped } = await tokenizer.encodeAsync(text, { maxTokens: 16 });
    expect(ids.length).toBeLessThanOrEqual(16);
    expect(ids.length + dropped).toBe(tokenizer.count(text));
  });

  test('a long text lets other work pass, and stays the same', async () => {
    const text = 'the quick brown fox [SEP] jumps '.repeat(15_000);
    let passed = 0;
    let running = true;
    const pass = () => {
      passed++;
      if (running) setImmediate(pass);
    };
    setImmediate(pass);
    const encoding = await tokenizer.encodeAsync(text);
    running = false;
    expect(passed).toBeGreaterThanOrEqual(20);
    expectSame(encoding, tokenizer.encode(text));
  });

  test.each(['bpe-llama2', 'unigram-xlm-roberta', 'bpe-roberta'])('%s: a long text that cannot be cut gives the same ids', async (name) => {
    const other = await loadTokenizer(folder(name));
    const text = 'aé中😀'.repeat(40_000);
    expectSame(await other.encodeAsync(text, { maxTokens: 50_000 }), other.encode(text, { maxTokens: 50_000 }));
  });
});

describe('ids that a client made', async () => {
  const tokenizer = await loadTokenizer(folder('wordpiece-uncased'));
  const [cls = 0] = tokenizer.encode('').ids;
  const sep = tokenizer.encode('').ids[1] ?? 0;

  test('are taken as they are', () => {
    expect(tokenizer.fromIds([cls, 20, 21, sep])).toEqual({ ids: Int32Array.of(cls, 20, 21, sep), typeIds: new Int32Array(4), dropped: 0 });
    expect(tokenizer.fromIds([]).ids).toHaveLength(0);
  });

  test('are cut on the right, the closing special token stays', () => {
    expect(tokenizer.fromIds([cls, 20, 21, 22, sep], { maxTokens: 3 })).toMatchObject({ ids: Int32Array.of(cls, 20, sep), dropped: 2 });
    expect(tokenizer.fromIds([20, 21, 22], { maxTokens: 2 })).toMatchObject({ ids: Int32Array.of(20, 21), dropped: 1 });
  });

  test.each([[-1], [1100], [1.5], [Number.NaN], [2 ** 31]])('%s is refused with its index', (bad) => {
    for (const action of [() => tokenizer.fromIds([5, bad]), () => tokenizer.decode([5, bad])]) {
      expect(thrown(action)).toMatchObject({ code: 'invalid_request', message: expect.stringMatching(/index 1 .*0 to 1099/) });
    }
  });

  test.each([0, -1, 1.5, Number.NaN])('maxTokens of %s is refused', (maxTokens) => {
    for (const action of [() => tokenizer.fromIds([5], { maxTokens }), () => tokenizer.encode('a', { maxTokens })]) {
      expect(thrown(action)).toMatchObject({ code: 'invalid_request', param: 'maxTokens' });
    }
  });

  test('maxTokens must leave room for the special tokens', () => {
    expect(thrown(() => tokenizer.encode('a', { maxTokens: 1 }))).toMatchObject({
      code: 'invalid_request',
      message: expect.stringContaining('at least 2'),
    });
    expect(tokenizer.encode('a b', { maxTokens: 2 })).toMatchObject({ ids: Int32Array.of(cls, sep), dropped: 2 });
    expect(tokenizer.encode('a', { maxTokens: 1, addSpecialTokens: false }).ids).toHaveLength(1);
  });
});

describe('the files of a tokenizer', () => {
  test('special tokens that only the files beside tokenizer.json name are found in a text', async () => {
    const drop = (json: Json) => ({ ...json, added_tokens: [] });
    const bare = await loadTokenizer(await variant('wordpiece-uncased', drop));
    const named = await loadTokenizer(
      await variant('wordpiece-uncased', drop, {
        'special_tokens_map.json': { sep_token: '[SEP]', mask_token: { content: '[MASK]' }, pad_token: '[UNHEARD-OF]' },
        'tokenizer_config.json': { cls_token: '[CLS]', additional_special_tokens: ['[UNK]'] },
      }),
    );
    const text = '[CLS] [SEP] [MASK] [UNK]';
    expect(named.encode(text, { addSpecialTokens: false }).ids).toHaveLength(4);
    expect(bare.encode(text, { addSpecialTokens: false }).ids.length).toBeGreaterThan(8);
    expect(named.decode([...named.encode(text).ids], { skipSpecialTokens: true })).toBe('');
    expect((await named.spans(text)).map((span) => span.id)).toEqual([...named.encode(text).ids]);
  });

  test('an added token is looked for in its normalised form', async () => {
    const token = { id: 1100, content: 'Thë BIG One', single_word: false, lstrip: false, rstrip: false, normalized: true, special: false };
    const directory = await variant('wordpiece-uncased', (json) => ({
      ...json,
      added_tokens: [...(json['added_tokens'] as Json[]), token],
    }));
    const tokenizer = await loadTokenizer(directory);
    expect([...tokenizer.encode('THE big oNE', { addSpecialTokens: false }).ids]).toEqual([1100]);
    expect(tokenizer.vocabularySize).toBe(1101);
    expect(tokenizer.decode([1100])).toBe('Thë BIG One');
  });

  test('an added token never becomes a piece of a word', async () => {
    const token = { id: 1100, content: 'qqq', single_word: true, lstrip: false, rstrip: false, normalized: false, special: false };
    const directory = await variant('wordpiece-uncased', (json) => ({
      ...json,
      added_tokens: [...(json['added_tokens'] as Json[]), token],
    }));
    const tokenizer = await loadTokenizer(directory);
    expect([...tokenizer.encode('qqq', { addSpecialTokens: false }).ids]).toEqual([1100]);
    expect([...tokenizer.encode('qqqx', { addSpecialTokens: false }).ids]).not.toContain(1100);
  });

  test('a folder without tokenizer.json is refused with the path', async () => {
    const directory = await mkdtemp(path.join(tmpdir(), 'tokenizer-'));
    made.push(directory);
    await expect(loadTokenizer(directory)).rejects.toMatchObject({
      code: 'model_load_failed',
      message: expect.stringContaining(directory),
    });
    await writeFile(path.join(directory, 'tokenizer.json'), '{"model": ');
    await expect(loadTokenizer(directory)).rejects.toMatchObject({ code: 'model_load_failed', message: expect.stringContaining('JSON') });
  });

  test.each<[string, string, (json: Json) => Json, string]>([
    ['wordpiece-uncased', 'model_unsupported', (json) => ({ ...json, normalizer: { type: 'Rot13' } }), 'Rot13'],
    [
      'wordpiece-uncased',
      'model_unsupported',
      (json) => ({ ...json, pre_tokenizer: { type: 'Sequence', pretokenizers: [{ type: 'Mecab' }] } }),
      'Mecab',
    ],
    ['wordpiece-uncased', 'model_unsupported', (json) => ({ ...json, post_processor: { type: 'Odd' } }), 'Odd'],
    ['wordpiece-uncased', 'model_unsupported', (json) => ({ ...json, decoder: { type: 'CTC' } }), 'CTC'],
    ['wordpiece-uncased', 'model_unsupported', (json) => ({ ...json, model: { type: 'Odd', vocab: {} } }), 'Odd'],
    [
      'bpe-llama3',
      'model_unsupported',
      (json) => ({ ...json, pre_tokenizer: { type: 'Split', pattern: { Regex: '(?<bad' }, behavior: 'Isolated' } }),
      '(?<bad',
    ],
    ['wordpiece-uncased', 'model_load_failed', (json) => ({ ...json, model: { type: 'WordPiece', vocab: { a: -1 } } }), 'model.vocab["a"]'],
    ['wordpiece-uncased', 'model_load_failed', (json) => ({ ...json, model: { type: 'WordPiece', vocab: { a: 0 } } }), 'unk_token'],
    ['wordpiece-uncased', 'model_load_failed', (json) => ({ ...json, added_tokens: [{ id: 'x', content: 'zzzz' }] }), 'added_tokens[0].id'],
    ['bpe-gpt2', 'model_load_failed', (json) => ({ ...json, model: { type: 'BPE', vocab: { a: 0 }, merges: ['a b'] } }), 'model.merges[0]'],
    ['unigram-albert', 'model_load_failed', (json) => ({ ...json, model: { type: 'Unigram', vocab: [['a']] } }), 'model.vocab[0]'],
    [
      'unigram-xlm-roberta',
      'model_load_failed',
      (json) => ({ ...json, normalizer: { type: 'Precompiled', precompiled_charsmap: 'AAAA' } }),
      'charsmap',
    ],
  ])('%s with a fault: %s', async (name, code, change, part) => {
    const error: unknown = await loadTokenizer(await variant(name, change)).catch((reason: unknown) => reason);
    expect(LocalLiteError.is(error)).toBe(true);
    expect(error).toMatchObject({ code, message: expect.stringContaining(part) });
  });
});

describe('the fallback', () => {
  const fallback = createFallbackTokenizer();

  test('estimates the number of tokens', () => {
    expect(fallback.exact).toBe(false);
    expect(fallback.count('')).toBe(2);
    expect(fallback.count('The cat sat.')).toBe(6);
    expect(fallback.count('你好')).toBe(4);
    expect(fallback.count('internationalisation 123456')).toBe(2 + 4 + 2);
  });

  test('refuses everything else', async () => {
    const refusal = { code: 'model_load_failed' };
    for (const action of [() => fallback.encode('a'), () => fallback.fromIds([1]), () => fallback.decode([1])])
      expect(thrown(action)).toMatchObject(refusal);
    await expect(fallback.encodeAsync('a')).rejects.toMatchObject(refusal);
    await expect(fallback.spans('a')).rejects.toMatchObject(refusal);
  });
});
