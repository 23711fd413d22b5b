import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { maxSim } from '../../src/engines/max-sim.ts';
import type { Gateway, TokenVectors } from '../../src/gateway/gateway-types.ts';
import { createTestGateway, TEST_ALL_IN_ONE, TEST_MODEL, TEST_MULTI, TEST_RERANKER, TEST_SPARSE } from '../../src/testing/index.ts';

const words = (count: number, from = 0): string => Array.from({ length: count }, (_, index) => `w${from + index}`).join(' ');
/** Ids of the pretended vocabulary: `w0` is 8. */
const idOf = (word: number): number => 8 + word;
const sigmoid = (value: number): number => 1 / (1 + Math.exp(-value));

let gateway: Gateway;
beforeAll(async () => {
  gateway = await createTestGateway({ settings: { inference: { timeout: 6 }, batch: { bulk_above: 8 } } });
});
afterAll(() => gateway.close());

/** Waits until `check` holds; the test's own time limit ends it otherwise. */
async function until(check: () => boolean): Promise<void> {
  while (!check()) await new Promise((resolve) => setTimeout(resolve, 10));
}

describe('rerank with a cross-encoder', () => {
  it('reads query and document as one pair, in this order', async () => {
    const { logits, scores, model, promptTokens, truncatedTokens } = await gateway.rerank({
      query: 'w1 w2',
      documents: ['w2 w9 w1', 'w9 w9 w9', 'w9 w1', ''],
    });
    expect(model).toBe(TEST_RERANKER);
    expect([...logits]).toEqual([1 + 1 / 3 - 1, -1, 0.5 - 1, -1].map(Math.fround));
    scores.forEach((score, index) => {
      expect(score).toBeCloseTo(sigmoid(logits[index] ?? 0), 6);
    });
    // [CLS] 2 [SEP] n [SEP]
    expect(promptTokens).toBe(8 + 8 + 7 + 5);
    expect(truncatedTokens).toEqual([0, 0, 0, 0]);
    const turned = await gateway.rerank({ query: 'w2 w9 w1', documents: ['w1 w2'] });
    expect(turned.logits[0]).toBeCloseTo(1 + 1 / 2 - 1, 6);
  });

  it('gives each document its own score, in order, the same in every batch', async () => {
    const documents = Array.from({ length: 150 }, (_, index) => words(1 + ((index * 7) % 40), index));
    const together = await gateway.rerank({ query: words(10, 60), documents });
    expect(new Set(together.logits).size).toBeGreaterThan(20);
    for (const index of [0, 13, 77, 149]) {
      const alone = await gateway.rerank({ query: words(10, 60), documents: [documents[index] ?? ''] });
      expect(together.logits[index]).toBe(alone.logits[0]);
    }
  });

  it('answers no documents with no scores', async () => {
    const { logits, truncatedTokens } = await gateway.rerank({ query: 'w1', documents: [] });
    expect([logits.length, truncatedTokens.length]).toEqual([0, 0]);
  });

  it('refuses an over-long document by its place, cuts it when asked, and counts what was cut', async () => {
    const documents = ['w1', words(100)];
    await expect(gateway.rerank({ query: 'w1 w2', documents })).rejects.toMatchObject({
      code: 'input_too_long',
      param: 'documents[1]',
      message: expect.stringMatching(/100 tokens.*59/),
    });
    const cut = await gateway.rerank({ query: 'w1 w2', documents, truncate: true });
    expect(cut.truncatedTokens).toEqual([0, 41]);
    expect(cut.promptTokens).toBe(6 + 64);
  });

  it('refuses a query that leaves no room, whatever is to be done with documents', async () => {
    for (const more of [{}, { truncate: true }, { long: 'windows' as const }]) {
      await expect(gateway.rerank({ query: words(61), documents: ['w1'], ...more })).rejects.toMatchObject({
        code: 'input_too_long',
        param: 'query',
        message: expect.stringMatching(/61 tokens/),
      });
    }
  });

  it('reads a long document in overlapping windows, of which the best counts', async () => {
    // The word stands at the very end: cut off otherwise, and far from a window's beginning.
    const document = `${words(150)} w999`;
    const [cut, windows] = await Promise.all([
      gateway.rerank({ query: 'w999 w998', documents: [document, 'w999'], truncate: true }),
      gateway.rerank({ query: 'w999 w998', documents: [document, 'w999'], long: 'windows' }),
    ]);
    expect(cut.logits[0]).toBe(-1);
    // 59 tokens fit beside the query; in the last, full window the word is the 59th.
    expect(windows.logits[0]).toBeCloseTo(1 / 59 - 1, 6);
    expect(windows.logits[1]).toBe(cut.logits[1]);
    expect(windows.truncatedTokens).toEqual([0, 0]);
    expect(windows.promptTokens).toBeGreaterThan(151);
  });

  it.each([TEST_RERANKER, TEST_MULTI])('reads no more of a document than it is told to, and counts the rest as cut (%s)', async (model) => {
    const document = `${words(150)} w999`;
    const request = { model, query: 'w999', documents: [document, 'w1'] };
    const few = await gateway.rerank({ ...request, maxDocumentTokens: 20 });
    expect(few.truncatedTokens).toEqual([131, 0]);
    const all = await gateway.rerank({ ...request, long: 'windows' });
    expect(all.truncatedTokens).toEqual([0, 0]);
    const two = await gateway.rerank({ ...request, long: 'windows', maxWindows: 2 });
    expect(two.truncatedTokens[0]).toBeGreaterThan(30);
    expect(two.truncatedTokens[0]).toBeLessThan(100);
    expect(two.promptTokens).toBeLessThan(all.promptTokens);
    // The word that is asked for stands behind what two windows hold.
    expect(all.logits[0]).toBeGreaterThan(two.logits[0] ?? 0);
    expect(few.logits[1]).toBe(all.logits[1]);
  });

  it('lets an interactive query pass a bulk one', async () => {
    await using slow = await createTestGateway({ millisecondsPerToken: 0.5, settings: { threads: 1 } });
    await slow.models.load(TEST_RERANKER);
    const finished: string[] = [];
    const bulk = slow
      .rerank({ query: 'w1', documents: Array.from({ length: 60 }, () => words(50)), priority: 'bulk' })
      .then(() => finished.push('bulk'));
    await until(() => slow.models.loaded().some(({ users }) => users > 0));
    await slow.rerank({ query: 'w1', documents: ['w2'], priority: 'interactive' }).then(() => finished.push('interactive'));
    await bulk;
    expect(finished).toEqual(['interactive', 'bulk']);
  });

  it('gives up its places when the caller leaves', async () => {
    await using slow = await createTestGateway({ millisecondsPerToken: 1, settings: { threads: 1 } });
    await slow.models.load(TEST_RERANKER);
    const leaving = new AbortController();
    const left = slow.rerank({ query: 'w1', documents: Array.from({ length: 50 }, () => words(50)), signal: leaving.signal });
    await until(() => slow.models.loaded().some(({ users }) => users > 0));
    leaving.abort();
    await expect(left).rejects.toMatchObject({ code: 'cancelled' });
    await until(() => slow.models.loaded().every(({ users }) => users === 0));
    await expect(slow.rerank({ query: 'w1', documents: ['w1'] })).resolves.toMatchObject({ model: TEST_RERANKER });
  });

  it('fails alone when its worker dies, and the worker comes back', async () => {
    await expect(gateway.rerank({ query: 'w1', documents: ['crash'] })).rejects.toMatchObject({ code: 'worker_crashed' });
    await expect(gateway.rerank({ query: 'w1', documents: ['throw'] })).rejects.toMatchObject({ code: 'inference_failed' });
    expect((await gateway.rerank({ query: 'w1', documents: ['w1'] })).logits[0]).toBe(0);
  });
});

