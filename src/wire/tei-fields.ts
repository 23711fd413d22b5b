import { acceptedWithoutEffect, type FieldTable, honoured, refused } from './fields.ts';

const inputs = honoured('tei', 'a text, the token ids of one, or an array of both; at most `limits.inputs`');
const truncate = honoured('tei', 'cuts what is too long for the model; absent: the setting `wire.tei.auto_truncate`');
const truncation_direction = honoured('tei', '"Right" (default); with "Left" an input that would have to be cut is refused');
const prompt_name = honoured('tei', '"query" or "passage" (or "document") adds the prompt that the model was trained with; absent: none');
const options = acceptedWithoutEffect('other', "options of Hugging Face's hosted API");

const model = (task: string) => refused('other', `the setting \`default_models.${task}\` says which model answers`);
const reading: FieldTable = { truncate, truncation_direction };

/** The class of every field of POST /embed. */
export const teiEmbedFields: FieldTable = {
  inputs,
  ...reading,
  prompt_name,
  normalize: honoured('tei', 'true (default) gives unit length; false is refused for a model whose own files normalise'),
  dimensions: honoured('tei', 'models with Matryoshka sizes cut and re-normalise; others refuse it and name what is allowed'),
  encoding_format: honoured('other', '"float"; POST /v1/embeddings also has base64'),
  options,
  model: model('embed'),
};

/** The class of every field of POST /embed_all and of POST /embed_sparse. */
export const teiTokensFields: FieldTable = { inputs, ...reading, prompt_name, model: model('embed') };
export const teiSparseFields: FieldTable = { inputs, ...reading, prompt_name, model: model('sparse') };

/** The class of every field of POST /similarity. */
export const teiSimilarityFields: FieldTable = {
  inputs: honoured('tei', '{"source_sentence", "sentences"}'),
  parameters: honoured('tei', '{"truncate", "truncation_direction", "prompt_name"}, as in POST /embed'),
  options,
  model: model('embed'),
};

/** The class of every field of POST /rerank. */
export const teiRerankFields: FieldTable = {
  query: honoured('tei', 'a text'),
  texts: honoured('tei', 'texts; at most `limits.inputs`'),
  truncate: honoured('tei', 'cuts texts that do not fit beside the query; absent: the setting `wire.tei.auto_truncate`'),
  truncation_direction,
  raw_scores: honoured('tei', "true gives the model's own scores, false (default) relevance between 0 and 1"),
  return_text: honoured('tei', 'true gives each text back'),
  documents: refused('other', 'use "texts", or POST /v1/rerank'),
  top_n: refused('other', 'POST /v1/rerank has it'),
  model: model('rerank'),
};

/** The class of every field of POST /predict. */
export const teiPredictFields: FieldTable = {
  inputs: honoured('tei', 'a pair of texts, or an array of pairs; a lone text is refused, for the rerank model compares two'),
  ...reading,
  raw_scores: honoured('tei', "true gives the model's own scores, false (default) relevance between 0 and 1"),
  parameters: honoured('other', '{"function_to_apply": "sigmoid" or "none", "top_k"}, as Hugging Face\'s clients send them'),
  options,
  model: model('rerank'),
};

/** The class of every field of POST /tokenize. */
export const teiTokenizeFields: FieldTable = {
  inputs: honoured('tei', 'a text or an array of texts'),
  add_special_tokens: honoured('tei', 'true (default) includes the tokens that the model puts around a text'),
  prompt_name,
  model: model('embed'),
};

/** The class of every field of POST /decode. */
export const teiDecodeFields: FieldTable = {
  ids: honoured('tei', 'the token ids of one text, or an array of such arrays'),
  skip_special_tokens: honoured('tei', 'true (default) leaves out the tokens that the model puts around a text'),
  model: model('embed'),
};

/** The class of every field of POST /, which is one of the others by what its body holds. */
export const teiRootFields: FieldTable = {
  ...teiPredictFields,
  ...teiRerankFields,
  ...teiSimilarityFields,
  ...teiEmbedFields,
  inputs: honoured('tei', 'texts or ids: POST /embed; {"source_sentence", "sentences"}: POST /similarity; pairs: POST /predict'),
  texts: honoured('tei', 'with `query`: POST /rerank'),
  parameters: honoured('tei', 'as POST /similarity and /predict have them'),
  model: refused('other', 'the settings under `default_models` say which model answers'),
};
