import { LocalLiteError } from '../../errors.ts';
import type { Job } from '../../gateway/gateway-types.ts';
import {
  type FileBatchObject,
  fileBatchCreateFields,
  fileBatchCreateSchema,
  fileBatchSchema,
  vectorStoreFileListFields,
  vectorStoreFileListQuerySchema,
  vectorStoreFileListSchema,
} from '../../wire/vector-stores.ts';
import { defineRoute, json, noFields, nothing, optional, type Route, type RouteContext, required } from '../route.ts';
import { listOf, toSource } from './vector-store-files.ts';
import { assertFiles, chunkerOf, POLL_HEADERS } from './vector-store-object.ts';

const tag = 'Vector stores';
const scope = 'documents';
const path = '/v1/vector_stores/{vector_store_id}/file_batches';
const batchPath = `${path}/{batch_id}`;
const batchAnswer = { status: 200, description: 'The batch as it is now.', schema: fileBatchSchema };

const createBatch = defineRoute({
  method: 'POST',
  path,
  scope,
  tag,
  summary: 'Ingest several uploaded files',
  description: 'One job, all of it in the database before the answer.',
  body: required(fileBatchCreateSchema, fileBatchCreateFields),
  query: nothing,
  answers: [batchAnswer],
  async handle({ params, body }, context) {
    const { attributes, enrich, force, chunking_strategy: strategy } = body;
    const common = {
      ...(attributes !== undefined && { attributes }),
      ...(strategy !== undefined && { chunker: chunkerOf(strategy) ?? {} }),
      ...(enrich !== undefined && { enrich }),
      ...(force !== undefined && { force }),
    };
    const sources = body.files?.map(toSource) ?? (body.file_ids ?? []).map((fileId) => ({ kind: 'file' as const, fileId }));
    const store = params['vector_store_id'] ?? '';
    await assertFiles(body.files?.map((file) => file.file_id) ?? body.file_ids ?? [], context.gateway);
    const { id } = await context.gateway.collections.ingest({ collection: store, sources, ...common });
    return json(await batchObject(store, id, context), { headers: POLL_HEADERS });
  },
});

const showBatch = defineRoute({
  method: 'GET',
  path: batchPath,
  scope,
  tag,
  summary: 'One batch',
  body: nothing,
  query: nothing,
  answers: [batchAnswer],
  handle: async ({ params }, context) =>
    json(await batchObject(params['vector_store_id'] ?? '', params['batch_id'] ?? '', context), { headers: POLL_HEADERS }),
});

const cancelBatch = defineRoute({
  method: 'POST',
  path: `${batchPath}/cancel`,
  scope,
  tag,
  summary: 'Cancel a batch',
  description: 'Files that are done stay; those that wait do not come.',
  body: noFields,
  query: nothing,
  answers: [batchAnswer],
  async handle({ params }, context) {
    const [store, batch] = [params['vector_store_id'] ?? '', params['batch_id'] ?? ''];
    const { job } = await findBatch(store, batch, context);
    if (job.state === 'queued' || job.state === 'running' || job.state === 'paused') context.gateway.jobs.cancel(batch);
    return json(await batchObject(store, batch, context));
  },
});

const listBatchFiles = defineRoute({
  method: 'GET',
  path: `${batchPath}/files`,
  scope,
  tag,
  summary: 'Files of a batch',
  body: nothing,
  query: optional(vectorStoreFileListQuerySchema, vectorStoreFileListFields),
  answers: [{ status: 200, description: 'A page of files.', schema: vectorStoreFileListSchema }],
  async handle({ params, query }, context) {
    const [store, batch] = [params['vector_store_id'] ?? '', params['batch_id'] ?? ''];
    await findBatch(store, batch, context);
    return await listOf(store, query, context, batch);
  },
});

/** OpenAI's file batches: ingest jobs. */
export const fileBatchRoutes: readonly Route[] = [createBatch, showBatch, cancelBatch, listBatchFiles];

async function findBatch(store: string, batch: string, { gateway }: RouteContext) {
  const { collection } = await gateway.collections.get(store);
  const job = gateway.jobs.get(batch);
  const counts = await gateway.collections.batchCounts(batch, collection.id);
  if (job === undefined || counts === undefined) {
    throw new LocalLiteError('not_found', `the vector store ${store} has no file batch ${batch}`, { param: 'batch_id' });
  }
  return { collection, job, counts };
}

const STATUS: Readonly<Record<Job['state'], FileBatchObject['status']>> = {
  queued: 'in_progress',
  running: 'in_progress',
  paused: 'in_progress',
  succeeded: 'completed',
  failed: 'failed',
  cancelled: 'cancelled',
};

async function batchObject(store: string, batch: string, context: RouteContext): Promise<FileBatchObject> {
  const { collection, job, counts } = await findBatch(store, batch, context);
  const { done, unchanged, failed } = counts;
  // What still waits of a cancelled batch will not come.
  const isOver = job.state === 'cancelled';
  const waiting = isOver ? 0 : counts.waiting;
  const cancelled = counts.cancelled + (isOver ? counts.waiting : 0);
  return {
    id: job.id,
    object: 'vector_store.files_batch',
    created_at: Math.floor(Date.parse(job.createdAt) / 1000),
    vector_store_id: collection.id,
    status: STATUS[job.state],
    file_counts: {
      in_progress: waiting,
      completed: done + unchanged,
      failed,
      cancelled,
      total: waiting + done + unchanged + failed + cancelled,
    },
  };
}
