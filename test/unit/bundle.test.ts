import { describe, expect, it } from 'vitest';
import { familyOf } from '../../src/convert/families.ts';
import { modelConfig } from '../../src/convert/model-config.ts';
import { LocalLiteError } from '../../src/errors.ts';
import { type CardOrigin, type CardOverrides, cardFromFiles } from '../../src/models/bundle.ts';
import { cardSchema, type ModelCard } from '../../src/models/card.ts';
import { createCatalog } from '../../src/models/catalog.ts';
import { CONVERTIBLE_MODEL_TYPES } from '../../src/models/convertible.ts';

type Files = Readonly<Record<string, unknown>>;

const module = (kind: string, path: string): object => ({ type: `sentence_transformers.models.${kind}`, path });
const pooling = (mode: string, dimension: number): object => ({
  word_embedding_dimension: dimension,
  pooling_mode_cls_token: mode === 'cls_token',
  pooling_mode_mean_tokens: mode === 'mean_tokens',
  pooling_mode_max_tokens: mode === 'max_tokens',
  pooling_mode_mean_sqrt_len_tokens: false,
  pooling_mode_weightedmean_tokens: mode === 'weightedmean_tokens',
  pooling_mode_lasttoken: mode === 'lasttoken',
});
const BERT = { model_type: 'bert', hidden_size: 384, max_position_embeddings: 512, pad_token_id: 0 };
const TOKENIZER = { version: '1.0', truncation: { max_length: 128 }, padding: { strategy: { Fixed: 128 } }, model: { type: 'WordPiece' } };
const STEPS = [module('Transformer', ''), module('Pooling', '1_Pooling'), module('Normalize', '2_Normalize')];

/** all-MiniLM-L6-v2 as its repository has it. */
const MINILM: Files = {
  'config.json': BERT,
  'tokenizer.json': TOKENIZER,
  'tokenizer_config.json': { model_max_length: 512, do_lower_case: true },
  'special_tokens_map.json': {},
  'modules.json': STEPS,
  '1_Pooling/config.json': pooling('mean_tokens', 384),
  'sentence_bert_config.json': { max_seq_length: 256, do_lower_case: false },
  'config_sentence_transformers.json': { __version__: { sentence_transformers: '2.0.0' } },
  'onnx/model.onnx': undefined,
};

/** bge-small-en-v1.5: the first token's state. */
const BGE: Files = {
  ...MINILM,
  '1_Pooling/config.json': pooling('cls_token', 384),
  'sentence_bert_config.json': { max_seq_length: 512, do_lower_case: true },
};

/** Qwen3-Embedding-0.6B: the last token's state, prompts, no sentence_bert_config.json, a tokenizer limit beyond the positions. */
const QWEN: Files = {
  'config.json': { model_type: 'qwen3', hidden_size: 1024, max_position_embeddings: 32_768, vocab_size: 151_669 },
  'tokenizer.json': { model: { type: 'BPE' } },
  'tokenizer_config.json': { model_max_length: 131_072, padding_side: 'left' },
  'modules.json': STEPS,
  '1_Pooling/config.json': { ...pooling('lasttoken', 1024), include_prompt: true },
  'config_sentence_transformers.json': {
    prompts: { query: 'Instruct: Given a web search query, retrieve relevant passages that answer the query\nQuery:', document: '' },
    default_prompt_name: null,
    similarity_fn_name: 'cosine',
  },
  'onnx/model.onnx': undefined,
  'onnx/model.onnx_data': undefined,
};

/** xlm-roberta: 514 rows of positions, of which two come before the first token. */
const ROBERTA: Files = {
  'config.json': { model_type: 'xlm-roberta', hidden_size: 768, max_position_embeddings: 514, pad_token_id: 1 },
  'tokenizer.json': { model: { type: 'Unigram' } },
  'tokenizer_config.json': { model_max_length: 1e30 },
  '1_Pooling/config.json': pooling('mean_tokens', 768),
  'model.onnx': undefined,
};

const without = (files: Files, ...paths: string[]): Files =>
  Object.fromEntries(Object.entries(files).filter(([path]) => !paths.includes(path)));

async function cardOf(files: Files, overrides: CardOverrides & CardOrigin = {}): Promise<ModelCard> {
  const read = async (path: string): Promise<string | undefined> => {
    const content = files[path];
    return content === undefined || typeof content === 'string' ? content : JSON.stringify(content);
  };
  return cardFromFiles('owner/name', 'abc123', read, Object.keys(files), overrides);
}

