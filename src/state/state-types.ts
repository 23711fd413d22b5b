/** Value of an attribute of a document; lists hold strings or numbers. */
export type AttributeValue = string | number | boolean | readonly (string | number)[];
export type Attributes = Readonly<Record<string, AttributeValue>>;

/** A collection: a vector store of OpenAI's API (`vs_…`). Times are Unix milliseconds. */
export interface CollectionRow {
  readonly id: string;
  /** Unique. */
  readonly name: string;
  readonly description: string | undefined;
  readonly metadata: Readonly<Record<string, string>>;
  readonly createdAt: number;
  readonly lastActiveAt: number;
  /** Days after `lastActiveAt` when it goes by itself; undefined = never. */
  readonly expiresAfterDays: number | undefined;
  /** The edition that is searched. */
  readonly edition: EditionRow;
  /** The edition that a running re-index builds. */
  readonly building: EditionRow | undefined;
}

/** One indexing of a collection's documents: what made its vectors and chunks. Another space is another edition. */
export interface EditionRow {
  readonly id: number;
  readonly collectionId: string;
  readonly model: string;
  readonly space: string;
  readonly variant: string;
  readonly dimensions: number;
  /** Canonical JSON of the chunker's settings. */
  readonly chunker: string;
  readonly state: 'active' | 'building';
}

/** A collection with what it holds. */
export interface CollectionFacts {
  readonly collection: CollectionRow;
  readonly documents: Readonly<Record<DocumentStatus, number>>;
  readonly chunks: number;
  readonly bytes: number;
}

/** An uploaded or ingested file (`file-…` of OpenAI's API). */
export interface FileRow {
  readonly id: string;
  readonly name: string;
  readonly bytes: number;
  readonly sha256: string;
  readonly mediaType: string;
  readonly purpose: string;
  readonly createdAt: number;
  readonly expiresAt: number | undefined;
  /** `upload`: the bytes are in HOME's `files/<id>`. Otherwise the path or URL it was read from, and no copy is kept. */
  readonly origin: string;
}

export type DocumentStatus = 'in_progress' | 'completed' | 'failed' | 'cancelled';

/** A file in a collection. */
export interface DocumentRow {
  readonly id: number;
  readonly collectionId: string;
  readonly fileId: string;
  readonly status: DocumentStatus;
  readonly error: { readonly code: string; readonly message: string } | undefined;
  readonly attributes: Attributes;
  /** Chunker settings of its own as JSON; undefined: the collection's. */
  readonly chunker: string | undefined;
  /** Bytes of text and vectors. */
  readonly usageBytes: number;
  /** Grows with each replaced content. */
  readonly version: number;
  /** sha256 of the content that is indexed; undefined until one is. */
  readonly contentSha256: string | undefined;
  /** Key under which a source is known again (absolute path or URL); undefined for uploads. */
  readonly sourceKey: string | undefined;
  /** Title, language, pages … of the parsed document, facts of enrichers, warnings; JSON. */
  readonly facts: string;
  readonly createdAt: number;
  readonly updatedAt: number;
}

/** A passage as it is stored. `id` grows for ever and is never used again. */
export interface ChunkRow {
  readonly id: number;
  readonly editionId: number;
  readonly documentId: number;
  readonly ordinal: number;
  readonly text: string;
  readonly start: number;
  readonly end: number;
  readonly lead: string;
  readonly tokens: number;
  readonly path: readonly string[];
  readonly page: number | undefined;
  readonly lastPage: number | undefined;
  /** JSON of kinds and what enrichers found. */
  readonly meta: string;
}

/** A passage to be stored, with its vector. */
export type NewChunk = Omit<ChunkRow, 'id' | 'editionId' | 'documentId'> & { readonly vector: Float32Array };

/** A new content of a document: written whole or not at all, so readers see the old version or this one. */
export interface NewContent {
  readonly documentId: number;
  readonly editionId: number;
  readonly contentSha256: string;
  /** For an edition that is being built: the document's version whose text this is. A newer one makes this content out of date, and it is refused. */
  readonly version?: number;
  /** Text and blocks of the parsed document; JSON, kept compressed, so that re-indexing need not parse again. */
  readonly parsed: string;
  readonly facts: string;
  readonly attributes?: Attributes;
  /** The file that this content is of, where it is not the document's; what {@link State.dropUnusedFile} says goes for the one before. */
  readonly fileId?: string;
  /** The document's own way to be cut, where it changes. */
  readonly chunker?: string;
  /** Numbers under which near copies of the document meet; absent: none. */
  readonly meetingPoints?: readonly number[];
  readonly chunks: readonly NewChunk[];
  /** Also settles this item of a job in the same transaction. */
  readonly item?: { readonly jobId: string; readonly ordinal: number };
}

