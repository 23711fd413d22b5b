import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { cardSchema, type ModelCard } from '../../src/models/card.ts';
import { type ConversionReport, cardFacts, type Recipe } from '../../src/models/made.ts';

/** Id of the model whose weights {@link weightsFolder} writes. */
export const MADE_ID = 'test/made';

/** Files that stand for published weights: nothing reads their numbers. */
export async function weightsFolder(folder: string, content = 'weights'): Promise<ModelCard> {
  const files = {
    'model.safetensors': content,
    'config.json': '{"model_type":"bert"}',
    'tokenizer.json': '{"model":{"type":"WordPiece"}}',
  };
  await mkdir(folder, { recursive: true });
  for (const [path, text] of Object.entries(files)) await writeFile(join(folder, path), text);
  const source = { ref: `file:${folder}`, files: Object.keys(files).map((path) => ({ path })) };
  const variant = { name: 'weights', kind: 'weights', dtype: 'fp32', onnx: 'model.safetensors', batchInvariant: true, sources: [source] };
  const published = { name: 'q4', dtype: 'q4', onnx: 'config.json', batchInvariant: true, sources: [source] };
  return cardSchema.parse({
    id: MADE_ID,
    alias: 'made',
    task: 'embed',
    modality: 'text',
    license: 'apache-2.0',
    revision: 'main',
    dimensions: 8,
    maxTokens: 16,
    pooling: 'mean',
    normalize: true,
    prompts: { query: '', passage: '' },
    variants: [variant, published],
  });
}

/** What the card's graphs are built with. */
export function testRecipe(card: ModelCard, changes: Partial<Recipe> = {}): Recipe {
  return { converter: 1, precision: 'int8', target: 'cpu', ...cardFacts(card), ...changes };
}

/** A report as the converter gives it. */
export function reportOf({ converter, precision, target }: Recipe, changes: Partial<ConversionReport> = {}): ConversionReport {
  return {
    converter,
    precision,
    target,
    family: 'bert',
    ...(precision === 'fp32' ? {} : { fidelity: { meanCosine: 0.9985, worstCosine: 0.992, texts: 68 } }),
    batchInvariance: 1,
    tokensPerSecond: { this: 9000, fp32: 4000 },
    memoryBytes: 150_000_000,
    keptInFloat: [],
    worstLayers: [],
    seconds: 2,
    ...changes,
  };
}
