import { existsSync, readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { cosine } from '../../src/engines/pooling.ts';
import { createGateway } from '../../src/gateway/create.ts';
import type { Gateway } from '../../src/gateway/gateway-types.ts';
import { DEFAULT_MODEL, MODEL_SETTINGS } from '../home.ts';
import { mixedTexts } from './texts.ts';

const GOLDEN = '../shared/data/golden/minilm-fp32.json';
const STS = '../shared/data/sts/stsb-dev.tsv';

let gateway: Gateway;
beforeAll(async () => {
  gateway = await createGateway({ settings: MODEL_SETTINGS });
});
afterAll(() => gateway.close());

const embed = async (input: readonly string[], more: object = {}): Promise<readonly Float32Array[]> =>
  (await gateway.embed({ input, ...more })).vectors;

describe(DEFAULT_MODEL, () => {
  it('loads, passes its self-test and says what runs', async () => {
    const loaded = await gateway.models.load('all-MiniLM-L6-v2');
    expect(loaded).toMatchObject({ id: DEFAULT_MODEL, variant: 'q4', provider: 'cpu', workers: 2 });
    expect(loaded.selfTest?.worstCosine).toBeGreaterThan(0.999);
    expect(loaded.nodesByProvider?.['cpu']).toBeGreaterThan(10);
    expect(loaded.memoryBytes).toBeGreaterThan(50 * 2 ** 20);
  });

  it('gives unit vectors of 384 numbers whose neighbours make sense', async () => {
    const topics = [
      ['The cat sleeps on the warm sofa.', 'A kitten is napping on the couch.'],
      ['Interest rates were raised by the central bank.', 'The bank of issue made borrowing more expensive.'],
      ['The recipe needs two eggs and a cup of flour.', 'Mix flour with a pair of eggs to make the dough.'],
      ['The rocket reached orbit after nine minutes.', 'Nine minutes after launch the spacecraft circled the Earth.'],
    ];
    const vectors = await embed(topics.flat());
    for (const vector of vectors) {
      expect(vector).toHaveLength(384);
      expect(Math.hypot(...vector)).toBeCloseTo(1, 5);
    }
    for (const [index, vector] of vectors.entries()) {
      const others = vectors.map((other, position) => (position === index ? -1 : cosine(vector, other)));
      expect(others.indexOf(Math.max(...others))).toBe(index ^ 1);
    }
  });

  it('gives a text the same vector whatever shares its batch: 1,000 texts of mixed length', async () => {
    const texts = mixedTexts(1000);
    const together = await embed(texts, { truncate: true });
    let worst = 1;
    for (let index = 0; index < texts.length; index += 5) {
      const [alone = new Float32Array()] = await embed([texts[index] ?? ''], { truncate: true });
      worst = Math.min(worst, cosine(alone, together[index] ?? new Float32Array()));
    }
    expect(worst).toBeGreaterThanOrEqual(0.999999);
  }, 120_000);

  it('tells how much of an over-long text it cut, and refuses without leave', async () => {
    const long = Array(400).fill('word').join(' ');
    await expect(embed([long])).rejects.toMatchObject({ code: 'input_too_long', message: expect.stringMatching(/402 tokens.*256/) });
    const { truncatedTokens, promptTokens } = await gateway.embed({ input: [long], truncate: true });
    expect({ truncatedTokens, promptTokens }).toEqual({ truncatedTokens: [146], promptTokens: 256 });
  });
});

describe.skipIf(!existsSync(GOLDEN))('against the reference implementation (skipped without the reference vectors)', () => {
  it('4-bit weights stay as close to fp32 as they were measured to be', async () => {
    const golden = JSON.parse(readFileSync(GOLDEN, 'utf8')) as { texts: string[]; vectors: string[] };
    const vectors = await embed(golden.texts, { truncate: true });
    const cosines = vectors.map((vector, index) => {
      const bytes = Uint8Array.from(Buffer.from(golden.vectors[index] ?? '', 'base64'));
      return cosine(vector, new Float32Array(bytes.buffer));
    });
    // What these weights measure on these texts is mean 0.9638, worst 0.8838 (a lone "?"); the card says so too.
    expect(cosines.reduce((sum, value) => sum + value, 0) / cosines.length).toBeGreaterThanOrEqual(0.963);
    expect(Math.min(...cosines)).toBeGreaterThanOrEqual(0.88);
  });
});

describe.skipIf(!existsSync(STS))('STS-B dev (skipped without the data)', () => {
  it('Spearman correlation is at least 86.4 (fp32 reference: 86.72)', async () => {
    const rows = readFileSync(STS, 'utf8')
      .trim()
      .split('\n')
      .map((line) => line.split('\t'));
    const first = await embed(rows.map((row) => row[1] ?? ''));
    const second = await embed(rows.map((row) => row[2] ?? ''));
    const predicted = first.map((vector, index) => cosine(vector, second[index] ?? new Float32Array()));
    expect(
      100 *
        spearman(
          predicted,
          rows.map((row) => Number(row[0])),
        ),
    ).toBeGreaterThanOrEqual(86.4);
  }, 180_000);
});

/** Spearman's rank correlation, ties by average rank. */
function spearman(a: readonly number[], b: readonly number[]): number {
  const [x, y] = [ranks(a), ranks(b)];
  const mean = (a.length + 1) / 2;
  const sum = (f: (index: number) => number): number => a.reduce((total, _, index) => total + f(index), 0);
  const dx = (index: number): number => (x[index] ?? 0) - mean;
  const dy = (index: number): number => (y[index] ?? 0) - mean;
  return sum((i) => dx(i) * dy(i)) / Math.sqrt(sum((i) => dx(i) ** 2) * sum((i) => dy(i) ** 2));
}

function ranks(values: readonly number[]): number[] {
  const order = values.map((value, index) => ({ value, index })).sort((a, b) => a.value - b.value);
  const result: number[] = [];
  for (let from = 0; from < order.length; ) {
    let to = from;
    while (to < order.length && order[to]?.value === order[from]?.value) to += 1;
    for (const { index } of order.slice(from, to)) result[index] = (from + to + 1) / 2;
    from = to;
  }
  return result;
}
