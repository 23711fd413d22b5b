import type { FileObject } from '../wire/files.ts';
import type { CallOptions, Transport } from './transport.ts';
import type { UploadProgress } from './upload.ts';

/** How a file is uploaded. */
export interface UploadOptions extends CallOptions {
  /** Absent: the name of the `File`. */
  readonly name?: string;
  readonly purpose?: string;
  /** Seconds after which it goes by itself: an hour to 30 days. */
  readonly expiresAfterSeconds?: number;
  /**
   * Is told how many bytes are on their way, from time to time and once when all are there. In pages by `XMLHttpRequest`; with a `fetch`
   * of your own in a page, and in service workers, only the end is known.
   */
  readonly onProgress?: (progress: UploadProgress) => void;
}

/** Uploaded files of the gateway. */
export class Files {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /**
   * Uploads a file; it is on the gateway's disk when this resolves.
   * @throws LocalLiteError payload_too_large, disk_full …
   * @example
   * const { id } = await client.files.create(new File([text], 'notes.md'), {
   *   onProgress: ({ sent, total }) => console.log(`${sent} of ${total} bytes`),
   * });
   */
  create(file: Blob, options: UploadOptions = {}): Promise<FileObject> {
    const {
      name = 'name' in file ? String(file.name) : 'file',
      purpose = 'assistants',
      expiresAfterSeconds: seconds,
      onProgress,
      ...call
    } = options;
    const form = new FormData();
    form.set('purpose', purpose);
    if (seconds !== undefined) {
      form.set('expires_after[anchor]', 'created_at');
      form.set('expires_after[seconds]', String(seconds));
    }
    form.set('file', file, name);
    return this.#transport.json({
      ...call,
      method: 'POST',
      path: '/v1/files',
      form,
      ...(onProgress && { upload: { total: file.size, onProgress } }),
    });
  }

  /** @throws LocalLiteError not_found */
  retrieve(id: string, options: CallOptions = {}): Promise<FileObject> {
    return this.#transport.json({ ...options, method: 'GET', path: `/v1/files/${encodeURIComponent(id)}` });
  }

  /** The newest first; pages are read as they are asked for. */
  async *list(options: CallOptions & { readonly purpose?: string } = {}): AsyncGenerator<FileObject, void, undefined> {
    const { purpose, ...call } = options;
    for (let after: string | undefined; ; ) {
      const query = new URLSearchParams({ limit: '100', ...(purpose !== undefined && { purpose }), ...(after !== undefined && { after }) });
      const page = await this.#transport.json<FilePage>({ ...call, method: 'GET', path: `/v1/files?${query}` });
      yield* page.data;
      if (!page.has_more || page.last_id === null) return;
      after = page.last_id;
    }
  }

  /** Its bytes as they arrive. @throws LocalLiteError not_found */
  content(id: string, options: CallOptions = {}): Promise<ReadableStream<Uint8Array>> {
    return this.#transport.stream({ ...options, method: 'GET', path: `/v1/files/${encodeURIComponent(id)}/content` });
  }

  /** With its passages in every collection. @throws LocalLiteError not_found */
  async delete(id: string, options: CallOptions = {}): Promise<void> {
    await this.#transport.json({ ...options, method: 'DELETE', path: `/v1/files/${encodeURIComponent(id)}`, repeatable: true });
  }
}

interface FilePage {
  readonly data: readonly FileObject[];
  readonly has_more: boolean;
  readonly last_id: string | null;
}
