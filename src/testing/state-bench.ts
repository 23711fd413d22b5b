import type { CollectionRow, FileRow, JobRow, NewChunk, NewContent, State } from '../state/state-types.ts';
import { expectSame } from './expect.ts';

/** A store that is checked: one that is empty, and the way to open the same again after `state.close()`. */
export interface StateUnderTest {
  readonly state: State;
  /** Opens what was closed again, as the next start of the gateway does. */
  reopen(): Promise<State>;
}

/** Dimensions of the suite's vectors. */
export const DIMENSIONS = 4;
/** What collections of the suite are stamped with. */
export const EDITION = { model: 'm', space: 's', variant: 'v', dimensions: DIMENSIONS, chunker: '{}' };

/** A store, and shorthand for what checks put into it. */
export class Bench {
  state: State;
  readonly #reopen: () => Promise<State>;

  constructor({ state, reopen }: StateUnderTest) {
    this.state = state;
    this.#reopen = reopen;
  }

  async restart(): Promise<void> {
    await this.state.close();
    this.state = await this.#reopen();
  }

  collection(id: string, name = id): Promise<CollectionRow> {
    return this.state.createCollection({ id, name, metadata: { a: 'b' }, edition: EDITION });
  }

  file(id: string, change: Partial<FileRow> = {}): Promise<void> {
    const file: FileRow = {
      id,
      name: `${id}.txt`,
      bytes: 10,
      sha256: 'x',
      mediaType: 'text/plain',
      purpose: 'assistants',
      createdAt: 1000,
      expiresAt: undefined,
      origin: 'upload',
    };
    return this.state.addFile({ ...file, ...change });
  }

  job(id: string, items: readonly { readonly source: string; readonly documentId?: number }[], change: Partial<JobRow> = {}) {
    const job: JobRow = {
      id,
      kind: 'ingest',
      subject: 'c',
      payload: '{}',
      state: 'queued',
      progress: undefined,
      error: undefined,
      result: undefined,
      createdAt: 1,
      updatedAt: 1,
    };
    return this.state.addJob({ ...job, ...change }, items);
  }

  /** A document of `file-1` in a new collection `vs_1` called `notes`, with so many chunks (none: no content at all). */
  async document(chunks: number) {
    const { id: collectionId, edition } = await this.collection('vs_1', 'notes');
    await this.file('file-1');
    const { id } = await this.state.openDocument({ collectionId, fileId: 'file-1', attributes: { year: 2020 } });
    const put = (texts: readonly string[], change: Partial<NewContent> = {}): Promise<boolean> =>
      this.state.putContent({
        documentId: id,
        editionId: edition.id,
        contentSha256: 'one',
        parsed: '{"text":"…"}',
        facts: '{"a":1}',
        chunks: texts.map((text, ordinal) => chunkOf(ordinal, text)),
        ...change,
      });
    if (chunks > 0) expectSame(await put(Array.from({ length: chunks }, (_, index) => `text ${index}`)), true);
    return { id, collectionId, edition, put };
  }

  async texts(documentId: number): Promise<readonly string[]> {
    return (await this.state.chunksOf(documentId)).map(({ text }) => text);
  }
}

/** A chunk with something in each of its members. */
export function chunkOf(ordinal: number, text: string, vector = Float32Array.of(1, ordinal, 0.1, -1)): NewChunk {
  const start = ordinal * 10;
  const place = { ordinal, text, start, end: start + text.length };
  return { ...place, lead: 'Lead', tokens: 2, path: ['Heading', 'Ünder'], page: 1, lastPage: undefined, meta: '{"k":1}', vector };
}
