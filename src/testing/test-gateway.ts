import { mkdir, mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ConfigOptions } from '../config/settings.ts';
import { LocalLiteError } from '../errors.ts';
import { createGateway } from '../gateway/create.ts';
import type { Gateway } from '../gateway/gateway-types.ts';
import type { ModelCard, ModelVariant } from '../models/card.ts';
import { createCatalog } from '../models/catalog.ts';
import type { InstalledModel, ModelStore } from '../models/store-types.ts';
import type { FakeGraph } from '../runtime/fake.ts';
import type { Telemetry } from '../telemetry/telemetry.ts';

/** Id of the pretended model. Its words are `w0` … `w999`, and `throw`, `crash`, `hang`, `starve`, which do that to a run. */
export const TEST_MODEL = 'test/words';

const FAULT_WORDS = ['throw', 'crash', 'hang', 'starve'] as const;
const FIRST_FAULT_ID = 4;
const MAX_TOKENS = 64;

export interface TestGatewayOptions {
  /** Default 8. */
  readonly dimensions?: number;
  /** Milliseconds a run takes for each padded token; default 0. */
  readonly millisecondsPerToken?: number;
  /** Folder for state; default a new one in the system's temporary folder. */
  readonly home?: string;
  readonly settings?: ConfigOptions;
  readonly telemetry?: Telemetry;
  /** More models of the same kind, by id. */
  readonly alsoModels?: readonly string[];
}

/**
 * A gateway over a pretended model: vectors depend on the words alone, so order, batching, limits and faults can be asserted exactly,
 * with no download. Nothing else is pretended.
 */
export async function createTestGateway(options: TestGatewayOptions = {}): Promise<Gateway> {
  const home = options.home ?? (await mkdtemp(join(tmpdir(), 'locallite-test-')));
  const graph: FakeGraph = {
    dimensions: options.dimensions ?? 8,
    millisecondsPerToken: options.millisecondsPerToken ?? 0,
    faults: Object.fromEntries(FAULT_WORDS.map((word, index) => [word, FIRST_FAULT_ID + index])),
  };
  const ids = [TEST_MODEL, ...(options.alsoModels ?? [])];
  const cards = ids.map((id) => testCard(id, graph.dimensions));
  const store = new TestStore(await Promise.all(cards.map((card) => installTestModel(home, card))));
  return createGateway({
    settings: { threads: 2, providers: ['cpu'], offline: true, default_models: { embed: TEST_MODEL }, ...options.settings, home },
    catalog: createCatalog(cards, []),
    store,
    fakes: new Map(ids.map((id) => [id, graph])),
    ...(options.telemetry === undefined ? {} : { telemetry: options.telemetry }),
  });
}

function testCard(id: string, dimensions: number): ModelCard {
  const variant: ModelVariant = {
    name: 'fp32',
    dtype: 'fp32',
    onnx: 'model.onnx',
    batchInvariant: true,
    sources: [{ ref: `file:${id}`, files: [{ path: 'model.onnx' }] }],
    memoryBytes: 2 ** 20,
    golden: [],
  };
  return {
    id,
    alias: id.split('/').at(-1) ?? id,
    task: 'embed',
    modality: 'text',
    license: 'Apache-2.0',
    revision: 'main',
    dimensions,
    maxTokens: MAX_TOKENS,
    pooling: 'mean',
    normalize: true,
    prompts: { query: 'w998 ', passage: 'w999 ' },
    matryoshka: [dimensions, dimensions / 2],
    variants: [variant],
    scores: {},
  };
}

async function installTestModel(home: string, card: ModelCard): Promise<InstalledModel> {
  const directory = join(home, 'models', ...card.id.split('/'));
  await mkdir(directory, { recursive: true });
  await writeFile(join(directory, 'tokenizer.json'), JSON.stringify(wordTokenizer()));
  const [variant] = card.variants;
  if (variant === undefined) throw new LocalLiteError('internal', 'a test card has a variant');
  return { card, variant, source: 'test', directory, files: [], bytes: 0, installedAt: new Date(0).toISOString() };
}

/** A tokenizer.json with one id a word. */
function wordTokenizer(): object {
  const words = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', ...FAULT_WORDS, ...Array.from({ length: 1000 }, (_, index) => `w${index}`)];
  const special = (content: string, id: number): object => ({
    id,
    content,
    single_word: false,
    lstrip: false,
    rstrip: false,
    normalized: false,
    special: true,
  });
  return {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: ['[PAD]', '[UNK]', '[CLS]', '[SEP]'].map(special),
    normalizer: null,
    pre_tokenizer: { type: 'WhitespaceSplit' },
    post_processor: { type: 'BertProcessing', sep: ['[SEP]', 3], cls: ['[CLS]', 2] },
    decoder: null,
    model: { type: 'WordLevel', vocab: Object.fromEntries(words.map((word, id) => [word, id])), unk_token: '[UNK]' },
  };
}

/** A store that holds what it is given; pulls are refused. */
export class TestStore implements ModelStore {
  #models: readonly InstalledModel[];

  constructor(models: readonly InstalledModel[]) {
    this.#models = models;
  }

  async list(): Promise<readonly InstalledModel[]> {
    return this.#models;
  }

  async find(id: string, variant?: string): Promise<InstalledModel | undefined> {
    return this.#models.find((model) => model.card.id === id && (variant === undefined || model.variant.name === variant));
  }

  async pull(reference: string): Promise<InstalledModel> {
    throw new LocalLiteError('offline', `${reference} cannot be pulled in a test`);
  }

  async verify(): Promise<[]> {
    return [];
  }

  async remove(id: string, variant?: string): Promise<{ freedBytes: number }> {
    this.#models = this.#models.filter((model) => model.card.id !== id || (variant !== undefined && model.variant.name !== variant));
    return { freedBytes: 0 };
  }
}
