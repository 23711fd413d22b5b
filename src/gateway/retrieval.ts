import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { canonicalChunker, chunkDocument } from '../documents/chunk.ts';
import type { Ocr } from '../documents/document-types.ts';
import { enrichDocument, readEnrichers } from '../documents/enrich/enrich.ts';
import { type Chat, ENRICHERS, type EnricherName } from '../documents/enrich/enrich-types.ts';
import { LocalLiteError } from '../errors.ts';
import type { Indexes } from '../indexing/index-types.ts';
import { openIndexes } from '../indexing/indexes.ts';
import { StoredCollections } from '../retrieval/collections.ts';
import { FileStore } from '../retrieval/file-store.ts';
import { type IngestPayload, runIngest } from '../retrieval/ingest.ts';
import type { IngestParts } from '../retrieval/ingest-parts.ts';
import { type ReindexPayload, runReindex } from '../retrieval/reindex.ts';
import type { Collections, Files } from '../retrieval/retrieval-types.ts';
import { CollectionSearch } from '../retrieval/search.ts';
import { openState } from '../state/open.ts';
import type { JobRow, State } from '../state/state-types.ts';
import { chunkerSettings, DocumentService } from './document-service.ts';
import { DurableJobs } from './durable-jobs.ts';
import type { GatewayParts } from './gateway-parts.ts';
import type { OwnJobs, Work } from './jobs.ts';
import { LazyCollections } from './lazy-collections.ts';
import type { RetrievalInference } from './retrieval-inference.ts';

/** Documents of one ingest that are in work at a time, and bytes of them together. */
const LIMITS = { documents: 64, bytes: 256 * 2 ** 20 };

/** What has expired is deleted this often; until then it is only refused. */
const EXPIRY_MS = 600_000;

interface Opened {
  readonly state: State;
  readonly indexes: Indexes;
  readonly durable: DurableJobs;
  readonly collections: Collections;
  readonly expiry: NodeJS.Timeout;
}

/** Documents, files and collections of a gateway. The database is opened by the first call that needs it. */
export class Retrieval {
  readonly documents: DocumentService;
  readonly files: Files;
  readonly collections: Collections;
  readonly #parts: GatewayParts;
  readonly #inference: RetrievalInference;
  readonly #jobs: OwnJobs;
  readonly #fileStore: FileStore;
  readonly #chat: Chat | undefined;
  readonly #enrichers: readonly EnricherName[];
  #opened: Promise<Opened> | undefined;

