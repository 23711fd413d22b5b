import { createHash } from 'node:crypto';
import { readFile, realpath, stat } from 'node:fs/promises';
import { basename, isAbsolute, relative, resolve } from 'node:path';
import { LocalLiteError } from '../errors.ts';
import type { FileRow } from '../state/state-types.ts';
import { fetchDocument } from './fetch-document.ts';
import type { IngestParts } from './ingest-parts.ts';
import type { IngestSource } from './retrieval-types.ts';

/** Bytes to ingest, and what is known of them. */
export interface SourceBytes {
  readonly bytes: Uint8Array;
  readonly sha256: string;
  readonly name: string;
  readonly mediaType: string | undefined;
  /** The uploaded file; undefined for what is read in place. */
  readonly file: FileRow | undefined;
  /** Under which it is known again; undefined for uploads without a key. */
  readonly key: string | undefined;
}

type Parts = Pick<IngestParts, 'files' | 'roots' | 'fetchRules'>;

/** Reads a source. @throws LocalLiteError not_found, forbidden (outside of `ingest.roots`), payload_too_large, and what fetching throws */
export async function readSource(source: IngestSource, parts: Parts, signal: AbortSignal): Promise<SourceBytes> {
  switch (source.kind) {
    case 'file': {
      const file = await parts.files.get(source.fileId);
      const bytes = await parts.files.read(file);
      return { bytes, sha256: file.sha256, name: file.name, mediaType: file.mediaType, file, key: source.key };
    }
    case 'path': {
      const path = await allowedPath(source.path, parts.roots);
      const { size } = await stat(path);
      if (size > parts.fetchRules.maxBytes) {
        throw new LocalLiteError('payload_too_large', `${path} is larger than ${parts.fetchRules.maxBytes} bytes (limits.upload_bytes)`);
      }
      const bytes = await readFile(path, { signal });
      return { bytes, sha256: sumOf(bytes), name: basename(path), mediaType: undefined, file: undefined, key: path };
    }
    case 'url': {
      const { bytes, name, mediaType } = await fetchDocument(source.url, parts.fetchRules, signal);
      return { bytes, sha256: sumOf(bytes), name, mediaType, file: undefined, key: source.url };
    }
  }
}

/** Bytes that a source will weigh in memory, as far as it can be told before it is read. */
export async function weightOf(source: IngestSource, { files }: Pick<IngestParts, 'files'>): Promise<number> {
  switch (source.kind) {
    case 'file':
      return (await files.get(source.fileId).catch(() => undefined))?.bytes ?? 0;
    case 'path':
      return (await stat(source.path).catch(() => undefined))?.size ?? 0;
    case 'url':
      return 2 ** 20;
  }
}

/**
 * The real path of a file below one of the folders; links are followed before it is compared.
 * @throws LocalLiteError forbidden, not_found, invalid_request
 */
export async function allowedPath(path: string, roots: readonly string[]): Promise<string> {
  if (!isAbsolute(path)) throw new LocalLiteError('invalid_request', `${path} is not an absolute path`, { param: 'paths' });
  const real = await realpath(path).catch(() => resolve(path));
  for (const root of roots) {
    const inside = relative(await realpath(root).catch(() => resolve(root)), real);
    if (inside === '' || (!inside.startsWith('..') && !isAbsolute(inside))) {
      if ((await stat(real).catch(() => undefined)) !== undefined) return real;
      throw new LocalLiteError('not_found', `there is no file ${path}`, { param: 'paths' });
    }
  }
  // Whether a file outside of the allowed folders exists is not told.
  throw new LocalLiteError(
    'forbidden',
    `${path} is not below one of the folders of ingest.roots; add its folder there, or upload the file`,
    { param: 'paths' },
  );
}

function sumOf(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
