import { randomBytes } from 'node:crypto';
import type { ChunkerSettings, TokenCounter } from '../documents/document-types.ts';
import { LocalLiteError } from '../errors.ts';
import type { Attributes, CollectionRow, DocumentRow, FileRow, JobItemRow } from '../state/state-types.ts';
import { EmbedFeeder } from './embed-feeder.ts';
import { indexDocument } from './index-document.ts';
import type { IngestParts } from './ingest-parts.ts';
import { readSource, type SourceBytes, weightOf } from './ingest-source.ts';
import { runLimited, type Weighed } from './limited.ts';
import type { IngestOptions, IngestProgress, IngestSource } from './retrieval-types.ts';
import { checkStamp } from './stamp.ts';

/** What an ingest job keeps in the database besides its items. */
export interface IngestPayload {
  readonly collectionId: string;
  readonly options: IngestOptions;
}

/** How an attempt is watched and stopped. */
export interface IngestWatch {
  readonly signal: AbortSignal;
  readonly onProgress: (progress: IngestProgress) => void;
}

const PAGE = 200;
/** Failures that the job's result names; all of them are with its items. */
const MOST_NAMED = 100;

/**
 * Works off the items of an ingest job that still wait. Each item is settled in the transaction that makes its document visible, so an
 * attempt that is cut off anywhere is simply begun again. A document that fails is settled as failed, and the job goes on.
 * @throws LocalLiteError not_found (the collection is gone), cancelled, disk_full, shutting_down and other faults that are not one document's
 */
export async function runIngest(
  jobId: string,
  payload: IngestPayload,
  parts: IngestParts,
  watch: IngestWatch,
): Promise<Record<string, unknown>> {
  const tally: Tally = { chunks: 0, failures: [] };
  for (;;) {
    const run = await IngestRun.open({ jobId, payload, parts, watch, tally });
    await runLimited(run.items(), { most: parts.limits.documents, capacity: parts.limits.bytes });
    watch.signal.throwIfAborted();
    if (!run.isOutdated) return await run.result();
  }
}

/** What the runs of one attempt have done together. */
interface Tally {
  chunks: number;
  readonly failures: { readonly source: string; readonly code: string; readonly message: string }[];
}

interface RunOptions {
  readonly jobId: string;
  readonly payload: IngestPayload;
  readonly parts: IngestParts;
  readonly watch: IngestWatch;
  readonly tally: Tally;
}

/** Works into one edition of the collection; when a re-index puts another in its place, what is left is for the next run. */
class IngestRun {
  isOutdated = false;
  readonly #jobId: string;
  readonly #payload: IngestPayload;
  readonly #parts: IngestParts;
  readonly #watch: IngestWatch;
  readonly #collection: CollectionRow;
  readonly #counter: TokenCounter;
  /** Tokens of a text that the model reads, without those that are always there. */
  readonly #room: number;
  readonly #feeder: EmbedFeeder;
  readonly #current = new Set<string>();
  readonly #tally: Tally;
  #progress: IngestProgress;