  /** `chat`: the model that enrichers ask. @throws LocalLiteError invalid_config (enrichers that there are not, or that lack it) */
  constructor(
    parts: GatewayParts,
    {
      inference,
      jobs,
      chat,
      ocr,
    }: { readonly inference: RetrievalInference; readonly jobs: OwnJobs; readonly chat?: Chat; readonly ocr?: Ocr | undefined },
  ) {
    this.#parts = parts;
    this.#chat = chat;
    this.#enrichers = enrichersOf(parts.config.enrich, chat !== undefined);
    this.#inference = inference;
    this.#jobs = jobs;
    const { config } = parts;
    this.documents = new DocumentService(parts, inference, ocr);
    const state = async (): Promise<State> => (await this.#open()).state;
    this.#fileStore = new FileStore({ folder: join(config.home, 'files'), maxBytes: config.limits.upload_bytes, state });
    this.files = this.#fileStore;
    this.collections = new LazyCollections(async () => (await this.#open()).collections);
  }

  get #path(): string {
    return join(this.#parts.config.home, 'state', 'locallite.db');
  }

  /** Goes on with what an earlier run left unfinished; nothing where there never was a database. */
  async resume(): Promise<void> {
    if (!existsSync(this.#path)) return;
    await this.#open();
    await this.#fileStore.sweep();
  }

  #open(): Promise<Opened> {
    this.#opened ??= this.#openNow().catch((error: unknown) => {
      this.#opened = undefined;
      throw error;
    });
    return this.#opened;
  }

  async #openNow(): Promise<Opened> {
    const { config, telemetry } = this.#parts;
    const state = await openState({ path: this.#path });
    const { requeuedJobs, abandonedEditions, tornChunks } = state.healed;
    if (requeuedJobs + abandonedEditions + tornChunks > 0) {
      telemetry.log.info('database_healed', {
        requeued_jobs: requeuedJobs,
        abandoned_editions: abandonedEditions,
        torn_chunks: tornChunks,
      });
    }
    const indexes = openIndexes({
      databasePath: this.#path,
      exactBelow: config.search.exact_below,
      memoryBytes: config.search.memory,
      log: telemetry.log,
    });
    const ingest = this.#ingestParts(state);
    const durable = new DurableJobs({ state, jobs: this.#jobs, telemetry, workOf: (row) => workOf(row, ingest) });
    const { search: defaults } = config;
    const search = new CollectionSearch({
      state,
      indexes,
      inference: this.#inference,
      defaults: { mode: defaults.mode, fusion: defaults.fusion, denseWeight: defaults.dense_weight, rerank: defaults.rerank },
      fidelityFloor: config.convert.fidelity_floor,
    });
    const collections = new StoredCollections({
      state,
      indexes,
      files: this.#fileStore,
      inference: this.#inference,
      search,
      roots: config.ingest.roots,
      chunker: chunkerSettings(config),
      canonicalChunker,
      checkEnrichers: (names) => void readEnrichers(names, { hasChat: this.#chat !== undefined }),
      startJob: (job) => durable.start(job),
    });
    await durable.resume();
    return { state, indexes, durable, collections, expiry: this.#expire(collections) };
  }

  #expire(collections: StoredCollections): NodeJS.Timeout {
    const { log } = this.#parts.telemetry;
    const expire = async (): Promise<void> => {
      const removed = await collections.removeExpired();
      if (removed.collections + removed.files > 0) log.info('expired', removed);
    };
    const run = (): void => {
      expire().catch((error: unknown) => log.warn('expiry_failed', { reason: LocalLiteError.from(error).message }));
    };
    run();
    return setInterval(run, EXPIRY_MS).unref();
  }

  #ingestParts(state: State): IngestParts {
    const { config, telemetry } = this.#parts;
    return {
      state,
      files: this.#fileStore,
      inference: this.#inference,
      stages: {
        parse: (bytes, options) => this.documents.parse(bytes, options),
        chunk: chunkDocument,
        enrich: (document, chunks, { names, ...help }) => {
          const known = ENRICHERS.filter((name) => names.includes(name));
          return enrichDocument({ document, chunks }, known, { ...help, chat: this.#chat });
        },
      },
      telemetry,
      fidelityFloor: config.convert.fidelity_floor,
      enrich: this.#enrichers,
      roots: config.ingest.roots,
      fetchRules: {
        allowPrivate: config.ingest.allow_private_addresses,
        offline: config.offline,
        maxBytes: config.limits.upload_bytes,
        timeoutMs: config.ingest.url_timeout * 1000,
      },
      limits: LIMITS,
    };
  }

  /** To be called when no job runs any more. */
  async close(): Promise<void> {
    await this.documents.close();
    const opened = await this.#opened?.catch(() => undefined);
    if (opened === undefined) return;
    clearInterval(opened.expiry);
    await opened.durable.settled();
    await opened.indexes.close();
    await opened.state.close();
  }
}

/** Enrichers that run where nothing else is said. */
function enrichersOf(names: readonly string[], hasChat: boolean): readonly EnricherName[] {
  try {
    return readEnrichers(names, { hasChat });
  } catch (error) {
    throw new LocalLiteError('invalid_config', `enrich: ${LocalLiteError.from(error).message}`, { cause: error });
  }
}

/** What a stored job does. */
function workOf({ id, kind, payload }: JobRow, parts: IngestParts): Work | undefined {
  if (kind === 'ingest') return (watch) => runIngest(id, JSON.parse(payload) as IngestPayload, parts, watch);
  if (kind === 'reindex') return (watch) => runReindex(JSON.parse(payload) as ReindexPayload, parts, watch);
  return undefined;
}
