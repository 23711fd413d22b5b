import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { buildGraph, openModelFiles } from '../../src/convert/build.ts';
import { convertModel } from '../../src/convert/convert.ts';
import { FP32_PRODUCTS } from '../../src/convert/fp32.ts';
import { weightBits } from '../../src/convert/int8-cpu.ts';
import { writeGraph } from '../../src/convert/onnx-file.ts';
import { cosine } from '../../src/engines/pooling.ts';
import { openSession } from '../../src/runtime/onnx.ts';
import type { InferenceSession } from '../../src/runtime/session.ts';
import { loadTokenizer } from '../../src/runtime/tokenizer.ts';
import { DEFAULT_MODEL, MODEL_HOME } from '../home.ts';
import { tinyRequest } from '../support/tiny-models.ts';

const WEIGHTS = join(MODEL_HOME, 'models/installed/sentence-transformers--all-MiniLM-L6-v2/weights');
const GOLDEN = join(import.meta.dirname, '../../../shared/data/golden/minilm-fp32.json');
const TOKENS = 256;

/** Texts and the unit vectors that sentence-transformers gives them in float32, base64 of little-endian floats. */
interface GoldenVectors {
  readonly texts: readonly string[];
  readonly vectors: readonly string[];
}

/** Runs only where the weights are installed and the reference vectors are at hand. */
test.skipIf(!existsSync(WEIGHTS) || !existsSync(GOLDEN))(
  'all-MiniLM-L6-v2 converted to fp32 gives the reference vectors to six digits',
  async () => {
    const golden: GoldenVectors = JSON.parse(readFileSync(GOLDEN, 'utf8'));
    const folder = await mkdtemp(join(tmpdir(), 'locallite-minilm-'));
    try {
      const path = join(folder, 'model.onnx');
      const files = openModelFiles(WEIGHTS);
      try {
        await writeGraph(buildGraph(files, tinyRequest(WEIGHTS, { dimensions: 384, maxTokens: TOKENS }), FP32_PRODUCTS), path);
      } finally {
        files.close();
      }
      const session = await openSession({ path, provider: 'cpu', threads: 2, runtimePackage: undefined, providerLibrary: undefined });
      try {
        await expectGolden(session, golden);
      } finally {
        await session.nodesByProvider();
        await session.dispose();
      }
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  },
);

async function expectGolden(session: InferenceSession, golden: GoldenVectors): Promise<void> {
  const tokenizer = await loadTokenizer(WEIGHTS);
  const differences: number[] = [];
  for (const [index, text] of golden.texts.entries()) {
    const actual = await embed(session, tokenizer.encode(text, { maxTokens: TOKENS }).ids);
    const expected = new Float32Array(new Uint8Array(Buffer.from(golden.vectors[index] ?? '', 'base64')).buffer);
    expect(expected).toHaveLength(384);
    differences.push(...expected.map((value, at) => Math.abs(value - (actual[at] ?? Number.NaN))));
  }
  expect(differences).toHaveLength(golden.texts.length * 384);
  expect(Math.max(...differences)).toBeLessThan(1e-6);
}

async function embed(session: InferenceSession, ids: Int32Array): Promise<ArrayLike<number>> {
  const dims = [1, ids.length];
  const feeds = {
    input_ids: { type: 'int64' as const, dims, data: BigInt64Array.from(ids, BigInt) },
    attention_mask: { type: 'int64' as const, dims, data: new BigInt64Array(ids.length).fill(1n) },
  };
  const { data } = (await session.run(feeds, ['sentence_embedding']))['sentence_embedding'] ?? {};
  if (data instanceof Float32Array) return data;
  throw new Error('the graph gave no vector');
}

/** Runs under the same condition; the floors are those that a default model has to reach. */
test.skipIf(!existsSync(WEIGHTS) || !existsSync(GOLDEN))(
  'all-MiniLM-L6-v2 converted to int8 holds to the reference vectors, on odd inputs too',
  async () => {
    const golden: GoldenVectors = JSON.parse(readFileSync(GOLDEN, 'utf8'));
    const folder = await mkdtemp(join(tmpdir(), 'locallite-minilm-'));
    try {
      const request = tinyRequest(WEIGHTS, { id: DEFAULT_MODEL, precision: 'int8', output: folder, dimensions: 384, maxTokens: TOKENS });
      const report = await convertModel(request, { signal: new AbortController().signal, onProgress: () => undefined });
      expect(report.fidelity?.meanCosine).toBeGreaterThan(0.995);
      expect(report.batchInvariance).toBeGreaterThan(0.999999);
      const path = join(folder, 'model.onnx');
      const session = await openSession({ path, provider: 'cpu', threads: 1, runtimePackage: undefined, providerLibrary: undefined });
      try {
        const tokenizer = await loadTokenizer(WEIGHTS);
        const cosines: number[] = [];
        for (const [index, text] of golden.texts.entries()) {
          const actual = Float32Array.from(await embed(session, tokenizer.encode(text, { maxTokens: TOKENS }).ids));
          cosines.push(cosine(actual, new Float32Array(new Uint8Array(Buffer.from(golden.vectors[index] ?? '', 'base64')).buffer)));
        }
        const seven = weightBits() === 7;
        expect(cosines.reduce((sum, value) => sum + value, 0) / cosines.length).toBeGreaterThan(seven ? 0.996 : 0.998);
        expect(Math.min(...cosines)).toBeGreaterThan(0.985);
      } finally {
        await session.nodesByProvider();
        await session.dispose();
      }
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  },
);
