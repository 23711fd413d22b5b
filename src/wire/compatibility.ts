import { z } from 'zod';
import { aliasSetFields } from './aliases.ts';
import { collectionImportFields, collectionIngestFields, collectionReindexFields } from './collections.ts';
import { documentChunkFields, documentParseFields } from './documents.ts';
import { embeddingsFields } from './embeddings.ts';
import { FIELD_CLASSES, FIELD_ORIGINS, type FieldTable } from './fields.ts';
import { fileCreateFields, fileListFields } from './files.ts';
import { keyCreateFields } from './keys.ts';
import { modelConvertFields, modelLoadFields, modelPinFields, modelPullFields, modelQueryFields } from './models.ts';
import { multiFields } from './multi.ts';
import { ollamaDeleteFields, ollamaEmbeddingsFields, ollamaEmbedFields, ollamaPullFields, ollamaShowFields } from './ollama-fields.ts';
import { pagingFields } from './paging.ts';
import { cohereRerankFields, rerankFields } from './rerank-fields.ts';
import { sparseFields } from './sparse.ts';
import {
  teiDecodeFields,
  teiEmbedFields,
  teiPredictFields,
  teiRerankFields,
  teiRootFields,
  teiSimilarityFields,
  teiSparseFields,
  teiTokenizeFields,
  teiTokensFields,
} from './tei-fields.ts';
import { detokenizeFields, tokenizeFields } from './tokenize.ts';
import { searchRequestFields } from './vector-store-search.ts';
import {
  fileBatchCreateFields,
  vectorStoreCreateFields,
  vectorStoreFileCreateFields,
  vectorStoreFileListFields,
  vectorStoreFileUpdateFields,
  vectorStoreUpdateFields,
} from './vector-stores.ts';

/** The APIs that are spoken. */
const WIRES = ['openai', 'cohere', 'jina', 'tei', 'ollama', 'locallite'] as const;

const fieldSchema = z.strictObject({ class: z.enum(FIELD_CLASSES), origin: z.enum(FIELD_ORIGINS), note: z.string() });

/** Answer of GET /v1/compatibility, also kept as docs/compatibility.json. */
export const compatibilitySchema = z
  .strictObject({
    classes: z.record(z.enum(FIELD_CLASSES), z.string()),
    unknown_fields: z.string(),
    endpoints: z.array(
      z.strictObject({
        method: z.string(),
        path: z.string(),
        wire: z.enum(WIRES),
        fields: z.record(z.string(), fieldSchema),
      }),
    ),
  })
  .meta({ description: 'What LocalLite does with each field of each request.' });
export type Compatibility = z.infer<typeof compatibilitySchema>;

const endpoint = (wire: (typeof WIRES)[number], method: string, path: string, fields: FieldTable = {}) => ({ method, path, wire, fields });

