/**
 * `locallite/sdk`: a client of a LocalLite gateway for Node and browsers, with no dependency but `fetch`.
 * @module
 */
export { type ErrorCode, LocalLiteError } from '../errors.ts';
export type { AliasObject } from '../wire/aliases.ts';
export type { DocumentChunks, ParsedDocumentObject } from '../wire/documents.ts';
export type { EmbeddingsExtension } from '../wire/embeddings.ts';
export type { FileObject } from '../wire/files.ts';
export type { JobObject } from '../wire/jobs.ts';
export type { KeyCreated, KeyCreateRequest, KeyObject } from '../wire/keys.ts';
export type { LoadedModelObject, ModelObject } from '../wire/models.ts';
export type { RerankDocument, RerankExtension, RerankRequest, RerankResponse, RerankResultObject } from '../wire/rerank.ts';
export type { Readiness } from '../wire/service.ts';
export type { VectorExtension } from '../wire/task-extension.ts';
export type { DetokenizeRequest, DetokenizeResponse, TokenizeRequest, TokenizeResponse } from '../wire/tokenize.ts';
export type { SearchHitObject, SearchRequestObject, SearchResponse } from '../wire/vector-store-search.ts';
export type { FileBatchObject, VectorStoreFileObject, VectorStoreObject } from '../wire/vector-stores.ts';
export { LocalLite } from './client.ts';
export type { ChunkerRequest, CollectionCheck, CreateCollection, IngestFile, IngestRequest, UpdateCollection } from './collections.ts';
export type { ChunkOptions } from './documents.ts';
export type { CreateEmbeddings, EmbeddingsResult, EmbedOptions } from './embeddings.ts';
export type { UploadOptions } from './files.ts';
export type { ModelScope } from './models.ts';
export type { CallOptions, ClientOptions } from './transport.ts';
export type { UploadProgress } from './upload.ts';
export type { CreateMulti, CreateSparse, MultiResult, MultiVector, SparseResult, SparseVector } from './vectors.ts';
