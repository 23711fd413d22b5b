import { setImmediate as nextTurn } from 'node:timers/promises';
import { LocalLiteError } from '../errors.ts';
import type { StateReader } from '../state/reader.ts';
import type { ChunkChange } from '../state/state-types.ts';
import { EditionDocuments } from './edition-documents.ts';
import { readGraph, writeGraph } from './graph-file.ts';
import { GraphIndex } from './graph-index.ts';
import type { IndexAnswer, IndexFacts, IndexQuery } from './index-types.ts';
import { InvertedIndex, type TextRow } from './inverted-index.ts';

/** Rows that are read before others have their turn. */
const PAGE = 500;
/** A kept graph is written again when this share of its rows is new. */
const SHARE_TO_SAVE = 0.05;
const LEAST_TO_SAVE = 500;

function toTextRow({ chunk, text, lead, language }: ReturnType<StateReader['texts']>[number]): TextRow {
  return { chunk, text: lead === '' ? text : `${lead}\n${text}`, ...(language !== undefined && { language }) };
}

/** What an edition's indexes are made with. */
export interface EditionOptions {
  readonly reader: StateReader;
  /** File of the kept graph. */
  readonly graphPath: string;
  /** Fewer chunks are compared one by one. */
  readonly exactBelow: number;
  readonly log: (level: 'info' | 'warn', event: string, fields: Readonly<Record<string, unknown>>) => void;
}

/** One edition's search structures, which follow the database. */
export class EditionIndex {
  readonly #id: number;
  readonly #options: EditionOptions;
  readonly #vectors: GraphIndex;
  readonly #text = new InvertedIndex();
  readonly #documents = new EditionDocuments();
  #sequence = 0;
  #isRead = false;
  #working: Promise<void> | undefined;
  #savedRows = 0;

  /** Nothing is read before {@link EditionIndex.refresh}. @throws LocalLiteError not_found */
  constructor(id: number, options: EditionOptions) {
    this.#id = id;
    this.#options = options;
    this.#vectors = new GraphIndex(this.#edition.dimensions, options);
  }

