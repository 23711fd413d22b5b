import { randomBytes } from 'node:crypto';
import type { ChunkerSettings } from '../documents/document-types.ts';
import { LocalLiteError } from '../errors.ts';
import type { Indexes } from '../indexing/index-types.ts';
import type { Attributes, CollectionFacts, CollectionRow, DocumentRow, FileRow, JobRow, Page, State } from '../state/state-types.ts';
import type { FileStore } from './file-store.ts';
import type { EmbeddingFacts, Inference } from './inference.ts';
import type { IngestPayload } from './ingest.ts';
import { allowedPath } from './ingest-source.ts';
import { findDuplicateOf } from './near-copies.ts';
import type { ReindexPayload } from './reindex.ts';
import type {
  CollectionDocument,
  Collections,
  IngestOrder,
  IngestSource,
  NewCollection,
  SearchRequest,
  SearchResult,
  VerifyReport,
} from './retrieval-types.ts';
import type { CollectionSearch } from './search.ts';
import { exportCollection, importCollection } from './transfer.ts';

/** A durable job to be started: what `gateway/` does with it is its own. */
export type NewJob =
  | { readonly kind: 'ingest'; readonly subject: string; readonly payload: IngestPayload; readonly items: readonly NewItem[] }
  | { readonly kind: 'reindex'; readonly subject: string; readonly payload: ReindexPayload; readonly items: readonly [] };

/** One item of a job: JSON of its source. */
export interface NewItem {
  readonly source: string;
  readonly documentId?: number;
}

/** What collections stand on. */
export interface CollectionParts {
  readonly state: State;
  readonly indexes: Indexes;
  readonly files: FileStore;
  readonly inference: Inference;
  readonly search: CollectionSearch;
  readonly roots: readonly string[];
  readonly chunker: ChunkerSettings;
  /** JSON with keys in one order: the same settings give the same stamp. */
  readonly canonicalChunker: (settings: ChunkerSettings) => string;
  /** Refuses enrichers that there are not. @throws LocalLiteError invalid_request */
  readonly checkEnrichers: (names: readonly string[]) => void;
  /** Writes the job and its items to the database, then starts it. */
  readonly startJob: (job: NewJob) => Promise<JobRow>;
}

interface WantedChunker {
  readonly kept: ChunkerSettings;
  readonly asked: Partial<ChunkerSettings> | undefined;
  /** Fit what is asked for to the model, too. */
  readonly fit?: boolean | undefined;
}

/** Most sources of one order. */
const MOST_SOURCES = 100_000;
/** A search tells that a collection is in use at most this often. */
const ACTIVE_EVERY_MS = 60_000;

/** Collections over the database, the indexes and the models. */
export class StoredCollections implements Collections {
  readonly #parts: CollectionParts;

  constructor(parts: CollectionParts) {
    this.#parts = parts;
  }

  async create(wanted: NewCollection): Promise<CollectionFacts> {
    const { state, inference } = this.#parts;
    const model = await inference.describe(wanted.model);
    const id = `vs_${randomBytes(12).toString('hex')}`;
    const collection = await state.createCollection({
      id,
      name: checkName(wanted.name ?? id),
      metadata: wanted.metadata ?? {},
      edition: this.#stampOf(model, { kept: this.#parts.chunker, asked: wanted.chunker, fit: wanted.fitChunker }),
      ...(wanted.description !== undefined && { description: wanted.description }),
      ...(wanted.expiresAfterDays !== undefined && { expiresAfterDays: wanted.expiresAfterDays }),
    });
    return await this.#facts(collection.id);
  }

  /** Only what is asked for is refused when the model cannot take it; what was there before is fitted to the model. */
  #stampOf(model: EmbeddingFacts, { kept, asked, fit = false }: WantedChunker): ReindexPayload['edition'] {
    const room = model.maxTokens - model.reservedTokens;
    const settings = checkChunker({ ...kept, ...asked }, fit ? undefined : asked, room, model.model);
    const { space, variant, dimensions } = model;
    return { model: model.model, space, variant, dimensions, chunker: this.#parts.canonicalChunker(settings) };
  }

