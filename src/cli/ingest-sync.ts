import { basename } from 'node:path';
import { LocalLiteError } from '../errors.ts';
import type { JobObject, LocalLite } from '../sdk/index.ts';
import type { IngestItem } from './ingest-files.ts';
import type { IngestTotals, IngestView } from './ingest-view.ts';
import { type Io, note } from './io.ts';
import { followJob } from './job-progress.ts';

/** Files of one job: few enough that an interrupted run loses little, enough that the embedder is never idle. */
const BATCH = 100;
/** Uploads are on a disk, so that a job may be made of many bytes, but not without end. */
const BATCH_BYTES = 256 * 2 ** 20;
/** How long a command that was interrupted tidies up. */
const TIDY = { retries: 0, timeoutMs: 5_000 };

/** How a collection is filled. */
export interface SyncOptions {
  readonly client: LocalLite;
  readonly collection: string;
  /** Embedding model of a new collection. */
  readonly model?: string | undefined;
  /** Ingest also what has not changed. */
  readonly force?: boolean | undefined;
  readonly io: Io;
  readonly view: IngestView;
  /** Let an interrupted job end by itself instead of cancelling it: what was acknowledged is finished. */
  readonly finishes: boolean;
}

/** What an ingest did. */
export interface SyncCounts {
  files: number;
  unchanged: number;
  ingested: number;
  failed: number;
  removed: number;
  chunks: number;
  /** `source: why`. */
  failures: string[];
}

interface Uploaded {
  readonly id: string;
  readonly key: string;
  readonly sha256: string;
}

interface Known {
  readonly id: string;
  readonly sha256: string | null;
  /** It was ingested to its end. */
  readonly isWhole: boolean;
}

/** A collection that is made to hold what some files hold. */
export class CollectionSync {
  readonly #options: SyncOptions;
  #counts = noCounts();
  #passes = 0;
  /** Files of the collection by the key that they are known by. */
  #known = new Map<string, Known>();

  constructor(options: SyncOptions) {
    this.#options = options;
  }

  /** Since the last {@link begin}. */
  get counts(): Readonly<SyncCounts> {
    return this.#counts;
  }

  /** How often {@link begin} was called. */
  get passes(): number {
    return this.#passes;
  }

  /** Keys of what the collection holds. */
  get keys(): readonly string[] {
    return [...this.#known.keys()];
  }

  /**
   * Makes the collection if it is not there, and reads what it holds.
   * @throws LocalLiteError model_not_found, unreachable, invalid_request (another model than the collection's)
   */
  async open(): Promise<void> {
    const { client, collection, model, io } = this.#options;
    const { signal } = io;
    try {
      const there = await client.collections.retrieve(collection, { signal });
      if (model !== undefined) await this.#checkModel(there.locallite.model, model);
    } catch (error) {
      if (!LocalLiteError.is(error) || error.code !== 'not_found') throw error;
      await client.collections.create({ name: collection, ...(model !== undefined && { model }) }, { signal });
    }
    await this.#readKnown();
  }

  async #checkModel(has: string, wanted: string): Promise<void> {
    const { client, collection, io } = this.#options;
    const { id } = await client.models.retrieve(wanted, { scope: 'catalog', signal: io.signal });
    if (id.toLowerCase() === has.toLowerCase()) return;
    throw new LocalLiteError(
      'invalid_request',
      `the collection ${collection} is there with the model ${has}; leave --model out, or change its model with: locallite reindex ${collection} --model ${wanted}`,
      { param: 'model' },
    );
  }

