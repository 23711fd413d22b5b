import type { ModelCard, ModelVariant } from '../card.ts';
import { encoder, fp32, hub, ownWeights, TOKENIZER_FILES } from './define.ts';

interface Reranker {
  readonly id: string;
  readonly license: string;
  readonly megabytes: number;
  readonly maxTokens: number;
  readonly languages?: string;
  /** `made`: LocalLite converts its weights; `published`: its architecture runs from the authors' graph only. */
  readonly graph: 'made' | 'published' | 'either';
}

const ONNX = 'onnx/model.onnx';

/**
 * A cross-encoder with one logit. Its score is the logit's sigmoid, as rerank APIs give relevance between 0 and 1; the logit itself is
 * there for whoever asks. Nothing is pinned: no two public lock files agree on these repositories.
 */
function reranker({ id, license, megabytes, maxTokens, languages, graph }: Reranker): ModelCard {
  const published = fp32(megabytes, ONNX, [hub(id, 'main', [...TOKENIZER_FILES, ONNX])]);
  const made = ownWeights(id, 'main', megabytes);
  const variants: Record<Reranker['graph'], ModelVariant[]> = { made: [made], published: [published], either: [made, published] };
  return encoder({
    id,
    alias: id.slice(id.indexOf('/') + 1),
    task: 'rerank',
    rerank: { activation: 'sigmoid' },
    license,
    revision: 'main',
    dimensions: 1,
    maxTokens,
    pooling: 'cls',
    normalize: false,
    ...(languages === undefined ? {} : { languages }),
    variants: variants[graph],
  });
}

/** Cross-encoders: query and passage in one row, a score out. */
export const RERANKER_CARDS: readonly ModelCard[] = [
  reranker({ id: 'cross-encoder/ms-marco-MiniLM-L6-v2', license: 'apache-2.0', megabytes: 91, maxTokens: 512, graph: 'either' }),
  reranker({ id: 'cross-encoder/ms-marco-MiniLM-L12-v2', license: 'apache-2.0', megabytes: 134, maxTokens: 512, graph: 'either' }),
  reranker({
    id: 'BAAI/bge-reranker-base',
    license: 'mit',
    megabytes: 1112,
    maxTokens: 512,
    languages: 'English and Chinese',
    graph: 'either',
  }),
  reranker({
    id: 'BAAI/bge-reranker-v2-m3',
    license: 'apache-2.0',
    megabytes: 2271,
    maxTokens: 8192,
    languages: 'more than 100 languages',
    graph: 'made',
  }),
  reranker({ id: 'mixedbread-ai/mxbai-rerank-xsmall-v1', license: 'apache-2.0', megabytes: 142, maxTokens: 512, graph: 'either' }),
  reranker({ id: 'jinaai/jina-reranker-v1-tiny-en', license: 'apache-2.0', megabytes: 132, maxTokens: 8192, graph: 'published' }),
  reranker({ id: 'jinaai/jina-reranker-v1-turbo-en', license: 'apache-2.0', megabytes: 151, maxTokens: 8192, graph: 'published' }),
  reranker({ id: 'Alibaba-NLP/gte-reranker-modernbert-base', license: 'apache-2.0', megabytes: 299, maxTokens: 8192, graph: 'either' }),
];
