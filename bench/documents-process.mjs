import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { pathToFileURL } from 'node:url';
import { serveTasks } from './helper-process.mjs';

const LIMITS = { timeoutMs: 6e5, memoryBytes: 2 ** 31, maxPages: 1e4, maxInflatedBytes: 2 ** 30, maxNesting: 4, maxParts: 1000 };

let parseDocument;

const read = (path, options = {}) => parseDocument(readFileSync(path), { name: basename(path), ...options }, { limits: LIMITS });

serveTasks({
  async open(bundle) {
    ({ parseDocument } = await import(pathToFileURL(bundle).href));
  },
  /** Pages of all files and the seconds they took. */
  async read(files) {
    const start = performance.now();
    let pages = 0;
    for (const path of files) pages += (await read(path, { ocr: 'never' })).metadata.pages;
    return { pages, seconds: (performance.now() - start) / 1000 };
  },
  async text(path) {
    const { text } = await read(path, { ocr: 'never' });
    return { text };
  },
});