/** What happened to an edition's chunks, for indexes that follow. Chunks of one change have consecutive ids. */
export interface ChunkChange {
  readonly sequence: number;
  readonly kind: 'put' | 'remove' | 'attributes';
  readonly documentId: number;
  readonly firstChunk: number;
  readonly lastChunk: number;
}

export type JobState = 'queued' | 'running' | 'paused' | 'succeeded' | 'failed' | 'cancelled';

/** A job as it is kept. Payload, progress and result are JSON. */
export interface JobRow {
  readonly id: string;
  readonly kind: string;
  readonly subject: string;
  readonly payload: string;
  readonly state: JobState;
  readonly progress: string | undefined;
  readonly error: { readonly code: string; readonly message: string } | undefined;
  readonly result: string | undefined;
  readonly createdAt: number;
  readonly updatedAt: number;
}

export type ItemState = 'waiting' | 'done' | 'unchanged' | 'failed' | 'cancelled';

/** One file of an ingest job. Items are written before the job is acknowledged. */
export interface JobItemRow {
  readonly jobId: string;
  readonly ordinal: number;
  /** JSON: what to ingest ({@link "retrieval/retrieval-types"} IngestSource). */
  readonly source: string;
  readonly documentId: number | undefined;
  readonly state: ItemState;
  readonly error: { readonly code: string; readonly message: string } | undefined;
}

/** A part of a list: items after (or before) a key in an order, as OpenAI's lists page. */
export interface PageRequest {
  readonly limit: number;
  readonly order: 'asc' | 'desc';
  readonly after?: string | undefined;
  readonly before?: string | undefined;
}

export interface Page<T> {
  readonly items: readonly T[];
  readonly hasMore: boolean;
}

/** What the start found and did: shown in the log and by `collections verify`. */
export interface HealReport {
  /** Jobs that were running when the process ended and wait again. */
  readonly requeuedJobs: number;
  /** Files that were read in place and have no document. */
  readonly orphanFiles: number;
  /** Always 0: bytes without a row are no concern of the database. */
  readonly missingFiles: number;
  /** Unfinished editions without a job. */
  readonly abandonedEditions: number;
  /** Chunks without a vector, vectors without a chunk; always 0 unless the database was changed by others. */
  readonly tornChunks: number;
}

/**
 * The one database of HOME, behind its own thread: every call is one transaction there, in the order of the calls. Rows are plain values.
 * Unknown ids are undefined or an empty answer; callers give errors their names.
 * @throws LocalLiteError disk_full, store_corrupt, conflict (a name that is taken), shutting_down
 */
export interface State {
  readonly path: string;
  createCollection(collection: {
    readonly id: string;
    readonly name: string;
    readonly description?: string;
    readonly metadata: Readonly<Record<string, string>>;
    readonly expiresAfterDays?: number;
    readonly edition: Omit<EditionRow, 'id' | 'collectionId' | 'state'>;
  }): Promise<CollectionRow>;
  /** By id or by name. */
  findCollection(idOrName: string): Promise<CollectionRow | undefined>;
  collectionFacts(id: string): Promise<CollectionFacts | undefined>;
  listCollections(page: PageRequest): Promise<Page<CollectionFacts>>;
  updateCollection(
    id: string,
    change: Partial<Pick<CollectionRow, 'name' | 'description' | 'metadata' | 'expiresAfterDays' | 'lastActiveAt'>>,
  ): Promise<CollectionRow | undefined>;
  /** Gone with all its documents, chunks, vectors and changes. */
  deleteCollection(id: string): Promise<boolean>;
  /** Ids of collections whose time is over at `now`. */
  expiredCollections(now: number): Promise<readonly string[]>;

  addFile(file: FileRow): Promise<void>;
  findFile(id: string): Promise<FileRow | undefined>;
  listFiles(page: PageRequest & { readonly purpose?: string }): Promise<Page<FileRow>>;
  /** Its documents go too. */
  deleteFile(id: string): Promise<boolean>;
  /** Deletes the row of a file that no document is made of and no item of an unfinished job waits to read. Its bytes are the caller's. */
  dropUnusedFile(id: string): Promise<boolean>;
  expiredFiles(now: number): Promise<readonly string[]>;