  async get(name: string): Promise<CollectionFacts> {
    return await this.#facts((await this.#find(name)).id);
  }

  async #facts(id: string): Promise<CollectionFacts> {
    const facts = await this.#parts.state.collectionFacts(id);
    if (facts === undefined) throw noCollection(id);
    return facts;
  }

  async #find(name: string): Promise<CollectionRow> {
    const collection = await this.#parts.state.findCollection(name);
    if (collection === undefined) throw noCollection(name);
    if (isExpired(collection, Date.now())) throw noCollection(name, 'has expired');
    return collection;
  }

  list(page: Parameters<Collections['list']>[0]): Promise<Page<CollectionFacts>> {
    return this.#parts.state.listCollections(page);
  }

  async update(name: string, { expiresAfterDays, ...change }: Parameters<Collections['update']>[1]): Promise<CollectionFacts> {
    const { id } = await this.#find(name);
    if (change.name !== undefined) checkName(change.name);
    await this.#parts.state.updateCollection(id, {
      ...change,
      ...(expiresAfterDays !== undefined && { expiresAfterDays: expiresAfterDays ?? undefined }),
      lastActiveAt: Date.now(),
    });
    return await this.#facts(id);
  }

  async remove(name: string): Promise<void> {
    const collection = await this.#parts.state.findCollection(name);
    if (collection === undefined) throw noCollection(name);
    await this.#removeRow(collection);
  }

  async #removeRow({ id, edition, building }: CollectionRow): Promise<void> {
    await this.#parts.state.deleteCollection(id);
    for (const one of [edition, building]) if (one !== undefined) await this.#parts.indexes.drop(one.id);
  }

  async verify(name: string): Promise<VerifyReport> {
    const { state, indexes } = this.#parts;
    const { name: collection, edition } = await this.#find(name);
    const problems = [...(await state.verify()), ...(await indexes.verify(edition.id))];
    return { collection, sound: problems.length === 0, problems, healed: state.healed };
  }

  async purge(): ReturnType<Collections['purge']> {
    const removed = await this.removeExpired();
    const { freedBytes } = await this.#parts.state.vacuum();
    return { ...removed, freedBytes };
  }

  /** Deletes the collections and files whose time is over; {@link purge} gives their space back, too. */
  async removeExpired(): Promise<{ readonly collections: number; readonly files: number }> {
    const { state, files } = this.#parts;
    const now = Date.now();
    const collections = await state.expiredCollections(now);
    for (const id of collections) {
      const row = await state.findCollection(id);
      if (row !== undefined) await this.#removeRow(row);
    }
    const expired = await state.expiredFiles(now);
    for (const id of expired) await files.remove(id);
    return { collections: collections.length, files: expired.length };
  }

  async *export(name: string): AsyncGenerator<string> {
    yield* exportCollection(await this.#find(name), this.#parts.state);
  }

  async import(lines: AsyncIterable<string>, options: { readonly name?: string }): Promise<CollectionFacts> {
    const id = await importCollection(lines, options, this.#parts.state);
    return await this.#facts(id);
  }

  async ingest({ collection: name, sources, ...options }: IngestOrder): Promise<JobRow> {
    if (sources.length > MOST_SOURCES) {
      throw new LocalLiteError('invalid_request', `at most ${MOST_SOURCES} sources in one order; these are ${sources.length}`, {
        param: 'sources',
      });
    }
    for (const { enrich } of [options, ...sources]) if (enrich !== undefined) this.#parts.checkEnrichers(enrich);
    const collection = await this.#find(name);
    // All are looked at before the first document is opened: an order is taken whole or not at all.
    for (const source of sources) await this.#check(source);
    const items: NewItem[] = [];
    for (const source of sources) items.push(await this.#item(collection, source, options.attributes));
    await this.#parts.state.updateCollection(collection.id, { lastActiveAt: Date.now() });
    const payload = { collectionId: collection.id, options };
    return await this.#parts.startJob({ kind: 'ingest', subject: collection.name, payload, items });
  }

  /** An uploaded file is a document of the collection at once (`in_progress`); a source with a key becomes one when it has been read. */
  async #check(source: IngestSource): Promise<void> {
    if (source.kind === 'path') await allowedPath(source.path, this.#parts.roots);
    if (source.kind === 'file') await this.#parts.files.get(source.fileId);
  }

  async #item(collection: CollectionRow, source: IngestSource, attributes: Attributes | undefined): Promise<NewItem> {
    const json = JSON.stringify(source);
    if (source.kind !== 'file' || source.key !== undefined) return { source: json };
    const given = source.attributes ?? attributes;
    const { id } = await this.#parts.state.openDocument({
      collectionId: collection.id,
      fileId: source.fileId,
      ...(given !== undefined && { attributes: given }),
    });
    return { source: json, documentId: id };
  }

  async reindex(name: string, { model, chunker }: Parameters<Collections['reindex']>[1]): Promise<JobRow> {
    const { edition, ...collection } = await this.#find(name);
    const facts = await this.#parts.inference.describe(model ?? edition.model);
    const kept = JSON.parse(edition.chunker) as ChunkerSettings;
    const payload = { collectionId: collection.id, edition: this.#stampOf(facts, { kept, asked: chunker }) };
    return await this.#parts.startJob({ kind: 'reindex', subject: collection.name, payload, items: [] });
  }

  async batchCounts(jobId: string, collectionId: string): ReturnType<Collections['batchCounts']> {
    const job = await this.#parts.state.findJob(jobId);
    if (job?.kind !== 'ingest' || (JSON.parse(job.payload) as IngestPayload).collectionId !== collectionId) return undefined;
    return await this.#parts.state.itemCounts(jobId);
  }

  jobItems(jobId: string, options: Parameters<Collections['jobItems']>[1]): ReturnType<Collections['jobItems']> {
    return this.#parts.state.jobItems(jobId, options);
  }

  async document(name: string, fileId: string): Promise<CollectionDocument> {
    const collection = await this.#find(name);
    const document = await this.#parts.state.findDocument(collection.id, fileId);
    if (document === undefined) throw noDocument(collection.name, fileId);
    return await this.#withFile(document);
  }

  async documents(name: string, page: Parameters<Collections['documents']>[1]): Promise<Page<CollectionDocument>> {
    const { id } = await this.#find(name);
    const { items, hasMore } = await this.#parts.state.listDocuments(id, page);
    return { items: await Promise.all(items.map((document) => this.#withFile(document))), hasMore };
  }

  async #withFile(document: DocumentRow): Promise<CollectionDocument> {
    const [file, duplicateOf] = await Promise.all([this.#parts.files.get(document.fileId), findDuplicateOf(document, this.#parts.state)]);
    return { document, file, ...(duplicateOf !== undefined && { duplicateOf }) };
  }

  async setAttributes(name: string, fileId: string, attributes: Attributes): Promise<CollectionDocument> {
    const { document } = await this.document(name, fileId);
    await this.#parts.state.setAttributes(document.id, attributes);
    return await this.document(name, fileId);
  }

  async removeDocument(name: string, fileId: string): Promise<void> {
    const { document, file } = await this.document(name, fileId);
    if (isOnlyHere(file)) await this.#parts.files.remove(file.id);
    else await this.#parts.state.deleteDocument(document.id);
  }

  async documentText(name: string, fileId: string): Promise<readonly string[]> {
    const { document } = await this.document(name, fileId);
    const chunks = await this.#parts.state.chunksOf(document.id);
    return chunks.map(({ text }) => text);
  }

  async search(name: string, request: SearchRequest): Promise<SearchResult> {
    checkSearch(request);
    const collection = await this.#find(name);
    const result = await this.#parts.search.search(collection, request);
    const now = Date.now();
    if (now - collection.lastActiveAt > ACTIVE_EVERY_MS) await this.#parts.state.updateCollection(collection.id, { lastActiveAt: now });
    return result;
  }
}

/** A file that was read in place has no life of its own: without its document it is nothing. */
function isOnlyHere({ origin }: FileRow): boolean {
  return origin !== 'upload';
}

function isExpired({ lastActiveAt, expiresAfterDays }: CollectionRow, now: number): boolean {
  return expiresAfterDays !== undefined && lastActiveAt + expiresAfterDays * 86_400_000 < now;
}

function checkName(name: string): string {
  if (name.trim() !== '' && name.length <= 256 && !/\p{Cc}/u.test(name)) return name;
  throw new LocalLiteError('invalid_request', 'the name of a collection is 1 to 256 characters without control characters', {
    param: 'name',
  });
}

/** What is asked for must fit the model; what merely follows from the defaults is fitted to it. */
function checkChunker(
  settings: ChunkerSettings,
  asked: Partial<ChunkerSettings> | undefined,
  room: number,
  model: string,
): ChunkerSettings {
  if (asked?.maxTokens !== undefined && asked.maxTokens > room && room < settings.maxTokens) {
    throw new LocalLiteError(
      'invalid_request',
      `${model} reads at most ${room} tokens of a text; chunks of ${asked.maxTokens} would be cut`,
      {
        param: 'chunker',
      },
    );
  }
  const maxTokens = Math.min(settings.maxTokens, room);
  if (settings.overlapTokens > maxTokens / 2 && asked?.overlapTokens !== undefined) {
    throw new LocalLiteError(
      'invalid_request',
      `an overlap of ${settings.overlapTokens} tokens is more than half of a chunk of ${maxTokens}`,
      {
        param: 'chunker',
      },
    );
  }
  const half = Math.floor(maxTokens / 2);
  return { ...settings, maxTokens, overlapTokens: Math.min(settings.overlapTokens, half), minTokens: Math.min(settings.minTokens, half) };
}

function checkSearch({ query, k, offset, minScore, diversity, denseWeight, perDocument, window, contextTokens }: SearchRequest): void {
  const queries = typeof query === 'string' ? [query] : query;
  if (queries.length === 0 || queries.length > 16 || queries.some((one) => one.trim() === '')) {
    throw new LocalLiteError('invalid_request', 'query is a text, or 1 to 16 texts, none of them blank', { param: 'query' });
  }
  const whole = (name: string, value: number | undefined, from: number, to: number): void => {
    if (value === undefined || (Number.isInteger(value) && value >= from && value <= to)) return;
    throw new LocalLiteError('invalid_request', `${name} is a whole number from ${from} to ${to}`, { param: name });
  };
  const share = (name: string, value: number | undefined): void => {
    if (value === undefined || (value >= 0 && value <= 1)) return;
    throw new LocalLiteError('invalid_request', `${name} is a number from 0 to 1`, { param: name });
  };
  whole('k', k, 1, 1000);
  whole('offset', offset, 0, 10_000);
  whole('per_document', perDocument, 1, 1000);
  whole('window', window, 0, 20);
  whole('context_tokens', contextTokens, 1, 1_000_000);
  share('min_score', minScore);
  share('diversity', diversity);
  share('dense_weight', denseWeight);
}

function noCollection(name: string, why = 'is not there'): LocalLiteError {
  return new LocalLiteError('not_found', `the collection ${name} ${why}; GET /v1/vector_stores lists them`, { param: 'collection' });
}

function noDocument(collection: string, fileId: string): LocalLiteError {
  return new LocalLiteError('not_found', `the collection ${collection} has no file ${fileId}`, { param: 'file_id' });
}