describe('sparse vectors', () => {
  it('of a whole vocabulary hold the terms that are not zero, ascending', async () => {
    const { vectors, model, promptTokens } = await gateway.embedSparse({ input: ['w7 w3 w7', 'w900', [2, idOf(5), 3]] });
    expect(model).toBe(TEST_SPARSE);
    expect(promptTokens).toBe(5 + 3 + 3);
    expect(vectors.map(({ indices }) => [...indices])).toEqual([[idOf(3), idOf(7)], [idOf(900)], [idOf(5)]]);
    expect([...(vectors[0]?.values ?? [])]).toEqual([Math.fround(Math.log1p(1)), Math.fround(Math.log1p(2))]);
  });

  it('stand in the order of the inputs, however these are batched', async () => {
    const input = Array.from({ length: 120 }, (_, index) => words(1 + ((index * 11) % 30), index));
    const { vectors } = await gateway.embedSparse({ input });
    vectors.forEach(({ indices }, index) => {
      const count = 1 + ((index * 11) % 30);
      expect([...indices]).toEqual(Array.from({ length: count }, (_, word) => idOf(index + word)));
    });
  });

  it('of tokens keep the heaviest of each term and leave special tokens out', async () => {
    const { vectors, model } = await gateway.embedSparse({ model: TEST_ALL_IN_ONE, input: ['w9 w4 w9'] });
    expect(model).toBe(TEST_ALL_IN_ONE);
    // [CLS] stands first, so the first word weighs 1/2.
    expect([...(vectors[0]?.indices ?? [])]).toEqual([idOf(4), idOf(9)]);
    expect([...(vectors[0]?.values ?? [])]).toEqual([Math.fround(1 / 3), Math.fround(1 / 2)]);
  });

  it('come with what their ids stand for when that is asked', async () => {
    const { terms } = await gateway.embedSparse({ input: ['w7 w3', 'w3'], returnTerms: true });
    expect(terms).toEqual([['w3', 'w7'], ['w3']]);
    expect((await gateway.embedSparse({ input: ['w7'] })).terms).toBeUndefined();
  });

  it('are refused for an over-long text and cut when asked', async () => {
    await expect(gateway.embedSparse({ input: [words(100)] })).rejects.toMatchObject({ code: 'input_too_long', param: 'input[0]' });
    const { truncatedTokens } = await gateway.embedSparse({ input: [words(100)], truncate: true });
    expect(truncatedTokens).toEqual([38]);
  });
});

