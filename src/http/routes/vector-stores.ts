import type { NewCollection } from '../../gateway/gateway-types.ts';
import { pagingFields, pagingSchema, toPage } from '../../wire/paging.ts';
import {
  vectorStoreCreateFields,
  vectorStoreCreateSchema,
  vectorStoreDeletedSchema,
  vectorStoreListSchema,
  vectorStoreSchema,
  vectorStoreUpdateFields,
  vectorStoreUpdateSchema,
} from '../../wire/vector-stores.ts';
import { defineRoute, json, noFields, nothing, optional, type Route } from '../route.ts';
import { assertFiles, chunkerOf, toVectorStore } from './vector-store-object.ts';

const tag = 'Vector stores';
const scope = 'documents';
const storeAnswer = { status: 200, description: 'The vector store.', schema: vectorStoreSchema };

const createStore = defineRoute({
  method: 'POST',
  path: '/v1/vector_stores',
  scope,
  tag,
  summary: 'Make a vector store',
  description: 'A collection of files that can be searched. It is stamped with its embedding model and with how its files are cut.',
  body: optional(vectorStoreCreateSchema, vectorStoreCreateFields),
  query: nothing,
  answers: [storeAnswer],
  async handle({ body }, { gateway }) {
    const fileIds = body.file_ids ?? [];
    // A file that there is not must not leave an empty vector store behind.
    await assertFiles(fileIds, gateway);
    const { collection } = await gateway.collections.create(toNewCollection(body));
    const sources = fileIds.map((fileId) => ({ kind: 'file' as const, fileId }));
    if (sources.length > 0) await gateway.collections.ingest({ collection: collection.id, sources });
    return json(toVectorStore(await gateway.collections.get(collection.id)));
  },
});

function toNewCollection(body: ReturnType<typeof vectorStoreCreateSchema.parse>): NewCollection {
  const { name, description, metadata, model, expires_after: expiry } = body;
  const chunker = chunkerOf(body.chunking_strategy);
  return {
    ...(name !== undefined && { name }),
    ...(description !== undefined && { description }),
    ...(metadata !== undefined && { metadata }),
    ...(model !== undefined && { model }),
    ...(expiry !== undefined && { expiresAfterDays: expiry.days }),
    ...(chunker !== undefined && { chunker, fitChunker: true }),
  };
}

const listStores = defineRoute({
  method: 'GET',
  path: '/v1/vector_stores',
  scope,
  tag,
  summary: 'All vector stores',
  body: nothing,
  query: optional(pagingSchema, pagingFields),
  answers: [{ status: 200, description: 'A page of vector stores.', schema: vectorStoreListSchema }],
  async handle({ query }, { gateway }) {
    const { items, hasMore } = await gateway.collections.list(query);
    return json(toPage(items.map(toVectorStore), hasMore));
  },
});

const showStore = defineRoute({
  method: 'GET',
  path: '/v1/vector_stores/{vector_store_id}',
  scope,
  tag,
  summary: 'One vector store, by id or name',
  body: nothing,
  query: nothing,
  answers: [storeAnswer],
  handle: async ({ id }, { gateway }) => json(toVectorStore(await gateway.collections.get(id))),
});

const updateStore = defineRoute({
  method: 'POST',
  path: '/v1/vector_stores/{vector_store_id}',
  scope,
  tag,
  summary: 'Change a vector store',
  body: optional(vectorStoreUpdateSchema, vectorStoreUpdateFields),
  query: nothing,
  answers: [storeAnswer],
  async handle({ id, body }, { gateway }) {
    const { name, metadata, expires_after: expiry } = body;
    const change = {
      ...(name !== undefined && { name }),
      ...(metadata !== undefined && { metadata: metadata ?? {} }),
      ...(expiry !== undefined && { expiresAfterDays: expiry?.days ?? null }),
    };
    return json(toVectorStore(await gateway.collections.update(id, change)));
  },
});

const deleteStore = defineRoute({
  method: 'DELETE',
  path: '/v1/vector_stores/{vector_store_id}',
  scope,
  tag,
  summary: 'Delete a vector store',
  description: 'With its passages, vectors and words. Uploaded files stay.',
  body: noFields,
  query: nothing,
  answers: [{ status: 200, description: 'It is gone.', schema: vectorStoreDeletedSchema }],
  async handle({ id }, { gateway }) {
    const { collection } = await gateway.collections.get(id);
    await gateway.collections.remove(collection.id);
    return json({ id: collection.id, object: 'vector_store.deleted', deleted: true });
  },
});

/** OpenAI's vector stores. */
export const vectorStoreRoutes: readonly Route[] = [createStore, listStores, showStore, updateStore, deleteStore];
