import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { cosine } from '../../src/engines/pooling.ts';
import type { Gateway } from '../../src/gateway/gateway-types.ts';
import { createTestGateway, TEST_MODEL } from '../../src/testing/index.ts';

/** Waits until `check` holds; the test's own time limit ends it otherwise. */
async function until(check: () => boolean): Promise<void> {
  while (!check()) await new Promise((resolve) => setTimeout(resolve, 20));
}

const embed = (gateway: Gateway, input: readonly string[], more: object = {}) => gateway.embed({ input, ...more });

describe('a gateway over a pretended model', () => {
  let gateway: Gateway;
  beforeAll(async () => {
    gateway = await createTestGateway({ settings: { inference: { timeout: 6 } } });
  });
  afterAll(() => gateway.close());

  it('gives each text its own vector, in order, the same in every batch', async () => {
    const texts = Array.from({ length: 200 }, (_, index) =>
      Array.from({ length: 1 + (index % 30) }, (_, word) => `w${index + word}`).join(' '),
    );
    const together = await embed(gateway, texts);
    expect(together.vectors).toHaveLength(200);
    for (const index of [0, 7, 63, 199]) {
      const alone = await embed(gateway, [texts[index] ?? '']);
      expect([...(together.vectors[index] ?? [])]).toEqual([...(alone.vectors[0] ?? [])]);
    }
  });

  it('counts tokens with special tokens and reports what was cut', async () => {
    const long = Array(100).fill('w1').join(' ');
    const { promptTokens, truncatedTokens } = await embed(gateway, ['w1 w2', long], { truncate: true });
    expect(promptTokens).toBe(4 + 64);
    expect(truncatedTokens).toEqual([0, 38]);
  });

  it('refuses an over-long text with both counts and its place', async () => {
    const refused = embed(gateway, ['w1', Array(100).fill('w1').join(' ')]);
    await expect(refused).rejects.toMatchObject({
      code: 'input_too_long',
      param: 'input[1]',
      message: expect.stringMatching(/102 tokens.*64/),
    });
  });

  it('takes token ids for what the same text gives', async () => {
    const { tokens } = await gateway.tokenize({ input: ['w5 w6'] });
    const ids = (tokens[0] ?? []).map((token) => token.id);
    const [fromIds, fromText] = [await gateway.embed({ input: [ids] }), await embed(gateway, ['w5 w6'])];
    expect(fromIds.vectors).toEqual(fromText.vectors);
    await expect(gateway.embed({ input: [[1, 99_999]] })).rejects.toMatchObject({ code: 'invalid_request', param: 'input[0]' });
  });

  it('adds the prompt of the input type, and refuses it for token ids', async () => {
    const [query, plain] = [await embed(gateway, ['w1'], { inputType: 'query' }), await embed(gateway, ['w998 w1'])];
    expect(query.vectors).toEqual(plain.vectors);
    await expect(gateway.embed({ input: [[2, 9, 3]], inputType: 'query' })).rejects.toMatchObject({ param: 'input_type' });
  });

  it('cuts dimensions where the card allows it', async () => {
    const [full, half] = [await embed(gateway, ['w1 w2']), await embed(gateway, ['w1 w2'], { dimensions: 4 })];
    const [whole, cut] = [full.vectors[0] ?? new Float32Array(), half.vectors[0] ?? new Float32Array()];
    expect(cut).toHaveLength(4);
    expect(cosine(cut, whole.slice(0, 4))).toBeCloseTo(1, 6);
    expect(Math.hypot(...cut)).toBeCloseTo(1, 6);
    await expect(embed(gateway, ['w1'], { dimensions: 5 })).rejects.toMatchObject({
      param: 'dimensions',
      message: expect.stringContaining('8, 4'),
    });
  });

  it.each([
    ['throw', 'inference_failed', /told to fail/],
    ['crash', 'worker_crashed', /SIGKILL|exit code/],
    ['starve', 'worker_crashed', /out of memory/],
    ['hang', 'timed_out', /within 6 s/],
  ])('a run that does "%s" fails only the requests inside, and the worker comes back', async (word, code, message) => {
    const others = Array.from({ length: 6 }, (_, index) => embed(gateway, [`w${index} w${index}`.repeat(3)]));
    await expect(embed(gateway, [word])).rejects.toMatchObject({ code, message: expect.stringMatching(message) });
    const ends = await Promise.allSettled(others);
    // Texts that were in the very batch fail with it; whoever was in another batch does not notice.
    for (const end of ends) if (end.status === 'rejected') expect(end.reason).toMatchObject({ code });
    const after = await Promise.all(Array.from({ length: 8 }, () => embed(gateway, ['w1'])));
    expect(after).toHaveLength(8);
    expect(gateway.models.loaded()[0]?.workers).toBe(2);
  });

  it('says when a request comes from a caller who has left', async () => {
    const abort = new AbortController();
    abort.abort();
    await expect(embed(gateway, ['w1'], { signal: abort.signal })).rejects.toMatchObject({ code: 'cancelled' });
  });

  it('names a model that is not there, with the way to get it or the name that was meant', async () => {
    await expect(gateway.embed({ model: 'wrods', input: ['w1'] })).rejects.toMatchObject({
      code: 'model_not_found',
      message: expect.stringContaining('Did you mean words?'),
    });
    await expect(gateway.embed({ model: 'some/model', input: ['w1'] })).rejects.toMatchObject({
      message: expect.stringContaining('locallite pull some/model'),
    });
  });

  it('follows aliases, and not in circles', async () => {
    await gateway.aliases.set('gpt', TEST_MODEL);
    expect((await gateway.embed({ model: 'GPT:latest', input: ['w1'] })).model).toBe(TEST_MODEL);
    await gateway.aliases.set('a', 'b');
    await gateway.aliases.set('b', 'a');
    await expect(gateway.embed({ model: 'a', input: ['w1'] })).rejects.toThrow(/circle/);
  });
});