async function refusal(files: Files, overrides: CardOverrides = {}): Promise<string> {
  const error: unknown = await cardOf(files, overrides).catch((caught: unknown) => caught);
  if (!(error instanceof LocalLiteError)) throw new Error('it was not refused');
  expect(error.code).toBe('model_unsupported');
  expect(error.message).toContain('owner/name');
  return error.message;
}

describe('cardFromFiles: what a model says of itself', () => {
  it('reads the default model as the catalogue has it', async () => {
    const card = await cardOf(MINILM);
    const { pooling: mode, normalize, maxTokens, dimensions, prompts, matryoshka } = createCatalog().find('all-MiniLM-L6-v2') ?? card;
    expect(card).toMatchObject({
      id: 'owner/name',
      alias: 'name',
      revision: 'abc123',
      license: 'unknown',
      pooling: mode,
      normalize,
      maxTokens,
      dimensions,
      prompts,
    });
    expect(card.matryoshka).toBe(matryoshka);
    expect(cardSchema.parse(card)).toEqual(card);
    expect(card.verified).toBeUndefined();
  });

  it('reads cls pooling', async () => {
    expect(await cardOf(BGE)).toMatchObject({ pooling: 'cls', maxTokens: 512, normalize: true });
  });

  it('reads last-token pooling, prompts, and keeps the limit within the positions', async () => {
    expect(await cardOf(QWEN)).toMatchObject({
      pooling: 'last',
      maxTokens: 32_768,
      dimensions: 1024,
      prompts: { query: 'Instruct: Given a web search query, retrieve relevant passages that answer the query\nQuery:', passage: '' },
    });
  });

  it('counts RoBERTa positions from behind the padding id', async () => {
    expect((await cardOf(ROBERTA)).maxTokens).toBe(512);
    expect((await cardOf({ ...ROBERTA, 'config.json': { ...BERT, model_type: 'bert', max_position_embeddings: 514 } })).maxTokens).toBe(
      514,
    );
  });

  it('takes sentence_bert_config.json before the tokenizer, and never more than the positions', async () => {
    const files = { ...MINILM, 'tokenizer_config.json': { model_max_length: 100 } };
    expect((await cardOf(files)).maxTokens).toBe(256);
    expect((await cardOf({ ...files, 'sentence_bert_config.json': { max_seq_length: null } })).maxTokens).toBe(100);
    expect((await cardOf({ ...files, 'sentence_bert_config.json': { max_seq_length: 8192 } })).maxTokens).toBe(512);
  });

  it('pays no heed to truncation inside tokenizer.json', async () => {
    expect((await cardOf(without(MINILM, 'sentence_bert_config.json'))).maxTokens).toBe(512);
  });

  it('normalises only if the module list does, and if there is no list', async () => {
    expect((await cardOf({ ...MINILM, 'modules.json': STEPS.slice(0, 2) })).normalize).toBe(false);
    expect((await cardOf(without(MINILM, 'modules.json'))).normalize).toBe(true);
  });

  it('reads the newer pooling form', async () => {
    const newer = { embedding_dimension: 384, pooling_mode: 'cls' };
    expect(await cardOf({ ...MINILM, '1_Pooling/config.json': newer })).toMatchObject({ pooling: 'cls', dimensions: 384 });
  });

  it('reads a model whose transformer has a folder of its own', async () => {
    const moved = Object.fromEntries(
      Object.entries(MINILM).map(([path, content]) => [
        /^(config|tokenizer|special|sentence)/.test(path) ? `0_Transformer/${path}` : path,
        content,
      ]),
    );
    const card = await cardOf({
      ...moved,
      'config_sentence_transformers.json': {},
      'modules.json': [module('Transformer', '0_Transformer'), ...STEPS.slice(1)],
    });
    expect(card.maxTokens).toBe(256);
    expect(card.variants[0]?.sources[0]?.files).toContainEqual({ path: '0_Transformer/tokenizer.json', as: 'tokenizer.json' });
    expect(card.variants[0]?.sources[0]?.files).toContainEqual({ path: '0_Transformer/config.json', as: 'config.json' });
  });

  it('gives a default prompt to every text that has none of its own', async () => {
    const prompts = { prompts: { query: 'q: ', clustering: 'c: ' }, default_prompt_name: 'clustering' };
    expect((await cardOf({ ...MINILM, 'config_sentence_transformers.json': prompts })).prompts).toEqual({ query: 'q: ', passage: 'c: ' });
  });

  it('reads sizes that vectors may be cut to', async () => {
    expect((await cardOf({ ...MINILM, 'config.json': { ...BERT, matryoshka_dimensions: [64, 128] } })).matryoshka).toEqual([128, 64]);
    expect((await cardOf({ ...MINILM, 'config.json': { ...BERT, is_matryoshka: true } })).matryoshka).toBe('any');
  });

  it('lets settings win', async () => {
    const overrides: CardOverrides = { pooling: 'cls', normalize: false, maxTokens: 64, queryPrompt: 'q: ', passagePrompt: 'p: ' };
    expect(await cardOf(MINILM, overrides)).toMatchObject({
      pooling: 'cls',
      normalize: false,
      maxTokens: 64,
      prompts: { query: 'q: ', passage: 'p: ' },
    });
    expect((await cardOf(MINILM, { queryPrompt: 'q: ' })).prompts).toEqual({ query: 'q: ', passage: '' });
  });

  it('notes where it comes from', async () => {
    const card = await cardOf(MINILM, { source: 'npm:package@1.0.0', license: 'mit' });
    expect(card.license).toBe('mit');
    expect(card.variants[0]?.sources.map((source) => source.ref)).toEqual(['npm:package@1.0.0']);
    expect((await cardOf(MINILM)).variants[0]?.sources[0]?.ref).toBe('hub:owner/name@abc123');
  });
});