describe('one vector a token', () => {
  const vectorsOf = async (input: string, more: object = {}): Promise<TokenVectors> => {
    const { vectors } = await gateway.embedMulti({ input: [input], ...more });
    if (vectors[0] === undefined) expect.unreachable('a text without vectors');
    return vectors[0];
  };

  it('marks passages and leaves their punctuation out', async () => {
    const { tokens, dimensions, data } = await vectorsOf('w1 , w2 .');
    // [CLS] marker w1 w2 [SEP]
    expect([tokens, dimensions, data.length]).toEqual([5, 8, 40]);
    for (let token = 0; token < tokens; token++) expect(Math.hypot(...data.subarray(token * 8, token * 8 + 8))).toBeCloseTo(1, 5);
    const query = await vectorsOf('w1 , w2 .', { inputType: 'query' });
    expect([...query.data.subarray(0, 8)]).toEqual([...data.subarray(0, 8)]);
    expect([...query.data.subarray(8, 16)]).not.toEqual([...data.subarray(8, 16)]);
    expect([...query.data.subarray(16, 24)]).toEqual([...data.subarray(16, 24)]);
  });

  it('fills a query with the mask token and keeps its punctuation', async () => {
    const filled = await vectorsOf('w1 ?', { inputType: 'query' });
    expect(filled.tokens).toBe(8);
    const mask = await vectorsOf('[MASK]');
    // [CLS] marker w1 ? [SEP] and three masks
    for (const token of [5, 6, 7]) expect([...filled.data.subarray(token * 8, token * 8 + 8)]).toEqual([...mask.data.subarray(16, 24)]);
    expect((await vectorsOf(words(20), { inputType: 'query' })).tokens).toBe(23);
  });

  it('leaves the opening token out where the card says so', async () => {
    const { tokens, data } = await vectorsOf('w1 .', { model: TEST_ALL_IN_ONE });
    expect(tokens).toBe(3);
    const marked = await vectorsOf('w1');
    expect([...data.subarray(0, 8)]).toEqual([...marked.data.subarray(16, 24)]);
  });

  it('leaves room for the marker when a text is cut', async () => {
    await expect(gateway.embedMulti({ input: [words(62)] })).rejects.toMatchObject({
      code: 'input_too_long',
      message: expect.stringMatching(/64 tokens.*63/),
    });
    const { vectors, truncatedTokens, promptTokens } = await gateway.embedMulti({ input: [words(62)], truncate: true });
    expect([vectors[0]?.tokens, truncatedTokens[0], promptTokens]).toEqual([64, 1, 64]);
  });

  it('reranks by MaxSim', async () => {
    const documents = ['w5 w6', words(30), 'w1 w2 w3 .', '.'];
    const { logits, scores, truncatedTokens, model } = await gateway.rerank({ model: TEST_MULTI, query: 'w1 w2', documents });
    expect(model).toBe(TEST_MULTI);
    expect(truncatedTokens).toEqual([0, 0, 0, 0]);
    expect([...scores]).toEqual([...logits]);
    const query = await vectorsOf('w1 w2', { inputType: 'query' });
    for (const [index, document] of documents.entries()) expect(logits[index]).toBeCloseTo(maxSim(query, await vectorsOf(document)), 4);
    expect(logits[2]).toBeGreaterThan(logits[0] ?? 0);
  });

  it('reranks long documents by their best window', async () => {
    const document = `${words(150, 100)} w1 w2 w3`;
    const request = { model: TEST_MULTI, query: 'w1 w2 w3', documents: [document, 'w1 w2 w3'] };
    await expect(gateway.rerank(request)).rejects.toMatchObject({ code: 'input_too_long', param: 'documents[0]' });
    const [cut, windows] = [await gateway.rerank({ ...request, truncate: true }), await gateway.rerank({ ...request, long: 'windows' })];
    expect(windows.logits[0]).toBeGreaterThan(cut.logits[0] ?? 0);
    expect(windows.truncatedTokens).toEqual([0, 0]);
    expect(cut.truncatedTokens[0]).toBeGreaterThan(0);
  });
});