  get #reader(): StateReader {
    return this.#options.reader;
  }

  get #edition(): NonNullable<ReturnType<StateReader['edition']>> {
    const edition = this.#options.reader.edition(this.#id);
    if (edition === undefined) throw new LocalLiteError('not_found', 'the collection or its index is gone');
    return edition;
  }

  get memoryBytes(): number {
    return this.#vectors.memoryBytes + this.#text.memoryBytes + this.#documents.memoryBytes;
  }

  /** It is being read. */
  get isBusy(): boolean {
    return this.#working !== undefined;
  }

  /** Resolves when everything that is committed by now can be found. Other editions have their turn meanwhile. @throws LocalLiteError not_found */
  async refresh(): Promise<void> {
    const wanted = this.#reader.lastSequence(this.#edition.id);
    while (!this.#isRead || this.#sequence < wanted) {
      this.#working ??= this.#read().finally(() => {
        this.#working = undefined;
      });
      await this.#working;
    }
  }

  async #read(): Promise<void> {
    if (!this.#isRead) await this.#readAll();
    await this.#follow();
  }

  async #readAll(): Promise<void> {
    const started = performance.now();
    const saved = readGraph(this.#options.graphPath, this.#vectors.dimensions);
    if (saved !== undefined) this.#vectors.restore(saved);
    // What changes while this is read is gone through once more.
    this.#sequence = this.#reader.lastSequence(this.#id);
    for (let after: number | undefined = 0; after !== undefined; await nextTurn()) after = this.#readPage(after);
    this.#readAttributes();
    this.#isRead = true;
    const isRestored = saved !== undefined && this.#vectors.finishRestoring();
    this.#savedRows = isRestored ? this.#vectors.linked : 0;
    const milliseconds = Math.round(performance.now() - started);
    this.#options.log('info', 'index_read', { edition: this.#id, chunks: this.#documents.size, graph_restored: isRestored, milliseconds });
  }

  /** @returns where the next page starts; undefined after the last */
  #readPage(after: number): number | undefined {
    const { texts, vectors } = this.#reader.atOnce(() => ({
      texts: this.#reader.texts(this.#id, after, PAGE),
      vectors: this.#reader.vectors(this.#id, after, PAGE),
    }));
    this.#add(texts, vectors);
    return texts.at(-1)?.chunk;
  }

  /** A chunk never changes, so one that is here already is passed over. */
  #add(texts: ReturnType<StateReader['texts']>, { chunks, vectors }: ReturnType<StateReader['vectors']>): void {
    const newTexts = texts.filter(({ chunk }) => !this.#documents.has(chunk));
    const { dimensions } = this.#vectors;
    for (const [index, chunk] of chunks.entries()) {
      if (!this.#documents.has(chunk)) this.#vectors.upsert([chunk], vectors.subarray(index * dimensions, (index + 1) * dimensions));
    }
    // Headings are words of the passage too: whoever asks for one means what stands under it.
    this.#text.upsert(newTexts.map(toTextRow));
    for (const { chunk, documentId } of newTexts) this.#documents.add(chunk, documentId);
  }

  #readAttributes(documents?: readonly number[]): void {
    for (const { documentId, attributes } of this.#reader.attributes(this.#id, documents)) {
      this.#documents.setAttributes(documentId, attributes);
    }
  }

  /** Goes through what was committed since the last look. */
  async #follow(): Promise<void> {
    for (;;) {
      const [change] = this.#reader.changesSince(this.#id, this.#sequence, 1);
      if (change === undefined) return;
      this.#reader.atOnce(() => this.#apply(change));
      this.#sequence = change.sequence;
      await nextTurn();
    }
  }

  #apply({ kind, documentId, firstChunk, lastChunk }: ChunkChange): void {
    switch (kind) {
      case 'put':
        // What is gone again by now is not read, and its removal finds nothing to do.
        this.#add(this.#reader.textsBetween(this.#id, firstChunk, lastChunk), this.#reader.vectorsBetween(this.#id, firstChunk, lastChunk));
        this.#readAttributes([documentId]);
        return;
      case 'remove': {
        const chunks = Array.from({ length: lastChunk - firstChunk + 1 }, (_, index) => firstChunk + index);
        this.#vectors.remove(chunks);
        this.#text.remove(chunks);
        for (const chunk of chunks) this.#documents.remove(chunk);
        return;
      }
      case 'attributes':
        this.#readAttributes([documentId]);
        return;
      default:
        kind satisfies never;
    }
  }

  /** Looks; what was found by {@link refresh} can be found. @throws LocalLiteError invalid_request */
  search({ vectors, texts, k, filter, documents, exact }: IndexQuery): Omit<IndexAnswer, 'refreshMs'> {
    const started = performance.now();
    const keep = this.#documents.kept({ ...(filter && { filter }), ...(documents && { documents }) });
    const dense = vectors.map((vector) =>
      exact === true ? this.#vectors.searchExactly(vector, k, keep) : this.#vectors.search(vector, k, keep),
    );
    const text = texts.map((query) => this.#text.search(query, k, keep));
    return { dense, text, kept: keep?.count ?? this.#documents.size, searchMs: performance.now() - started };
  }

  /** Works on the graph for some milliseconds. @returns false when nothing is left to do */
  improve(milliseconds: number): boolean {
    if (!this.#isRead || this.#working !== undefined) return false;
    if (this.#vectors.improve(milliseconds)) return true;
    this.save();
    return false;
  }

  /** Keeps the graph where enough of it is new. */
  save(): void {
    const { linked, dimensions } = this.#vectors;
    const isNew = Math.abs(linked - this.#savedRows) > Math.max(LEAST_TO_SAVE, this.#savedRows * SHARE_TO_SAVE);
    const saved = isNew ? this.#vectors.save() : undefined;
    if (saved === undefined) return;
    try {
      writeGraph(this.#options.graphPath, dimensions, saved);
    } catch (error) {
      this.#options.log('warn', 'index_not_kept', { edition: this.#id, reason: error instanceof Error ? error.message : String(error) });
    }
    this.#savedRows = linked;
  }

  facts(): IndexFacts {
    const { kind, memoryBytes } = this.#vectors;
    return {
      editionId: this.#id,
      chunks: this.#documents.size,
      vectors: { kind, memoryBytes },
      text: { kind: this.#text.kind, memoryBytes: this.#text.memoryBytes },
    };
  }

  /** What the indexes lack or have too much, beside the database. Call {@link refresh} before. */
  verify(): readonly string[] {
    let stored = 0;
    let missing = 0;
    for (let after: number | undefined = 0; after !== undefined; ) {
      const rows = this.#reader.texts(this.#id, after, PAGE);
      stored += rows.length;
      missing += rows.filter(({ chunk }) => !this.#documents.has(chunk)).length;
      after = rows.at(-1)?.chunk;
    }
    const problems: string[] = [];
    if (this.#vectors.size !== stored) problems.push(`the vector index has ${this.#vectors.size} passages of ${stored}`);
    if (this.#text.size !== stored) problems.push(`the text index has ${this.#text.size} passages of ${stored}`);
    if (missing > 0) problems.push(`${missing} passages are stored that are not indexed`);
    const strays = this.#documents.size - (stored - missing);
    if (strays > 0) problems.push(`${strays} passages are indexed that are not stored`);
    return problems;
  }

  close(): void {
    this.#vectors.close();
    this.#text.close();
  }
}