describe('cardFromFiles: what it refuses', () => {
  it('a model that does not say how it pools, with the lines to add', async () => {
    const message = await refusal(without(MINILM, '1_Pooling/config.json', 'modules.json'));
    expect(message).toContain('models:\n  "owner/name":\n    pooling: mean');
    expect(await cardOf(without(MINILM, '1_Pooling/config.json', 'modules.json'), { pooling: 'mean' })).toMatchObject({
      pooling: 'mean',
      dimensions: 384,
    });
  });

  it.each(['max_tokens', 'weightedmean_tokens'])('%s pooling by name', async (mode) => {
    expect(await refusal({ ...MINILM, '1_Pooling/config.json': pooling(mode, 384) })).toMatch(`its pooling is ${mode.split('_')[0]}`);
  });

  it('joined pooling modes', async () => {
    const joined = { ...pooling('mean_tokens', 384), pooling_mode_cls_token: true };
    expect(await refusal({ ...MINILM, '1_Pooling/config.json': joined })).toContain('cls, mean');
    expect(await refusal({ ...MINILM, '1_Pooling/config.json': { pooling_mode: 'cls+mean' } })).toContain('cls, mean');
  });

  it('dense layers behind the pooling, even when settings name a pooling', async () => {
    const files = { ...MINILM, 'modules.json': [...STEPS.slice(0, 2), module('Dense', '2_Dense')] };
    expect(await refusal(files, { pooling: 'mean' })).toContain('Dense (2_Dense)');
  });

  it('prompts that the pooling leaves out', async () => {
    const files = { ...MINILM, '1_Pooling/config.json': { ...pooling('mean_tokens', 384), include_prompt: false } };
    expect((await cardOf(files)).pooling).toBe('mean');
    expect(await refusal(files, { queryPrompt: 'q: ' })).toContain('include_prompt');
  });

  it('a model without a fast tokenizer, or with a broken one', async () => {
    expect(await refusal({ ...without(MINILM, 'tokenizer.json'), 'vocab.txt': '' })).toMatch(/no tokenizer\.json \(found vocab\.txt\)/);
    expect(await refusal({ ...MINILM, 'tokenizer.json': '{' })).toContain('tokenizer.json is not valid JSON');
    expect(await refusal({ ...MINILM, 'tokenizer.json': {} })).toContain('tokenizer.json is not of the known form (model');
  });

  it('files of another form, naming the field', async () => {
    expect(await refusal({ ...MINILM, 'sentence_bert_config.json': { max_seq_length: 'long' } })).toMatch(
      /sentence_bert_config\.json .*max_seq_length/,
    );
    expect(await refusal({ ...MINILM, 'modules.json': {} })).toContain('modules.json');
  });

  it.each(['../../secrets', '/etc', 'C:\\secrets', 'a\\..\\..\\b'])('a module list that points outside the model: %s', async (path) => {
    expect(await refusal({ ...MINILM, 'modules.json': [module('Transformer', path), ...STEPS.slice(1)] })).toContain(
      'must stay inside the model',
    );
  });

  it('a model that does not say how long its inputs or vectors are', async () => {
    const nameless = { ...ROBERTA, 'config.json': { hidden_size: 768 } };
    expect(await refusal(nameless)).toContain('max_tokens: 512');
    expect((await cardOf(nameless, { maxTokens: 128 })).maxTokens).toBe(128);
    expect(await refusal({ ...MINILM, 'config.json': {}, '1_Pooling/config.json': { pooling_mode: 'mean' } })).toContain('hidden_size');
  });

  it('a model without an ONNX graph of its own', async () => {
    const unknown = { ...without(MINILM, 'onnx/model.onnx'), 'config.json': { ...BERT, model_type: 'mamba' }, 'model.safetensors': '' };
    expect(await refusal(unknown)).toMatch(/no ONNX graph.*found model\.safetensors.*"mamba".*it converts bert, roberta/);
    expect(await refusal({ ...without(MINILM, 'onnx/model.onnx'), 'pytorch_model.bin': '' })).toMatch(
      /found pytorch_model\.bin.*does not run/,
    );
    expect(await refusal({ ...without(MINILM, 'onnx/model.onnx'), 'onnx/decoder.onnx': '', 'onnx/vision.onnx': '' })).toContain(
      'onnx/decoder.onnx',
    );
  });
});

