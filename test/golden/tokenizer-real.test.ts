import { existsSync, readFileSync } from 'node:fs';
import { copyFile, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { processEnvironment } from '../../src/config/environment.ts';
import { loadConfig } from '../../src/config/load.ts';
import { createCatalog } from '../../src/models/catalog.ts';
import { createModelStore } from '../../src/models/store.ts';
import { loadTokenizer } from '../../src/runtime/tokenizer.ts';
import type { Tokenizer } from '../../src/runtime/tokenizer-types.ts';
import { silentTelemetry } from '../../src/telemetry/create-telemetry.ts';
import { DEFAULT_MODEL, defaultVariant, MODEL_HOME } from '../home.ts';

const LLAMA_CPP = '../shared/data/tokenizers/llamacpp_vectors.json';
const TRANSFORMERS_JS = '../shared/data/tokenizers/transformersjs_vectors.json';

interface Vector {
  model: string;
  vocab: string;
  text: string;
  ids: number[];
  decoded: string;
}

function vectors(file: string, wanted: (vector: Vector) => boolean): Vector[] {
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Vector[]).filter(wanted) : [];
}

const bge = vectors(LLAMA_CPP, ({ vocab }) => vocab === 'bert-bge');
const uncased = vectors(TRANSFORMERS_JS, ({ model }) => /bert-base-uncased(-finetuned|$)/.test(model));

let directory: string;
let tidying: string;
let tokenizer: Tokenizer;

beforeAll(async () => {
  const { config } = loadConfig({ options: { home: MODEL_HOME }, file: false, listens: false });
  const store = createModelStore({
    home: MODEL_HOME,
    catalog: createCatalog(),
    settings: config,
    environment: processEnvironment(),
    telemetry: silentTelemetry(),
  });
  const model = await store.find(DEFAULT_MODEL, defaultVariant());
  if (model === undefined) throw new Error('the default model is not in the test home');
  directory = model.directory;
  tokenizer = await loadTokenizer(directory);
  tidying = await mkdtemp(path.join(tmpdir(), 'tokenizer-'));
});

afterAll(() => rm(tidying, { recursive: true, force: true }));

describe('the vocabulary of BERT (uncased) in the default model', () => {
  test('gives the ids that the model was trained on', () => {
    const text = 'LocalLite embeds text without [MASK] sending it anywhere: ünïcödé, 中文, 1.5!';
    const ids = [
      101, 2334, 22779, 7861, 8270, 2015, 3793, 2302, 103, 6016, 2009, 5973, 1024, 27260, 1010, 1746, 1861, 1010, 1015, 1012, 1019, 999,
      102,
    ];
    expect([...tokenizer.encode(text).ids]).toEqual(ids);
    expect(tokenizer.vocabularySize).toBe(30_522);
  });

  test('ignores the truncation and padding inside tokenizer.json', () => {
    const json: unknown = JSON.parse(readFileSync(path.join(directory, 'tokenizer.json'), 'utf8'));
    expect(json).toMatchObject({ truncation: { max_length: 128 }, padding: { strategy: { Fixed: 128 } } });
    expect(tokenizer.encode('word '.repeat(300)).ids).toHaveLength(302);
    expect(tokenizer.encode('word').ids).toHaveLength(3);
  });

  test.skipIf(bge.length === 0)(`agrees with ${bge.length} vectors of llama.cpp`, () => {
    for (const { text, ids } of bge) {
      expect({ text, ids: [...tokenizer.encode(text, { addSpecialTokens: false }).ids] }).toEqual({ text, ids });
    }
  });

  test.skipIf(uncased.length === 0)(`agrees with ${uncased.length} vectors of transformers.js, decoded text included`, async () => {
    await copyFile(path.join(directory, 'tokenizer.json'), path.join(tidying, 'tokenizer.json'));
    await writeFile(path.join(tidying, 'tokenizer_config.json'), '{"clean_up_tokenization_spaces": true}');
    const tidy = await loadTokenizer(tidying);
    for (const { text, ids, decoded } of uncased) {
      expect({ text, ids: [...tidy.encode(text).ids], decoded: tidy.decode(ids) }).toEqual({ text, ids, decoded });
    }
  });
});