describe('under load', () => {
  it('refuses at the door when the queue is full, and serves everybody it accepted', async () => {
    await using gateway = await createTestGateway({ millisecondsPerToken: 2, settings: { queue: { max_tokens: 200 } } });
    await embed(gateway, ['w1']);
    const ends = await Promise.allSettled(Array.from({ length: 200 }, (_, index) => embed(gateway, [`w${index} w1 w2 w3`])));
    const refused = ends.filter((end) => end.status === 'rejected');
    expect(refused.length).toBeGreaterThan(0);
    expect(ends.length - refused.length).toBeGreaterThan(20);
    for (const { reason } of refused) expect(reason).toMatchObject({ code: 'overloaded', retryAfterSeconds: expect.any(Number) });
  });

  it('frees the queue when callers leave', async () => {
    await using gateway = await createTestGateway({ millisecondsPerToken: 5 });
    await embed(gateway, ['w1']);
    const abort = new AbortController();
    const bulk = embed(gateway, Array(500).fill('w1 w2 w3'), { signal: abort.signal });
    setTimeout(() => abort.abort(), 50);
    await expect(bulk).rejects.toMatchObject({ code: 'cancelled' });
    await embed(gateway, ['w1']);
  });

  it('serves an interactive text before the bulk that waits', async () => {
    await using gateway = await createTestGateway({ millisecondsPerToken: 1 });
    await embed(gateway, ['w1']);
    let bulkDone = false;
    const bulk = embed(gateway, Array(400).fill('w1 w2 w3')).then(() => {
      bulkDone = true;
    });
    await new Promise((resolve) => setTimeout(resolve, 30));
    await embed(gateway, ['w7']);
    expect(bulkDone).toBe(false);
    await bulk;
  });

  it('drains on close, and stops at once when the grace is over', async () => {
    const gateway = await createTestGateway({ millisecondsPerToken: 1 });
    await embed(gateway, ['w1']);
    const running = embed(gateway, Array(40).fill('w1 w2'));
    await new Promise((resolve) => setTimeout(resolve, 20));
    await gateway.close({ graceMs: 10_000 });
    expect((await running).vectors).toHaveLength(40);
    await expect(embed(gateway, ['w1'])).rejects.toMatchObject({ code: 'shutting_down' });

    const hasty = await createTestGateway({ millisecondsPerToken: 50 });
    await embed(hasty, ['w1']);
    const cut = embed(hasty, Array(400).fill('w1 w2'));
    const outcome = expect(cut).rejects.toMatchObject({ code: 'shutting_down' });
    await new Promise((resolve) => setTimeout(resolve, 20));
    await hasty.close({ graceMs: 0 });
    await outcome;
  });
});

