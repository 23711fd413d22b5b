import type { ChunkerSettings, IngestSource } from '../../gateway/gateway-types.ts';
import {
  type ChunkerObject,
  collectionImportFields,
  collectionImportQuerySchema,
  collectionIngestFields,
  collectionIngestSchema,
  collectionPurgeSchema,
  collectionReindexFields,
  collectionReindexSchema,
  collectionVerifySchema,
} from '../../wire/collections.ts';
import { jobSchema } from '../../wire/jobs.ts';
import { vectorStoreSchema } from '../../wire/vector-stores.ts';
import {
  defineLinesRoute,
  defineRoute,
  json,
  noFields,
  nothing,
  optional,
  type Reply,
  type Route,
  type RouteContext,
  required,
} from '../route.ts';
import { findJob, toJobObject } from './jobs.ts';
import { toVectorStore } from './vector-store-object.ts';

const tag = 'Collections';
const scope = 'documents';
const path = '/v1/collections/{vector_store_id}';
const jobAnswer = { status: 202, description: 'The job; `Location` is where to ask for it.', schema: jobSchema };

const ingest = defineRoute({
  method: 'POST',
  path: `${path}/ingest`,
  scope,
  tag,
  summary: 'Ingest files of the machine, or addresses',
  description: 'A durable job: what is unchanged is skipped, what changed is replaced.',
  body: required(collectionIngestSchema, collectionIngestFields),
  query: nothing,
  answers: [jobAnswer],
  async handle({ id, body }, context) {
    const { paths = [], urls = [], attributes, chunker, password, force, enrich } = body;
    const sources: readonly IngestSource[] = [
      ...paths.map((one) => ({ kind: 'path' as const, path: one })),
      ...urls.map((url) => ({ kind: 'url' as const, url })),
    ];
    const order = {
      collection: id,
      sources,
      ...(attributes !== undefined && { attributes }),
      ...(chunker !== undefined && { chunker: toChunker(chunker) }),
      ...(password !== undefined && { password }),
      ...(force !== undefined && { force }),
      ...(enrich !== undefined && { enrich }),
    };
    return jobReply((await context.gateway.collections.ingest(order)).id, context);
  },
});

const reindex = defineRoute({
  method: 'POST',
  path: `${path}/reindex`,
  scope,
  tag,
  summary: 'Index a collection anew',
  description:
    'With another model or another way to cut. The old index serves until the new one is whole; then they change places at once.',
  body: optional(collectionReindexSchema, collectionReindexFields),
  query: nothing,
  answers: [jobAnswer],
  async handle({ id, body: { model, chunker } }, context) {
    const options = { ...(model !== undefined && { model }), ...(chunker !== undefined && { chunker: toChunker(chunker) }) };
    return jobReply((await context.gateway.collections.reindex(id, options)).id, context);
  },
});

const verify = defineRoute({
  method: 'GET',
  path: `${path}/verify`,
  scope,
  tag,
  summary: 'Check a collection',
  body: nothing,
  query: nothing,
  answers: [{ status: 200, description: 'What was found.', schema: collectionVerifySchema }],
  async handle({ id }, { gateway }) {
    const { collection, sound, problems, healed } = await gateway.collections.verify(id);
    const { requeuedJobs, abandonedEditions, tornChunks } = healed;
    const put = { requeued_jobs: requeuedJobs, abandoned_editions: abandonedEditions, torn_chunks: tornChunks };
    return json({ object: 'collection.verify', collection, sound, problems: [...problems], healed: put });
  },
});

const exportOne = defineRoute({
  method: 'GET',
  path: `${path}/export`,
  scope,
  tag,
  summary: 'Export a collection',
  description:
    'Lines of JSON with texts, passages and vectors, for POST /v1/collections/import on any machine. Bytes of uploads are not in it.',
  body: nothing,
  query: nothing,
  answers: [
    {
      status: 200,
      description: 'The stamp, each document, and a last line that says how many there were.',
      contentType: 'application/x-ndjson',
    },
  ],
  async handle({ id }, { gateway }) {
    await gateway.collections.get(id);
    return { body: { kind: 'stream', chunks: gateway.collections.export(id), contentType: 'application/x-ndjson' } };
  },
});

const importOne = defineLinesRoute({
  method: 'POST',
  path: '/v1/collections/import',
  scope,
  tag,
  summary: 'Import a collection',
  description: 'The body is what an export gave; the collection is there whole or not at all.',
  query: optional(collectionImportQuerySchema, collectionImportFields),
  answers: [{ status: 200, description: 'The collection.', schema: vectorStoreSchema }],
  async handle(lines, { name }, { gateway }) {
    return json(toVectorStore(await gateway.collections.import(lines, name === undefined ? {} : { name })));
  },
});

const purge = defineRoute({
  method: 'POST',
  path: '/v1/collections/purge',
  scope,
  tag,
  summary: 'Give space back',
  description: 'Deletes collections and files that have expired, and gives the space of all that was deleted back to the disk.',
  body: noFields,
  query: nothing,
  answers: [{ status: 200, description: 'What was freed.', schema: collectionPurgeSchema }],
  async handle(_call, { gateway }) {
    const { collections, files, freedBytes } = await gateway.collections.purge();
    return json({ object: 'collections.purge', collections, files, freed_bytes: freedBytes });
  },
});

/** What collections have beyond OpenAI's vector stores. */
export const collectionRoutes: readonly Route[] = [ingest, reindex, verify, exportOne, importOne, purge];

function toChunker({
  max_tokens: max,
  overlap_tokens: overlap,
  min_tokens: min,
  context_header: header,
}: ChunkerObject): Partial<ChunkerSettings> {
  return {
    ...(max !== undefined && { maxTokens: max }),
    ...(overlap !== undefined && { overlapTokens: overlap }),
    ...(min !== undefined && { minTokens: min }),
    ...(header !== undefined && { contextHeader: header }),
  };
}

function jobReply(id: string, { gateway }: RouteContext): Reply {
  return json(toJobObject(findJob(gateway, id)), { status: 202, headers: { location: `/v1/jobs/${encodeURIComponent(id)}` } });
}
