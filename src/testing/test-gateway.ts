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

/** Id of the pretended model. Its words are `w0` … `w999`, `.`, `,`, `!`, `?`, and `throw`, `crash`, `hang`, `starve`, which do that to a run. */
export const TEST_MODEL = 'test/words';

/** Pretended models of the other tasks, with the same words: see {@link openFakeSession} for their numbers. */
export const TEST_RERANKER = 'test/reranker';
/** Weighs the words of its vocabulary. */
export const TEST_SPARSE = 'test/sparse';
/** One vector a token, as ColBERT: markers, queries filled up to 8 tokens, no vectors for punctuation. */
export const TEST_MULTI = 'test/multi';
/** Embeds, weighs tokens and gives token vectors, as bge-m3 does. */
export const TEST_ALL_IN_ONE = 'test/all-in-one';

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
    vocabulary: WORDS.length,
    specialIds: SPECIAL_WORDS.map((word) => WORDS.indexOf(word)),
    millisecondsPerToken: options.millisecondsPerToken ?? 0,
    faults: Object.fromEntries(FAULT_WORDS.map((word, index) => [word, FIRST_FAULT_ID + index])),
  };
  const embedders = [TEST_MODEL, ...(options.alsoModels ?? [])].map((id) => testCard(id, graph.dimensions));
  const cards = [...embedders, ...otherCards(graph.dimensions)];
  const store = new TestStore(await Promise.all(cards.map((card) => installTestModel(home, card))));
  return createGateway({
    settings: { threads: 2, providers: ['cpu'], offline: true, default_models: DEFAULT_MODELS, ...options.settings, home },
    catalog: createCatalog(cards, []),
    store,
    fakes: new Map(cards.map(({ id }) => [id, graph])),
    ...(options.telemetry === undefined ? {} : { telemetry: options.telemetry }),
  });
}

const DEFAULT_MODELS = { embed: TEST_MODEL, rerank: TEST_RERANKER, sparse: TEST_SPARSE, multi: TEST_MULTI };

function otherCards(dimensions: number): readonly ModelCard[] {
  const prompts = { query: '', passage: '' };
  const card = (id: string, facts: Partial<ModelCard>): ModelCard => ({ ...testCard(id, dimensions), prompts, ...facts });
  return [
    card(TEST_RERANKER, { task: 'rerank', rerank: { activation: 'sigmoid' } }),
    card(TEST_SPARSE, { task: 'sparse', sparse: { from: 'vocabulary' } }),
    card(TEST_MULTI, {
      task: 'multi',
      multi: { dimensions, markers: { query: '[unused0]', passage: '[unused1]' }, queryTokens: 8, skipPunctuation: true },
    }),
    card(TEST_ALL_IN_ONE, {
      alsoTasks: ['sparse', 'multi'],
      sparse: { from: 'tokens' },
      multi: { dimensions, skipFirst: true, skipPunctuation: false },
    }),
  ];
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

const SPECIAL_WORDS = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]', '[unused0]', '[unused1]'];
/** The vocabulary; a word's place is its id. */
const WORDS = [
  ...SPECIAL_WORDS.slice(0, FIRST_FAULT_ID),
  ...FAULT_WORDS,
  ...Array.from({ length: 1000 }, (_, index) => `w${index}`),
  ...SPECIAL_WORDS.slice(FIRST_FAULT_ID),
  '.',
  ',',
  '!',
  '?',
];

/** A tokenizer.json with one id a word. */
function wordTokenizer(): object {
  const special = (content: string): object => ({
    id: WORDS.indexOf(content),
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
    added_tokens: SPECIAL_WORDS.filter((word) => !word.startsWith('[unused')).map(special),
    normalizer: null,
    pre_tokenizer: { type: 'WhitespaceSplit' },
    post_processor: { type: 'BertProcessing', sep: ['[SEP]', 3], cls: ['[CLS]', 2] },
    decoder: null,
    model: { type: 'WordLevel', vocab: Object.fromEntries(WORDS.map((word, id) => [word, id])), unk_token: '[UNK]' },
  };
}

/** A store that holds what it is given; pulls and conversions are refused. */
export class TestStore implements ModelStore {
  #models: readonly InstalledModel[];

  constructor(models: readonly InstalledModel[]) {
    this.#models = models;
  }

  async list(): Promise<readonly InstalledModel[]> {
    return this.#models;
  }

  async find(id: string, variant?: string): Promise<InstalledModel | undefined> {
    const fitting = this.#models.filter((model) => model.card.id === id && (variant === undefined || model.variant.name === variant));
    return fitting.find(({ pinned }) => pinned === true) ?? fitting[0];
  }

  async pull(reference: string): Promise<InstalledModel> {
    throw new LocalLiteError('offline', `${reference} cannot be pulled in a test`);
  }

  async variants(id: string): Promise<readonly InstalledModel[]> {
    return this.#models.filter((model) => model.card.id === id);
  }

  async make(weights: InstalledModel): Promise<InstalledModel> {
    throw new LocalLiteError('model_unsupported', `nothing is made of ${weights.card.id} in a test`);
  }

  async pin(id: string, variant: string | undefined): Promise<void> {
    this.#models = this.#models.map((model) => (model.card.id === id ? { ...model, pinned: model.variant.name === variant } : model));
  }

  async verify(): Promise<[]> {
    return [];
  }

  async remove(id: string, variant?: string): Promise<{ freedBytes: number }> {
    this.#models = this.#models.filter((model) => model.card.id !== id || (variant !== undefined && model.variant.name !== variant));
    return { freedBytes: 0 };
  }
}