/** What LocalLite does with each field of each request: the one list that requests are checked by. */
export const compatibility: Compatibility = {
  classes: {
    honoured: 'It has the effect that its documentation promises.',
    accepted_without_effect:
      'Harmless; named in the header X-LocalLite-Ignored, and in `locallite.ignored` where the wire has room for it.',
    refused:
      "Answered with the wire's status for a wrong request (400); the message says what to use instead, and `param`, where the wire has it, is the field's name.",
  },
  unknown_fields: 'Refused as well; with the setting `unknown_fields: warn` they are accepted without effect.',
  endpoints: [
    endpoint('openai', 'POST', '/v1/embeddings', embeddingsFields),
    endpoint('locallite', 'POST', '/v1/embeddings/sparse', sparseFields),
    endpoint('jina', 'POST', '/v1/embeddings/multi', multiFields),
    endpoint('jina', 'POST', '/v1/rerank', rerankFields),
    endpoint('cohere', 'POST', '/v2/rerank', cohereRerankFields),
    endpoint('tei', 'POST', '/', teiRootFields),
    endpoint('tei', 'POST', '/embed', teiEmbedFields),
    endpoint('tei', 'POST', '/embed_all', teiTokensFields),
    endpoint('tei', 'POST', '/embed_sparse', teiSparseFields),
    endpoint('tei', 'POST', '/similarity', teiSimilarityFields),
    endpoint('tei', 'POST', '/rerank', teiRerankFields),
    endpoint('tei', 'POST', '/predict', teiPredictFields),
    endpoint('tei', 'POST', '/tokenize', teiTokenizeFields),
    endpoint('tei', 'POST', '/decode', teiDecodeFields),
    endpoint('ollama', 'POST', '/api/embed', ollamaEmbedFields),
    endpoint('ollama', 'POST', '/api/embeddings', ollamaEmbeddingsFields),
    endpoint('ollama', 'POST', '/api/show', ollamaShowFields),
    endpoint('ollama', 'POST', '/api/pull', ollamaPullFields),
    endpoint('ollama', 'DELETE', '/api/delete', ollamaDeleteFields),
    endpoint('openai', 'POST', '/v1/files', fileCreateFields),
    endpoint('openai', 'GET', '/v1/files', fileListFields),
    endpoint('openai', 'GET', '/v1/files/{file_id}'),
    endpoint('openai', 'GET', '/v1/files/{file_id}/content'),
    endpoint('openai', 'DELETE', '/v1/files/{file_id}'),
    endpoint('openai', 'POST', '/v1/vector_stores', vectorStoreCreateFields),
    endpoint('openai', 'GET', '/v1/vector_stores', pagingFields),
    endpoint('openai', 'GET', '/v1/vector_stores/{vector_store_id}'),
    endpoint('openai', 'POST', '/v1/vector_stores/{vector_store_id}', vectorStoreUpdateFields),
    endpoint('openai', 'DELETE', '/v1/vector_stores/{vector_store_id}'),
    endpoint('openai', 'POST', '/v1/vector_stores/{vector_store_id}/search', searchRequestFields),
    endpoint('openai', 'POST', '/v1/vector_stores/{vector_store_id}/files', vectorStoreFileCreateFields),
    endpoint('openai', 'GET', '/v1/vector_stores/{vector_store_id}/files', vectorStoreFileListFields),
    endpoint('openai', 'GET', '/v1/vector_stores/{vector_store_id}/files/{file_id}'),
    endpoint('openai', 'POST', '/v1/vector_stores/{vector_store_id}/files/{file_id}', vectorStoreFileUpdateFields),
    endpoint('openai', 'GET', '/v1/vector_stores/{vector_store_id}/files/{file_id}/content'),
    endpoint('openai', 'DELETE', '/v1/vector_stores/{vector_store_id}/files/{file_id}'),
    endpoint('openai', 'POST', '/v1/vector_stores/{vector_store_id}/file_batches', fileBatchCreateFields),
    endpoint('openai', 'GET', '/v1/vector_stores/{vector_store_id}/file_batches/{batch_id}'),
    endpoint('openai', 'POST', '/v1/vector_stores/{vector_store_id}/file_batches/{batch_id}/cancel'),
    endpoint('openai', 'GET', '/v1/vector_stores/{vector_store_id}/file_batches/{batch_id}/files', vectorStoreFileListFields),
    endpoint('locallite', 'POST', '/v1/documents/parse', documentParseFields),
    endpoint('locallite', 'POST', '/v1/documents/chunk', documentChunkFields),
    endpoint('locallite', 'POST', '/v1/collections/{vector_store_id}/ingest', collectionIngestFields),
    endpoint('locallite', 'POST', '/v1/collections/{vector_store_id}/reindex', collectionReindexFields),
    endpoint('locallite', 'GET', '/v1/collections/{vector_store_id}/verify'),
    endpoint('locallite', 'GET', '/v1/collections/{vector_store_id}/export'),
    endpoint('locallite', 'POST', '/v1/collections/import', collectionImportFields),
    endpoint('locallite', 'POST', '/v1/collections/purge'),
    endpoint('openai', 'GET', '/v1/models', modelQueryFields),
    endpoint('openai', 'GET', '/v1/models/{id}', modelQueryFields),
    endpoint('openai', 'DELETE', '/v1/models/{id}'),
    endpoint('locallite', 'POST', '/v1/models/{id}/load', modelLoadFields),
    endpoint('locallite', 'POST', '/v1/models/{id}/unload'),
    endpoint('locallite', 'POST', '/v1/models/{id}/convert', modelConvertFields),
    endpoint('locallite', 'POST', '/v1/models/{id}/pin', modelPinFields),
    endpoint('locallite', 'POST', '/v1/models/pull', modelPullFields),
    endpoint('locallite', 'POST', '/v1/tokenize', tokenizeFields),
    endpoint('locallite', 'POST', '/v1/detokenize', detokenizeFields),
    endpoint('locallite', 'PUT', '/v1/aliases/{alias}', aliasSetFields),
    endpoint('locallite', 'POST', '/v1/keys', keyCreateFields),
  ],
};
