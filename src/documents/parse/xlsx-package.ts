import { Uint8ArrayReader, Uint8ArrayWriter, ZipWriter } from '@zip.js/zip.js';
import type { OfficePackage } from './office-package.ts';

/** Parts of a workbook that say nothing that is read here, and may be large: pictures, macros, settings of printers, files in files. */
const NOT_READ =
  /^(?:xl\/(?:media|embeddings|activeX|ctrlProps|printerSettings|externalLinks|model|pivotCache|drawings|charts|theme)\/|xl\/vbaProject|customXml\/|docProps\/thumbnail)/i;
/** What the library would take for a file of another program. */
const FOREIGN = /^(?:META-INF\/|objectdata\.xml$|Index\/|index\.)/i;

/**
 * The parts of a workbook that matter, in a package that is not compressed: they are inflated here, where their bytes are counted, and not
 * by the library that reads them, which would inflate all of them at once whatever their size.
 * @throws LocalLiteError document_unreadable, document_too_large
 */
export async function unpackedWorkbook(file: OfficePackage): Promise<Uint8Array> {
  const writer = new ZipWriter(new Uint8ArrayWriter(), { level: 0, dataDescriptor: false, extendedTimestamp: false });
  for (const name of file.names()) {
    if (NOT_READ.test(name) || FOREIGN.test(name)) continue;
    await writer.add(name, new Uint8ArrayReader(await file.bytes(name)));
  }
  return await writer.close();
}
