import { createHash, randomBytes } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, open, readdir, readFile, rename, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { LocalLiteError } from '../errors.ts';
import type { FileRow, State } from '../state/state-types.ts';
import type { Files, NewFile } from './retrieval-types.ts';

/** Uploaded bytes, one file each in a folder of HOME; rows in the database. Bytes are there before their row is, and go after it. */
export class FileStore implements Files {
  readonly #folder: string;
  readonly #maxBytes: number;
  readonly #state: () => Promise<State>;

  constructor(options: { readonly folder: string; readonly maxBytes: number; readonly state: () => Promise<State> }) {
    this.#folder = options.folder;
    this.#maxBytes = options.maxBytes;
    this.#state = options.state;
  }

  async add(file: NewFile, signal?: AbortSignal): Promise<FileRow> {
    const state = await this.#state();
    const id = `file-${randomBytes(16).toString('hex')}`;
    await mkdir(this.#folder, { recursive: true, mode: 0o700 });
    const partial = join(this.#folder, `.${id}.part`);
    try {
      const { bytes, sha256 } = await this.#write(partial, file, signal);
      await rename(partial, this.#pathOf(id));
      const facts = (await file.facts?.()) ?? {};
      const row: FileRow = {
        id,
        name: basename(file.name.replaceAll('\\', '/')).slice(0, 512) || 'file',
        bytes,
        sha256,
        mediaType: file.mediaType ?? 'application/octet-stream',
        purpose: facts.purpose ?? 'assistants',
        createdAt: Date.now(),
        expiresAt: facts.expiresAt,
        origin: 'upload',
      };
      await state.addFile(row);
      return row;
    } catch (error) {
      await Promise.all([rm(partial, { force: true }), rm(this.#pathOf(id), { force: true })]);
      throw namedFault(error);
    }
  }

  async #write(
    path: string,
    { bytes: source, name }: NewFile,
    signal: AbortSignal | undefined,
  ): Promise<{ bytes: number; sha256: string }> {
    const hash = createHash('sha256');
    let bytes = 0;
    const handle = await open(path, 'wx', 0o600);
    try {
      for await (const part of source instanceof Uint8Array ? [source] : source) {
        if (signal?.aborted) throw new LocalLiteError('cancelled', `the upload of ${name} was cancelled`);
        bytes += part.length;
        if (bytes > this.#maxBytes) {
          throw new LocalLiteError('payload_too_large', `${name} is larger than ${this.#maxBytes} bytes (limits.upload_bytes)`, {
            param: 'file',
          });
        }
        hash.update(part);
        await handle.writeFile(part);
      }
      await handle.sync();
    } finally {
      await handle.close();
    }
    return { bytes, sha256: hash.digest('hex') };
  }

  async get(id: string): Promise<FileRow> {
    const file = await (await this.#state()).findFile(id);
    if (file === undefined) throw new LocalLiteError('not_found', `there is no file ${id}; GET /v1/files lists them`, { param: 'file_id' });
    return file;
  }

  async list(page: Parameters<Files['list']>[0]): ReturnType<Files['list']> {
    return await (await this.#state()).listFiles(page);
  }

  async content(id: string): ReturnType<Files['content']> {
    const file = await this.get(id);
    return { file, bytes: createReadStream(sourcePath(file, this.#pathOf(id))) };
  }

  /** Bytes of an uploaded file, checked against its sum. @throws LocalLiteError not_found, store_corrupt */
  async read(file: FileRow): Promise<Uint8Array> {
    const bytes = await readFile(sourcePath(file, this.#pathOf(file.id)));
    if (createHash('sha256').update(bytes).digest('hex') === file.sha256) return bytes;
    throw new LocalLiteError(
      'store_corrupt',
      `the stored bytes of ${file.name} (${file.id}) are not those that were uploaded; upload it again`,
    );
  }

  async remove(id: string): Promise<void> {
    const removed = await (await this.#state()).deleteFile(id);
    await rm(this.#pathOf(id), { force: true });
    if (!removed) throw new LocalLiteError('not_found', `there is no file ${id}; GET /v1/files lists them`, { param: 'file_id' });
  }

  /** Removes a file that nothing is made of any more and nothing waits for; its row may be gone already. */
  async dropUnused(id: string): Promise<void> {
    const state = await this.#state();
    await state.dropUnusedFile(id);
    if ((await state.findFile(id)) === undefined) await rm(this.#pathOf(id), { force: true });
  }

  /** Removes bytes that no row knows: what an upload left that was cut off. @returns how many there were */
  async sweep(): Promise<number> {
    const state = await this.#state();
    const names = await readdir(this.#folder).catch(() => []);
    let swept = 0;
    for (const name of names) {
      if (!name.endsWith('.part') && (await state.findFile(name)) !== undefined) continue;
      await rm(join(this.#folder, name), { force: true });
      swept++;
    }
    return swept;
  }

  #pathOf(id: string): string {
    return join(this.#folder, id);
  }
}

function sourcePath({ origin, name }: FileRow, stored: string): string {
  if (origin === 'upload') return stored;
  throw new LocalLiteError('not_found', `${name} was ingested from ${origin} and its bytes are not kept`, { param: 'file_id' });
}

function namedFault(error: unknown): unknown {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (code === 'ENOSPC' || code === 'EDQUOT')
    return new LocalLiteError('disk_full', 'the disk is full; the upload was not kept', { cause: error });
  return error;
}