  async #readKnown(): Promise<void> {
    const { client, collection, io } = this.#options;
    const known = new Map<string, Known>();
    for await (const { id, status, locallite } of client.collections.files(collection, { signal: io.signal })) {
      const { key, sha256 } = locallite;
      if (key !== null) known.set(key, { id, sha256, isWhole: status === 'completed' });
    }
    this.#known = known;
  }

  /** Counts anew. */
  begin(): void {
    this.#counts = noCounts();
    this.#passes++;
  }

  /** Brings files in, those that changed or are new. @throws LocalLiteError what is not one file's fault */
  async put(items: readonly IngestItem[]): Promise<void> {
    this.#counts.files += items.length;
    this.#show();
    let running: Promise<void> = Promise.resolve();
    try {
      for await (const batch of this.#batches(items)) {
        const uploaded = await this.#upload(batch);
        // One job at a time: while it runs, the next one's files are read and uploaded.
        await running;
        if (uploaded.length > 0) running = noticed(this.#ingest(uploaded));
      }
    } finally {
      await running;
    }
  }

  /** Ingests addresses, which the gateway fetches itself. */
  async putAddresses(urls: readonly string[]): Promise<void> {
    const { client, collection, io } = this.#options;
    this.#counts.files += urls.length;
    const job = await client.collections.ingest(collection, { urls }, { signal: io.signal });
    const ended = await this.#follow(job.id);
    await this.#count(
      ended,
      urls.map((key) => ({ key, id: '', sha256: '' })),
    );
  }

  /** Takes files out, by their keys; keys that the collection does not hold are passed over. */
  async drop(keys: readonly string[]): Promise<void> {
    const { client, io, view } = this.#options;
    for (const key of keys) {
      const known = this.#known.get(key);
      if (known === undefined) continue;
      io.signal.throwIfAborted();
      await client.files.delete(known.id, TIDY).catch(ifGone);
      this.#known.delete(key);
      this.#counts.removed++;
      await view.ended({ key, end: 'removed' });
    }
  }

  /** Files whose content is not in the collection yet, some at a time. */
  async *#batches(items: readonly IngestItem[]): AsyncGenerator<readonly IngestItem[]> {
    const { io } = this.#options;
    let batch: IngestItem[] = [];
    let bytes = 0;
    for (const item of items) {
      io.signal.throwIfAborted();
      if (await this.#isUnchanged(item)) {
        this.#counts.unchanged++;
        this.#show();
        continue;
      }
      batch.push(item);
      bytes += item.bytes;
      if (batch.length < BATCH && bytes < BATCH_BYTES) continue;
      yield batch;
      batch = [];
      bytes = 0;
    }
    if (batch.length > 0) yield batch;
  }

  async #isUnchanged(item: IngestItem): Promise<boolean> {
    const known = this.#known.get(item.key);
    if (this.#options.force === true || known?.isWhole !== true) return false;
    // A file that went meanwhile is found missing when it is uploaded.
    return known.sha256 === (await item.sum().catch(() => undefined));
  }

  async #upload(batch: readonly IngestItem[]): Promise<readonly Uploaded[]> {
    const { client, io, view } = this.#options;
    const uploaded: Uploaded[] = [];
    try {
      for (const { key, name, open } of batch) {
        const file = await open().catch((error: unknown) => this.#fail(key, error));
        if (file === undefined) continue;
        const onProgress = ({ sent, total }: { readonly sent: number; readonly total: number }): void => view.uploading(name, sent, total);
        const made = await client.files.create(file, { name, signal: io.signal, onProgress }).catch((error: unknown) => {
          if (isOfTheFile(error)) return this.#fail(key, error);
          throw error;
        });
        if (made !== undefined) uploaded.push({ id: made.id, key, sha256: made.locallite.sha256 });
      }
      return uploaded;
    } catch (error) {
      await this.#forget(uploaded);
      throw error;
    }
  }

  /** Uploads that nothing is made of would only take up space. */
  async #forget(uploaded: readonly Uploaded[]): Promise<void> {
    for (const { id } of uploaded) await this.#options.client.files.delete(id, TIDY).catch(() => undefined);
  }

  async #fail(key: string, cause: unknown): Promise<undefined> {
    const { message } = LocalLiteError.from(cause);
    this.#counts.failed++;
    this.#counts.failures.push(`${key}: ${message}`);
    await this.#options.view.ended({ key, end: 'failed', message });
    this.#show();
  }

  async #ingest(uploaded: readonly Uploaded[]): Promise<void> {
    const { client, collection, io, force = false } = this.#options;
    let id: string;
    try {
      io.signal.throwIfAborted();
      const files = uploaded.map(({ id: file, key }) => ({ file_id: file, key }));
      ({ id } = await client.collections.addFiles(collection, files, { force }));
    } catch (error) {
      await this.#forget(uploaded);
      throw error;
    }
    await this.#count(await this.#follow(id), uploaded);
  }

  async #follow(id: string): Promise<JobObject | undefined> {
    const { client, io, finishes } = this.#options;
    const changes = client.jobs.watch(id, finishes ? {} : { signal: io.signal });
    const show = (job: JobObject): void => {
      const { done = 0, unchanged = 0, failed = 0, current = [] } = job.progress?.documents ?? {};
      this.#options.view.reading(current.map((key) => basename(key)));
      this.#show(done + unchanged + failed);
    };
    const job = await followJob(changes, { client, io, json: false, view: { show, stop: () => undefined } });
    if (job?.state === 'cancelled') throw new LocalLiteError('cancelled', 'the ingest was cancelled; what was done stays');
    if (job?.state === 'failed') throw new LocalLiteError('internal', job.error?.message ?? 'the ingest failed');
    return job;
  }

  async #count(job: JobObject | undefined, files: readonly Uploaded[]): Promise<void> {
    const { done = 0, unchanged = 0, failed = 0, chunks = 0 } = (job?.result ?? {}) as Partial<Record<string, number>>;
    const failures = (job?.result?.['failures'] ?? []) as readonly { readonly source: string; readonly message: string }[];
    const why = new Map(failures.map(({ source, message }) => [source, message]));
    this.#counts.ingested += done;
    this.#counts.unchanged += unchanged;
    this.#counts.failed += failed;
    this.#counts.chunks += chunks;
    this.#counts.failures.push(...failures.map(({ source, message }) => `${source}: ${message}`));
    await this.#forget(files.filter(({ id, key }) => id !== '' && why.has(key)));
    for (const file of files) {
      const { key } = file;
      const message = why.get(key);
      if (message === undefined) this.#remember(file);
      await this.#options.view.ended({
        key,
        end: message === undefined ? 'ingested' : 'failed',
        ...(message !== undefined && { message }),
      });
    }
    this.#show();
  }

  /** Of what brought nothing new the file that was there is kept. */
  #remember({ id, key, sha256 }: Uploaded): void {
    const isSame = this.#options.force !== true && this.#known.get(key)?.sha256 === sha256;
    if (id !== '' && !isSame) this.#known.set(key, { id, sha256, isWhole: true });
  }

  #show(underWay = 0): void {
    const { failures: _failures, ...counts } = this.#counts;
    const totals: IngestTotals = { collection: this.#options.collection, ...counts, underWay };
    this.#options.view.overall(totals);
  }
}