describe('after repeated crashes', () => {
  it('opens the circuit and says so, and closes it when a worker stays up', async () => {
    await using gateway = await createTestGateway({ settings: { threads: 1 } });
    const codes: string[] = [];
    for (let crash = 0; crash < 8; crash++) {
      const end = await embed(gateway, ['crash']).catch((error: Error) => error);
      codes.push(end instanceof Error ? end.message : 'ok');
    }
    expect(codes.at(-1)).toMatch(/ended \d+ times .* refused until a restart succeeds/);
    await until(() => gateway.models.loaded().length > 0);
    for (;;) {
      const end = await embed(gateway, ['w1']).catch(() => undefined);
      if (end !== undefined) break;
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  });
});

describe('what is in memory', () => {
  it('is loaded once for many callers, kept while it is used, and unloaded on request', async () => {
    await using gateway = await createTestGateway();
    await Promise.all(Array.from({ length: 10 }, () => embed(gateway, ['w1'])));
    expect(gateway.models.loaded()).toMatchObject([{ id: TEST_MODEL, provider: 'cpu', workers: 2, users: 0 }]);
    expect(gateway.models.loaded()[0]?.memoryBytes).toBeGreaterThan(10 * 2 ** 20);
    await gateway.models.unload(TEST_MODEL);
    expect(gateway.models.loaded()).toEqual([]);
  });

  it('goes when its time is over, at once with keep_alive 0, never when pinned by a negative one', async () => {
    await using gateway = await createTestGateway({ alsoModels: ['test/other'] });
    await embed(gateway, ['w1'], { keepAlive: 0 });
    await until(() => gateway.models.loaded().length === 0);
    await gateway.embed({ model: 'other', input: ['w1'], keepAlive: -1 });
    expect(gateway.models.loaded()).toMatchObject([{ id: 'test/other', expiresInMs: undefined }]);
  });

  it('makes room for another model, least recently used first, and never of one in use', async () => {
    const budget = 150 * 2 ** 20;
    await using gateway = await createTestGateway({
      millisecondsPerToken: 20,
      alsoModels: ['test/second', 'test/third'],
      settings: { threads: 1, memory_budget: budget },
    });
    await embed(gateway, ['w1']);
    const one = gateway.models.loaded()[0]?.memoryBytes ?? 0;
    expect(one).toBeGreaterThan(0);
    await gateway.embed({ model: 'second', input: ['w1'] });
    const busy = gateway.embed({ model: 'second', input: Array(8).fill('w1 w2 w3') });
    await gateway.embed({ model: 'third', input: ['w1'] });
    await until(
      () => gateway.models.loaded().reduce((sum, model) => sum + model.memoryBytes, 0) <= budget || gateway.models.loaded().length <= 2,
    );
    expect(gateway.models.loaded().map((model) => model.id)).toContain('test/second');
    expect((await busy).vectors).toHaveLength(8);
  });

  it('is refused to be removed while a request uses it', async () => {
    await using gateway = await createTestGateway({ millisecondsPerToken: 5 });
    await embed(gateway, ['w1']);
    const busy = embed(gateway, Array(20).fill('w1 w2 w3'));
    await new Promise((resolve) => setTimeout(resolve, 20));
    await expect(gateway.models.unload(TEST_MODEL)).rejects.toMatchObject({ code: 'model_in_use' });
    await busy;
  });
});