  private constructor(
    options: RunOptions & {
      readonly collection: CollectionRow;
      readonly counter: TokenCounter;
      readonly room: number;
      readonly progress: IngestProgress;
    },
  ) {
    this.#tally = options.tally;
    this.#jobId = options.jobId;
    this.#payload = options.payload;
    this.#parts = options.parts;
    this.#watch = options.watch;
    this.#collection = options.collection;
    this.#counter = options.counter;
    this.#room = options.room;
    this.#progress = options.progress;
    const { inference, fidelityFloor: floor } = options.parts;
    const { edition, name } = options.collection;
    this.#feeder = new EmbedFeeder({
      inference,
      model: edition.model,
      check: async (made) => void (await checkStamp(edition, made, { fidelity: inference.fidelity, floor, collection: name })),
      signal: options.watch.signal,
    });
  }

  static async open(options: RunOptions): Promise<IngestRun> {
    const { jobId, payload, parts, watch, tally } = options;
    const collection = await parts.state.findCollection(payload.collectionId);
    if (collection === undefined) throw new LocalLiteError('not_found', `the collection ${payload.collectionId} is gone`);
    const counter = await parts.inference.counter(collection.edition.model);
    const { maxTokens, reservedTokens } = await parts.inference.describe(collection.edition.model, watch.signal);
    const counts = await parts.state.itemCounts(jobId);
    const total = Object.values(counts).reduce((sum, count) => sum + count, 0);
    const progress = {
      phase: 'ingesting',
      total,
      done: counts.done,
      unchanged: counts.unchanged,
      failed: counts.failed,
      chunks: tally.chunks,
      current: [],
    } as const;
    watch.onProgress(progress);
    return new IngestRun({ ...options, collection, counter, room: maxTokens - reservedTokens, progress });
  }

  /** Waiting items in their order, as work. */
  async *items(): AsyncGenerator<Weighed> {
    let from = 0;
    for (;;) {
      const page = await this.#parts.state.jobItems(this.#jobId, { state: 'waiting', from, limit: PAGE });
      for (const item of page) {
        if (this.#watch.signal.aborted || this.isOutdated) return;
        const source = JSON.parse(item.source) as IngestSource;
        yield { weight: await weightOf(source, this.#parts), run: () => this.#settle(item, source) };
        from = item.ordinal + 1;
      }
      if (page.length < PAGE) return;
    }
  }

  async result(): Promise<Record<string, unknown>> {
    const { done, unchanged, failed } = await this.#parts.state.itemCounts(this.#jobId);
    const { collectionId } = this.#payload;
    const { chunks, failures } = this.#tally;
    return { collection: collectionId, done, unchanged, failed, chunks, failures: failures.slice(0, MOST_NAMED) };
  }

  async #settle(item: JobItemRow, source: IngestSource): Promise<void> {
    const label = labelOf(source);
    this.#current.add(label);
    this.#report({});
    try {
      const { outcome, chunks } = await this.#ingest(item, source);
      this.#tally.chunks += chunks;
      if (outcome !== 'waiting') this.#report({ [outcome]: this.#progress[outcome] + 1, chunks: this.#tally.chunks });
    } catch (error) {
      await this.#fail(item, error, label);
    } finally {
      this.#current.delete(label);
    }
  }

  async #ingest(item: JobItemRow, source: IngestSource): Promise<{ outcome: 'done' | 'unchanged' | 'waiting'; chunks: number }> {
    const { state, stages } = this.#parts;
    const { signal } = this.#watch;
    const content = await readSource(source, this.#parts, signal);
    const known = await this.#known(content, item);
    if (known !== undefined && this.#isUnchanged(known, content)) {
      await this.#keep(item, known, content, source.attributes ?? this.#payload.options.attributes);
      return { outcome: 'unchanged', chunks: 0 };
    }
    const { options } = this.#payload;
    const attributes = source.attributes ?? options.attributes;
    const parsed = await stages.parse(content.bytes, parseOptions(content, options, signal));
    const own = source.chunker ?? options.chunker;
    const chunker = own === undefined ? chunkerOf(known, this.#collection) : fittedChunker(own, this.#collection, this.#room);
    const enrich = source.enrich ?? options.enrich ?? this.#parts.enrich;
    const work = { stages, counter: this.#counter, chunker, feeder: this.#feeder, enrich, signal };
    const { chunks, facts, meetingPoints } = await indexDocument(parsed, work);
    signal.throwIfAborted();
    const { document, ...opened } = await this.#open(content, parsed.metadata.mediaType, source);
    const isThere = await state.putContent({
      documentId: document.id,
      editionId: this.#collection.edition.id,
      contentSha256: content.sha256,
      parsed: JSON.stringify(parsed),
      facts,
      ...(attributes !== undefined && { attributes }),
      ...opened,
      meetingPoints,
      chunks,
      item: { jobId: this.#jobId, ordinal: item.ordinal },
    });
    if (!isThere) {
      if (await this.#hasAnotherEdition()) return { outcome: 'waiting', chunks: 0 };
      throw new LocalLiteError('cancelled', 'the document or its collection was deleted while it was being ingested');
    }
    // Its row went with the old content.
    if (document.fileId !== opened.fileId) await this.#parts.files.dropUnused(document.fileId);
    return { outcome: 'done', chunks: chunks.length };
  }

  async #hasAnotherEdition(): Promise<boolean> {
    const collection = await this.#parts.state.findCollection(this.#collection.id);
    this.isOutdated = collection !== undefined && collection.edition.id !== this.#collection.edition.id;
    return this.isOutdated;
  }

  #known({ key, file }: SourceBytes, item: JobItemRow): Promise<DocumentRow | undefined> | undefined {
    const { state } = this.#parts;
    if (key !== undefined) return state.findDocumentBySource(this.#collection.id, key);
    if (file !== undefined) return state.findDocument(this.#collection.id, file.id);
    return item.documentId === undefined ? undefined : state.documentsById([item.documentId]).then(([document]) => document);
  }

  #isUnchanged(document: DocumentRow, { sha256 }: SourceBytes): boolean {
    return document.status === 'completed' && document.contentSha256 === sha256 && this.#payload.options.force !== true;
  }

  /** An upload that brings nothing new is not kept beside the one that is indexed. */
  async #keep(item: JobItemRow, known: DocumentRow, { file }: SourceBytes, attributes: Attributes | undefined): Promise<void> {
    if (attributes !== undefined && JSON.stringify(attributes) !== JSON.stringify(known.attributes)) {
      await this.#parts.state.setAttributes(known.id, attributes);
    }
    const unusedFile = file?.id === known.fileId ? undefined : file?.id;
    await this.#parts.state.settleItem(this.#jobId, item.ordinal, { state: 'unchanged', documentId: known.id, unusedFile });
    if (unusedFile !== undefined) await this.#parts.files.dropUnused(unusedFile);
  }

  /** The document as it is so far, and what becomes of it with its new content. */
  async #open(
    content: SourceBytes,
    mediaType: string,
    source: IngestSource,
  ): Promise<{ readonly document: DocumentRow; readonly fileId: string; readonly chunker?: string }> {
    const { state } = this.#parts;
    const file = content.file ?? (await this.#fileInPlace(content, mediaType));
    const attributes = source.attributes ?? this.#payload.options.attributes;
    const own = source.chunker ?? this.#payload.options.chunker;
    const chunker = own === undefined ? {} : { chunker: JSON.stringify(fittedChunker(own, this.#collection, this.#room)) };
    const document = await state.openDocument({
      collectionId: this.#collection.id,
      fileId: file.id,
      ...chunker,
      ...(attributes !== undefined && { attributes }),
      ...(content.key !== undefined && { sourceKey: content.key }),
    });
    return { document, fileId: file.id, ...chunker };
  }

  /** A row for what is read in place: its bytes are not kept. */
  async #fileInPlace({ bytes, sha256, name, key }: SourceBytes, mediaType: string): Promise<FileRow> {
    const file: FileRow = {
      id: `file-${randomBytes(16).toString('hex')}`,
      name,
      bytes: bytes.length,
      sha256,
      mediaType,
      purpose: 'assistants',
      createdAt: Date.now(),
      expiresAt: undefined,
      origin: key ?? name,
    };
    await this.#parts.state.addFile(file);
    return file;
  }

  /** One document's fault is written down; a fault of the gateway ends the attempt. */
  async #fail(item: JobItemRow, cause: unknown, label: string): Promise<void> {
    const { state, telemetry } = this.#parts;
    this.#watch.signal.throwIfAborted();
    const error = LocalLiteError.from(cause);
    if (['disk_full', 'shutting_down', 'store_corrupt', 'index_mismatch', 'model_not_found', 'model_load_failed'].includes(error.code))
      throw error;
    const { code, message } = error;
    const [document] = item.documentId === undefined ? [] : await state.documentsById([item.documentId]);
    if (document !== undefined) await state.setDocumentStatus(document.id, 'failed', { code, message });
    await state.settleItem(this.#jobId, item.ordinal, { state: 'failed', error: { code, message } });
    this.#tally.failures.push({ source: label, code, message });
    telemetry.log.warn('document_failed', { job: this.#jobId, source: label, code, reason: message });
    this.#report({ failed: this.#progress.failed + 1 });
  }

  #report(change: Partial<IngestProgress>): void {
    this.#progress = { ...this.#progress, ...change, current: [...this.#current].slice(0, 5) };
    this.#watch.onProgress(this.#progress);
  }
}

function labelOf(source: IngestSource): string {
  switch (source.kind) {
    case 'file':
      return source.key ?? source.fileId;
    case 'path':
      return source.path;
    case 'url':
      return source.url;
  }
}

function parseOptions({ name, mediaType }: SourceBytes, { password, ocr }: IngestOptions, signal: AbortSignal) {
  return {
    name,
    signal,
    ...(mediaType !== undefined && { mediaType }),
    ...(password !== undefined && { password }),
    ...(ocr !== undefined && { ocr }),
  };
}

/** A document's own settings win over the collection's. */
function chunkerOf(known: DocumentRow | undefined, { edition }: CollectionRow): ChunkerSettings {
  return JSON.parse(known?.chunker ?? edition.chunker) as ChunkerSettings;
}

/** A collection's settings with those of one file; chunks never get larger than the collection's model reads. */
function fittedChunker(own: Partial<ChunkerSettings>, { edition }: CollectionRow, room: number): ChunkerSettings {
  const kept = JSON.parse(edition.chunker) as ChunkerSettings;
  const maxTokens = Math.min(own.maxTokens ?? kept.maxTokens, room);
  const half = Math.floor(maxTokens / 2);
  const { overlapTokens, minTokens, contextHeader } = { ...kept, ...own };
  return { maxTokens, overlapTokens: Math.min(overlapTokens, half), minTokens: Math.min(minTokens, half), contextHeader };
}
