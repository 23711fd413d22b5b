import type { IngestSource } from '../../gateway/gateway-types.ts';
import { toPage } from '../../wire/paging.ts';
import {
  vectorStoreFileContentSchema,
  vectorStoreFileCreateFields,
  vectorStoreFileCreateSchema,
  vectorStoreFileDeletedSchema,
  vectorStoreFileListFields,
  vectorStoreFileListQuerySchema,
  vectorStoreFileListSchema,
  vectorStoreFileSchema,
  vectorStoreFileUpdateFields,
  vectorStoreFileUpdateSchema,
} from '../../wire/vector-stores.ts';
import { defineRoute, json, noFields, nothing, optional, type Route, type RouteContext, required } from '../route.ts';
import { chunkerOf, POLL_HEADERS, toVectorStoreFile } from './vector-store-object.ts';

const tag = 'Vector stores';
const scope = 'documents';
const path = '/v1/vector_stores/{vector_store_id}/files';
const filePath = `${path}/{file_id}`;
const fileAnswer = { status: 200, description: 'The file as it is now.', schema: vectorStoreFileSchema };

/** Path parameters of these routes. */
interface Place {
  readonly store: string;
  readonly file: string;
}

function placeOf(params: Readonly<Record<string, string>>): Place {
  return { store: params['vector_store_id'] ?? '', file: params['file_id'] ?? '' };
}

const addFile = defineRoute({
  method: 'POST',
  path,
  scope,
  tag,
  summary: 'Ingest an uploaded file',
  description: 'Answers once that is in the database; the file is `in_progress` until it has been parsed, cut and embedded.',
  body: required(vectorStoreFileCreateSchema, vectorStoreFileCreateFields),
  query: nothing,
  answers: [fileAnswer],
  async handle({ params, body }, context) {
    const { store } = placeOf(params);
    const job = await context.gateway.collections.ingest({ collection: store, sources: [toSource(body)] });
    const headers = { ...POLL_HEADERS, 'x-locallite-job': job.id };
    if (body.key === undefined) return json(await fileObject({ store, file: body.file_id }, context), { headers });
    return json(await waitingObject(store, body, context), { headers });
  },
});

type FileCreate = ReturnType<typeof vectorStoreFileCreateSchema.parse>;

/** A file to ingest as the gateway has it. */
export function toSource({ file_id: fileId, key, attributes, enrich, chunking_strategy: strategy }: FileCreate): IngestSource {
  const chunker = chunkerOf(strategy);
  return {
    kind: 'file',
    fileId,
    ...(key !== undefined && { key }),
    ...(attributes !== undefined && { attributes }),
    ...(chunker !== undefined && { chunker }),
    ...(enrich !== undefined && { enrich }),
  };
}

async function fileObject({ store, file }: Place, { gateway }: RouteContext) {
  const [facts, document] = await Promise.all([gateway.collections.get(store), gateway.collections.document(store, file)]);
  return toVectorStoreFile(document, facts);
}

/** A file with a key takes the place of another only when it has been read; until then there is nothing of it in the database but its job. */
async function waitingObject(store: string, body: FileCreate, { gateway }: RouteContext) {
  const [facts, file] = await Promise.all([gateway.collections.get(store), gateway.files.get(body.file_id)]);
  const now = Date.now();
  const document = {
    id: 0,
    collectionId: facts.collection.id,
    fileId: file.id,
    status: 'in_progress' as const,
    error: undefined,
    attributes: body.attributes ?? {},
    chunker: undefined,
    usageBytes: 0,
    version: 0,
    contentSha256: undefined,
    sourceKey: body.key,
    facts: '',
    createdAt: now,
    updatedAt: now,
  };
  return toVectorStoreFile({ document, file }, facts);
}

const listFiles = defineRoute({
  method: 'GET',
  path,
  scope,
  tag,
  summary: 'Files of a vector store',
  body: nothing,
  query: optional(vectorStoreFileListQuerySchema, vectorStoreFileListFields),
  answers: [{ status: 200, description: 'A page of files.', schema: vectorStoreFileListSchema }],
  handle: ({ params, query }, context) => listOf(placeOf(params).store, query, context),
});

/** A page of a vector store's files; of those of one job, where that is named. */
export async function listOf(
  store: string,
  { filter, ...page }: ReturnType<typeof vectorStoreFileListQuerySchema.parse>,
  { gateway }: RouteContext,
  jobId?: string,
) {
  const wanted = { ...page, ...(filter !== undefined && { status: filter }), ...(jobId !== undefined && { jobId }) };
  const [facts, { items, hasMore }] = await Promise.all([gateway.collections.get(store), gateway.collections.documents(store, wanted)]);
  const data = items.map((item) => toVectorStoreFile(item, facts));
  return json(toPage(data, hasMore));
}

const showFile = defineRoute({
  method: 'GET',
  path: filePath,
  scope,
  tag,
  summary: 'One file of a vector store',
  body: nothing,
  query: nothing,
  answers: [fileAnswer],
  handle: async ({ params }, context) => json(await fileObject(placeOf(params), context), { headers: POLL_HEADERS }),
});

const updateFile = defineRoute({
  method: 'POST',
  path: filePath,
  scope,
  tag,
  summary: "Change a file's attributes",
  body: required(vectorStoreFileUpdateSchema, vectorStoreFileUpdateFields),
  query: nothing,
  answers: [fileAnswer],
  async handle({ params, body }, context) {
    const place = placeOf(params);
    await context.gateway.collections.setAttributes(place.store, place.file, body.attributes ?? {});
    return json(await fileObject(place, context));
  },
});

const showContent = defineRoute({
  method: 'GET',
  path: `${filePath}/content`,
  scope,
  tag,
  summary: 'Text of a file as it is indexed',
  body: nothing,
  query: nothing,
  answers: [{ status: 200, description: 'A part for each passage.', schema: vectorStoreFileContentSchema }],
  async handle({ params }, { gateway }) {
    const { store, file } = placeOf(params);
    const texts = await gateway.collections.documentText(store, file);
    const data = texts.map((text) => ({ type: 'text' as const, text }));
    return json({ object: 'vector_store.file_content.page', data, has_more: false, next_page: null });
  },
});

const removeFile = defineRoute({
  method: 'DELETE',
  path: filePath,
  scope,
  tag,
  summary: 'Take a file out of a vector store',
  description: 'With its passages, vectors and words. An uploaded file itself stays.',
  body: noFields,
  query: nothing,
  answers: [{ status: 200, description: 'It is out.', schema: vectorStoreFileDeletedSchema }],
  async handle({ params }, { gateway }) {
    const { store, file } = placeOf(params);
    await gateway.collections.removeDocument(store, file);
    return json({ id: file, object: 'vector_store.file.deleted', deleted: true });
  },
});

/** OpenAI's files of a vector store. */
export const vectorStoreFileRoutes: readonly Route[] = [addFile, listFiles, showFile, updateFile, showContent, removeFile];
