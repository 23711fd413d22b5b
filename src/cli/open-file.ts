import { openAsBlob } from 'node:fs';
import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { LocalLiteError } from '../errors.ts';
import type { Io } from './io.ts';

/**
 * A file to send, read as it is sent.
 * @param path as the user wrote it; from the working folder where it is not absolute
 * @throws LocalLiteError not_found, invalid_request (a folder, or one that may not be read)
 */
export async function openFile(io: Io, path: string): Promise<Blob> {
  const place = resolve(io.folder, path);
  const facts = await stat(place).catch(() => undefined);
  if (facts === undefined) throw new LocalLiteError('not_found', `there is no file ${path}`);
  if (!facts.isFile()) throw new LocalLiteError('invalid_request', `${path} is not a file`);
  try {
    return await openAsBlob(place);
  } catch (cause) {
    throw new LocalLiteError('invalid_request', `${path} cannot be read`, { cause });
  }
}
