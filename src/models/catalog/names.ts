/** Another name of a card, and the variant it stands for where it names one. */
export interface OtherName {
  readonly name: string;
  readonly id: string;
  readonly variant?: string;
}

/**
 * Names that other tools use for models of the catalogue: fastembed's quantised entries, and Ollama's library.
 * fastembed's other names are the ids themselves, in whatever case.
 */
export const OTHER_NAMES: readonly OtherName[] = [
  { name: 'nomic-ai/nomic-embed-text-v1.5-Q', id: 'nomic-ai/nomic-embed-text-v1.5', variant: 'int8-dynamic' },
  { name: 'Qwen/Qwen3-Embedding-0.6B-Q', id: 'Qwen/Qwen3-Embedding-0.6B', variant: 'q8' },
  { name: 'all-minilm', id: 'sentence-transformers/all-MiniLM-L6-v2' },
  { name: 'bge-large', id: 'BAAI/bge-large-en-v1.5' },
  { name: 'embeddinggemma', id: 'google/embeddinggemma-300m' },
  { name: 'mxbai-embed-large', id: 'mixedbread-ai/mxbai-embed-large-v1' },
  { name: 'nomic-embed-text', id: 'nomic-ai/nomic-embed-text-v1.5' },
  { name: 'paraphrase-multilingual', id: 'sentence-transformers/paraphrase-multilingual-mpnet-base-v2' },
  { name: 'snowflake-arctic-embed', id: 'Snowflake/snowflake-arctic-embed-l' },
];
