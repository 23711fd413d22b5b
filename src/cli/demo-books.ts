import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { brotliDecompress } from 'node:zlib';
import type { IngestItem } from './ingest-files.ts';

/** In the public domain everywhere: their authors died in 1898 and 1817. */
const BOOKS = ['alice-in-wonderland', 'through-the-looking-glass', 'pride-and-prejudice'] as const;

/** Questions that the books answer. */
export const BOOK_QUESTIONS = ['who stole the tarts?', 'why is Mr. Darcy disliked at the ball?', 'what does Jabberwocky mean?'];

/** The three books that come with LocalLite. */
export function demoBooks(): Promise<readonly IngestItem[]> {
  return Promise.all(BOOKS.map(readBook));
}

async function readBook(book: (typeof BOOKS)[number]): Promise<IngestItem> {
  const packed = await readFile(new URL(`./books/${book}.md.br`, import.meta.url));
  const bytes = await promisify(brotliDecompress)(packed);
  const name = `${book}.md`;
  return {
    key: `locallite:demo/${name}`,
    name,
    bytes: bytes.length,
    sum: async () => createHash('sha256').update(bytes).digest('hex'),
    open: async () => new Blob([bytes], { type: 'text/markdown' }),
  };
}
