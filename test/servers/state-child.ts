import { writeSync } from 'node:fs';
import { openState } from '../../src/state/open.ts';
import type { DocumentRow, NewChunk, State } from '../../src/state/state-types.ts';

/** What the child is told. */
export interface StateJob {
  readonly path: string;
  /** Program of the database's thread. */
  readonly entry: string;
  /** Versions begin above this, so that they grow over several children. */
  readonly base: number;
}

/** One line: what is about to be done, or has been acknowledged. Version 0 = the document is gone. */
export interface StateLine {
  readonly step: 'begin' | 'done';
  readonly file: string;
  readonly version: number;
}

const COLLECTION = 'vs_kill';
const FILES = ['file-a', 'file-b', 'file-c'];
const EDITION = { model: 'm', variant: 'v', dimensions: 4, chunker: '{}' };

/** Writes, replaces, deletes and re-indexes for ever, three documents at a time, and says on standard output what was acknowledged. */
async function main(): Promise<void> {
  const { path, entry, base } = JSON.parse(process.argv[2] ?? '{}') as StateJob;
  const state = await openState({ path, entry });
  if ((await state.findCollection(COLLECTION)) === undefined) {
    await state.createCollection({ id: COLLECTION, name: COLLECTION, metadata: {}, edition: { ...EDITION, space: 's0' } });
    for (const id of FILES) await state.addFile({ ...FILE, id });
  }
  await Promise.all([...FILES.map((file) => writeForEver(state, file, base)), switchForEver(state)]);
}

const FILE = {
  name: 'x.txt',
  bytes: 1,
  sha256: 'x',
  mediaType: 'text/plain',
  purpose: 'assistants',
  createdAt: 1,
  expiresAt: undefined,
  origin: 'upload',
};

const say = (line: StateLine): void => void writeSync(1, `${JSON.stringify(line)}\n`);

/** Chunks that all name their version and how many they are. */
function chunksOf(file: string, version: number): readonly NewChunk[] {
  const count = 1 + (version % 37);
  return Array.from({ length: count }, (_, ordinal) => ({
    ordinal,
    text: JSON.stringify({ file, version, count }),
    start: 0,
    end: 1,
    lead: '',
    tokens: 1,
    path: [],
    page: undefined,
    lastPage: undefined,
    meta: '{}',
    vector: Float32Array.of(version, ordinal, count, 1),
  }));
}

async function writeForEver(state: State, file: string, base: number): Promise<never> {
  for (let version = base + 1; ; version++) {
    const document = await state.openDocument({ collectionId: COLLECTION, fileId: file });
    const replace = { file, version };
    say({ step: 'begin', ...replace });
    await write(state, document, replace);
    say({ step: 'done', ...replace });
    if (version % 5 > 0) continue;
    say({ step: 'begin', file, version: 0 });
    await state.deleteDocument(document.id);
    say({ step: 'done', file, version: 0 });
  }
}

/** Again where the edition was switched in between. */
async function write(state: State, { id }: DocumentRow, { file, version }: { file: string; version: number }): Promise<void> {
  for (let isThere = false; !isThere; ) {
    const collection = await state.findCollection(COLLECTION);
    isThere = await state.putContent({
      documentId: id,
      editionId: collection?.edition.id ?? 0,
      contentSha256: `v${version}`,
      parsed: String(version),
      facts: '{}',
      chunks: chunksOf(file, version),
    });
  }
}

async function switchForEver(state: State): Promise<never> {
  for (let turn = 1; ; turn++) {
    const edition = await state.createEdition({ ...EDITION, space: `s${turn}`, collectionId: COLLECTION });
    do {
      for (const documentId of await state.editionGap(edition.id, 10)) await copy(state, documentId, edition.id);
    } while (!(await state.switchEdition(edition.id)));
  }
}

async function copy(state: State, documentId: number, editionId: number): Promise<void> {
  const [[document], parsed] = await Promise.all([state.documentsById([documentId]), state.parsedContent(documentId)]);
  if (document?.contentSha256 === undefined || parsed === undefined) return;
  const { contentSha256, version, fileId } = document;
  await state.putContent({ documentId, editionId, contentSha256, version, parsed, facts: '{}', chunks: chunksOf(fileId, Number(parsed)) });
}

await main();