/** What of an ingest is worth a line for people. */
export function summaryOf({ files, ingested, unchanged, failed, removed, chunks }: Readonly<SyncCounts>): string {
  const parts = [
    `${ingested} ingested (${counted(chunks, 'passage')})`,
    `${unchanged} unchanged`,
    ...(removed > 0 ? [`${removed} removed`] : []),
    ...(failed > 0 ? [`${failed} could not be read`] : []),
  ];
  return `${counted(files, 'file')}: ${parts.join(', ')}.`;
}

function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}

/** Says of each file that failed why. */
export async function noteFailures({ failures }: Readonly<SyncCounts>, io: Io): Promise<void> {
  for (const failure of failures) await note(io, failure);
}

function noCounts(): SyncCounts {
  return { files: 0, unchanged: 0, ingested: 0, failed: 0, removed: 0, chunks: 0, failures: [] };
}

/** Its failure is noticed when it is awaited. */
function noticed(work: Promise<void>): Promise<void> {
  work.catch(() => undefined);
  return work;
}

function ifGone(error: unknown): void {
  if (!LocalLiteError.is(error) || error.code !== 'not_found') throw error;
}

/** One file's fault does not end the ingest: it is refused, or it changed while it was read. */
function isOfTheFile(error: unknown): boolean {
  if (LocalLiteError.is(error) && ['payload_too_large', 'invalid_request', 'unsupported_media_type'].includes(error.code)) return true;
  for (let at = error; at instanceof Error; at = at.cause) if (at.name === 'NotReadableError') return true;
  return false;
}
