import type { JobObject } from '../wire/jobs.ts';
import type { SearchRequestObject, SearchResponse } from '../wire/vector-store-search.ts';
import type { FileBatchObject, VectorStoreFileObject, VectorStoreObject } from '../wire/vector-stores.ts';
import type { CallOptions, Transport } from './transport.ts';

/** What a new collection may say of itself. */
export interface CreateCollection {
  readonly name?: string;
  readonly description?: string;
  /** Embedding model; absent: the gateway's default. */
  readonly model?: string;
  readonly metadata?: Readonly<Record<string, string>>;
  /** Days after its last use when it goes by itself. */
  readonly expiresAfterDays?: number;
}

/** A file to be ingested: an uploaded one, and what it is known by. */
export interface IngestFile {
  readonly file_id: string;
  /** A later file of the same key takes its place. */
  readonly key?: string;
  readonly attributes?: Readonly<Record<string, string | number | boolean | (string | number)[]>>;
  /** Names of the enrichers that are to run; absent: those of the setting `enrich`. */
  readonly enrich?: readonly string[];
}

/** How documents are cut; what is absent is as the collection has it. */
export interface ChunkerRequest {
  readonly max_tokens?: number;
  readonly overlap_tokens?: number;
  readonly min_tokens?: number;
  readonly context_header?: boolean;
}

/** What a collection may change of itself; null takes an expiry away. */
export interface UpdateCollection {
  readonly name?: string;
  readonly metadata?: Readonly<Record<string, string>>;
  readonly expiresAfterDays?: number | null;
}

/** Files of the gateway's machine and addresses to ingest, and how. */
export interface IngestRequest extends Pick<IngestFile, 'attributes' | 'enrich'> {
  /** Absolute paths below a folder of the setting `ingest.roots`. */
  readonly paths?: readonly string[];
  readonly urls?: readonly string[];
  readonly chunker?: ChunkerRequest;
  /** Of encrypted documents. */
  readonly password?: string;
  /** Index again what has not changed. */
  readonly force?: boolean;
}

/** How a collection is checked, and what was found. */
export interface CollectionCheck {
  readonly collection: string;
  readonly sound: boolean;
  readonly problems: readonly string[];
}

const PATH = '/v1/vector_stores';

/** Collections (vector stores): their files, and search. Wherever an id goes, the name does too. */
export class Collections {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** @throws LocalLiteError conflict (the name is taken), model_not_found */
  create(request: CreateCollection = {}, options: CallOptions = {}): Promise<VectorStoreObject> {
    const { expiresAfterDays: days, ...body } = request;
    const expiry = days === undefined ? {} : { expires_after: { anchor: 'last_active_at', days } };
    return this.#transport.json({ ...options, method: 'POST', path: PATH, body: { ...body, ...expiry } });
  }

  /** @throws LocalLiteError not_found */
  retrieve(name: string, options: CallOptions = {}): Promise<VectorStoreObject> {
    return this.#transport.json({ ...options, method: 'GET', path: pathOf(name) });
  }

  /** The newest first. */
  list(options: CallOptions = {}): AsyncGenerator<VectorStoreObject, void, undefined> {
    return this.#pages<VectorStoreObject>(PATH, options);
  }

  /** @throws LocalLiteError not_found, conflict (the name is taken) */
  update(name: string, { expiresAfterDays: days, ...change }: UpdateCollection, options: CallOptions = {}): Promise<VectorStoreObject> {
    const expiry = days === undefined ? {} : { expires_after: days === null ? null : { anchor: 'last_active_at', days } };
    return this.#transport.json({ ...options, method: 'POST', path: pathOf(name), body: { ...change, ...expiry }, repeatable: true });
  }

  /** With everything in it; uploaded files stay. @throws LocalLiteError not_found */
  async delete(name: string, options: CallOptions = {}): Promise<void> {
    await this.#transport.json({ ...options, method: 'DELETE', path: pathOf(name), repeatable: true });
  }

  /** Its files, the newest first. */
  files(name: string, options: CallOptions = {}): AsyncGenerator<VectorStoreFileObject, void, undefined> {
    return this.#pages<VectorStoreFileObject>(`${pathOf(name)}/files`, options);
  }

  /** One of its files: whether it has been read, and what is known of it. @throws LocalLiteError not_found */
  retrieveFile(name: string, fileId: string, options: CallOptions = {}): Promise<VectorStoreFileObject> {
    return this.#transport.json({ ...options, method: 'GET', path: filePathOf(name, fileId) });
  }

  /** The attributes take the place of those that were there. @throws LocalLiteError not_found */
  updateFile(
    name: string,
    fileId: string,
    { attributes }: { readonly attributes: NonNullable<IngestFile['attributes']> },
    options: CallOptions = {},
  ): Promise<VectorStoreFileObject> {
    return this.#transport.json({ ...options, method: 'POST', path: filePathOf(name, fileId), body: { attributes }, repeatable: true });
  }