describe('tasks and models', () => {
  it('share the workers of a model that has several tasks, and are not mixed in one batch', async () => {
    const input = Array.from({ length: 40 }, (_, index) => words(1 + (index % 20), index));
    const model = TEST_ALL_IN_ONE;
    const [dense, sparse, multi] = await Promise.all([
      gateway.embed({ model, input }),
      gateway.embedSparse({ model, input }),
      gateway.embedMulti({ model, input }),
    ]);
    expect(gateway.models.loaded().filter(({ id }) => id === model)).toHaveLength(1);
    for (const index of [0, 19, 39]) {
      const text = [input[index] ?? ''];
      expect(dense.vectors[index]).toEqual((await gateway.embed({ model, input: text })).vectors[0]);
      expect(sparse.vectors[index]).toEqual((await gateway.embedSparse({ model, input: text })).vectors[0]);
      expect(multi.vectors[index]).toEqual((await gateway.embedMulti({ model, input: text })).vectors[0]);
    }
    expect(new Set([dense.space, sparse.space, multi.space]).size).toBe(3);
  });

  it('refuses a model of another task before it is loaded, and names those that would do', async () => {
    await using fresh = await createTestGateway();
    const wrong = { code: 'model_wrong_task', param: 'model' };
    await expect(fresh.rerank({ model: TEST_MODEL, query: 'w1', documents: ['w1'] })).rejects.toMatchObject({
      ...wrong,
      message: expect.stringMatching(/test\/words makes embeddings.*reranks documents.*: reranker, multi, all-in-one/),
    });
    await expect(fresh.embed({ model: TEST_RERANKER, input: ['w1'] })).rejects.toMatchObject({
      ...wrong,
      message: expect.stringMatching(/test\/reranker reranks documents; .*: words, all-in-one/),
    });
    await expect(fresh.embedSparse({ model: TEST_MULTI, input: ['w1'] })).rejects.toMatchObject(wrong);
    await expect(fresh.embedMulti({ model: TEST_SPARSE, input: ['w1'] })).rejects.toMatchObject(wrong);
    expect(fresh.models.loaded()).toEqual([]);
  });

  it('finds the default model of each task, and readiness waits for that of embeddings alone', async () => {
    await using fresh = await createTestGateway();
    await fresh.rerank({ query: 'w1', documents: ['w1'] });
    await fresh.embedSparse({ input: ['w1'] });
    await fresh.embedMulti({ input: ['w1'] });
    expect(fresh.ready().ready).toBe(false);
    await fresh.embed({ input: ['w1'] });
    expect(fresh.ready().ready).toBe(true);
    expect(fresh.models.loaded().map(({ id }) => id)).toEqual([TEST_RERANKER, TEST_SPARSE, TEST_MULTI, TEST_MODEL]);
  });

  it('tokenises with the tokenizer of any model', async () => {
    const { counts, model } = await gateway.tokenize({ model: TEST_RERANKER, input: ['w1 w2'] });
    expect([model, counts]).toEqual([TEST_RERANKER, [4]]);
  });
});
