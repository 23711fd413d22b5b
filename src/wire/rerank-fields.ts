import { acceptedWithoutEffect, type FieldTable, honoured, refused } from './fields.ts';

const useDocuments = refused('other', 'use "documents"');
const useTokens = refused('other', 'use "max_tokens_per_doc"');

/** The class of every field of POST /v1/rerank. */
export const rerankFields: FieldTable = {
  model: honoured('cohere', 'an id, alias or reference; absent: the setting `default_models.rerank`'),
  query: honoured('cohere', 'a string, or Jina\'s {"text": …}; never empty'),
  documents: honoured(
    'cohere',
    'strings, or objects whose `text` (or `rank_fields`) is ranked; at most `limits.inputs` of them, none empty',
  ),
  top_n: honoured('cohere', 'the best n alone; absent: all'),
  rank_fields: honoured('cohere', 'fields of object documents that are ranked, joined by line breaks in the given order; absent: `text`'),
  return_documents: honoured('jina', 'true (default, as Jina has it; Cohere v1 has false) gives each document back as it was sent'),
  max_chunks_per_doc: honoured(
    'cohere',
    'long documents are read in at most so many overlapping windows, of which the best counts; 1 cuts them',
  ),
  max_tokens_per_doc: honoured('cohere', 'tokens of each document that are read at most; what is behind them is cut and counted'),
  user: acceptedWithoutEffect('other', 'nobody is tracked; named in `locallite.ignored`'),
  truncate: honoured('locallite', 'false (default) refuses a document that is too long, true cuts it and reports by how much'),
  long: honoured('locallite', '"cut" (default, with `truncate`), or "windows": overlapping windows are read, and the best counts'),
  raw_scores: honoured(
    'locallite',
    "true gives the model's own scores (logits), false (default) relevance between 0 and 1 where the model has it",
  ),
  keep_alive: honoured('locallite', 'seconds or "5m"; 0 = unload at once, negative = for ever'),
  priority: honoured('locallite', '"interactive" or "bulk"'),
  texts: useDocuments,
  passages: useDocuments,
  input: useDocuments,
  top_k: refused('other', 'use "top_n"'),
  truncation: refused('other', 'use "truncate"'),
  return_text: refused('other', 'use "return_documents"'),
  max_doc_length: useTokens,
  truncate_prompt_tokens: useTokens,
  max_query_length: refused('other', 'a query is never cut'),
};

/** The class of every field of POST /v2/rerank. */
export const cohereRerankFields: FieldTable = {
  model: honoured('cohere', 'an id, alias or reference; an alias may have the name of a Cohere model'),
  query: honoured('cohere', 'a string that is not empty'),
  documents: honoured('cohere', 'strings; at most `limits.inputs` of them, none empty'),
  top_n: honoured('cohere', 'the best n alone; absent: all'),
  max_tokens_per_doc: honoured(
    'cohere',
    'default 4096; what is behind them, or does not fit the model, is cut and counted in X-LocalLite-Truncated-Tokens',
  ),
  priority: honoured('cohere', '0 is interactive, anything above it bulk; absent: bulk for many documents, interactive otherwise'),
  return_documents: honoured('cohere', 'of the first v2 clients: true gives each document back as {"text": …}; default false'),
  rank_fields: refused('cohere', 'v2 ranks strings; format the fields yourself, or use POST /v1/rerank'),
  max_chunks_per_doc: refused('cohere', 'v2 cuts documents; use "max_tokens_per_doc", or POST /v1/rerank'),
  truncate: refused('other', 'v2 always cuts; POST /v1/rerank refuses what is too long'),
  top_k: refused('other', 'use "top_n"'),
};
