import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { buildGraph, openModelFiles } from '../../src/convert/build.ts';
import { FP32_PRODUCTS } from '../../src/convert/fp32.ts';
import { writeGraph } from '../../src/convert/onnx-file.ts';
import { createGateway } from '../../src/gateway/create.ts';
import type { Gateway } from '../../src/gateway/gateway-types.ts';
import type { ModelCard, Task } from '../../src/models/card.ts';
import { createCatalog } from '../../src/models/catalog.ts';
import type { InstalledModel } from '../../src/models/store-types.ts';
import { TestStore } from '../../src/testing/index.ts';
import { tinyRequest } from './tiny-models.ts';

/** Words of the made tokenizers: the word of an id. */
export const wordOf = (id: number): string => `t${id}`;
const VOCABULARY = 512;

/** One converted tiny model and what its card says. */
export interface TinyInstall {
  readonly id: string;
  /** Folder with its weights. */
  readonly weights: string;
  /** Heads that are built; those of the card's tasks where it is absent. */
  readonly built?: readonly Task[];
  readonly facts: Partial<ModelCard> & Pick<ModelCard, 'task'>;
}

/**
 * A gateway over converted tiny models. Their tokenizers have one word an id (see {@link wordOf}) and add nothing, so that a text is
 * exactly the ids that its words name, and a pair those of both texts, of type 0 as in the reference's inputs.
 */
export async function tinyGateway(home: string, models: readonly TinyInstall[]): Promise<Gateway> {
  const installed = await Promise.all(models.map((model) => install(home, model)));
  return createGateway({
    settings: { home, threads: 2, providers: ['cpu'], offline: true },
    catalog: createCatalog(
      installed.map(({ card }) => card),
      [],
    ),
    store: new TestStore(installed),
  });
}

async function install(home: string, { id, weights, built, facts }: TinyInstall): Promise<InstalledModel> {
  const directory = join(home, 'models', id);
  await mkdir(directory, { recursive: true });
  const files = openModelFiles(weights);
  try {
    const { dimensions = 64, maxTokens = 64, pooling = 'mean' } = facts;
    const tasks = built ?? [facts.task, ...(facts.alsoTasks ?? [])];
    const graph = buildGraph(files, tinyRequest(weights, { tasks, dimensions, maxTokens, pooling }), FP32_PRODUCTS);
    await writeGraph(graph, join(directory, 'model.onnx'));
  } finally {
    files.close();
  }
  await writeFile(join(directory, 'tokenizer.json'), JSON.stringify(tokenizer()));
  const variant: InstalledModel['variant'] = {
    name: 'fp32',
    dtype: 'fp32',
    onnx: 'model.onnx',
    batchInvariant: true,
    sources: [{ ref: `file:${id}`, files: [{ path: 'model.onnx' }] }],
    golden: [],
  };
  const card: ModelCard = {
    id,
    alias: id.slice(id.indexOf('/') + 1),
    modality: 'text',
    license: 'Apache-2.0',
    revision: 'main',
    dimensions: 64,
    maxTokens: 64,
    pooling: 'mean',
    normalize: true,
    prompts: { query: '', passage: '' },
    variants: [variant],
    scores: {},
    ...facts,
  };
  return { card, variant, source: 'test', directory, files: [], bytes: 0, installedAt: new Date(0).toISOString() };
}

function tokenizer(): object {
  const sequence = (id: string): object => ({ Sequence: { id, type_id: 0 } });
  return {
    version: '1.0',
    added_tokens: [],
    normalizer: null,
    pre_tokenizer: { type: 'WhitespaceSplit' },
    post_processor: { type: 'TemplateProcessing', single: [sequence('A')], pair: [sequence('A'), sequence('B')], special_tokens: {} },
    decoder: null,
    model: {
      type: 'WordLevel',
      vocab: { ...Object.fromEntries(Array.from({ length: VOCABULARY }, (_, id) => [wordOf(id), id])), '[MASK]': 5 },
      unk_token: wordOf(0),
    },
  };
}
