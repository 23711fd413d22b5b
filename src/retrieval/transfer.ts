import { randomBytes } from 'node:crypto';
import { meetingPoints } from '../documents/enrich/minhash.ts';
import type { CollectionRow, DocumentRow, FileRow, State } from '../state/state-types.ts';
import type { StoredFacts } from './retrieval-types.ts';
import {
  decodeVector,
  encodeVector,
  readBody,
  readHead,
  TRANSFER_FORMAT,
  type TransferDocument,
  type TransferFoot,
  type TransferHead,
  tornTransfer,
} from './transfer-format.ts';

const PAGE = 100;

/** A collection as lines of JSON: its stamp, each indexed document with passages and vectors, and a last line that says how many there were. */
export async function* exportCollection(collection: CollectionRow, state: State): AsyncGenerator<string> {
  yield `${JSON.stringify(headOf(collection))}\n`;
  let after: string | undefined;
  let documents = 0;
  for (;;) {
    const page = await state.listDocuments(collection.id, {
      limit: PAGE,
      order: 'asc',
      status: 'completed',
      ...(after !== undefined && { after }),
    });
    for (const document of page.items) {
      after = document.fileId;
      const line = await exportDocument(document, state);
      if (line === undefined) continue;
      documents++;
      yield `${JSON.stringify(line)}\n`;
    }
    if (!page.hasMore) break;
  }
  yield `${JSON.stringify({ end: { documents } } satisfies TransferFoot)}\n`;
}

function headOf({ name, description, metadata, expiresAfterDays, edition }: CollectionRow): TransferHead {
  const { model, space, variant, dimensions, chunker } = edition;
  const stamp = { model, space, variant, dimensions, chunker };
  return {
    locallite: 'collection',
    format: TRANSFER_FORMAT,
    collection: { name, description, metadata, expiresAfterDays, edition: stamp },
  };
}

/** Undefined for a document that was deleted meanwhile. */
async function exportDocument(document: DocumentRow, state: State): Promise<TransferDocument | undefined> {
  const { attributes, chunker, sourceKey, contentSha256, facts } = document;
  const [row, parsed, chunks] = await Promise.all([
    state.findFile(document.fileId),
    state.parsedContent(document.id),
    state.chunksOf(document.id),
  ]);
  if (row === undefined || parsed === undefined || contentSha256 === undefined) return undefined;
  const vectors = await state.vectors(chunks.map(({ id }) => id));
  const { name, bytes, sha256, mediaType, origin } = row;
  return {
    document: { attributes: mutable(attributes), chunker, sourceKey, contentSha256, facts },
    file: { name, bytes, sha256, mediaType, origin },
    parsed,
    chunks: chunks.map(({ ordinal, text, start, end, lead, tokens, path, page, lastPage, meta }, index) => {
      const vector = encodeVector(vectors[index] ?? new Float32Array());
      return { ordinal, text, start, end, lead, tokens, path: [...path], page, lastPage, meta, vector };
    }),
  };
}

function mutable(attributes: DocumentRow['attributes']): TransferDocument['document']['attributes'] {
  return Object.fromEntries(Object.entries(attributes).map(([key, value]) => [key, typeof value === 'object' ? [...value] : value]));
}

/**
 * The counterpart of {@link exportCollection}; the collection is there whole or not at all.
 * @returns the id of the new collection
 * @throws LocalLiteError invalid_request (another format, torn lines), conflict (the name is taken)
 */
export async function importCollection(lines: AsyncIterable<string>, options: { readonly name?: string }, state: State): Promise<string> {
  const transfer = new Import(options.name, state);
  try {
    for await (const line of lines) if (line.trim() !== '') await transfer.take(line);
    return transfer.finish();
  } catch (error) {
    await transfer.undo();
    throw error;
  }
}

class Import {
  readonly #name: string | undefined;
  readonly #state: State;
  #collection: CollectionRow | undefined;
  readonly #files: string[] = [];
  #isWhole = false;

  constructor(name: string | undefined, state: State) {
    this.#name = name;
    this.#state = state;
  }

  async take(line: string): Promise<void> {
    if (this.#collection === undefined) {
      this.#collection = await this.#create(readHead(line));
      return;
    }
    if (this.#isWhole) throw tornTransfer('there are lines behind the last one');
    const value = readBody(line);
    if ('end' in value) {
      if (value.end.documents !== this.#files.length) throw tornTransfer('documents are missing');
      this.#isWhole = true;
      return;
    }
    await this.#add(value, this.#collection);
  }

  finish(): string {
    if (this.#collection === undefined || !this.#isWhole) throw tornTransfer('the last line is missing');
    return this.#collection.id;
  }

  async undo(): Promise<void> {
    if (this.#collection !== undefined) await this.#state.deleteCollection(this.#collection.id);
    for (const id of this.#files) await this.#state.deleteFile(id);
  }

  #create({ collection }: TransferHead): Promise<CollectionRow> {
    const { name, description, metadata, expiresAfterDays, edition } = collection;
    return this.#state.createCollection({
      id: `vs_${randomBytes(12).toString('hex')}`,
      name: this.#name ?? name,
      metadata,
      edition,
      ...(description !== undefined && { description }),
      ...(expiresAfterDays !== undefined && { expiresAfterDays }),
    });
  }

  async #add({ document, file, parsed, chunks }: TransferDocument, { id, edition }: CollectionRow): Promise<void> {
    const row = importedFile(file);
    await this.#state.addFile(row);
    this.#files.push(row.id);
    const { attributes, chunker, sourceKey, contentSha256, facts } = document;
    const opened = await this.#state.openDocument({
      collectionId: id,
      fileId: row.id,
      attributes,
      ...(chunker !== undefined && { chunker }),
      ...(sourceKey !== undefined && { sourceKey }),
    });
    await this.#state.putContent({
      documentId: opened.id,
      editionId: edition.id,
      contentSha256,
      parsed,
      facts,
      meetingPoints: meetingPointsOf(facts),
      chunks: chunks.map(({ vector, page, lastPage, ...chunk }) => ({
        ...chunk,
        page,
        lastPage,
        vector: decodeVector(vector, edition.dimensions),
      })),
    });
  }
}

function meetingPointsOf(facts: string): readonly number[] {
  const { signature } = JSON.parse(facts) as Partial<StoredFacts>;
  return typeof signature === 'string' ? meetingPoints(signature) : [];
}

/** Only texts travel, not the bytes of uploads. */
function importedFile(file: TransferDocument['file']): FileRow {
  const origin = file.origin === 'upload' ? `import:${file.name}` : file.origin;
  return {
    ...file,
    id: `file-${randomBytes(16).toString('hex')}`,
    purpose: 'assistants',
    createdAt: Date.now(),
    expiresAt: undefined,
    origin,
  };
}