describe('cardFromFiles: weights', () => {
  const bare = without(MINILM, 'onnx/model.onnx');
  const pathsOf = (card: ModelCard): readonly string[] => card.variants[0]?.sources[0]?.files.map(({ path }) => path) ?? [];

  it('come before published graphs, where LocalLite converts the family', async () => {
    const card = await cardOf({ ...MINILM, 'model.safetensors': '' });
    expect(card.variants.map(({ name, kind, onnx }) => [name, kind, onnx])).toEqual([
      ['weights', 'weights', 'model.safetensors'],
      ['fp32', undefined, 'onnx/model.onnx'],
    ]);
    expect(pathsOf(card)).toEqual(
      expect.arrayContaining(['model.safetensors', 'tokenizer.json', 'config.json', 'modules.json', '1_Pooling/config.json']),
    );
    const other = await cardOf({ ...MINILM, 'config.json': { ...BERT, model_type: 'mamba' }, 'model.safetensors': '' });
    expect(other.variants.map(({ name }) => name)).toEqual(['fp32']);
  });

  it('are enough by themselves, whole or in shards', async () => {
    const [whole] = (await cardOf({ ...bare, 'model.safetensors': '' })).variants;
    expect(whole).toMatchObject({ name: 'weights', batchInvariant: true });
    const shards = { 'model.safetensors.index.json': {}, 'model-00001-of-00002.safetensors': '', 'model-00002-of-00002.safetensors': '' };
    const card = await cardOf({ ...bare, ...shards });
    expect(card.variants[0]?.onnx).toBe('model.safetensors.index.json');
    expect(pathsOf(card)).toEqual(expect.arrayContaining(Object.keys(shards)));
    expect(await refusal({ ...bare, 'model.safetensors.index.json': {} })).toContain('no ONNX graph');
  });

  it('hold steps that published graphs lack: those are left out then', async () => {
    const dense = {
      ...MINILM,
      'model.safetensors': '',
      'modules.json': [...STEPS.slice(0, 2), module('Dense', '2_Dense')],
      '2_Dense/config.json': { in_features: 384, out_features: 128, activation_function: 'torch.nn.modules.activation.Tanh' },
      '2_Dense/model.safetensors': '',
    };
    const card = await cardOf(dense);
    expect(card).toMatchObject({ dimensions: 128, normalize: false });
    expect(card.variants.map(({ name }) => name)).toEqual(['weights']);
    expect(pathsOf(card)).toEqual(expect.arrayContaining(['2_Dense/config.json', '2_Dense/model.safetensors']));
    const pickled = { ...without(dense, '2_Dense/model.safetensors'), '2_Dense/pytorch_model.bin': '' };
    expect(await refusal(pickled)).toContain('Dense (2_Dense)');
  });

  it('of a cross-encoder or a sparse encoder give its task', async () => {
    const judge = { ...without(bare, 'modules.json', '1_Pooling/config.json'), 'model.safetensors': '' };
    const config = { ...BERT, architectures: ['BertForSequenceClassification'] };
    const reranker = await cardOf({ ...judge, 'config.json': config });
    expect(reranker).toMatchObject({ task: 'rerank', rerank: { activation: 'sigmoid' } });
    const identity = { activation_fn: 'torch.nn.modules.linear.Identity' };
    const plain = await cardOf({ ...judge, 'config.json': { ...config, sentence_transformers: identity } });
    expect(plain.rerank).toEqual({ activation: 'none' });
    const steps = [
      module('MLMTransformer', ''),
      { type: 'sentence_transformers.sparse_encoder.models.SpladePooling', path: '1_SpladePooling' },
    ];
    const sparse = await cardOf({ ...judge, 'modules.json': steps, '1_SpladePooling/config.json': { pooling_strategy: 'max' } });
    expect(sparse).toMatchObject({ task: 'sparse', sparse: { from: 'vocabulary' } });
    expect(pathsOf(sparse)).toContain('1_SpladePooling/config.json');
  });

  it('are listed for every family that is converted', () => {
    const supported = /It converts (.*); others/.exec(messageOf(() => familyOf(modelConfig({ model_type: 'none' }))))?.[1];
    expect([...CONVERTIBLE_MODEL_TYPES].sort()).toEqual(supported?.split(', ').sort());
  });
});

