import type { z } from 'zod';
import { aliasDeletedSchema, aliasListSchema, aliasSchema, aliasSetSchema } from './aliases.ts';
import { compatibilitySchema } from './compatibility.ts';
import {
  embeddingSchema,
  embeddingsExtensionSchema,
  embeddingsRequestSchema,
  embeddingsResponseSchema,
  embeddingsUsageSchema,
} from './embeddings.ts';
import { jobListSchema, jobSchema, pullProgressSchema } from './jobs.ts';
import { keyCreatedSchema, keyCreateSchema, keyDeletedSchema, keyListSchema, keySchema } from './keys.ts';
import {
  loadedModelSchema,
  modelDeletedSchema,
  modelExtensionSchema,
  modelListSchema,
  modelLoadSchema,
  modelPullSchema,
  modelSchema,
  modelUnloadedSchema,
} from './models.ts';
import { openAiErrorSchema } from './openai-error.ts';
import { healthSchema, readinessSchema, rootSchema } from './service.ts';
import {
  detokenizeRequestSchema,
  detokenizeResponseSchema,
  tokenizedSchema,
  tokenizeRequestSchema,
  tokenizeResponseSchema,
} from './tokenize.ts';

/** Every request and answer by the name it has in the OpenAPI document. */
export const namedSchemas: Readonly<Record<string, z.ZodType>> = {
  EmbeddingsRequest: embeddingsRequestSchema,
  EmbeddingsResponse: embeddingsResponseSchema,
  Embedding: embeddingSchema,
  EmbeddingsUsage: embeddingsUsageSchema,
  EmbeddingsExtension: embeddingsExtensionSchema,
  TokenizeRequest: tokenizeRequestSchema,
  TokenizeResponse: tokenizeResponseSchema,
  Tokenized: tokenizedSchema,
  DetokenizeRequest: detokenizeRequestSchema,
  DetokenizeResponse: detokenizeResponseSchema,
  Model: modelSchema,
  ModelExtension: modelExtensionSchema,
  ModelList: modelListSchema,
  ModelDeleted: modelDeletedSchema,
  ModelUnloaded: modelUnloadedSchema,
  ModelLoadRequest: modelLoadSchema,
  ModelPullRequest: modelPullSchema,
  LoadedModel: loadedModelSchema,
  Job: jobSchema,
  JobList: jobListSchema,
  PullProgress: pullProgressSchema,
  Alias: aliasSchema,
  AliasList: aliasListSchema,
  AliasSetRequest: aliasSetSchema,
  AliasDeleted: aliasDeletedSchema,
  Key: keySchema,
  KeyList: keyListSchema,
  KeyCreateRequest: keyCreateSchema,
  KeyCreated: keyCreatedSchema,
  KeyDeleted: keyDeletedSchema,
  Compatibility: compatibilitySchema,
  Health: healthSchema,
  Readiness: readinessSchema,
  Root: rootSchema,
  OpenAiError: openAiErrorSchema,
};