  /** The document of this file in this collection, made if it is not there (`in_progress`). With `sourceKey`, the one of that source; another file takes its place with {@link State.putContent}. */
  openDocument(document: {
    readonly collectionId: string;
    readonly fileId: string;
    readonly attributes?: Attributes;
    readonly chunker?: string;
    readonly sourceKey?: string;
  }): Promise<DocumentRow>;
  findDocument(collectionId: string, fileId: string): Promise<DocumentRow | undefined>;
  findDocumentBySource(collectionId: string, sourceKey: string): Promise<DocumentRow | undefined>;
  documentsById(ids: readonly number[]): Promise<readonly DocumentRow[]>;
  listDocuments(
    collectionId: string,
    page: PageRequest & { readonly status?: DocumentStatus; readonly jobId?: string },
  ): Promise<Page<DocumentRow>>;
  /** Every document of a source below this prefix, for folder sync. */
  documentSources(
    collectionId: string,
    prefix: string,
  ): Promise<readonly { readonly documentId: number; readonly fileId: string; readonly sourceKey: string }[]>;
  setDocumentStatus(id: number, status: DocumentStatus, error?: { readonly code: string; readonly message: string }): Promise<void>;
  setAttributes(id: number, attributes: Attributes): Promise<void>;
  deleteDocument(id: number): Promise<boolean>;

  /** One transaction: the old chunks of this edition go, the new ones are there, the status is `completed`. False if the document or edition is gone, or the edition is being built and the document has a newer content. */
  putContent(content: NewContent): Promise<boolean>;
  /** Documents of the same collection that were there before this one and share a meeting point with it, the first ones, in the order in which they came. */
  documentsMeeting(documentId: number, limit: number): Promise<readonly DocumentRow[]>;
  /** {@link NewContent.parsed} of the current version. */
  parsedContent(documentId: number): Promise<string | undefined>;
  chunks(ids: readonly number[]): Promise<readonly ChunkRow[]>;
  /** Chunks of a document in the collection's active edition with ordinals in [first, last]. */
  chunksOf(documentId: number, first?: number, last?: number): Promise<readonly ChunkRow[]>;
  vectors(chunkIds: readonly number[]): Promise<readonly Float32Array[]>;

  /** Starts a re-index: a building edition beside the active one; what was being built is dropped. */
  createEdition(edition: Omit<EditionRow, 'id' | 'state'>): Promise<EditionRow>;
  /** Documents with content that the building edition lacks or has in an older version. */
  editionGap(editionId: number, limit: number): Promise<readonly number[]>;
  /** One transaction: becomes the active one if nothing is missing, and the old one goes; false if something is. */
  switchEdition(editionId: number): Promise<boolean>;
  dropEdition(editionId: number): Promise<void>;

  /** A job with its items, all or nothing. */
  addJob(job: JobRow, items: readonly { readonly source: string; readonly documentId?: number }[]): Promise<void>;
  updateJob(id: string, change: Partial<Omit<JobRow, 'id' | 'kind' | 'createdAt'>>): Promise<void>;
  findJob(id: string): Promise<JobRow | undefined>;
  listJobs(limit: number): Promise<readonly JobRow[]>;
  /** Items in their order, from this ordinal on. */
  jobItems(
    jobId: string,
    options: { readonly state?: ItemState; readonly from?: number; readonly limit: number },
  ): Promise<readonly JobItemRow[]>;
  /** `unusedFile`: what the item brought and nothing needs; {@link State.dropUnusedFile} in the same transaction. */
  settleItem(
    jobId: string,
    ordinal: number,
    change: Partial<Pick<JobItemRow, 'state' | 'error' | 'documentId'>> & { readonly unusedFile?: string | undefined },
  ): Promise<void>;
  itemCounts(jobId: string): Promise<Readonly<Record<ItemState, number>>>;
  /** Appends items to a job that is still running (a watched folder). */
  addItems(jobId: string, items: readonly { readonly source: string; readonly documentId?: number }[]): Promise<void>;

  /** Checks of `PRAGMA integrity_check` and of what belongs together. Empty = sound. */
  verify(): Promise<readonly string[]>;
  /** Gives deleted space back to the disk. */
  vacuum(): Promise<{ readonly freedBytes: number }>;
  readonly healed: HealReport;
  close(): Promise<void>;
}