function messageOf(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    return LocalLiteError.from(error).message;
  }
  return '';
}

describe('cardFromFiles: variants', () => {
  const graphs = (...paths: string[]): Files => ({
    ...without(MINILM, 'onnx/model.onnx'),
    ...Object.fromEntries(paths.map((path) => [path, undefined])),
  });
  const summary = async (...paths: string[]): Promise<readonly (readonly [string, string, boolean])[]> =>
    (await cardOf(graphs(...paths))).variants.map((variant) => [variant.name, variant.dtype, variant.batchInvariant]);

  it('orders them, and marks those whose vectors depend on the batch', async () => {
    const names = ['quantized', 'uint8', 'bnb4', 'q4f16', 'q4', 'int8', 'fp16'].map((name) => `onnx/model_${name}.onnx`);
    expect(await summary(...names, 'onnx/model.onnx')).toEqual([
      ['fp32', 'fp32', true],
      ['fp16', 'fp16', true],
      ['q4', 'q4', true],
      ['q4f16', 'q4f16', true],
      ['bnb4', 'bnb4', true],
      ['int8-dynamic', 'int8', false],
      ['quantized', 'int8', false],
      ['uint8', 'uint8', false],
    ]);
  });

  it('names those of sentence-transformers', async () => {
    expect(
      await summary('onnx/model_O3.onnx', 'onnx/model_O4.onnx', 'onnx/model_qint8_avx512_vnni.onnx', 'onnx/model_quint8_avx2.onnx'),
    ).toEqual([
      ['o3', 'fp32', true],
      ['o4', 'fp16', true],
      ['qint8_avx512_vnni', 'int8', false],
      ['quint8_avx2', 'uint8', false],
    ]);
  });

  it('prefers onnx/ to a copy elsewhere, and takes a single graph of any name', async () => {
    expect((await cardOf(graphs('model.onnx', 'onnx/model.onnx'))).variants.map((variant) => variant.onnx)).toEqual(['onnx/model.onnx']);
    expect((await cardOf(graphs('model_optimized.onnx'))).variants.map((variant) => [variant.name, variant.onnx])).toEqual([
      ['fp32', 'model_optimized.onnx'],
    ]);
  });

  it('takes external weights along, each with its own graph', async () => {
    const card = await cardOf(
      graphs(
        'onnx/model.onnx',
        'onnx/model.onnx_data',
        'onnx/model.onnx_data_1',
        'onnx/Constant_7_attr__value',
        'onnx/model_q4.onnx',
        'onnx/model_q4.onnx_data',
      ),
    );
    const files = card.variants.map((variant) =>
      variant.sources[0]?.files.map((file) => file.path).filter((path) => path.startsWith('onnx/')),
    );
    expect(files).toEqual([
      ['onnx/model.onnx', 'onnx/model.onnx_data', 'onnx/model.onnx_data_1', 'onnx/Constant_7_attr__value'],
      ['onnx/model_q4.onnx', 'onnx/Constant_7_attr__value', 'onnx/model_q4.onnx_data'],
    ]);
  });

  it('takes tokenizer and configuration along, and nothing else', async () => {
    const card = await cardOf({ ...MINILM, 'README.md': '', 'pytorch_model.bin': '', 'setup.py': '' });
    expect(card.variants[0]?.sources[0]?.files.map((file) => file.path).sort()).toEqual(Object.keys(MINILM).sort());
  });
});
