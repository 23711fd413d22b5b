import { acceptedWithoutEffect, type FieldTable, honoured } from './fields.ts';

const model = honoured('ollama', 'an id, alias or reference; `:latest` means nothing more');
const name = honoured('ollama', 'the older name of `model`');
const keep_alive = honoured('ollama', 'seconds, or a duration such as "5m" or "1h30m"; 0 = unload at once, negative = for ever');
const options = acceptedWithoutEffect('ollama', 'what a model can read and how it runs is its own, or in the settings');

/** The class of every field of POST /api/embed. */
export const ollamaEmbedFields: FieldTable = {
  model,
  input: honoured('ollama', 'a text or an array of texts; none at all loads the model; at most `limits.inputs`'),
  truncate: honoured('ollama', 'true (default) cuts what is too long, false refuses it'),
  dimensions: honoured('ollama', 'models with Matryoshka sizes cut and re-normalise; others refuse it and name what is allowed; 0 = all'),
  keep_alive,
  options,
};

/** The class of every field of POST /api/embeddings. */
export const ollamaEmbeddingsFields: FieldTable = {
  model,
  prompt: honoured('ollama', 'a text; none at all loads the model'),
  keep_alive,
  options,
};

/** The class of every field of POST /api/show. */
export const ollamaShowFields: FieldTable = {
  model,
  name,
  verbose: acceptedWithoutEffect('ollama', 'there is nothing more to tell'),
  system: acceptedWithoutEffect('ollama', 'embedding models have no system prompt'),
  template: acceptedWithoutEffect('ollama', 'embedding models have no template'),
  options,
};

/** The class of every field of POST /api/pull. */
export const ollamaPullFields: FieldTable = {
  model,
  name,
  stream: honoured('ollama', 'true (default) answers with a line of JSON for each change, false when the pull has ended'),
  insecure: acceptedWithoutEffect('ollama', 'a connection is as safe as the address in the settings'),
  username: acceptedWithoutEffect('ollama', 'Ollama does not read it either; the setting `hub.token` is for private models'),
  password: acceptedWithoutEffect('ollama', 'Ollama does not read it either; the setting `hub.token` is for private models'),
};

/** The class of every field of DELETE /api/delete. */
export const ollamaDeleteFields: FieldTable = { model, name };
