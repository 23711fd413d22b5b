import { TextReader, Uint8ArrayWriter, ZipWriter } from '@zip.js/zip.js';

/** A package of files with these texts, in this order. */
export async function makeZip(files: Readonly<Record<string, string>>): Promise<Uint8Array> {
  const zip = new ZipWriter(new Uint8ArrayWriter());
  for (const [name, text] of Object.entries(files)) await zip.add(name, new TextReader(text), { level: name === 'mimetype' ? 0 : 6 });
  return await zip.close();
}