  /** Text of a file as it is indexed, one part a passage. @throws LocalLiteError not_found */
  async fileText(name: string, fileId: string, options: CallOptions = {}): Promise<readonly string[]> {
    const path = `${filePathOf(name, fileId)}/content`;
    const { data } = await this.#transport.json<{ readonly data: readonly { readonly text: string }[] }>({
      ...options,
      method: 'GET',
      path,
    });
    return data.map(({ text }) => text);
  }

  /** Takes a file out. @throws LocalLiteError not_found */
  async deleteFile(name: string, fileId: string, options: CallOptions = {}): Promise<void> {
    await this.#transport.json({ ...options, method: 'DELETE', path: filePathOf(name, fileId), repeatable: true });
  }

  /** Ingests uploaded files as one job, whose id is the batch's: watch it with `client.jobs.watch(batch.id)`. */
  addFiles(
    name: string,
    files: readonly IngestFile[],
    options: CallOptions & { /** Index again what has not changed. */ readonly force?: boolean } = {},
  ): Promise<FileBatchObject> {
    const { force, ...call } = options;
    const body = { files, ...(force && { force }) };
    return this.#transport.json({ ...call, method: 'POST', path: `${pathOf(name)}/file_batches`, body });
  }

  /** Ingests files of the gateway's own machine (below `ingest.roots`) and addresses, as a job. @throws LocalLiteError forbidden */
  ingest(name: string, request: IngestRequest, options: CallOptions = {}): Promise<JobObject> {
    return this.#transport.json({ ...options, method: 'POST', path: `${ownPathOf(name)}/ingest`, body: request });
  }

  /**
   * Passages that answer a question, the best first.
   * @example
   * const { data } = await client.collections.search('notes', { query: 'who stole the tarts?', max_num_results: 5 });
   * console.log(data[0]?.content[0]?.text, data[0]?.locallite.page);
   */
  search(name: string, request: SearchRequestObject, options: CallOptions = {}): Promise<SearchResponse> {
    return this.#transport.json({ ...options, method: 'POST', path: `${pathOf(name)}/search`, body: request, repeatable: true });
  }

  /** Builds another index beside the one that serves, as a job, and puts it in its place when it is whole. */
  reindex(
    name: string,
    request: { readonly model?: string; readonly chunker?: ChunkerRequest } = {},
    options: CallOptions = {},
  ): Promise<JobObject> {
    return this.#transport.json({ ...options, method: 'POST', path: `${ownPathOf(name)}/reindex`, body: request });
  }

  verify(name: string, options: CallOptions = {}): Promise<CollectionCheck> {
    return this.#transport.json({ ...options, method: 'GET', path: `${ownPathOf(name)}/verify` });
  }

  /** Lines of JSON for {@link Collections.import}, as they arrive. */
  export(name: string, options: CallOptions = {}): Promise<ReadableStream<Uint8Array>> {
    return this.#transport.stream({ ...options, method: 'GET', path: `${ownPathOf(name)}/export` });
  }

  /** @throws LocalLiteError invalid_request (torn, or of another format), conflict (the name is taken) */
  import(lines: string | Blob, options: CallOptions & { readonly name?: string } = {}): Promise<VectorStoreObject> {
    const { name, ...call } = options;
    const query = name === undefined ? '' : `?${new URLSearchParams({ name })}`;
    const headers = { 'content-type': 'application/x-ndjson' };
    return this.#transport.json({ ...call, method: 'POST', path: `/v1/collections/import${query}`, raw: lines, headers });
  }

  /** Deletes what has expired and gives the space of all that was deleted back to the disk. */
  purge(options: CallOptions = {}): Promise<{ readonly collections: number; readonly files: number; readonly freed_bytes: number }> {
    return this.#transport.json({ ...options, method: 'POST', path: '/v1/collections/purge', repeatable: true });
  }

  async *#pages<T extends { readonly id: string }>(path: string, options: CallOptions): AsyncGenerator<T, void, undefined> {
    for (let after: string | undefined; ; ) {
      const query = new URLSearchParams({ limit: '100', ...(after !== undefined && { after }) });
      const page = await this.#transport.json<{ readonly data: readonly T[]; readonly has_more: boolean }>({
        ...options,
        method: 'GET',
        path: `${path}?${query}`,
      });
      yield* page.data;
      after = page.data.at(-1)?.id;
      if (!page.has_more || after === undefined) return;
    }
  }
}

function pathOf(name: string): string {
  return `${PATH}/${encodeURIComponent(name)}`;
}

function filePathOf(name: string, fileId: string): string {
  return `${pathOf(name)}/files/${encodeURIComponent(fileId)}`;
}

function ownPathOf(name: string): string {
  return `/v1/collections/${encodeURIComponent(name)}`;
}
