import { LocalLiteError } from '../errors.ts';
import type { StateReader } from '../state/reader.ts';
import type { Attributes, ChunkChange } from '../state/state-types.ts';
import { ExactIndex } from './exact-index.ts';
import { passes } from './filter.ts';
import type { IndexAnswer, IndexFacts, IndexQuery, Keep, TextIndex, VectorIndex } from './index-types.ts';
import { InvertedIndex } from './inverted-index.ts';

const PAGE = 1000;

/** One edition's search structures, which follow the database: see {@link EditionIndex.query}. */
export class EditionIndex {
  readonly #id: number;
  readonly #reader: StateReader;
  readonly #vectors: VectorIndex;
  readonly #text: TextIndex;
  readonly #documents = new Map<number, number>();
  readonly #attributes = new Map<number, Attributes>();
  #sequence = 0;

  /** Reads the whole edition. @throws LocalLiteError not_found */
  constructor(id: number, reader: StateReader) {
    const edition = reader.edition(id);
    if (edition === undefined) throw new LocalLiteError('not_found', 'the collection or its index is gone');
    this.#id = id;
    this.#reader = reader;
    this.#vectors = new ExactIndex(edition.dimensions);
    this.#text = new InvertedIndex((chunk) => reader.textsBetween(id, chunk, chunk)[0]?.text);
    reader.atOnce(() => this.#readAll());
  }

  #readAll(): void {
    this.#sequence = this.#reader.lastSequence(this.#id);
    for (let after = 0; ; ) {
      const { chunks, vectors } = this.#reader.vectors(this.#id, after, PAGE);
      if (chunks.length === 0) break;
      this.#vectors.upsert(chunks, vectors);
      this.#addTexts(this.#reader.texts(this.#id, after, PAGE));
      after = chunks.at(-1) ?? after;
    }
    this.#readAttributes();
  }

  #addTexts(rows: ReturnType<StateReader['texts']>): void {
    // Headings are words of the passage too: whoever asks for one means what stands under it.
    this.#text.upsert(rows.map(({ chunk, text, lead }) => ({ chunk, text: lead === '' ? text : `${lead}\n${text}` })));
    for (const { chunk, documentId } of rows) this.#documents.set(chunk, documentId);
  }

  #readAttributes(documents?: readonly number[]): void {
    for (const { documentId, attributes } of this.#reader.attributes(this.#id, documents)) this.#attributes.set(documentId, attributes);
  }

  /** Follows what was committed since the last look. */
  #catchUp(): void {
    if (this.#reader.lastSequence(this.#id) === this.#sequence) return;
    this.#reader.atOnce(() => {
      for (;;) {
        const changes = this.#reader.changesSince(this.#id, this.#sequence, PAGE);
        for (const change of changes) this.#apply(change);
        this.#sequence = changes.at(-1)?.sequence ?? this.#sequence;
        if (changes.length < PAGE) return;
      }
    });
  }

  #apply({ kind, documentId, firstChunk, lastChunk }: ChunkChange): void {
    switch (kind) {
      case 'put': {
        // What is gone again by now is not read, and its removal finds nothing to do.
        const { chunks, vectors } = this.#reader.vectorsBetween(this.#id, firstChunk, lastChunk);
        this.#vectors.upsert(chunks, vectors);
        this.#addTexts(this.#reader.textsBetween(this.#id, firstChunk, lastChunk));
        this.#readAttributes([documentId]);
        return;
      }
      case 'remove': {
        const chunks = Array.from({ length: lastChunk - firstChunk + 1 }, (_, index) => firstChunk + index);
        this.#vectors.remove(chunks);
        this.#text.remove(chunks);
        for (const chunk of chunks) this.#documents.delete(chunk);
        return;
      }
      case 'attributes':
        this.#readAttributes([documentId]);
        return;
      default:
        kind satisfies never;
    }
  }

  /** Catches up, then looks: every answer is of all that was committed before the question. */
  query({ vectors, texts, k, filter, documents }: IndexQuery): IndexAnswer {
    const started = performance.now();
    this.#catchUp();
    const refreshed = performance.now();
    const kept = this.#keptDocuments(filter, documents);
    const keep: Keep | undefined = kept === undefined ? undefined : (chunk) => kept.has(this.#documents.get(chunk) ?? -1);
    const dense = vectors.map((vector) => this.#vectors.search(vector, k, keep));
    const text = texts.map((query) => this.#text.search(query, k, keep));
    const size = kept === undefined ? this.#documents.size : this.#countOf(kept);
    return { dense, text, kept: size, searchMs: performance.now() - refreshed, refreshMs: refreshed - started };
  }

  #keptDocuments(filter: IndexQuery['filter'], documents: IndexQuery['documents']): ReadonlySet<number> | undefined {
    if (filter === undefined) return documents === undefined ? undefined : new Set(documents);
    const from = documents ?? [...this.#attributes.keys()];
    return new Set(from.filter((document) => passes(filter, this.#attributes.get(document) ?? {})));
  }

  #countOf(documents: ReadonlySet<number>): number {
    let count = 0;
    for (const document of this.#documents.values()) if (documents.has(document)) count++;
    return count;
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

  /** What the indexes lack or have too much, beside the database. */
  verify(): readonly string[] {
    this.#catchUp();
    const stored = new Set<number>();
    for (let after = 0; ; ) {
      const rows = this.#reader.texts(this.#id, after, PAGE);
      if (rows.length === 0) break;
      for (const { chunk } of rows) stored.add(chunk);
      after = rows.at(-1)?.chunk ?? after;
    }
    const problems: string[] = [];
    if (this.#vectors.size !== stored.size) problems.push(`the vector index has ${this.#vectors.size} passages of ${stored.size}`);
    if (this.#text.size !== stored.size) problems.push(`the text index has ${this.#text.size} passages of ${stored.size}`);
    const strays = [...this.#documents.keys()].filter((chunk) => !stored.has(chunk)).length;
    if (strays > 0) problems.push(`${strays} passages are indexed that are not stored`);
    return problems;
  }

  close(): void {
    this.#vectors.close();
    this.#text.close();
  }
}
